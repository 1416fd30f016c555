"""Limits of requests: how many are answered at once, and how many bytes a body may have.

`RequestLimiter` counts only what computes. Whoever was let in keeps a latency near that of a full house, however many
knock: so `RequestLimiter.refusal` lets the connection itself (`connection_limits`) send them away before they are
parsed.

Whoever hangs up before the answer begins is in the log as such, whatever is said to the empty line.
"""

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepseek_mm.api.problems import LEFT, REQUEST_ID, has_left, problem_response

COMPUTES = (
    "/search",
    "/search/why",
    "/search/heat",
    "/embed",
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
)
RETRY_S = 1
ASKED = re.compile(rb"POST (%s) HTTP/1\.1\r\n" % b"|".join(re.escape(path.encode()) for path in COMPUTES))
LENGTH = re.compile(rb"\r\ncontent-length: *(\d{1,9})\r\n", re.IGNORECASE)
END = b"\r\n\r\n"


class RequestLimiter:
    """Who is inside. Used in the event loop alone."""

    def __init__(self, most: int) -> None:
        self.most, self.inside, self.turned_away = most, 0, 0
        self.begun = 0  # read by the line, and on their way to `enter`: many may come in one turn of the event loop
        self._refusals = {path.encode(): self._refusal(path) for path in COMPUTES}

    @property
    def detail(self) -> str:
        """What somebody is told for whom there is no room."""
        return f"{self.most} requests are being answered, and no more are at once. Try again in {RETRY_S} s"

    def refusal(self, data: bytes) -> bytes | None:
        """The answer to a whole request that computes, if there is no room; None for anything else."""
        if (asked := ASKED.match(data)) is None:
            return None
        head, _, body = data.partition(END)
        length = LENGTH.search(head + b"\r\n")
        if length is None or int(length[1]) != len(body):
            return None
        if self.inside + self.begun < self.most:
            self.begun += 1
            return None
        self.turned_away += 1
        return self._refusals[asked[1]]

    def enter(self) -> bool:
        """Somebody comes in, if there is room."""
        self.begun = max(0, self.begun - 1)
        if self.inside >= self.most:
            self.turned_away += 1
            return False
        self.inside += 1
        return True

    def forget(self) -> None:
        """Whoever has not come in by now was stopped at the door."""
        self.begun = 0

    def _refusal(self, path: str) -> bytes:
        told = problem_response(429, "busy", self.detail, path=path, **{"Retry-After": str(RETRY_S)})
        head = b"".join(name + b": " + value + b"\r\n" for name, value in told.raw_headers)
        return b"HTTP/1.1 429 Too Many Requests\r\n" + head + b"\r\n" + bytes(told.body)


class Admission:
    """ASGI middleware that counts who is inside."""

    def __init__(self, app: ASGIApp, room: RequestLimiter) -> None:
        self.app, self.room = app, room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on, or answer 429."""
        if scope["type"] != "http" or scope["path"] not in COMPUTES:
            return await self.app(scope, receive, send)
        room = self.room
        if not room.enter():
            told = {"path": scope["path"], "request_id": str(scope.get(REQUEST_ID, "")), "Retry-After": str(RETRY_S)}
            return await problem_response(429, "busy", room.detail, **told)(scope, receive, send)
        try:
            await self.app(scope, receive, send)
        finally:
            room.inside -= 1
        return None


class BodyLimit:
    """ASGI middleware: a request with more than `most_bytes` is answered with 413, and its rest is not read."""

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self._app, self._most = app, most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on as long as it is small enough."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif read_content_length(scope) > self._most:
            await self._refuse(scope, receive, send)
        else:
            await self._count(scope, receive, send)

    async def _count(self, scope: Scope, receive: Receive, send: Send) -> None:
        came, started, left = 0, False, False

        async def receive_counted() -> Message:
            """For the app it looks as if the caller had gone: every app can deal with that."""
            nonlocal came, left
            message = await receive() if came <= self._most else {"type": "http.disconnect"}
            left = left or (came <= self._most and message["type"] == "http.disconnect")
            came += len(message.get("body", b""))
            return message if came <= self._most else {"type": "http.disconnect"}

        async def unless_too_much(message: Message) -> None:
            nonlocal started
            if started or came <= self._most:
                started = True
                begins = message["type"] == "http.response.start"
                await send({**message, "status": LEFT} if begins and left else message)

        try:
            await self._app(scope, receive_counted, unless_too_much)
        except Exception as error:  # how the app takes it that the caller is gone is of no interest
            if came <= self._most and not has_left(error):
                raise
        if came > self._most and not started:
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        detail = (
            f"the request has more than {self._most:,} bytes. Send less at a time, or raise serve.max_body_bytes where "
            "the server is started"
        )
        number = scope.get(REQUEST_ID, "")
        problem = problem_response(413, "too-large", detail, path=scope["path"], request_id=number, Connection="close")
        await problem(scope, receive, send)


def read_content_length(scope: Scope) -> int:
    """Bytes of the body, as its header says; 0 if it does not say."""
    said = Headers(scope=scope).get("content-length", "")
    return int(said) if said.isdecimal() and len(said) < 20 else 0
