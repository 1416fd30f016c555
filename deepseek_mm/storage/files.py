"""Plain files: small ones read within limits, any written whole or not at all, and those that are open databases.

Whatever lies there instead of a small file of JSON or TOML (a folder, a pipe, a gigabyte, brackets without end) is an
OSError or a ValueError that says what it is, so that the caller can name the file and the next step. No value is
followed deeper than `MOST_DEPTH`, and what comes back can be walked by plain recursion.

POSIX drops every lock that a process has on a file as soon as the process closes any descriptor of it. Whoever reads a
live database as plain bytes and closes it takes SQLite's locks away; the next process that closes the same database
thinks itself the last, and removes the log of those who still write. So the files that this process holds as databases
are noted, and nothing else in it opens one of them.
"""

import errno
import hashlib
import json
import os
import re
import stat
import tomllib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from deepseek_mm.errors import LibraryError

MOST_BYTES = 64_000_000  # of a file of JSON: a large model's index of weights has a few million
MOST_SETTINGS_BYTES = 200_000  # of a file of TOML: one with every setting and its comment has 10,000
MOST_DOTS = 200  # of one key of TOML
MOST_DEPTH = 64  # lists and tables inside each other: files of ours have 6


def read_small(path: Path, *, most_bytes: int = MOST_BYTES) -> bytes:
    """The bytes of a plain file. OSError if it is none or may not be read, ValueError if it is too large."""
    with open(path, "rb", opener=_open_plain) as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise ValueError(f"it is larger than the {most_bytes:,} bytes that are read of such a file")
    return data


def read_json(path: Path) -> Any:
    """The value in a file of JSON. OSError or ValueError says why there is none."""
    return parse_json(read_small(path))


def read_toml(path: Path) -> dict[str, Any]:
    """The table in a file of TOML. OSError or ValueError says why there is none."""
    text = read_small(path, most_bytes=MOST_SETTINGS_BYTES).decode("utf-8")
    if any(sum(map(bool, part.split("."))) > MOST_DOTS for part in re.split("[=#\n]", text)):
        raise too_deep()  # tomllib takes memory by the square of a key's dots
    try:
        table: dict[str, Any] = check_depth(tomllib.loads(text))
    except RecursionError as error:
        raise too_deep() from error
    return table


def read_lines(path: Path) -> list[str]:
    """The lines of a text of the library, whatever letters it holds; none where it is absent. LibraryError says why
    it cannot be read.
    """
    try:
        return read_small(path).decode("utf-8-sig", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise LibraryError(
            f"cannot read {path}: {getattr(error, 'strerror', None) or error}. "
            f"Allow reading it, or move it away: mv {path} {path}.damaged"
        ) from error


def parse_json(data: str | bytes) -> Any:
    """The value that JSON says. ValueError says what is wrong, also with what is nested too deeply."""
    try:
        return check_depth(json.loads(data))
    except RecursionError as error:
        raise too_deep() from error


def check_depth(value: Any) -> Any:
    """The value, if no part of it lies deeper than `MOST_DEPTH`; else ValueError."""
    layer: list[Any] = [value]
    for _ in range(MOST_DEPTH + 1):
        layer = [inner for outer in layer for inner in _inside(outer)]
        if not layer:
            return value
    raise too_deep()


def too_deep() -> ValueError:
    """The error for what is nested without end."""
    return ValueError(f"it is nested more than {MOST_DEPTH} levels deep")


def _inside(value: Any) -> list[Any]:
    """The lists and tables right inside one."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [part for part in parts if isinstance(part, dict | list)]


def _open_plain(name: str, flags: int) -> int:
    """Opens without waiting for whoever would write into a pipe."""
    handle = os.open(name, flags | os.O_NONBLOCK)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return handle
    os.close(handle)
    raise OSError(errno.EINVAL, "It is no plain file", name)


def atomic_write(path: Path, data: bytes, *, mode: int = 0o666, at_once: bool = True) -> None:
    """Write `data` to `path` whole or not at all: beside the target, flushed, then renamed. LibraryError says why not.

    `mode` says who may read and write a new file, less what the system's umask takes away. Not `at_once`, a crash of
    the process leaves a whole file and one of the machine perhaps not, until `sync_file` was called.
    """
    with explain_write_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{os.getpid()}.{hashlib.sha256(path.name.encode()).hexdigest()[:8]}")
        with remove_on_error(beside):
            with open(beside, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno()) if at_once else None
            beside.replace(path)


@contextmanager
def remove_on_error(draft: Path) -> Iterator[None]:
    """Remove a half-written file, so that it does not fill a full disk further."""
    try:
        yield
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def sync_file(path: Path) -> None:
    """Wait until the disk has the file: milliseconds in which others can compute. LibraryError says why it cannot."""
    with explain_write_error(path), path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def explain_write_error(path: Path) -> Iterator[None]:
    """Turn what the system complains about into a LibraryError with a next step."""
    try:
        yield
    except OSError as error:
        raise LibraryError(f"cannot write {path}: {error.strerror}. Make some room, or allow writing there") from error


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
