"""Texts of the Library tab, its rules, its maintenance and its health."""

from ui.words.translation import Translation


class LibraryWords:
    """Adding, work, what is there, and looking after it."""

    library = Translation("Library", "图库")
    add = Translation("Add", "添加")
    add_files = Translation("Drop files or a folder here, or choose files", "把文件或文件夹拖到这里，或选择文件")
    drop_large = Translation(
        "There are more than 2,000 files in it. Put its path below instead: then it is read where it lies.",
        "其中的文件超过 2000 个。请在下面填写它的路径，这样会在原处读取。",
    )
    drop_empty = Translation("There are no files in it that can be read.", "其中没有可以读取的文件。")
    add_path = Translation(
        "Or name a file or folder of this machine, or paste a link to a picture or page: it is fetched when you press "
        "Index",
        "或填写本机上的文件或文件夹，也可以粘贴图片或网页的链接：点“建立索引”时才会获取",
    )
    add_collection = Translation("Put them into a collection (if you like)", "放入合集（可选）")
    add_collection_hint = Translation("Holidays 2025", "2025 年假期")
    add_index = Translation("Index", "建立索引")
    add_watch = Translation("Watch this folder", "监视此文件夹")
    add_bundled = Translation("Add the bundled photos", "添加自带的照片")
    add_nothing = Translation(
        "Drop some files, or type the path of a file or folder.", "请拖入文件，或填写文件或文件夹的路径。"
    )
    added = Translation("Begun: {title}. You can go on asking meanwhile.", "已开始：{title}。期间可以继续提问。")
    import_title = Translation("Import from another program", "从其他程序导入")
    import_path = Translation(
        "What Google Takeout, Apple Photos, Immich or digiKam has exported: a folder, or an archive",
        "Google Takeout、Apple 照片、Immich 或 digiKam 导出的文件夹或压缩包",
    )
    import_hint = Translation("/home/me/Takeout", "/home/me/Takeout")
    import_look = Translation("See what would happen", "查看导入后的结果")
    import_begin = Translation("Import", "导入")
    import_which = Translation(
        "Type the path of the folder or the archive that was exported.", "请填写导出的文件夹或压缩包的路径。"
    )
    import_program = Translation("Exported by", "导出程序")
    import_files = Translation("Photos and videos", "照片和视频")
    import_known = Translation("{count}: {new} new, {known} known", "共 {count} 个：{new} 个新的，{known} 个已收录")
    import_dates = Translation("With a date", "带日期")
    import_places = Translation("With a place", "带地点")
    import_rated = Translation("With stars", "带星级")
    import_described = Translation("Described", "带描述")
    import_named = Translation("With names of people", "带人物姓名")
    import_albums = Translation(("{count} album", "{count} albums"), ("{count} 个相册", "{count} 个相册"))
    import_more = Translation("and {count} more", "另有 {count} 个")
    import_unmatched = Translation(
        ("{count} photo of which nothing is said", "{count} photos of which nothing is said"),
        ("{count} 张照片没有附带说明", "{count} 张照片没有附带说明"),
    )
    import_left_out = Translation(
        ("{count} file is not taken", "{count} files are not taken"),
        ("{count} 个文件不会导入", "{count} 个文件不会导入"),
    )
    watch_which = Translation("Type the path of the folder to watch.", "请填写要监视的文件夹的路径。")
    watching = Translation(
        "{folder} is watched: what is new or changes there is indexed by itself.",
        "正在监视 {folder}：其中新增或改动的内容会自动建立索引。",
    )
    watched = Translation("Watched folders", "监视的文件夹")
    watched_none = Translation("No folder is watched.", "没有监视任何文件夹。")
    watched_files = Translation("{files} known", "已收录 {files}")
    watched_last = Translation("last change taken in {when}", "上次更新于 {when}")
    unwatch = Translation("Stop watching", "停止监视")
    unwatched = Translation(
        "{folder} is no longer watched. What is known of it stays.", "不再监视 {folder}。已知的内容仍会保留。"
    )
    work = Translation("Work", "任务")
    upgrade = Translation(
        "An earlier version has indexed your files. This version's models read them anew before they can be searched; "
        "conversations, albums and your own words stay.",
        "您的文件由较早的版本建立了索引。此版本的模型需要重新读取后才能搜索；对话、相册和您写的文字都会保留。",
    )
    upgrade_do = Translation("Read them now", "现在读取")
    work_none = Translation("Nothing is being done.", "目前没有任务。")
    processes = Translation("Servers and workers", "服务器与工作进程")
    process_server = Translation("Server {name}", "服务器 {name}")
    process_worker = Translation("Worker {name}, for {queues}", "工作进程 {name}（{queues}）")
    process_told = Translation(
        "on {machine}, version {version}, since {when}", "位于 {machine}，版本 {version}，自 {when}"
    )
    process_doing = Translation("at work: {what}", "正在处理：{what}")
    workers_none = Translation(
        "No worker is there, so what is added waits until one is started.",
        "没有工作进程，添加的内容会等到有人启动一个为止。",
    )
    job_index = Translation("Index {what}", "建立索引：{what}")
    job_faces = Translation("Look for faces in photos", "在照片中寻找人脸")
    job_map = Translation("See who calls what in the code", "分析代码中的调用关系")
    job_import = Translation("Import {what}", "导入：{what}")
    job_sidecars = Translation("Write XMP sidecars beside photos", "在照片旁写入 XMP 附属文件")
    job_export = Translation("Export everything to {what}", "将全部内容导出到 {what}")
    job_read = Translation("Read and describe pictures", "识别图片中的文字并描述图片")
    job_name_photos = Translation("Read the names of photos", "读取照片的名称")
    job_renew = Translation("Read code and texts anew", "重新读取代码和文字")
    job_measure = Translation("Measure speed and quality", "测量速度与质量")
    job_change_space = Translation("Index all files in {what}", "用 {what} 为全部文件建立索引")
    job_verify = Translation("Check the library", "检查图库")
    job_repair = Translation("Repair the library", "修复图库")
    job_check_backup = Translation("Check the backup {what}", "检查备份 {what}")
    job_backup = Translation("Back up to {what}", "备份到 {what}")
    job_restore = Translation("Restore {what}", "恢复自 {what}")
    job_watch = Translation("Watch {what}", "监视 {what}")
    job_paths = Translation(("{first}", "{first} and {more} more"), ("{first}", "{first} 等，另有 {more} 个"))
    waiting = Translation("waiting", "等待中")
    ending = Translation("stopping", "正在停止")
    looking_at = Translation("looking for what there is to do", "正在查看要做什么")
    head_work = Translation("at work: {far}", "正在处理：{far}")
    pace = Translation("{speed:.1f} a second", "每秒 {speed:.1f} 个")
    seconds_left = Translation("a few seconds left", "还剩几秒")
    minute_left = Translation("about a minute left", "还剩约一分钟")
    minutes_left = Translation("about {minutes} minutes left", "还剩约 {minutes} 分钟")
    hours_left = Translation("about {hours:.1f} hours left", "还剩约 {hours:.1f} 小时")
    cancelled = Translation("It stops as soon as the file at hand is done.", "处理完手头的文件就会停止。")
    ended = Translation("Done before", "以前的任务")
    ended_none = Translation("Nothing was done yet.", "还没有做过任务。")
    ended_done = Translation("done", "完成")
    ended_cancelled = Translation("cancelled", "已取消")
    ended_failed = Translation("failed", "失败")
    num_failed = Translation("{count} could not be done", "{count} 个未能处理")
    not_listed = Translation("and {count} more", "还有 {count} 个")
    num_left_out = Translation("{count} left out", "{count} 个已略去")
    retry = Translation("Retry the failed", "重试失败的")
    retried = Translation("The failed ones are tried again.", "正在重试失败的文件。")
    state = Translation("What is in it", "图库内容")
    to_care = Translation("Add files and look after them", "添加与维护")
    list_empty = Translation(
        "The library is empty. Drop files, or name a folder, and press Index. Or begin with the bundled photos.",
        "图库是空的。请拖入文件或填写文件夹，然后按“建立索引”。也可以先用自带的照片。",
    )
    list_none = Translation("No file is like that.", "没有符合条件的文件。")
    list_beside = Translation("{files}, and {count} that belong to them", "{files}，另有 {count} 个同组文件")
    list_part = Translation("{first} to {last} of {files}", "第 {first} 至 {last} 个，共 {files}")
    list_earlier = Translation("The {count} before", "前 {count} 个")
    list_later = Translation("The next {count}", "后 {count} 个")
    list_all = Translation("All", "全部")
    sort_added = Translation("Added last", "最近添加")
    sort_size = Translation("Largest first", "最大")
    collections = Translation("Collections", "合集")
    collection_name = Translation("Name of this collection", "此合集的名称")
    collection_rename = Translation("Rename", "重命名")
    access = Translation("Who sees it", "谁可以看到")
    access_house = Translation("Everybody here", "这里的所有人")
    access_private = Translation("Only me", "只有我")
    access_share = Translation("Share", "共享")
    access_names = Translation("Names, with commas between them", "用户名，用逗号分隔")
    access_of = Translation("This collection is {owner}’s.", "这个合集属于 {owner}。")
    access_opened = Translation("Everybody here sees {name} now.", "现在这里的所有人都能看到 {name}。")
    access_closed = Translation("Only you see {name} now.", "现在只有你能看到 {name}。")
    access_shared = Translation("You and {people} see {name} now.", "现在你和 {people} 能看到 {name}。")
    access_which = Translation("Type the names of those who may see it.", "请输入可以看到它的人的用户名。")
    collection_renamed = Translation("The collection is called {name} now.", "合集现在名为 {name}。")
    collection_into = Translation("Collection", "合集")
    collection_put = Translation("Put into it", "放入")
    collection_which = Translation(
        "Type the name of a collection: one that is there, or a new one.", "请填写合集名称：已有的或新的都可以。"
    )
    collection_has = Translation("{files} put into {name}.", "已将 {files} 放入 {name}。")
    collection_leave = Translation("Out of this collection", "移出此合集")
    collection_left = Translation(
        "{files} taken out of {name}; they stay in the library.", "已将 {files} 移出 {name}，仍在图库中。"
    )
    list_gone = Translation(
        "These files are not in the list any more. Select them again.", "这些文件已不在列表中。请重新选择。"
    )
    photos = Translation("Photos", "照片")
    documents = Translation("Documents", "文档")
    code = Translation("Code files", "代码文件")
    regions = Translation("Parts of these", "其中的部分")
    held = Translation("How much there is", "统计")
    size = Translation("On disk", "占用磁盘")
    lies = Translation("It lies in", "所在位置")
    look_after = Translation("Look after it", "维护")
    care = Translation("Check and repair", "检查与修复")
    verify = Translation("Verify", "检查")
    repair = Translation("Repair", "修复")
    repair_gone = Translation("Take out what is gone from the disk", "移除磁盘上已不存在的内容")
    begun = Translation("Begun: {title}.", "已开始：{title}。")
    take_out = Translation("Take out of the library", "从图库移除")
    take_out_path = Translation(
        "A file or folder to forget; the files themselves stay", "要移除的文件或文件夹；文件本身不会被删除"
    )
    take_out_which = Translation(
        "Type the path of a file or folder that the library knows.", "请填写图库中已有的文件或文件夹的路径。"
    )
    take_out_selected = Translation("Take out", "移除")
    taken_out = Translation(
        ("{count} file was taken out.", "{count} files were taken out."),
        ("已移除 {count} 个文件。", "已移除 {count} 个文件。"),
    )
    taken_out_none = Translation("The library knows nothing there: {path}", "图库中没有该处的内容：{path}")
    put_back = Translation(
        ("{count} file is back.", "{count} files are back."), ("已恢复 {count} 个文件。", "已恢复 {count} 个文件。")
    )
    taken_before = Translation(
        ("{count} more before that.", "{count} more before that."),
        ("此前还移除过 {count} 次。", "此前还移除过 {count} 次。"),
    )
    undo_taking = Translation("Undo: {what}", "撤销：{what}")
    keep = Translation("Back up and restore", "备份与恢复")
    backup_path = Translation(
        "Back up to (empty: a file in the library's folder)", "备份到（留空：图库文件夹里的文件）"
    )
    backup = Translation("Back up", "备份")
    backups = Translation("Backups in the library's folder", "图库文件夹里的备份")
    backup_check = Translation("Check the last backup", "检查最近的备份")
    backup_is_whole = Translation("{when}: {name} can be restored.", "{when}：{name} 可以恢复。")
    backup_is_broken = Translation("{when}: {name} cannot be restored.", "{when}：{name} 无法恢复。")
    backup_choose = Translation("Choose", "选择")
    restore_path = Translation("Restore from", "恢复自")
    restore = Translation("Restore", "恢复")
    restore_which = Translation("Type the path of a backup.", "请填写备份文件的路径。")
    leave = Translation("Export everything", "导出全部内容")
    leave_told = Translation(
        "Copies all files into a folder, with albums, favourites, your own words and your conversations, so that other "
        "programs and this one can read them. Nothing changes here.",
        "把所有文件连同相册、收藏、你写的文字和你的对话复制到一个文件夹，其他程序和本程序都能读取。这里的内容不会改变。",
    )
    leave_path = Translation("Folder to export to (new or empty)", "导出到的文件夹（新的或空的）")
    leave_begin = Translation("Export into this folder", "导出到此文件夹")
    leave_which = Translation("Type the path of a new or empty folder.", "请填写新文件夹或空文件夹的路径。")
    empty_all = Translation("Delete everything", "全部删除")
    empty_hint = Translation(
        "The library forgets every file, conversation and upload, and files that were dropped here are deleted. "
        "Your own folders and backups stay. To do it, type: {word}",
        "图库会忘记所有文件、对话和上传内容，拖入此处的文件会被删除。你自己的文件夹和备份会保留。确认请输入：{word}",
    )
    empty_word = Translation("delete everything", "全部删除")
    empty_sure = Translation("Type these words", "输入这几个字")
    empty_wrong = Translation(
        "Nothing was deleted. To delete everything, type: {word}", "没有删除任何内容。要全部删除，请输入：{word}"
    )
    emptied = Translation("The library is empty.", "图库已清空。")


