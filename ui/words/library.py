"""Words of the Library tab."""

from ui.words.word import Word


class LibraryWords:
    """Adding, work, what is there, and looking after it."""

    library = Word("Library", "图库")
    add = Word("Add", "添加")
    add_files = Word("Drop files here, or choose some", "把文件拖到这里,或选择文件")
    add_path = Word("Or name a file or folder of this machine", "或填写本机上的文件或文件夹")
    add_collection = Word("Put them into a collection (if you like)", "放入合集(可选)")
    add_collection_hint = Word("Holidays 2025", "2025 年假期")
    add_index = Word("Index", "建立索引")
    add_watch = Word("Watch this folder", "监视此文件夹")
    add_bundled = Word("Add the bundled photos", "添加自带的照片")
    add_nothing = Word(
        "Drop some files, or type the path of a file or folder.", "请拖入文件,或填写文件或文件夹的路径。"
    )
    added = Word("Begun: {title}. You can go on asking meanwhile.", "已开始:{title}。期间可以继续提问。")
    watch_which = Word("Type the path of the folder to watch.", "请填写要监视的文件夹的路径。")
    watching = Word(
        "{folder} is watched: what is new or changes there is indexed by itself.",
        "正在监视 {folder}:其中新增或改动的内容会自动建立索引。",
    )
    watched = Word("Watched folders", "监视的文件夹")
    watched_none = Word("No folder is watched.", "没有监视任何文件夹。")
    watched_files = Word("{files} known", "已收录 {files}")
    watched_last = Word("last change taken in {when}", "上次更新于 {when}")
    unwatch = Word("Stop watching", "停止监视")
    unwatched = Word(
        "{folder} is no longer watched. What is known of it stays.", "不再监视 {folder}。已知的内容仍会保留。"
    )
    work = Word("Work", "任务")
    work_none = Word("Nothing is being done.", "目前没有任务。")
    job_index = Word("Index {what}", "建立索引:{what}")
    job_read = Word("Read and describe pictures", "识别图片中的文字并描述图片")
    job_renew = Word("Read code anew", "重新读取代码")
    job_verify = Word("Check the library", "检查图库")
    job_repair = Word("Repair the library", "修复图库")
    job_backup = Word("Back up to {what}", "备份到 {what}")
    job_restore = Word("Restore {what}", "恢复自 {what}")
    job_watch = Word("Watch {what}", "监视 {what}")
    job_paths = Word(("{first}", "{first} and {more} more"), ("{first}", "{first} 等,另有 {more} 个"))
    waiting = Word("waiting", "等待中")
    ending = Word("stopping", "正在停止")
    looking_at = Word("looking for what there is to do", "正在查看要做什么")
    head_work = Word("at work: {far}", "正在处理:{far}")
    pace = Word("{speed:.1f} a second", "每秒 {speed:.1f} 个")
    seconds_left = Word("a few seconds left", "还剩几秒")
    minute_left = Word("about a minute left", "还剩约一分钟")
    minutes_left = Word("about {minutes} minutes left", "还剩约 {minutes} 分钟")
    hours_left = Word("about {hours:.1f} hours left", "还剩约 {hours:.1f} 小时")
    cancelled = Word("It stops as soon as the file at hand is done.", "处理完手头的文件就会停止。")
    ended = Word("Done before", "以前的任务")
    ended_none = Word("Nothing was done yet.", "还没有做过任务。")
    ended_done = Word("done", "完成")
    ended_cancelled = Word("cancelled", "已取消")
    ended_failed = Word("failed", "失败")
    num_failed = Word("{count} could not be done", "{count} 个未能处理")
    not_listed = Word("and {count} more", "还有 {count} 个")
    retry = Word("Retry the failed", "重试失败的")
    retried = Word("The failed ones are tried again.", "正在重试失败的文件。")
    state = Word("What is in it", "图库内容")
    list_empty = Word(
        "The library is empty. Drop files, or name a folder, and press Index. Or begin with the bundled photos.",
        "图库是空的。请拖入文件或填写文件夹,然后按“建立索引”。也可以先用自带的照片。",
    )
    list_none = Word("No file is like that.", "没有符合条件的文件。")
    list_part = Word("{first} to {last} of {files}", "第 {first} 至 {last} 个,共 {files}")
    list_earlier = Word("The {count} before", "前 {count} 个")
    list_later = Word("The next {count}", "后 {count} 个")
    list_all = Word("All", "全部")
    sort_added = Word("Added last", "最近添加")
    sort_size = Word("Largest first", "最大")
    collections = Word("Collections", "合集")
    collection_name = Word("Name of this collection", "此合集的名称")
    collection_rename = Word("Rename", "重命名")
    collection_renamed = Word("The collection is called {name} now.", "合集现在名为 {name}。")
    collection_into = Word("Collection", "合集")
    collection_put = Word("Put into it", "放入")
    collection_which = Word(
        "Type the name of a collection: one that is there, or a new one.", "请填写合集名称:已有的或新的都可以。"
    )
    collection_has = Word("{files} put into {name}.", "已将 {files} 放入 {name}。")
    collection_leave = Word("Out of this collection", "移出此合集")
    collection_left = Word(
        "{files} taken out of {name}; they stay in the library.", "已将 {files} 移出 {name},仍在图库中。"
    )
    list_gone = Word(
        "These files are not in the list any more. Select them again.", "这些文件已不在列表中。请重新选择。"
    )
    photos = Word("Photos", "照片")
    documents = Word("Documents", "文档")
    code = Word("Code files", "代码文件")
    regions = Word("Regions", "区域")
    held = Word("How much there is", "统计")
    size = Word("On disk", "占用磁盘")
    lies = Word("It lies in", "所在位置")
    look_after = Word("Look after it", "维护")
    care = Word("Check and repair", "检查与修复")
    verify = Word("Verify", "检查")
    repair = Word("Repair", "修复")
    repair_gone = Word("Take out what is gone from the disk", "移除磁盘上已不存在的内容")
    begun = Word("Begun: {title}.", "已开始:{title}。")
    take_out = Word("Take out of the library", "从图库移除")
    take_out_path = Word(
        "A file or folder to forget; the files themselves stay", "要移除的文件或文件夹;文件本身不会被删除"
    )
    take_out_which = Word(
        "Type the path of a file or folder that the library knows.", "请填写图库中已有的文件或文件夹的路径。"
    )
    take_out_selected = Word("Take out", "移除")
    taken_out = Word(
        ("{count} file was taken out.", "{count} files were taken out."),
        ("已移除 {count} 个文件。", "已移除 {count} 个文件。"),
    )
    taken_out_none = Word("The library knows nothing there: {path}", "图库中没有该处的内容:{path}")
    put_back = Word(
        ("{count} file is back.", "{count} files are back."), ("已恢复 {count} 个文件。", "已恢复 {count} 个文件。")
    )
    taken_before = Word(
        ("{count} more before that.", "{count} more before that."),
        ("此前还移除过 {count} 次。", "此前还移除过 {count} 次。"),
    )
    undo_taking = Word("Undo: {what}", "撤销:{what}")
    keep = Word("Back up and restore", "备份与恢复")
    backup_path = Word("Back up to (empty: a file in the library's folder)", "备份到(留空:图库文件夹里的文件)")
    backup = Word("Back up", "备份")
    backups = Word("Backups in the library's folder", "图库文件夹里的备份")
    backup_choose = Word("Choose", "选择")
    restore_path = Word("Restore from", "恢复自")
    restore = Word("Restore", "恢复")
    restore_which = Word("Type the path of a backup.", "请填写备份文件的路径。")
    empty_all = Word("Delete everything", "全部删除")
    empty_hint = Word(
        "The library forgets every file, conversation and upload, and files that were dropped here are deleted. "
        "Your own folders and backups stay. To do it, type: {word}",
        "图库会忘记所有文件、对话和上传内容,拖入此处的文件会被删除。你自己的文件夹和备份会保留。确认请输入:{word}",
    )
    empty_word = Word("delete everything", "全部删除")
    empty_sure = Word("Type these words", "输入这几个字")
    empty_wrong = Word(
        "Nothing was deleted. To delete everything, type: {word}", "没有删除任何内容。要全部删除,请输入:{word}"
    )
    emptied = Word("The library is empty.", "图库已清空。")
