"""Caches of what was read from the database: the ids that a filter allows, and counts over the whole store.

Regions never change, so a remembered answer of ids stays right until something is removed, and what was added since has
a higher id. A search during a long ingestion therefore asks for the new ids only. Counts are valid until something
changes: every page that is opened asks how much there is and what the commonest labels are, which takes a good part of
a second with a hundred thousand photos, and hardly ever has another answer than a moment ago.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from cachetools import LRUCache
from sqlalchemy.orm import Session

from deepseek_mm.storage.database import NOTES
from index.queries import labelled_ids, matching_ids
from index.region import Filter
from index.vectors import AllowedIds, Ints, is_among

REMEMBERED = 512  # filters: a search has a dozen, one for each kind of region and each label
MOST_IDS = 20_000_000  # in all of them together, eight bytes each; the latest filter is remembered anyhow
TURNS = 32  # filters that can be looked up at once
NEWEST = "(SELECT coalesce(max(id), 0) FROM {})"
NOW = f"SELECT identity, removals, {NEWEST.format('regions')}, {NEWEST.format('sources')} FROM library"
MOMENT = "moment"  # in a session's notes


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """What tells two states of a store apart."""

    identity: str  # another one after the whole content was exchanged
    removals: int  # how often something was removed or moved
    newest: int  # highest region id in use
    newest_source: int = 0  # highest source id in use: one without regions is new as well


def moment_of(session: Session) -> Moment:
    """The state that the session's snapshot shows; looked up once in a session of `Database.reading`."""
    notes: dict[str, Moment] = session.info.get(NOTES, {})
    if MOMENT not in notes:
        identity, removals, newest, newest_source = session.connection().exec_driver_sql(NOW).one()
        notes[MOMENT] = Moment(identity=identity, removals=removals, newest=newest, newest_source=newest_source)
    return notes[MOMENT]


class FilterCache:
    """An LRU cache of allowed ids keyed by filter, bounded in filters and in ids. Thread-safe.

    It serves one content of the store.
    """

    def __init__(self, most_ids: int = MOST_IDS) -> None:
        self._known: LRUCache[Filter, tuple[Moment, AllowedIds]] = LRUCache(
            most_ids, getsizeof=partial(_room, most_ids)
        )
        self._lock, self._turns = Lock(), [Lock() for _ in range(TURNS)]

    def allowed_ids(self, session: Session, now: Moment, where: Filter) -> AllowedIds:
        """The regions that exist in the session's snapshot, which is `now`, and that `where` allows."""
        known = self._at_hand(now, where)
        if known is not None:
            return known
        if where.label:  # few, and what is allowed without it has its own turn
            return self._find(session, now, where)
        with self._turns[hash(where) % TURNS]:  # who comes second takes what the first one found
            known = self._at_hand(now, where)
            return self._find(session, now, where) if known is None else known

    def _at_hand(self, now: Moment, where: Filter) -> AllowedIds | None:
        """What is remembered, as far as nothing was added or removed since."""
        with self._lock:
            known = self._known.get(where)
        if known is None or known[0].removals != now.removals or known[0].newest < now.newest:
            return None
        if known[0].newest > now.newest:
            return AllowedIds(known[1].ids[: np.searchsorted(known[1].ids, now.newest, side="right")])
        self._remember(where, now, known[1])  # what is asked for again and again outlasts what was asked for once
        return known[1]

    def _find(self, session: Session, now: Moment, where: Filter) -> AllowedIds:
        """Looked up, or what is remembered and what was added since."""
        with self._lock:
            known = self._known.get(where)
        if known is not None and known[0].removals == now.removals and known[0].newest < now.newest:
            added = matching_ids(session, where, after=known[0].newest)
            allowed = AllowedIds(np.concatenate([known[1].ids, added]))
        else:
            allowed = AllowedIds(self._look_up(session, now, where))
        self._remember(where, now, allowed)
        return allowed

    def _look_up(self, session: Session, now: Moment, where: Filter) -> Ints:
        """A label's few regions are looked up by themselves, and compared with what is allowed without it."""
        if not where.label:
            return matching_ids(session, where)
        ids = self.allowed_ids(session, now, replace(where, label="", other_labels=())).ids
        labelled = labelled_ids(session, (where.label, *where.other_labels))
        return labelled[is_among(labelled, ids)]

    def _remember(self, where: Filter, now: Moment, allowed: AllowedIds) -> None:
        with self._lock:
            known = self._known.get(where)
            if known is None or (known[0].removals, known[0].newest) < (now.removals, now.newest):
                self._known[where] = (now, allowed)


def _room(most_ids: int, known: tuple[Moment, AllowedIds]) -> int:
    """Ids that it counts for: no filter less than one of REMEMBERED, and none more than there is room for."""
    return min(most_ids, max(len(known[1].ids), most_ids // REMEMBERED))


ANSWERS = 64  # answers of one moment
Answer = TypeVar("Answer")


class CountCache:
    """Counts of the latest moment that was asked about, by key. Thread-safe."""

    def __init__(self) -> None:
        self._state: Moment | None = None
        self._answers: dict[Hashable, Any] = {}
        self._lock = Lock()

    def of(self, session: Session, key: Hashable, count: Callable[[Session], Answer]) -> Answer:
        """Return the count for `key` in the session's snapshot, computed by `count` if absent. Do not change it."""
        now = moment_of(session)
        with self._lock:
            if self._state == now and key in self._answers:
                known: Answer = self._answers[key]
                return known
        answer = count(session)
        with self._lock:
            if self._state != now or len(self._answers) >= ANSWERS:
                self._state, self._answers = now, {}
            self._answers[key] = answer
        return answer
