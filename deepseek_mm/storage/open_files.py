"""Which files this process holds as databases, so that nothing else in it opens one of them.

POSIX drops every lock that a process has on a file as soon as the process closes any descriptor of it. Whoever reads a
live database as plain bytes and closes it takes SQLite's locks away; the next process that closes the same database
thinks itself the last, and removes the log of those who still write.
"""

import os
from collections import Counter
from pathlib import Path
from threading import Lock

ENDINGS = ("", "-wal", "-shm", "-journal")  # of the files that one database consists of
_HELD: Counter[str] = Counter()
_LOCK = Lock()


def hold(path: Path) -> None:
    """Note that a database is open."""
    with _LOCK:
        _HELD[str(path)] += 1


def release(path: Path) -> None:
    """Note that it is closed; what nobody holds is passed over."""
    with _LOCK:
        _HELD.subtract([str(path)])
        if _HELD[str(path)] <= 0:
            del _HELD[str(path)]


def is_held(status: os.stat_result) -> bool:
    """Whether a file of this status is one that a database of this process consists of, under whatever name."""
    with _LOCK:
        paths = [path + ending for path in _HELD for ending in ENDINGS]
    return any(_is_same(path, status) for path in paths)


def _is_same(path: str, status: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(path), status)
    except OSError:
        return False
