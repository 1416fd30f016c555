"""Texts of the Ask and Code tabs."""

from ui.words.translation import Translation


class AskWords:
    """The chat, and the evidence beside it."""

    ask = Translation("Ask", "提问")
    conversation = Translation("Conversation", "对话")
    welcome_title = Translation("Ask your photos", "向你的照片提问")
    welcome = Translation(
        (
            "Ask about all photos, pages and texts in the library, or add pictures here and ask about those.",
            "Every claim of an answer carries a small picture of its evidence: click it to see the place on the photo.",
            "Put your own files in under Library; nothing leaves this machine.",
        ),
        (
            "可以就图库里的所有照片、页面和文字提问，也可以在这里添加图片并针对它们提问。",
            "回答中的每个断言都带有一小张证据图：点击它即可在照片上看到所在位置。",
            "在“图库”页放入自己的文件；一切只留在本机。",
        ),
    )
    welcome_try = Translation(
        "Made of your library, and tried: one click asks.", "根据你的图库生成，并已试过；点一下即可提问。"
    )
    welcome_making = Translation(
        "Questions to begin with are being made of your library, and tried.", "正在根据你的图库生成并试答几个问题。"
    )
    question = Translation("Your question", "你的问题")
    earlier = Translation("Show earlier ones ({count})", "显示更早的（{count}）")
    edit = Translation("Edit", "修改")
    editing = Translation(
        "You are editing an earlier question. Sending it begins a branch; what was said stays in the history.",
        "你正在修改之前的问题。发送后会另起分支；原来的内容留在历史里。",
    )
    edit_end = Translation("Stop editing", "取消修改")
    ask_again = Translation("Ask again", "重新回答")
    branch = Translation("Branch off here", "从这里分支")
    branched = Translation(
        "This is a branch: go on here. The conversation that it comes from stays in the history.",
        "这是一个分支，请在此继续。原来的对话留在历史里。",
    )
    show_evidence = Translation("Evidence", "依据")
    good = Translation("Good", "好")
    bad = Translation("Bad", "不好")
    webcam = Translation("Take a photo", "拍照")
    webcam_label = Translation("Camera", "相机")
    gone = Translation("That answer is not here any more. Reload the page.", "那个回答已不在这里，请重新加载页面。")
    left_out = Translation("Left out: {reasons}", "已略去：{reasons}")
    question_hint = Translation(
        "Ask a question. You can paste, drop or add a picture.", "请提问。可以粘贴、拖入或添加图片。"
    )
    picture_alone = Translation("What is in this picture?", "这张图片里有什么？")
    stop = Translation("Stop", "停止")
    new = Translation("New conversation", "新对话")
    looking = Translation("Looking through the photos ...", "正在查看照片……")

    cut_stopped = Translation("(stopped)", "（已停止）")
    cut_failed = Translation("(not finished)", "（未完成）")
    silent = Translation("(no words)", "（没有内容）")

    evidence = Translation("What the answer rests on", "回答的依据")
    evidence_hint = Translation("Click one to see it large.", "点击任意一项可放大查看。")
    evidence_none = Translation(
        "Nothing in the library matches well enough to be shown.", "图库里没有足够匹配的内容可以显示。"
    )
    evidence_idle = Translation("The photos behind an answer appear here.", "回答所依据的照片会显示在这里。")
    score = Translation("score {score:.2f}", "得分 {score:.2f}")
    ask_about = Translation("Ask about this", "就此提问")
    box_wrong = Translation("The box is wrong", "框画错了")
    box_draw = Translation(
        "Drag over the photo where it really is, or move the box with the arrow keys (with Shift: change its size).",
        "在照片上拖出正确的位置，或用方向键移动框（按住 Shift 改变大小）。",
    )
    box_label = Translation("What is it? (if the name is wrong too)", "它是什么？（若名称也不对）")
    box_save = Translation("Save the box", "保存框")
    box_none = Translation(
        "That is no box. Drag over the photo from corner to corner, then save.",
        "这不是一个框。请在照片上从一角拖到对角，然后保存。",
    )
    box_saved = Translation("Thank you: the right box is kept as feedback.", "谢谢：正确的框已作为反馈保存。")
    no_date = Translation("no date", "无日期")
    file_of = Translation("file of {date}", "文件日期 {date}")
    why_none = Translation("This answer makes no claim that needs checking.", "这个回答没有需要核对的断言。")
    claim = Translation("Claim", "断言")
    verdict = Translation("Shown?", "采用？")
    reason = Translation("Reason", "理由")
    kept = Translation("yes", "是")
    dropped = Translation("left out", "略去")
    yes = Translation("yes", "是")
    no = Translation("no", "否")
    is_sure = Translation("sure", "确定")
    is_unsure = Translation("not certain", "不确定")
    is_unknown = Translation("too uncertain to say", "无法判断")
    else_ = Translation("or else: {answer} ({percent:.0f} %)", "其次：{answer}（{percent:.0f} %）")
    witness = Translation("{by}: {answer} ({percent:.0f} %)", "{by}认为：{answer}（{percent:.0f} %）")
    by_reader = Translation("the reader of the picture", "图像阅读器")
    by_likeness = Translation("likeness to the words", "与词语的相似度")
    by_labels = Translation("the picture's labels", "图片标签")
    by_notice = Translation("what is noticed", "所注意到的")
    by_detector = Translation("boxes around things", "物体检测框")
    by_glance = Translation("the language model's glance", "语言模型的一瞥")
    by_colours = Translation("the colours where it was looked", "所看之处的颜色")
    by_program = Translation("the program", "程序")
    by_network = Translation("a network without a program", "不用程序的神经网络")
    by_model = Translation("the language model, which looked", "看图的语言模型")
    program = Translation("The question as a program", "问题的程序形式")
    program_by_model = Translation(
        "The question as a program, by the language model", "问题的程序形式（由语言模型编写）"
    )
    run = Translation("Run it", "运行")
    steps = Translation("Steps", "步骤")
    gave = Translation("It gives: {answer}.", "结果：{answer}。")
    agrees = Translation("That agrees with the answer.", "与回答一致。")
    contradicts = Translation("That contradicts the answer.", "与回答矛盾。")
    not_covered = Translation("The boxes do not cover this.", "图中方框不足以判断。")
    disputed = Translation("The witnesses contradict each other.", "各方结论相互矛盾。")
    looked = Translation(
        "Clear where the reader looked, veiled where it did not.", "清晰处是阅读器所看之处，其余部分被遮暗。"
    )
    unread = Translation(
        "Not read with this question, for they are too long ago: the first {count} of this conversation.",
        "本次对话最早的 {count} 个问题相隔已久，未与此问题一起读取。",
    )
    done = Translation("Answered in {seconds:.1f} s", "用时 {seconds:.1f} 秒")
    stopped = Translation("Stopped after {seconds:.1f} s", "{seconds:.1f} 秒后停止")
    failed = Translation("Not finished: it failed after {seconds:.1f} s", "未完成：{seconds:.1f} 秒后失败")
    running = Translation("Answering ...", "正在回答……")
    phrased = Translation("phrased by {model}", "由 {model} 措辞")
    sure = Translation("{percent:.0f} % sure", "把握 {percent:.0f} %")


