"""Words of the History tab."""

from ui.words.word import Word


class HistoryWords:
    """The list of conversations, and what can be done with one."""

    history = Word("History", "历史")
    conversations = Word("Conversations, newest first", "对话(最新的在前)")
    history_idle = Word("Choose a conversation to read it.", "选择一个对话来阅读。")
    history_none = Word(
        "No conversation yet. Questions that you ask are kept here, in this browser's name only.",
        "还没有对话。你提出的问题会保存在这里,只属于此浏览器。",
    )
    turns = Word("{title} ({when})", "{title}({when})")
    older = Word("Show older ones", "显示更早的")
    resume = Word("Continue in Ask", "在提问页继续")
    delete_sure = Word("Delete this conversation for good?", "要永久删除这个对话吗?")
    delete_yes = Word("Yes, delete it", "是,删除")
    delete_no = Word("Keep it", "保留")
    deleted = Word("The conversation is deleted.", "对话已删除。")
