"""A job in the hands of the one who does it, and the notices about jobs.

Reporting is cheap: a handler may report every item, and at most five reports a second reach the disk; the last one
always does, by a timer if no other follows. A failed item is written at once. Whether to stop is looked up in the
table twice a second at most, so that another process can cancel too.

The database stays the truth: notices only spare a thread that waits from polling it. Over a server they reach other
processes, too.
"""

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, Literal

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.jobs.queue import JobQueue
from deepseek_mm.jobs.records import FailedRow, Job, JobRow, State, leave
from deepseek_mm.storage.database import Database
from deepseek_mm.storage.portable_sql import insert_into

KIND, CHANGED, CANCELLED = "kind", "job", "cancel"  # how words begin that other processes hear


class Notifier:
    """Tells listeners of changes of a job, and workers of waiting ones; holds the newest text of jobs that run here."""

    def __init__(self, listen: Callable[[Callable[[str], object]], object] = id) -> None:
        """`listen` is called once somebody waits here, with what is to hear the words of other processes."""
        self._listen_outside = listen
        self._changed = threading.Condition()
        self._num_by_kind: Counter[str] = Counter()
        self._num_for_all = 0
        self._texts: dict[int, str] = {}
        self._events: dict[int, threading.Event] = {}
        self._listeners: dict[int, list[Callable[[], None]]] = {}

    def hear(self, word: str) -> None:
        """Act on another process's word; an empty one says that some may have been missed."""
        what, _, value = word.partition(" ")
        if what == KIND:
            self.announce(value)
        elif what == CANCELLED:
            self.cancel(int(value))
        elif what == CHANGED:
            self.notify(int(value))
        else:
            self.announce()
            for job_id in tuple(self._listeners):
                self.notify(job_id)

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
        self._listen_outside(self.hear)
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
        self._listen_outside(self.hear)
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


REPORT_S = 0.2  # between two writes of the progress
LOOK_S = 0.5  # between two looks whether it was cancelled
WINDOW_S = 10.0  # of the speed: what counts as "now"
APART_S = 0.2  # nearer reports say nothing about speed
log = logging.getLogger(__name__)


class Speed:
    """Items a second over the last seconds, because an average since the start stays wrong long after a pause.

    It is told the time by a clock that never jumps (`time.monotonic`).
    """

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque()  # (seconds, done); in the window, or else the last one before
        self._per_second = 0.0

    def note(self, done: int, at_s: float) -> float:
        """`done` items at the time `at_s`: the speed by then, 0 while there is nothing to compare with."""
        if self._marks and done < self._marks[-1][1]:  # a new count began
            self._marks.clear()
            self._per_second = 0.0
        while len(self._marks) > 1 and self._marks[0][0] < at_s - WINDOW_S:
            self._marks.popleft()
        if not self._marks or at_s - self._marks[-1][0] >= APART_S:
            self._measure(done, at_s)
            self._marks.append((at_s, done))
        return self._per_second

    def _measure(self, done: int, at_s: float) -> None:
        if self._marks:
            since_s, before = self._marks[0]
            self._per_second = (done - before) / (at_s - since_s)


