"""How many requests may be answered at once while their callers wait; those beyond are sent away at once.

Only what computes is counted. Whoever was let in keeps a latency near that of a full house, however many knock: so
`Room.refusal` lets the connection itself (`serve/slow_client_limits`) send them away, before their request is parsed.
"""

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from deepseek_mm.serve.problems import REQUEST_ID, problem_response

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
