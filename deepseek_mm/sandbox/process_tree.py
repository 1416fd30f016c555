"""What a program has started, how much memory all of it takes, and its end, whatever it does to outlive it.

Works from outside, on the numbers in /proc; whoever calls it is the reaper of orphans (`kernel.SET_SUBREAPER`), so that
nothing leaves the tree below it.
"""

import os
import re
import signal
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import count
from math import inf

TREE_S = 5.0  # that killing everything may take
ROUND_S = 0.01  # between two rounds of it
DEEP = 500  # characters of a path within the folder
BLOCK = 4096  # bytes that a file takes, be it empty
TAKEN_OUT = ".taken-out-"  # names of what waits to be removed
OWN = 0o700  # everything, by the owner alone
DELETED = re.compile(  # a line of /proc/N/maps
    rb"^(?P<start>[0-9a-f]+)-(?P<end>[0-9a-f]+) \S+ \S+ (?P<major>[0-9a-f]+):(?P<minor>[0-9a-f]+) (?P<inode>\d+) .*"
    rb" \(deleted\)$",
    re.MULTILINE,
)
MEMORY = (b"RssAnon:", b"RssShmem:", b"VmSwap:")  # lines of /proc/N/status, in kB: what only ends with its processes


def children(pid: int) -> list[int]:
    """Processes that this one started and that are still there."""
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            found += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
    return found


def below(pid: int) -> list[int]:
    """All processes that descend from it, itself not among them."""
    found = children(pid)
    for each in found:  # it grows while we go through it
        found += children(each)
    return found


def memory_mb(pid: int) -> float:
    """Memory of one process that belongs to no file."""
    lines = _read(f"/proc/{pid}/status").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(MEMORY)) / 1024


def threads_of(uid: int) -> int:
    """How many threads run for a user: what a limit on processes counts."""
    total = 0
    for name in filter(str.isdecimal, os.listdir("/proc")):
        with suppress(OSError):
            total += len(os.listdir(f"/proc/{name}/task")) if os.stat(f"/proc/{name}").st_uid == uid else 0
    return total


def folder_mb(folder: str) -> float:
    """What the files below a folder take, a block each at least; infinite where they cannot be counted."""
    taken, todo = 0, [folder]
    while todo:
        here = todo.pop()
        if len(here) > len(folder) + DEEP:
            return inf
        try:
            for entry in os.scandir(here):
                taken += max(BLOCK, entry.stat(follow_symlinks=False).st_blocks * 512)
                todo += [entry.path] if entry.is_dir(follow_symlinks=False) else []
        except PermissionError:
            return inf
        except OSError:  # it has gone
            continue
    return taken / 2**20


def deleted_mb(pids: Iterable[int]) -> float:
    """What files take that have no name any more, and that these processes have open or in memory."""
    taken: dict[tuple[int, int], int] = {}
    for pid in pids:
        with suppress(OSError):  # it has ended
            for number in os.listdir(f"/proc/{pid}/fd"):
                taken |= _nameless(f"/proc/{pid}/fd/{number}")
        for mapped in DELETED.finditer(_read(f"/proc/{pid}/maps")):
            device = os.makedev(int(mapped["major"], 16), int(mapped["minor"], 16))
            taken.setdefault((device, int(mapped["inode"])), int(mapped["end"], 16) - int(mapped["start"], 16))
    return sum(taken.values()) / 2**20


def _nameless(path: str) -> dict[tuple[int, int], int]:
    """Device, inode and bytes of an open file that has no name."""
    with suppress(OSError):  # it was closed
        file = os.stat(path)
        if stat.S_ISREG(file.st_mode) and not file.st_nlink:
            return {(file.st_dev, file.st_ino): file.st_blocks * 512}
    return {}


def empty(folder: str) -> None:
    """Remove what a program left in its folder, however deep: what lies in a folder is moved to the top first.

    OSError: something is in the way.
    """
    names = (os.path.join(folder, f"{TAKEN_OUT}{n}") for n in count())
    while found := list(os.scandir(folder)):
        for entry in found:
            _lift(entry.path, names) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)


def _lift(folder: str, names: Iterator[str]) -> None:
    """Move what lies in a folder to these paths, and remove the folder."""
    os.chmod(folder, OWN)
    for inner in os.scandir(folder):
        if inner.is_dir(follow_symlinks=False):
            os.chmod(inner.path, OWN)  # a folder that cannot be written cannot be moved
        os.rename(inner.path, next(names))
    os.rmdir(folder)


def end_all(pid: int) -> bool:
    """Kill all that descends from it. Whether nothing is left; first all are stopped, so that none can fork away."""
    deadline = time.monotonic() + TREE_S
    while time.monotonic() < deadline:
        stopped: set[int] = set()
        while new := set(below(pid)) - stopped:
            send(new, signal.SIGSTOP)
            stopped |= new
        send(stopped, signal.SIGKILL)
        reap()
        if not below(pid):
            return True
        time.sleep(ROUND_S)
    return False


def send(pids: set[int], number: int) -> None:
    """A signal to each that is still there."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def reap() -> None:
    """Take leave of children that have ended."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _read(path: str) -> bytes:
    with suppress(OSError), open(path, "rb") as file:
        return file.read()
    return b""
