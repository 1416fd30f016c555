"""Words of what the Library tab does for its health: near duplicates."""

from ui.words.word import Word


class CareWords:
    """The review of near duplicates."""

    job_duplicates = Word("Look for near duplicates", "查找近似重复")
    twins_title = Word("Near duplicates", "近似重复")
    twins_hint = Word(
        "Photos that show the same: smaller, brighter, cut a little, or saved once more. What is taken out leaves the "
        "library, with an undo; the files stay where they are.",
        "显示同一画面的照片:更小、更亮、略有裁剪或另存过。移出的照片只离开图库,可以撤销;文件本身不动。",
    )
    twins_look = Word("Look for them", "开始查找")
    twins_keep_which = Word("Suggest to keep", "建议保留")
    twins_largest = Word("the largest", "最大的")
    twins_oldest = Word("the oldest", "最早的")
    twins_newest = Word("the newest", "最新的")
    twins_unknown = Word("Nobody has looked yet.", "尚未查找过。")
    twins_none = Word("None, as far as the last look goes.", "上次查找没有发现。")
    twins_groups = Word(("{count} group", "{count} groups"), ("{count} 组", "{count} 组"))
    twins_found = Word("{groups}; all but one of each take {size}.", "{groups};每组除一张外共占 {size}。")
    twins_group = Word("Group {number}, {count} photos", "第 {number} 组,{count} 张")
    twins_more = Word("{count} more groups come when these are settled.", "处理完这些后还有 {count} 组。")
    twins_keep = Word("Keep this one", "保留这张")
    twins_keep_label = Word("Keep {name} and take the others of its group out", "保留 {name},移出同组其余照片")
    twins_all = Word("Keep the suggested of every group", "每组都保留建议的一张")
    twins_apart = Word("Not duplicates", "不是重复")
    twins_apart_kept = Word("These are no duplicates; that is remembered.", "已记住:它们不是重复。")
