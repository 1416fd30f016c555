"""The Search tab's handler, on paper."""

import pytest
from fake_app import paper
from fakes import picture

from deepseek_mm.config import Config
from ui.search import Searching
from ui.words import ENGLISH


@pytest.fixture
def searching(tmp_path):
    assistant = paper(Config(data=tmp_path / "library"))
    yield Searching(assistant=assistant, words=ENGLISH)
    assistant.close()


def names(found) -> list[str]:
    return [hit.region.source.name for hit in found.hits]


def test_words_find_regions_that_are_numbered_from_one(searching):
    found = searching.search({"text": "red green", "files": []})
    assert names(found) == ["kite.jpg", "grass.jpg"]
    assert [hit.number for hit in found.hits] == [1, 2]
    assert found.said == "2 results, best first."


def test_one_result_is_not_called_results(searching):
    assert searching.search({"text": "red"}).said == ENGLISH.results_one


def test_a_picture_finds_its_like_with_or_without_words(searching, tmp_path):
    path = tmp_path / "mine.png"
    picture("green").save(path)
    assert names(searching.search({"text": "", "files": [str(path)]})) == ["grass.jpg"]
    assert names(searching.search({"text": "red", "files": [str(path)]})) == ["kite.jpg", "grass.jpg"]


def test_finding_nothing_is_said(searching):
    found = searching.search({"text": "purple"})
    assert (found.hits, found.said, found.notice) == ((), ENGLISH.results_none, "")


@pytest.mark.parametrize("entry", [None, {"text": "  ", "files": []}])
def test_an_empty_search_is_told_what_to_do(searching, entry):
    assert searching.search(entry).notice == ENGLISH.search_empty


def test_errors_become_sentences(searching, tmp_path):
    path = tmp_path / "notes.jpg"
    path.write_text("hello")
    assert "notes.jpg" in searching.search({"text": "", "files": [str(path)]}).notice
    assert searching.search({"text": "crash"}).notice == ENGLISH.bug
