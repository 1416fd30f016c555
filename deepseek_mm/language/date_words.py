"""Periods as people say them: "last summer", "June 2019", "before May", "im Juni".

A month or a season without a year is the last one that has begun. Words of English and German are known here, those of
Chinese in chinese_dates.
"""

import re
from datetime import datetime, timedelta

from deepseek_mm.dates import next_month
from deepseek_mm.language.chinese_dates import find_chinese_period

Period = tuple[datetime | None, datetime | None]  # first moment, and the first one after; None is open

MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar",
            "february feb februar",
            "march mar m\u00e4rz",
            "april apr",
            "may mai",
            "june jun juni",
            "july jul juli",
            "august aug",
            "september sep sept",
            "october oct oktober okt",
            "november nov",
            "december dec dezember dez",
        ),
        start=1,
    )
    for name in names.split()
}
SEASONS = {  # first month of three
    **dict.fromkeys(("spring", "fr\u00fchling", "fr\u00fchjahr"), 3),
    **dict.fromkeys(("summer", "sommer"), 6),
    **dict.fromkeys(("autumn", "fall", "herbst"), 9),
    **dict.fromkeys(("winter",), 12),
}
BEFORE = re.compile(r"\b(?:before|until|till|older than|vor|bis)\b", re.IGNORECASE)
AFTER = re.compile(r"\b(?:after|since|newer than|seit|nach)\b", re.IGNORECASE)
LAST = re.compile(r"\b(?:last|past|previous|letzte[nrs]?)\b", re.IGNORECASE)
YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
DAY = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-./](\d{1,2})(?:[-./](\d{1,2}))?(?!\d)|(?<!\d)(\d{1,2})\.(\d{1,2})\.((?:19|20)\d\d)"
)
SPANS = {
    "day": 1,
    "tag": 1,
    "week": 7,
    "woche": 7,
    "month": 31,
    "monat": 31,
    "year": 365,
    "jahr": 365,
}


def read_period_words(text: str, now: datetime) -> Period | None:
    """From when to when; None where the words name no period."""
    if chinese := find_chinese_period(text, now):
        return chinese.first, chinese.after
    line = text.lower()
    found = read_day(line) or read_relative(line, now) or read_month(line, now)
    if found is None:
        return None
    first, after = found
    return (
        (None, first)
        if BEFORE.search(line)
        else (after if "after" in line else first, None)
        if AFTER.search(line)
        else found
    )


def read_day(line: str) -> tuple[datetime, datetime] | None:
    """A date in digits, to the day or the month."""
    found = DAY.search(line)
    if not found:
        return None
    year, month, day = (found[1], found[2], found[3]) if found[1] else (found[6], found[5], found[4])
    try:
        first = datetime(int(year), int(month), int(day or 1))
    except ValueError:
        return None
    return (first, first + timedelta(days=1)) if day else (first, next_month(first))


def read_relative(line: str, now: datetime) -> tuple[datetime, datetime] | None:
    """Yesterday, last week, the last three months, this year."""
    today = datetime(now.year, now.month, now.day)
    for words, ago in ((("today", "heute"), 0), (("yesterday", "gestern"), 1)):
        if any(word in line for word in words):
            return today - timedelta(days=ago), today - timedelta(days=ago - 1)
    if re.search(r"\bthis year\b|\bdieses jahr\b", line):
        return datetime(now.year, 1, 1), datetime(now.year + 1, 1, 1)
    if re.search(r"\b(?:last|previous) year\b|\bletzte[sn]? jahr\b", line) and not named_month(line):
        return datetime(now.year - 1, 1, 1), datetime(now.year, 1, 1)
    span = next((days for word, days in SPANS.items() if word in line), 0)
    if span and (LAST.search(line) or re.search(r"\bthis (?:week|month)\b", line)):
        many = re.search(r"\d+", line)
        return today - timedelta(days=span * int(many[0] if many else 1)), today + timedelta(days=1)
    return None


def read_month(line: str, now: datetime) -> tuple[datetime, datetime] | None:
    """A year, a month or a season; without a year the last one that has begun, or that of last year."""
    year, month = YEAR.search(line), named_month(line)
    years = [int(each) for each in YEAR.findall(line)]
    if len(years) > 1:  # from one to the other
        return datetime(min(years), 1, 1), datetime(max(years) + 1, 1, 1)
    if not month:
        return (datetime(int(year[0]), 1, 1), datetime(int(year[0]) + 1, 1, 1)) if year else None
    number, months = month
    past = number > now.month or (bool(LAST.search(line)) and number + months > now.month)
    first = datetime(int(year[0]) if year else now.year - past, number, 1)
    after = first
    for _ in range(months):
        after = next_month(after)
    return first, after


def named_month(line: str) -> tuple[int, int] | None:
    """The first month that a month's or a season's name means, and how many it lasts."""
    for table, months in ((SEASONS, 3), (MONTHS, 1)):
        for name in sorted(table, key=len, reverse=True):
            if re.search(rf"\b{name}\b", line):
                return table[name], months
    return None
