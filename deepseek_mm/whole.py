"""A file is written whole or not at all: beside the target, flushed, then renamed. A crash leaves no half file."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deepseek_mm.errors import LibraryError


def write_whole(path: Path, data: bytes, *, mode: int = 0o666, at_once: bool = True) -> None:
    """Put `data` at `path`, whatever was there. LibraryError says why it cannot be.

    `mode` says who may read and write a new file, less what the system's umask takes away. Not `at_once`, a crash of
    the process leaves a whole file and one of the machine perhaps not, until `hold` was called.
    """
    with told_why(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{os.getpid()}.{hashlib.sha256(path.name.encode()).hexdigest()[:8]}")
        with remove_half_written(beside):
            with open(beside, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno()) if at_once else None
            beside.replace(path)


@contextmanager
def remove_half_written(draft: Path) -> Iterator[None]:
    """A full disk is not made fuller by half a file."""
    try:
        yield
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def hold(path: Path) -> None:
    """Wait until the disk has the file: milliseconds in which others can compute. LibraryError says why it cannot."""
    with told_why(path), path.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def told_why(path: Path) -> Iterator[None]:
    """What the system complains about as a LibraryError with a next step."""
    try:
        yield
    except OSError as error:
        raise LibraryError(f"cannot write {path}: {error.strerror}. Make some room, or allow writing there") from error
