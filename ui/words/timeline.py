"""Texts of the timeline that says how an answer came about, and of what differs when it is given again."""

from ui.words.translation import Translation


class TimelineWords:
    """The stages of an answer, and the difference between two answers."""

    why = Translation("Why this answer", "为何这样回答")
    answer_stages = Translation(
        ("Understood", "Retrieved", "Looked", "Weighed", "Said", "Verified"),
        ("理解", "检索", "看图", "权衡", "表述", "核对"),
    )  # in the order of StageName
    stage_ms = Translation("{ms:.0f} ms", "{ms:.0f} 毫秒")
    stage_blink = Translation("under 1 ms", "不到 1 毫秒")
    stage_s = Translation("{seconds:.1f} s", "{seconds:.1f} 秒")
    stage_together = Translation(
        "Looked up together with {count} more questions: until \"Weighed\" the times are those of all.",
        "与另外 {count} 个问题一起处理：到“权衡”为止的用时是它们合计的。",
    )  # fmt: skip
    retrieved_of = Translation("{kept} of {among} that were looked through", "查看了 {among} 项，留下 {kept} 项")
    retrieved_kept = Translation("Pieces of evidence: {kept}", "依据：{kept} 项")
    retrieved_none = Translation("Nothing was searched for this.", "这个问题不需要检索。")
    left_out_files = Translation(
        "Not likely enough ({needed:.0f} % is needed): {files}", "可能性不够（至少需要 {needed:.0f} %）：{files}"
    )
    looked_at = Translation("At {files}", "看了：{files}")
    looked_more = Translation("{files} and {count} more", "{files} 等，另有 {count} 张")
    asked_models = Translation("Asked: {models}", "询问了：{models}")
    by_text = Translation("the reader of writing", "文字识别")
    by_captioner = Translation("the describer of pictures", "图片描述")
    by_pointer = Translation("the finder of places", "位置查找")
    by_passages = Translation("the reader of passages", "段落阅读器")
    weighed_part = Translation("Of “{text}”:", "关于“{text}”：")
    said_by_model = Translation("In the words of {model}", "由 {model} 表述")
    said_by_program = Translation("In the program's own words", "由程序自己表述")
    said_instead = Translation(
        "In the program's own words: what the language model wrote did not stand.",
        "由程序自己表述：语言模型写的话没有被采用。",
    )
    said_nothing = Translation("It ended before its first word.", "还没说出第一个字就结束了。")
    verified_of = Translation("{kept} of {among} sentences stand", "{among} 句中采用了 {kept} 句")
    changed = Translation("What changed", "有何变化")
    changed_nothing = Translation("The answer says the same, and rests on the same.", "回答的内容和依据都与之前相同。")
    changed_text = Translation("Its words, gone and new", "文字：删去的与新增的")
    changed_added = Translation("New evidence: {files}", "新增依据：{files}")
    changed_removed = Translation("No longer cited: {files}", "不再引用：{files}")
    changed_places = Translation("Another place in: {files}", "同一文件的另一处：{files}")
    changed_certainty = Translation("How sure: {before} before, {after} now", "把握：之前 {before}，现在 {after}")
    changed_verdict = Translation("The witnesses: {before} before, {after} now", "判断：之前 {before}，现在 {after}")
    changed_request = Translation("It was understood as something else.", "这次的理解与之前不同。")
    changed_unknown = Translation("unknown", "未知")
    changed_program = Translation("The program, gone and new", "程序：删去的与新增的")
    changed_value = Translation(
        "It gave {before} before, and gives {after} now.", "之前结果是“{before}”，现在是“{after}”。"
    )
    changed_no_value = Translation("nothing", "无结果")
