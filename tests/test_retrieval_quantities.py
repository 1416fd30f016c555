"""Numbers, dates and times of a text, in the spellings that people use."""

import pytest

from deepseek_mm.retrieval.quantities import (
    FigureStyle,
    read_conventions,
    read_dates,
    read_numbers,
    read_small_number,
    read_times,
)

STYLE = FigureStyle(year=2026)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("2,345 pounds, of which 900 pounds", [("2345", "GBP"), ("900", "GBP")]),
        ("\u20ac1,180.00 and 205 euros", [("1180.00", "EUR"), ("205", "EUR")]),
        ("2.3 million pounds", [("2300000.0", "GBP")]),
        ("1.385,00 Euro", [("1385.00", "EUR")]),
        ("\u5171\u7b79\u5f975000\u5143", [("5000", "CNY")]),
        ("A4 paper, OD600, call 30-91", []),
        ("from 17:00 to 19:30 on 2026-06-02", []),
        ("30 \u00b0C", [("30", "\u00b0C")]),
        ("4 nights at 95 euros", [("4", "nights"), ("95", "EUR")]),
    ],
)
def test_numbers_are_read_with_their_units(text: str, numbers: list[tuple[str, str]]) -> None:
    assert [(str(number.value), number.unit) for number in read_numbers(text)] == numbers


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-06-02", "2026-06-02"),
        ("2026/6/2", "2026-06-02"),
        ("02.06.2026", "2026-06-02"),
        ("13/06/26", "2026-06-13"),
        ("6/13/2026", "2026-06-13"),
        ("1 May 2026", "2026-05-01"),
        ("May 1st, 2026", "2026-05-01"),
        ("the 3rd of June", "2026-06-03"),
        ("1. Mai 2026", "2026-05-01"),
        ("16 dec", "2026-12-16"),
        ("2026\u5e745\u67081\u65e5", "2026-05-01"),
        ("5\u67081\u53f7", "2026-05-01"),
        ("Friday, 1 January", "2027-01-01"),  # of 2026 it is a Thursday
    ],
)
def test_dates_are_read_in_many_spellings(text: str, day: str) -> None:
    assert [found.day.isoformat() for found in read_dates(text, STYLE)] == [day]


@pytest.mark.parametrize("text", ["31 February 2026", "2026-13-01", "May", "2013 to 2014", "99.99.2026", "1:100"])
def test_what_no_calendar_has_is_no_date(text: str) -> None:
    assert read_dates(text, STYLE) == []


def test_a_date_that_can_be_meant_in_two_ways_is_uncertain() -> None:
    (read,) = read_dates("02/06/2026")
    assert not read.certain
    assert read_conventions(["02/06/2026", "28/06/2026"]).day_first is True
    assert read_conventions(["02/06/2026", "06/28/2026"]).day_first is False


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("15:00", 900),
        ("7.30 pm", 1170),
        ("3 pm", 900),
        ("12:15 am", 15),
        ("\u4e0b\u53483\u70b9\u534a", 930),
        ("15h30", 930),
    ],
)
def test_times_are_minutes_of_the_day(text: str, minutes: int) -> None:
    assert [found.minutes for found in read_times(text)] == [minutes]


@pytest.mark.parametrize(
    ("word", "number"),
    [("8", 8), ("eight", 8), ("\u516b", 8), ("\u5341\u4e8c", 12), ("\u4e8c\u5341", 20), ("x", None), ("", None)],
)
def test_small_numbers_are_read_as_words_too(word: str, number: int | None) -> None:
    assert read_small_number(word) == number