class Task:
    """What a handler is given. Its methods may be called from any thread, and do nothing once the job was left."""

    def __init__(
        self,
        database: Database,
        job: Job,
        *,
        stop: threading.Event,
        clock: Callable[[], float],
        notifier: Notifier,
        queue: JobQueue,
    ) -> None:
        self.job = job
        self.result: dict[str, Any] = {}  # for programs; a handler puts in what the work brought before it returns
        self.told: Literal["", "cancel", "stop"] = ""  # the handler asked whether to stop, and heard this
        self._database, self._clock, self._notifier, self._queue = database, clock, notifier, queue
        self.stop = stop  # set when its worker is told to stop
        self._seen_as = job.parent or job.id  # the job that people see
        self.halt = notifier.begin(job.id)  # set when it is cancelled in this process, and when the worker stops
        notifier.notify(job.id)
        self._lock = threading.RLock()
        self._speed = Speed()
        self._unwritten: dict[str, object] = {}
        self._written_at_s = self._looked_at_s = float("-inf")
        self._timer: threading.Timer | None = None

    def report(self, done: int, total: int | None = None, message: str = "") -> None:
        """`done` items are done. `total` and `message` stay what they were where none is given."""
        with self._lock:
            self._unwritten |= {"done": int(done), "per_second": self._speed.note(int(done), self._clock())}
            self._unwritten |= {} if total is None else {"total": int(total)}
            self._unwritten |= {"message": message} if message else {}
            self._write_soon()

    def say(self, text: str) -> None:
        """The text so far of a job that writes one: all of it, not the new piece. Heard at once in this process."""
        with self._lock:
            self._notifier.set_text(self.job.id, text)
            self._unwritten |= {"partial": text}
            self._write_soon()

    def fail(self, item: str, reason: str) -> None:
        """Note that `item` could not be done; a kill right after does not lose it. The last reason counts."""
        with self._lock, self._database.writing(synced=False) as session:
            if session.scalar(select(JobRow.id).where(self.mine)) is not None:
                row = insert_into(session, FailedRow).values(job_id=self._seen_as, item=item, reason=reason)
                known = row.on_conflict_do_update(
                    index_elements=["job_id", "item"], set_={"reason": row.excluded.reason}
                )
                session.execute(known)

    @property
    def stopping(self) -> bool:
        """Whether to stop soon: somebody cancelled the job, or the worker was told to stop. Stays true."""
        with self._lock:
            due = self.halt.is_set() or self._clock() - self._looked_at_s >= LOOK_S
            if not self.told and due:
                self.told = "cancel" if self._is_cancelled() else ""
                self._looked_at_s = self._clock()
            self.told = self.told or ("stop" if self.stop.is_set() else "")
            if self.told:
                self.halt.set()
            return self.told != ""

    def finish(self, state: State, message: str, *, after_s: float = 0.0, is_retry: bool = False) -> None:
        """The work ends as `state`, or with "waiting" is left to the next claim, which comes `after_s` at the earliest
        and may count as a retry; the last progress goes along.
        """
        assert state != "running", "what is finished does not run"
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            with self._database.writing() as session:
                self._leave(session, state, message, after_s=after_s, is_retry=is_retry)
            self._unwritten = {}
        self._notifier.forget(self.job.id)

    @property
    def mine(self) -> ColumnElement[bool]:
        """The row, as long as it runs by the claim that made this task."""
        return (JobRow.id == self.job.id) & (JobRow.state == "running") & (JobRow.attempts == self.job.attempts)

    def _leave(self, session: Session, state: State, message: str, *, after_s: float, is_retry: bool) -> None:
        row = session.scalar(select(JobRow).where(self.mine))
        if row is not None:
            for name, value in self._unwritten.items():
                setattr(row, name, value)
            row.result = self.result
            row.retries += is_retry
            leave(session, row, state, message, self._queue, after_s=after_s)
            self._tell(session)
            if row.state == "waiting":
                self._database.tell(session, f"{KIND} {row.kind}")

    def _is_cancelled(self) -> bool:
        with self._database.reading() as session:
            return session.scalar(select(JobRow.cancelling).where(self.mine)) is not False  # None: it was left

    def _tell(self, session: Session) -> None:
        self._database.tell(session, f"{CHANGED} {self._seen_as}")

    def _write_soon(self) -> None:
        if self._clock() - self._written_at_s >= REPORT_S:
            self._write()
        elif self._timer is None:
            self._timer = threading.Timer(REPORT_S, self._write_late)
            self._timer.daemon = True
            self._timer.start()

    def _write(self) -> None:
        with self._database.writing(synced=False) as session:
            session.execute(update(JobRow).where(self.mine).values(self._unwritten))
            self._tell(session)
        self._unwritten = {}
        self._written_at_s = self._clock()

    def _write_late(self) -> None:
        with self._lock:
            self._timer = None
            if self._unwritten:
                try:
                    self._write()
                except DeepSeekMMError as error:  # nobody waits here; the next report meets the same, or succeeds
                    log.warning("progress of job %d is not written yet: %s", self.job.id, error)
