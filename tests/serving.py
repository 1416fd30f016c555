"""Start a page in a process of its own, and know when it is ready.

Imports take most of a start, so the process is a part of one that has them behind it (`warm_start`). `cold=True` starts
it as a user would: where the start is what is tested, or where an import reads the environment.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from warm_start import ADDRESS, WarmProcess

ROOT = Path(__file__).parent.parent
FAKE = ROOT / "tests" / "fake_app.py"
START_S = 180  # a loaded machine imports slowly; a first start with the real models indexes the photos too


class Served:
    """`python SCRIPT --port 0 --data DATA`, its output and its address."""

    def __init__(self, data: Path, *flags: str, script: Path = FAKE, cold: bool = False, **environ: str) -> None:
        self.data = data
        self.lines: list[str] = []
        self._ready = threading.Event()
        argv = [str(script), "--data", str(data), *(flags or ("--port", "0"))]
        start = WarmProcess if os.environ.get(ADDRESS) and not cold else start_process
        self.process: WarmProcess | subprocess.Popen[str] = start(argv, data.parent, {**os.environ, **environ})
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if line.startswith("ready: "):
                self._ready.set()
        self._ready.set()

    @property
    def url(self) -> str:
        """The address of the page, once it answers there."""
        assert self._ready.wait(START_S), f"not ready after {START_S} s: {self.lines}"
        ready = [line for line in self.lines if line.startswith("ready: ")]
        assert ready, "\n".join(self.lines)
        return ready[0].split()[1]

    def end(self, sig: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal and wait; returns the exit code."""
        self.process.send_signal(sig)
        return self.ended(30)

    def ended(self, timeout_s: float) -> int:
        """Wait until it ends by itself, and all that it said is in `lines`; returns the exit code."""
        code = self.process.wait(timeout_s)
        self._reader.join(timeout_s)
        return code


def start_process(argv: list[str], folder: Path, environ: dict[str, str]) -> subprocess.Popen[str]:
    """`python SCRIPT ...`, whose output can be read."""
    command, pipe = [sys.executable, *argv], subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=environ, stdout=pipe, stderr=subprocess.STDOUT, text=True)


@contextmanager
def serving(data: Path, *flags: str, script: Path = FAKE, cold: bool = False, **environ: str) -> Iterator[Served]:
    """The page as long as it is needed."""
    server = Served(data, *flags, script=script, cold=cold, **environ)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()
