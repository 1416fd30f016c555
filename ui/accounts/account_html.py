"""Accounts as HTML: who one is, one's logins and keys, the people of the house, and what was done."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from deepseek_mm import AuditEntry, Key, Login, OwnAccount, User
from ui.html import button, copier, heading, hint, notice
from ui.words import UiTexts

ROLES = ("owner", "member", "guest")
BROWSERS = {
    "Edg": "Edge",
    "OPR": "Opera",
    "Firefox": "Firefox",
    "Chrome": "Chrome",
    "Safari": "Safari",
}  # in this order
SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Mac OS X", "Linux")
MOST_AUDITED = 25  # entries at a time


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountView:
    """One's own account as it stands."""

    me: OwnAccount
    logins: Sequence[Login] = ()
    keys: Sequence[Key] = ()
    current: int = 0  # id of the login of this browser


@dataclass(frozen=True, kw_only=True, slots=True)
class PeopleView:
    """The people of the house."""

    people: Sequence[User]
    me: str  # id of whoever looks
    opened: str = ""  # id of the person something is asked about
    asks: str = ""  # what that is: "remove" or "password"


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditView:
    """A part of what was done."""

    entries: Sequence[AuditEntry]
    first: int
    total: int


def render_me(view: AccountView, words: UiTexts, *, may_settings: bool) -> str:
    """Who one is, and what that allows."""
    me, told = view.me, ""
    if me.user:
        role, rights = say_role(me.role, words), name_rights(me.rights, words)
        told = words.account_me.format(name=me.name, role=role, what=rights)
    else:
        told = words.account_key.format(name=me.name)
    more = "" if may_settings else hint(words.account_no_settings)
    return heading(words.account_title) + hint(told) + more


def render_logins(view: AccountView, words: UiTexts) -> str:
    """Where one is logged in, each with its way out."""
    rows = "".join(_render_login(login, words, is_here=login.id == view.current) for login in view.logins)
    others = [login for login in view.logins if login.id != view.current]
    end = button("end_others", "", words.login_end_others) if others else ""
    acts = f'<div class="acts">{end}</div>' if end else ""
    return f'<h3>{escape(words.logins_title)}</h3><ul class="account-rows">{rows}</ul>{acts}'


def _render_login(login: Login, words: UiTexts, *, is_here: bool) -> str:
    browser, begun = name_browser(login.browser, words), show_time(login.begun_at)
    here = f' <b class="badge">{escape(words.login_here)}</b>' if is_here else ""
    times = words.login_times.format(address=login.address, begun=begun, ends=show_time(login.ends_at))
    label = words.login_end_label.format(browser=browser, begun=begun)
    end = "" if is_here else button("end_login", login.id, words.login_end, label=label)
    return f'<li><div><b>{escape(browser)}</b>{here}<p class="hint">{escape(times)}</p></div>{end}</li>'


def name_browser(said: str, words: UiTexts) -> str:
    """What a browser calls itself, for people."""
    browser = next((name for mark, name in BROWSERS.items() if mark in said), "")
    system = next((name for name in SYSTEMS if name in said), "")
    if not browser:
        return said[:40] or words.browser_other
    return words.browser_on.format(browser=browser, system=system.replace("Mac OS X", "macOS")) if system else browser


def render_keys(keys: Sequence[Key], words: UiTexts, *, now: datetime | None = None) -> str:
    """One's keys, each with a button that removes it."""
    now_s = (now or datetime.now(UTC)).timestamp()
    rows = "".join(_render_key(key, words, now_s) for key in keys)
    shown = f'<ul class="account-rows">{rows}</ul>' if rows else hint(words.keys_none)
    return f"<h3>{escape(words.keys_title)}</h3>{hint(words.keys_hint)}{shown}"


def _render_key(key: Key, words: UiTexts, now_s: float) -> str:
    ends = words.key_lasts
    if key.ends_s is not None:
        ends = words.key_over if key.ends_s <= now_s else words.key_ends
        ends = ends.format(day=show_day(datetime.fromtimestamp(key.ends_s, UTC)))
    facts = words.key_facts.format(what=name_rights(key.rights, words), ends=ends)
    remove = button("remove_key", key.name, words.remove, label=words.key_remove_label.format(name=key.name))
    return f'<li><div><b>{escape(key.name)}</b><p class="hint">{escape(facts)}</p></div>{remove}</li>'


def render_secret(name: str, secret: str, words: UiTexts) -> str:
    """A new key, the one time that it is shown."""
    said = words.key_made.format(name=name)
    return (
        f'<div class="secret"><p role="alert">{escape(said)}</p><code>{escape(secret)}</code>'
        f"{copier(secret, words.key_copy, words.copied)}</div>"
    )


