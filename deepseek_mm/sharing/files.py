"""Pictures that are pictures, and what bytes are known by."""

import hashlib
import io

from deepseek_mm.config import ParseConfig
from deepseek_mm.parse.document import parse_file
from deepseek_mm.parse.files import no_picture, read_limited
from deepseek_mm.parse.formats import File
from index import Source


def look_at(data: bytes, *, name: str, max_pixels: int) -> Source:
    """What the bytes of a picture are, decoded once and written nowhere. BadPicture or BadFile if they are none."""
    config = ParseConfig(max_pixels=max_pixels)
    _, form = read_limited(io.BytesIO(data), name, config, size_bytes=len(data))
    if form.kind != "photo":
        raise no_picture(name, data)
    file = File(path=name, data=data, digest=sha256(data), size_bytes=len(data), modified_ns=0, format=form)
    document = parse_file(file, config)
    document.close()
    return document.source


def sha256(data: bytes) -> str:
    """Hexadecimal."""
    return hashlib.sha256(data).hexdigest()
