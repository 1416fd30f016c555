"""The worker processes of this program: started when they are needed, handed out one by one, ended when they grew.

A process that was killed is replaced in the background, so that the next file need not wait for its start. All are
started by one thread that lives as long as the program, since a worker ends with the thread that started it.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import Cancelled
from deepseek_mm.parse.workers.process import WorkerProcess

IDLE = 2  # that are kept for the next file
GROWN_MB = 300  # a worker that needed more at its largest is exchanged: libraries do not give everything back
POOL_LOOK_S = 0.05  # between two looks whether to stop


class WorkerPool:
    """Hands out workers. From any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._idle: list[WorkerProcess] = []
        self._at_work = self._coming = 0  # handed out; being started to wait for a file
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="parse-workers")
        self._owner = os.getpid()

    def take(self, config: ParseConfig, *, stopping: Callable[[], bool]) -> WorkerProcess:
        """A worker, to be given back. Waits while all are at work. Cancelled."""
        self._stay_own()
        with self._changed:
            while not self._idle and self._at_work + self._coming >= config.workers:
                if stopping():
                    raise Cancelled("it was stopped before a file was read")
                self._changed.wait(POOL_LOOK_S)
            worker = self._idle.pop() if self._idle else None
            self._at_work += 1
        try:
            if worker is not None and worker.memory_mb != config.worker_memory_mb:
                worker.end()
                worker = None
            return worker or self._start(config.worker_memory_mb).result()
        except BaseException:
            self._leave()
            raise

    def give_back(self, worker: WorkerProcess) -> None:
        """What was taken, as it is by now."""
        with self._changed:
            keeps = worker.is_usable and worker.peak_mb < GROWN_MB and len(self._idle) < IDLE
            if keeps:
                self._idle.append(worker)
            replaces = not keeps and not self._idle and not self._coming
            self._coming += replaces
            self._at_work -= 1
            self._changed.notify_all()
        if not keeps:
            worker.end()
        if replaces:
            self._prepare(worker.memory_mb)

    def warm(self, config: ParseConfig) -> None:
        """Start a worker in the background, unless there is one."""
        self._stay_own()
        with self._changed:
            if self._idle or self._at_work or self._coming:
                return
            self._coming += 1
        self._prepare(config.worker_memory_mb)

    def close(self) -> None:
        """End those that do nothing; who takes one later starts anew."""
        with self._changed:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.end()

    def pids(self) -> list[int]:
        """Numbers of the processes that wait for a file."""
        with self._changed:
            return [worker.pid for worker in self._idle]

    def _start(self, memory_mb: int) -> "Future[WorkerProcess]":
        return self._starter.submit(WorkerProcess, memory_mb)

    def _prepare(self, memory_mb: int) -> None:
        """Start one that waits for a file; `_coming` counts it already."""
        try:
            self._start(memory_mb).add_done_callback(self._arrive)
        except RuntimeError:  # the program is ending
            with self._changed:
                self._coming -= 1

    def _arrive(self, started: "Future[WorkerProcess]") -> None:
        with self._changed:
            self._coming -= 1
            if started.exception() is None:
                self._idle.append(started.result())
            self._changed.notify_all()

    def _leave(self) -> None:
        with self._changed:
            self._at_work -= 1
            self._changed.notify_all()

    def _stay_own(self) -> None:
        """A process that was forked from this one must not speak with its workers."""
        if self._owner != os.getpid():
            self.__init__()  # type: ignore[misc]


@cache
def shared_pool() -> WorkerPool:
    """The pool of this process."""
    return WorkerPool()
