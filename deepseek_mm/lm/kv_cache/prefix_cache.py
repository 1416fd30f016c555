"""Finished texts are kept for those who begin alike: a question's second turn need not read the first again.

Every full page has a name: a hash of the tokens in it and of the name of the page before. So equal names mean equal
texts from the start on.

Layers with a window remember only the last tokens, so a text can be taken up again only where that window was kept:
at its end, and at the lengths that somebody marked. Elsewhere its pages are known but cannot be resumed; a text that
meets such a place should mark it, for two that begin alike are seldom the last.

When memory is short, what was not used for longest goes first, and of a text its end.
"""

from array import array
from collections import Counter, OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from deepseek_mm.lm.kv_cache.layer_groups import LayerGroup
from deepseek_mm.lm.kv_cache.page_pool import PagePool

Kept = dict[int, dict[int, int]]  # group -> block -> page


@dataclass(slots=True, eq=False)
class PrefixEntry:
    """One full page of a text that is known."""

    before: bytes  # name of the page before it; empty for the first
    pages: dict[int, int] = field(default_factory=dict)  # group without a window -> page
    kept: Kept | None = None  # the windows' pages at the end of this one, if they were kept


class PrefixCache:
    """Which pages hold which beginnings. It is one more holder of each of them."""

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
