"""Texts of the History tab."""

from ui.words.translation import Translation


class HistoryWords:
    """The list of conversations, and what can be done with one."""

    history = Translation("History", "历史")
    past_list = Translation("Conversations", "对话")
    history_idle = Translation("Choose a conversation to read it.", "选择一个对话来阅读。")
    history_none = Translation(
        "No conversation yet. What you ask is kept here, for this browser only.",
        "还没有对话。你提出的问题会保存在这里,只有此浏览器能看到。",
    )
    history_ask = Translation("Ask the first question", "提出第一个问题")
    past_find = Translation("Search your conversations", "搜索你的对话")
    past_find_hint = Translation("Words from questions, answers or titles", "问题、回答或标题中的词")
    past_total = Translation(("{count} conversation", "{count} conversations"), ("{count} 个对话", "{count} 个对话"))
    past_found = Translation(("{count} found", "{count} found"), ("找到 {count} 个", "找到 {count} 个"))
    past_not_found = Translation(
        "No conversation holds all of these words. Try fewer of them, or only a part of one.",
        "没有对话包含所有这些词。请减少词数,或只输入一部分。",
    )
    past_all = Translation("Show all conversations", "显示全部对话")
    past_older = Translation("Show older ones", "显示更早的")

    past_pinned = Translation("Pinned", "已置顶")
    past_today = Translation("Today", "今天")
    past_yesterday = Translation("Yesterday", "昨天")
    past_this_week = Translation("This week", "本周")
    past_in_month = Translation("{month} {year}", "{year}年{month}")
    past_months = Translation(
        ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
         "December"),
        ("1月", "2月", "3月", "4月", "5月", "6月", "7月", "8月", "9月", "10月", "11月", "12月"),
    )  # fmt: skip
    past_questions = Translation(("{count} question", "{count} questions"), ("{count} 个问题", "{count} 个问题"))
    past_branch = Translation("Branch of another conversation", "另一个对话的分支")
    past_untitled = Translation("Without a title", "无标题")

    past_back = Translation("Back to the list", "返回列表")
    past_resume = Translation("Continue in Ask", "在提问页继续")
    past_rename = Translation("Rename", "重命名")
    past_name = Translation("Title (Enter saves, Esc leaves it)", "标题(回车保存,Esc 放弃)")
    past_pin = Translation("Pin", "置顶")
    past_unpin = Translation("Unpin", "取消置顶")
    past_export = Translation("Export as", "导出为")
    past_exported = Translation("Saved as {name}.", "已保存为 {name}。")
    past_import = Translation("Import JSON", "导入 JSON")
    past_imported = Translation("Imported: {title}", "已导入:{title}")
    past_deleted = Translation(
        "Deleted: {title}. It can be brought back for 10 minutes, while this page stays open.",
        "已删除:{title}。10 分钟内可以撤销(此页面须保持打开)。",
    )
    past_deleted_for_good = Translation(
        "This deletion is older than 10 minutes. The conversation is gone for good.",
        "删除已超过 10 分钟,对话已被永久删除。",
    )
    past_brought_back = Translation("It is back: {title}", "已恢复:{title}")
