"""A file is written whole or not at all: beside the target, flushed, then renamed. A crash leaves no half file."""

import hashlib
import os
from pathlib import Path

from deepseek_mm.errors import LibraryError


def write_whole(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Put `data` at `path`, whatever was there. LibraryError says why it cannot be.

    `mode` says who may read and write a new file, less what the system's umask takes away.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{os.getpid()}.{hashlib.sha256(path.name.encode()).hexdigest()[:8]}")
        with open(beside, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise LibraryError(f"cannot write {path}: {error.strerror}. Make some room, or allow writing there") from error
