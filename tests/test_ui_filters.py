"""Filters as a visitor says them."""

from datetime import datetime

import pytest

from index import EVERYTHING, Filter
from ui.filters import BadFilter, Wish, allowed, period
from ui.words import ENGLISH


def test_empty_filters_allow_everything_in_the_library():
    assert allowed(Wish(), ENGLISH) == EVERYTHING


def test_every_filter_lands_in_its_own_condition():
    wish = Wish(
        kind="written",
        label="Dog",
        format="JPEG",
        collection="Holidays",
        since="2024-02",
        until="2024",
        folder="/photos/2024/",
    )
    assert allowed(wish, ENGLISH) == Filter(
        source_kinds=("photo",),
        kinds=("text",),
        label="dog",
        formats=("jpeg",),
        collection="Holidays",
        folder="/photos/2024",
        taken_after=datetime(2024, 2, 1),
        taken_before=datetime(2025, 1, 1),
    )


@pytest.mark.parametrize(
    ("kind", "sources"), [("photos", ("photo",)), ("documents", ("document",)), ("code", ("code",)), ("nonsense", ())]
)
def test_a_kind_is_one_of_sources(kind, sources):
    assert allowed(Wish(kind=kind), ENGLISH) == Filter(source_kinds=sources)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2024", (2024, 1, 1), (2025, 1, 1)),
        ("2024-12", (2024, 12, 1), (2025, 1, 1)),
        ("2024-2", (2024, 2, 1), (2024, 3, 1)),
        ("2024-02-29", (2024, 2, 29), (2024, 3, 1)),
        ("2024-12-31", (2024, 12, 31), (2025, 1, 1)),
    ],
)
def test_a_year_a_month_and_a_day_last_until_the_next(text, start, end):
    assert period(text, ENGLISH) == (datetime(*start), datetime(*end))


@pytest.mark.parametrize("text", ["yesterday", "2023-02-29", "2024-13", "0000", "9999", "31.12.2024", "2024-1-1-1"])
def test_what_is_no_date_is_told_with_an_example(text):
    with pytest.raises(BadFilter, match="2024-05-31") as caught:
        period(text, ENGLISH)
    assert text in str(caught.value)


def test_the_home_folder_may_be_written_as_a_tilde(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert allowed(Wish(folder="~/Pictures"), ENGLISH).folder == "/home/me/Pictures"
