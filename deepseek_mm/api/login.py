"""The login page, its sessions, and the limits on wrong keys and passwords.

A login is a random token in the browser's cookie; only its hash is kept. Those of people with an account are kept by
`accounts` and outlive a restart. Those with a key are kept here: times come from the monotonic clock, so a clock that
jumps makes no login older or younger, and after a restart they are over.

Where there is an access token, people of this machine may type that instead of a key. How long a wrong password takes
does not tell whether there is somebody of that name (see `accounts.passwords`).

The form is plain HTML without a script, in English or Chinese. The cookie is of no use to a page elsewhere
(SameSite=Strict) or to a script (HttpOnly), and only goes over https where https is spoken (Secure).
"""

import base64
import hashlib
import ipaddress
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from threading import Lock
from urllib.parse import parse_qs, quote

from cachetools import TTLCache
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from deepseek_mm.accounts.accounts import Accounts
from deepseek_mm.accounts.permissions import LOCAL, Caller
from deepseek_mm.api.credentials import LOGIN_ID, AccessToken, Key, Keys
from deepseek_mm.api.origins import is_local
from deepseek_mm.errors import NothingThere

MOST_LOGINS = 1_000  # at once; the one longest unused goes first
TOKEN_BYTES = 32
FREE_TRIES = 5  # wrong keys from one address before it has to wait
FREE_PASSWORDS, FREE_NAMES = 10, 30  # wrong passwords of a name from one address, and of any name from it
LONGEST_WAIT_S = 300.0
FORGET_S = 3600.0  # after the last wrong key
MOST_ADDRESSES = 10_000  # that are remembered; the one longest quiet goes first
Clock = Callable[[], float]  # seconds, never back


class Logins:
    """Tokens of browsers that have shown a key."""

    def __init__(self, clock: Clock = time.monotonic, *, lasts_s: float) -> None:
        """`lasts_s`: how long a login lasts, used or not."""
        self._clock, self.lasts_s, self._lock = clock, lasts_s, Lock()
        self._key_ids: TTLCache[bytes, str]  # by hash of the token
        self._key_ids = TTLCache(MOST_LOGINS, lasts_s, timer=lambda: self._clock())

    def begin(self, key_id: str) -> str:
        """The token of a new login."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        with self._lock:
            self._key_ids[_hash(token)] = key_id
        return token

    def key_id(self, token: str) -> str | None:
        """The key that was shown when this login began; None if it is none, or over."""
        with self._lock, self._key_ids.timer:  # one moment for all of it
            return self._key_ids.get(_hash(token))

    def end(self, token: str) -> None:
        """Forget it."""
        with self._lock, self._key_ids.timer:
            self._key_ids.pop(_hash(token), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Wrong:
    """What one address has tried."""

    count: int
    last_s: float
    free: int

    @property
    def until_s(self) -> float:
        over = self.count - self.free
        return self.last_s + (min(2.0**over, LONGEST_WAIT_S) if over >= 0 else 0.0)


class Guesses:
    """Wrong keys by address: after a few, each makes the next wait twice as long. With a `name` those of that name."""

    def __init__(self, clock: Clock = time.monotonic, *, free: int = FREE_TRIES) -> None:
        """`free` may be wrong before anybody has to wait."""
        self._clock, self._lock, self._free = clock, Lock(), free
        self._wrong: TTLCache[str, _Wrong] = TTLCache(MOST_ADDRESSES, FORGET_S, timer=clock)

    def wait_s(self, address: str, name: str = "") -> int:
        """Whole seconds until this address may try again; 0 is now."""
        with self._lock, self._wrong.timer:
            wrong = self._wrong.get(place_of_guess(address, name))
        return 0 if wrong is None else max(0, -int(-(wrong.until_s - self._clock()) // 1))

    def count(self, address: str, name: str = "") -> None:
        """One more wrong key."""
        place, now_s = place_of_guess(address, name), self._clock()
        with self._lock, self._wrong.timer:
            before = self._wrong.pop(place, None)
            count = before.count if before is not None else 0
            self._wrong[place] = _Wrong(count=min(count + 1, 100), last_s=now_s, free=self._free)

    def forget(self, address: str, name: str = "") -> None:
        """A right key."""
        with self._lock, self._wrong.timer:
            self._wrong.pop(place_of_guess(address, name), None)


def place_of_guess(address: str, name: str) -> str:
    """What wrong keys are counted by."""
    return f"{network_of(address)} {name.strip().casefold()}"


class LoginDoors:
    """The ways to come in: keys, accounts where there are any, and the access token of this machine."""

    def __init__(self, *, keys: Keys, token: AccessToken | None = None, accounts: Accounts | None = None) -> None:
        self.keys, self.token, self.accounts = keys, token, accounts

    @property
    def has_people(self) -> bool:
        """Whether somebody can log in by name."""
        return self.accounts is not None and bool(self.accounts.all())

    def with_viewer(self, caller: Caller) -> Caller:
        """The caller, who sees the collections that are open to them; without accounts all of them."""
        return caller if self.accounts is None else replace(caller, viewer=self.accounts.collections.viewer_of(caller))

    def find_by_key(self, secret: str) -> Caller | None:
        """Whose key this is; None if it is none, or its person may not come in any more."""
        key = self.keys.find(secret)
        return None if key is None else self._caller_of(key)

    def find_by_login(self, key_id: str, asking: HTTPConnection) -> Caller | None:
        """Who it is by what a login began with; the token counts on this machine only."""
        if key_id == LOGIN_ID:
            return LOCAL if self.token is not None and is_local(asking) else None
        key = self.keys.by_id(key_id)
        return None if key is None else self._caller_of(key)

    def find_by_cookie(self, cookie: str) -> Caller | None:
        """The person who is logged in with this cookie."""
        user = self.accounts.find_login(cookie) if self.accounts is not None and cookie else None
        return None if user is None else user.caller()

    def _caller_of(self, key: Key) -> Caller | None:
        if not key.user:
            return key.who()
        try:
            user = self.accounts.find(key.user) if self.accounts is not None else None
        except NothingThere:
            return None
        return None if user is None or user.is_disabled else key.who(user.caller())


def network_of(address: str) -> str:
    """What counts as one caller: an IPv4 address, or the 64 bits of an IPv6 one that its owner cannot choose."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:  # no TCP, or a test
        return address
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()


