"""Words of the Ask tab."""

from ui.words.word import Word

TRIED = ("Is there a cat?", "Which photos show flowers?", "How many photos show dogs?", "Show me something red.")


class AskWords:
    """The chat, and the evidence beside it."""

    ask = Word("Ask", "提问")
    conversation = Word("Conversation", "对话")
    welcome_title = Word("Ask your photos", "向你的照片提问")
    welcome = Word(
        (
            "Ask about all photos, pages and texts in the library, or add pictures here and ask about those.",
            "Every claim of an answer carries a small picture of its evidence: click it to see the place on the photo.",
            "Put your own files in under Library; nothing leaves this machine.",
        ),
        (
            "可以就图库里的所有照片、页面和文字提问,也可以在这里添加图片并针对它们提问。",
            "回答中的每个断言都带有一小张证据图:点击它即可在照片上看到所在位置。",
            "在“图库”页放入自己的文件;一切只留在本机。",
        ),
    )
    welcome_try = Word(
        "One click tries it on the bundled photos. The last one shows a limit: it cannot count that many.",
        "点一下,用自带的照片试试(模型目前只懂英文,请用英文提问)。最后一个展示了局限:数量太多,它数不清。",
    )
    examples = Word(  # about the bundled photos; the space was trained on English, so these stay English
        (*TRIED, "What animal is in panda.jpg?", "How many coins are in coins.jpg?"),
        (*TRIED, "What animal is in panda.jpg?", "How many coins are in coins.jpg?"),
    )
    question = Word("Your question", "你的问题")
    earlier = Word("Show earlier ones ({count})", "显示更早的({count})")
    edit = Word("Edit", "修改")
    editing = Word(
        "You are editing an earlier question. Sending it begins a branch; what was said stays in the history.",
        "你正在修改之前的问题。发送后会另起分支;原来的内容留在历史里。",
    )
    edit_end = Word("Stop editing", "取消修改")
    ask_again = Word("Ask again", "重新回答")
    branch = Word("Branch off here", "从这里分支")
    branched = Word(
        "This is a branch: go on here. The conversation that it comes from stays in the history.",
        "这是一个分支,请在此继续。原来的对话留在历史里。",
    )
    show_evidence = Word("Evidence", "依据")
    good = Word("Good", "好")
    bad = Word("Bad", "不好")
    webcam = Word("Take a photo", "拍照")
    webcam_label = Word("Camera", "相机")
    gone = Word("That answer is not here any more. Reload the page.", "那个回答已不在这里,请重新加载页面。")
    left_out = Word("Left out: {reasons}", "已略去:{reasons}")
    question_hint = Word(
        "Ask a question. You can paste, drop or add a picture.", "请用英文提问。可以粘贴、拖入或添加图片。"
    )
    picture_alone = Word("What is in this picture?", "What is in this picture?")  # asked, so in the model's language
    stop = Word("Stop", "停止")
    new = Word("New conversation", "新对话")
    looking = Word("Looking through the photos ...", "正在查看照片……")

    cut_stopped = Word("(stopped)", "(已停止)")
    cut_failed = Word("(not finished)", "(未完成)")
    silent = Word("(no words)", "(没有内容)")

    evidence = Word("What the answer rests on", "回答的依据")
    evidence_hint = Word("Click one to see it large.", "点击任意一项可放大查看。")
    evidence_none = Word(
        "Nothing in the library matches well enough to be shown.", "图库里没有足够匹配的内容可以显示。"
    )
    evidence_idle = Word("The photos behind an answer appear here.", "回答所依据的照片会显示在这里。")
    score = Word("score {score:.2f}", "得分 {score:.2f}")
    previous = Word("Previous", "上一个")
    following = Word("Next", "下一个")
    ask_about = Word("Ask about this", "就此提问")
    box_wrong = Word("The box is wrong", "框画错了")
    box_draw = Word(
        "Drag over the photo where it really is, or move the box with the arrow keys (with Shift: change its size).",
        "在照片上拖出正确的位置,或用方向键移动框(按住 Shift 改变大小)。",
    )
    box_label = Word("What is it? (if the name is wrong too)", "它是什么?(若名称也不对)")
    box_save = Word("Save the box", "保存框")
    box_none = Word(
        "That is no box. Drag over the photo from corner to corner, then save.",
        "这不是一个框。请在照片上从一角拖到对角,然后保存。",
    )
    box_saved = Word("Thank you: the right box is kept as feedback.", "谢谢:正确的框已作为反馈保存。")
    description = Word("Description", "描述")
    description_save = Word("Save the description", "保存描述")
    description_saved = Word("The description is kept, and the photo is found by it.", "描述已保存,可据此搜索到照片。")
    why = Word("Why this answer", "为何这样回答")
    why_none = Word("This answer makes no claim that needs checking.", "这个回答没有需要核对的断言。")
    claim = Word("Claim", "断言")
    verdict = Word("Shown?", "采用?")
    reason = Word("Reason", "理由")
    kept = Word("yes", "是")
    dropped = Word("left out", "略去")
    settled = Word("How it was settled", "如何得出结论")
    is_sure = Word("sure", "确定")
    is_unsure = Word("not certain", "不确定")
    is_unknown = Word("too uncertain to say", "无法判断")
    else_ = Word("or else: {answer} ({percent:.0f} %)", "其次:{answer}({percent:.0f} %)")
    witness = Word("{by} says {answer} ({percent:.0f} %)", "{by}认为:{answer}({percent:.0f} %)")
    by_reader = Word("the reader of the picture", "图像阅读器")
    by_likeness = Word("likeness to the words", "与词语的相似度")
    by_labels = Word("the picture's labels", "图片标签")
    by_notice = Word("what is noticed", "所注意到的")
    by_glance = Word("the language model's glance", "语言模型的一瞥")
    by_colours = Word("the colours where it was looked", "所看之处的颜色")
    by_program = Word("the program", "程序")
    by_network = Word("a network without a program", "不用程序的神经网络")
    by_model = Word("the language model, which looked", "看图的语言模型")
    program = Word("The question as a program", "问题的程序形式")
    program_by_model = Word("The question as a program, by the language model", "问题的程序形式(由语言模型编写)")
    run = Word("Run it", "运行")
    steps = Word("Steps", "步骤")
    gave = Word("It gives: {answer}.", "结果:{answer}。")
    agrees = Word("That agrees with the answer.", "与回答一致。")
    contradicts = Word("That contradicts the answer.", "与回答矛盾。")
    not_covered = Word("The boxes do not cover this.", "图中方框不足以判断。")
    disputed = Word("The witnesses contradict each other.", "各方结论相互矛盾。")
    looked = Word("Clear where the reader looked, veiled where it did not.", "清晰处是阅读器所看之处,其余部分被遮暗。")
    unread = Word(
        "Not read with this question, for they are too long ago: the first {count} of this conversation.",
        "本次对话最早的 {count} 个问题相隔已久,未与此问题一起读取。",
    )
    experts = Word("The model's experts that worked most on it: {shares}", "参与最多的模型专家:{shares}")
    done = Word("Answered in {seconds:.1f} s", "用时 {seconds:.1f} 秒")
    stopped = Word("Stopped after {seconds:.1f} s", "{seconds:.1f} 秒后停止")
    failed = Word("Not finished: it failed after {seconds:.1f} s", "未完成:{seconds:.1f} 秒后失败")
    running = Word("Answering ...", "正在回答……")
    phrased = Word("phrased by {model}", "由 {model} 措辞")
    sure = Word("{percent:.0f} % sure", "把握 {percent:.0f} %")
