"""Photos with boxes over them, as HTML: the boxes are elements of their own, so that they can be lit, named and hidden.

A box stands over its photo in per cent of the sides, so it fits at any size. Everything from outside is escaped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from textwrap import dedent

from deepseek_mm import Citation
from index import Box, Region
from ui.draw import LARGE_PX, THUMB_PX, ink
from ui.exhibits import is_drawn, name_region
from ui.pictures import TINY_PX, PagePictures, shares
from ui.words import Words

AROUND = 0.35  # of a box's size, kept around it where only the part of the photo is shown
EXCERPT = 220  # letters of a text on a card
WHOLE = 0.98  # a box that covers more of the sides than this says nothing: it is not drawn


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """One box over a photo."""

    number: int
    box_px: Box
    strong: bool = True  # False is a thin line: it is there, but not what was asked for


def shot(
    pictures: PagePictures, region: Region, marks: Sequence[Mark], words: Words, *, large: bool = False, over: str = ""
) -> str:
    """The photo or page with its boxes, and HTML `over` it; or a card with the text, where there is no picture."""
    if not is_drawn(region):
        return card(region)
    size = sides_of(pictures, region)
    address = pictures.address(region.source, region.page, px=LARGE_PX if large else THUMB_PX)
    sides = f' width="{size[0]}" height="{size[1]}"' if all(size) else ""
    name = escape(", ".join(filter(None, (region.label, name_region(region, words)))))
    boxes = "".join(box(mark, size) for mark in marks)
    lazy, room = ("", room_of(size)) if large else (' loading="lazy"', "")
    photo = f'<img src="{address}" alt="{name}"{sides}{lazy} decoding="async">'
    return f'<span class="shot"{room}>{photo}{over}{boxes}</span>'


def room_of(size: tuple[int, int]) -> str:
    """The sides of the large picture as a style attribute: its place is kept before it has come."""
    if not all(size):
        return ""
    scale = min(1.0, LARGE_PX / max(size))
    return f' style="--wide:{max(1, round(size[0] * scale))};--high:{max(1, round(size[1] * scale))}"'


def sides_of(pictures: PagePictures, region: Region) -> tuple[int, int]:
    """Width and height of the photo or page; one that is a region of its own is not opened for that."""
    left, top, *sides = region.box_px
    if region.kind in ("whole", "page") and (left, top) == (0, 0) and all(sides):
        return sides[0], sides[1]
    return pictures.size(region.source, region.page)


def box(mark: Mark, size: tuple[int, int]) -> str:
    """One box in per cent of a picture's sides; nothing where it covers all of it, or none."""
    part = shares(mark.box_px, size)
    if part is None or (part[2] - part[0] > WHOLE and part[3] - part[1] > WHOLE):
        return ""
    left, top, right, bottom = (100 * share for share in part)
    place = f"left:{left:.2f}%;top:{top:.2f}%;width:{right - left:.2f}%;height:{bottom - top:.2f}%"
    look = "box" if mark.strong else "box faint"
    return (
        f'<span class="{look}" data-number="{mark.number}" style="{place};--ink:{ink(mark.number)}" aria-hidden="true">'
        f"<b>{mark.number}</b></span>"
    )


def crop(pictures: PagePictures, citation: Citation) -> str:
    """A tiny picture of the region and a little around it, for the text of an answer; a sign where there is none."""
    region = citation.region
    if not is_drawn(region):
        return '<i class="leaf" aria-hidden="true"></i>'
    left, top, right, bottom = region.box_px
    wide, high = round((right - left) * AROUND), round((bottom - top) * AROUND)
    around = (left - wide, top - high, right + wide, bottom + high)
    return f'<img src="{pictures.address(region.source, region.page, px=TINY_PX, box=around)}" alt="" loading="lazy">'


def card(region: Region) -> str:
    """The beginning of a text on a sheet."""
    text = dedent(region.text) if region.kind == "code" else region.text
    text = text[:EXCERPT] + (" ..." if len(text) > EXCERPT else "")
    return f'<span class="shot sheet" dir="auto">{escape(text)}</span>'


def marks_of(citations: Sequence[Citation], chosen: int) -> list[Mark]:
    """Boxes for the chosen citation's photo or page: its own, and thin ones for the others there."""
    here = citations[chosen].region
    return [
        Mark(number=each.number, box_px=each.region.box_px, strong=n == chosen)
        for n, each in enumerate(citations)
        if (each.region.source.path, each.region.page) == (here.source.path, here.page)
    ]
