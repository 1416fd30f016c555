"""Words of the Search tab."""

from ui.words.word import Word


class SearchWords:
    """The search box, its filters and the results."""

    search = Word("Search", "搜索")
    search_label = Word("What to look for", "要找什么")
    search_hint = Word("Describe it, or paste, drop or add a picture.", "请用英文描述,或粘贴、拖入、添加一张图片。")
    results = Word("Results", "结果")
    results_idle = Word("Search by words, by a picture, or by both.", "可按文字、按图片,或两者一起搜索。")
    results_one = Word("The nearest one.", "最接近的一项。")
    results_many = Word("The {count} nearest, best first.", "最接近的 {count} 项,由近到远。")
    results_none = Word("Nothing found. Try other words, or another picture.", "没有找到。请换个说法,或换一张图片。")
    results_sure = Word(
        "{sure} % sure that the library has it, {needed} % needed.", "图库里有它的把握为 {sure} %,需要 {needed} %。"
    )
    results_unsure = Word(
        "Nothing found that is certain: {sure} % sure, {needed} % needed. The nearest are shown below.",
        "没有找到确定的结果:把握 {sure} %,需要 {needed} %。下面是最接近的。",
    )
    results_like = Word("Like {name}.", "与 {name} 相似。")
    results_filtered = Word("Only what the filters allow.", "只含筛选条件允许的内容。")
    likeness = Word("likeness {score:.2f}", "相似度 {score:.2f}")
    because = Word("matches: {why}", "匹配:{why}")
    twins = Word("+{count} alike", "另有 {count} 张相似")
    more_like = Word("More like this", "更多类似的")
    search_empty = Word("Type what to look for, or add a picture.", "请输入要找的内容,或添加一张图片。")
    filters = Word("Filters", "筛选")
    kind = Word("Kind", "类别")
    kind_photos = Word("Photos", "照片")
    kind_documents = Word("Documents", "文档")
    kind_code = Word("Code", "代码")
    kind_written = Word("Text in pictures", "图片中的文字")
    label = Word("Shows", "内容")
    format = Word("File type", "文件类型")
    collection = Word("Collection", "合集")
    since = Word("Taken from", "拍摄时间从")
    until = Word("Taken until", "拍摄时间到")
    date_hint = Word("2024, 2024-05 or 2024-05-31", "2024、2024-05 或 2024-05-31")
    folder = Word("In the folder", "所在文件夹")
    folder_hint = Word("/home/me/Pictures", "/home/me/Pictures")
    bad_date = Word(
        "{text!r} is no date. Write a year, a month or a day: 2024, 2024-05 or 2024-05-31.",
        "{text!r} 不是日期。请写年、月或日:2024、2024-05 或 2024-05-31。",
    )