COOKIE = "deepseek_mm_login"
LOGIN, LOGOUT = "/login", "/logout"
MAX_FORM_BYTES = 10_000
MOST_LETTERS = 100  # of a name that is looked at
INSIDE = re.compile(r"/(?![/\\])[!-~]{0,1000}")  # a path of this server, not "//elsewhere"
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:0;min-height:100vh;display:grid;place-items:center;"
    "background:#f6f5f1;color:#1c1c1a}main{width:min(22rem,90vw)}h1{font-size:1.4rem}"
    "label,input,button{display:block;width:100%;box-sizing:border-box;font:inherit}"
    "input{padding:.6rem;margin:.3rem 0 1rem;border:1px solid #77756d;border-radius:.4rem}"
    "input{background:#fff;color:inherit}button{padding:.6rem;border:0;border-radius:.4rem;background:#1d4e66;color:#fff;cursor:pointer}"
    ".wrong{color:#a01c1c}@media(prefers-color-scheme:dark){body{background:#161614;color:#eceae2}"
    "input{background:#23231f;border-color:#8d8b82}button{background:#9fcbe0;color:#10242e}.wrong{color:#ff9d93}}"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class LoginTexts:
    """The form in one language."""

    language: str
    key: str
    go: str
    hint: str
    unknown: str
    name: str
    password: str
    wrong: str
    with_key: str
    wait: str
    no_page: str
    inside: str
    person: str
    leave: str


ENGLISH = LoginTexts(
    language="en",
    key="Key",
    go="Log in",
    hint="The key was shown where the server was started. Another one:",
    unknown="This key is not known. Copy it whole, or make another.",
    name="Name",
    password="Password",
    wrong="Name and password do not fit. Try again.",
    with_key="Log in with a key",
    wait="Too many wrong tries. Wait {seconds} seconds.",
    no_page='This key may not open the page: it has not the right "page".',
    inside="You are logged in with the key {name}.",
    person="You are logged in as {name}.",
    leave="Log out",
)
CHINESE = LoginTexts(
    language="zh",
    key="密钥",
    go="登录",
    hint="密钥在服务器启动时显示过。另建一个：",
    unknown="密钥不正确。请完整复制，或另建一个。",
    name="用户名",
    password="密码",
    wrong="用户名与密码不符，请重试。",
    with_key="使用密钥登录",
    wait="错误次数过多。请在 {seconds} 秒后再试。",
    no_page="此密钥没有“page”权限，不能打开页面。",
    inside="你已用密钥 {name} 登录。",
    person="你已登录：{name}。",
    leave="退出登录",
)


