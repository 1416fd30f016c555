"""What happens to a cluster beside kills: a cut network, a slow disk, a full one, and a clock that goes wrong."""

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Self

import psycopg

from deepseek_mm.benchmarks.servers import find_free_port

FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)  # of Debian's libfaketime
SKEW_S = 600
SLOW_US = 100_000  # that each change of the database waits for its disk: the most that PostgreSQL can be told
DISK_MB = 400
PIECE = 65_536


def skewed() -> dict[str, str]:
    """Variables of a process whose clock is ten minutes ahead; none where libfaketime is not installed."""
    if FAKETIME is None:
        return {}
    return {"LD_PRELOAD": str(FAKETIME), "FAKETIME": f"+{SKEW_S}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


class Link:
    """A way to a port of this machine that can be cut: no byte goes through then, and nobody is told."""

    def __init__(self, target: int) -> None:
        self.port, self._target = find_free_port(), target
        self._open, self._ends = threading.Event(), []
        self._open.set()
        self._door = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._let_in, daemon=True).start()

    def cut(self) -> None:
        self._open.clear()

    def mend(self) -> None:
        """What was connected is lost, as where a router forgot it; who comes anew gets through."""
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends.clear()
        self._open.set()

    def close(self) -> None:
        self._door.close()
        self.mend()

    def _let_in(self) -> None:
        with suppress(OSError):  # it was closed
            while True:
                near, _ = self._door.accept()
                threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        self._open.wait()
        with suppress(OSError), near, socket.create_connection(("127.0.0.1", self._target)) as far:
            self._ends += [near, far]
            back = threading.Thread(target=self._pump, args=(far, near), daemon=True)
            back.start()
            self._pump(near, far)
            back.join()

    def _pump(self, origin: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := origin.recv(PIECE):
                self._open.wait()
                target.sendall(piece)
        for end in (origin, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class SmallDisk:
    """A folder on a disk of its own that can be filled; only where this process may mount one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    @contextmanager
    def mounted(cls, folder: Path) -> Iterator[Self | None]:
        """None where nothing may be mounted."""
        words = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=755", "tmpfs", str(folder)]
        if os.geteuid() != 0 or shutil.which("mount") is None or subprocess.run(words, capture_output=True).returncode:
            yield None
            return
        try:
            yield cls(folder)
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)

    def fill(self) -> None:
        """Until nothing more can be written."""
        with suppress(OSError), (self.folder / "filler").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(PIECE))

    def empty(self) -> None:
        (self.folder / "filler").unlink()


def slow_down(url: str, *, us: int = SLOW_US) -> None:
    """Every change waits so long for the disk; 0 is as usual."""
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        connection.execute("ALTER SYSTEM SET commit_siblings = 0")
        connection.execute(f"ALTER SYSTEM SET commit_delay = {us}")
        connection.execute("SELECT pg_reload_conf()")
