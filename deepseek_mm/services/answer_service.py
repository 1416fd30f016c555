"""The one way from whoever asks (page, command line, API, tasks, OpenAI's clients, agents) to the assistant's answer.

A question belongs to its caller: the answer goes into the history of `caller.session`, whatever the question says.
Whoever follows an answer is given the latest state: a slow reader skips states, and no answer waits for a reader.

Whoever has a thread (a task's worker, a chat of OpenAI, the command line) reads an answer with `stream`. Everybody else
has a run started, which a thread of the engine produces: at most `serve.workers` at a time, and at most `serve.queue`
wait for their turn. What is looked up before the first word is shared by all of them.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from threading import Event
from typing import Any, Generic, Self, TypeVar

import numpy as np
from PIL.Image import Image

from deepseek_mm.accounts.permissions import Caller, check_run, iterate_as, requires_by_default
from deepseek_mm.accounts.quotas import Quotas
from deepseek_mm.assistant import Assistant
from deepseek_mm.batcher import Batcher, BatchKind, Heard
from deepseek_mm.embeddings.space import EmbeddingModel, Floats, SharingSpace, code_here, texts_here
from deepseek_mm.errors import BadQuestion
from deepseek_mm.jobs import ENDED
from deepseek_mm.jobs import State as Stage
from deepseek_mm.jobs.table import new_token
from deepseek_mm.types import Answer, Question
from deepseek_mm.vision.description import Description
from deepseek_mm.vision.pipeline import ImageAnalysis
from index import Source
from index.region import LibraryViewer, current_viewer, view_as

State = TypeVar("State")
Produce = Callable[[threading.Event], Iterator[State]]  # the states, which end early when the event is set


class AnswerRun(Generic[State]):
    """How far an answer came. Its methods may be called from any thread.

    One that is stopped ends as "cancelled", whether its turn had come or not.
    """

    def __init__(
        self,
        produce: Produce[State],
        *,
        session: str,
        page: str = "",
        on_release: "Callable[[AnswerRun[Any]], None]" = lambda run: None,
    ) -> None:
        """`page` names the open page that waits for it; `on_release` hears when it has ended and nobody follows it."""
        self.token, self.session, self.page = new_token(), session, page
        self.stage: Stage = "waiting"
        self.latest: State | None = None
        self.error: Exception | None = None
        self.created_at = datetime.now(UTC)
        self.started_at: datetime | None = None
        self.ended_at: datetime | None = None
        self.stopping = threading.Event()
        self.num_followers = 0
        self._produce, self._on_release = produce, on_release
        self._changed, self._num_states = threading.Condition(), 0
        self._listeners: list[Callable[[], object]] = []
        self._turn: Future[Any] | None = None

    @property
    def has_ended(self) -> bool:
        """Whether no further state comes."""
        return self.stage in ENDED

    def await_turn(self, turn: "Future[Any]") -> None:
        """Let `stop` take it out of the queue as long as its turn has not come."""
        self._turn = turn

    def produce_all(self) -> None:
        """Produce every state; called once, by the thread that answers it."""
        self.started_at = datetime.now(UTC)
        self._move("running")
        try:
            for state in self._produce(self.stopping):
                with self._changed:
                    self.latest, self._num_states = state, self._num_states + 1
                    self._changed.notify_all()
                self._notify()
        except Exception as error:  # noqa: BLE001  whatever it is, it is raised where the answer is followed
            self.error = error
        self._end("cancelled" if self.stopping.is_set() else "failed" if self.error else "done")

    def stop(self) -> None:
        """End it within a word; at once if its turn has not come."""
        self.stopping.set()
        if self._turn is not None and self._turn.cancel() and not self.has_ended:
            self._end("cancelled")

    def follow(self) -> Iterator[State]:
        """The states as they come, of several that came meanwhile the last; raises what producing them raised."""
        self.num_followers += 1
        seen, has_ended = 0, False
        try:
            while not has_ended:
                before = seen
                seen, latest, has_ended = self._wait_beyond(before)
                if seen > before and latest is not None:
                    yield latest
            if self.error is not None:
                raise self.error
        finally:
            self.num_followers -= 1
            self._release()

    @contextmanager
    def listen(self, listener: Callable[[], object]) -> Iterator[None]:
        """`listener` is called, in any thread, whenever something changes; it must be quick."""
        with self._changed:
            self._listeners.append(listener)
        try:
            yield
        finally:
            with self._changed:
                self._listeners.remove(listener)

    def _wait_beyond(self, seen: int) -> tuple[int, State | None, bool]:
        """Number of states so far, the last one, and whether it has ended, once there is more than was seen."""
        with self._changed:
            self._changed.wait_for(lambda: self._num_states > seen or self.has_ended)
            return self._num_states, self.latest, self.has_ended

    def _end(self, stage: Stage) -> None:
        self.ended_at = datetime.now(UTC)
        self._move(stage)
        self._release()

    def _move(self, stage: Stage) -> None:
        with self._changed:
            self.stage = stage
            self._changed.notify_all()
        self._notify()

    def _notify(self) -> None:
        for listener in tuple(self._listeners):
            listener()

    def _release(self) -> None:
        if self.has_ended and not self.num_followers:
            self._on_release(self)


MAX_TEXTS = 64  # that share a pass of the text tower
MAX_PICTURES = 16  # the same of the image tower
MAX_QUESTIONS = 8  # that are looked up together
LOOKUPS_AT_ONCE = 2  # passes of questions: while one waits for the language model, others look at pictures
STOP_S = 1.0  # how long runs under way may take to stop when the program ends
POLL_S = 0.01  # between two looks at whether they have


@dataclass(frozen=True, kw_only=True, slots=True)
class QueuedQuestion:
    """A question that waits to be looked up, and the event that stops its answer."""

    question: Question
    stop: threading.Event
    viewer: LibraryViewer  # for whom it is looked up


def ignore_batch(kind: str, number: int, seconds: float) -> None:
    """Where nobody counts batches."""


class AnswerEngine:
    """Batches questions and vectors, and produces runs; its threads begin with the first request."""

    def __init__(self, assistant: Assistant, *, heard: Heard = ignore_batch) -> None:
        serve = assistant.config.serve
        self.assistant = assistant
        self._batches = Batcher(
            {
                "text": BatchKind(do=lambda texts: list(self._space.embed_texts(texts)), most=MAX_TEXTS),
                "code": BatchKind(do=lambda codes: list(self._space.embed_code(codes)), most=MAX_TEXTS),
                "text here": BatchKind(do=lambda texts: list(texts_here(self._space)(texts)), most=MAX_TEXTS),
                "code here": BatchKind(do=lambda codes: list(code_here(self._space)(codes)), most=MAX_TEXTS),
                "picture": BatchKind(do=lambda images: list(self._space.embed_images(images)), most=MAX_PICTURES),
                "ask": BatchKind(do=self._look_up, most=MAX_QUESTIONS, at_once=LOOKUPS_AT_ONCE),
            },
            wait_s=serve.batch_wait_ms / 1_000,
            most_waiting=serve.bulk_queue,
            heard=heard,
        )
        produce = BatchKind(do=lambda runs: [run.produce_all() for run in runs], most=1, at_once=serve.workers)
        self._turns = Batcher({"answer": produce}, wait_s=0.0, most_waiting=serve.queue)
        self._runs: dict[str, AnswerRun[Any]] = {}  # that have not ended or are followed, by token, oldest first
        self._changing = threading.Lock()

    def stream(self, question: Question, *, stop: threading.Event) -> Iterator[Answer]:
        """As `Assistant.stream`; returns once the evidence is found, and the answer grows as it is read."""
        queued = QueuedQuestion(question=question, stop=stop, viewer=current_viewer())
        growing: Iterator[Answer] = self._batches.run("ask", [queued])[0]
        return growing

    def embed(self, kind: str, items: Sequence[str] | Sequence[Image]) -> Floats:
        """(N, D) vectors of "text", "code" or "picture", in order; of "text here" and "code here" on this machine."""
        rows = self._batches.run(self._choose_kind(kind), items)
        return np.stack(rows) if rows else np.zeros((0, self._space.dim), np.float32)

    async def embed_soon(self, kind: str, items: Sequence[str] | Sequence[Image]) -> list[Floats]:
        """The same without a thread that waits: handing over to one and back costs more than a text in a full pass."""
        futures = self._batches.submit_many(self._choose_kind(kind), items)
        return [*await asyncio.gather(*map(asyncio.wrap_future, futures))]

    def start(self, produce: Produce[State], *, session: str, page: str = "") -> AnswerRun[State]:
        """Have a thread of the engine produce the states of an answer. Busy if too many runs wait."""
        run = AnswerRun(produce, session=session, page=page, on_release=self._forget)
        with self._changing:
            self._runs[run.token] = run
        try:
            run.await_turn(self._turns.submit("answer", run))
        except Exception:
            self._forget(run)
            raise
        return run

    def runs(self, *, page: str | None = None) -> list[AnswerRun[Any]]:
        """Those that have not ended or are followed, oldest first: all, or those of an open page."""
        with self._changing:
            return [run for run in self._runs.values() if page in (None, run.page)]

    def find(self, token: str, *, session: str) -> AnswerRun[Any] | None:
        """The session's own run of this name, as long as it has not ended."""
        run = self._runs.get(token)
        return None if run is None or run.session != session or run.has_ended else run

    def count_ahead(self, run: AnswerRun[Any]) -> int:
        """How many wait that came before a run that waits."""
        waiting = [each for each in self.runs() if each.stage == "waiting"]
        return waiting.index(run) if run in waiting else 0

    def count(self, stage: Stage) -> int:
        """How many runs are at this stage."""
        return sum(run.stage == stage for run in self.runs())

    def stop_pages(self, *, wait_s: float = 0.0) -> bool:
        """Stop every answer that an open page waits for, and wait at most `wait_s`: whether all have ended."""
        return stop_runs([run for run in self.runs() if run.page], wait_s)

    def close(self) -> None:
        """Stop what is under way, and take nothing more."""
        stop_runs(self.runs(), 0.0)
        self._turns.close(wait_s=STOP_S)
        self._batches.close()

    def _choose_kind(self, kind: str) -> str:
        """One and the same for all callers where this machine computes anyway: they share a pass."""
        return kind if isinstance(self._space, SharingSpace) and self._space.pool else kind.removesuffix(" here")

    @property
    def _space(self) -> EmbeddingModel:
        return self.assistant.retriever.space

    def _look_up(self, queued: Sequence[QueuedQuestion]) -> list[Iterator[Answer]]:
        """Those of one viewer together; what they see of the library is not the same."""
        found: dict[int, Iterator[Answer]] = {}
        for viewer in dict.fromkeys(one.viewer for one in queued):
            rows = [n for n, one in enumerate(queued) if one.viewer == viewer]
            stops = [queued[n].stop for n in rows]
            with view_as(viewer):
                growing = self.assistant.stream_many([queued[n].question for n in rows], stops=stops)
            found |= zip(rows, (iterate_as(viewer, each) for each in growing), strict=True)
        return [found[n] for n in range(len(queued))]

    def _forget(self, run: AnswerRun[Any]) -> None:
        with self._changing:
            self._runs.pop(run.token, None)


