"""Filters as people say them, in the page, the API and the search box."""

import os
from datetime import datetime

import pytest

from deepseek_mm.api.route_parameters import SearchFilterIn, read_filter
from deepseek_mm.errors import BadQuestion
from deepseek_mm.language.search_filters import BadDate, SearchFilter, format_named, formats_mentioned, read_period
from deepseek_mm.language.search_syntax import read_box
from index import EVERYTHING, Filter

FULL = {
    "kind": "written", "label": " Dog ", "format": "JPEG", "collection": "Holidays", "since": "2024-02",
    "until": "2024", "folder": "/photos/2024/",
}  # fmt: skip


def test_empty_filters_allow_everything_in_the_library():
    assert SearchFilter().where() == SearchFilter.of({"label": " ", "since": "", "more": "x"}).where() == EVERYTHING


def test_every_filter_lands_in_its_own_condition_of_the_page_and_of_the_api():
    wanted = Filter(
        source_kinds=("photo",),
        kinds=("text",),
        label="dog",
        formats=("jpeg",),
        collection="Holidays",
        folder="/photos/2024",
        taken_after=datetime(2024, 2, 1),
        taken_before=datetime(2025, 1, 1),
    )
    assert SearchFilter.of(FULL).where() == read_filter(SearchFilterIn(**FULL)) == wanted


@pytest.mark.parametrize(
    ("kind", "sources"), [("photos", ("photo",)), ("documents", ("document",)), ("code", ("code",)), ("nonsense", ())]
)
def test_a_kind_is_one_of_sources(kind, sources):
    assert SearchFilter(kind=kind).where() == Filter(source_kinds=sources)


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
    assert read_period(text) == (datetime(*start), datetime(*end))
    box = read_box(f"a dog after:{text} before:9000").where
    assert (box.taken_after, SearchFilter(until=text).where().taken_before) == (datetime(*start), datetime(*end))


@pytest.mark.parametrize("text", ["yesterday", "2023-02-29", "2024-13", "0000", "9999", "31.12.2024", "2024-1-1-1"])
def test_what_is_no_date_is_told_with_an_example(text):
    with pytest.raises(BadDate, match="2024-05-31") as caught:
        SearchFilter(since=text).where()
    assert (caught.value.text, text in str(caught.value)) == (text, True)


def test_the_home_folder_may_be_written_as_a_tilde(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert SearchFilter(folder="~/Pictures").where().folder == os.path.realpath("/home/me/Pictures")


def test_pictures_of_others_questions_are_no_collection():
    with pytest.raises(BadQuestion, match="no collection"):
        SearchFilter(collection="uploads").where()


@pytest.mark.parametrize(
    ("said", "form"),
    [
        ("eml", "eml"),
        ("emails", "eml"),
        ("mails", "eml"),
        ("slides", "pptx"),
        ("powerpoint", "pptx"),
        ("ebooks", "epub"),
    ],
)
def test_a_type_is_called_as_people_call_it(said, form):
    assert read_box(f"type:{said}").where.formats == (form,)


def test_only_words_that_no_photo_is_asked_for_by_name_a_format_by_themselves():
    assert [format_named(word) for word in ("emails", "powerpoint", "PNGs", "slides", "mails", "presentation")] == [
        "eml", "pptx", "png", "", "", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("who sent the email about dinner?", ("eml",)),
        ("do the slides and my e-mails agree on the price?", ("pptx", "eml")),
        ("\u90a3\u5c01\u90ae\u4ef6\u8bf4\u4e86\u4ec0\u4e48\uff1f", ("eml",)),
        ("which mailbox is emailed?", ()),
    ],
)
def test_a_question_speaks_of_kinds_of_files(text, forms):
    assert formats_mentioned(text) == forms
