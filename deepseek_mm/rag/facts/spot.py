"""Where a box lies in its picture, and how two boxes lie to each other. Geometry only.

Boxes are left, top, right, bottom in pixels of the upright original.
"""

from index import Box

AWAY = 0.12  # of the picture's side: centres that are closer are neither left nor right, above nor below
LARGER = 1.25  # times the area, before one box counts as bigger


def centre(box: Box) -> tuple[float, float]:
    """Its middle, x and y."""
    left, top, right, bottom = box
    return (left + right) / 2, (top + bottom) / 2


def area(box: Box) -> int:
    """In square pixels."""
    left, top, right, bottom = box
    return (right - left) * (bottom - top)


def position(box: Box, width: int, height: int) -> str:
    """Which ninth of the picture its middle lies in: "top left", "left", "centre", ..."""
    x, y = centre(box)
    column = ("left", "", "right")[min(2, int(3 * x / max(width, 1)))]
    row = ("top", "", "bottom")[min(2, int(3 * y / max(height, 1)))]
    return f"{row} {column}".strip() or "centre"


def at(place: str) -> str:
    """As a sentence says it: "in the centre", "on the left", "at the top left"."""
    word = {"centre": "in", "left": "on", "right": "on"}.get(place, "at")
    return f"{word} the {place}"


def lies(one: Box, relation: str, other: Box, *, width: int, height: int) -> bool | None:
    """Does `one` lie left, right, above or below of `other`, or is it bigger or smaller? None is too close to call."""
    if relation in ("bigger", "smaller"):
        ratio = area(one) / max(area(other), 1)
        return None if 1 / LARGER < ratio < LARGER else (ratio > 1) == (relation == "bigger")
    (x, y), (other_x, other_y) = centre(one), centre(other)
    ahead, side = (other_x - x, width) if relation in ("left", "right") else (other_y - y, height)
    return None if abs(ahead) < AWAY * side else (ahead > 0) == (relation in ("left", "above"))


def overlap(one: Box, other: Box) -> float:
    """Intersection over union, 0 to 1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0) * max(height, 0)
    return shared / max(area(one) + area(other) - shared, 1)
