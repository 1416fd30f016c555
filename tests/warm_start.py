"""Starts scripts in processes of their own that have all imports behind them.

    python tests/warm_start.py NAME

A page takes ten seconds to start, and nine of them are imports: torch, Gradio, our own modules. One process of a test
run imports them once, at the first request, and divides itself for each script. It listens at an abstract address, and
ends when its standard input does, so it cannot outlive the tests. Linux only: elsewhere, and where the start itself is
tested, scripts are started as a user would.

A request is a line of JSON with the script's arguments, its folder and its environment, and the descriptor that it
writes to. The answers are the script's process id, and its exit code once it ends.
"""

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ADDRESS = "TESTS_WARM_START"  # the variable that names the address
HEAVY = ("fake_app", "library_app", "code_app", "ui", "deepseek_mm.api.app", "deepseek_mm.factory", "torch._dynamo")
MOST_BYTES = 1 << 20  # of a request


class WarmProcess:
    """A script that was started so; of `subprocess.Popen` what tests ask of a page's process."""

    def __init__(self, argv: list[str], folder: Path, environ: dict[str, str]) -> None:
        """Start it; waits for the imports if it is the first."""
        ends = os.pipe()
        self.stdout = os.fdopen(ends[0])
        self.returncode: int | None = None
        self._desk = socket.socket(socket.AF_UNIX)
        self._desk.connect(f"\0{environ[ADDRESS]}")
        socket.send_fds(self._desk, [f"{json.dumps([argv, str(folder), environ])}\n".encode()], [ends[1]])
        os.close(ends[1])
        self._told = self._desk.makefile()
        self.pid = int(self._told.readline())

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout_s: float | None = None) -> int:
        """The exit code, once it ends. TimeoutExpired if it does not in time."""
        if self.returncode is None:
            if not select.select([self._desk], [], [], timeout_s)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout_s or 0)
            self.returncode = int(self._told.readline())
            self._told.close()
            self._desk.close()
        return self.returncode

    def send_signal(self, sig: signal.Signals) -> None:
        """Nothing, if it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


@contextmanager
def warm_starts() -> Iterator[None]:
    """Scripts can be started so by this process and by those that it starts."""
    name = f"deepseek-mm-tests-{os.getpid()}"
    command, pipe = [sys.executable, __file__, name], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL) as divider:
        divider.stdout.readline()
        os.environ[ADDRESS] = name
        yield
        del os.environ[ADDRESS]
        divider.stdin.close()


def listen(name: str) -> None:
    """Divide for each request until the standard input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who waits on scripts is a process of its own, on which nobody waits
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(f"\0{name}")
        door.listen()
        sys.stdout.write("listening\n")
        sys.stdout.flush()
        while sys.stdin.buffer not in select.select([door, sys.stdin.buffer], [], [])[0]:
            caller, _ = door.accept()
            import_heavy()
            if os.fork() == 0:
                door.close()
                attend(caller)
            caller.close()


def import_heavy() -> None:
    """What the scripts import, once."""
    if HEAVY[0] in sys.modules:
        return
    gc.disable()
    for name in HEAVY:
        importlib.import_module(name)
    gc.enable()
    gc.freeze()  # no search for garbage touches, and so copies, what all scripts share


def attend(caller: socket.socket) -> None:
    """Start what is asked for, tell its number, wait, tell its exit code, and end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request, descriptors, _, _ = socket.recv_fds(caller, MOST_BYTES, 1)
    while not request.endswith(b"\n"):
        request += caller.recv(MOST_BYTES)
    if (pid := os.fork()) == 0:
        caller.close()
        run_script(*json.loads(request), descriptors[0])
    os.close(descriptors[0])
    caller.sendall(f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    caller.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def run_script(argv: list[str], folder: str, environ: dict[str, str], descriptor: int) -> None:
    """Become `python SCRIPT ...` in its folder and environment."""
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    os.close(descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv[:] = argv
    sys.path[0] = str(Path(argv[0]).parent)
    code = 1
    try:
        runpy.run_path(argv[0], run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  Python tells of all of them
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    sys.path[1:1] = [str(Path(__file__).parent.parent)]
    listen(sys.argv[1])
