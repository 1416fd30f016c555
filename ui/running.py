"""Answers under way: each runs in a thread of its own, so a closed tab loses nothing and Stop really stops.

The page follows an answer by its latest state; when the page is slow it skips states, and the answer never waits.
This file knows no model and no web framework.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

State = TypeVar("State")


@dataclass(frozen=True, slots=True)
class _End:
    """The last thing a worker says: why it ended, if not well."""

    error: Exception | None = None


class Running(Generic[State]):
    """Every answer that is being made, by the page that asked for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stops: dict[str, set[threading.Event]] = {}
        self._followed: dict[str, int] = {}  # how many answers a page is still taking states from

    def follow(self, page: str, make: Callable[[threading.Event], Iterable[State]]) -> Iterator[State]:
        """Run `make(stop)` in a thread and yield its states as they come; its error is raised here, at the end."""
        stop, states = threading.Event(), queue.SimpleQueue[State | _End]()
        with self._lock:
            self._stops.setdefault(page, set()).add(stop)
        threading.Thread(target=self._work, args=(page, make, stop, states), name="answer", daemon=True).start()
        return self._states(page, states)

    def is_followed(self, page: str) -> bool:
        """Whether this page is still taking states of an answer."""
        return page in self._followed

    def stop(self, page: str, *, wait_s: float = 0.0) -> bool:
        """Ask every answer of this page to stop; wait at most `wait_s` until the page has taken their last states."""
        with self._lock:
            for stop in self._stops.get(page, ()):
                stop.set()
        until = time.monotonic() + wait_s
        while self.is_followed(page) and time.monotonic() < until:
            time.sleep(0.01)
        return not self.is_followed(page)

    def stop_all(self, *, wait_s: float = 0.0) -> bool:
        """Ask all answers to stop, wait for them at most `wait_s`, and say whether all have."""
        until = time.monotonic() + wait_s
        for page in list(self._stops):
            self.stop(page)
        while self._stops and time.monotonic() < until:
            time.sleep(0.01)
        return not self._stops

    def _work(
        self,
        page: str,
        make: Callable[[threading.Event], Iterable[State]],
        stop: threading.Event,
        states: "queue.SimpleQueue[State | _End]",
    ) -> None:
        end = _End()
        try:
            for state in make(stop):
                states.put(state)
        except Exception as error:  # noqa: BLE001 - carried to the thread that follows, which raises it
            end = _End(error)
        with self._lock:
            self._stops[page].discard(stop)
            if not self._stops[page]:
                del self._stops[page]
        states.put(end)

    def _states(self, page: str, states: "queue.SimpleQueue[State | _End]") -> Iterator[State]:
        self._count(page, 1)
        try:
            yield from _latest(states)
        finally:
            self._count(page, -1)

    def _count(self, page: str, change: int) -> None:
        with self._lock:
            self._followed[page] = self._followed.get(page, 0) + change
            if not self._followed[page]:
                del self._followed[page]


def _latest(states: "queue.SimpleQueue[State | _End]") -> Iterator[State]:
    """What is in the queue, but of several waiting states only the last."""
    while True:
        batch = [states.get()]
        while not states.empty():
            batch.append(states.get())
        end = batch.pop() if isinstance(batch[-1], _End) else None
        if batch and not isinstance(batch[-1], _End):
            yield batch[-1]
        if isinstance(end, _End):
            if end.error is not None:
                raise end.error
            return
