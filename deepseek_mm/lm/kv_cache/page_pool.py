"""The page pool: which pages of the cache are in use, and by how many holders, integers only."""

from collections.abc import Iterable
from itertools import groupby


class OutOfPages(Exception):
    """There are fewer free pages than are needed. For the scheduler; a user never meets it."""


class PagePool:
    """The numbers 0 .. count - 1, each free or held by one or several."""

    def __init__(self, count: int) -> None:
        assert count > 0, f"a cache of {count} pages holds nothing"
        self._holders = [0] * count
        self._num_free = count

    def __len__(self) -> int:
        return len(self._holders)

    @property
    def num_free(self) -> int:
        return self._num_free

    def holders(self, page: int) -> int:
        return self._holders[page]

    def take(self, count: int, *, after: int = -1, room: int = 0) -> list[int]:
        """`count` free pages, each with one holder now: those behind page `after` if they are free.

        `room` is how many pages the taker expects to need in a row from the first new one on. Raises OutOfPages.
        """
        if count > self._num_free:
            raise OutOfPages(f"{count} pages are needed and {self._num_free} of {len(self)} are free")
        taken: list[int] = []
        for left in range(count, 0, -1):
            after = after + 1 if self._is_free_behind(after) else self._start(max(room, left))
            self._holders[after] = 1
            taken.append(after)
        self._num_free -= count
        return taken

    def share(self, pages: Iterable[int]) -> None:
        """One holder more for each of `pages`."""
        for page in pages:
            assert self._holders[page] > 0, f"page {page} is free: there is nothing to share"
            self._holders[page] += 1

    def free(self, pages: Iterable[int]) -> None:
        """One holder less for each of `pages`."""
        for page in pages:
            assert self._holders[page] > 0, f"page {page} was freed more often than it was taken"
            self._holders[page] -= 1
            self._num_free += self._holders[page] == 0

    def _is_free_behind(self, page: int) -> bool:
        return page >= 0 and page + 1 < len(self) and self._holders[page + 1] == 0

    def _start(self, room: int) -> int:
        """The page to start at: in the longest hole, `room` pages before its end, so that whoever lies before the hole
        can go on growing into it."""
        longest, end = 0, 0
        for free, pages in groupby(range(len(self)), key=lambda page: self._holders[page] == 0):
            hole = list(pages)
            if free and len(hole) >= longest:
                longest, end = len(hole), hole[-1] + 1
        return max(end - longest, end - room)
