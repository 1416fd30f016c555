"""Marks on photos: each box is outlined, and its number stands in a filled tab, readable at any size.

A photo is made small first and marked afterwards, so lines and numbers keep their size on the screen whether the
original has 0.1 or 12 megapixels. Boxes are in pixels of the picture that is handed in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from textwrap import wrap

from PIL import Image, ImageDraw, ImageFont

from index import Box

THUMB_PX = 512  # longest side of a thumbnail
LARGE_PX = 1600  # longest side of a photo that is looked at
SMALL_PX = 320  # a smaller picture is enlarged to this before it is marked: a number needs room
THUMB_DIGIT = 1 / 14  # height of a number, as a share of the longest side
LARGE_DIGIT = 1 / 32
CONTEXT = 0.35  # of a box's size, kept around it in a thumbnail
INKS = ("#d1243f", "#0969da", "#1a7f37", "#9a6700", "#8250df", "#bf3989", "#0e7c86", "#57606a")  # all carry white text
SLIMMEST = 0.7  # of a thumbnail's sides, the shorter to the longer, as far as the photo reaches
PAPER = "#eef0f2"
CARD_PX = (512, 384)  # a sheet of text
CARD_LETTER_PX = 18  # height of its letters
CARD_GAP_PX = 5  # between its lines
CARD_LETTERS = 50  # in one of its lines


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """One box to draw."""

    number: int  # printed in the tab
    box_px: Box  # in pixels of the picture that is handed in
    strong: bool = True  # False draws a thin line: it is there, but not what was asked for
    beside: bool = False  # around the box and left of it, not on it: what is inside is to be read


def ink(number: int) -> str:
    """The colour of a number; numbers beyond the table start over."""
    return INKS[(number - 1) % len(INKS)]


def shrink(image: Image.Image, longest_px: int, *, least_px: int = 1) -> Image.Image:
    """An RGB copy whose longer side is at most `longest_px` and at least `least_px`."""
    longest = max(image.size)
    scale = min(max(longest, least_px), longest_px) / longest
    if scale == 1:
        return image.convert("RGB").copy()
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.convert("RGB").resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def mark(
    image: Image.Image, marks: Sequence[Mark], *, longest_px: int = LARGE_PX, digit: float = LARGE_DIGIT
) -> Image.Image:
    """A copy of at most `longest_px` with every box outlined and numbered; `image` stays as it is."""
    marked = shrink(image, longest_px, least_px=min(SMALL_PX, longest_px))
    scale = max(marked.size) / max(image.size)
    pen = ImageDraw.Draw(marked)
    font = _font(max(14, round(max(marked.size) * digit)))
    stroke = max(2, round(font.size / 8))
    boxes = [_inside(m.box_px, scale, marked.size) for m in marks]
    for each, box in sorted(zip(marks, boxes, strict=True), key=lambda pair: pair[0].strong):
        line = stroke if each.strong else max(1, stroke // 2)
        _outline(pen, _around(box, line + 3) if each.beside else box, ink(each.number), line)
    taken: list[Box] = []
    for each, box in zip(marks, boxes, strict=True):
        taken.append(_tab(pen, font, each, box, taken))
    return marked


def thumb(image: Image.Image, each: Mark, *, longest_px: int = THUMB_PX) -> Image.Image:
    """The marked region with some of its surroundings, at most `longest_px` long."""
    left, top, right, bottom = each.box_px
    width, height = right - left, bottom - top
    longest = max(width, height) * (1 + 2 * CONTEXT)
    across = _span(left, width, max(longest * SLIMMEST, width * (1 + 2 * CONTEXT)), image.width)
    down = _span(top, height, max(longest * SLIMMEST, height * (1 + 2 * CONTEXT)), image.height)
    window = (across[0], down[0], across[1], down[1])
    if window[2] <= window[0] or window[3] <= window[1]:  # a box outside the photo: show all of it
        window = (0, 0, *image.size)
    moved = (left - window[0], top - window[1], right - window[0], bottom - window[1])
    return mark(image.crop(window), [replace(each, box_px=moved)], longest_px=longest_px, digit=THUMB_DIGIT)


def blank(text: str, *, size: tuple[int, int] = (384, 288)) -> Image.Image:
    """A quiet plate in place of a photo that cannot be shown."""
    plate = Image.new("RGB", size, PAPER)
    ImageDraw.Draw(plate).text((size[0] / 2, size[1] / 2), text, fill="#57606a", font=_font(18), anchor="mm")
    return plate


def card(text: str, number: int) -> Image.Image:
    """The beginning of a text on a sheet with its number, where there is no picture to show."""
    sheet = Image.new("RGB", CARD_PX, "white")
    font = _font(CARD_LETTER_PX)
    lines = [part for line in text[:2000].splitlines() for part in wrap(line, CARD_LETTERS, tabsize=4) or [""]]
    top = CARD_LETTER_PX * 3  # below the number
    rows = (CARD_PX[1] - top) // (CARD_LETTER_PX + CARD_GAP_PX)
    ImageDraw.Draw(sheet).multiline_text(
        (CARD_LETTER_PX, top), "\n".join(lines[:rows]), fill="#24292f", font=font, spacing=CARD_GAP_PX
    )
    return mark(sheet, [Mark(number=number, box_px=(0, 0, *CARD_PX))], digit=THUMB_DIGIT)


def _span(start: int, length: int, wanted: float, limit: int) -> tuple[int, int]:
    """From and to along one side: `wanted` pixels with the box in the middle, cut to the photo."""
    spare = (wanted - length) / 2
    return max(0, round(start - spare)), min(limit, round(start + length + spare))


def _font(height_px: int) -> ImageFont.FreeTypeFont:
    """Pillow's own font, so that no machine lacks it."""
    font = ImageFont.load_default(height_px)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow's wheels are built with FreeType"
    return font


