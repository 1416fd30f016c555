"""Periods as people say them, in three languages."""

from datetime import datetime

import pytest

from deepseek_mm.language.date_words import read_period_words

NOW = datetime(2026, 11, 29, 9, 0)


@pytest.mark.parametrize(
    ("said", "first", "after"),
    [
        ("from 2019", (2019, 1, 1), (2020, 1, 1)),
        ("June 2019", (2019, 6, 1), (2019, 7, 1)),
        ("in december", (2025, 12, 1), (2026, 1, 1)),
        ("last summer", (2026, 6, 1), (2026, 9, 1)),
        ("winter 2020", (2020, 12, 1), (2021, 3, 1)),
        ("last year", (2025, 1, 1), (2026, 1, 1)),
        ("yesterday", (2026, 11, 28), (2026, 11, 29)),
        ("2021-03-04", (2021, 3, 4), (2021, 3, 5)),
        ("im Juni 2018", (2018, 6, 1), (2018, 7, 1)),
        ("2018\u5e746\u6708", (2018, 6, 1), (2018, 7, 1)),
        ("\u53bb\u5e74", (2025, 1, 1), (2026, 1, 1)),
    ],
)
def test_words_for_a_period_become_its_first_moment_and_the_one_after(said, first, after):
    assert read_period_words(said, NOW) == (datetime(*first), datetime(*after))


def test_before_and_since_leave_one_end_open():
    assert read_period_words("before May 2020", NOW) == (None, datetime(2020, 5, 1))
    assert read_period_words("since 2020", NOW) == (datetime(2020, 1, 1), None)
    assert read_period_words("after 2020", NOW) == (datetime(2021, 1, 1), None)


@pytest.mark.parametrize("said", ["at night", "someday"])
def test_words_that_name_no_period_are_none(said):
    assert read_period_words(said, NOW) is None
