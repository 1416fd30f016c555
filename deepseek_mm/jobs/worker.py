"""A few threads that take jobs from the table and do them, until they are told to stop.

A handler does one kind of work. It asks `task.stopping` now and then; when that is true it returns soon, and the job is
cancelled, or waits for the next start, whoever asked. What it could not do for one item it reports with `task.fail` and
goes on; what it raises ends the job.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping

from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.jobs.records import State
from deepseek_mm.jobs.table import Jobs
from deepseek_mm.jobs.task import Task
from deepseek_mm.storage.errors import IndexProblem

Handler = Callable[[Task], str]  # returns the closing message

POLL_S = 0.5  # between two looks for a job that another process wrote down; of those of this one the notifier tells
RETRY_S = 1.0  # between two attempts to use a table that refuses (locked, or on a full disk)
LEFT = "It was stopped with the program, and goes on with the next start."
log = logging.getLogger(__name__)


class Worker:
    """Does jobs of the kinds that there are handlers for, one a thread at a time."""

    def __init__(self, jobs: Jobs, handlers: Mapping[str, Handler], *, threads: int = 1) -> None:
        self._jobs, self._handlers, self._num_threads = jobs, dict(handlers), threads
        self._threads: list[threading.Thread] = []
        self._stop = threading.Event()
        self._at_work: set[Task] = set()
        self._looking = threading.Lock()  # one thread looks for work, the others wait for it to find some

    @property
    def is_started(self) -> bool:
        """Whether it looks for work."""
        return bool(self._threads)

    def start(self) -> None:
        """Begin; also again after a stop."""
        assert not self._threads, "a worker is started once"
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(self._stop,), name=f"jobs-{n}", daemon=True)
            for n in range(self._num_threads)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self, wait_s: float) -> bool:
        """Tell every thread to stop, and wait for them: whether all did. Running jobs are left to the next start."""
        self._stop.set()
        for task in tuple(self._at_work):
            task.halt.set()
        self._jobs.notifier.announce()
        deadline_s = time.monotonic() + wait_s
        for thread in self._threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))
        stopped = not any(thread.is_alive() for thread in self._threads)
        self._threads = []
        return stopped

    def _work(self, stop: threading.Event) -> None:
        while (task := self._next(stop)) is not None:
            self._at_work.add(task)
            try:
                self._finish(task, *self._do(task, stop), stop)
            finally:
                self._at_work.discard(task)

    def _next(self, stop: threading.Event) -> Task | None:
        """The next job to do; None once it is time to stop."""
        with self._looking:
            while not stop.is_set():
                announced = self._jobs.notifier.num_announced(self._handlers)
                if (task := self._claim(stop)) is not None:
                    return task
                self._jobs.notifier.wait(self._handlers, announced, POLL_S)
        return None

    def _claim(self, stop: threading.Event) -> Task | None:
        try:
            return self._jobs.claim(self._handlers, stop=stop)
        except DeepSeekMMError as error:
            log.warning("no job can be taken now: %s", error)
            stop.wait(RETRY_S)
            return None

    def _do(self, task: Task, stop: threading.Event) -> tuple[State, str]:
        try:
            message = self._handlers[task.job.kind](task)
        except Exception as error:  # noqa: BLE001  whatever a handler raises ends its job, never the worker
            return _broken(task, error, stop)
        if task.told == "stop":
            return "waiting", LEFT
        return ("cancelled" if task.told == "cancel" else "done"), message

    def _finish(self, task: Task, state: State, message: str, stop: threading.Event) -> None:
        """Write the end down, however long the disk refuses; only the end of the program ends that."""
        while True:
            try:
                return task.finish(state, message)
            except DeepSeekMMError as error:
                log.warning("the end of job %d is not written yet: %s", task.job.id, error)
                if stop.wait(RETRY_S):
                    return None


def _broken(task: Task, error: Exception, stop: threading.Event) -> tuple[State, str]:
    """How a job ends that raised. One that is stopping may find its tools gone already: that is no failure."""
    known = isinstance(error, DeepSeekMMError | IndexProblem)
    if not known:
        log.error("job %d (%s) broke", task.job.id, task.job.kind, exc_info=error)
    if task.told == "cancel":
        return "cancelled", str(error) if known else ""
    if stop.is_set():
        return "waiting", LEFT
    if known:
        return "failed", str(error)
    what = f"{type(error).__name__}: {error}".rstrip(": ")
    return "failed", f"Something unexpected ended this ({what}). The log has the details; please report it with them."
