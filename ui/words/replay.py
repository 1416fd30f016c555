"""Texts of a conversation that is answered again, and of what differs."""

from ui.words.translation import Translation


class ReplayWords:
    """A bundle, the comparison, and its outcome."""

    replay = Translation("Answer again and compare", "重新回答并比较")
    replay_hint = Translation(
        "Each question is asked again, after the turns before it as they were. Nothing of it is kept in your history.",
        "逐题重新提问，每题之前的对话保持当时的样子。结果不会存入你的历史。",
    )
    replay_export = Translation("Replayable bundle", "可重放包")
    replay_stop = Translation("Stop", "停止")
    replay_close = Translation("Close", "关闭")
    replay_from = Translation(
        "This conversation came as a replayable bundle, exported by version {program} on {machine}.",
        "此对话来自可重放包，由版本 {program} 在 {machine} 上导出。",
    )
    replay_files = Translation(
        ("{count} file that it cites came along.", "{count} files that it cites came along."),
        ("附带了它引用的 {count} 个文件。", "附带了它引用的 {count} 个文件。"),
    )
    replay_left_out = Translation("Did not come along: {files}.", "未附带：{files}。")
    replay_gone = Translation("gone", "已不存在")
    replay_changed = Translation("changed since", "之后已更改")
    replay_too_large = Translation("too large", "过大")

    replay_models = Translation("Not the same as then", "与当时不同")
    replay_models_same = Translation("The same models answer here as then.", "此处作答的模型与当时相同。")
    replay_missing = Translation("{role}: {before} is not in use here.", "{role}：此处未使用 {before}。")
    replay_unspoken = Translation(
        "{role}: {before} is not in use here; the program's own words answer instead.",
        "{role}：此处未使用 {before}，改用程序自带的语句作答。",
    )
    replay_instead = Translation(
        "{role}: {before} is not in use here; {after} answers instead.",
        "{role}：此处未使用 {before}，改由 {after} 作答。",
    )
    replay_version = Translation(
        "{role}: {before} is another version here ({after}).", "{role}：{before} 在此处是另一个版本（{after}）。"
    )
    replay_new = Translation("{role}: none then; {after} answers here.", "{role}：当时没有，此处由 {after} 作答。")
    replay_roles = Translation(
        ("Search model", "Looking at pictures", "Language model", "Understanding of questions", "Reader of photos",
         "Second look", "Detector", "Describer", "Reader of text", "Order of passages", "Order of code"),
        ("搜索模型", "看图", "语言模型", "问题理解", "照片问答", "再次查看", "检测器", "描述", "文字识别", "段落排序",
         "代码排序"),
    )  # fmt: skip

    replay_indexing = Translation("Taking in the bundle's files: {n} of {total}", "正在读取包中的文件：{n} / {total}")
    replay_asking = Translation("Question {n} of {total}", "第 {n} / {total} 题")
    replay_stopping = Translation("It is being stopped.", "正在停止。")
    replay_stopped = Translation("Stopped after {n} of {total}.", "已在第 {n} / {total} 题后停止。")
    replay_failed = Translation("It could not be answered again: {why}", "无法重新回答：{why}")
    replay_all_same = Translation(
        "Every answer is the same ({total} of {total}).", "所有回答都相同（{total} / {total}）。"
    )
    replay_some_same = Translation("{n} of {total} answers are the same.", "{total} 个回答中有 {n} 个相同。")
    replay_over_library = Translation("Answered over your library.", "依据你的图库作答。")
    replay_over_bundle = Translation(
        "Answered over the bundle's own files, for your library lacks some of them. What else the library of then held "
        "is not known: counts and searches may differ.",
        "依据包中的文件作答，因为你的图库缺少其中一些。当时图库里的其他内容不得而知：计数与搜索结果可能不同。",
    )

    replay_same = Translation("same", "相同")
    replay_different = Translation("different", "不同")
    replay_gone_words = Translation("gone", "删去")
    replay_new_words = Translation("new", "新增")
    replay_empty = Translation("(no answer)", "（无回答）")
    replay_uncited = Translation("Not cited any more: {files}", "不再引用：{files}")
    replay_cited = Translation("Cited now: {files}", "现在引用：{files}")
    replay_understood = Translation("Understood as something else", "理解得不同")
    replay_sure = Translation("Sure: {before} then, {after} now", "把握：当时 {before}，现在 {after}")
    replay_unknown = Translation("unknown", "未知")
    replay_seconds = Translation("{before} s then, {after} s now", "当时 {before} 秒，现在 {after} 秒")
    replay_lost = Translation("Pictures that did not come along: {files}", "未附带的图片：{files}")
    replay_unheld = Translation("Its settings of then do not hold: {why}", "当时的设置不能沿用：{why}")
