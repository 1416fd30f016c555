"""Limits of requests and connections: how many, how large, how slow, and how long their heads.

`RequestLimiter` counts only what computes. Whoever was let in keeps a latency near that of a full house, however many
knock: so `RequestLimiter.refusal` lets the connection itself (`SlowClientProtocol`) send them away before they are
parsed.

Whoever hangs up before the answer begins is in the log as such, whatever is said to the empty line.

Where too many connections are open the longest idle one is closed, of the address that has most; next those whose
request has only begun to come; one that is being answered is never closed. So a flood of silent connections shuts
nobody out, also where everybody has one address (this machine, or a proxy).

Browsers send URLs of some kilobytes and some thirty headers. More only fills logs and memory, or tries what a parser
can bear.

Each connection is looked at every `serve.patience_s`. A request whose head is not complete from one look to the next, a
body that came more slowly than SLOWEST, an answer of which nothing was read: none of them is waited for any longer. A
slow body that nobody here wants to read yet is not its sender's fault. What is no HTTP is told so as every problem is.
"""

import asyncio
import re
import sys
from collections import Counter
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Literal

import h11
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from deepseek_mm.accounts.guesses import network_of
from deepseek_mm.addresses import is_within, read_networks
from deepseek_mm.api.problems import LEFT, has_left, problem_for, problem_response
from deepseek_mm.config import ServeConfig

