"""Texts of the Search tab."""

from ui.words.translation import Translation


class SearchWords:
    """The search box, its filters, the results and what can be done with those that are chosen."""

    search = Translation("Search", "搜索")
    search_label = Translation("What to look for", "要找什么")
    search_hint = Translation(
        "Describe it, or paste, drop or add a picture.", "用文字描述，或粘贴、拖入、添加一张图片。"
    )
    search_empty = Translation("Type what to look for, or add a picture.", "请输入要找的内容，或添加一张图片。")
    searching = Translation("Searching ...", "正在搜索……")
    results = Translation("Results", "结果")
    results_keys = Translation("Arrow keys move, Enter opens, Space selects.", "方向键移动，回车键打开，空格键选择。")
    results_idle = Translation("Search by words, by a picture, or by both.", "可按文字、按图片，或两者一起搜索。")
    results_examples = Translation(
        "Search by words, by a picture, or by both. Your library has, for example:",
        "可按文字、按图片，或两者一起搜索。例如，你的图库里有：",
    )
    results_no_library = Translation(
        "The library is empty. Put files in under Library, then search them here.",
        "图库是空的。请先在“图库”页放入文件，再到这里搜索。",
    )
    results_one = Translation("The nearest one.", "最接近的一项。")
    results_many = Translation("The nearest, best first.", "最接近的，由近到远。")
    results_sorted = Translation("The {count} nearest, {order}.", "最接近的 {count} 项，{order}。")
    results_none = Translation(
        "Nothing found. Try other words, or another picture.", "没有找到。请换个说法，或换一张图片。"
    )
    results_sure = Translation(
        "{sure} % sure that the library has it, {needed} % needed.", "图库里有它的把握为 {sure} %，需要 {needed} %。"
    )
    results_unsure = Translation(
        "Nothing found that is certain: {sure} % sure, {needed} % needed. The nearest are shown below.",
        "没有找到确定的结果：把握 {sure} %，需要 {needed} %。下面是最接近的。",
    )
    results_like = Translation("Like {name}.", "与 {name} 相似。")
    results_filtered = Translation("Only what the filters allow.", "只含筛选条件允许的内容。")
    results_all = Translation("That is all: {count}.", "全部结果共 {count} 项。")
    results_enough = Translation(
        "These are the {count} nearest. Say more exactly what you look for, or use the filters.",
        "这是最接近的 {count} 项。请描述得更具体，或使用筛选。",
    )
    results_more = Translation("Show more", "显示更多")
    results_unlikely = Translation("{count} more that are unlikely", "另有 {count} 项可能性不大")
    results_bound = Translation("Only: {words}.", "仅限：{words}。")
    relevance = Translation("{chance} % likely", "可能性 {chance} %")
    because = Translation("matches: {why}", "匹配：{why}")
    twins = Translation("+{count} alike", "另有 {count} 张相似")
    more_like = Translation("More like this", "更多类似的")

    not_english = Translation(
        "This seems to be {language}, and what reads other languages is not installed: say it in English, or run: "
        "make setup",
        "这似乎不是英文（{language}），而读懂其他语言的模型没有安装：请用英文描述，或运行：make setup",
    )
    search_help = Translation("Also:", "还可以写：")
    saved = Translation("Saved searches", "已保存的搜索")
    saved_name = Translation("Save this search as ...", "将此搜索保存为……")
    saved_save = Translation("Save", "保存")
    saved_forget = Translation("Delete the saved search {name}", "删除已保存的搜索 {name}")
    why_matched = Translation("Why it matched", "匹配原因")
    heat = Translation("Heat map", "热力图")
    heat_cold = Translation("like the rest of the picture", "与画面其余部分相同")
    heat_hot = Translation("nearest to the search", "最接近所搜内容")
    threshold_means = Translation(
        "With {needed:.0f} % needed, {claimed:.0f} % of things that are not there are called found, and "
        "{missed:.0f} % of those that are there are missed.",
        "以 {needed:.0f} % 为界时，不存在的东西有 {claimed:.0f} % 被误认为找到，存在的东西有 {missed:.0f} % 被漏掉。",
    )
    part_search = Translation("Search for a part", "搜索局部")
    part_draw = Translation(
        "Drag a box around the part; or move it with the arrow keys, with Shift to change its size.",
        "拖动画框选中局部；也可用方向键移动，按住 Shift 改变大小。",
    )
    part_go = Translation("Search for this part", "搜索此局部")
    part_of = Translation("a part of {name}", "{name} 的局部")
    asked_picture = Translation(
        "The picture that is looked for. Open it to search for a part of it.", "正在搜索的图片。打开后可搜索其局部。"
    )
    picture_counts = Translation("The picture counts (words count 1)", "图片的权重（文字为 1）")

    sort = Translation("Sort", "排序")
    sort_best = Translation("Best first", "最匹配")
    sort_newest = Translation("Newest first", "最新")
    sort_oldest = Translation("Oldest first", "最旧")
    sort_name = Translation("By name", "按名称")

    select = Translation("Select {name}", "选择 {name}")
    selection = Translation("What to do with the selected", "对所选内容的操作")
    selected = Translation("{count} selected", "已选 {count} 项")
    select_all = Translation("Select all shown", "全选已显示的")
    unselect = Translation("Clear", "清除选择")
    ask_selected = Translation("Ask about these", "就这些提问")
    ask_at_most = Translation("Ask about these (at most {most})", "就这些提问（最多 {most} 项）")
    copy_paths = Translation("Copy paths", "复制路径")
    copied_paths = Translation("Paths copied", "已复制路径")
    export = Translation("Export", "导出")
    exporting = Translation("Packing: {done} of {total}", "正在打包：{done} / {total}")
    exported = Translation(
        "{count} packed, {size}. The download begins by itself.", "已打包 {count} 项，{size}。下载会自动开始。"
    )
    exported_without = Translation(
        "{count} packed, {size}; {gone} could not be read any more, the list in the file names them.",
        "已打包 {count} 项，{size}；有 {gone} 项已无法读取，文件内的列表已注明。",
    )
    export_failed = Translation(
        "The export could not be written: {error}. Make room on the disk, or select fewer.",
        "无法写入导出文件：{error}。请清理磁盘空间，或少选几项。",
    )
    export_gone = Translation("it cannot be read any more", "已无法读取")

    filters = Translation("Filters", "筛选")
    parts = Translation("What bounds the search", "搜索限定条件")
    part_out = Translation("Take {part} out of the search", "从搜索中去掉 {part}")
    part_away = Translation("without {what}", "不含 {what}")
    colour = Translation("Shows the colour", "含有颜色")
    colours = Translation(
        (
            *("beige", "black", "blue", "brown", "green", "grey"),
            *("orange", "pink", "purple", "red", "white", "yellow"),
        ),
        ("米色", "黑色", "蓝色", "棕色", "绿色", "灰色", "橙色", "粉色", "紫色", "红色", "白色", "黄色"),
    )
    filters_clear = Translation("Clear filters", "清除筛选")
    kind = Translation("Kind", "类别")
    kind_photos = Translation("Photos", "照片")
    kind_videos = Translation("Videos", "视频")
    kind_documents = Translation("Documents", "文档")
    kind_code = Translation("Code", "代码")
    kind_written = Translation("Text in pictures", "图片中的文字")
    label = Translation("Shows", "内容")
    format = Translation("File type", "文件类型")
    collection = Translation("Collection", "合集")
    since = Translation("Taken from", "拍摄时间从")
    before = Translation("Taken before", "拍摄时间早于")
    path = Translation("Path has", "路径包含")
    date_hint = Translation("2024, 2024-05 or 2024-05-31", "2024、2024-05 或 2024-05-31")
    folder = Translation("In the folder", "所在文件夹")
    folder_hint = Translation("/home/me/Pictures", "/home/me/Pictures")
    path_hint = Translation("Pictures/2024", "Pictures/2024")
