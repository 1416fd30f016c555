"""A box taken apart and put together; what it means is always what its text says."""

import pytest

from deepseek_mm.language.search_syntax import read_box, search_parts, search_with, search_without
from index import Filter

BOX = 'a red kite type:pdf since:2020 "no entry" - tall grass colour:"red" -sky'


def test_operators_exact_words_and_what_is_taken_away_are_parts_in_their_order():
    assert [(part.name, part.value, part.text) for part in search_parts(BOX)] == [
        ("type", "pdf", "type:pdf"),
        ("after", "2020", "since:2020"),
        ("exact", "no entry", '"no entry"'),
        ("away", "tall grass", "- tall grass"),
        ("colour", "red", 'colour:"red"'),
        ("away", "sky", "-sky"),
    ]


@pytest.mark.parametrize("text", ["", "a dog", "a well-lit room", "a + b", "http://x.org/a", "a - ", "-", "12:30"])
def test_words_without_signs_and_operators_have_no_parts(text):
    assert search_parts(text) == []


def test_every_part_can_be_taken_out_and_the_rest_stays_as_it_was():
    left = BOX
    for part in search_parts(BOX):
        left = search_without(left, part.text)
        assert part.text not in [each.text for each in search_parts(left)]
    assert left == "a red kite"
    assert search_without(BOX, "type:png") == BOX
    assert search_without("- grass type:pdf sky", "- grass sky") == "type:pdf"
    assert search_without("type:pdf + a dog", "type:pdf") == "a dog"
    assert search_without("type:pdf type:pdf", "type:pdf") == "type:pdf"


def test_a_control_writes_its_operator_in_the_place_of_all_others_of_it():
    assert search_with("a dog", "type", ["pdf"]) == "a dog type:pdf"
    assert search_with("type:png a dog type:jpeg", "type", ["pdf"]) == "a dog type:pdf"
    assert search_with("a dog until:2020", "before", ["2021"]) == "a dog before:2021"
    assert search_with("a dog", "in", ["my trip"]) == 'a dog in:"my trip"'
    assert search_with("a dog colour:red", "colour", ["red", "blue"]) == "a dog colour:red colour:blue"
    assert search_with("type:pdf", "type", []) == ""
    assert search_with("a - grass", "type", ["pdf"]) == "a - grass type:pdf"


def test_what_is_written_is_read_again_as_the_same_filter():
    text = search_with(search_with("a - grass", "in", ["my trip"]), "colour", ["red"])
    asked = read_box(text, collections=["my trip"])
    assert asked.where == Filter(collection="my trip", colours=("red",))
    assert [term.text for term in asked.terms] == ["a", "grass"]


def test_a_box_that_cannot_be_read_can_still_be_mended_part_by_part():
    assert [part.text for part in search_parts('tipe:pdf "open -type:pdf')] == ["tipe:pdf", "-type:pdf"]
    assert search_without("a tipe:pdf", "tipe:pdf") == "a"
