"""Authentication: every request passes it, and it names the caller or refuses the request before any route runs.

In this order: is the server called by a name of its own (DNS rebinding)? Does a page of others ask (CSRF, CORS)? Is it
the login, or the address with the access token? Who is it: a key, a token, a login, or somebody on this machine? May
they see the page? How much do they bring?
Around it all the request gets its number, and a line in the log.
"""

import logging
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepseek_mm.accounts.accounts import Accounts
from deepseek_mm.accounts.guesses import Clock
from deepseek_mm.accounts.keys import KeyRing, Keys
from deepseek_mm.accounts.permissions import COMMAND_LINE, LOCAL, MAKE, SCOPE, Caller
from deepseek_mm.api.credentials import LOGIN_ID, PARAMETER, AccessToken, needs_keys
from deepseek_mm.api.limits import BodyLimit
from deepseek_mm.api.login import LOGIN, LOGOUT, LoginDoors, LoginPage, login_path, onward_of
from deepseek_mm.api.logs import ROUTE, LogMiddleware
from deepseek_mm.api.openid_login import BACK, START, OpenIdLogin
from deepseek_mm.api.openid_provider import OpenIdProvider
from deepseek_mm.api.origins import Refusal, check_host, is_foreign, is_local
from deepseek_mm.api.problems import FullStorage, problem_for
from deepseek_mm.api.routes.file_address_routes import SIGNED
from deepseek_mm.config import Config, ServeConfig
from deepseek_mm.errors import DeepSeekMMError
from index.region import EVERYBODY, view_as

APP = ("/manifest.webmanifest", "/worker.js", "/icon-192.png", "/icon-512.png")  # what a browser installs the page by
OPEN = (*APP, "/health/live", "/favicon.ico", "/icon.svg", "/.well-known/security.txt")  # whoever asks
PAGE = (
    "/en",
    "/zh",
    "/share",
    "/picture",
    "/video",
    "/heat",
)  # what the page is made of: needs the right "page"
FETCHES = re.compile(
    r"/gradio_api/+(?:proxy=|file=\s*[a-z][a-z0-9+.-]*:/)", re.IGNORECASE
)  # Gradio would, for a caller
SHUT = b"access-control-"  # headers that would let pages of others read; Gradio sends some
UNKEPT = {"Cache-Control": "no-store"}
log = logging.getLogger(__name__)


def guard_app(
    app: ASGIApp,
    config: Config,
    keys: KeyRing | None = None,
    *,
    accounts: Accounts | None = None,
    clock: Clock = time.monotonic,
    tokens: tuple[str, str] = ("", ""),
) -> ASGIApp:
    """The app behind the authentication. LibraryError if the keys cannot be used.

    With `accounts` people log in by name and password, too. With the first of `tokens` also people of this machine have
    to show something: that, or a key. Who shows the second on this machine is the command line of the user who started
    the server (`local_server`).
    """
    (token, own_token), serve = tokens, config.serve
    access = AccessToken(token) if token else None
    inner = BodyLimit(FullStorage(app, config.data / "page"), serve.max_body_bytes)
    needed = needs_keys(serve, config.accounts)
    doors = LoginDoors(keys=keys or Keys(config.data), token=access, accounts=accounts)
    door = AuthMiddleware(inner, serve, doors, clock=clock, needs_login=needed)
    if accounts is not None and (provider := OpenIdProvider.of(config.oidc)) is not None:
        door.login.provider = OpenIdLogin(provider, config.oidc, accounts)
    door.own_token = AccessToken(own_token) if own_token else None
    return LogMiddleware(door, serve)


