"""Looking up in a real store of painted photos, through the space of colours."""

import numpy as np
import pytest
from fakes import picture
from rag_house import build, paint, put

from deepseek_mm.chance import adjust_prior
from deepseek_mm.language.parser import parse
from deepseek_mm.retrieval.evidence import QuestionContext
from deepseek_mm.retrieval.retriever import best_worded
from deepseek_mm.types import Evidence, Query, Question
from index import Region, Source


@pytest.fixture
def house(tmp_path):
    assistant = build(tmp_path / "data")
    photos = [
        ("kite.png", "green", "red"),
        ("sky.png", "blue", ""),
        ("sun.png", "blue", "yellow"),
        ("RED.png", "red", ""),
    ]
    put(assistant, *(paint(tmp_path / "photos", *photo) for photo in photos))
    yield assistant
    assistant.close()


def case(text, **changes):
    from dataclasses import replace

    return QuestionContext(question=Question(text=text), program=replace(parse(text), library=True), **changes)


def test_a_library_question_finds_the_boxes_of_its_thing_first(house):
    (found,) = house.retriever.retrieve_many([case("which photos show a kite?")], k=6)
    assert {entry.region.source.name for entry in found[:2]} == {"kite.png", "RED.png"}
    box = next(entry for entry in found if entry.region.source.name == "kite.png")
    assert (box.region.kind, box.region.label) == ("part", "kite")


def test_evidence_is_numbered_from_one_in_order_and_at_most_k(house):
    (found,) = house.retriever.retrieve_many([case("which photos show the sky?")], k=2)
    assert [entry.number for entry in found] == [1, 2]


def test_each_entry_knows_its_photo_and_how_likely_the_thing_is_there(house):
    (found,) = house.retriever.retrieve_many([case("where is the sun?")], k=6)
    assert found[0].region.source.name == "sun.png"
    assert found[0].siblings[0].kind == "whole"
    assert [thing for thing, _ in found[0].presence] == ["sun"]


def test_one_photo_fills_at_most_two_places_of_the_evidence(house):
    (found,) = house.retriever.retrieve_many([case("is there a kite and grass and sky?")], k=6)
    names = [entry.region.source.name for entry in found]
    assert max(names.count(name) for name in names) <= 2


def test_a_photo_at_hand_gives_its_whole_first_and_its_parts_by_score(house):
    source = house.retriever.find_named("kite.png")
    (found,) = house.retriever.retrieve_many(
        [QuestionContext(question=Question(text=""), program=parse("a kite"), source=source)], k=6
    )
    assert [entry.region.kind for entry in found] == ["whole", *["part"] * (len(found) - 1)]
    scores = [entry.score for entry in found[1:]]
    assert scores == sorted(scores, reverse=True)


def test_many_questions_get_the_same_evidence_as_one_by_one(house):
    cases = [case("which photos show a kite?"), case("is there a sun?"), case("the sky")]
    together = house.retriever.retrieve_many(cases, k=4)
    for alone, found in zip(cases, together, strict=True):
        (single,) = house.retriever.retrieve_many([alone], k=4)
        assert [entry.region.id for entry in single] == [entry.region.id for entry in found]


def test_a_presence_is_worth_less_where_the_thing_is_rare():
    assert adjust_prior(0.9, 0.5) == pytest.approx(0.9)
    assert adjust_prior(0.9, 0.1) == pytest.approx(0.5)  # 9 to 1 against 1 to 9
    assert adjust_prior(1.0, 0.1) == 1.0
    assert adjust_prior(0.0, 0.1) == 0.0


def test_an_empty_library_gives_no_evidence(tmp_path):
    with build(tmp_path / "empty") as empty:
        assert empty.retriever.retrieve_many([case("is there a kite?")], k=6) == [[]]
        assert empty.retriever.retrieve_many([], k=6) == []


def test_words_and_a_picture_search_with_the_mean_of_both(house):
    red, blue, both = house.retriever.embed(
        [Query(text="red"), Query(image=picture("blue")), Query(text="red", image=picture("blue"))]
    )
    np.testing.assert_allclose(both, (red + blue) / np.linalg.norm(red + blue), atol=1e-6)


def test_a_photo_is_found_by_its_file_name_whatever_the_capitals(house):
    assert house.retriever.find_named("red.PNG").name == "RED.png"
    assert house.retriever.find_named("absent.png") is None


def test_of_passages_that_all_point_away_from_the_question_the_nearest_is_kept():
    source = Source(path="/a.md", kind="document")
    regions = [Region(id=n, source=source, kind="text", box_px=(0, 0, 0, 0), text="wool") for n in (1, 2)]
    entries = [Evidence(number=1, region=r, score=score) for r, score in zip(regions, (-0.5, -0.1), strict=True)]
    assert [entry.score for entry in best_worded(entries, "who sings?")] == [-0.1]
    assert best_worded([], "who sings?") == []