class RequestWords:
    """As what a question was understood, what was meant instead, and what an answer offers to do."""

    understood = Translation(
        "As: {kind} ({scope}): {subject}, {percent:.0f} %",
        "理解为：{kind}（{scope}）：{subject}，{percent:.0f} %",
    )
    understood_by_rules = Translation("As: {kind} ({scope}): {subject}", "理解为：{kind}（{scope}）：{subject}")
    understood_by_person = Translation(
        "As you said: {kind} ({scope}): {subject}", "按你所说：{kind}（{scope}）：{subject}"
    )
    meant = Translation("Not what I meant", "不是我的意思")
    meant_hint = Translation(
        "Say what you meant: the question is asked again so, and this is kept as feedback.",
        "请说明你的意思：将按此重新回答，并作为反馈保存。",
    )
    meant_kind = Translation("What to do", "要做什么")
    meant_scope = Translation("Where", "范围")
    meant_subject = Translation("About what", "关于什么")
    meant_left = Translation("nothing: I did not ask this", "不做：我没有问这个")
    meant_ask = Translation("Ask again like this", "按此重新提问")
    meant_none = Translation(
        "Nothing is left to be asked. Keep one part at least.", "没有要问的内容了。请至少保留一部分。"
    )
    act_find = Translation("find", "查找")
    act_count = Translation("count", "计数")
    act_compare = Translation("compare", "比较")
    act_describe = Translation("describe", "描述")
    act_look = Translation("look and answer", "看图回答")
    act_locate = Translation("show where it is", "指出位置")
    act_read = Translation("read what is written in it", "读出图中文字")
    act_document = Translation("look it up in documents", "查阅文档")
    act_sum = Translation("work it out from numbers", "计算")
    act_summarise = Translation("summarise", "总结")
    act_code = Translation("look it up in code", "查阅代码")
    act_chat = Translation("talk", "聊天")
    act_help = Translation("help with this program", "使用帮助")
    act_manage = Translation("change the library", "管理图库")
    act_unsupported = Translation("what cannot be done here", "此处做不到的事")
    scope_picture = Translation("this picture", "这张图片")
    scope_pictures = Translation("these pictures", "这些图片")
    scope_found = Translation("what was found last", "上次找到的内容")
    scope_library = Translation("the library", "图库")
    scope_documents = Translation("documents", "文档")
    scope_code = Translation("code", "代码")
    scope_conversation = Translation("this conversation", "本次对话")
    offer_yes = Translation("Yes, do it", "是，执行")
    offer_delete = Translation(
        "This takes {files} out of the library; nothing on the disk is deleted. Do it?",
        "这会将 {files} 移出图库，磁盘上的文件不会删除。要执行吗？",
    )
    offer_move = Translation("This puts {files} into {name}. Do it?", "这会将 {files} 放入 {name}。要执行吗？")
    offer_leave = Translation(
        "This takes {files} out of the collection; they stay in the library. Do it?",
        "这会将 {files} 移出合集，仍保留在图库中。要执行吗？",
    )
    offer_left = Translation(
        "{files} taken out of the collection; they stay in the library.", "已将 {files} 移出合集，仍在图库中。"
    )
    offer_forget = Translation(
        "This deletes the conversation that you are in. Do it?", "这会删除当前的对话。要执行吗？"
    )
    offer_forgotten = Translation(
        "The conversation is deleted. For 10 minutes it can be brought back.", "对话已删除，10 分钟内可以撤销。"
    )


