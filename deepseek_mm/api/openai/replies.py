"""Replies of OpenAI's API, whole or as server-sent events, with their stop texts and token limits.

The work is a plain generator, which runs in a thread; meanwhile somebody listens for the client. One that goes away
sets `stop`, and the work ends within a token. An error before the first word has a status of its own; a later one is an
event, since the status is out already.
"""

import json
import logging
import re
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from dataclasses import asdict, dataclass, field
from threading import Event, Lock
from typing import Any, ClassVar, Literal, TypeVar

import anyio
from anyio.to_thread import run_sync
from fastapi import Request, Response
from sse_starlette import EventSourceResponse
from starlette.responses import JSONResponse
from starlette.types import Message

from deepseek_mm.api.event_streams import stop_when_left
from deepseek_mm.api.openai.errors import FAULT, error_body
from deepseek_mm.api.openai.schemas import AssistantMessage, Choice, Completion, Usage
from deepseek_mm.api.openai.token_scores import show_chat_scores
from deepseek_mm.api.problems import LEFT, REQUEST_ID, describe_fault, problem_of
from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.lm.generator import TokenScore
from deepseek_mm.lm.tokenizer import count_unfinished, find_first_stop
from deepseek_mm.storage.errors import IndexProblem

Result = TypeVar("Result")
Reason = Literal["stop", "length", "tool_calls"]


class LimitedText:
    """Gives out what is new in each state of a text. What was told cannot be taken back, so that a text which turns
    out otherwise is told once more at its end.
    """

    def __init__(self, stops: Sequence[str], most: int | None, count: Callable[[str], int]) -> None:
        self._stops, self._most, self._count = stops, most, count
        self.text = ""  # what was told
        self.reason: Reason = "stop"
        self.over = False

    def extend(self, text: str) -> str:
        """What `text`, the whole so far, adds."""
        whole = self._limit(text)
        if not self.over:
            whole = whole[: len(whole) - count_unfinished(whole, self._stops)]
        if not whole.startswith(self.text):
            return ""
        piece, self.text = whole[len(self.text) :], whole
        return piece

    def finish(self, text: str) -> str:
        """What the finished `text` adds to what was told."""
        told, whole = self.text, self._limit(text)
        self.text = whole
        return whole[len(told) :] if whole.startswith(told) else f"\n\n{whole}"

    def _limit(self, text: str) -> str:
        """As much of it as is allowed, and whether anything is left for later."""
        self.reason = "stop"
        if (cut := find_first_stop(text, self._stops)) is not None:
            text, self.over = text[:cut], True
        if self._most is not None and self._count(text) > self._most:
            text, self.reason, self.over = self._shorten(text, self._most), "length", True
        return text

    def _shorten(self, text: str, most: int) -> str:
        """Its first words, as many as fit; letters of the first word where even that is too long."""
        ends = [match.end() for match in re.finditer(r"\S+", text)]
        fitting = [end for end in (*range(ends[0]), *ends) if self._count(text[:end]) <= most]
        return text[: max(fitting, default=0)]


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """How an answer ended."""

    text: str  # the whole of it
    reason: Reason
    usage: Usage | None  # None where nobody counted
    fields: dict[str, Any] = field(default_factory=dict)  # of our own, beside the message's
    scores: tuple[TokenScore, ...] = ()  # of its tokens, where they were asked for
    others: tuple["End", ...] = ()  # further answers to the same question


def usage_of(read: int, written: int) -> Usage:
    """Tokens of question and answer."""
    return Usage(prompt_tokens=read, completion_tokens=written, total_tokens=read + written)


