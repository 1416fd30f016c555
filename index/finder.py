"""Nearest regions: memory and cache file, kept in step with the database whoever changes it.

Before a search the memory fetches the regions that were added since, by whichever process; the search itself is told
which ids exist and pass the filter. So what was removed is never found, and the cache file may be lost, torn, of
another store or old: it is only ever a head start.
"""

import logging
from pathlib import Path
from threading import Lock

import numpy as np
from sqlalchemy.orm import Session

from index import queries
from index.cache import load_index, save_index
from index.errors import CacheUnusable
from index.memory import Memory
from index.region import Filter
from index.selection import Moment, Selections
from index.vectors import Floats, Ints, SearchConfig, VectorIndex

ANYTHING = Filter(collection=None)
PROBES = 64  # vectors of a cache file that are compared with the database
log = logging.getLogger(__name__)


class Finder:
    """Searches one store; safe in many threads, each with a session of its own."""

    def __init__(self, cache_path: Path, *, store: str, dim: int, config: SearchConfig) -> None:
        self._cache_path, self._store, self._dim = cache_path, store, dim
        self._memory = Memory(dim, config, keep=self._save)
        self._selections = Selections()
        self._on_file: VectorIndex | None = None  # what the cache file holds
        self._tended: Moment | None = None
        self._starting = Lock()
        self._started = False

    def find(self, session: Session, queries_QD: Floats, *, k: int, where: Filter) -> tuple[Floats, Ints]:
        """Scores and ids, (Q, at most k), best first: of the regions in the session's snapshot that `where` allows."""
        now = Moment(removals=queries.num_removals(session), newest=queries.newest_region(session))
        self._start(session)
        self._memory.catch_up(now.newest, lambda last_id: queries.vectors_after(session, last_id, self._dim))
        if now != self._tended:
            self._tended = now
            num_alive = queries.count_of(session, queries.matching_regions(ANYTHING))
            self._memory.tend(num_alive, lambda: self._selections.ids(session, now, ANYTHING))
        allowed = self._selections.ids(session, now, where)
        return self._memory.search(queries_QD, k=k, allowed=allowed)

    def settle(self) -> None:
        """Wait for the graph that is being built in the background, if any."""
        self._memory.settle()

    def close(self) -> None:
        """Stop the background and leave a cache file for the next start."""
        index = self._memory.close()
        if index is not None and index is not self._on_file:
            self._save(index)

    def _start(self, session: Session) -> None:
        with self._starting:
            if self._started:
                return
            try:
                index = load_index(self._cache_path, store=self._store, dim=self._dim)
                self._compare(session, index)
                self._memory.start_with(index)
                self._on_file = index
            except CacheUnusable as reason:
                log.info("reading all vectors from the store: %s", reason)
            self._started = True

    def _compare(self, session: Session, index: VectorIndex) -> None:
        """Refuse a file that the database has not grown from: one of the two was restored from a backup."""
        if index.last_id > queries.last_region_ever(session):
            raise CacheUnusable(self._cache_path, f"it holds the region {index.last_id}, which the store never had")
        for region_id, vector_D in queries.latest_vectors(session, PROBES, up_to=index.last_id, dim=self._dim):
            place = int(np.searchsorted(index.ids_N, region_id))
            if index.ids_N[place] != region_id or not np.array_equal(index.vectors_ND[place], vector_D):
                raise CacheUnusable(self._cache_path, f"its vector of region {region_id} is not the store's")

    def _save(self, index: VectorIndex) -> None:
        try:
            save_index(index, self._cache_path, store=self._store)
        except OSError as error:  # a full disk costs the next start some seconds, nothing else
            log.warning("no cache of the vectors was written: %s", error)
            return
        self._on_file = index
