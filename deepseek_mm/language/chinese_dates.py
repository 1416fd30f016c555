"""Periods as Chinese says them: "the summer of 2019", "last month", "the last three weeks", "from 2018 to 2020".

A month or a season without a year is that of any year. Last month is that of the calendar, and so is last week. The
words are in chinese_dates.toml.
"""

import re
import tomllib
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from deepseek_mm.dates import next_month

FILE = Path(__file__).with_suffix(".toml")
GROUP_NAMES = re.compile(r"\?P<\w+>")


class ChinesePeriod(NamedTuple):
    """A period that was said."""

    match: re.Match[str]  # its words
    first: datetime | None  # first moment, and the first one after; None is open
    after: datetime | None
    months: tuple[int, ...] = ()  # 1 to 12, of any year, instead of both

    @property
    def is_taken(self) -> bool:
        """Whether it is said to be when photos were taken, and nothing else."""
        return bool(self.match["taken"]) or self.match[0] == self.match.string.strip()


@cache
def read_words() -> dict[str, dict[str, Any]]:
    """The table."""
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


@cache
def compile_patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Of a point in time, and of a whole period."""
    words = read_words()["patterns"]
    point = GROUP_NAMES.sub("?:", words["point"])
    bounds = rf"(?:{words['range']})(?P<last>{point})|(?P<before>{words['before']})|(?P<since>{words['after']})"
    return re.compile(words["point"]), re.compile(
        rf"{words['head']}(?P<first>{point})(?:{bounds})?{words['tail']}", re.IGNORECASE
    )


def find_chinese_period(text: str, now: datetime) -> ChinesePeriod | None:
    """The first period of a text; None where it names none."""
    match = compile_patterns()[1].search(text)
    if match is None:
        return None
    try:
        first, after, months = read_point(match["first"], now)
        if match["last"]:
            after = read_point(match["last"], min(now, datetime(first.year, 12, 31)))[1]  # of the same year
    except ValueError:  # the 31st of February
        return None
    if match["last"] or match["before"] or match["since"]:
        months = ()
    begins, ends = (None, first) if match["before"] else (first, None) if match["since"] else (first, after)
    return ChinesePeriod(match, begins, ends, months)


def name_chinese_period(text: str) -> str:
    """The words of the first period of a text, without "in" and "taken"; "" where it names none."""
    match = compile_patterns()[1].search(text)
    if match is None:
        return ""
    return text[match.start("first") : match.start("taken") if match["taken"] else match.end()]


def read_point(words: str, now: datetime) -> tuple[datetime, datetime, tuple[int, ...]]:
    """From when to when, and the months of what has no year: then it is the last one that has begun."""
    found = compile_patterns()[0].fullmatch(words)
    assert found is not None, words
    told: dict[str, Any] = found.groupdict()
    if told["when"] or told["which"] or told["span"]:
        return *read_relative(told, now), ()
    has_year = told["year"] or told["ago"]
    year = int(told["year"] or now.year - read_words()["ago"].get(told["ago"], 0))
    month, many = read_number(told["month"] or "1"), 1 if told["month"] else 12
    if told["season"]:
        month, many = read_words()["seasons"][told["season"]], 3
    first = datetime(year, month, read_number(told["day"] or "1"))
    if not has_year and first > now:
        first = first.replace(year=year - 1)
    if told["day"]:
        return first, first + timedelta(days=1), ()
    months = () if has_year else tuple((month - 1 + n) % 12 + 1 for n in range(many))
    return first, repeat(next_month, many, first), months


def read_relative(told: dict[str, Any], now: datetime) -> tuple[datetime, datetime]:
    """Yesterday, last week, this month, the last three months."""
    ago, days = read_words()["ago"], read_words()["days"]
    today = datetime(now.year, now.month, now.day)
    if when := told["when"]:
        first = today - timedelta(days=ago[when])
        return first, first + timedelta(days=1)
    if span := told["span"]:
        length = days[span] * read_number(told["count"] or "1")
        return today - timedelta(days=length), today + timedelta(days=1)
    back = ago[told["which"]]
    if days[told["of"]] == days["\u5468"]:  # a week
        first = today - timedelta(days=today.weekday() + 7 * back)
        return first, first + timedelta(days=7)
    first = today.replace(day=1)
    first = (first - timedelta(days=1)).replace(day=1) if back else first
    return first, next_month(first)


def read_number(words: str) -> int:
    """Of digits, or of Chinese words up to 99."""
    if words.isdigit() and words.isascii():
        return int(words)
    numbers: dict[str, int] = read_words()["numbers"]
    tens, ten, ones = words.rpartition("\u5341")
    return (10 * numbers.get(tens, 1) if ten else 0) + numbers.get(ones, 0)


def repeat(step: Callable[[datetime], datetime], times: int, first: datetime) -> datetime:
    """A step taken so often."""
    for _ in range(times):
        first = step(first)
    return first
