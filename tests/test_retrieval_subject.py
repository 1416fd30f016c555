"""What a search is for, taken out of a question and its marked parts."""

import pytest

from deepseek_mm.retrieval.subject import (
    POINTS_AT,
    are_nested,
    colours_beside,
    fit_of,
    is_named_otherwise,
    split_excluded,
    split_subject,
    subject_of,
    unmarked_words,
    with_measured,
    words_beside,
)
from deepseek_mm.types import Act, ActFilters


def find(text: str, subject: str = "", **filters: str) -> Act:
    return Act(kind="find", text=text, subject=subject, filters=ActFilters(**filters), form="list")


def test_words_that_only_ask_are_none_of_the_subject():
    assert unmarked_words(find("please show me all the pictures with mountains")) == ["mountain"]
    assert unmarked_words(find("only the pngs please", kind="pngs")) == []


def test_things_that_are_joined_stay_joined_where_nothing_was_marked():
    assert words_beside(find("do I have pictures of both lemons and oranges")) == "lemon and orange"


def test_a_search_has_the_kind_that_stands_outside_of_the_mark_and_its_filters():
    assert subject_of(find("which garments do I have in pink", "pink")) == "garment pink"
    assert subject_of(find("list my trousers and shorts", "trousers")) == "trousers and shorts"
    assert subject_of(find("bags in red", "bags", colour="red")) == "red bags"


def test_of_a_thing_that_is_asked_for_by_its_use_the_kind_is_looked_for_where_the_verb_alone_was_marked():
    assert subject_of(find("find something to eat", "eat")) == "food"
    assert subject_of(find("photos of people who eat", "people who eat")) == "people who eat"


@pytest.mark.parametrize(
    ("text", "subject", "kept", "excluded"),
    [
        ("find all clothes that are not red", "clothes", "clothes", "red"),
        ("photos without people", "", "", "people"),
        ("all clothes except skirts", "clothes", "clothes", "skirts"),
        ("a dog on a beach", "a dog", "a dog", ""),
    ],
)
def test_what_a_search_excludes_is_no_part_of_its_subject(text, subject, kept, excluded):
    act, left_out = split_excluded(find(text, subject))
    assert (act.subject, left_out) == (kept, excluded)


def test_what_is_counted_in_pairs_is_meant_and_not_the_pairs():
    assert with_measured("pairs", "how many pairs of shoes did I photograph") == "shoe"
    assert with_measured("dogs", "how many dogs of mine") == "dogs"


def test_an_otter_is_named_otherwise_than_a_dog_and_a_spaniel_is_not():
    assert is_named_otherwise("dog", frozenset(["otter", "pool"]))
    assert not is_named_otherwise("dog", frozenset(["spaniel", "window"]))
    assert not is_named_otherwise("person", frozenset(["otter"]))


def test_shorts_are_nested_in_trousers_and_cats_beside_pandas():
    assert are_nested(["trousers", "shorts"])
    assert not are_nested(["cat", "panda"])
    assert split_subject("a cat and a panda") == ["a cat", "a panda"]


def test_a_colour_belongs_to_the_thing_that_it_stands_beside():
    assert colours_beside("blouse", "a white blouse on red cloth") == ("white",)
    assert colours_beside("bowl", "half a fig in a red bowl") == ("red",)


def test_birds_have_wings_and_cats_have_none():
    assert fit_of("wing", frozenset(["eagle", "branch"])) == 1.0
    assert fit_of("wing", frozenset(["cat"])) == 0.0


@pytest.mark.parametrize("text", ["what's this?", "who is that", "and what is it?", "whats that"])
def test_a_question_may_do_no_more_than_point(text):
    assert POINTS_AT.match(text)
    assert not POINTS_AT.match(f"{text} dog")


def test_a_moose_is_no_horse_and_clothes_are_judged_only_where_they_count():
    assert is_named_otherwise("horse", frozenset(["moose", "meadow"]), kinds=("mammal",))
    assert not is_named_otherwise("skirt", frozenset(["blouse"]), kinds=("mammal",))
