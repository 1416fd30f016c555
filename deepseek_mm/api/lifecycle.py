"""The start and the end of a server: requests wait while the models load, and open ones are answered before it stops.

`StartupApp` is the server's app from its first moment. A thread opens the house meanwhile, in two steps: first what
answers questions, then the page, whose libraries take seconds to import. What comes for something that is not there
yet waits; nobody is let in unchecked, since only the app behind it answers.

At the end what is under way gets a moment to end by itself. Then each stream of events gets a last event by its own
protocol, and the end of its body; a request that has no answer yet gets a problem. What is neither, such as a download,
is cut when the server has waited long enough: only so its reader knows that something is missing."""

import asyncio
import gc
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepseek_mm.api.openai.errors import PREFIX, error_body
from deepseek_mm.api.problems import problem_for, problem_response

EARLY = ("/ask", "/search", "/embed", "/health", "/health/ready")  # that need the models, and not the page
PAGES = ("/", "/en", "/en/", "/zh", "/zh/")
LOADING_RETRY_S = 1
LOADING = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="1"><title>DeepSeek-MM</title>
<style>body{font:1.1rem system-ui,sans-serif;display:grid;place-content:center;min-height:90vh;text-align:center}
p{margin:.4rem}@media(prefers-color-scheme:dark){body{background:#111;color:#eee}}</style></head>
<body><main role="status"><p>The models are loading. This page opens by itself in a few seconds.</p>
<p lang="zh">
&#x6a21;&#x578b;&#x52a0;&#x8f7d;&#x4e2d;&#xff0c;&#x8bf7;&#x7a0d;&#x5019;&#x3002;</p></main></body></html>"""
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Retry-After": str(LOADING_RETRY_S),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
Opens = Callable[[Callable[[ASGIApp], None]], ASGIApp]  # is told whom to give what answers questions; gives all of it


class StartupApp:
    """The app that stands in for another one until that is open."""

    def __init__(self, opens: Opens, *, fail: Callable[[], None]) -> None:
        """`fail` ends the server where opening fails; `error` then says why."""
        self._opens, self._fail = opens, fail
        self.error: BaseException | None = None
        self._early: ASGIApp | None = None
        self._app: ASGIApp | None = None
        self._news: asyncio.Condition | None = None
        self._is_over = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, wait, or pass it on."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        path, app = scope["path"], self._app or (self._early if scope["path"] in EARLY else None)
        if app is None and scope["type"] == "http" and (answer := early_answer(scope)) is not None:
            await answer(scope, receive, send)
            return
        app = app or await self._wait_until_open(early=path in EARLY)
        if app is None:
            await answer_ending(scope, receive, send)
        else:
            await app(scope, receive, send)

    async def _wait_until_open(self, *, early: bool) -> ASGIApp | None:
        """What answers, as soon as it is there; None where the server ends before."""
        assert self._news is not None, "a server begins with its lifespan"
        async with self._news:
            await self._news.wait_for(lambda: self._is_over or self._app or (early and self._early))
        return self._app or (self._early if early else None)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Open in a thread as soon as the server listens, and give the app its own beginning and end."""
        loop, self._news = asyncio.get_running_loop(), asyncio.Condition()
        inner = Lifespan()
        await receive()
        await send({"type": "lifespan.startup.complete"})

        def hear(work: Any) -> None:
            if not loop.is_closed():
                asyncio.run_coroutine_threadsafe(work, loop)

        def run() -> None:
            try:
                with pause_collector():
                    app = self._opens(lambda early: hear(self._tell(early=early)))
                hear(self._begin(inner, app))
            except BaseException as error:  # noqa: BLE001  whoever started the server is to be told
                self.error = error
                self._fail()

        Thread(target=run, name="opening", daemon=True).start()
        await receive()
        await self._tell(over=True)
        await inner.end()
        await send({"type": "lifespan.shutdown.complete"})

    async def _begin(self, inner: "Lifespan", app: ASGIApp) -> None:
        """Start what the app starts with its server, then let everybody in."""
        try:
            await inner.begin(app)
        except Exception as error:  # noqa: BLE001  as in `run`
            self.error = error
            self._fail()
        await self._tell(app=app)

    async def _tell(self, *, early: ASGIApp | None = None, app: ASGIApp | None = None, over: bool = False) -> None:
        assert self._news is not None
        async with self._news:
            self._early, self._app, self._is_over = early or self._early, app or self._app, over or self._is_over
            self._news.notify_all()


class Lifespan:
    """The beginning and the end of an app inside a server that runs already, by ASGI's lifespan protocol."""

    def __init__(self) -> None:
        self._said: asyncio.Queue[Message] = asyncio.Queue()
        self._heard: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def begin(self, app: ASGIApp) -> None:
        """Return when the app has started. RuntimeError says why it did not."""
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}

        async def live() -> None:
            await app(scope, self._said.get, self._heard.put)

        await self._said.put({"type": "lifespan.startup"})
        self._task = asyncio.create_task(live())
        heard = asyncio.create_task(self._heard.get())
        await asyncio.wait({self._task, heard}, return_when=asyncio.FIRST_COMPLETED)
        if not heard.done():
            heard.cancel()
            raise RuntimeError("the page did not start") from self._task.exception()
        if (told := heard.result())["type"] != "lifespan.startup.complete":
            raise RuntimeError(f"the page did not start: {told.get('message', '')}")

    async def end(self) -> None:
        """Return when the app has ended, if it was begun."""
        if self._task is not None and not self._task.done():
            await self._said.put({"type": "lifespan.shutdown"})
            await asyncio.wait({self._task})


def early_answer(scope: Scope) -> ASGIApp | None:
    """What is said before anything is open: that it lives, that it is not ready, that the page comes; else None."""
    path, method = scope["path"], scope["method"]
    if path == "/health/live":
        return JSONResponse({"status": "ok"})
    if path == "/health/ready":
        detail = f"the models are loading. Ask again in {LOADING_RETRY_S} s"
        return problem_for(scope, 503, "not-now", detail, **{"Retry-After": str(LOADING_RETRY_S)})
    if path in PAGES and method in ("GET", "HEAD"):
        return HTMLResponse(LOADING, headers=HEADERS)
    return None


async def answer_ending(scope: Scope, receive: Receive, send: Send) -> None:
    """Tell who waited that the server ends."""
    if scope["type"] == "http":
        await problem_for(scope, 503, "stopping", "the server is being stopped")(scope, receive, send)
    else:
        await receive()
        await send({"type": "websocket.close", "code": 1012, "reason": "the server is being stopped"})


@contextmanager
def pause_collector() -> Iterator[None]:
    """Python does not look for garbage meanwhile: importing and opening leave hardly any, and looking takes a fifth."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


GRACE_S = 1.0  # in which what is under way may end by itself
LOOK_S = 0.05
STATUS, KIND, RETRY_S = 503, "stopping", 5
DETAIL = f"the server is being stopped. Ask again when it runs, in some {RETRY_S} s perhaps"
EVENTS = "text/event-stream"
QUEUE, HEARTBEAT = "/gradio_api/queue/data", "/gradio_api/heartbeat/"  # streams of Gradio
TAIL_BYTES = 4_096  # of a stream, in which its last event begins
ENDS = (b"event: end", b"[DONE]", b'"close_stream"')  # a stream that has said one of these lately needs no other end


@dataclass(eq=False, kw_only=True, slots=True)
class OpenResponse:
    """What was sent of one answer."""

    scope: Scope
    send: Send
    task: "asyncio.Task[None] | None"
    is_started: bool = False
    is_stream: bool = False
    is_whole: bool = False
    is_ended_here: bool = False  # what the app says after that is dropped
    tail: bytes = field(default=b"")

    async def pass_on(self, message: Message) -> None:
        """Send what the app says, and remember how far it came."""
        if self.is_ended_here:
            return
        if message["type"] == "http.response.start":
            self.is_started = True
            self.is_stream = Headers(raw=message["headers"]).get("content-type", "").startswith(EVENTS)
        elif message["type"] == "http.response.body":
            self.is_whole = not message.get("more_body", False)
            if self.is_stream:
                self.tail = (self.tail + message.get("body", b""))[-TAIL_BYTES:]
        await self.send(message)

    async def end(self) -> None:
        """Say the last words, and stop the app."""
        if self.is_whole or self.is_ended_here or (self.is_started and not self.is_stream):
            return
        self.is_ended_here = True
        if self.is_started:
            last = b"" if any(end in self.tail for end in ENDS) else closing_events(self.scope["path"])
            await self.send({"type": "http.response.body", "body": last, "more_body": False})
        else:
            headers = {"Retry-After": str(RETRY_S), "Connection": "close", "Cache-Control": "no-store"}
            await problem_for(self.scope, STATUS, KIND, DETAIL, **headers)(self.scope, _nothing, self.send)
        if self.task is not None:
            self.task.cancel()


class GracefulShutdown:
    """ASGI middleware that knows every request under way; `end_all` is for the server that stops."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._replies: set[OpenResponse] = set()
        self._is_stopping = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        reply = OpenResponse(scope=scope, send=send, task=asyncio.current_task())
        self._replies.add(reply)
        try:
            await self._app(scope, receive, reply.pass_on)
            if self._is_stopping:  # it may have stopped by itself, without a last word
                reply.task = None
                await reply.end()
        except asyncio.CancelledError:
            if not reply.is_ended_here:
                raise
        finally:
            self._replies.discard(reply)

    async def end_all(self) -> None:
        """Give everybody a moment, then end what goes on."""
        self._is_stopping = True
        loop = asyncio.get_running_loop()
        until_s = loop.time() + GRACE_S
        while loop.time() < until_s and any(HEARTBEAT not in reply.scope["path"] for reply in self._replies):
            await asyncio.sleep(LOOK_S)
        await asyncio.gather(*(reply.end() for reply in list(self._replies)), return_exceptions=True)


def closing_events(path: str) -> bytes:
    """The last events of a stream at this path, as its readers know them."""
    if HEARTBEAT in path:
        return b""
    if QUEUE in path:
        stopped = {"msg": "unexpected_error", "message": DETAIL, "session_not_found": False, "success": False}
        return b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in (stopped, {"msg": "close_stream"}))
    if path.startswith(PREFIX):
        return b"data: " + json.dumps(error_body(STATUS, KIND, DETAIL)).encode() + b"\n\ndata: [DONE]\n\n"
    told = bytes(problem_response(STATUS, KIND, DETAIL, path=path).body)
    return b"event: closing\r\ndata: " + told + b"\r\n\r\n"


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
