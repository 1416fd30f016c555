"""A picture file becomes an upright RGB picture with its place and time, or an error that says why not.

Nothing is decoded before the size is known to be within the limit, and half a picture is no picture. The parts after
this one need a few hundred pixels, so a large picture comes back reduced to LONG_SIDE_PX; `source.width_px` and
`source.height_px` stay those of the upright original, and boxes are in the original's pixels.
"""

import hashlib
import io
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as PILImage
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.Image import Image
from PIL.Image import Transpose as Turn
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from deepseek_mm.errors import BadPicture, NothingThere
from deepseek_mm.parse import jpeg
from deepseek_mm.parse.exif import Camera, read_exif
from index import Source

LONG_SIDE_PX = 1600  # a larger picture is reduced to this
UPRIGHT = {  # EXIF orientation -> how to turn the picture; 1 is upright already
    2: Turn.FLIP_LEFT_RIGHT,
    3: Turn.ROTATE_180,
    4: Turn.FLIP_TOP_BOTTOM,
    5: Turn.TRANSPOSE,
    6: Turn.ROTATE_270,
    7: Turn.TRANSVERSE,
    8: Turn.ROTATE_90,
}
SIDEWAYS = (5, 6, 7, 8)
DAMAGE = (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, OverflowError, struct.error, zlib.error)


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """A kind of picture file: how it begins and what opens it. Only these reach a decoder."""

    name: str
    offset: int  # where the signature lies
    signature: bytes
    open: Callable[[io.BytesIO], ImageFile]  # reads the header only


FORMATS = (
    Format(name="JPEG", offset=0, signature=b"\xff\xd8\xff", open=JpegImageFile),
    Format(name="PNG", offset=0, signature=b"\x89PNG\r\n\x1a\n", open=PngImageFile),
    Format(name="WebP", offset=8, signature=b"WEBP", open=WebPImageFile),
    Format(name="GIF", offset=0, signature=b"GIF8", open=GifImageFile),
    Format(name="BMP", offset=0, signature=b"BM", open=BmpImageFile),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Photo:
    """A picture and where it comes from."""

    source: Source
    image: Image  # upright RGB; its long side is at most LONG_SIDE_PX, the original's size is in the source


def read_photo(path: Path, *, max_pixels: int, collection: str = "library") -> Photo:
    """The picture at `path`. Raises NothingThere, or BadPicture with the reason and what to do."""
    name = absolute(path)
    data, status = read_bytes(path)
    image, camera, (width_px, height_px) = decode(data, name=str(path), max_pixels=max_pixels)
    source = Source(
        path=name,
        collection=collection,
        digest=hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
        modified_ns=status.st_mtime_ns,
        width_px=width_px,
        height_px=height_px,
        taken_at=camera.taken_at,
        latitude=camera.latitude,
        longitude=camera.longitude,
    )
    return Photo(source=source, image=image)


def absolute(path: Path) -> str:
    """The path as the library knows it: absolute, links kept as the user named them. BadPicture if it is no text."""
    name = os.path.abspath(path)
    try:
        name.encode()
    except UnicodeEncodeError:
        raise BadPicture(f"the name {ascii(name)} is not valid UTF-8. Rename the file") from None
    return name


def read_bytes(path: Path) -> tuple[bytes, os.stat_result]:
    """A picture file's bytes, and its size and time as they were when it was opened."""
    try:
        if not (path.is_file() or path.is_dir()) and path.exists():
            raise BadPicture(f"{path} is a pipe or a device, not a file. Save the picture as a file first")
        with path.open("rb") as file:
            head = file.read(16)
            if head and format_of(head) is None:  # looked at first: a film of many gigabytes is not read
                raise BadPicture(f"{path} is no picture: it begins with {head!r}. Use a JPEG or PNG file")
            data, status = head + file.read(), os.fstat(file.fileno())
    except FileNotFoundError:
        raise NothingThere(f"no file at {path}. Check the name") from None
    except IsADirectoryError:
        raise BadPicture(f"{path} is a folder. Index its pictures with: python -m deepseek_mm index {path}") from None
    except OSError as error:
        raise BadPicture(f"{path} cannot be read: {error.strerror}. Check its permissions and its disk") from error
    if not data:
        raise BadPicture(f"{path} is empty: 0 bytes. Copy it again from where it came")
    return data, status


def format_of(head: bytes) -> Format | None:
    """The format that a file's first 16 bytes announce."""
    return next((row for row in FORMATS if head[row.offset :].startswith(row.signature)), None)


def decode(data: bytes, *, name: str, max_pixels: int) -> tuple[Image, Camera, tuple[int, int]]:
    """The upright picture (reduced if large), its camera's notes, and the upright original's width and height."""
    try:
        image = opened(data)
        check_size(image, name=name, max_pixels=max_pixels)
        size = image.size
        image.draft(None, (LONG_SIDE_PX, LONG_SIDE_PX))  # a huge JPEG is decoded at half, a quarter or an eighth
        image.load()
    except BadPicture:
        raise
    except DAMAGE as error:
        raise BadPicture(f"{name} is damaged or cut short: {error}. Copy it again from where it came") from error
    camera = read_exif(jpeg.exif_of(data) if isinstance(image, JpegImageFile) else bytes(image.info.get("exif", b"")))
    small = small_rgb(image)
    turn = UPRIGHT.get(camera.orientation)
    upright = small.transpose(turn) if turn is not None else small
    return upright, camera, size[::-1] if camera.orientation in SIDEWAYS else size


def opened(data: bytes) -> ImageFile:
    """The picture with its header read and no pixel decoded."""
    kind = format_of(data[:16])
    if kind is None:
        raise ValueError(f"it begins with {data[:16]!r}")
    if kind.name == "JPEG":
        if not jpeg.is_whole(data):
            raise ValueError("the end of the picture is missing")
        data = jpeg.without_notes(data)
    return kind.open(io.BytesIO(data))


def check_size(image: ImageFile, *, name: str, max_pixels: int) -> None:
    """Refuse a picture that would need too much memory, before it is decoded."""
    width, height = image.size
    if width * height > max_pixels:
        raise BadPicture(
            f"{name} has {width:,} x {height:,} = {width * height:,} pixels, "
            f"and parse.max_pixels allows {max_pixels:,}. "
            "Make the picture smaller, or raise parse.max_pixels"
        )


def small_rgb(image: Image) -> Image:
    """Any kind of picture as RGB of at most LONG_SIDE_PX: 16 bits become 8, and what is transparent shows white."""
    if image.mode.startswith("I"):
        image = PILImage.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    clear = "transparency" in image.info or image.mode in ("RGBA", "LA", "PA")
    small = image.convert("RGBA" if clear else "RGB")
    small.thumbnail((LONG_SIDE_PX, LONG_SIDE_PX))
    if not clear:
        return small
    return PILImage.alpha_composite(PILImage.new("RGBA", small.size, "white"), small).convert("RGB")
