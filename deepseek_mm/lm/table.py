"""Where a sequence's tokens lie: block of tokens -> page, and the stretches of rows that may be read in one piece.

A row is one token's place in the cache: page * PAGE + place in the page. A block that was given back, or was never
needed, has no page.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from deepseek_mm.lm.groups import PAGE


class RowRange(NamedTuple):
    """Tokens that lie in one piece."""

    place: int  # of the first one in its sequence
    row: int  # of the first one in the cache
    size: int


class PageTable:
    """The pages of one sequence in one group."""

    def __init__(self, pages: Mapping[int, int] | None = None) -> None:
        self.pages: dict[int, int] = dict(pages or {})
        self._stretches: list[RowRange] | None = None

    def set_page(self, block: int, page: int) -> None:
        """`block` lies in `page` from now on."""
        self.pages[block] = page
        self._stretches = None

    def forget(self, blocks: Iterable[int]) -> list[int]:
        """These blocks are not needed any more; their pages."""
        self._stretches = None
        return [self.pages.pop(block) for block in blocks]

    def row_ranges(self, first: int, last: int) -> list[RowRange]:
        """Where the tokens at places first .. last - 1 lie, those without a page left out, in order."""
        if self._stretches is None:
            self._stretches = self._join()
        found = []
        for place, row, size in self._stretches:
            start, end = max(first, place), min(last, place + size)
            if start < end:
                found.append(RowRange(start, row + start - place, end - start))
        return found

    def _join(self) -> list[RowRange]:
        joined: list[RowRange] = []
        for block, page in sorted(self.pages.items()):
            place, row = block * PAGE, page * PAGE
            last = joined[-1] if joined else RowRange(0, 0, 0)
            if joined and last.place + last.size == place and last.row + last.size == row:
                joined[-1] = last._replace(size=last.size + PAGE)
            else:
                joined.append(RowRange(place, row, PAGE))
        return joined
