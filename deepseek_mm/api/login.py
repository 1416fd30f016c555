"""The login page, its sessions, and the limit on wrong keys.

A login is a random token in the browser's cookie; here only its hash is kept. Times come from the monotonic clock, so
a clock that jumps makes no login older or younger. That clock knows nothing of the time before the process started:
after a restart everybody logs in again.

Where there is an access token, people of this machine may type that instead of a key.

The form is plain HTML without a script, in English or Chinese. The cookie is of no use to a page elsewhere
(SameSite=Strict) or to a script (HttpOnly), and only goes over https where https is spoken (Secure).
"""

import base64
import hashlib
import ipaddress
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from threading import Lock
from urllib.parse import parse_qs, quote

from cachetools import TTLCache
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from deepseek_mm.accounts.permissions import LOCAL, Caller
from deepseek_mm.api.credentials import LOGIN_ID, AccessToken, Keys
from deepseek_mm.api.origins import is_local

MOST_LOGINS = 1_000  # at once; the one longest unused goes first
TOKEN_BYTES = 32
FREE_TRIES = 5  # wrong keys from one address before it has to wait
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

    @property
    def until_s(self) -> float:
        over = self.count - FREE_TRIES
        return self.last_s + (min(2.0**over, LONGEST_WAIT_S) if over >= 0 else 0.0)


class Guesses:
    """Wrong keys by address: after a few, each makes the next wait twice as long."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock, self._lock = clock, Lock()
        self._wrong: TTLCache[str, _Wrong] = TTLCache(MOST_ADDRESSES, FORGET_S, timer=clock)

    def wait_s(self, address: str) -> int:
        """Whole seconds until this address may try again; 0 is now."""
        with self._lock, self._wrong.timer:
            wrong = self._wrong.get(network_of(address))
        return 0 if wrong is None else max(0, -int(-(wrong.until_s - self._clock()) // 1))

    def count(self, address: str) -> None:
        """One more wrong key."""
        network, now_s = network_of(address), self._clock()
        with self._lock, self._wrong.timer:
            before = self._wrong.pop(network, None)
            count = before.count if before is not None else 0
            self._wrong[network] = _Wrong(count=min(count + 1, 100), last_s=now_s)

    def forget(self, address: str) -> None:
        """A right key."""
        with self._lock, self._wrong.timer:
            self._wrong.pop(network_of(address), None)


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
    wait: str
    no_page: str
    inside: str
    leave: str


ENGLISH = LoginTexts(
    language="en",
    key="Key",
    go="Log in",
    hint="The key was shown where the server was started. Another one:",
    unknown="This key is not known. Copy it whole, or make another.",
    wait="Too many wrong keys. Try again in {seconds} seconds.",
    no_page='This key may not open the page: it has not the right "page".',
    inside="You are logged in with the key {name}.",
    leave="Log out",
)
CHINESE = LoginTexts(
    language="zh",
    key="密钥",
    go="登录",
    hint="密钥在服务器启动时显示过。另建一个：",
    unknown="密钥不正确。请完整复制，或另建一个。",
    wait="错误次数过多。请在 {seconds} 秒后再试。",
    no_page="此密钥没有“page”权限，不能打开页面。",
    inside="你已用密钥 {name} 登录。",
    leave="退出登录",
)


class LoginPage:
    """The three routes. `keys` says who is who, `guesses` who has to wait."""

    def __init__(self, keys: Keys, logins: Logins, guesses: Guesses, token: AccessToken | None = None) -> None:
        self._keys, self._logins, self._guesses, self._token = keys, logins, guesses, token

    def who(self, asking: HTTPConnection) -> Caller | None:
        """Who has logged in with this cookie; None if nobody has, or not any more."""
        return self._caller(self._logins.key_id(asking.cookies.get(COOKIE, "")) or "", asking)

    def begin(self, request: Request, key_id: str, place: str) -> Response:
        """Log the browser in and lead it on; where it comes from is told to nobody."""
        self._logins.end(request.cookies.get(COOKIE, ""))
        headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
        response = RedirectResponse(place, 303, headers=headers)
        self._give(response, self._logins.begin(key_id), request)
        return response

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
            said = words.inside.format(name=who.name)
            return page(words, f'<p>{escape(said)}</p><form method="post" action="{LOGOUT}">', words.leave)
        return form(words, onward)

    async def _enter(self, request: Request) -> Response:
        words, address = choose_texts(request), address_of(request)
        wait_s = self._guesses.wait_s(address)
        sent = await sent_form(request)
        onward = onward_of(sent.get("next", ""))
        if wait_s:
            return form(words, onward, words.wait.format(seconds=wait_s), 429, {"Retry-After": str(wait_s)})
        key_id = self._find(sent.get("key", "").strip())
        who = self._caller(key_id, request)
        if who is None:
            self._guesses.count(address)
            return form(words, onward, words.unknown, 401, {"WWW-Authenticate": "Bearer"})
        self._guesses.forget(address)
        if "page" not in who.rights:
            return form(words, onward, words.no_page, 403)
        return self.begin(request, key_id, onward)

    def _find(self, shown: str) -> str:
        """The id that a login with this key or token has; "" if it is neither."""
        if self._token is not None and self._token.fits(shown):
            return LOGIN_ID
        key = self._keys.find(shown)
        return key.id if key is not None else ""

    def _caller(self, key_id: str, asking: HTTPConnection) -> Caller | None:
        """Who it is by the id of a login; the token counts on this machine only."""
        if key_id == LOGIN_ID:
            return LOCAL if self._token is not None and is_local(asking) else None
        key = self._keys.by_id(key_id)
        return key.who() if key is not None else None

    def _leave(self, request: Request) -> Response:
        self._logins.end(request.cookies.get(COOKIE, ""))
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
    words: LoginTexts, onward: str, wrong: str = "", status: int = 200, headers: dict[str, str] | None = None
) -> HTMLResponse:
    """The form, with what was wrong."""
    said = f'<p class="wrong" role="alert">{escape(wrong)}</p>' if wrong else ""
    body = (
        f'{said}<form method="post" action="{LOGIN}"><input type="hidden" name="next" value="{escape(onward)}">'
        f'<label for="key">{words.key}</label>'
        '<input id="key" name="key" type="password" autocomplete="current-password" required autofocus>'
    )
    foot = f"<p>{words.hint}<br><code>python -m deepseek_mm keys add NAME</code></p>"
    return page(words, body, words.go, foot, status=status, headers=headers)


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
