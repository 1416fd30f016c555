"""The login page, its sessions, and the limits on wrong keys and passwords.

A login is a random token in the browser's cookie; only its hash is kept. Those of people with an account are kept by
`accounts` and outlive a restart. Those with a key are kept by the server that the library lies on
(`accounts.shared_access`), or else here: then times come from the monotonic clock, so a clock that jumps makes no login
older or younger, and after a restart they are over.

Where there is an access token, people of this machine may type that instead of a key. How long a wrong password takes
does not tell whether there is somebody of that name (see `accounts.passwords`).

The form is plain HTML without a script, in English or Chinese. The cookie is of no use to a page elsewhere
(SameSite=Strict) or to a script (HttpOnly), and only goes over https where https is spoken (Secure).
"""

import base64
import hashlib
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from urllib.parse import parse_qs, quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from deepseek_mm.accounts.accounts import Accounts
from deepseek_mm.accounts.guesses import Clock, GuessCounter
from deepseek_mm.accounts.key_logins import KeyLogins
from deepseek_mm.accounts.keys import Key, KeyRing
from deepseek_mm.accounts.permissions import LOCAL, Caller
from deepseek_mm.accounts.records import User
from deepseek_mm.api.credentials import LOGIN_ID, AccessToken
from deepseek_mm.api.openid_login import COOKIE as PROVIDER_COOKIE
from deepseek_mm.api.openid_login import START, OpenIdLogin, provider_link, status_of
from deepseek_mm.api.origins import is_local
from deepseek_mm.errors import DeepSeekMMError, NothingThere

log = logging.getLogger(__name__)
FREE_PASSWORDS, FREE_NAMES = 10, 30  # wrong passwords of a name from one address, and of any name from it


class LoginDoors:
    """The ways to come in: keys, accounts where there are any, and the access token of this machine."""

    def __init__(self, *, keys: KeyRing, token: AccessToken | None = None, accounts: Accounts | None = None) -> None:
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
        found = self.accounts.find_login(cookie) if self.accounts is not None and cookie else None
        return None if found is None else replace(found[0].caller(), login=found[1])

    def _caller_of(self, key: Key) -> Caller | None:
        if not key.user:
            return key.who()
        try:
            user = self.accounts.find(key.user) if self.accounts is not None else None
        except NothingThere:
            return None
        return None if user is None or user.is_disabled else key.who(user.caller())


COOKIE = "deepseek_mm_login"
LOGIN, LOGOUT = "/login", "/logout"
MAX_FORM_BYTES = 10_000
MOST_LETTERS = 100  # of a name that is looked at
INSIDE = re.compile(r"/(?![/\\])[!-~]{0,1000}")  # a path of this server, not "//elsewhere"
STYLE = (  # the page's own colours (ui/html.py), which this form cannot load
    "body{font:16px/1.5 system-ui,-apple-system,Segoe UI,Roboto,Noto Sans,sans-serif;margin:0;min-height:100vh;"
    "display:grid;place-items:center;background:#f9fafb;color:#1f2937}main{width:min(22rem,90vw);padding:1rem 0}"
    "h1{font-size:1.3rem;font-weight:650;letter-spacing:-.01em}"
    "label,input,button{display:block;width:100%;box-sizing:border-box;font:inherit}"
    "input{padding:.55rem .7rem;margin:.3rem 0 1rem;border:1px solid #9ca3af;border-radius:6px;background:#fff;"
    "color:inherit}button,.other{padding:.55rem;border:0;border-radius:6px;background:#2563eb;color:#fff;"
    "cursor:pointer}button:hover{background:#1d4ed8}:is(input,button,a,summary):focus-visible{outline:2px solid "
    "#1d4ed8;outline-offset:2px}a,summary{color:#1d4ed8;cursor:pointer}details,.other,nav{margin-top:1rem}"
    "details label{margin-top:.7rem}.other{display:block;text-align:center;text-decoration:none;background:none;"
    "border:1px solid #9ca3af;color:inherit}nav{font-size:.9rem}code{font-size:.85rem;overflow-wrap:anywhere}"
    ".wrong{color:#b91c1c}@media(prefers-color-scheme:dark){body{background:#0b0f19;color:#f3f4f6}"
    "input{background:#374151;border-color:#6b7280}a,summary{color:#93c5fd}.other{border-color:#6b7280}"
    ":is(input,button,a,summary):focus-visible{outline-color:#93c5fd}.wrong{color:#fca5a5}}"
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
    other: str  # the other language, by its own name
    by_provider: str
    provider_down: str
    not_begun: str
    not_admitted: str
    onward: str


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
    other="\u4e2d\u6587",
    by_provider="Log in with {name}",
    provider_down="{name} does not vouch for you now. Try again, or log in otherwise.",
    not_begun="This login was not begun in this browser, or too long ago. Begin again.",
    not_admitted="{name} knows you, but you may not come in here. Ask an owner of this house.",
    onward="Go on",
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
    other="English",
    by_provider="使用 {name} 登录",
    provider_down="{name} 现在无法确认你的身份。请重试，或用其他方式登录。",
    not_begun="此登录不是在此浏览器中开始的，或已过期。请重新开始。",
    not_admitted="{name} 认识你，但你不能进入这里。请联系所有者。",
    onward="继续",
)


