"""Words of the index's health on the Library tab."""

from ui.words.word import Translation


class HealthWords:
    """What was measured, and what it should be."""

    health = Translation("Index health", "索引健康")
    health_measure = Translation("Measure", "测量")
    health_gone_text = Translation("Prove that this is gone", "证明此内容已删除")
    health_gone_hint = Translation("a path or a sentence that was deleted", "已删除的路径或句子")
    is_well = Translation("as it should be", "正常")
    is_not_well = Translation("not as it should be", "异常")
    health_recall = Translation(
        "A search finds {share} % of the ten nearest, beside comparing everything ({sampled} searches).",
        "与逐一比较相比,搜索能找到最近十项中的 {share} %(共 {sampled} 次搜索)。",
    )
    health_orphans = Translation("Things that belong to nothing: {count}.", "无归属的条目:{count}。")
    health_gone = Translation("Known files that are not there any more: {count}.", "已知但已不存在的文件:{count}。")
    health_failed = Translation("Files that could not be read: {count}.", "无法读取的文件:{count}。")
    health_clean = Translation(
        "What was deleted has left nothing: {free} free pages are all zeros, vectors and words are those of what is "
        "there.",
        "已删除的内容没有残留:{free} 个空闲页全为零,向量与词语只属于现存内容。",
    )
    health_traces = Translation(
        "Deleted things have left traces: {dirty} of {free} free pages, {cached} vectors, words of {words} regions. "
        "Repair mends that.",
        "已删除的内容有残留:{free} 个空闲页中有 {dirty} 个,{cached} 个向量,{words} 个区域的词语。修复可清除。",
    )
    health_trash = Translation(
        "Takings that can still be put back: {count}; they are kept until then.",
        "仍可撤销的移出:{count};在此之前会保留。",
    )
    health_listed = Translation("What does not fit, and what failed", "不一致与失败的条目")
    health_is_gone = Translation("No file of the library holds {text!r}.", "图库的任何文件中都没有 {text!r}。")
    health_still = Translation("{text!r} still stands in:", "{text!r} 仍存在于:")
    part_index = Translation("index", "索引")
    part_vectors = Translation("vectors", "向量")
    part_log = Translation("log", "日志")
    part_history = Translation("history", "历史")
    part_uploads = Translation("uploads", "上传")
    part_trash = Translation("undo", "撤销区")
    part_backups = Translation("backups", "备份")
    part_page = Translation("small copies", "缩略图")
    part_other = Translation("other", "其他")
