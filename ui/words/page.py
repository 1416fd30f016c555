"""Texts of the page around the tabs, those that more than one tab uses, and those of the History tab."""

from ui.words.translation import Translation


class PageWords:
    """The head, the tabs, what is said when something is wrong, and common buttons."""

    title = Translation("DeepSeek-MM", "DeepSeek-MM")
    tagline = Translation(
        "Ask your photos. Every answer shows where it comes from; nothing leaves this machine.",
        "向你的照片提问。每个回答都标明出处，一切只留在本机。",
    )
    share_empty = Translation(
        "What was shared has no picture and no text. Share a picture.", "分享的内容里没有图片，也没有文字。请分享图片。"
    )
    share_gone = Translation(
        "What was shared is not here any more. Share it once more.", "分享的内容已不在这里。请再分享一次。"
    )
    files = Translation(("{count} file", "{count} files"), ("{count} 个文件", "{count} 个文件"))
    browser = Translation("This browser's secret", "此浏览器的密钥")
    this_page = Translation("This page's name", "此页面的名称")
    at = Translation("Where this page was", "此页面的位置")
    theme = Translation("Theme", "主题")
    theme_light = Translation("Light", "浅色")
    theme_dark = Translation("Dark", "深色")
    theme_system = Translation("System", "跟随系统")
    language_own = Translation("English", "中文")
    language_name = Translation("Language", "语言")

    gradio_names = Translation(  # in the order of html.GRADIO_NAMES
        ("Question with pictures", "Add a file", "Send"), ("可附图片的输入框", "上传文件", "发送")
    )
    any = Translation("Any", "不限")
    whole = Translation("whole photo", "整张照片")
    on_page = Translation("page {page}", "第 {page} 页")
    on_slide = Translation("slide {page}", "第 {page} 张幻灯片")
    on_sheet = Translation("sheet {page}", "第 {page} 张工作表")
    on_chapter = Translation("chapter {page}", "第 {page} 章")
    on_lines = Translation("lines {first}-{last}", "第 {first}-{last} 行")
    at_time = Translation("at {time}", "{time} 处")
    video_play = Translation("Video, {time}", "视频，{time}")
    video_unplayable = Translation(
        "This browser cannot play the video. The picture shows what was found; open the file itself to see all of it.",
        "此浏览器无法播放该视频。图片显示的是找到的画面；要看完整视频，请打开文件本身。",
    )
    written = Translation("Written there", "上面写着")
    alike = Translation("Much like it", "与它很相似")
    close = Translation("Close", "关闭")
    undo = Translation("Undo", "撤销")
    cancel = Translation("Cancel", "取消")
    delete = Translation("Delete", "删除")
    save = Translation("Save", "保存")
    copy = Translation("Copy", "复制")
    copied = Translation("Copied", "已复制")
    help = Translation("Help", "帮助")
    help_open = Translation("Open: {tab}", "打开：{tab}")

    not_allowed = Translation(
        "The key “{name}” may not do this: it lacks the right {right}. Whoever runs this server can make another.",
        "密钥“{name}”不能这样做：缺少权限 {right}。服务器管理者可以另建一个具有该权限的密钥。",
    )
    not_allowed_person = Translation(
        "You may not do this, {name}: you lack the right {right}. Ask an owner of this house.",
        "{name}，你不能这样做：缺少权限 {right}。请联系所有者。",
    )
    key_may_not = Translation("This key may not {what}.", "此密钥不能{what}。")
    you_may_not = Translation("You may not {what}. Ask an owner of this house.", "你不能{what}。请联系所有者。")
    may_ask = Translation("ask or search", "提问或搜索")
    may_library = Translation("change the library", "更改图库")
    may_settings = Translation("see or change settings", "查看或更改设置")
    may_and = Translation(" or ", "或")
    page_not_yours = Translation("This page was opened by somebody else. Reload it.", "此页面由他人打开，请重新加载。")
    route_refused = Translation("The page does not use this address. Open / instead.", "页面不使用此地址。请打开 /。")
    file_gone = Translation(
        "This file was not uploaded by this browser, or too long ago. Upload it again.",
        "此文件不是由此浏览器上传的，或上传已久。请重新上传。",
    )
    upload_refused = Translation(
        "This key may not upload files: it lacks the rights ask and library.",
        "此密钥不能上传文件：缺少权限 ask 和 library。",
    )

    no_session = Translation("This page is not ready. Reload it.", "页面尚未就绪，请重新加载。")
    bug = Translation(
        "Something went wrong on our side. Your conversation is kept. Try again; "
        "if it happens again, the details are in the terminal where the page was started.",
        "我们这边出错了。你的对话已保存。请再试一次；若仍出错，详情见启动本页面的终端。",
    )


class HistoryWords:
    """The list of conversations, and what can be done with one."""

    history = Translation("History", "历史")
    past_list = Translation("Conversations", "对话")
    history_idle = Translation("Choose a conversation to read it.", "选择一个对话来阅读。")
    history_none = Translation(
        "No conversation yet. What you ask is kept here, for this browser only.",
        "还没有对话。你提出的问题会保存在这里，只有此浏览器能看到。",
    )
    history_none_person = Translation(
        "No conversation yet. What you ask is kept here: it is yours on every device, and nobody else sees it here.",
        "还没有对话。你提出的问题会保存在这里：在你的每台设备上都能看到，别人在这里看不到。",
    )
    history_ask = Translation("Ask the first question", "提出第一个问题")
    past_find = Translation("Search your conversations", "搜索你的对话")
    past_find_hint = Translation("Words from questions, answers or titles", "问题、回答或标题中的词")
    past_total = Translation(("{count} conversation", "{count} conversations"), ("{count} 个对话", "{count} 个对话"))
    past_found = Translation(("{count} found", "{count} found"), ("找到 {count} 个", "找到 {count} 个"))
    past_not_found = Translation(
        "No conversation holds all of these words. Try fewer of them, or only a part of one.",
        "没有对话包含所有这些词。请减少词数，或只输入一部分。",
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
    past_name = Translation("Title (Enter saves, Esc leaves it)", "标题（回车保存，Esc 放弃）")
    past_pin = Translation("Pin", "置顶")
    past_unpin = Translation("Unpin", "取消置顶")
    past_export = Translation("Export as", "导出为")
    past_exported = Translation("Saved as {name}.", "已保存为 {name}。")
    past_import = Translation("Import", "导入")
    past_imported = Translation("Imported: {title}", "已导入：{title}")
    past_deleted = Translation(
        "Deleted: {title}. It can be brought back for 10 minutes, while this page stays open.",
        "已删除：{title}。10 分钟内可以撤销（此页面须保持打开）。",
    )
    past_deleted_for_good = Translation(
        "This deletion is older than 10 minutes. The conversation is gone for good.",
        "删除已超过 10 分钟，对话已被永久删除。",
    )
    past_brought_back = Translation("It is back: {title}", "已恢复：{title}")