class LoginPage:
    """The three routes. `doors` say who is who, `guesses` who has to wait."""

    def __init__(self, doors: LoginDoors, logins: Logins, guesses: Guesses, *, clock: Clock = time.monotonic) -> None:
        self._doors, self._logins, self._guesses = doors, logins, guesses
        self._by_name, self._by_address = Guesses(clock, free=FREE_PASSWORDS), Guesses(clock, free=FREE_NAMES)

    def who(self, asking: HTTPConnection) -> Caller | None:
        """Who has logged in with this cookie; None if nobody has, or not any more."""
        cookie = asking.cookies.get(COOKIE, "")
        key_id = self._logins.key_id(cookie)
        return self._doors.find_by_login(key_id, asking) if key_id else self._doors.find_by_cookie(cookie)

    def begin(self, request: Request, key_id: str, place: str) -> Response:
        """Log the browser in with a key and lead it on; where it comes from is told to nobody."""
        return self._lead_on(request, self._logins.begin(key_id), place)

    def _lead_on(self, request: Request, token: str, place: str) -> Response:
        self._end(request.cookies.get(COOKIE, ""))
        headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
        response = RedirectResponse(place, 303, headers=headers)
        self._give(response, token, request)
        return response

    def _end(self, cookie: str) -> None:
        self._logins.end(cookie)
        if self._doors.accounts is not None and cookie:
            self._doors.accounts.end_login(cookie)

    async def answer(self, request: Request) -> Response:
        """What these paths say to this request."""
        if request.url.path == LOGOUT:
            return self._leave(request) if request.method == "POST" else _not_so("POST")
        if request.method == "POST":
            return await self._enter(request)
        return self._show(request) if request.method in ("GET", "HEAD") else _not_so("GET, HEAD, POST")

    def _show(self, request: Request) -> Response:
        words, onward = choose_texts(request), onward_of(request.query_params.get("next", ""))
        if (who := self.who(request)) is not None:
            said = (words.person if who.user else words.inside).format(name=who.name)
            return page(words, f'<p>{escape(said)}</p><form method="post" action="{LOGOUT}">', words.leave)
        return form(words, onward, by_name=self._doors.has_people)

    async def _enter(self, request: Request) -> Response:
        sent = await sent_form(request)
        by_name = self._doors.has_people and not sent.get("key", "").strip()
        return await (self._enter_by_name if by_name else self._enter_by_key)(request, sent)

    async def _enter_by_key(self, request: Request, sent: Mapping[str, str]) -> Response:
        words, address, onward = choose_texts(request), address_of(request), onward_of(sent.get("next", ""))
        refuse = partial(form, words, onward, by_name=self._doors.has_people)
        if wait_s := self._guesses.wait_s(address):
            return refuse(words.wait.format(seconds=wait_s), 429, {"Retry-After": str(wait_s)})
        key_id = self._find(sent.get("key", "").strip())
        who = self._doors.find_by_login(key_id, request)
        if who is None:
            self._guesses.count(address)
            return refuse(words.unknown, 401, {"WWW-Authenticate": "Bearer"})
        self._guesses.forget(address)
        if "page" not in who.rights:
            return refuse(words.no_page, 403)
        return self.begin(request, key_id, onward)

    async def _enter_by_name(self, request: Request, sent: Mapping[str, str]) -> Response:
        words, address, onward = choose_texts(request), address_of(request), onward_of(sent.get("next", ""))
        name, accounts = sent.get("name", "")[:MOST_LETTERS], self._doors.accounts
        assert accounts is not None, "people log in by name where there are accounts"
        refuse = partial(form, words, onward, by_name=True)
        if wait_s := max(self._by_name.wait_s(address, name), self._by_address.wait_s(address)):
            return refuse(words.wait.format(seconds=wait_s), 429, {"Retry-After": str(wait_s)})
        user = await run_in_threadpool(accounts.verify, name, sent.get("password", ""))
        if user is None:
            self._by_name.count(address, name)
            self._by_address.count(address)
            accounts.note(name, "login refused", address=address)
            return refuse(words.wrong, 401)
        self._by_name.forget(address, name)
        browser = request.headers.get("user-agent", "")
        token = accounts.begin_login(user.id, lasts_s=self._logins.lasts_s, address=address, browser=browser)
        accounts.note(user.name, "login", address=address)
        return self._lead_on(request, token, onward)

    def _find(self, shown: str) -> str:
        """The id that a login with this key or token has; "" if it is neither."""
        token = self._doors.token
        if token is not None and token.fits(shown):
            return LOGIN_ID
        key = self._doors.keys.find(shown)
        return key.id if key is not None else ""

    def _leave(self, request: Request) -> Response:
        self._end(request.cookies.get(COOKIE, ""))
        response = RedirectResponse(LOGIN, 303, headers={"Cache-Control": "no-store"})
        response.delete_cookie(COOKIE, path="/", secure=is_https(request), httponly=True, samesite="strict")
        return response

    def _give(self, response: Response, token: str, request: Request) -> None:
        age_s, secure = int(self._logins.lasts_s), is_https(request)
        response.set_cookie(COOKIE, token, max_age=age_s, path="/", secure=secure, httponly=True, samesite="strict")


