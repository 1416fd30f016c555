"""The block manager: which pages of the cache belong to which text, integers only.

A sequence has one table of pages for every group of layers. It grows before its tokens are computed and advances after:
then pages that no layer can reach any more are given back, and full ones become known to those who begin alike: only
full pages are shared, so nobody writes into what another one reads.

Memory is bounded by promise: a sequence says how long it may become, and `fits` says whether all promises could still
be kept. So nobody who was let in is ever turned out.

The keys and values of all sequences lie in one tensor that is cut into pages. A page belongs to as many holders as
share it and is free again when the last one lets go, so nobody copies what two sequences have in common.

Pages that lie one after the other can be read as one piece without a copy. So a sequence is given the page behind its
last one where that is free, and a new sequence starts in the longest hole, as far from its end as it hopes to grow.

A row is one token's place in the cache: page * PAGE + place in the page. A block that was given back, or was never
needed, has no page.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from deepseek_mm.lm.kv_cache.layer_groups import PAGE, LayerGroup, count_pages
from deepseek_mm.lm.kv_cache.page_pool import OutOfPages, PagePool
from deepseek_mm.lm.kv_cache.prefix_cache import PrefixCache, page_name


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


@dataclass(slots=True, eq=False)
class CachedText:
    """One sequence: its tokens, and where their keys lie."""

    ids: list[int]  # of prompt and answer; append what was chosen
    most: int  # tokens it may come to have
    tables: list[PageTable]  # one a group
    length: int = 0  # tokens whose keys are in the cache
    scale: float = 1.0  # times that its rotations are slowed down
    names: list[bytes] = field(default_factory=list)  # of its full pages
    marks: set[int] = field(default_factory=set)  # lengths, multiples of PAGE, where others may go on from


class BlockManager:
    """The tables of all sequences, over pools of pages, one a group."""

    def __init__(self, groups: Sequence[LayerGroup], pages: Sequence[int], *, chunk: int) -> None:
        self.groups = tuple(groups)
        self.chunk = chunk  # tokens that a sequence may grow by at once
        self.pools = [PagePool(count) for count in pages]
        self.prefixes = PrefixCache(self.groups, self.pools)
        self._live: list[CachedText] = []

    def fits(self, tokens: int) -> bool:
        """Whether a sequence that comes to have `tokens` tokens can be let in, all others' promises kept."""
        return all(
            group.most_pages(tokens, self.chunk) + sum(self._count_reserved(text, number) for text in self._live)
            <= self.pools[number].num_free + self.prefixes.spare(number)
            for number, group in enumerate(self.groups)
        )

    def start(
        self,
        ids: Iterable[int],
        *,
        most: int,
        marks: Iterable[int] = (),
        scale: float = 1.0,
    ) -> CachedText:
        """A sequence that begins with `ids`. Its `length` says how many of them are in the cache already, never all:
        the last one is computed in any case, to know what follows.

        `marks` are lengths where others may begin alike: their page borders are kept. Keys that were turned with
        another `scale` are another text's.
        """
        text = CachedText(list(ids), most, [PageTable() for _ in self.groups], scale=scale)
        self._name_pages(text, (len(text.ids) - 1) // PAGE)
        known, resumed = self.prefixes.count_known(text.names), self.prefixes.count_resumable(text.names)
        if resumed:
            text.tables = [PageTable(pages) for pages in self.prefixes.take(text.names[:resumed])]
            text.length = resumed * PAGE
        text.marks = {mark // PAGE * PAGE for mark in (*marks, known * PAGE) if mark // PAGE > resumed}
        del text.names[resumed:]
        self._live.append(text)
        return text

    def step(self, text: CachedText, wanted: int) -> int:
        """Tokens that `text` should grow by next: `wanted`, or fewer, to stop at a mark."""
        stops = [mark - text.length for mark in text.marks if mark > text.length]
        return min([wanted, self.chunk, *stops])

    def grow(self, text: CachedText, count: int, *, sure: int | None = None) -> None:
        """Give `text` the pages that its next `count` tokens need.

        Only `sure` of them may come to stay, where a guess is tried: no page is left out that is needed then. Raises
        OutOfPages, with none taken, if even finished prefixes leave too few.
        """
        assert count <= self.chunk, f"{count} tokens are more than the {self.chunk} a sequence may grow by"
        needed = [self._lacking(text, number, count, sure or count) for number in range(len(self.groups))]
        for number, blocks in enumerate(needed):
            self.prefixes.evict(number, len(blocks))
        for pool, blocks in zip(self.pools, needed, strict=True):
            if len(blocks) > pool.num_free:
                raise OutOfPages(f"{len(blocks)} pages are needed and {pool.num_free} of {len(pool)} are free")
        for number, blocks in enumerate(needed):
            self._give(text, number, blocks)

    def advance(self, text: CachedText, count: int) -> None:
        """The keys of `count` tokens more are there: `text.ids` holds them."""
        text.length += count
        assert text.length <= len(text.ids), f"{text.length} keys for {len(text.ids)} tokens"
        full = text.length // PAGE
        if full == len(text.names):
            return
        for group, pool, table in zip(self.groups, self.pools, text.tables, strict=True):
            if group.window:
                pool.free(table.forget([block for block in table.pages if not group.keeps(block, text.length)]))
        self._name_pages(text, full)
        self.prefixes.add(text.names, [table.pages for table in text.tables])
        if full * PAGE in text.marks:
            self._remember(text)

    def drop(self, text: CachedText, *, remember: bool = True) -> None:
        """`text` has ended. Its last page border is kept for whoever goes on from it, while there is room."""
        if remember and text.names:
            self._remember(text)
        self._live.remove(text)
        for pool, table in zip(self.pools, text.tables, strict=True):
            pool.free(table.pages.values())
        text.tables = []

    def _name_pages(self, text: CachedText, full: int) -> None:
        """Names of the first `full` pages."""
        for block in range(len(text.names), full):
            before = text.names[-1] if block else str(text.scale).encode()
            text.names.append(page_name(before, text.ids[block * PAGE : (block + 1) * PAGE]))

    def _remember(self, text: CachedText) -> None:
        self.prefixes.keep(text.names, [table.pages for table in text.tables])

    def _lacking(self, text: CachedText, number: int, count: int, sure: int) -> list[int]:
        """Blocks of a group for which `text` needs a page."""
        table, group = text.tables[number].pages, self.groups[number]
        return [
            block
            for block in range(text.length // PAGE, count_pages(text.length + count))
            if group.keeps(block, text.length + sure) and block not in table
        ]

    def _give(self, text: CachedText, number: int, blocks: Sequence[int]) -> None:
        table, pool = text.tables[number], self.pools[number]
        for block in blocks:
            room = min(count_pages(text.most) - block, self.groups[number].most_pages(text.most, self.chunk))
            (page,) = pool.take(1, after=table.pages.get(block - 1, -1), room=room)
            table.set_page(block, page)

    def _count_reserved(self, text: CachedText, number: int) -> int:
        """Pages of a group that `text` may still ask for."""
        return max(0, self.groups[number].most_pages(text.most, self.chunk) - len(text.tables[number].pages))
