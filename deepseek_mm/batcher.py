"""Dynamic batching: requests that come at the same time share one pass, whatever the pass does.

It knows no model and no web framework. Requests of one kind are collected until there are enough of them, or the first
has waited long enough; then one thread works them off together and each caller gets its own result, in the order in
which they came. Of a kind one pass is under way, or as many as its `BatchKind` allows. The kind whose first request has
waited longest goes first. Somebody who comes alone is not made to wait: a batch lingers for company only where the one
before it had some. What is cancelled before its turn is left out, and beyond a number of waiting requests a caller is
sent away at once.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from deepseek_mm.errors import Busy

RETRY_S = 1  # after which somebody who was sent away may come again
Heard = Callable[[str, int, float], None]  # kind, how many shared a pass, seconds it took


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchKind:
    """One kind of requests."""

    do: Callable[[Sequence[Any]], Sequence[Any]]  # one result for each, in order
    most: int  # that share a pass
    at_once: int = 1  # passes under way: more where one pass waits for something that the next does not need yet


@dataclass(frozen=True, kw_only=True, slots=True)
class _Waiting:
    item: Any
    since_s: float
    future: "Future[Any]"


class Batcher:
    """Works off requests of several kinds in threads of its own: one, or as many as a kind may have under way."""

    def __init__(
        self,
        kinds: Mapping[str, BatchKind],
        *,
        wait_s: float,
        most_waiting: int,
        heard: Heard = lambda kind, number, seconds: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kinds, self._wait_s, self._most = dict(kinds), wait_s, most_waiting
        self._heard, self._clock = heard, clock
        self._waiting: dict[str, deque[_Waiting]] = {kind: deque() for kind in kinds}
        self._company = dict.fromkeys(kinds, 1)  # how many shared the last pass
        self._changed = threading.Condition()
        self._closed = False
        self._under_way = dict.fromkeys(kinds, 0)
        self._threads: list[threading.Thread] = []  # begun with the first request

    def submit(self, kind: str, item: Any) -> "Future[Any]":
        """The result, later. Cancelling the future before its turn takes the request out. Busy if too many wait."""
        return self.submit_many(kind, [item])[0]

    def run(self, kind: str, items: Iterable[Any]) -> list[Any]:
        """The results of all, in order; raises what the first that failed raised. Busy if too many wait."""
        return [future.result() for future in self.submit_many(kind, list(items))]

    def close(self, *, wait_s: float | None = None) -> None:
        """Work off what waits, and take nothing more; wait for that, but at most `wait_s`."""
        until_s = None if wait_s is None else time.monotonic() + wait_s
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(None if until_s is None else max(0.0, until_s - time.monotonic()))

    def submit_many(self, kind: str, items: Sequence[Any]) -> "list[Future[Any]]":
        """As `submit`, all of them or none."""
        with self._changed:
            waiting = sum(map(len, self._waiting.values()))
            if self._closed or waiting + len(items) > max(self._most, len(items)):
                told = "it is ending" if self._closed else f"{waiting} requests wait already"
                raise Busy(f"the service takes no more now: {told}. Try again in {RETRY_S} s", retry_after_s=RETRY_S)
            entries = [_Waiting(item=item, since_s=self._clock(), future=Future()) for item in items]
            self._waiting[kind].extend(entries)
            if not self._threads:
                lanes = max(work.at_once for work in self._kinds.values())
                self._threads = [
                    threading.Thread(target=self._run, name=f"batcher-{n}", daemon=True) for n in range(lanes)
                ]
                for thread in self._threads:
                    thread.start()
            self._changed.notify_all()
        return [entry.future for entry in entries]

    def _run(self) -> None:
        while (batch := self._next()) is not None:
            kind, entries = batch
            begun_s = self._clock()
            self._work(kind, entries)
            with self._changed:
                self._company[kind] = len(entries)
                self._under_way[kind] -= 1
                self._changed.notify_all()
            self._heard(kind, len(entries), self._clock() - begun_s)

    def _next(self) -> tuple[str, list[_Waiting]] | None:
        """The next batch, once it is due; None when it is time to end."""
        with self._changed:
            while True:
                kind = self._longest()
                if self._closed and not any(self._waiting.values()):
                    return None
                left_s = None if kind is None else self._left_s(kind)
                if kind is not None and left_s is not None and left_s <= 0:
                    self._under_way[kind] += 1
                    return kind, self._take_batch(kind)
                self._changed.wait(left_s)

    def _longest(self) -> str | None:
        """The kind whose first request has waited longest, of those of which another pass may begin."""
        there = [
            kind for kind, queue in self._waiting.items() if queue and self._under_way[kind] < self._kinds[kind].at_once
        ]
        return min(there, key=lambda kind: self._waiting[kind][0].since_s, default=None)

    def _left_s(self, kind: str) -> float:
        """How long its first request may still wait for company."""
        queue = self._waiting[kind]
        full = len(queue) >= min(self._kinds[kind].most, self._company[kind])
        return 0.0 if full or self._closed else self._wait_s - (self._clock() - queue[0].since_s)

    def _take_batch(self, kind: str) -> list[_Waiting]:
        """Up to a full pass of those who still want their result."""
        queue, taken = self._waiting[kind], list[_Waiting]()
        while queue and len(taken) < self._kinds[kind].most:
            entry = queue.popleft()
            if entry.future.set_running_or_notify_cancel():
                taken.append(entry)
        return taken

    def _work(self, kind: str, entries: Sequence[_Waiting]) -> None:
        """One pass; where that fails each goes alone, so that nobody suffers for another's request."""
        try:
            results = self._kinds[kind].do([entry.item for entry in entries])
            assert len(results) == len(entries), f"{kind} gives one result for each"
        except Exception as error:  # noqa: BLE001  whatever it is, it belongs to whoever asked
            if len(entries) == 1:
                return entries[0].future.set_exception(error)
            for entry in entries:
                self._work(kind, [entry])
            return None
        for entry, result in zip(entries, results, strict=True):
            entry.future.set_result(result)
        return None
