"""Files that are there whole or not at all, and pictures that are pictures."""

import hashlib
import io
import os
from pathlib import Path

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import LibraryError
from deepseek_mm.parse.document import parse_file
from deepseek_mm.parse.files import no_picture, taken
from deepseek_mm.parse.nouns import File
from index import Source


def look_at(data: bytes, *, name: str, max_pixels: int) -> Source:
    """What the bytes of a picture are, decoded once and written nowhere. BadPicture or BadFile if they are none."""
    config = ParseConfig(max_pixels=max_pixels)
    _, form = taken(io.BytesIO(data), name, config)
    if form.kind != "photo":
        raise no_picture(name, data)
    file = File(path=name, data=data, digest=sha256(data), size_bytes=len(data), modified_ns=0, format=form)
    document = parse_file(file, config)
    document.close()
    return document.source


def write_whole(path: Path, data: bytes) -> None:
    """Beside the target, flushed, then renamed: a crash leaves no half file. LibraryError says why it cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{os.getpid()}.{sha256(path.name.encode())[:8]}")
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise LibraryError(f"cannot write {path}: {error.strerror}. Make some room, or allow writing there") from error


def sha256(data: bytes) -> str:
    """Hexadecimal."""
    return hashlib.sha256(data).hexdigest()