log = logging.getLogger(__name__)
Pieces = Generator[str | End, None, None]
Work = Callable[[Event], Pieces]  # pieces of an answer and its end; ends early when the event is set
STREAM_HEADERS = {"Cache-Control": "no-cache", "Content-Type": "text/event-stream; charset=utf-8"}
DONE = "[DONE]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """What every part of a reply says."""

    id: str
    created: int  # seconds since 1970
    model: str
    system_fingerprint: str


@dataclass(kw_only=True, slots=True)
class ReplyFormat(ABC):
    """How the parts of an answer are written."""

    kind: ClassVar[str]  # of a chunk
    head: Head
    counts: bool = False  # whether the last chunk tells of tokens

    @abstractmethod
    def whole(self, end: End) -> dict[str, Any]:
        """The object of an answer that is not streamed."""

    def opening(self) -> list[dict[str, Any]]:
        """Chunks before the first piece."""
        return []

    @abstractmethod
    def chunks(self, piece: str | End) -> list[dict[str, Any]]:
        """Those of a piece."""

    def chunk(self, *choices: dict[str, Any]) -> dict[str, Any]:
        """One chunk with these choices."""
        usage = {"usage": None} if self.counts else {}
        return {"id": self.head.id, "object": self.kind, **asdict(self.head), "choices": list(choices), **usage}

    def last(self, usage: Usage | None) -> list[dict[str, Any]]:
        """The chunk that tells of tokens, where that is wanted."""
        return [self.chunk() | {"usage": usage and usage.model_dump()}] if self.counts else []


class PieceReader:
    """Pieces of an answer, read one at a time in whichever thread, and given up cleanly."""

    def __init__(self, work: Work) -> None:
        self.stop, self._lock = Event(), Lock()
        self._pieces = work(self.stop)

    async def next(self) -> str | End | None:
        """The next piece; None behind the last."""
        return await self._alone(lambda: next(self._pieces, None))

    async def last(self) -> str | End | None:
        """The last piece."""
        return next(iter(await self._alone(lambda: deque(self._pieces, maxlen=1))), None)

    async def close(self) -> None:
        """Give up the rest: an answer whose reader left early is a stopped one."""
        self.stop.set()
        with anyio.CancelScope(shield=True):
            await self._alone(self._pieces.close)

    async def _alone(self, do: Callable[[], Result]) -> Result:
        def run() -> Result:
            with self._lock:  # a thread may still be at the next piece
                return do()

        return await run_sync(run)


async def reply(work: Work, form: ReplyFormat, request: Request, *, streams: bool) -> Response:
    """The answer, whole or as it grows."""
    return await (reply_stream if streams else reply_whole)(work, form, request)


async def reply_whole(work: Work, form: ReplyFormat, request: Request) -> Response:
    """One JSON object, when the answer has ended."""
    reader = PieceReader(work)
    try:
        async with stop_when_left(request, reader.stop.set):
            end = await reader.last()
    finally:
        was_left = reader.stop.is_set()
        await reader.close()
    if was_left or not isinstance(end, End):
        return Response(status_code=LEFT)
    return Response(json_of(form.whole(end)), media_type=JSONResponse.media_type)


async def reply_stream(work: Work, form: ReplyFormat, request: Request) -> Response:
    """Server-sent events, each as soon as it is there; the status is sent with the first piece."""
    reader = PieceReader(work)
    try:
        async with stop_when_left(request, reader.stop.set):
            first = await reader.next()
    except BaseException:
        await reader.close()
        raise

    async def stop_now(message: Message) -> None:
        reader.stop.set()

    events = stream_events(reader, form, first, str(request.scope.get(REQUEST_ID, "")))
    return EventSourceResponse(events, headers=STREAM_HEADERS, sep="\n", ping=0, client_close_handler_callable=stop_now)


async def stream_events(
    reader: PieceReader, form: ReplyFormat, piece: str | End | None, number: str
) -> AsyncIterator[str]:
    """The data of each event, from the first piece on; `number` is the request's, for the log."""
    try:
        async for chunk in stream_chunks(reader, form, piece, number):
            yield json_of(chunk)
        if not reader.stop.is_set():
            yield DONE
    finally:
        await reader.close()


async def stream_chunks(
    reader: PieceReader, form: ReplyFormat, piece: str | End | None, number: str
) -> AsyncIterator[dict[str, Any]]:
    """The same as objects; an error in the midst of it is the last one."""
    for chunk in form.opening():
        yield chunk
    try:
        while piece is not None and not reader.stop.is_set():
            for chunk in form.chunks(piece):
                yield chunk
            piece = await reader.next()
    except Exception as error:  # noqa: BLE001  the status is out: the reader hears of it in an event
        yield _trouble(error, number)


@dataclass(kw_only=True, slots=True)
class ChatFormat(ReplyFormat):
    """As clients of /v1/chat/completions read it."""

    kind = "chat.completion.chunk"

    def whole(self, end: End) -> dict[str, Any]:
        """One completion."""
        choices = [
            Choice(
                index=number,
                message=AssistantMessage(content=each.text, **each.fields),
                finish_reason=each.reason,
                logprobs=show_chat_scores(each.scores),
            )
            for number, each in enumerate((end, *end.others))
        ]
        return Completion(**asdict(self.head), choices=choices, usage=end.usage).model_dump()

    def opening(self) -> list[dict[str, Any]]:
        """Who speaks."""
        return [self.chunk(to_choice({"role": "assistant", "content": ""}))]

    def chunks(self, piece: str | End) -> list[dict[str, Any]]:
        """A piece of text; at the end what the answer has beside its words, and its tokens."""
        if isinstance(piece, str):
            return [self.chunk(to_choice({"content": piece}))] if piece else []
        fields = {**piece.fields}
        if "tool_calls" in fields:
            fields["tool_calls"] = [{"index": n, **each} for n, each in enumerate(fields["tool_calls"])]
        ends = [self.chunk(to_choice(fields, piece.reason, scores=piece.scores))]
        for number, each in enumerate(piece.others, start=1):
            said = {"role": "assistant", "content": each.text}
            ends.append(self.chunk(to_choice(said, each.reason, scores=each.scores, number=number)))
        return [*ends, *self.last(piece.usage)]


def to_choice(
    delta: dict[str, Any], reason: Reason | None = None, *, scores: Sequence[TokenScore] = (), number: int = 0
) -> dict[str, Any]:
    """A choice of a chunk."""
    told = show_chat_scores(scores)
    return {"index": number, "delta": delta, "logprobs": told and told.model_dump(), "finish_reason": reason}


def json_of(body: dict[str, Any]) -> str:
    """JSON, with what no UTF-8 can carry, such as half a character in a file's name, as question marks."""
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace").decode()


def _trouble(error: Exception, number: str) -> dict[str, Any]:
    """What the reader of a stream is told of an error in the midst of it."""
    if isinstance(error, DeepSeekMMError | IndexProblem):
        return error_body(*problem_of(error), str(error))
    log.error("request %s broke in the midst of its answer", number, exc_info=error)
    return error_body(FAULT, "fault", describe_fault(number))
