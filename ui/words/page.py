"""Texts of the page around the tabs, and those that more than one tab uses."""

from ui.words.translation import Translation


class PageWords:
    """The head, the tabs, what is said when something is wrong, and common buttons."""

    title = Translation("DeepSeek-MM", "DeepSeek-MM")
    tagline = Translation(
        "Ask your photos. Every answer shows where it comes from; nothing leaves this machine.",
        "向你的照片提问。每个回答都标明出处,一切只留在本机。",
    )
    files = Translation(("{count} file", "{count} files"), ("{count} 个文件", "{count} 个文件"))
    in_regions = Translation(("{count} region", "{count} regions"), ("{count} 个区域", "{count} 个区域"))
    counts = Translation("{files}, {regions}", "{files},共 {regions}")
    browser = Translation("This browser's secret", "此浏览器的密钥")
    this_page = Translation("This page's name", "此页面的名称")
    at = Translation("Where this page was", "此页面的位置")
    theme = Translation("Theme", "主题")
    theme_light = Translation("Light", "浅色")
    theme_dark = Translation("Dark", "深色")
    theme_system = Translation("System", "跟随系统")
    language_own = Translation("English", "中文")
    language_name = Translation("Language", "语言")

    any = Translation("Any", "不限")
    whole = Translation("whole photo", "整张照片")
    on_page = Translation("page {page}", "第 {page} 页")
    on_lines = Translation("lines {first}-{last}", "第 {first}-{last} 行")
    written = Translation("Written there", "上面写着")
    alike = Translation("Much like it", "与它很相似")
    close = Translation("Close", "关闭")
    undo = Translation("Undo", "撤销")
    cancel = Translation("Cancel", "取消")
    delete = Translation("Delete", "删除")
    save = Translation("Save", "保存")
    copy = Translation("Copy", "复制")
    copied = Translation("Copied", "已复制")

    not_allowed = Translation(
        "The key “{name}” may not do this: it lacks the right {right}. "
        "Whoever runs this server can make another: "
        "python -m deepseek_mm keys add NAME --rights ask,library,settings,page",
        "密钥“{name}”不能这样做:缺少权限 {right}。请服务器管理者另建一个:"
        "python -m deepseek_mm keys add NAME --rights ask,library,settings,page",
    )
    key_may_not = Translation("This key may not {what}.", "此密钥不能{what}。")
    may_ask = Translation("ask or search", "提问或搜索")
    may_library = Translation("change the library", "更改图库")
    may_settings = Translation("see or change settings", "查看或更改设置")
    may_and = Translation(" or ", "或")
    page_not_yours = Translation("This page was opened by somebody else. Reload it.", "此页面由他人打开,请重新加载。")
    route_refused = Translation("The page does not use this address. Open / instead.", "页面不使用此地址。请打开 /。")
    file_gone = Translation(
        "This file was not uploaded by this browser, or too long ago. Upload it again.",
        "此文件不是由此浏览器上传的,或上传已久。请重新上传。",
    )
    upload_refused = Translation(
        "This key may not upload files: it lacks the rights ask and library.",
        "此密钥不能上传文件:缺少权限 ask 和 library。",
    )

    no_session = Translation("This page is not ready. Reload it.", "页面尚未就绪,请重新加载。")
    bug = Translation(
        "Something went wrong on our side. Your conversation is kept. Try again; "
        "if it happens again, the details are in the terminal where the page was started.",
        "我们这边出错了。你的对话已保存。请再试一次;若仍出错,详情见启动本页面的终端。",
    )
