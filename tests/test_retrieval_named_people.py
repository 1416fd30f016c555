"""Whom a question names, of those whose faces have names; everybody else is a word like any other."""

from datetime import datetime

import numpy as np
import pytest
from rag_house import build, paint, put

from deepseek_mm.retrieval.act_filters import narrow_by_typed_words, read_bounds
from deepseek_mm.retrieval.named_people import find_named_people
from deepseek_mm.types import Act, Query
from index import Filter
from index.people import NewFace

KNOWN = ("Anna", "Anna Maria", "Ben", "Rose", "\u5c0f\u660e")
NOW = datetime(2026, 11, 30)


@pytest.mark.parametrize(
    ("text", "names", "rest"),
    [
        ("photos of Anna and Ben at the beach", ("Anna", "Ben"), "photos at the beach"),
        ("Fotos von Anna und Ben am Strand", ("Anna", "Ben"), "Fotos am Strand"),
        ("Anna\u548cBen\u5728\u6d77\u6ee9\u7684\u7167\u7247", ("Anna", "Ben"), "\u5728\u6d77\u6ee9\u7684\u7167\u7247"),
        ("\u5c0f\u660e\u7684\u7167\u7247", ("\u5c0f\u660e",), "\u7684\u7167\u7247"),
        ("anna maria with ben", ("Anna Maria", "Ben"), ""),
        ("Ben's photos of dogs", ("Ben",), "photos of dogs"),
        ("Anna, Ben and Rose", ("Anna", "Ben", "Rose"), ""),
        ("how many photos of Anna are there?", ("Anna",), "how many photos are there?"),
    ],
)
def test_people_with_names_are_found_in_any_language(text, names, rest):
    found = find_named_people(text, KNOWN)
    assert (found.names, found.absent, found.rest) == (names, (), rest)


@pytest.mark.parametrize("text", ["photos of Clara", "Bennet", "Hannah", "a banner", "annabel", "photos of a rose", ""])
def test_other_names_and_words_that_hold_one_go_the_usual_way(text):
    assert find_named_people(text, KNOWN) is None
    assert find_named_people("Anna", ()) is None


def test_a_name_that_is_a_thing_as_well_is_somebody_only_where_it_is_written_so():
    assert find_named_people("photos of Rose", KNOWN).names == ("Rose",)
    assert find_named_people("photos of rose gardens", KNOWN) is None


@pytest.mark.parametrize("text", ["Anna without Ben", "Anna but not Ben", "Anna ohne Ben", "\u6709Anna\u6ca1\u6709Ben"])
def test_who_must_not_be_there_is_told_from_who_must(text):
    found = find_named_people(text, KNOWN)
    assert (found.names, found.absent) == (("Anna",), ("Ben",))
    assert found.phrases == ("of Anna", "without Ben")


@pytest.fixture
def store(tmp_path):
    """Anna is in 1 and 2, Ben in 2; of 3 nobody is known."""
    with build(tmp_path / "library") as assistant:
        put(assistant, *(paint(tmp_path, f"{n}.png", colour) for n, colour in enumerate(("red", "green", "blue"), 1)))
        people = assistant.store.people
        anna, ben = np.eye(2, 4, dtype=np.float32)
        for source, vectors in ((1, [anna]), (2, [anna, ben]), (3, [])):
            people.add(source, [NewFace(box=(0, 0, 1, 1), score=1, vector_D=vector) for vector in vectors])
        people.group(0.5)
        for face, name in zip(people.faces_of([2])[2], ("Anna", "Ben"), strict=True):
            people.name(face.person, name)
        yield assistant.store


def found_by(store, where: Filter) -> list[int]:
    return sorted(source.id for source in store.sources(where, limit=9))


@pytest.mark.parametrize(
    ("text", "left", "sources"),
    [
        ("Anna", "", [1, 2]),
        ("photos of anna and Ben", "", [2]),
        ("Anna without Ben", "", [1]),
        ("Anna at the beach", "at the beach", [1, 2]),
        ("Clara", "Clara", [1, 2, 3]),
    ],
)
def test_a_search_is_bound_by_the_people_that_it_names(store, text, left, sources):
    bound = narrow_by_typed_words(Query(text=text), Filter(), store, NOW)
    assert (bound.query.text, found_by(store, bound.where)) == (left, sources)


@pytest.mark.parametrize(
    ("kind", "text", "subject", "left", "sources"),
    [
        ("find", "photos of Anna and Ben at the beach", "Anna and Ben at the beach", "beach", [2]),
        ("count", "how many photos of Anna are there?", "Anna", "", [1, 2]),
        ("find", "photos of Clara", "Clara", "Clara", [1, 2, 3]),
    ],
)
def test_an_act_is_bound_by_the_people_that_it_names(store, kind, text, subject, left, sources):
    bounds = read_bounds(Act(kind=kind, text=text, subject=subject), store, NOW)
    assert (bounds.act.subject, found_by(store, bounds.where)) == (left, sources)
    assert (bounds.phrase != "") == (len(sources) < 3)