class CareWords:
    """The review of near duplicates."""

    job_duplicates = Translation("Look for near duplicates", "查找近似重复")
    twins_title = Translation("Near duplicates", "近似重复")
    twins_hint = Translation(
        "Photos that show the same: smaller, brighter, cut a little, or saved once more. What is taken out leaves the "
        "library, with an undo; the files stay where they are.",
        "显示同一画面的照片：更小、更亮、略有裁剪或另存过。移出的照片只离开图库，可以撤销；文件本身不动。",
    )
    twins_look = Translation("Look for them", "开始查找")
    twins_keep_which = Translation("Suggest to keep", "建议保留")
    twins_largest = Translation("the largest", "最大的")
    twins_oldest = Translation("the oldest", "最早的")
    twins_newest = Translation("the newest", "最新的")
    twins_unknown = Translation("Near duplicates were not looked for yet.", "尚未查找相似照片。")
    twins_none = Translation("None, as far as the last look goes.", "上次查找没有发现。")
    twins_groups = Translation(("{count} group", "{count} groups"), ("{count} 组", "{count} 组"))
    twins_found = Translation("{groups}; all but one of each take {size}.", "{groups}；每组除一张外共占 {size}。")
    twins_group = Translation("Group {number}, {count} photos", "第 {number} 组，{count} 张")
    twins_more = Translation("{count} more groups come when these are settled.", "处理完这些后还有 {count} 组。")
    twins_keep = Translation("Keep this one", "保留这张")
    twins_keep_label = Translation("Keep {name} and take the others of its group out", "保留 {name}，移出同组其余照片")
    twins_all = Translation("Keep the suggested of every group", "每组都保留建议的一张")
    twins_apart = Translation("Not duplicates", "不是重复")
    twins_apart_kept = Translation("These are no duplicates; that is remembered.", "已记住：它们不是重复。")


