"""Accounts as HTML: everything from outside is escaped, browsers are named, and what is over is said to be."""

from datetime import UTC, datetime, timedelta

import pytest

from deepseek_mm import AuditEntry, Key, Login, OwnAccount, User
from ui.accounts.account_html import (
    AccountView,
    AuditView,
    PeopleView,
    name_browser,
    render_audit,
    render_keys,
    render_logins,
    render_me,
    render_people,
    render_secret,
)
from ui.words import CHINESE, ENGLISH

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
EVIL = "<img src=x onerror=alert(1)>"


def key(name: str, ends_s: float | None = None) -> Key:
    rights = frozenset(("ask", "page"))
    return Key(id="1", name=name, rights=rights, salt=b"", digest=b"", made_s=0, user="u", ends_s=ends_s)


def login(number: int, browser: str = "Firefox") -> Login:
    later = NOW + timedelta(hours=12)
    return Login(id=number, user_id="u", begun_at=NOW, ends_at=later, address="10.0.0.2", browser=browser)


def user(name: str, **more) -> User:
    return User(**{"id": name.lower(), "name": name, "role": "member", "made_at": NOW} | more)


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1 Safari/605.1",
            "Safari on macOS",
        ),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140 Safari/537.36 Edg/140", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/140 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", "A program"),
    ],
)
def test_a_browser_is_named_as_people_do(said, named):
    assert name_browser(said, ENGLISH) == named


def test_only_other_logins_can_be_ended_and_this_browser_is_marked():
    me = OwnAccount(name="Ben", role="member", rights=("ask",), user="u")
    html = render_logins(AccountView(me=me, logins=(login(1), login(2)), current=2), ENGLISH)
    assert html.count("this browser") == 1
    assert 'data-act="end_login" data-what="1"' in html
    assert 'data-what="2"' not in html
    assert "end_others" in html
    assert "end_others" not in render_logins(AccountView(me=me, logins=(login(2),), current=2), ENGLISH)


def test_keys_say_what_they_may_and_when_they_end():
    html = render_keys([key("a"), key("b", NOW.timestamp() + 86_400), key("c", NOW.timestamp())], ENGLISH, now=NOW)
    assert "may ask and search; has no end" in html
    assert html.count("until 2026-05-05") == 1
    assert html.count("over since 2026-05-04") == 1
    assert "没有密钥" in render_keys([], CHINESE)


def test_an_owner_is_offered_no_way_to_shut_themselves_out():
    people = (user("Anna", role="owner"), user("Ben", is_disabled=True))
    html = render_people(PeopleView(people=people, me="anna"), ENGLISH)
    assert 'data-what="anna' not in html
    assert 'data-act="enable" data-what="ben"' in html
    assert 'data-what="ben member"' in html
    assert "remove_sure" not in html
    assert 'data-act="remove_sure" data-what="ben"' in render_people(
        PeopleView(people=people, me="anna", opened="ben", asks="remove"), ENGLISH
    )


def test_what_comes_from_outside_is_escaped():
    me = OwnAccount(name=EVIL, role="member", rights=("ask",), user="u")
    entry = AuditEntry(id=1, at=NOW, name=EVIL, action=EVIL, target=EVIL, address=EVIL)
    shown = [
        render_me(AccountView(me=me), ENGLISH, may_settings=True),
        render_logins(AccountView(me=me, logins=(login(1, EVIL),)), ENGLISH),
        render_keys([key(EVIL)], ENGLISH),
        render_secret(EVIL, EVIL, ENGLISH),
        render_people(PeopleView(people=(user(EVIL),), me="", opened=EVIL.lower(), asks="password"), ENGLISH),
        render_people(PeopleView(people=(user(EVIL),), me="", opened=EVIL.lower(), asks="remove"), ENGLISH),
        render_audit(AuditView(entries=(entry,), first=0, total=1), ENGLISH),
    ]
    for html in shown:
        assert "<img" not in html
        assert "&lt;img" in html


def test_the_audit_is_turned_by_pages_and_says_actions_in_chinese():
    entries = tuple(AuditEntry(id=n, at=NOW, name="Anna", action="login", target="", address="") for n in range(25))
    html = render_audit(AuditView(entries=entries, first=25, total=60), CHINESE)
    assert "第 26 到 50 条，共 60 条" in html
    assert 'data-act="audit" data-what="0"' in html
    assert 'data-act="audit" data-what="50"' in html
    assert "<td>登录</td>" in html
    assert "audit" not in render_audit(AuditView(entries=entries, first=0, total=25), ENGLISH).split("</table>")[1]
