"""A server that is told to end says so to everybody who waits: no stream is cut, and no request left without an answer.

What is under way gets a moment to end by itself. Then each stream of events gets a last event by its own protocol, and
the end of its body; a request that has no answer yet gets a problem. What is neither, such as a download, is cut when
the server has waited long enough: only so its reader knows that something is missing.
"""

import asyncio
import json
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepseek_mm.serve.openai.errors import PREFIX, error_body
from deepseek_mm.serve.problems import REQUEST_ID, problem_response

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
            await problem(self.scope)(self.scope, _nothing, self.send)
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


def problem(scope: Scope) -> ASGIApp:
    """The answer to a request that has none yet."""
    headers = {"Retry-After": str(RETRY_S), "Connection": "close", "Cache-Control": "no-store"}
    return problem_response(
        STATUS, KIND, DETAIL, path=scope["path"], request_id=str(scope.get(REQUEST_ID, "")), **headers
    )


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
