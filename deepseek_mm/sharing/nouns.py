"""What sharing takes and gives: a kind of file, its limits, and the file itself."""

from dataclasses import dataclass
from typing import Literal

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