def login_path(path: str, query: str) -> str:
    """Where a browser goes that wants `path` and has no login."""
    return f"{LOGIN}?next={quote(path + (f'?{query}' if query else ''), safe='/')}"


def onward_of(said: str) -> str:
    """Where to go after the login: what was wanted, if that is here."""
    return said if INSIDE.fullmatch(said) else "/"


def address_of(request: Request) -> str:
    """Where the request comes from, as the connection says; what headers say about that is not believed."""
    return request.client.host if request.client else ""


def is_https(request: Request) -> bool:
    """Whether the browser speaks https, with us or with a proxy; at worst a caller cheats themselves."""
    through = request.headers.get("x-forwarded-proto", "") or request.headers.get("origin", "").partition(":")[0]
    return "https" in (request.url.scheme, through)


async def sent_form(request: Request) -> dict[str, str]:
    """The fields of a form; none of one that is too large or no form."""
    data = b""
    try:
        async for part in request.stream():
            data += part
            if len(data) > MAX_FORM_BYTES:
                return {}
        return {name: values[0] for name, values in parse_qs(data.decode(), max_num_fields=10).items()}
    except (ValueError, ClientDisconnect):
        return {}


def choose_texts(request: Request) -> LoginTexts:
    """The language that was chosen on the page, or the first one that the browser asks for."""
    asked = request.cookies.get("language", "") or request.headers.get("accept-language", "")
    return CHINESE if asked.strip().lower().startswith("zh") else ENGLISH


def form(
    words: LoginTexts,
    onward: str,
    wrong: str = "",
    status: int = 200,
    headers: dict[str, str] | None = None,
    *,
    by_name: bool = False,
) -> HTMLResponse:
    """The form, with what was wrong; `by_name` asks for name and password first, and for a key below them."""
    said = f'<p class="wrong" role="alert">{escape(wrong)}</p>' if wrong else ""
    begin = f'<form method="post" action="{LOGIN}"><input type="hidden" name="next" value="{escape(onward)}">'
    foot = f"<p>{words.hint}<br><code>python -m deepseek_mm keys add NAME</code></p>"
    key = f'<label for="key">{words.key}</label>{key_field("current-password", "required autofocus")}'
    if not by_name:
        return page(words, f"{said}{begin}{key}", words.go, foot, status=status, headers=headers)
    people = (
        f'{said}{begin}<label for="name">{words.name}</label>'
        '<input id="name" name="name" autocomplete="username" required autofocus>'
        f'<label for="password">{words.password}</label>'
        '<input id="password" name="password" type="password" autocomplete="current-password" required>'
    )
    below = f'<details><summary>{words.with_key}</summary>{begin}<label for="key">{words.key}</label>'
    below += f"{key_field('off', 'required')}<button>{words.go}</button></form>{foot}</details>"
    return page(words, people, words.go, below, status=status, headers=headers)


def key_field(complete: str, more: str) -> str:
    """Where a key is typed."""
    return f'<input id="key" name="key" type="password" autocomplete="{complete}" {more}>'


def page(
    words: LoginTexts,
    body: str,
    button: str,
    foot: str = "",
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> HTMLResponse:
    """A page around a form that `body` opens."""
    html = (
        f'<!doctype html><html lang="{words.language}"><head><meta charset="utf-8"><title>DeepSeek-MM</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" href="/icon.svg">'
        f"<style>{STYLE}</style></head><body><main><h1>DeepSeek-MM</h1>{body}"
        f"<button>{button}</button></form>{foot}</main></body></html>"
    )
    return HTMLResponse(html, status, headers=page_headers() | (headers or {}))


def page_headers() -> dict[str, str]:
    """Nothing but this page's own style and form; never kept, never framed.

    The browser may say to this server where the form was: without that some send the form with the Origin "null".
    """
    style = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{style}'; img-src 'self'; form-action 'self'"
    return {
        "Content-Security-Policy": f"{policy}; frame-ancestors 'none'; base-uri 'none'",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }


def _not_so(allowed: str) -> Response:
    return Response(f"use {allowed}", 405, headers={"Allow": allowed}, media_type="text/plain")
