"""Places that are known from something else: what is written on signs and tags, and what people wear on their heads.

A detector of things puts no box around a price tag or a pair of glasses. But a tag is where there is writing, and a hat
is on top of somebody.

Shape key:  N boxes; boxes are left, top, right and bottom as shares of the picture
"""

import re
from collections.abc import Sequence

from deepseek_mm.embeddings.space import Share, area

WITH_WRITING = frozenset(
    ["sign", "tag", "price tag", "price", "label", "sticker", "notice", "poster", "writing", "text", "number plate"]
)
ABOUT_PRICES = frozenset(["price tag", "price"])
PRICE = re.compile(r"\d+[.,:]\d\d\b|[$\u20ac\u00a3]|\bkr\b|\b\d{1,4}\b")
NEAR = 0.8  # of a line's height, between two lines of one sign
GROWN = 0.15  # of its sides, by which a sign is larger than its writing
WORN = {  # thing -> top and bottom of where it is worn, as shares of a head
    "hat": (-0.1, 0.4),
    "cap": (-0.1, 0.4),
    "hair": (-0.05, 0.5),
    "glasses": (0.4, 0.65),
    "sunglasses": (0.4, 0.65),
    "goggles": (0.3, 0.65),
    "face": (0.2, 1.0),
    "head": (0.0, 1.0),
    "beard": (0.6, 1.0),
}
HEAD_WIDE, HEAD_HIGH = 0.5, 0.62  # of somebody's width
HEAD_MOST = 0.62  # of somebody's height


def find_writing(name: str, lines: Sequence[tuple[Share, str]]) -> list[Share]:
    """Where signs of this name are, from lines of writing, the largest first; with a price alone if it is about one."""
    groups: list[list[tuple[Share, str]]] = []
    for line in lines:
        near = [group for group in groups if any(is_near(line[0], other) for other, _ in group)]
        groups = [group for group in groups if group not in near]
        groups.append([line, *(other for group in near for other in group)])
    boxes = [(grow(around([box for box, _ in group])), " ".join(text for _, text in group)) for group in groups]
    priced = [box for box, text in boxes if PRICE.search(text)] if name in ABOUT_PRICES else []
    return sorted(priced or [box for box, _ in boxes], key=area, reverse=True)


def is_near(one: Share, other: Share) -> bool:
    """Are two lines on the same sign: no further apart than a line is high?"""
    gap = NEAR * min(one[3] - one[1], other[3] - other[1])
    apart_x = max(one[0], other[0]) - min(one[2], other[2])
    apart_y = max(one[1], other[1]) - min(one[3], other[3])
    return apart_x < gap and apart_y < gap


def around(boxes: Sequence[Share]) -> Share:
    """The smallest box around all of them."""
    left, top, right, bottom = zip(*boxes, strict=True)
    return (min(left), min(top), max(right), max(bottom))


def grow(box: Share) -> Share:
    """With the margin of a sign around its writing."""
    across, down = GROWN * (box[2] - box[0]), GROWN * (box[3] - box[1])
    return clip((box[0] - across, box[1] - down, box[2] + across, box[3] + down))


def clip(box: Share) -> Share:
    """What of it lies in the picture."""
    left, top, right, bottom = (min(1.0, max(0.0, edge)) for edge in box)
    return (left, top, right, bottom)


def find_worn(name: str, person: Share, shape: float) -> Share:
    """Where somebody in this box wears it; `shape` is the picture's width over its height.

    A head is about as wide as half of what is seen of somebody, and at most as high as a bust's.
    """
    wide, high = person[2] - person[0], person[3] - person[1]
    head_high = min(HEAD_HIGH * wide * shape, HEAD_MOST * high)
    middle, half = (person[0] + person[2]) / 2, HEAD_WIDE * wide / 2
    top, bottom = WORN[name]
    return clip((middle - half, person[1] + top * head_high, middle + half, person[1] + bottom * head_high))