class AuthMiddleware:
    """ASGI middleware that names the caller, or answers instead of the app."""

    def __init__(
        self,
        app: ASGIApp,
        serve: ServeConfig,
        doors: LoginDoors,
        *,
        clock: Clock = time.monotonic,
        needs_login: bool,
    ) -> None:
        self.own_token: AccessToken | None = None  # of the command line
        self._app, self._serve, self._doors, self._token = app, serve, doors, doors.token
        self._needs_login, self._guesses = needs_login, doors.keys.count_guesses("key", clock)
        self.login = LoginPage(doors, doors.keys.keep_logins(clock, lasts_s=serve.login_s), self._guesses, clock=clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the app answer."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            answer = self._refuse_foreign(scope) or await self._answer_login(scope, receive)
            answer = answer or self._open_by_token(scope) or self._enter(scope)
        except DeepSeekMMError as error:  # the keys cannot be read: nobody comes in, and strangers learn no paths
            log.error("nobody can come in: %s", error)
            answer = refuse(scope, 503, "not-now", "keys cannot be checked now. The server's log says why")
        send = _send_same_origin(send)
        if answer is None:
            with view_as(scope[SCOPE].viewer if SCOPE in scope else EVERYBODY):
                await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await answer(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "not allowed"})

    def _refuse_foreign(self, scope: Scope) -> Response | None:
        """The refusal of what comes by a foreign name, or from a foreign page."""
        headers, method = Headers(scope=scope), scope.get("method", "GET")
        refusal = check_host(headers, self._serve, (scope.get("server") or ("",))[0])
        if refusal is None and is_foreign(headers, method=method, scheme=scope.get("scheme", "")):
            detail = "a page of another server asks. Only this server's own page, and programs, may"
            refusal = Refusal(status=403, kind="foreign-page", detail=detail)
        if refusal is None and method == "OPTIONS" and "access-control-request-method" in headers:
            detail = "pages of other servers may not use this one (CORS). Programs may, with a key"
            refusal = Refusal(status=403, kind="foreign-page", detail=detail)
        return refuse(scope, refusal.status, refusal.kind, refusal.detail) if refusal else None

    async def _answer_login(self, scope: Scope, receive: Receive) -> Response | None:
        if scope["type"] != "http" or scope["path"] not in (LOGIN, LOGOUT, START, BACK):
            return None
        scope[ROUTE] = scope["path"]
        if not self._needs_login and self._token is None:
            return RedirectResponse("/", 303)
        return await self.login.answer(Request(scope, receive))

    def _open_by_token(self, scope: Scope) -> Response | None:
        """Log in whoever opens the address that was printed, and take the token out of it; None for any other address.

        Right tokens are let in whoever guesses meanwhile.
        """
        if self._token is None or scope.get("method") not in ("GET", "HEAD"):
            return None
        shown, rest = split_query(scope["query_string"].decode("latin-1"))
        asking = Request(scope)
        if shown is None or not is_local(asking):
            return None
        scope[ROUTE] = PARAMETER
        place = onward_of(quote(scope["path"]) + (f"?{rest}" if rest else ""))
        if self._token.fits(shown):
            return self.login.begin(asking, LOGIN_ID, place)
        refusal = self._refuse_wrong_key(asking)
        return refusal if refusal.status_code == 429 else RedirectResponse(login_path(place, ""), 303, headers=UNKEPT)

    def _enter(self, scope: Scope) -> Response | None:
        """Write down who it is; or the refusal of who may not."""
        path = scope["path"]
        if path in OPEN or path.startswith(SIGNED):
            return None
        who = self._find_caller(HTTPConnection(scope))
        if isinstance(who, Response):
            return who
        if "page" not in who.rights and is_below(path, ("/", *PAGE)):
            return refuse(scope, 403, "forbidden", f"the key {who.name!r} may not open the page. Make one: {MAKE}")
        if FETCHES.search(path):
            return refuse(scope, 403, "forbidden", "the page fetches nothing from elsewhere. Upload the file instead")
        scope[SCOPE] = self._doors.with_viewer(replace(who, address=(scope.get("client") or ("",))[0]))
        return None

    def _find_caller(self, asking: HTTPConnection) -> Caller | Response:
        scheme, _, shown = asking.headers.get("authorization", "").partition(" ")
        if self.own_token is not None and self.own_token.fits(shown.strip()) and is_local(asking):
            return COMMAND_LINE
        by_key = self._doors.find_by_key(shown.strip()) if scheme.lower() == "bearer" else None
        if by_key is not None:
            return by_key
        if self._is_free(asking, shown.strip()):
            return LOCAL
        if scheme:
            return self._refuse_wrong_key(asking)
        return self.login.who(asking) or self._ask_for_key(asking)

    def _is_free(self, asking: HTTPConnection, shown: str) -> bool:
        """Whether somebody of this machine needs no key, and shows the access token where there is one.

        Without one clients that must send some key may send any.
        """
        free = not self._needs_login and is_local(asking)
        return free and (self._token is None or self._token.fits(shown))

    def _refuse_wrong_key(self, asking: HTTPConnection) -> Response:
        """A wrong key. Right ones were let in before: who guesses at the same address cannot shut others out."""
        address = asking.client.host if asking.client else ""
        wait_s = self._guesses.wait_s(address)
        if wait_s:
            detail = f"too many wrong keys came from here. Wait {wait_s} s, and check the key"
            return refuse(asking.scope, 429, "busy", detail, **{"Retry-After": str(wait_s)})
        self._guesses.count(address)
        return self._refuse_without_key(asking, "this key is not known")

    def _ask_for_key(self, asking: HTTPConnection) -> Response:
        """A browser is shown the login, a program is told what to send."""
        path, scope = asking.url.path, asking.scope
        wants_page = path == "/" or "text/html" in asking.headers.get("accept", "")
        if wants_page and scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            return RedirectResponse(login_path(path, asking.url.query), 303, headers=UNKEPT)
        return self._refuse_without_key(asking, "a key is needed")

    def _refuse_without_key(self, asking: HTTPConnection, what: str) -> Response:
        detail = f"{what}. Send the header Authorization: Bearer KEY; a key is made with: {MAKE}"
        if self._token is not None:
            detail += ". On this machine: Bearer TOKEN, as it stands in the address that the server printed"
        return refuse(asking.scope, 401, "unauthorised", detail, **{"WWW-Authenticate": "Bearer"})


def is_below(path: str, places: Sequence[str]) -> bool:
    """Whether it is one of these places or lies below one; "/" is only itself."""
    return any(path == place or (place != "/" and path.startswith(f"{place}/")) for place in places)


def split_query(query: str) -> tuple[str | None, str]:
    """The access token in a query, None if it has none, and the query without it."""
    pairs = parse_qsl(query, keep_blank_values=True)
    shown = next((value for name, value in pairs if name == PARAMETER), None)
    return shown, urlencode([pair for pair in pairs if pair[0] != PARAMETER])


def refuse(scope: Scope, status: int, kind: str, detail: str, **headers: str) -> Response:
    """A problem, that nobody keeps."""
    return problem_for(scope, status, kind, detail, **headers | UNKEPT)


def _send_same_origin(send: Send) -> Send:
    """Nothing is for pages of others: no answer says that it is, and browsers are told that it is not."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [row for row in message["headers"] if not row[0].lower().startswith(SHUT)]
            headers = MutableHeaders(scope=message)
            headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        await send(message)

    return send_with_headers