class RulesWords:
    """Writing rules, and what they found. A rule itself is written in English whatever the page speaks."""

    rules = Translation("Rules", "规则")
    rules_label = Translation("Rules, one a line", "规则，每行一条")
    rules_hint = Translation(
        "Conditions: exist(cup), count(cup) > 2, near(cup, laptop) and the like, joined by and; not denies one. "
        "Checked are the photos of the collection that is chosen below, or all. The rules stay in {file}.",
        "条件：exist(cup)、count(cup) > 2、near(cup, laptop) 等，用 and 连接；not 表示否定。名称用英文。"
        "检查的是下面所选合集中的照片，或全部照片。规则保存在 {file}。",
    )
    rules_example = Translation(
        'near(person, camera) -> warn "somebody is near a camera"\n'
        'count(person) > 1 -> warn "more than one person"\n'
        'exist(shirt) and not exist(person) -> note "a shirt that nobody wears"',
        'near(person, camera) -> warn "有人在相机旁"\n'
        'count(person) > 1 -> warn "不止一个人"\n'
        'exist(shirt) and not exist(person) -> note "没有人穿的衬衫"',
    )
    rules_check = Translation("Check the photos", "检查照片")
    rules_photos = Translation(("{count} photo", "{count} photos"), ("{count} 张照片", "{count} 张照片"))
    rules_done = Translation("{photos} checked.", "已检查 {photos}。")
    rules_done_in = Translation("{photos} of {collection} checked.", "已检查“{collection}”中的 {photos}。")
    rules_far = Translation("{done} of {photos} checked.", "已检查 {done} / {photos}。")
    rules_none = Translation("No rule holds, as far as boxes tell.", "仅就方框而言，没有规则成立。")
    rules_warn = Translation("warning", "警告")
    rules_note = Translation("note", "提示")
    rules_boxes = Translation("as far as boxes tell", "仅就方框而言")
    rules_caveat = Translation(
        "As far as boxes tell: a rule knows a photo by its boxes, and what has no box may be there all the same.",
        "仅就方框而言：规则只根据方框判断，没有方框的东西仍可能在照片里。",
    )
    rules_first = Translation(
        "The first {most} are shown; on the command line, rules names all.",
        "只显示前 {most} 张；命令行的 rules 会列出全部。",
    )


