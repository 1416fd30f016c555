"""Which regions a filter allows: asked of the database once, then only extended.

Regions never change, so a remembered answer stays right until something is removed, and what was added since has a
higher id. A search during a long ingestion therefore asks for the new ids only.
"""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import numpy as np
from sqlalchemy.orm import Session

from index.queries import matching_ids
from index.region import Filter
from index.vectors import Ints

REMEMBERED = 32  # filters


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """What tells two states of a store apart."""

    removals: int  # how often something was removed
    newest: int  # highest region id in use


class Selections:
    """The ids that the latest filters allow; safe in many threads."""

    def __init__(self) -> None:
        self._known: OrderedDict[Filter, tuple[Moment, Ints]] = OrderedDict()
        self._lock = Lock()

    def ids(self, session: Session, now: Moment, where: Filter) -> Ints:
        """Rising ids of the regions that exist in the session's snapshot, which is `now`, and that `where` allows."""
        known = self._known.get(where)
        if known is None or known[0].removals != now.removals:
            ids = matching_ids(session, where)
        elif known[0].newest < now.newest:
            ids = np.concatenate([known[1], matching_ids(session, where, after=known[0].newest)])
        else:
            return known[1][: np.searchsorted(known[1], now.newest, side="right")]
        self._remember(where, now, ids)
        return ids

    def _remember(self, where: Filter, now: Moment, ids: Ints) -> None:
        with self._lock:
            known = self._known.get(where)
            if known is None or (known[0].removals, known[0].newest) < (now.removals, now.newest):
                self._known[where] = (now, ids)
            self._known.move_to_end(where)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