COMPUTES = (
    "/search",
    "/search/why",
    "/search/heat",
    "/embed",
    "/detect",
    "/point",
    "/mcp",
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/fim/completions",
    "/infill",
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
            problem = problem_for(scope, TOO_MANY, "busy", room.detail, **{"Retry-After": str(RETRY_S)})
            return await problem(scope, receive, send)
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
        await problem_for(scope, 413, "too-large", detail, Connection="close")(scope, receive, send)


def read_content_length(scope: Scope) -> int:
    """Bytes of the body, as its header says; 0 if it does not say."""
    said = Headers(scope=scope).get("content-length", "")
    return int(said) if said.isdecimal() and len(said) < 20 else 0


BUSY, TOO_MANY = 503, 429


def is_proxy(connection: Any, serve: ServeConfig) -> bool:
    """Whether a proxy that is believed opened it, for whoever is behind it."""
    return is_within(connection.client[0] if connection.client else "", read_networks("serve.proxies", serve.proxies))


def make_room(new: "SlowClientProtocol", connections: Iterable[Any], serve: ServeConfig) -> tuple[int, str] | None:
    """Close what `new` needs closed; or the status and the reason why there is no room for it.

    `connections` are all of the server, `new` among them; websockets count, and are never closed.
    """
    opened = [each for each in connections if not each.transport.is_closing()]
    counts = Counter(network_of_connection(each) for each in opened)
    idle = [each for each in opened if each is not new and hasattr(each, "stage") and each.stage() is not None]
    mine = [each for each in idle if each.network == new.network]
    most = serve.connections_per_address
    if counts[new.network] > most and not is_proxy(new, serve):
        if not evict_first(mine, counts):
            return TOO_MANY, f"{most} connections are open from your address, and no more may be. Close some"
    elif len(opened) > serve.connections and not evict_first(idle, counts):
        return BUSY, f"{serve.connections} connections are open, and no more may be. Try again in a moment"
    return None


def evict_first(idle: list[Any], counts: Counter[str]) -> bool:
    """Close the one that goes first, if there is one."""
    if idle:
        min(idle, key=lambda each: (each.stage(), -counts[each.network], each.idle_since_s)).evict()
    return bool(idle)


def network_of_connection(each: Any) -> str:
    """Whom a connection counts for, a websocket too."""
    return each.network if hasattr(each, "network") else network_of(each.client[0] if each.client else "")


URL_BYTES = 16_384  # path and query
MOST_HEADERS = 200
HEAD_BYTES = 65_536  # URL and headers together
TOO_LONG, TOO_LARGE = 414, 431


class HeadTooLong(h11.RemoteProtocolError):
    """Which limit, with the status for it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message, error_status_hint=status)


class LimitedConnection(h11.Connection):
    """A server's side of a connection that takes no request with such a head."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, HEAD_BYTES)

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """As h11's. HeadTooLong, also of a head that is not complete yet."""
        before = self.their_state
        try:
            event = super().next_event()
        except h11.RemoteProtocolError as error:
            if before is h11.IDLE and error.error_status_hint == TOO_LARGE:
                check_url(self.trailing_data[0].partition(b"\r\n")[0])
                raise HeadTooLong(
                    TOO_LARGE, f"its head has more than {HEAD_BYTES:,} bytes. Send fewer headers"
                ) from None
            raise
        if isinstance(event, h11.Request):
            check_head(event)
        return event


def check_head(request: h11.Request) -> None:
    """HeadTooLong names the first limit that it exceeds."""
    check_url(request.target)
    number = len(request.headers)
    if number > MOST_HEADERS:
        raise HeadTooLong(TOO_LARGE, f"it has {number} headers, and may have {MOST_HEADERS}. Send fewer")
    size = len(request.target) + sum(len(name) + len(value) + 4 for name, value in request.headers)
    if size > HEAD_BYTES:
        raise HeadTooLong(TOO_LARGE, f"its head has {size:,} bytes, and may have {HEAD_BYTES:,}. Send fewer headers")


def check_url(url: bytes) -> None:
    """HeadTooLong if it is."""
    if len(url) > URL_BYTES:
        detail = f"its address has {len(url):,} bytes, and may have {URL_BYTES:,}. Send what is long in the body"
        raise HeadTooLong(TOO_LONG, detail)


AT_THE_DOOR_S = 0.1  # in which a request has come in, or never will
SLOWEST = 1_000  # bytes a second of a body
Waits = tuple[Literal["head", "body"], RequestResponseCycle | None]  # for what, and the request before or under way


class SlowClientProtocol(H11Protocol):
    """One connection."""

    def __init__(self, serve: ServeConfig, room: RequestLimiter, **given: Any) -> None:
        """`room` says whom there is no place for, before anything of their request is read."""
        super().__init__(**given)
        self.conn = LimitedConnection()
        self._room, self._serve, self._patience_s = room, serve, serve.patience_s
        self.network, self.idle_since_s = "", 0.0
        self._waits: Waits | None = None
        self._came, self._unread = 0, 0  # bytes since the last look; bytes that the caller had not read by then
        self._look: asyncio.TimerHandle | None = None
        self._over = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Of lines too many one that is idle is closed; where none is, this one is told to come again."""
        super().connection_made(transport)
        self.network, self.idle_since_s = network_of(self.client[0] if self.client else ""), self.loop.time()
        if (refusal := make_room(self, self.connections, self._serve)) is not None:
            self._end(refusal[0], "busy", refusal[1])
            self.transport.close()
        else:
            self._look_later()

    def stage(self) -> int | None:
        """0 if nothing is asked or all is said, 1 if a request has only begun to come, None if one is under way."""
        if self._over:
            return 0
        if self.conn.their_state is not h11.IDLE or not self._is_between():
            return None
        return 0 if self._is_empty() else 1

    def evict(self) -> None:
        """Close it for others' sake; whoever had begun to ask is told so."""
        if self.stage() == 1:
            self._end(BUSY, "busy", "too many connections are open, and this one came slowly. Try again in a moment")
        self.transport.close()

    def on_response_complete(self) -> None:
        """It is idle from now on."""
        self.idle_since_s = self.loop.time()
        super().on_response_complete()

    def data_received(self, data: bytes) -> None:
        """Counted; what comes after the end is dropped: closed with unread bytes the line would lose the answer."""
        self._came += len(data)
        if self._over:
            return
        room, waited = self._room, self._room.begun
        if self._is_between() and self._is_empty() and (refusal := room.refusal(data)):
            self.transport.write(refusal)
            return
        if room.begun > waited == 0:
            self.loop.call_later(AT_THE_DOOR_S, room.forget)
        super().data_received(data)

    def _is_between(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _is_empty(self) -> bool:
        """Whether nothing of another request has come."""
        return self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing to look at any more."""
        self._stop_looking()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """From here on it is looked after by others."""
        self._stop_looking()
        super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        """In place of plain text."""
        error = sys.exc_info()[1]  # uvicorn tells of it while it handles it
        if isinstance(error, HeadTooLong):
            self._end(error.error_status_hint, "head-too-long", f"the request is not read: {error}")
        else:
            self._end(400, "no-http", f"{msg.rstrip('.')}: its line or its headers are damaged. Send HTTP/1.1")

    def look(self) -> None:
        """Cut the line if it stands still since the last look."""
        unread, before = self.transport.get_write_buffer_size(), self._waits
        self._waits, came, self._came = self._waiting(), self._came, 0
        stuck, self._unread = bool(self._unread) and unread >= self._unread, unread
        if stuck:
            self.transport.abort()
        elif before is None or before != self._waits or (before[0] == "body" and came >= SLOWEST * self._patience_s):
            self._look_later()
        elif before[0] == "head" and not self.conn.trailing_data[0]:  # nothing was asked: nothing to answer
            self.transport.close()
        else:
            part = "head of the request" if before[0] == "head" else "body"
            self._end(408, "too-slow", f"the {part} came too slowly. Send it again, over a better line")

    def _waiting(self) -> Waits | None:
        """What is still to come from the caller."""
        if self.conn.their_state is h11.IDLE:
            return "head", self.cycle
        if self.conn.their_state is h11.SEND_BODY and not self.flow.read_paused:
            return "body", self.cycle
        return None

    def _end(self, status: int, kind: str, detail: str) -> None:
        """Say why, if nothing was said yet, and hang up as soon as the caller has heard it."""
        self._stop_looking()
        self._over = True
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            path = self.scope["path"] if self.cycle is not None and not self.cycle.response_complete else "/"
            told = problem_response(status, kind, detail, path=path, Connection="close")
            head = h11.Response(status_code=status, headers=told.raw_headers, reason=HTTPStatus(status).phrase.encode())
            for event in (head, h11.Data(data=bytes(told.body)), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
            if self.transport.can_write_eof():
                self.transport.write_eof()
            else:  # over TLS the line can only be closed whole
                self.transport.close()
            self.flow.resume_reading()
        else:
            self.transport.close()
        self._look = self.loop.call_later(self._patience_s, self.transport.abort)  # it may not even read this

    def _look_later(self) -> None:
        self._look = self.loop.call_later(self._patience_s, self.look)

    def _stop_looking(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None
