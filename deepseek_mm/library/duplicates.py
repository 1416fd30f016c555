"""Near duplicates: photos that show the same picture, smaller, brighter, cut a little, or saved once more.

Vectors propose, as they lie in the store already: of each photo the nearest others. Alone they cannot decide, for a
copy of half the size may be farther away than another photo of the same beach. So each proposed pair is confirmed by
a difference hash (64 bits: is a cell brighter than the one to its left, on 8 rows of 9); for that a picture is read.

A look is a job, and its result is the confirmed pairs: groups are made of them whenever they are shown, without what is
gone, and without the pairs that somebody told apart, which DATA/told_apart.txt remembers by the bytes of the files.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
from cachetools import LRUCache
from PIL import Image

from deepseek_mm.errors import BadFile, Cancelled, NothingThere
from deepseek_mm.ingest.quarantine import Quarantine
from deepseek_mm.jobs import Task
from deepseek_mm.storage.files import atomic_write, read_lines
from index import Filter, Source
from index.store import RegionStore

DUPLICATES = "duplicates"  # kind of the jobs that look
Keep = Literal["largest", "oldest", "newest"]  # which of a group is to stay
APART = "told_apart.txt"  # in the library's folder: two names of bytes a line
NAME_CHARS = 16  # of a digest, hexadecimal: two files of a library never share them
WHOLES = Filter(kinds=("whole",), source_kinds=("photo",))
NEIGHBOURS = 12  # that are proposed for each photo
NEAR = 0.7  # cosine from which they are: of grey copies 95 % are nearer, of those of half the size all
SAME_BITS = 12  # of 64 that may differ: copies differ in 13 at most in 95 of 100, others in 23 and more (docs/log/)
BATCH = 256  # photos that are looked up together
MOST_HASHES = 4096  # that are remembered in one look: neighbours come again soon

Pair = tuple[int, int]  # ids of sources, the lower first


@dataclass(frozen=True, kw_only=True, slots=True)
class Twins:
    """Photos that show the same."""

    sources: tuple[Source, ...]  # what is to be kept first

    @property
    def spare_bytes(self) -> int:
        """What all but the first of them take on the disk."""
        return sum(source.size_bytes for source in self.sources[1:])


@dataclass(frozen=True, kw_only=True, slots=True)
class Duplicates:
    """Looks for near duplicates in one store."""

    store: RegionStore
    quarantine: Quarantine

    def look(self, task: Task) -> str:
        """The handler of the job. Its result: pairs. A photo that cannot be read is a failed item."""
        total = sum(self.store.kinds(where=WHOLES).values())
        pairs: list[Pair] = []
        hashes: LRUCache[int, int | None] = LRUCache(MOST_HASHES)
        done = 0
        for batch in self._batches():
            if task.stopping:
                return "stopped before everything was looked at"
            for one, other in self._proposed(batch):
                if self._alike(one, other, hashes, task):
                    pairs.append(in_order(one.id, other.id))
            done += len(batch)
            task.report(done, total, batch[-1].path)
        task.result |= {"pairs": sorted(set(pairs))}
        groups = joined(pairs)
        return f"{len(groups)} groups of near duplicates, {sum(map(len, groups))} photos in them"

    def _batches(self) -> Iterator[list[Source]]:
        after = 0
        while batch := self.store.walk(WHOLES, limit=BATCH, after=after):
            after = batch[-1].id
            yield batch

    def _proposed(self, batch: Sequence[Source]) -> Iterator[tuple[Source, Source]]:
        """Pairs of which one is in the batch; each pair once, with its lower id."""
        wholes = self.store.leading([source.id for source in batch])
        regions = [region for region in wholes.values() if region.kind == "whole"]
        vectors_ND = self.store.vectors_of([region.id for region in regions])
        near = self.store.search_many(vectors_ND, k=NEIGHBOURS + 1, where=WHOLES) if regions else []
        for region, hits in zip(regions, near, strict=True):
            for hit in hits:
                if hit.score >= NEAR and hit.region.source.id != region.source.id:
                    yield region.source, hit.region.source

    def _alike(self, one: Source, other: Source, hashes: LRUCache[int, int | None], task: Task) -> bool:
        """Whether their hashes agree; both are remembered for a while."""
        for source in (one, other):
            if source.id not in hashes:
                hashes[source.id] = self._hash(source, task)
        first, second = hashes.get(one.id), hashes.get(other.id)
        return first is not None and second is not None and (first ^ second).bit_count() <= SAME_BITS

    def _hash(self, source: Source, task: Task) -> int | None:
        try:
            return hash_of(self.quarantine.read_page(source.path, 0, stopping=lambda: task.stopping))
        except (BadFile, NothingThere) as error:
            task.fail(source.path, str(error))
            return None
        except Cancelled:
            return None


def hash_of(image: Image.Image) -> int:
    """64 bits, a row after the other: is a cell brighter than its left neighbour? (difference hash, N. Krawetz 2013)"""
    grey = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX), np.int16)
    return int.from_bytes(np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes(), "big")


def in_order(one: int, other: int) -> Pair:
    """The lower first."""
    return min(one, other), max(one, other)


def joined(pairs: Iterable[Pair]) -> list[list[int]]:
    """Groups of ids that pairs connect, each rising, in the order of their lowest."""
    home: dict[int, int] = {}

    def top(one: int) -> int:
        while home.setdefault(one, one) != one:
            home[one] = one = home[home[one]]
        return one

    for one, other in pairs:
        low, high = in_order(top(one), top(other))
        home[high] = low
    groups: dict[int, list[int]] = {}
    for one in sorted(home):
        groups.setdefault(top(one), []).append(one)
    return [groups[low] for low in sorted(groups)]


def twins_of(store: RegionStore, pairs: Sequence[Pair], apart: frozenset[frozenset[str]], keep: Keep) -> list[Twins]:
    """Groups of what is still there and was not told apart, those that would free most first."""
    ids = tuple({one for pair in pairs for one in pair})
    found = store.sources(Filter(source_ids=ids), limit=len(ids)) if ids else []
    there = {source.id: source for source in found}
    alive = [
        (one, other)
        for one, other in pairs
        if one in there and other in there and named(there[one], there[other]) not in apart
    ]
    groups = [Twins(sources=tuple(sorted((there[n] for n in group), key=worth(keep)))) for group in joined(alive)]
    return sorted(groups, key=lambda group: (-group.spare_bytes, group.sources[0].id))


def worth(keep: Keep) -> Callable[[Source], tuple[float, float, int]]:
    """Sorts what is to be kept first: most pixels, or the earliest or latest photo; then most bytes, then the first."""

    def key(source: Source) -> tuple[float, float, int]:
        if keep == "largest":
            return -source.width_px * source.height_px, -source.size_bytes, source.id
        when = made_at(source)
        return (when if keep == "oldest" else -when), -source.size_bytes, source.id

    return key


def made_at(source: Source) -> float:
    """Seconds since 1970: when the photo was taken, else when its file was changed last."""
    taken = source.taken_at
    return (taken - datetime(1970, 1, 1)).total_seconds() if taken else source.modified_ns / 1e9


def named(one: Source, other: Source) -> frozenset[str]:
    """Two files by their bytes."""
    return frozenset((one.digest[:NAME_CHARS], other.digest[:NAME_CHARS]))


def read_apart(data: Path) -> frozenset[frozenset[str]]:
    """Pairs that somebody told apart; a line that is no pair is passed over."""
    return frozenset(frozenset(words) for line in read_lines(data / APART) if len(words := line.split()) == 2)


def keep_apart(data: Path, sources: Sequence[Source]) -> int:
    """From now on no two of these are near duplicates; returns how many pairs that adds. LibraryError."""
    before = read_apart(data)
    pairs = {named(one, other) for n, one in enumerate(sources) for other in sources[n + 1 :]} - before
    lines = sorted(" ".join(sorted(pair)) for pair in {*before, *pairs} if len(pair) == 2)
    atomic_write(data / APART, "".join(f"{line}\n" for line in lines).encode())
    return len(pairs)
