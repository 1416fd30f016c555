"""News of jobs inside one process, so that those who wait hear at once and need not keep asking the file.

The file stays the truth: whoever hears nothing, because another process does the work, looks there now and then.
"""

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager


class Bell:
    """Rung when something happens to a job, and calls workers when one waits; also holds the text of jobs that are at
    it, fresher than the file's.
    """

    def __init__(self) -> None:
        self._rung = threading.Condition()
        self._calls: Counter[str] = Counter()
        self._calls_to_all = 0
        self._texts: dict[int, str] = {}
        self._halts: dict[int, threading.Event] = {}
        self._ears: dict[int, list[Callable[[], object]]] = {}

    def call(self, kind: str = "") -> None:
        """A job of this kind waits; without one everybody who waits for work shall look up."""
        with self._rung:
            if kind:
                self._calls[kind] += 1
            else:
                self._calls_to_all += 1
            self._rung.notify_all()

    def calls(self, kinds: Collection[str]) -> int:
        """How often somebody was called who does these kinds."""
        return self._calls_to_all + sum(self._calls[kind] for kind in kinds)

    def wait(self, kinds: Collection[str], since: int, timeout_s: float) -> bool:
        """Wait until who does these kinds was called more than `since` times, but not for ever: whether it was."""
        with self._rung:
            return self._rung.wait_for(lambda: self.calls(kinds) > since, timeout_s)

    def ring(self, job_id: int) -> None:
        """Something happened to this job."""
        with self._rung:
            ears = tuple(self._ears.get(job_id, ()))
        for ear in ears:
            ear()

    @contextmanager
    def heard(self, job_id: int, ear: Callable[[], object]) -> Iterator[None]:
        """`ear` is called, in any thread, whenever something happens to the job; it must be quick."""
        with self._rung:
            self._ears.setdefault(job_id, []).append(ear)
        try:
            yield
        finally:
            with self._rung:
                self._ears[job_id].remove(ear)
                if not self._ears[job_id]:
                    del self._ears[job_id]

    def say(self, job_id: int, text: str) -> None:
        """A job's text as far as it has come."""
        self._texts[job_id] = text
        self.ring(job_id)

    def text(self, job_id: int) -> str | None:
        """That text; None where no work of this process is at it."""
        return self._texts.get(job_id)

    def begin(self, job_id: int) -> threading.Event:
        """Work of this process is at the job: what is set once the job is cancelled here."""
        return self._halts.setdefault(job_id, threading.Event())

    def halt(self, job_id: int) -> None:
        """The job was cancelled."""
        if (halt := self._halts.get(job_id)) is not None:
            halt.set()
        self.ring(job_id)

    def forget(self, job_id: int) -> None:
        """The job is over: the file has its text."""
        self._texts.pop(job_id, None)
        self._halts.pop(job_id, None)
        self.ring(job_id)
