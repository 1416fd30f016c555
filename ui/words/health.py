"""Words of the index's health on the Library tab."""

from ui.words.word import Word


class HealthWords:
    """What was measured, and what it should be."""

    health = Word("Index health", "索引健康")
    health_measure = Word("Measure", "测量")
    health_gone_text = Word("Prove that this is gone", "证明此内容已删除")
    health_gone_hint = Word("a path or a sentence that was deleted", "已删除的路径或句子")
    is_well = Word("as it should be", "正常")
    is_not_well = Word("not as it should be", "异常")
    health_recall = Word(
        "A search finds {share} % of the ten nearest, beside comparing everything ({sampled} searches).",
        "与逐一比较相比,搜索能找到最近十项中的 {share} %(共 {sampled} 次搜索)。",
    )
    health_orphans = Word("Things that belong to nothing: {count}.", "无归属的条目:{count}。")
    health_gone = Word("Known files that are not there any more: {count}.", "已知但已不存在的文件:{count}。")
    health_failed = Word("Files that could not be read: {count}.", "无法读取的文件:{count}。")
    health_clean = Word(
        "What was deleted has left nothing: {free} free pages are all zeros, vectors and words are those of what is "
        "there.",
        "已删除的内容没有残留:{free} 个空闲页全为零,向量与词语只属于现存内容。",
    )
    health_traces = Word(
        "Deleted things have left traces: {dirty} of {free} free pages, {cached} vectors, words of {words} regions. "
        "Repair mends that.",
        "已删除的内容有残留:{free} 个空闲页中有 {dirty} 个,{cached} 个向量,{words} 个区域的词语。修复可清除。",
    )
    health_trash = Word(
        "Takings that can still be put back: {count}; they are kept until then.",
        "仍可撤销的移出:{count};在此之前会保留。",
    )
    health_listed = Word("What does not fit, and what failed", "不一致与失败的条目")
    health_is_gone = Word("No file of the library holds {text!r}.", "图库的任何文件中都没有 {text!r}。")
    health_still = Word("{text!r} still stands in:", "{text!r} 仍存在于:")
    part_index = Word("index", "索引")
    part_vectors = Word("vectors", "向量")
    part_log = Word("log", "日志")
    part_history = Word("history", "历史")
    part_uploads = Word("uploads", "上传")
    part_trash = Word("undo", "撤销区")
    part_backups = Word("backups", "备份")
    part_page = Word("small copies", "缩略图")
    part_other = Word("other", "其他")
