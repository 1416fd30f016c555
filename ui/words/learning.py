"""Words of the Learning tab, and of what is corrected under an answer."""

from ui.words.word import Word


class LearningWords:
    """Corrections, versions, and what each of them changed."""

    right_answer = Word("The right answer:", "正确答案:")
    right_hint = Word("blue", "例如 blue")
    right_keep = Word("Keep it", "保存")
    right_kept = Word("Kept. It can be learned from, see Learning.", "已保存。可在“学习”中用于训练。")

    learning = Word("Learning", "学习")
    job_learn = Word("Learn from corrections", "从更正中学习")
    learn_title = Word("Learn from corrections", "从更正中学习")
    learn_hint = Word(
        "A thumb down and the right answer below it, boxes that were named, and descriptions of photos become "
        "training. What is learned answers only after you have looked at what it changed and accepted it.",
        "点“踩”并填写正确答案、给框命名、为照片写描述,都会成为训练材料。学到的内容只有在你查看变化并接受之后才会用于回答。",
    )
    learn_answers = Word("Answers now: {told}", "当前作答:{told}")
    learn_shipped = Word("as shipped", "出厂权重")
    learn_version = Word("version {number}", "版本 {number}")
    learn_waiting = Word(
        ("{count} correction is new", "{count} corrections are new"), ("{count} 条新的更正", "{count} 条新的更正")
    )
    learn_now = Word("Learn now", "开始学习")
    learn_back = Word("Go back", "退回上一个")
    learn_begun = Word(
        "Begun. It takes seconds; you can go on asking meanwhile.", "已开始。只需几秒,期间可以继续提问。"
    )
    learn_running = Word("Learning ...", "正在学习……")
    learn_none = Word("Nothing was learned yet.", "还没有学习过。")
    learn_made = Word("Version {number}, {made}", "版本 {number},{made}")
    learn_on = Word("on top of {base}", "基于{base}")
    learn_is_now = Word("answers now", "正在作答")
    learn_accept = Word("Accept", "接受")
    learn_insist = Word("Accept all the same", "仍然接受")
    learn_against = Word("This should not be taken:", "不建议采用:")
    learn_insist_why = Word(
        "Version {number} should not be taken: {why}. Press again to accept it all the same.",
        "版本 {number} 不建议采用:{why}。再次点击则仍然接受。",
    )
    learn_accepted = Word("Version {number} answers from the next question on.", "从下一个问题起由版本 {number} 作答。")
    learn_gone_back = Word("Answers now: {told}.", "当前作答:{told}。")
    learn_questions = Word("Questions", "问题")
    learn_count = Word("Count", "数量")
    learn_before = Word("Right before", "之前答对")
    learn_after = Word("Right after", "之后答对")
    learn_change = Word("Gained, lost", "新对、变错")
    learn_changed = Word("What is answered otherwise", "答案的变化")
    learn_no_index = Word(
        "Only the layer that chooses among answers learns: no photo has to be indexed again.",
        "只有选择答案的那一层会学习:照片无需重新建立索引。",
    )
    asked_trained = Word("your corrections, learned", "你的更正(已学习)")
    asked_held_out = Word("your corrections, held out", "你的更正(留作检验)")
    asked_earlier = Word("corrections accepted earlier", "以前接受的更正")
    asked_near = Word("built-in, most like yours", "内置问题中与你的最相近的")
    asked_built_in = Word("built-in questions, all", "全部内置问题")
    asked_there = Word("is a thing there", "是否有某物")
    asked_closed = Word("yes or no", "是或否")
    asked_count = Word("how many", "数量")
    asked_colour = Word("which colour", "颜色")
    asked_open = Word("other questions", "其他问题")
    asked_bundled = Word("the bundled photos", "自带照片")