class HealthWords:
    """What was measured, and what it should be."""

    health = Translation("Index health", "索引健康")
    health_measure = Translation("Measure", "测量")
    health_gone_text = Translation("See whether anything is left of this text", "检查这段文字是否还有残留")
    health_gone_hint = Translation("a path or a sentence that was deleted", "已删除的路径或句子")
    is_well = Translation("as it should be", "正常")
    is_not_well = Translation("not as it should be", "异常")
    health_recall = Translation(
        "A search finds {share} % of the ten nearest, beside comparing everything ({sampled} searches).",
        "与逐一比较相比，搜索能找到最近十项中的 {share} %（共 {sampled} 次搜索）。",
    )
    health_orphans = Translation("Things that belong to nothing: {count}.", "无归属的条目：{count}。")
    health_gone = Translation("Known files that are not there any more: {count}.", "已知但已不存在的文件：{count}。")
    health_offline = Translation(
        "Files that are offline, for {folders} is not there now: {count}. They stay known.",
        "离线文件（{folders} 目前不存在）：{count}。这些文件仍在图库中。",
    )
    health_failed = Translation("Files that could not be read: {count}.", "无法读取的文件：{count}。")
    health_clean = Translation(
        "What was deleted has left nothing: {free} free pages are all zeros, vectors and words are those of what is "
        "there.",
        "已删除的内容没有残留：{free} 个空闲页全为零，向量与词语只属于现存内容。",
    )
    health_traces = Translation(
        "Deleted things have left traces: {dirty} of {free} free pages, {cached} vectors, words of {words} parts. "
        "Repair mends that.",
        "已删除的内容有残留：{free} 个空闲页中有 {dirty} 个，{cached} 个向量，{words} 个部分的词语。修复可清除。",
    )
    health_trash = Translation(
        "Takings that can still be put back: {count}; they are kept until then.",
        "仍可撤销的移出：{count}；在此之前会保留。",
    )
    health_listed = Translation("What does not fit, and what failed", "不一致与失败的条目")
    health_is_gone = Translation("No file of the library holds {text!r}.", "图库的任何文件中都没有 {text!r}。")
    health_still = Translation("{text!r} still stands in:", "{text!r} 仍存在于：")
    part_index = Translation("index", "索引")
    part_vectors = Translation("vectors", "向量")
    part_log = Translation("log", "日志")
    part_history = Translation("history", "历史")
    part_uploads = Translation("uploads", "上传")
    part_trash = Translation("undo", "撤销区")
    part_backups = Translation("backups", "备份")
    part_page = Translation("small copies", "缩略图")
    part_other = Translation("other", "其他")