def _inside(box: Box, scale: float, size: tuple[int, int]) -> Box:
    """The box in pixels of the marked picture, cut to it, at least two pixels wide and high."""
    left, top, right, bottom = (round(edge * scale) for edge in box)
    left, top = min(max(0, left), size[0] - 2), min(max(0, top), size[1] - 2)
    return left, top, max(left + 2, min(right, size[0])), max(top + 2, min(bottom, size[1]))


def _outline(pen: ImageDraw.ImageDraw, box: Box, colour: str, stroke: int) -> None:
    """A line inside the box with a white line around and within it, so that it shows on any photo."""
    left, top, right, bottom = box[0], box[1], box[2] - 1, box[3] - 1  # PIL's last pixel belongs to the rectangle
    pen.rectangle((left, top, right, bottom), outline="white", width=stroke + 2)
    if right - left > 2 and bottom - top > 2:
        pen.rectangle((left + 1, top + 1, right - 1, bottom - 1), outline=colour, width=stroke)


def _around(box: Box, gap: int) -> Box:
    return box[0] - gap, box[1] - gap, box[2] + gap, box[3] + gap


def _tab(pen: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont, each: Mark, box: Box, taken: Sequence[Box]) -> Box:
    """Draw the number at the box's upper left corner, moved right past other numbers, and return where it stands."""
    number = each.number
    size = pen.im.size
    _, _, wide, high = pen.textbbox((0, 0), str(number), font=font)
    pad = max(4, round(high / 4))
    width, height = round(wide) + 2 * pad, round(high) + 2 * pad
    start = max(0, box[0] - width - pad) if each.beside else box[0]
    left, top = min(start, max(0, size[0] - width)), min(box[1], max(0, size[1] - height))
    while (hit := _touching((left, top, left + width, top + height), taken)) and hit[2] + width <= size[0]:
        left = hit[2]
    where = (left, top, left + width, top + height)
    pen.rectangle((left, top, left + width - 1, top + height - 1), fill=ink(number), outline="white")
    pen.text((left + width / 2, top + height / 2), str(number), fill="white", font=font, anchor="mm")
    return where


def _touching(box: Box, others: Sequence[Box]) -> Box | None:
    """The first of the others that overlaps the box."""
    overlaps = (o for o in others if box[0] < o[2] and o[0] < box[2] and box[1] < o[3] and o[1] < box[3])
    return next(overlaps, None)
