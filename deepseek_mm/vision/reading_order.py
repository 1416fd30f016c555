"""The order in which lines of a picture are read: from top to bottom, and columns of running text one after the other.

A page is cut at the gap between two columns that the fewest lines cross (a cut of the recursive X-Y cut of Nagy and
Seth 1984). Lines that cross it, such as a title, part the page into zones; in each zone the left side is read before
the right one, and each side may have columns of its own. What stands beside one another in short words, as in a table
or a price list, is read row by row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol, TypeVar

from index import Box


class PlacedText(Protocol):
    """Some writing and where it stands."""

    @property
    def text(self) -> str:
        """Its letters."""

    @property
    def box_px(self) -> Box:
        """Left, top, right, bottom."""


Placed = TypeVar("Placed", bound=PlacedText)


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnRules:
    """What columns of running text look like."""

    lines: int = 3  # on each side of the gap at the least
    letters: float = 16.0  # of a line there, on average: those of a table are shorter; a Chinese one counts twice
    gap: float = 0.5  # of a line's height, that the gap is wide at the least
    crossing: float = 0.34  # share of the lines that may cross the gap
    beside: float = 0.5  # share of the lower side that has the other one beside it


def order_lines(lines: Sequence[Placed]) -> list[Placed]:
    """As they are read."""
    return [line for zone in split_zones(lines) for line in zone]


def split_zones(lines: Sequence[Placed], rules: ColumnRules | None = None) -> list[list[Placed]]:
    """The columns of a page and what stands above, between and below them, as they are read; each from above."""
    rules = rules or ColumnRules()
    down = sorted(lines, key=lambda line: (line.box_px[1], line.box_px[0]))
    cut = find_gap(down, rules)
    if cut is None:
        return [down]
    zones: list[list[Placed]] = []
    for is_crossing, grouped in groupby(down, key=lambda line: crosses(line.box_px, cut)):
        run = list(grouped)
        zones += [run] if is_crossing else [zone for side in split_at(run, cut) for zone in split_zones(side, rules)]
    return [zone for zone in zones if zone]


def find_gap(lines: Sequence[Placed], rules: ColumnRules) -> float | None:
    """Where two columns part, from the left; None where there are none. Of several gaps the one that least cross."""
    if len(lines) < 2 * rules.lines:
        return None
    heights = sorted(line.box_px[3] - line.box_px[1] for line in lines)
    narrow = rules.gap * heights[len(heights) // 2]
    lefts = sorted({line.box_px[0] for line in lines})
    found: list[tuple[int, float]] = []
    for left in lefts[1:]:
        before = [line.box_px[2] for line in lines if line.box_px[2] <= left]
        if not before or left - max(before) < narrow:
            continue
        at = (max(before) + left) / 2
        crossing = sum(crosses(line.box_px, at) for line in lines)
        if crossing <= rules.crossing * len(lines) and are_columns(*split_at(lines, at), rules):
            found.append((crossing, at))
    return min(found)[1] if found else None


def crosses(box: Box, at: float) -> bool:
    """Whether a box lies on both sides."""
    return box[0] < at < box[2]


def split_at(lines: Sequence[Placed], at: float) -> tuple[list[Placed], list[Placed]]:
    """Those left and right of a place, without those that cross it."""
    return [line for line in lines if line.box_px[2] <= at], [line for line in lines if line.box_px[0] >= at]


def are_columns(left: Sequence[Placed], right: Sequence[Placed], rules: ColumnRules) -> bool:
    """Whether both sides are running text, and stand beside one another."""
    for side in (left, right):
        letters = sum(len(line.text) + sum(letter > "\u2e80" for letter in line.text) for line in side)
        if len(side) < rules.lines or letters < rules.letters * len(side):
            return False
    (top, bottom), (other_top, other_bottom) = extent_of(left), extent_of(right)
    shared = min(bottom, other_bottom) - max(top, other_top)
    return shared >= rules.beside * min(bottom - top, other_bottom - other_top)


def extent_of(lines: Sequence[PlacedText]) -> tuple[int, int]:
    """Top and bottom of them all."""
    return min(line.box_px[1] for line in lines), max(line.box_px[3] for line in lines)
