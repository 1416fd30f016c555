"""Texts about accounts: one's own, those of others, and what was done; in the head and in the Settings tab."""

from ui.words.translation import Translation


class AccountWords:
    """You and others."""

    account_title = Translation("You and others", "你与他人")
    account_me = Translation("You are {name}, {role}. You may {what}.", "你是{name}（{role}）。你可以{what}。")
    account_key = Translation(
        "You came in with the key {name}, which is nobody's account. To have an account, ask an owner of this house.",
        "你是用密钥 {name} 进入的，它不属于任何账户。如需账户，请联系所有者。",
    )
    account_none = Translation(
        "Nobody logs in here. Whoever starts this server can give several people an account each: docs/security.md, "
        "Accounts.",
        "这里无需登录。启动服务器的人可以为多个人各建一个账户：见 docs/security.md 的 Accounts。",
    )
    account_term = Translation("Accounts", "账户")
    account_no_settings = Translation("Settings are changed by the owners of this house.", "设置由所有者更改。")
    log_out = Translation("Log out", "退出登录")
    head_who = Translation("Logged in as {name}", "已登录：{name}")

    role_owner = Translation("Owner", "所有者")
    role_member = Translation("Member", "成员")
    role_guest = Translation("Guest", "访客")
    role_owner_hint = Translation("may do everything", "可以做所有事情")
    role_member_hint = Translation("asks, and changes the library", "可以提问和更改图库")
    role_guest_hint = Translation("asks and looks", "可以提问和查看")
    right_ask = Translation("ask and search", "提问和搜索")
    right_library = Translation("change the library", "更改图库")
    right_settings = Translation("change settings and people", "更改设置和账户")
    right_page = Translation("open the page", "打开页面")
    right_run = Translation("run programs", "运行程序")

    logins_title = Translation("Where you are logged in", "你的登录")
    login_here = Translation("this browser", "此浏览器")
    login_times = Translation("{address}, since {begun}, until {ends}", "{address}，{begun} 登录，{ends} 到期")
    login_end = Translation("Log out there", "在那里退出")
    login_end_label = Translation("Log out: {browser}, since {begun}", "退出：{browser}，{begun} 登录")
    login_end_others = Translation("Log out everywhere else", "退出所有其他登录")
    login_ended = Translation("Logged out there.", "已在那里退出。")
    logins_ended = Translation(
        ("Logged out of {count} other browser.", "Logged out of {count} other browsers."),
        ("已退出 {count} 个其他浏览器。", "已退出 {count} 个其他浏览器。"),
    )
    browser_on = Translation("{browser} on {system}", "{system} 上的 {browser}")
    browser_other = Translation("A program", "某个程序")

    password_title = Translation("Change your password", "更改密码")
    password_current = Translation("Current password", "当前密码")
    password_new = Translation("New password", "新密码")
    password_hint = Translation("10 characters at least; three or four words do", "至少 10 个字符；三四个词就可以")
    password_save = Translation("Change the password", "更改密码")
    password_saved = Translation(
        "Your password is changed. Other browsers were logged out.", "密码已更改。其他浏览器已退出登录。"
    )

    keys_title = Translation("Your keys", "你的密钥")
    keys_hint = Translation(
        "A program sends a key instead of your password, and is you as far as the key goes.",
        "程序用密钥代替你的密码，并在密钥允许的范围内代表你。",
    )
    keys_none = Translation("You have no keys.", "你没有密钥。")
    key_facts = Translation("may {what}; {ends}", "可以{what}；{ends}")
    key_ends = Translation("until {day}", "到 {day} 为止")
    key_over = Translation("over since {day}", "已于 {day} 到期")
    key_lasts = Translation("has no end", "没有期限")
    key_new = Translation("Make a key", "新建密钥")
    key_name = Translation("Name, such as: laptop", "名称，例如：laptop")
    key_rights = Translation("It may", "它可以")
    key_until = Translation("It ends", "有效期")
    key_month = Translation("in 30 days", "30 天")
    key_quarter = Translation("in 90 days", "90 天")
    key_year = Translation("in a year", "一年")
    key_never = Translation("never", "永久")
    key_made = Translation(
        "This is the key {name}. It is shown this once: copy it now.", "这是密钥 {name}。只显示这一次，请立即复制。"
    )
    key_copy = Translation("Copy the key", "复制密钥")
    key_removed = Translation("The key {name} is removed.", "密钥 {name} 已删除。")
    key_remove_label = Translation("Remove the key {name}", "删除密钥 {name}")
    remove = Translation("Remove", "删除")

    people_of_house = Translation("People of this house", "所有账户")
    person_you = Translation("you", "你")
    person_since = Translation("since {day}", "{day} 起")
    person_disabled = Translation("disabled", "已停用")
    person_role = Translation("Role of {name}", "{name} 的角色")
    person_disable = Translation("Disable", "停用")
    person_enable = Translation("Enable", "重新启用")
    person_password = Translation("New password", "新密码")
    person_password_for = Translation("New password for {name}", "{name} 的新密码")
    person_remove_sure = Translation(
        "Remove the account of {name}? Keys and logins end at once. Conversations, saved searches, tasks and uploads "
        "can go with it, for good; else they stay in the files of this machine, where nobody sees them on the page.",
        "删除 {name} 的账户？密钥和登录立即失效。对话、已存搜索、任务和上传文件可以一并永久删除；"
        "否则会留在本机的文件中，页面上不再有人能看到。",
    )
    person_remove_all = Translation("Remove it with all that is theirs", "连同其全部数据一起删除")
    erased = Translation("Deleted for good: {what}.", "已永久删除：{what}。")
    erased_conversations = Translation(
        ("{count} conversation", "{count} conversations"), ("{count} 个对话", "{count} 个对话")
    )
    erased_searches = Translation(
        ("{count} saved search", "{count} saved searches"), ("{count} 个已存搜索", "{count} 个已存搜索")
    )
    erased_tasks = Translation(("{count} task", "{count} tasks"), ("{count} 个任务", "{count} 个任务"))
    erased_files = Translation(("{count} upload", "{count} uploads"), ("{count} 个上传文件", "{count} 个上传文件"))
    erased_keys = Translation(("{count} key", "{count} keys"), ("{count} 个密钥", "{count} 个密钥"))
    erased_proof = Translation(
        "A search of all files of the library for {n} things that only they wrote finds nothing.",
        "在图库的所有文件中搜索了 {n} 项只有此人写过的内容，均未找到。",
    )
    erased_left = Translation(
        "Something of it still stands in: {places}. Backups and files of the library are not touched.",
        "其中一些内容仍在：{places}。备份和图库文件不会被改动。",
    )
    person_remove_account = Translation("Remove the account", "删除账户")
    person_add = Translation("Give somebody an account", "新建账户")
    person_name = Translation("Name", "名字")
    person_their_role = Translation("Role", "角色")
    person_first_password = Translation("Password, to be told to them", "密码（请告诉对方）")
    person_add_do = Translation("Make the account", "建立账户")
    person_added = Translation("{name} has an account, as {role}.", "{name} 已有账户，角色是{role}。")
    person_changed = Translation("{name} is {role} now.", "{name} 现在是{role}。")
    person_let_in = Translation("{name} may come in again.", "{name} 可以重新登录。")
    person_shut_out = Translation("{name} may not come in any more.", "{name} 不能再登录。")
    person_new_password = Translation(
        "{name} has another password, and is logged out everywhere.", "{name} 的密码已更改，所有登录已退出。"
    )
    person_removed = Translation("The account of {name} is removed.", "{name} 的账户已删除。")

    audit_title = Translation("Who did what", "操作记录")
    audit_hint = Translation(
        "Logins, and what was done with accounts and keys; never a question or a password.",
        "登录，以及对账户和密钥的操作；不含任何问题或密码。",
    )
    audit_of = Translation("Of whom (empty: everybody)", "谁的（空：所有人）")
    audit_none = Translation("Nothing was done yet.", "还没有记录。")
    audit_when = Translation("When", "时间")
    audit_who = Translation("Who", "谁")
    audit_what = Translation("What", "操作")
    audit_where = Translation("From", "来自")
    audit_newer = Translation("Newer", "更新的")
    audit_older = Translation("Older", "更早的")
    audit_part = Translation("{first} to {last} of {total}", "第 {first} 到 {last} 条，共 {total} 条")
