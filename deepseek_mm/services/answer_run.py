"""One answer that a thread of the engine produces, state by state, whether somebody follows it or not.

Whoever follows it is given the latest state: a slow reader skips states, and the answer never waits for a reader.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Generic, Literal, TypeVar

from deepseek_mm.jobs.table import new_token

State = TypeVar("State")
Produce = Callable[[threading.Event], Iterator[State]]  # the states, which end early when the event is set
Stage = Literal["waiting", "running", "done", "failed", "cancelled"]
ENDED: tuple[Stage, ...] = ("done", "failed", "cancelled")


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
