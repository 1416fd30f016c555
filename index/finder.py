"""Nearest regions: memory and cache file, kept in step with the database whoever changes it.

Before a search the memory fetches the regions that were added since, by whichever process; the search itself is told
which ids exist and pass the filter. So what was removed is never found, and the cache file may be lost, torn, of
another store or old: it is only ever a head start. When the whole content of the store was exchanged (its identity
tells), everything is begun anew and the file is deleted.

The file is written in the background as soon as it lacks much of what is in memory, or holds much that was removed. So
a process that is killed has lost nothing, and ending one takes no time.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from index import queries
from index.cache import CacheWriter, load_index
from index.database import CacheUnusable
from index.filter_cache import FilterCache, Moment, moment_of
from index.memory import VectorMemory
from index.region import Filter
from index.server import row_ids
from index.tables import RegionRow
from index.vectors import Ask, Floats, Ints, SearchConfig, VectorIndex

Sought = tuple[Floats, int, Filter]  # vectors (Q, D), how many are wanted, and where
ANYTHING = Filter(collection=None)
PROBES = 64  # vectors of a cache file that are compared with the database
FEW = 1000  # removed or new vectors that are never worth any tidying
log = logging.getLogger(__name__)


class Kept:
    """What is kept in memory of one content of the store."""

    def __init__(self, identity: str, memory: VectorMemory) -> None:
        self.identity, self.memory, self.selections = identity, memory, FilterCache()
        self.tended: Moment | None = None  # as of which it was last tidied and filed


class Finder:
    """Searches one store; safe in many threads, each with a session of its own."""

    def __init__(self, cache_path: Path, *, dim: int, config: SearchConfig, writes: bool = True) -> None:
        """`writes`: the cache file may be written and removed."""
        self._cache_path, self._dim, self._config = cache_path, dim, config
        self._filing = CacheWriter(cache_path, writes=writes)
        self._kept: Kept | None = None
        self._switching = Lock()

    def find(self, session: Session, queries_QD: Floats, *, k: int, where: Filter) -> tuple[Floats, Ints]:
        """Scores and ids, (Q, at most k), best first: of the regions in the session's snapshot that `where` allows."""
        return self.find_each(session, [(queries_QD, k, where)])[0]

    def find_each(self, session: Session, asked: Sequence[Sought]) -> list[tuple[Floats, Ints]]:
        """The same for several at once, which is faster than one by one."""
        now = moment_of(session)
        kept = self._kept_of(session, now)
        kept.memory.catch_up(now.newest, lambda last_id: queries.vectors_after(session, last_id, self._dim))
        if now != kept.tended:
            self._tend(session, kept, now)
        asks = [Ask(x_QD, k, kept.selections.allowed_ids(session, now, where)) for x_QD, k, where in asked]
        return kept.memory.search_each(asks)

    def allowed_ids(self, session: Session, where: Filter) -> Ints:
        """Ids of the regions in the session's snapshot that `where` allows, rising."""
        now = moment_of(session)
        return self._kept_of(session, now).selections.allowed_ids(session, now, where).ids

    def renew(self, session: Session) -> None:
        """Leave no copy of what was removed or exchanged before this session began: not in memory, not in a file."""
        now, kept = moment_of(session), self._kept
        if kept is None or kept.identity != now.identity:
            self._kept = None
            self._filing.drop(void=kept.identity if kept else "")
            return
        kept.memory.drop(kept.selections.allowed_ids(session, now, ANYTHING).ids, newest=now.newest)
        self._filing.drop()

    def fault(self, session: Session) -> str:
        """Why the cache file does not agree with the store, which must be sound; empty if it does or there is none."""
        if not self._cache_path.exists():
            return ""
        try:
            index = load_index(self._cache_path, store=moment_of(session).identity, dim=self._dim)
            self._compare(session, index)
            for ids_n, vectors_nD in queries.vectors_after(session, 0, self._dim):
                num = int(np.searchsorted(ids_n, index.last_id, side="right"))  # what came later need not be there
                self._compare_rows(index, ids_n[:num], vectors_nD[:num])
        except CacheUnusable as reason:
            return str(reason)
        return ""

    def cached_ids(self, session: Session) -> Ints:
        """Ids in the cache file; none where there is no file, or one that would not be used."""
        try:
            return load_index(self._cache_path, store=moment_of(session).identity, dim=self._dim).ids_N
        except CacheUnusable:
            return np.zeros(0, np.int64)

    def settle(self) -> None:
        """Wait for the cache file that is being written in the background, if any."""
        self._filing.settle()

    def _kept_of(self, session: Session, now: Moment) -> Kept:
        """What is kept of the content that the session sees, begun if there is nothing yet."""
        with self._switching:
            if self._kept is not None and self._kept.identity == now.identity:
                return self._kept
            fresh = Kept(now.identity, VectorMemory(self._dim, self._config))
            if self._filing.is_void(now.identity):  # a session from before the exchange: answered, then forgotten
                return fresh
            if self._kept is not None:
                self._filing.drop(void=self._kept.identity)
            self._start(session, fresh.memory, now)
            self._kept = fresh
            return fresh

    def _start(self, session: Session, memory: VectorMemory, now: Moment) -> None:
        try:
            index = load_index(self._cache_path, store=now.identity, dim=self._dim)
            self._compare(session, index)
        except CacheUnusable as reason:
            log.info("reading all vectors from the store: %s", reason)
            self._filing.drop()
            return
        memory.start_with(index)
        if num_regions(session, up_to=index.last_id) == len(index):  # a file with removed ones is written anew
            self._filing.last_id = index.last_id

    def _tend(self, session: Session, kept: Kept, now: Moment) -> None:
        """Let go of what was removed if that is much, and write a file if the one there lacks much."""
        before, kept.tended = kept.tended, now
        held, missing = kept.memory.count(), kept.memory.count(after=self._filing.last_id)
        many_removed = False
        if before is None or before.removals != now.removals:
            alive = num_regions(session, up_to=now.newest)
            many_removed = kept.memory.count(up_to=now.newest) - alive > max(FEW, alive // 2)
        if many_removed or missing > max(FEW, held // 10):
            ids = kept.selections.allowed_ids(session, now, ANYTHING).ids
            kept.memory.drop(ids, newest=now.newest)
            self._filing.start(now.identity, lambda: kept.memory.as_one(ids))

    def _compare(self, session: Session, index: VectorIndex) -> None:
        """Refuse a file that the database has not grown from: one of the two was restored from a backup."""
        if index.last_id > row_ids.last_region_ever(session):
            raise CacheUnusable(self._cache_path, f"it holds the region {index.last_id}, which the store never had")
        latest = queries.latest_vectors(session, PROBES, up_to=index.last_id, dim=self._dim)
        for region_id, vector_D in latest:
            self._compare_rows(index, np.array([region_id]), vector_D[None])

    def _compare_rows(self, index: VectorIndex, ids_n: Ints, vectors_nD: Floats) -> None:
        """Refuse a file that lacks one of these ids, or has another vector for it; none is above its last."""
        places_n = np.searchsorted(index.ids_N, ids_n)
        differs_n = (index.vectors_ND[places_n] != vectors_nD).any(axis=1) | (index.ids_N[places_n] != ids_n)
        if differs_n.any():
            region_id = int(ids_n[np.argmax(differs_n)])
            raise CacheUnusable(self._cache_path, f"its vector of region {region_id} is not the store's")


def num_regions(session: Session, *, up_to: int) -> int:
    """How many regions there are with ids up to that."""
    return queries.count_of(session, select(RegionRow.id).where(RegionRow.id <= up_to))
