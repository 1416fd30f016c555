"""A few threads that take jobs from the table and do them, until they are told to stop.

A handler does one kind of work. It asks `task.stopping` now and then; when that is true it returns soon, and the job is
cancelled, or waits for the next start, whoever asked. What it could not do for one item it reports with `task.fail` and
goes on; what it raises ends the job. A server that went away is tried again, later each time; a file that only another
machine sees is left to a worker there.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from deepseek_mm.errors import DeepSeekMMError, OutOfReach, TransientError
from deepseek_mm.jobs.records import State
from deepseek_mm.jobs.table import Jobs
from deepseek_mm.jobs.task import Task
from deepseek_mm.storage.errors import IndexProblem
from deepseek_mm.threads import lower_priority

Handler = Callable[[Task], str]  # returns the closing message

POLL_S = 0.5  # between two looks for a job that another process wrote down; of those of this one the notifier tells
SHARED_POLL_S = 2.0  # the same over a server, which tells of the others' too: for what is due again, or was missed
RETRY_S = 1.0  # between two attempts to use a table that refuses (locked, or on a full disk)
LEFT = "It was stopped with the program, and goes on with the next start."
MOST_RETRIES = 6  # of a job whose server went away: after 2, 4, 8, ... 64 s
FIRST_RETRY_S = 2.0
ELSEWHERE_S = 1.0  # until another worker may take what this one cannot see
BLIND_S = 30.0  # for which this one takes no more of its kind
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class JobEnding:
    """How one attempt at a job ended."""

    state: State  # "waiting" for another one
    message: str
    after_s: float = 0.0  # until that other one
    blind: bool = False  # this machine lacks its files


def do_task(task: Task, handler: Handler, stop: threading.Event) -> JobEnding:
    """Do a job that was claimed to its end, and write that down, however long the disk refuses; only the end of the
    program ends that.
    """
    ending = _try_task(task, handler, stop)
    while True:
        try:
            is_retry = ending.after_s > 0 and not ending.blind
            task.finish(ending.state, ending.message, after_s=ending.after_s, is_retry=is_retry)
            return ending
        except DeepSeekMMError as error:
            log.warning("the end of job %d is not written yet: %s", task.job.id, error)
            if stop.wait(RETRY_S):
                return ending


def _try_task(task: Task, handler: Handler, stop: threading.Event) -> JobEnding:
    try:
        message = handler(task)
    except Exception as error:  # noqa: BLE001  whatever a handler raises ends its job, never the worker
        return _broken(task, error, stop)
    if task.told == "stop":
        return JobEnding(state="waiting", message=LEFT)
    return JobEnding(state="cancelled" if task.told == "cancel" else "done", message=message)


class Worker:
    """Does jobs of the kinds that there are handlers for, one a thread at a time."""

    def __init__(self, jobs: Jobs, handlers: Mapping[str, Handler], *, threads: int = 1) -> None:
        self._jobs, self._handlers, self._num_threads = jobs, dict(handlers), threads
        self._threads: list[threading.Thread] = []
        self._stop = threading.Event()
        self._at_work: set[Task] = set()
        self._blind_until_s = dict.fromkeys(self._handlers, float("-inf"))  # kind -> when it is tried again
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
        lower_priority()
        while (task := self._next(stop)) is not None:
            self._at_work.add(task)
            try:
                if do_task(task, self._handlers[task.job.kind], stop).blind:
                    self._blind_until_s[task.job.kind] = time.monotonic() + BLIND_S
            finally:
                self._at_work.discard(task)

    def _next(self, stop: threading.Event) -> Task | None:
        """The next job to do; None once it is time to stop."""
        with self._looking:
            while not stop.is_set():
                announced = self._jobs.notifier.num_announced(self._handlers)
                if (task := self._claim(stop)) is not None:
                    return task
                poll_s = SHARED_POLL_S if self._jobs.is_shared else POLL_S
                self._jobs.notifier.wait(self._handlers, announced, poll_s)
        return None

    def _claim(self, stop: threading.Event) -> Task | None:
        try:
            now_s = time.monotonic()
            return self._jobs.claim([kind for kind in self._handlers if self._blind_until_s[kind] <= now_s], stop=stop)
        except DeepSeekMMError as error:
            log.warning("no job can be taken now: %s", error)
            stop.wait(RETRY_S)
            return None


def _broken(task: Task, error: Exception, stop: threading.Event) -> JobEnding:
    """How a job ends that raised. One that is stopping may find its tools gone already: that is no failure."""
    known = isinstance(error, DeepSeekMMError | IndexProblem)
    if not known:
        log.error("job %d (%s) broke", task.job.id, task.job.kind, exc_info=error)
    if task.told == "cancel":
        return JobEnding(state="cancelled", message=str(error) if known else "")
    if stop.is_set():
        return JobEnding(state="waiting", message=LEFT)
    if isinstance(error, OutOfReach):
        return JobEnding(state="waiting", message=str(error), after_s=ELSEWHERE_S, blind=True)
    if isinstance(error, TransientError) and task.job.retries < MOST_RETRIES:
        return JobEnding(state="waiting", message=str(error), after_s=FIRST_RETRY_S * 2**task.job.retries)
    if known:
        return JobEnding(state="failed", message=str(error))
    what = f"{type(error).__name__}: {error}".rstrip(": ")
    message = f"Something unexpected ended this ({what}). The log has the details; please report it with them."
    return JobEnding(state="failed", message=message)
