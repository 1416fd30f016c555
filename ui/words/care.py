"""Words of what the Library tab does for its health: near duplicates."""

from ui.words.word import Translation


class CareWords:
    """The review of near duplicates."""

    job_duplicates = Translation("Look for near duplicates", "查找近似重复")
    twins_title = Translation("Near duplicates", "近似重复")
    twins_hint = Translation(
        "Photos that show the same: smaller, brighter, cut a little, or saved once more. What is taken out leaves the "
        "library, with an undo; the files stay where they are.",
        "显示同一画面的照片:更小、更亮、略有裁剪或另存过。移出的照片只离开图库,可以撤销;文件本身不动。",
    )
    twins_look = Translation("Look for them", "开始查找")
    twins_keep_which = Translation("Suggest to keep", "建议保留")
    twins_largest = Translation("the largest", "最大的")
    twins_oldest = Translation("the oldest", "最早的")
    twins_newest = Translation("the newest", "最新的")
    twins_unknown = Translation("Nobody has looked yet.", "尚未查找过。")
    twins_none = Translation("None, as far as the last look goes.", "上次查找没有发现。")
    twins_groups = Translation(("{count} group", "{count} groups"), ("{count} 组", "{count} 组"))
    twins_found = Translation("{groups}; all but one of each take {size}.", "{groups};每组除一张外共占 {size}。")
    twins_group = Translation("Group {number}, {count} photos", "第 {number} 组,{count} 张")
    twins_more = Translation("{count} more groups come when these are settled.", "处理完这些后还有 {count} 组。")
    twins_keep = Translation("Keep this one", "保留这张")
    twins_keep_label = Translation("Keep {name} and take the others of its group out", "保留 {name},移出同组其余照片")
    twins_all = Translation("Keep the suggested of every group", "每组都保留建议的一张")
    twins_apart = Translation("Not duplicates", "不是重复")
    twins_apart_kept = Translation("These are no duplicates; that is remembered.", "已记住:它们不是重复。")