class LoginPage:
    """The three routes. `doors` say who is who, `guesses` who has to wait."""

    def __init__(
        self,
        doors: LoginDoors,
        logins: KeyLogins,
        guesses: GuessCounter,
        *,
        clock: Clock = time.monotonic,
    ) -> None:
        self.provider: OpenIdLogin | None = None  # where people may log in by one
        self._doors, self._logins, self._guesses = doors, logins, guesses
        self._by_name = doors.keys.count_guesses("password", clock, free=FREE_PASSWORDS)
        self._by_address = doors.keys.count_guesses("name", clock, free=FREE_NAMES)

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
        if request.url.path != LOGIN:
            return await self._go_by_provider(request) if request.method in ("GET", "HEAD") else _not_so("GET, HEAD")
        if request.method == "POST":
            return await self._enter(request)
        return self._show(request) if request.method in ("GET", "HEAD") else _not_so("GET, HEAD, POST")

    def _show(self, request: Request) -> Response:
        words, onward = choose_texts(request), onward_of(request.query_params.get("next", ""))
        if (who := self.who(request)) is not None:
            said = (words.person if who.user else words.inside).format(name=who.name)
            return page(words, f'<p>{escape(said)}</p><form method="post" action="{LOGOUT}">', words.leave)
        shown = self._form(words, onward)
        if request.query_params.get("language"):
            shown.set_cookie("language", words.language, max_age=31_536_000, path="/", samesite="lax")
        return shown

    def _form(
        self, words: LoginTexts, onward: str, wrong: str = "", status: int = 200, headers: dict[str, str] | None = None
    ) -> HTMLResponse:
        """The form with all ways to log in that there are."""
        way = provider_link(self.provider.provider.name, words.by_provider, onward) if self.provider else ""
        said = f'<p class="wrong" role="alert">{escape(wrong)}</p>' if wrong else ""
        html = form(words, onward, said, by_name=self._doors.has_people, way=way)
        return page(words, *html, status=status, headers=headers)

    async def _go_by_provider(self, request: Request) -> Response:
        """The way to the provider, and back from it."""
        words, provider, secure = choose_texts(request), self.provider, is_https(request)
        if provider is None:
            return RedirectResponse(LOGIN, 303, headers={"Cache-Control": "no-store"})
        try:
            if request.url.path == START:
                return await provider.begin(request, onward_of(request.query_params.get("next", "")), secure=secure)
            user, onward = await provider.end(request, secure=secure)
        except DeepSeekMMError as error:
            log.warning("nobody logged in by the OpenID provider: %s", error)
            said = {403: words.not_admitted, 502: words.provider_down}.get(status_of(error), words.not_begun)
            return self._form(words, "/", said.format(name=provider.provider.name), status_of(error))
        response = page(words, *passage(words, onward_of(onward)))
        response.delete_cookie(PROVIDER_COOKIE, path=START, secure=secure, httponly=True, samesite="lax")
        self._give(response, self._begin_for(request, user), request)
        return response

    def _begin_for(self, request: Request, user: User) -> str:
        """The token of a new login of this person; the one before ends."""
        accounts, address = self._doors.accounts, address_of(request)
        assert accounts is not None, "people log in where there are accounts"
        self._end(request.cookies.get(COOKIE, ""))
        browser = request.headers.get("user-agent", "")
        accounts.note(user.name, "login", address=address)
        return accounts.begin_login(user.id, lasts_s=self._logins.lasts_s, address=address, browser=browser)

    async def _enter(self, request: Request) -> Response:
        sent = await sent_form(request)
        by_name = self._doors.has_people and not sent.get("key", "").strip()
        return await (self._enter_by_name if by_name else self._enter_by_key)(request, sent)

    async def _enter_by_key(self, request: Request, sent: Mapping[str, str]) -> Response:
        words, address, onward = choose_texts(request), address_of(request), onward_of(sent.get("next", ""))
        refuse = partial(self._form, words, onward)
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
        refuse = partial(self._form, words, onward)
        if wait_s := max(self._by_name.wait_s(address, name), self._by_address.wait_s(address)):
            return refuse(words.wait.format(seconds=wait_s), 429, {"Retry-After": str(wait_s)})
        user = await run_in_threadpool(accounts.verify, name, sent.get("password", ""))
        if user is None:
            self._by_name.count(address, name)
            self._by_address.count(address)
            accounts.note(name, "login refused", address=address)
            return refuse(words.wrong, 401)
        self._by_name.forget(address, name)
        return self._lead_on(request, self._begin_for(request, user), onward)

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
    """The language that was chosen here or on the page, or the first one that the browser asks for."""
    chosen = request.query_params.get("language", "") or request.cookies.get("language", "")
    asked = chosen or request.headers.get("accept-language", "")
    return CHINESE if asked.strip().lower().startswith("zh") else ENGLISH


