"""Texts of changes to code that a larger model proposes, in the Code tab."""

from ui.words.translation import Translation


class CodeEditWords:
    """The steps of the model, the diff, what checks found, and what can be done with it."""

    edits_hint = Translation(
        "{model} can change code: begin with a verb ('fix the bug in ...', 'add ...') or with 'change:'. "
        "You see every step and a diff with checks; nothing is written before you press Apply.",
        "{model} 可以修改代码：请以动词开头（如“fix the bug in ...”），或以“修改：”开头。"
        "你会看到每一步和带检查结果的差异；在你按“应用”之前不会写入任何内容。",
    )
    edits_title = Translation("A change to your code", "对代码的修改")
    edits_states = Translation(  # in the order of CodeEditsPart's STATES
        (
            "being worked on",
            "proposed, nothing is written yet",
            "no change",
            "failed",
            "stopped",
            "applied",
            "undone: the files are as they were before",
        ),
        (
            "正在处理",
            "已提出，尚未写入",
            "没有修改",
            "失败",
            "已停止",
            "已应用",
            "已撤销：文件恢复原样",
        ),
    )
    edits_by = Translation("by {model}", "由 {model} 提出")
    edits_steps = Translation("Steps of the model ({count})", "模型的步骤（{count}）")
    edits_tools = Translation(
        (
            "searches", "reads", "looks for lines", "runs tests",
            "changes the copy", "wants a tool that there is not", "says",
        ),
        (
            "搜索", "读取", "查找行", "运行测试", "修改副本",
            "要求不存在的工具", "说",
        ),
    )  # fmt: skip
    edits_refused = Translation("refused", "已拒绝")
    edits_checks = Translation(
        "What was checked; none of it proves that the change is right", "已检查的项目；都不能证明修改正确"
    )
    edits_names = Translation(
        ("Fits", "Parses", "Lints", "Tests", "Place"),
        ("可应用", "语法", "静态检查", "测试", "位置"),
    )
    edits_verdicts = Translation(
        ("good", "not good", "not checked"),
        ("通过", "未通过", "未检查"),
    )
    edits_diff = Translation("The change as a diff", "修改的差异")
    edits_apply = Translation("Apply", "应用")
    edits_undo = Translation("Undo", "撤销")
    edits_stop = Translation("Stop", "停止")
    edits_forget = Translation("Forget", "移除")
    edits_close = Translation("Close", "关闭")
    edits_open = Translation("Show", "显示")
    edits_earlier = Translation("Earlier changes ({count})", "以前的修改（{count}）")
    edits_working = Translation("The model is at work", "模型正在工作")
