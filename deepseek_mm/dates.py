"""Dates as people write them, and ages of files and rows that survive a clock that is set.

Files and rows carry the wall clock's time, for it goes on while nothing runs. A clock that is set makes them look older
or younger than they are. So a second opinion is asked: the time that it would be, had nobody set the clock since this
process began. The lesser age counts. Nothing is kept for ever by that, since both ages grow.
"""

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta


def period(match: re.Match[str] | None) -> tuple[datetime, datetime]:
    """The beginning of what was matched (year, month or none, day or none), and that of the next one.

    ValueError if nothing was, or the calendar has no such day.
    """
    if match is None:
        raise ValueError("no year, month or day")
    year, month, day = (int(group or 1) for group in match.groups())
    start = datetime(year, month, day)
    if match[3]:
        return start, start + timedelta(days=1)
    if match[2]:
        return start, next_month(start)
    return start, datetime(year + 1, 1, 1)


def next_month(first: datetime) -> datetime:
    """The beginning of the month after."""
    return datetime(first.year + first.month // 12, first.month % 12 + 1, 1)


DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?")


def parse_moment(text: str) -> datetime | None:
    """A day, or a moment by the clock that was there: its zone is left out. None for a month, a year, or nonsense."""
    plain = text.strip().replace(" ", "T", 1)
    found = TIME.match(plain) or DAY.fullmatch(plain)
    try:
        return datetime.fromisoformat(found[0]) if found else None
    except ValueError:
        return None


class Ages:
    """Ages by two clocks."""

    def __init__(self, wall_s: Callable[[], float] = time.time, even_s: Callable[[], float] = time.monotonic) -> None:
        """`wall_s` counts from 1970 and may jump, `even_s` from anywhere and never does."""
        self._wall_s, self._even_s = wall_s, even_s
        self._began_s = wall_s() - even_s()

    def ago_s(self, at_s: float) -> float:
        """Seconds since a moment of the wall clock. One in the future was written before the clock was set back: it
        counts as so much ago.
        """
        return min(abs(self._wall_s() - at_s), abs(self._began_s + self._even_s() - at_s))
