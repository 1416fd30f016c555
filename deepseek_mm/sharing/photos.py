"""Small copies of the photos and pages that an answer cites, so that its evidence can be seen on another machine."""

import io
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image as PILImage
from PIL.Image import Image

from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.sharing.nouns import ExportLimits
from index import Region, Source

Picture = Callable[[Source, int], Image]  # Assistant.picture: upright, perhaps reduced; the number is a page, or 0
WRITTEN = ("text", "code")  # kinds of regions that are read, not looked at


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
        return self.copy(region.source, region.page) if is_drawn(region) else None

    def _make(self, source: Source, page: int) -> Copy | None:
        try:
            image = self._picture(source, page)
        except (DeepSeekMMError, OSError):  # moved, deleted or damaged since it was indexed
            return None
        of_px = image.size if page else (source.width_px or image.width, source.height_px or image.height)
        small = shrunk(image, self._limits.side_px)
        stream = io.BytesIO()
        small.save(stream, "JPEG", quality=self._limits.quality)
        return Copy(jpeg=stream.getvalue(), width_px=small.width, height_px=small.height, of_px=of_px)


def is_drawn(region: Region) -> bool:
    """Whether the region lies in a picture; the others are text without one."""
    return region.kind not in WRITTEN or region.page > 0 or region.source.kind == "photo"


def shrunk(image: Image, longest_px: int) -> Image:
    """An RGB copy whose longer side is at most `longest_px`."""
    scale = min(1.0, longest_px / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.convert("RGB").resize(size, PILImage.Resampling.LANCZOS, reducing_gap=2.0)
