"""One worker process as the program sees it: started, asked, and ended when it takes too long.

The process gets the two ends that it needs, a short environment without anybody's keys, and this program's own path of
modules. Nothing that it says is believed before it was checked (`wire`).
"""

import fcntl
import json
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from deepseek_mm.errors import Cancelled
from deepseek_mm.parse.workers.wire import DESK_BYTES, WorkerReply, receive, reply_of, send

START_S = 60.0  # a machine under load takes its time
LOOK_S = 0.05  # between two looks whether to stop
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
            self._receive(time.monotonic() + START_S, lambda: False)
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
        """What it answers. TooSlow, Died, Nonsense or Cancelled, after each of which it has ended."""
        deadline_s = time.monotonic() + seconds
        try:
            self._send(request, files, seconds)
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
        return receive(lambda size: self._read(size, deadline_s, stopping))

    def _read(self, size: int, deadline_s: float, stopping: Callable[[], bool]) -> bytes:
        parts, missing = [], size
        while missing:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise TooSlow
            if stopping():
                raise Cancelled("it was stopped while a file was read")
            self._line.settimeout(min(left_s, LOOK_S))
            try:
                part = self._line.recv(min(missing, 1 << 20))
            except TimeoutError:
                continue
            if not part:
                raise EOFError
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

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