def form(
    words: LoginTexts, onward: str, said: str = "", *, by_name: bool = False, way: str = ""
) -> tuple[str, str, str]:
    """Body, button and foot of the form; `by_name` asks for name and password first, and for a key below them. `way` is
    another way to log in.
    """
    begin = f'<form method="post" action="{LOGIN}"><input type="hidden" name="next" value="{escape(onward)}">'
    foot = f"<p>{words.hint}<br><code>python -m deepseek_mm keys add NAME</code></p>"
    key, turn = f'<label for="key">{words.key}</label>', language_link(words, onward)
    if not by_name:
        field = key_field("current-password", "required autofocus")
        return f"{said}{begin}{key}{field}", words.go, way + foot + turn
    people = (
        f'{said}{begin}<label for="name">{words.name}</label>'
        '<input id="name" name="name" autocomplete="username" required autofocus>'
        f'<label for="password">{words.password}</label>'
        '<input id="password" name="password" type="password" autocomplete="current-password" required>'
    )
    below = f"<details><summary>{words.with_key}</summary>{begin}{key}"
    below += f"{key_field('off', 'required')}<button>{words.go}</button></form>{foot}</details>"
    return people, words.go, way + below + turn


def passage(words: LoginTexts, onward: str) -> tuple[str, str, str]:
    """Body, button and foot of the page between the provider's and ours: it leads on by itself, and is ours, so that
    the login's cookie is sent from there.
    """
    place = escape(onward)
    lead = f'<meta http-equiv="refresh" content="0;url={place}"><p><a href="{place}">{words.onward}</a></p>'
    return f'{lead}<form method="get" action="{place}">', words.onward, ""


def language_link(words: LoginTexts, onward: str) -> str:
    """The way to this form in the other language, which the page then has too."""
    other = "zh" if words.language == "en" else "en"
    if onward.startswith(f"/{words.language}/"):
        onward = onward.replace(words.language, other, 1)
    place = f"{LOGIN}?language={other}&next={quote(onward, safe='/')}"
    return f'<nav><a href="{escape(place)}" hreflang="{other}" lang="{other}">{words.other}</a></nav>'


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
