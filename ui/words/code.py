"""Words of the Code tab. It is the Ask tab over again, but of code: `OfCode` has what it says otherwise."""

from ui.words.word import Translation


class CodeWords:
    """Files of code, and programs that are run."""

    code_tab = Translation("Code", "代码")
    code_none = Translation(
        "There is no code in this library yet. Add a folder with some on the Library tab, or in a terminal:",
        "图库里还没有代码。请在“图库”页添加含有代码的文件夹,或在终端中运行:",
    )
    code_add = Translation("Add a folder", "添加文件夹")
    code_crash = Translation("A traceback", "一段错误回溯")
    code_resume = Translation("Continue in Code", "在代码页继续")
    code_try = Translation("Try it in the sandbox", "在沙箱中试运行")
    code_changed = Translation(
        "The file has changed since it was read: lines may have moved. Adding its folder again reads it anew.",
        "文件在读取之后有改动,行号可能已经移动。重新添加其文件夹即可再次读取。",
    )
    code_gone = Translation(
        "The file is not there any more. These are the lines as they were read.", "文件已不存在。以下是读取时的内容。"
    )
    code_shown = Translation("Lines {first} to {last} of {total}.", "第 {first} 至 {last} 行,共 {total} 行。")
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
    run_walls = Translation("What keeps it in: {held} of {all} hold here", "隔离措施:此处 {all} 项中有 {held} 项有效")
    run_holds = Translation("holds", "有效")
    run_lacks = Translation("does not hold", "无效")
    run_lost = Translation(
        "The server did not answer. Look whether it is running, then press Run again.",
        "服务器没有响应。请确认它正在运行,然后再次按“运行”。",
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
            "可以问谁调用了某个函数、它在哪里定义、它做什么;也可以粘贴错误回溯或它的截图。",
            "输入 @ 可补全名称和文件。每个回答都标明文件和行号:点击即可打开。",
            "回答来自文件的语法结构;一切只留在本机。",
        ),
    )
    welcome_try = Translation("One click puts a question into the box:", "点一下,把问题放入输入框(请用英文提问):")
    question = Translation("Your question about the code", "你对代码的问题")
    question_hint = Translation(
        "Who calls load? @ completes names. Or paste a traceback, or a picture.",
        "请用英文提问,@ 补全名称;也可粘贴错误回溯或图片。",
    )
    picture_alone = Translation("Which code shows or makes this?", "Which code shows or makes this?")  # as rag asks it
    looking = Translation("Looking through the code ...", "正在查看代码……")
    evidence_hint = Translation("Click one to open the file there.", "点击任意一项可打开文件。")
    evidence_none = Translation("This answer cites no place in the code.", "这个回答没有引用代码中的位置。")
    evidence_idle = Translation("The places behind an answer appear here.", "回答所依据的代码会显示在这里。")
