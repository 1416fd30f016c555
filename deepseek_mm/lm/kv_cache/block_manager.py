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

from array import array
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import groupby
from typing import NamedTuple

from deepseek_mm.lm.kv_cache.key_value_store import PAGE, LayerGroup, count_pages


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


Kept = dict[int, dict[int, int]]  # group -> block -> page


@dataclass(slots=True, eq=False)
class PrefixEntry:
    """One full page of a text that is known."""

    before: bytes  # name of the page before it; empty for the first
    pages: dict[int, int] = field(default_factory=dict)  # group without a window -> page
    kept: Kept | None = None  # the windows' pages at the end of this one, if they were kept


class PrefixCache:
    """Which pages hold which beginnings of finished texts. It is one more holder of each of them.

    A page's name is a hash of its tokens and of the name of the page before. Layers with a window remember only the
    last tokens, so a text can be taken up again only where that window was kept: at its end, and at the lengths that
    somebody marked. A text that meets a page elsewhere should mark it, for two that begin alike are seldom the last.
    When memory is short, what was not used for longest goes first, and of a text its end.
    """

    def __init__(self, groups: Sequence[LayerGroup], pools: Sequence[PagePool]) -> None:
        self._pools = pools
        self._lasting = [number for number, group in enumerate(groups) if not group.window]
        self._windowed = [number for number, group in enumerate(groups) if group.window]
        self._entries: OrderedDict[bytes, PrefixEntry] = OrderedDict()  # least recently used first
        self._followers: Counter[bytes] = Counter()  # pages known that come right behind one
        self._held: list[Counter[int]] = [Counter() for _ in pools]  # page -> how often it is held here

    def __len__(self) -> int:
        return len(self._entries)

    def count_known(self, names: Sequence[bytes]) -> int:
        """How many of the first pages are known."""
        return next((count for count in range(len(names), 0, -1) if names[count - 1] in self._entries), 0)

    def count_resumable(self, names: Sequence[bytes]) -> int:
        """The same, where a sequence can go on from."""
        known = self.count_known(names)
        entries = ((count, self._entries.get(names[count - 1])) for count in range(known, 0, -1))
        return next((count for count, entry in entries if entry and entry.kept is not None), 0)

    def take(self, names: Sequence[bytes]) -> list[dict[int, int]]:
        """Block -> page for every group, with the caller as one more holder. `names` must be resumable."""
        kept = self._entries[names[-1]].kept
        assert kept is not None, "these pages cannot be resumed from"
        tables: list[dict[int, int]] = [dict(kept.get(group, {})) for group in range(len(self._pools))]
        for group in self._lasting:
            tables[group] = {block: self._entries[name].pages[group] for block, name in enumerate(names)}
        for pool, table in zip(self._pools, tables, strict=True):
            pool.share(table.values())
        for name in reversed(names):
            if name in self._entries:
                self._entries.move_to_end(name)
        return tables

    def add(self, names: Sequence[bytes], tables: Sequence[Mapping[int, int]]) -> None:
        """Make full pages known, from the first on. Without a window in any layer each is a place to go on from."""
        for block, name in enumerate(names if self._lasting else ()):
            if name not in self._entries:
                pages = {group: tables[group][block] for group in self._lasting}
                self._insert(name, PrefixEntry(_before(names, block), pages, None if self._windowed else {}))

    def keep(self, names: Sequence[bytes], tables: Sequence[Mapping[int, int]]) -> None:
        """Make the end of these pages a place to go on from: hold what the windows have there."""
        self.add(names, tables)
        if names[-1] not in self._entries:
            self._insert(names[-1], PrefixEntry(_before(names, len(names) - 1)))
        entry = self._entries[names[-1]]
        if entry.kept is None:
            entry.kept = {
                group: {block: page for block, page in tables[group].items() if block < len(names)}
                for group in self._windowed
            }
            for group, pages in entry.kept.items():
                self._hold(group, pages.values())
        self._entries.move_to_end(names[-1])

    def evict(self, group: int, count: int) -> None:
        """Let go of what is oldest until `count` pages of `group` are free, or nothing is left that holds any."""
        while self._pools[group].num_free < count and (name := self._oldest(group)):
            if group in self._lasting or not self._lasting:
                self._forget(name)
            else:
                self._release_kept(self._entries[name])

    def spare(self, group: int) -> int:
        """Pages of `group` that only this holds: `evict` can free them."""
        held, pool = self._held[group], self._pools[group]
        return sum(pool.holders(page) == times for page, times in held.items())

    def _oldest(self, group: int) -> bytes | None:
        """What to let go of next; first what nobody else uses, for only that frees a page at once."""
        if group not in self._lasting:
            return next((name for name, entry in self._entries.items() if entry.kept is not None), None)
        ends = [name for name in self._entries if name not in self._followers]
        pool = self._pools[group]
        unused = (name for name in ends if pool.holders(self._entries[name].pages[group]) == 1)
        return next(unused, next(iter(ends), None))

    def _insert(self, name: bytes, entry: PrefixEntry) -> None:
        self._entries[name] = entry
        self._followers[entry.before] += 1
        for group, page in entry.pages.items():
            self._hold(group, (page,))

    def _forget(self, name: bytes) -> None:
        entry = self._entries.pop(name)
        self._followers[entry.before] -= 1
        self._followers += Counter()  # drops what has come down to nothing
        self._release_kept(entry)
        for group, page in entry.pages.items():
            self._let_go(group, (page,))

    def _release_kept(self, entry: PrefixEntry) -> None:
        for group, pages in (entry.kept or {}).items():
            self._let_go(group, pages.values())
        entry.kept = None

    def _hold(self, group: int, pages: Collection[int]) -> None:
        self._pools[group].share(pages)
        self._held[group].update(pages)

    def _let_go(self, group: int, pages: Collection[int]) -> None:
        self._pools[group].free(pages)
        self._held[group].subtract(pages)
        self._held[group] += Counter()


def page_name(before: bytes, tokens: Sequence[int]) -> bytes:
    """The name of a page: of its tokens, and of everything before it."""
    return blake2b(before + array("q", tokens).tobytes(), digest_size=16).digest()


def _before(names: Sequence[bytes], block: int) -> bytes:
    return names[block - 1] if block else b""


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
