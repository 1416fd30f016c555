"""Worker processes: each is started when needed, asked, handed out one by one, and ended when it is slow or has grown.

The process gets the two ends that it needs, a short environment without anybody's keys, and this program's own path of
modules. Nothing that it says is believed before it was checked (`wire`).

A process that was killed is replaced in the background, so that the next file need not wait for its start. All are
started by one thread that lives as long as the program, since a worker ends with the thread that started it.
"""

import fcntl
import json
import mmap
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import Cancelled
from deepseek_mm.parse.workers.wire import (
    DESK_BYTES,
    MOST_FILE_BYTES,
    WorkerReply,
    read_exactly,
    receive,
    reply_of,
    send,
)

START_S = 60.0  # a machine under load takes its time
LOOK_S = 0.05  # between two looks whether to stop
PATIENCE = 10  # times as long as it may compute, on a machine that has much else to do
USER_TICKS, TICKS = 11, os.sysconf("SC_CLK_TCK")  # where proc(5) tells the time, and how it is counted
ROOT = str(Path(__file__).resolve().parents[3])  # where deepseek_mm and index lie
BOOT = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
BOOT += "from deepseek_mm.parse.workers.loop import main; main(*map(int, sys.argv[2:]))"
ENVIRONMENT = {  # few threads, each of which would claim memory
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 25),  # what a picture needs is kept for the next one
    "MALLOC_TRIM_THRESHOLD_": str(1 << 26),
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "LC_ALL": "C.UTF-8",
}
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR")


class TooSlow(Exception):
    """No answer came within the time."""


class Died(Exception):
    """The process ended before it answered; the text says how."""


class WorkerProcess:
    """A process that takes files apart. For one thread at a time."""

    def __init__(self, memory_mb: int) -> None:
        """Start it; the thread that does so must live as long as the program, for the process dies with it."""
        self.memory_mb, self.peak_mb, self.is_usable = memory_mb, 0, True
        self._born_s, self._most_cpu_s = time.monotonic(), START_S
        self._desk_file = unnamed_file()
        os.ftruncate(self._desk_file, DESK_BYTES)
        _seal(self._desk_file)
        self._desk = mmap.mmap(self._desk_file, DESK_BYTES)
        self._line, theirs = socket.socketpair()
        ends = (theirs.fileno(), self._desk_file)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-B", "-c", BOOT, json.dumps(_path()), *map(str, ends), str(os.getpid()),
                 str(memory_mb)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=ends,
                env=ENVIRONMENT | {name: os.environ[name] for name in PASSED_ON if name in os.environ},
                cwd="/",
            )  # fmt: skip
        try:
            greeting, _ = self._receive(time.monotonic() + START_S, lambda: False)
            self._own_bytes = int(greeting.get("own") or 0)
        except BaseException:
            self.end()
            raise

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def ask(
        self, request: dict[str, Any], *, files: Sequence[int] = (), seconds: float, stopping: Callable[[], bool]
    ) -> WorkerReply:
        """What it answers. TooSlow where it computes for longer, Died, Nonsense or Cancelled: then it has ended."""
        self._most_cpu_s = self.cpu_seconds() + seconds
        deadline_s = time.monotonic() + seconds * PATIENCE
        try:
            self._send(request, files, seconds * PATIENCE)
            message, size = self._receive(deadline_s, stopping)
            with memoryview(self._desk) as desk:
                reply = reply_of(message, size, desk)
            self.peak_mb = reply.peak_mb
            return reply
        except (EOFError, ConnectionError):
            raise Died(self._autopsy()) from None
        except BaseException:
            self.end()
            raise

    def allow(self, held_bytes: int) -> None:
        """Let it hold a file of so many bytes besides the memory that taking it apart may need. It cannot itself."""
        if not self._own_bytes or not hasattr(resource, "prlimit"):
            return
        most = self._own_bytes + self.memory_mb * 1_000_000 + min(held_bytes, MOST_FILE_BYTES)
        with suppress(OSError, ValueError):  # it has ended, or may have less already
            _, hard = resource.prlimit(self.pid, resource.RLIMIT_AS)
            resource.prlimit(self.pid, resource.RLIMIT_AS, (most, hard))

    def cpu_seconds(self) -> float:
        """How long it has computed since its start; where the system does not tell, how long it has been alive."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_bytes().rpartition(b")")[2].split()
            return sum(map(int, fields[USER_TICKS : USER_TICKS + 2])) / TICKS
        except (OSError, ValueError):
            return time.monotonic() - self._born_s

    def end(self) -> None:
        """Kill it, if it lives, and let go of what was shared."""
        self.is_usable = False
        self._process.kill()
        self._process.wait()
        self._line.close()
        if not self._desk.closed:
            self._desk.close()
            os.close(self._desk_file)

    def _send(self, request: dict[str, Any], files: Sequence[int], seconds: float) -> None:
        self._line.settimeout(seconds)
        try:
            send(self._line, request, files=files)
        except TimeoutError:
            raise TooSlow from None

    def _receive(self, deadline_s: float, stopping: Callable[[], bool]) -> tuple[dict[str, Any], int]:
        return receive(lambda size: read_exactly(lambda most: self._wait(most, deadline_s, stopping), size))

    def _wait(self, most: int, deadline_s: float, stopping: Callable[[], bool]) -> bytes:
        """The next bytes that come."""
        while (left_s := deadline_s - time.monotonic()) > 0:
            if stopping():
                raise Cancelled("it was stopped while a file was read")
            self._line.settimeout(min(left_s, LOOK_S))
            with suppress(TimeoutError):
                return self._line.recv(most)
            if self.cpu_seconds() > self._most_cpu_s:
                break
        raise TooSlow

    def _autopsy(self) -> str:
        """How it ended."""
        self._process.wait()
        code = self._process.returncode
        self.end()
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def unnamed_file() -> int:
    """The descriptor of an empty file without a name, in memory where the system has such files."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("parse", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _seal(desk: int) -> None:
    """A worker that was taken over could otherwise make the desk smaller, and reading from it would end the program."""
    if hasattr(fcntl, "F_ADD_SEALS"):
        fcntl.fcntl(desk, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)


def _path() -> list[str]:
    """Where the process finds modules: where this one does, and this project's own."""
    return [ROOT, *(path for path in sys.path if path and os.path.isabs(path))]


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
