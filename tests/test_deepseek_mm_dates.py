"""Years, months and days, and the time that they span."""

import re
from datetime import datetime

import pytest

from deepseek_mm.dates import period

WRITTEN = re.compile(r"(\d{4})(?:-(\d\d?)(?:-(\d\d?))?)?")


@pytest.mark.parametrize(
    ("text", "first", "after"),
    [
        ("2024", datetime(2024, 1, 1), datetime(2025, 1, 1)),
        ("2024-12", datetime(2024, 12, 1), datetime(2025, 1, 1)),
        ("2024-2-29", datetime(2024, 2, 29), datetime(2024, 3, 1)),
    ],
)
def test_a_period_ends_where_the_next_one_begins(text, first, after):
    assert period(WRITTEN.fullmatch(text)) == (first, after)


@pytest.mark.parametrize("text", ["", "May", "2024-13", "2023-02-29", "0000"])
def test_what_no_calendar_has_is_no_period(text):
    with pytest.raises(ValueError, match="month|day|year"):
        period(WRITTEN.fullmatch(text))