class CodeWords:
    """Files of code, and programs that are run."""

    code_tab = Translation("Code", "代码")
    code_none = Translation(
        "There is no code in this library yet. Add a folder with some on the Library tab.",
        "图库里还没有代码。请在“图库”页添加含有代码的文件夹。",
    )
    code_add = Translation("Add a folder", "添加文件夹")
    code_crash = Translation("A traceback", "一段错误回溯")
    code_resume = Translation("Continue in Code", "在代码页继续")
    code_try = Translation("Try it in the sandbox", "在沙箱中试运行")
    code_changed = Translation(
        "The file has changed since it was read: lines may have moved. Adding its folder again reads it anew.",
        "文件在读取之后有改动，行号可能已经移动。重新添加其文件夹即可再次读取。",
    )
    code_gone = Translation(
        "The file is not there any more. These are the lines as they were read.", "文件已不存在。以下是读取时的内容。"
    )
    code_shown = Translation("Lines {first} to {last} of {total}.", "第 {first} 至 {last} 行，共 {total} 行。")
    run_again = Translation("Run again", "再次运行")
    run_stop = Translation("Stop it", "停止运行")
    run_under_way = Translation("Running behind walls ...", "正在隔离环境中运行……")
    run_exit = Translation("exit {code} after {seconds} s", "{seconds} 秒后以 {code} 退出")
    run_ended = Translation("ended by the limit of {limit} after {seconds} s", "{seconds} 秒后因{limit}限制而终止")
    run_limits = Translation(
        ("time", "memory", "disk", "processes", "output"), ("时间", "内存", "磁盘", "进程数", "输出量")
    )  # in the order of blocks.LIMITS
    run_stopped = Translation("stopped after {seconds} s", "{seconds} 秒后停止")
    run_silent = Translation("It printed nothing.", "没有输出。")
    run_walls = Translation("What keeps it in: {held} of {all} hold here", "隔离措施：此处 {all} 项中有 {held} 项有效")
    run_holds = Translation("holds", "有效")
    run_lacks = Translation("does not hold", "无效")
    run_lost = Translation(
        "The server did not answer. Look whether it is running, then press Run again.",
        "服务器没有响应。请确认它正在运行，然后再次按“运行”。",
    )


class OfCode:
    """What the tab of code says where the tab of photos says something else."""

    welcome_title = Translation("Ask your code", "向你的代码提问")
    welcome = Translation(
        (
            "Ask who calls something, where it is defined, what it does; or paste a traceback, or a picture of one.",
            "@ completes names and files. Every answer says path and lines: click them to open the file there.",
            "Answers come from the syntax of the files; nothing leaves this machine.",
        ),
        (
            "可以问谁调用了某个函数、它在哪里定义、它做什么；也可以粘贴错误回溯或它的截图。",
            "输入 @ 可补全名称和文件。每个回答都标明文件和行号：点击即可打开。",
            "回答来自文件的语法结构；一切只留在本机。",
        ),
    )
    welcome_try = Translation("One click puts a question into the box:", "点一下，把问题放入输入框：")
    question = Translation("Your question about the code", "你对代码的问题")
    question_hint = Translation(
        "Who calls load? @ completes names. Or paste a traceback, or a picture.",
        "请用英文提问，@ 补全名称；也可粘贴错误回溯或图片。",
    )
    picture_alone = Translation("Which code shows or makes this?", "Which code shows or makes this?")  # as rag asks it
    looking = Translation("Looking through the code ...", "正在查看代码……")
    evidence_hint = Translation("Click one to open the file there.", "点击任意一项可打开文件。")
    evidence_none = Translation("This answer cites no place in the code.", "这个回答没有引用代码中的位置。")
    evidence_idle = Translation("The places behind an answer appear here.", "回答所依据的代码会显示在这里。")
