"""The gateway in front of the page's Gradio app: it names the visitor, takes uploads, hands out files by their ids, and
lets through only those of Gradio's routes that the page uses.
"""

import mimetypes
import re
import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gradio.route_utils import upload_fn
from gradio.routes import file_upload_statuses
from starlette._utils import get_route_path
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepseek_mm import Busy, Caller, DeepSeekMMError, caller_in
from ui.gateway.events import VISITOR, PageOwners, Visitor
from ui.gateway.files import FileRegistry, NoSuchFile
from ui.words import UiTexts

COOKIE = "deepseek_mm_page"  # tells one browser's files from another's
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")  # 32 random bytes
API = "/gradio_api"
SHOWN = frozenset(("image/jpeg", "image/png", "image/gif", "image/webp"))  # the browser may show these, and save others
UPLOADERS = frozenset(("ask", "library"))  # rights of which one is needed to upload
OPEN = re.compile(
    r"/|/(config|theme\.css|manifest\.json|robots\.txt|favicon\.ico|pwa_icon(/\d+)?)/?|/(static|assets|svelte)/.*"
    rf"|{API}/(info|app_id|startup-events|theme\.css|upload_progress|queue/status)/?"
)  # for GET and HEAD: how the page looks and what it is made of, the same for every visitor
STREAM = re.compile(rf"{API}/(?:heartbeat/(?P<heartbeat>[^/]+)|queue/data)")  # of one open page
SEND = re.compile(rf"{API}/(queue/join|run/[^/]+|cancel|reset)/?")  # for POST: events, which are checked one by one
FILE = f"{API}/file="
UPLOAD = f"{API}/upload"
TILES = "/tiles"  # of the timeline, as its script fetches them
SAID = "/said"  # what comes from below in English, in the page's language: for scripts that ask the API themselves
MOST_SAID = 50  # texts at once
NO_FILE = "a field named files holds no file. Send each with a filename"


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """ASGI middleware in front of one language's Gradio app."""

    app: ASGIApp
    files: FileRegistry
    owners: PageOwners
    words: UiTexts
    max_file_bytes: int
    tiles: Callable[[Request, Visitor], Response]
    count_upload: Callable[[Caller, int], None] = lambda caller, num_bytes: None  # raises Busy where it is too much

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let Gradio answer."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._pass(scope, receive, send)
        else:  # the page opens no websocket
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "not allowed"})

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            caller = caller_in(scope)
        except DeepSeekMMError as error:
            await PlainTextResponse(self.words.say(str(error)), 401)(scope, receive, send)
            return
        token = request.cookies.get(COOKIE, "")
        if not TOKEN.fullmatch(token):
            token = secrets.token_urlsafe(32)
            send = with_cookie(send, token, request)
        session = f"{caller.session} {token}"
        scope[VISITOR] = visitor = Visitor(caller=caller, session=session, files=self.files, owners=self.owners)
        answer = await self._answer(request, visitor)
        await (answer or self.app)(scope, receive, send)

    async def _answer(self, request: Request, visitor: Visitor) -> Response | None:
        """What we answer ourselves; None is left to Gradio."""
        path = get_route_path(request.scope)
        if request.method not in (methods := allowed_methods(path)):
            return self._refuse(methods)
        if path.startswith(FILE):
            return self._file(path.removeprefix(FILE), visitor)
        if path.rstrip("/") == UPLOAD:
            return await self._upload(request, visitor)
        if path == SAID:
            return JSONResponse([*map(self.words.say, request.query_params.getlist("text")[:MOST_SAID])])
        if path == TILES:
            return await run_in_threadpool(self.tiles, request, visitor)
        if stream := STREAM.fullmatch(path):
            page = stream["heartbeat"] or request.query_params.get("session_hash", "")
            return None if visitor.owns(page) else self._refuse()
        return None

    def _refuse(self, methods: Sequence[str] = ()) -> Response:
        """403 of what is not the page's; 405 of what is, by other `methods`."""
        if methods:
            return PlainTextResponse(self.words.route_refused, 405, headers={"Allow": ", ".join(methods)})
        return PlainTextResponse(self.words.route_refused, 403)

    def _file(self, number: str, visitor: Visitor) -> Response:
        try:
            file = visitor.find(number)
        except NoSuchFile:
            return PlainTextResponse(self.words.file_gone, 404)
        kind = mimetypes.guess_type(file.name)[0] or ""
        shown = kind in SHOWN
        return FileResponse(
            file.path,
            media_type=kind if shown else "application/octet-stream",
            filename=file.name,
            content_disposition_type="inline" if shown else "attachment",
            headers={"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"},
        )

    async def _upload(self, request: Request, visitor: Visitor) -> Response:
        """Keep what is uploaded, and tell its ids; nothing stays of an upload that fails."""
        if not UPLOADERS & visitor.caller.rights:
            return PlainTextResponse(self.words.upload_refused, 403)
        folder = await run_in_threadpool(self.files.make_folder)
        try:
            ids = await self._take(request, folder, visitor)
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)  # at once: who hangs up lets nothing be waited for
            if (answer := self._explain(error)) is None:
                raise
            return answer
        return JSONResponse(ids)

    async def _take(self, request: Request, folder: Path, visitor: Visitor) -> list[str]:
        number = request.query_params.get("upload_id")
        paths, _, _ = await upload_fn(
            request, folder, self.max_file_bytes, number, upload_progress=file_upload_statuses if number else None
        )

        def register() -> list[str]:
            self.count_upload(visitor.caller, sum(Path(path).stat().st_size for path in paths))
            for rest in (path for path in folder.iterdir() if path.is_file()):
                rest.unlink()  # of fields that are no upload
            return [self.files.add(visitor.session, Path(path), is_upload=True).id for path in paths]

        return await run_in_threadpool(register)

    def _explain(self, error: BaseException) -> Response | None:
        """What an upload that cannot be read is answered with; None where others tell it, such as a full disk."""
        if isinstance(error, MultiPartException):
            status = 413 if "maximum allowed size" in error.message else 400
            return PlainTextResponse(self.words.say(error.message), status)
        if isinstance(error, HTTPException):
            return PlainTextResponse(self.words.say(str(error.detail)), error.status_code)
        if isinstance(error, Busy):
            retry = {"Retry-After": str(error.retry_after_s)}
            return PlainTextResponse(self.words.say(str(error)), 429, headers=retry)
        if isinstance(error, TypeError) and "GradioUploadFile" in str(error):  # how Gradio refuses a text as a file
            return PlainTextResponse(self.words.say(NO_FILE), 400)
        return None


def allowed_methods(path: str) -> tuple[str, ...]:
    """By which methods the page uses this path of Gradio's; none if it does not use it."""
    if path in (SAID, TILES) or path.startswith(FILE) or OPEN.fullmatch(path) or STREAM.fullmatch(path):
        return "GET", "HEAD"
    return ("POST",) if SEND.fullmatch(path) or path.rstrip("/") == UPLOAD else ()


def with_cookie(send: Send, token: str, request: Request) -> Send:
    """The same, and the browser is told its token; a page that others led to keeps the one it has."""
    if request.headers.get("sec-fetch-site", "") == "cross-site":  # the browser held back what it has
        return send
    secure = "https" in (request.url.scheme, request.headers.get("x-forwarded-proto", ""))
    cookie = f"{COOKIE}={token}; HttpOnly; Path=/; SameSite=strict{'; Secure' if secure else ''}"

    async def send_with_cookie(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).append("Set-Cookie", cookie)
        await send(message)

    return send_with_cookie
