"""Photos as a larger model that sees is shown them: with a thin numbered box around each region that it may cite.

What others found there is not told, so that it is a witness of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from PIL import ImageDraw, ImageFont
from PIL.Image import Image

from deepseek_mm.language.words import quote_title
from deepseek_mm.retrieval.evidence import MAX_NAME
from deepseek_mm.types import Evidence
from index import Box, Source

LINE, EDGE = "#ffffff", "#000000"  # of a box, and on both sides of it: seen on any ground
LINE_SHARE, LEAST_LINE_PX = 0.003, 1  # width of a line, of the longer side
LETTER_SHARE, LEAST_LETTER_PX = 0.035, 10  # height of a number, of the longer side
THOUSANDTHS = 1000  # of a side, in which places are told


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownPicture:
    """One photo with the evidence of it that has a number."""

    source: Source
    image: Image
    entries: tuple[Evidence, ...] = ()

    @classmethod
    def of(cls, source: Source, image: Image, evidence: Sequence[Evidence]) -> Self:
        """With those entries that are of this file."""
        mine = tuple(entry for entry in evidence if entry.region.source.path == source.path)
        return cls(source=source, image=image, entries=mine)

    def describe(self, place: int) -> str:
        """Its numbers, one a line, and where their boxes lie; `place` counts the pictures from 1."""
        name = quote_title(self.source.name, MAX_NAME)
        return "\n".join([f"Photo {place}, {name}:", *(f"[{e.number}] {self._tell_place(e)}" for e in self.entries)])

    def _tell_place(self, entry: Evidence) -> str:
        if entry.region.kind != "part":
            return "the whole photo"
        left, top, right, bottom = scale_box(entry.region.box_px, self.source, THOUSANDTHS, THOUSANDTHS)
        return f"the box from ({left}, {top}) to ({right}, {bottom}), of {THOUSANDTHS} by {THOUSANDTHS}"

    def mark(self) -> Image:
        """A copy with the boxes of its parts, each with its number; the picture itself where there is none."""
        parts = [entry for entry in self.entries if entry.region.kind == "part"]
        if not parts:
            return self.image
        marked = self.image.convert("RGB")
        for entry in parts:
            draw_box(marked, scale_box(entry.region.box_px, self.source, *marked.size), str(entry.number))
        return marked


def scale_box(box_px: Box, source: Source, wide: int, high: int) -> Box:
    """A box of the original in the measures of another picture of it, inside it."""
    left, top, right, bottom = box_px
    across, down = wide / max(source.width_px, 1), high / max(source.height_px, 1)
    return (
        max(0, round(left * across)),
        max(0, round(top * down)),
        min(wide, round(right * across)),
        min(high, round(bottom * down)),
    )


def draw_box(image: Image, box: Box, number: str) -> None:
    """A frame with its number in the upper left corner, in place."""
    longer = max(image.size)
    line, letter = max(LEAST_LINE_PX, round(LINE_SHARE * longer)), max(LEAST_LETTER_PX, round(LETTER_SHARE * longer))
    left, top, right, bottom = box[0], box[1], max(box[0] + 1, box[2] - 1), max(box[1] + 1, box[3] - 1)
    pen = ImageDraw.Draw(image)
    pen.rectangle((left, top, right, bottom), outline=EDGE, width=3 * line)
    if right - left > 4 * line and bottom - top > 4 * line:
        pen.rectangle((left + line, top + line, right - line, bottom - line), outline=LINE, width=line)
    plate = pen.textbbox((left + line, top + line), number, font=(font := ImageFont.load_default(letter)))
    pen.rectangle((left, top, plate[2] + line, plate[3] + line), fill=EDGE)
    pen.text((left + line, top + line), number, fill=LINE, font=font)
