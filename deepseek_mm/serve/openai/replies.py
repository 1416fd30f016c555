"""An answer on the wire, whole or as server-sent events, given for as long as its reader is there.

The work is a plain iterator, which runs in a thread; meanwhile somebody listens for the client. One that goes away sets
`stop`, and the work ends within a token. An error before the first word has a status of its own; a later one is an
event, since the status is out already.
"""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event
from typing import Any

import anyio
from anyio.to_thread import run_sync
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.serve.openai.errors import FAULT, error_body
from deepseek_mm.serve.openai.pieces import End
from deepseek_mm.serve.openai.wire import Choice, Completion, Said
from deepseek_mm.serve.problems import REQUEST_ID, problem_of
from deepseek_mm.storage.errors import IndexProblem

log = logging.getLogger(__name__)
Work = Callable[[Event], Iterator[str | End]]  # pieces of an answer and its end; ends early when the event is set
NEVER_KEPT = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}  # events pass a proxy one by one


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """What every part of a reply says."""

    id: str
    created: int  # seconds since 1970
    model: str
    system_fingerprint: str


class Reply(Response):
    """What is common to both kinds: the thread, and the ear for the client."""

    def __init__(self, head: Head, work: Work) -> None:
        self.head, self.work, self.status_code, self.background = head, work, 200, None
        self.init_headers(NEVER_KEPT | {"Content-Type": "text/event-stream; charset=utf-8"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        stop, failed = Event(), list[Exception]()
        pieces = self.work(stop)
        try:
            async with anyio.create_task_group() as both:
                both.start_soon(_listen, receive, stop)
                try:
                    await self.give(pieces, stop, scope, receive, send)
                except Exception as error:  # noqa: BLE001  raised again below: out of the group it keeps its kind
                    failed.append(error)
                both.cancel_scope.cancel()
        finally:
            stop.set()
            with anyio.CancelScope(shield=True):
                await run_sync(_close, pieces)
        if failed and not (isinstance(failed[0], OSError) and not isinstance(failed[0], DeepSeekMMError)):
            raise failed[0]  # a plain OSError is the client's line, which is down

    async def give(self, pieces: Iterator[str | End], stop: Event, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what the work gives."""
        raise NotImplementedError


class Whole(Reply):
    """One JSON object."""

    async def give(self, pieces: Iterator[str | End], stop: Event, scope: Scope, receive: Receive, send: Send) -> None:
        """When the answer has ended."""
        end = await run_sync(_last, pieces)
        if isinstance(end, End) and not stop.is_set():
            await send_json(self.told(end), scope, receive, send)

    def told(self, end: End) -> dict[str, Any]:
        """The object."""
        return completion(self.head, end).model_dump()


class Stream(Reply):
    """One event a piece."""

    def __init__(self, head: Head, work: Work, *, counts: bool) -> None:
        super().__init__(head, work)
        self.counts = counts  # whether the last event tells of tokens

    async def give(self, pieces: Iterator[str | End], stop: Event, scope: Scope, receive: Receive, send: Send) -> None:
        """As soon as each is there."""
        piece = await run_sync(next, pieces, None)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        events = self.opening()
        try:
            while piece is not None and not stop.is_set():
                await _send(send, [*events, *self.events(piece)])
                events, piece = [], await run_sync(next, pieces, None)
        except Exception as error:  # noqa: BLE001  the status is out: the reader hears of it in an event
            await _send(send, [_trouble(error, str(scope.get(REQUEST_ID, "")))])
        if not stop.is_set():
            await _send(send, ["[DONE]"])
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def opening(self) -> list[dict[str, Any]]:
        """Chunks before the first piece."""
        return [self._chunk({"role": "assistant", "content": ""})]

    def events(self, piece: str | End) -> list[dict[str, Any]]:
        """The chunks of a piece."""
        if isinstance(piece, str):
            return [self._chunk({"content": piece})] if piece else []
        last = [self._chunk(piece.fields, reason=piece.reason)]
        if not self.counts:
            return last
        usage = piece.usage and piece.usage.model_dump()
        return [*last, self._chunk(None) | {"usage": usage}]

    def _chunk(self, delta: dict[str, Any] | None, *, reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {
            "id": self.head.id,
            "object": "chat.completion.chunk",
            "created": self.head.created,
            "model": self.head.model,
            "system_fingerprint": self.head.system_fingerprint,
            "choices": [] if delta is None else [choice],
        } | ({"usage": None} if self.counts else {})


def completion(head: Head, end: End) -> Completion:
    """The whole answer."""
    return Completion(
        id=head.id,
        created=head.created,
        model=head.model,
        choices=[Choice(message=Said(content=end.text, **end.fields), finish_reason=end.reason)],
        usage=end.usage,
        system_fingerprint=head.system_fingerprint,
    )


async def send_json(body: dict[str, Any], scope: Scope, receive: Receive, send: Send) -> None:
    """With what no JSON can carry, such as half a character in a file's name, as question marks."""
    await Response(as_bytes(body), media_type=JSONResponse.media_type)(scope, receive, send)


def as_bytes(body: dict[str, Any]) -> bytes:
    """JSON in UTF-8."""
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


def _trouble(error: Exception, number: str) -> dict[str, Any]:
    """What the reader of a stream is told of an error in the midst of it."""
    if isinstance(error, DeepSeekMMError | IndexProblem):
        return error_body(*problem_of(error), str(error))
    log.error("request %s broke in the midst of its answer", number, exc_info=error)
    told = (
        f"something unexpected happened here. The log has the details under {number or 'this time'}; please report it"
    )
    return error_body(FAULT, "fault", told)


async def _send(send: Send, events: list[Any]) -> None:
    data = b"".join(
        b"data: " + (each.encode() if isinstance(each, str) else as_bytes(each)) + b"\n\n" for each in events
    )
    if data:
        await send({"type": "http.response.body", "body": data, "more_body": True})


async def _listen(receive: Receive, stop: Event) -> None:
    """Until the client goes away."""
    while (await receive())["type"] != "http.disconnect":
        pass
    stop.set()


def _last(pieces: Iterator[str | End]) -> str | End | None:
    *_, last = [None, *pieces]
    return last


def _close(pieces: Iterator[str | End]) -> None:
    """Whatever is left of the work: a reader who left early leaves a stopped answer."""
    if hasattr(pieces, "close"):
        pieces.close()
