"""A cache of counts over the whole store, valid until something in it changes.

Every page that is opened asks how much there is and what the commonest labels are. With a hundred thousand photos each
of these takes a good part of a second to count, and hardly ever has another answer than a moment ago.
"""

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from index.filter_cache import Moment, moment_of

REMEMBERED = 64  # answers of one moment
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
            if self._state != now or len(self._answers) >= REMEMBERED:
                self._state, self._answers = now, {}
            self._answers[key] = answer
        return answer
