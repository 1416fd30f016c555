"""The Search tab's handlers: over paper, and over a real library whose towers know colours."""

import pytest
from fake_app import paper
from fakes import picture
from rag_house import build, paint, put

from deepseek_mm.config import Config
from deepseek_mm.records import Found, Match
from index import Region, Source
from ui.filters import Wish
from ui.searching import Searching, exhibit, verdict
from ui.words import ENGLISH

ANY = Wish()


@pytest.fixture
def searching(tmp_path):
    assistant = paper(Config(data=tmp_path / "library"))
    yield Searching(assistant=assistant, words=ENGLISH)
    assistant.close()


@pytest.fixture
def earnest(tmp_path):
    """Three photos, two of them alike."""
    assistant = build(tmp_path / "library")
    photos = [paint(tmp_path / "photos", name, colour) for name, colour in (("a.png", "red"), ("b.png", "green"))]
    put(assistant, *photos)
    yield Searching(assistant=assistant, words=ENGLISH)
    assistant.close()


def names(results) -> list[str]:
    return [each.citation.region.source.name for each in results.shown]


def match(number: int = 1, **changes) -> Match:
    region = Region(id=number, source=Source(path=f"/photos/{number}.jpg"), box_px=(0, 0, 9, 9))
    return Match(**({"region": region, "score": 0.314} | changes))


def test_words_find_regions_that_are_numbered_from_one(searching):
    results = searching.search({"text": "red green", "files": []}, ANY)
    assert names(results) == ["kite.jpg", "grass.jpg"]
    assert [each.citation.number for each in results.shown] == [1, 2]
    assert results.said == "The 2 nearest, best first. 90 % sure that the library has it, 50 % needed."
    assert results.certain


def test_a_picture_finds_its_like_with_or_without_words(searching, tmp_path):
    path = tmp_path / "mine.png"
    picture("green").save(path)
    assert names(searching.search({"text": "", "files": [str(path)]}, ANY)) == ["grass.jpg"]
    assert names(searching.search({"text": "red", "files": [str(path)]}, ANY)) == ["kite.jpg", "grass.jpg"]


def test_finding_nothing_at_all_is_said(searching):
    results = searching.search({"text": "purple"}, ANY)
    assert (results.shown, results.said, results.notice) == ((), ENGLISH.results_none, "")


@pytest.mark.parametrize("entry", [None, {"text": "  ", "files": []}])
def test_an_empty_search_is_told_what_to_do(searching, entry):
    assert searching.search(entry, ANY).notice == ENGLISH.search_empty


def test_errors_become_sentences(searching, tmp_path):
    path = tmp_path / "notes.jpg"
    path.write_text("hello")
    assert "notes.jpg" in searching.search({"text": "", "files": [str(path)]}, ANY).notice
    assert searching.search({"text": "crash"}, ANY).notice == ENGLISH.bug
    assert "'soon' is no date" in searching.search({"text": "red"}, Wish(since="soon")).notice


def test_filters_reach_the_search_and_are_mentioned(earnest):
    entry = {"text": "red"}
    assert "a.png" in names(earnest.search(entry, ANY))
    documents = earnest.search(entry, Wish(kind="documents"))
    assert names(documents) == []
    assert ENGLISH.results_filtered in documents.said


def test_more_like_one_result_leaves_out_that_one(earnest):
    first = earnest.search({"text": "red"}, ANY).shown[0]
    results = earnest.like(first, ANY)
    assert first.citation.region.source.name not in names(results)
    assert results.said.startswith(f"Like {first.caption.splitlines()[0]}.")


def test_more_like_what_was_removed_meanwhile_becomes_a_sentence(earnest):
    first = earnest.search({"text": "red"}, ANY).shown[0]
    earnest.assistant.store.remove([first.citation.region.source.id])
    results = earnest.like(first, ANY)
    assert results.notice
    assert results.notice != ENGLISH.bug


def test_the_choices_are_those_of_the_library_after_any(earnest):
    labels, formats, collections = earnest.choices()
    assert labels[0] == formats[0] == (ENGLISH.any, "")
    assert formats[1:] == [("png (2)", "png")]
    assert collections == [(ENGLISH.any, "")]
    earnest.assistant.store.collect([earnest.assistant.store.sources(limit=1)[0].path], "Holidays")
    assert earnest.choices()[2][1:] == [("Holidays (1)", "Holidays")]


@pytest.mark.parametrize(
    ("certainty", "threshold", "found", "said"),
    [
        (0.83, 0.5, True, "The nearest one. 83 % sure that the library has it, 50 % needed."),
        (0.998, 0.5, True, "The nearest one. 99 % sure that the library has it, 50 % needed."),
        (0.12, 0.5, False, "Nothing found that is certain: 12 % sure, 50 % needed. The nearest are shown below."),
        (0.4999, 0.5, False, "Nothing found that is certain: 49 % sure, 50 % needed. The nearest are shown below."),
        (0.502, 0.501, True, "The nearest one. 50 % sure that the library has it, 50 % needed."),
        (0.502, 0.505, False, "Nothing found that is certain: 50 % sure, 51 % needed. The nearest are shown below."),
    ],
)
def test_the_first_line_is_honest_about_how_sure_it_is(certainty, threshold, found, said):
    results = Found(matches=(match(),), found=found, certainty=certainty, threshold=threshold)
    assert verdict(results, ENGLISH) == said


def test_a_caption_says_why_it_is_there_and_what_it_stands_for():
    each = exhibit(2, match(why=("dog", "sale"), twins=(match(3).region, match(4).region)), ENGLISH)
    assert each.caption.splitlines() == ["[2] 1.jpg", "likeness 0.31", "matches: dog, sale", "+2 alike"]
    assert [twin.id for twin in each.twins] == [3, 4]
    assert exhibit(1, match(), ENGLISH).caption.splitlines() == ["[1] 1.jpg", "likeness 0.31"]