def render_people(view: PeopleView, words: UiTexts) -> str:
    """Everybody, with what can be done with each account."""
    rows = "".join(_render_person(user, view, words) for user in view.people)
    return f'<h3>{escape(words.people_of_house)}</h3><ul class="account-rows people-rows">{rows}</ul>'


def _render_person(user: User, view: PeopleView, words: UiTexts) -> str:
    is_me = user.id == view.me
    you = f' <b class="badge">{escape(words.person_you)}</b>' if is_me else ""
    since = words.person_since.format(day=show_day(user.made_at))
    state = words.join([name_role(user.role, words), since]) if is_me else since
    out = f' <b class="badge shut">{escape(words.person_disabled)}</b>' if user.is_disabled else ""
    asked = _render_asked(user, view, words) if user.id == view.opened else ""
    acts = "" if is_me else f'{_render_roles(user, words)}<div class="acts">{_render_acts(user, words)}</div>'
    return (
        f'<li aria-label="{escape(user.name)}"><div><b>{escape(user.name)}</b>{you}{out}'
        f'<p class="hint">{escape(state)}</p></div>{acts}{asked}</li>'
    )


def _render_roles(user: User, words: UiTexts) -> str:
    """The three roles, the one that holds pressed."""
    roles = "".join(
        button("role", f"{user.id} {role}", name_role(role, words), pressed=role == user.role) for role in ROLES
    )
    name = escape(words.person_role.format(name=user.name))
    return f'<div class="choices"><span role="group" aria-label="{name}">{roles}</span></div>'


def _render_acts(user: User, words: UiTexts) -> str:
    act, text = ("enable", words.person_enable) if user.is_disabled else ("disable", words.person_disable)
    named = [(act, text), ("password", words.person_password), ("remove", words.remove)]
    return "".join(button(each, user.id, said, label=f"{said}: {user.name}") for each, said in named)


def _render_asked(user: User, view: PeopleView, words: UiTexts) -> str:
    """What is still to be said before it happens."""
    cancel = button("cancel", "", words.cancel)
    if view.asks == "password":
        label = escape(words.person_password_for.format(name=user.name))
        field = f'<input type="password" autocomplete="new-password" aria-label="{label}" placeholder="{label}">'
        save = button("set_password", user.id, words.save)
        return f'<div class="person-question typed">{field}{save}{cancel}</div>'
    remove = button("remove_sure", user.id, words.person_remove_account, look="small alarm")
    sure = notice(words.person_remove_sure.format(name=user.name))
    everything = button("remove_all", user.id, words.person_remove_all, look="small alarm")
    return f'<div class="person-question">{sure}<div class="acts">{remove}{everything}{cancel}</div></div>'


def render_audit(view: AuditView, words: UiTexts) -> str:
    """What was done, newest first, and the way to the rest."""
    if not view.entries:
        return hint(words.audit_none)
    names = (words.audit_when, words.audit_who, words.audit_what, words.audit_where)
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    last = view.first + len(view.entries)
    part = words.audit_part.format(first=view.first + 1, last=last, total=view.total)
    newer = button("audit", max(0, view.first - MOST_AUDITED), words.audit_newer) if view.first else ""
    older = button("audit", last, words.audit_older) if last < view.total else ""
    rows = "".join(_render_entry(entry, words) for entry in view.entries)
    return (
        f'<div class="audit" tabindex="0" role="region" aria-label="{escape(words.audit_title)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        f'{hint(part)}<div class="acts">{newer}{older}</div>'
    )


def _render_entry(entry: AuditEntry, words: UiTexts) -> str:
    what = " ".join(part for part in (words.say(entry.action), entry.target) if part)
    cells = (show_time(entry.at), entry.name, what, entry.address)
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def name_role(role: str, words: UiTexts) -> str:
    """As the page says it."""
    return {"owner": words.role_owner, "member": words.role_member}.get(role, words.role_guest)


def say_role(role: str, words: UiTexts) -> str:
    """The same within a sentence."""
    name = name_role(role, words)
    return name.lower() if words.language == "en" else name


def name_rights(rights: Iterable[str], words: UiTexts) -> str:
    """What they allow, one after the other; that the page may be opened goes without saying."""
    names, held = rights_in_words(words), set(rights)
    told = [name for right, name in names.items() if right in held and right != "page"]
    return words.join(told or [names["page"]])


def rights_in_words(words: UiTexts) -> dict[str, str]:
    """Every right and what it allows, in their order."""
    return {
        "ask": words.right_ask,
        "library": words.right_library,
        "settings": words.right_settings,
        "page": words.right_page,
        "run": words.right_run,
    }


def show_day(at: datetime) -> str:
    """A day of this machine's calendar: 2026-11-30."""
    return f"{at.astimezone():%Y-%m-%d}"


def show_time(at: datetime) -> str:
    """A minute of it: 2026-11-30 22:10."""
    return f"{at.astimezone():%Y-%m-%d %H:%M}"
