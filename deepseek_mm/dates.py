"""A year, a month or a day, as people write it, and the time that it spans."""

import re
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
        return start, datetime(year + month // 12, month % 12 + 1, 1)
    return start, datetime(year + 1, 1, 1)
