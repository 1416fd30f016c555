"""Notifications about jobs inside one process, so that a waiting thread need not poll the database.

The database stays the truth: a thread whose job is done by another process looks there now and then.
"""

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager


class Notifier:
    """Tells listeners of changes of a job, and workers of waiting ones; holds the newest text of jobs that run here."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._num_by_kind: Counter[str] = Counter()
        self._num_for_all = 0
        self._texts: dict[int, str] = {}
        self._events: dict[int, threading.Event] = {}
        self._listeners: dict[int, list[Callable[[], None]]] = {}

    def announce(self, kind: str = "") -> None:
        """Wake the workers for jobs of this kind; without one, all of them."""
        with self._changed:
            if kind:
                self._num_by_kind[kind] += 1
            else:
                self._num_for_all += 1
            self._changed.notify_all()

    def num_announced(self, kinds: Collection[str]) -> int:
        """Return how often workers for any of these kinds were woken."""
        return self._num_for_all + sum(self._num_by_kind[kind] for kind in kinds)

    def wait(self, kinds: Collection[str], since: int, timeout_s: float) -> bool:
        """Wait until workers for these kinds were woken more than `since` times; False after `timeout_s`."""
        with self._changed:
            return self._changed.wait_for(lambda: self.num_announced(kinds) > since, timeout_s)

    def notify(self, job_id: int) -> None:
        """Run the listeners of this job."""
        with self._changed:
            listeners = tuple(self._listeners.get(job_id, ()))
        for listener in listeners:
            listener()

    @contextmanager
    def subscribe(self, job_id: int, listener: Callable[[], None]) -> Iterator[None]:
        """Run `listener`, in any thread, at each change of the job; it must be quick."""
        with self._changed:
            self._listeners.setdefault(job_id, []).append(listener)
        try:
            yield
        finally:
            with self._changed:
                self._listeners[job_id].remove(listener)
                if not self._listeners[job_id]:
                    del self._listeners[job_id]

    def set_text(self, job_id: int, text: str) -> None:
        """Keep a job's text as far as it has come."""
        self._texts[job_id] = text
        self.notify(job_id)

    def text(self, job_id: int) -> str | None:
        """Return that text; None where the job does not run in this process."""
        return self._texts.get(job_id)

    def begin(self, job_id: int) -> threading.Event:
        """Return the event that is set when the job, which runs in this process, is cancelled here."""
        return self._events.setdefault(job_id, threading.Event())

    def cancel(self, job_id: int) -> None:
        """Set that event."""
        if (event := self._events.get(job_id)) is not None:
            event.set()
        self.notify(job_id)

    def forget(self, job_id: int) -> None:
        """Drop what is held of a job that is over."""
        self._texts.pop(job_id, None)
        self._events.pop(job_id, None)
        self.notify(job_id)
