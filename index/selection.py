"""Which regions a filter allows: asked of the database once, then only extended.

Regions never change, so a remembered answer stays right until something is removed, and what was added since has a
higher id. A search during a long ingestion therefore asks for the new ids only.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from index.allowed import Allowed
from index.queries import labelled_ids, matching_ids
from index.region import Filter
from index.tables import LibraryRow, RegionRow
from index.vectors import Ints

REMEMBERED = 64  # filters


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """What tells two states of a store apart."""

    identity: str  # another one after the whole content was exchanged
    removals: int  # how often something was removed or moved
    newest: int  # highest region id in use


def moment_of(session: Session) -> Moment:
    """The state that the session's snapshot shows."""
    newest = select(func.max(RegionRow.id)).scalar_subquery()
    identity, removals, newest_id = session.execute(select(LibraryRow.identity, LibraryRow.removals, newest)).one()
    return Moment(identity=identity, removals=removals, newest=newest_id or 0)


class Selections:
    """The ids that the latest filters allow; safe in many threads. It serves one content of the store."""

    def __init__(self) -> None:
        self._known: OrderedDict[Filter, tuple[Moment, Allowed]] = OrderedDict()
        self._lock = Lock()

    def allowed(self, session: Session, now: Moment, where: Filter) -> Allowed:
        """The regions that exist in the session's snapshot, which is `now`, and that `where` allows."""
        known = self._known.get(where)
        if known is None or known[0].removals != now.removals:
            allowed = Allowed(self._looked_up(session, now, where))
        elif known[0].newest < now.newest:
            added = matching_ids(session, where, after=known[0].newest)
            allowed = Allowed(np.concatenate([known[1].ids, added]))
        elif known[0].newest == now.newest:
            self._remember(where, now, known[1])  # what is asked for again and again outlasts what was asked for once
            return known[1]
        else:
            return Allowed(known[1].ids[: np.searchsorted(known[1].ids, now.newest, side="right")])
        self._remember(where, now, allowed)
        return allowed

    def _looked_up(self, session: Session, now: Moment, where: Filter) -> Ints:
        """A label's few regions are looked up by themselves, and compared with what is allowed without it."""
        if not where.label:
            return matching_ids(session, where)
        ids = self.allowed(session, now, replace(where, label="")).ids
        return ids[np.isin(ids, labelled_ids(session, where.label), assume_unique=True)]

    def _remember(self, where: Filter, now: Moment, allowed: Allowed) -> None:
        with self._lock:
            known = self._known.get(where)
            if known is None or (known[0].removals, known[0].newest) < (now.removals, now.newest):
                self._known[where] = (now, allowed)
            self._known.move_to_end(where)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
