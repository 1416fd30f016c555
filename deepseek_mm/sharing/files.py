"""Files of an export: their kinds and limits, names that every system takes, and small copies of photos and pages.

Windows is the strictest: it refuses some signs, names such as CON, and a dot or a space at the end. Linux counts bytes
instead of letters, so a name of rare letters is cut earlier.
"""

import hashlib
import io
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from PIL import Image as PILImage
from PIL.Image import Image

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.parse.document import no_picture, parse_file, read_limited
from deepseek_mm.parse.formats import File
from index import Region, Source
from index.region import VIDEO_FORMATS


def look_at(data: bytes, *, name: str, max_pixels: int) -> Source:
    """What the bytes of a picture are, decoded once and written nowhere. BadPicture or BadFile if they are none."""
    config = ParseConfig(max_pixels=max_pixels)
    _, form = read_limited(io.BytesIO(data), name, config, size_bytes=len(data))
    if form.kind != "photo" or form.name in VIDEO_FORMATS:
        raise no_picture(name, data)
    file = File(path=name, data=data, digest=sha256(data), size_bytes=len(data), modified_ns=0, format=form)
    document = parse_file(file, config)
    document.close()
    return document.source


def sha256(data: bytes) -> str:
    """Hexadecimal."""
    return hashlib.sha256(data).hexdigest()


MAX_LETTERS = 80  # of a name without its ending
MAX_BYTES = 240  # the systems allow 255, with the ending
FORBIDDEN = re.compile(r'[<>:"/\\|?*]')
RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
UNSEEN = ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp")  # control signs, marks that turn text around, broken letters
PLAIN_ENDING = re.compile(r"\.[A-Za-z0-9]{1,8}")
JOINERS = "\u200c\u200d"  # unseen, but they spell words of Persian and Hindi


def file_name(title: str, ending: str, *, otherwise: str = "conversation") -> str:
    """The title as a file name with this ending; `otherwise` where nothing of it can stay."""
    seen = "".join(c if c in JOINERS or unicodedata.category(c) not in UNSEEN else " " for c in title)
    stem = trim_stem(FORBIDDEN.sub("_", " ".join(seen.split()))[:MAX_LETTERS])
    stem = trim_stem(stem.encode()[: MAX_BYTES - len(ending)].decode(errors="ignore"))
    if RESERVED.fullmatch(stem):
        stem = f"_{stem}"
    return f"{stem or otherwise}{ending}"


def same_name(name: str) -> str:
    """The name of a file as it is where it is harmless, else the nearest that is; only the last part of a path."""
    last = PurePosixPath(name.replace("\\", "/")).name
    stem, dot, ending = last.rpartition(".")
    if not stem or not PLAIN_ENDING.fullmatch(dot + ending):
        return file_name(last, "", otherwise="picture")
    return file_name(stem, dot + ending, otherwise="picture")


def trim_stem(stem: str) -> str:
    """Without what no name may begin or end with."""
    return stem.strip(" .")


Kind = Literal["markdown", "html", "json"]
Language = Literal["en", "zh"]

ENDINGS: dict[Kind, str] = {"markdown": ".md", "html": ".html", "json": ".json"}
MEDIA_TYPES: dict[Kind, str] = {"markdown": "text/markdown", "html": "text/html", "json": "application/json"}


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportLimits:
    """How large what is shared may become."""

    max_bytes: int = 256_000_000  # of one JSON file, written or read
    max_pixels: int = 100_000_000  # of one picture in it (config.parse.max_pixels)
    side_px: int = 1024  # longest side of a small copy of a photo
    quality: int = 85  # of that copy, as JPEG counts it


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """One file, ready to be saved."""

    name: str  # safe on every system
    data: bytes
    media_type: str


Picture = Callable[[Source, int], Image]  # Assistant.picture: upright, perhaps reduced; the number is a page, or 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Copy:
    """A small JPEG, and the size of the picture in whose pixels the boxes are."""

    jpeg: bytes
    width_px: int
    height_px: int
    of_px: tuple[int, int]  # width and height


class PhotoCopies:
    """Makes each copy once."""

    def __init__(self, picture: Picture, limits: ExportLimits) -> None:
        self._picture, self._limits = picture, limits
        self._made: dict[tuple[str, int], Copy | None] = {}

    def copy(self, source: Source, page: int = 0) -> Copy | None:
        """None where the file is gone, damaged, or has no picture."""
        place = (source.path, page)
        if place not in self._made:
            self._made[place] = self._make(source, page)
        return self._made[place]

    def of_region(self, region: Region) -> Copy | None:
        """The picture that the region lies in; None for a text without one."""
        return self.copy(region.source, region.view) if region.is_drawn else None

    def _make(self, source: Source, page: int) -> Copy | None:
        try:
            image = self._picture(source, page)
        except (DeepSeekMMError, OSError):  # moved, deleted or damaged since it was indexed
            return None
        of_px = (
            image.size
            if page and not source.is_video
            else (source.width_px or image.width, source.height_px or image.height)
        )
        small = shrunk(image, self._limits.side_px)
        stream = io.BytesIO()
        small.save(stream, "JPEG", quality=self._limits.quality)
        return Copy(jpeg=stream.getvalue(), width_px=small.width, height_px=small.height, of_px=of_px)


def shrunk(image: Image, longest_px: int) -> Image:
    """An RGB copy whose longer side is at most `longest_px`."""
    scale = min(1.0, longest_px / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.convert("RGB").resize(size, PILImage.Resampling.LANCZOS, reducing_gap=2.0)