def stop_runs(runs: Sequence[AnswerRun[Any]], wait_s: float) -> bool:
    """Stop them all, and wait at most `wait_s`: whether all have ended."""
    until_s = time.monotonic() + wait_s
    for run in runs:
        run.stop()
    while not all(run.has_ended for run in runs) and time.monotonic() < until_s:
        time.sleep(POLL_S)
    return all(run.has_ended for run in runs)


Captions = tuple[Description, ...]  # a sentence a picture, in order


@requires_by_default("ask")
@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerService:
    """Answers questions, describes pictures and embeds for callers; what several want at a time is done together."""

    engine: AnswerEngine
    quotas: Quotas = Quotas()

    @classmethod
    def of(cls, assistant: Assistant, *, heard: Heard = ignore_batch, quotas: Quotas | None = None) -> Self:
        """In front of this assistant; `heard` is told of every batch, and `quotas` of every question."""
        return cls(engine=AnswerEngine(assistant, heard=heard), quotas=quotas or Quotas())

    def ask(self, caller: Caller, question: Question, *, stop: Event | None = None) -> Answer:
        """The finished answer, or as far as it came when `stop` was set. Raises what `Assistant.ask` raises."""
        *_, answer = self.stream(caller, question, stop=stop)
        return answer

    def stream(self, caller: Caller, question: Question, *, stop: Event | None = None) -> Iterator[Answer]:
        """The answer as it grows, in the thread of whoever reads it; the last one is done or stopped."""
        return self.engine.stream(self._own(caller, question), stop=stop or Event())

    def start(self, caller: Caller, question: Question, *, page: str = "") -> AnswerRun[Answer]:
        """Have it answered by a thread of the service, for an open page or for whoever follows it. Busy if too many
        questions wait.
        """
        own = self._own(caller, question)

        def produce(stop: Event) -> Iterator[Answer]:
            with view_as(caller.viewer):
                return self.engine.stream(own, stop=stop)

        return self.engine.start(produce, session=own.session, page=page)

    def stop(self, caller: Caller, page: str, *, wait_s: float = 0.0) -> bool:
        """Stop the answers that an open page waits for, and wait at most `wait_s` until it has taken their last states:
        whether it has.
        """
        until_s = time.monotonic() + wait_s
        for run in self.engine.runs(page=page):
            run.stop()
        while self.is_followed(caller, page) and time.monotonic() < until_s:
            time.sleep(POLL_S)
        return not self.is_followed(caller, page)

    def is_followed(self, caller: Caller, page: str) -> bool:
        """Whether an open page is still taking states of an answer."""
        return any(run.num_followers for run in self.engine.runs(page=page))

    def find_run(self, caller: Caller, token: str) -> AnswerRun[Any] | None:
        """The caller's own answer under way of this name."""
        return self.engine.find(token, session=caller.session)

    def describe(self, caller: Caller, images: Iterable[Image], *, stop: Event) -> Iterator[Captions]:
        """A sentence a picture, one more with every state; ends early when `stop` is set. BadQuestion where no model
        describes pictures.
        """
        eyes = self.engine.assistant.eyes
        if eyes.describer is None:
            raise BadQuestion("pictures are described in the default space only. Start without --encoder")
        said: Captions = ()
        for image in images:
            if stop.is_set():
                break
            source = Source(path="", width_px=image.width, height_px=image.height)
            said += tuple(eyes.describe_many([ImageAnalysis(image, source)]))
            yield said

    def start_describing(self, caller: Caller, images: Sequence[Image]) -> AnswerRun[Captions]:
        """Have them described by a thread of the service. Busy if too many questions wait."""
        produce = partial(self.describe, caller, images)
        return self.engine.start(lambda stop: produce(stop=stop), session=caller.session)

    def embed(self, caller: Caller, kind: str, items: Sequence[str] | Sequence[Image]) -> Floats:
        """(N, D) vectors of "text", "code" or "picture", in order."""
        return self.engine.embed(kind, items)

    async def embed_soon(self, caller: Caller, kind: str, items: Sequence[str] | Sequence[Image]) -> list[Floats]:
        """The same without a thread that waits."""
        return await self.engine.embed_soon(kind, items)

    def _own(self, caller: Caller, question: Question) -> Question:
        """The question as this caller's own, and counted. Forbidden if it wants a program run that the caller may not
        have run; Busy if they have asked as much today as they may.
        """
        if question.run:
            check_run(self.engine.assistant.config.sandbox, caller)
        self.quotas.count_asks(caller)
        return replace(question, session=caller.session)
