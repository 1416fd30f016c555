"""Words of the Learning tab, and of what is corrected under an answer."""

from ui.words.word import Translation


class LearningWords:
    """Corrections, versions, and what each of them changed."""

    right_answer = Translation("The right answer:", "正确答案:")
    right_hint = Translation("blue", "例如 blue")
    right_keep = Translation("Keep it", "保存")
    right_kept = Translation("Kept. It can be learned from, see Learning.", "已保存。可在“学习”中用于训练。")

    learning = Translation("Learning", "学习")
    job_learn = Translation("Learn from corrections", "从更正中学习")
    learn_title = Translation("Learn from corrections", "从更正中学习")
    learn_hint = Translation(
        "A thumb down and the right answer below it, boxes that were named, and descriptions of photos become "
        "training. What is learned answers only after you have looked at what it changed and accepted it.",
        "点“踩”并填写正确答案、给框命名、为照片写描述,都会成为训练材料。学到的内容只有在你查看变化并接受之后才会用于回答。",
    )
    learn_answers = Translation("Answers now: {told}", "当前作答:{told}")
    learn_shipped = Translation("as shipped", "出厂权重")
    learn_version = Translation("version {number}", "版本 {number}")
    learn_waiting = Translation(
        ("{count} correction is new", "{count} corrections are new"), ("{count} 条新的更正", "{count} 条新的更正")
    )
    learn_now = Translation("Learn now", "开始学习")
    learn_back = Translation("Go back", "退回上一个")
    learn_begun = Translation(
        "Begun. It takes seconds; you can go on asking meanwhile.", "已开始。只需几秒,期间可以继续提问。"
    )
    learn_running = Translation("Learning ...", "正在学习……")
    learn_none = Translation("Nothing was learned yet.", "还没有学习过。")
    learn_made = Translation("Version {number}, {made}", "版本 {number},{made}")
    learn_on = Translation("on top of {base}", "基于{base}")
    learn_is_now = Translation("answers now", "正在作答")
    learn_accept = Translation("Accept", "接受")
    learn_insist = Translation("Accept all the same", "仍然接受")
    learn_against = Translation("This should not be taken:", "不建议采用:")
    learn_insist_why = Translation(
        "Version {number} should not be taken: {why}. Press again to accept it all the same.",
        "版本 {number} 不建议采用:{why}。再次点击则仍然接受。",
    )
    learn_accepted = Translation(
        "Version {number} answers from the next question on.", "从下一个问题起由版本 {number} 作答。"
    )
    learn_gone_back = Translation("Answers now: {told}.", "当前作答:{told}。")
    learn_questions = Translation("Questions", "问题")
    learn_count = Translation("Count", "数量")
    learn_before = Translation("Right before", "之前答对")
    learn_after = Translation("Right after", "之后答对")
    learn_change = Translation("Gained, lost", "新对、变错")
    learn_changed = Translation("What is answered otherwise", "答案的变化")
    learn_no_index = Translation(
        "Only the layer that chooses among answers learns: no photo has to be indexed again.",
        "只有选择答案的那一层会学习:照片无需重新建立索引。",
    )
    asked_trained = Translation("your corrections, learned", "你的更正(已学习)")
    asked_held_out = Translation("your corrections, held out", "你的更正(留作检验)")
    asked_earlier = Translation("corrections accepted earlier", "以前接受的更正")
    asked_near = Translation("built-in, most like yours", "内置问题中与你的最相近的")
    asked_built_in = Translation("built-in questions, all", "全部内置问题")
    asked_there = Translation("is a thing there", "是否有某物")
    asked_closed = Translation("yes or no", "是或否")
    asked_count = Translation("how many", "数量")
    asked_colour = Translation("which colour", "颜色")
    asked_open = Translation("other questions", "其他问题")
    asked_bundled = Translation("the bundled photos", "自带照片")
