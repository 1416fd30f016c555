"""Two answers are compared word by word, by what they cite, by how sure they are."""

from dataclasses import replace

import pytest

from deepseek_mm.sharing.answer_differences import (
    MOST_WORDS,
    compare_answers,
    compare_texts,
    name_citation,
    split_words,
)
from deepseek_mm.types import Act, Answer, Citation, Request
from index import Region, Source


def cite(name: str, number: int = 1, **fields) -> Citation:
    source = Source(path=f"/photos/{name}", width_px=100, height_px=80)
    region = Region(source=source, **{"kind": "whole", "box_px": (0, 0, 100, 80)} | fields)
    return Citation(number=number, region=region, score=0.5)


def test_the_same_answer_given_again_differs_in_nothing():
    answer = Answer(text="A red kite [1].", citations=(cite("kite.jpg"),), confidence=0.9)

    told = compare_answers(answer, answer)

    assert told.is_same
    assert told.words == (("same", "A red kite [1]."),)
    assert told.confidence == (0.9, 0.9)
    assert not told.requests_differ


def test_words_that_went_stand_before_those_that_came_in_their_place():
    assert compare_texts("The cat sat here.", "The big dog sat there.") == (
        ("same", "The "),
        ("removed", "cat "),
        ("added", "big dog "),
        ("same", "sat "),
        ("removed", "here"),
        ("added", "there"),
        ("same", "."),
    )


def test_chinese_is_compared_sign_by_sign():
    assert compare_texts("\u8fd9\u662f\u732b\u3002", "\u8fd9\u662f\u72d7\u3002") == (
        ("same", "\u8fd9\u662f"),
        ("removed", "\u732b"),
        ("added", "\u72d7"),
        ("same", "\u3002"),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("12.50 euros [1].", ["12.50 ", "euros ", "[1]", "."]),
        ("It's a.jpg, not b.jpg", ["It's ", "a.jpg", ", ", "not ", "b.jpg"]),
        ("\u6709 3 \u53ea", ["\u6709 ", "3 ", "\u53ea"]),
        ("", []),
    ],
)
def test_a_number_a_name_and_a_citation_are_one_word_each(text: str, words: list[str]):
    assert split_words(text) == words


def test_the_pieces_put_together_again_are_both_texts():
    before, after = "Two photos show it [1][2].\n\n- a red bowl\n- a cup", "One photo shows it [1].\n\n- a blue bowl"

    pieces = compare_texts(before, after)

    assert "".join(text for kind, text in pieces if kind != "added").split() == before.split()
    assert "".join(text for kind, text in pieces if kind != "removed").split() == after.split()


def test_other_spaces_alone_are_no_difference():
    assert compare_answers(Answer(text="A kite.  Red."), Answer(text="A kite.\nRed. ")).is_same


def test_a_long_text_is_compared_by_lines_and_soon():
    lines = [f"line {n} of many words" for n in range(MOST_WORDS)]
    changed = [*lines[:7], "another line", *lines[8:]]

    pieces = compare_texts("\n".join(lines), "\n".join(changed))

    assert [kind for kind, _ in pieces] == ["same", "removed", "added", "same"]
    assert [pieces[1][1], pieces[2][1]] == ["line 7 of many words\n", "another line\n"]


def test_cited_files_that_came_and_went_are_named_once_with_their_place():
    before = Answer(text="x", citations=(cite("cat.jpg"), cite("offer.pdf", 2, kind="passage", page=3)))
    after = Answer(text="x", citations=(cite("dog.jpg"), cite("dog.jpg", 2), cite("cat.jpg", 3)))

    told = compare_answers(before, after)

    assert told.citations_added == ("dog.jpg",)
    assert told.citations_removed == ("offer.pdf, page 3",)
    assert not told.is_same


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"kind": "part", "box_px": (4, 8, 90, 70)}, "a.jpg, box 4, 8, 90, 70"),
        ({"kind": "passage", "box_px": (0, 0, 0, 0), "lines": (5, 9)}, "a.jpg, lines 5 to 9"),
        ({}, "a.jpg"),
    ],
)
def test_a_citation_is_named_by_its_file_and_where_in_it(fields: dict, name: str):
    assert name_citation(cite("a.jpg", **fields)) == name


def test_places_are_told_in_the_language_that_is_asked_for():
    after = Answer(text="", citations=(cite("offer.pdf", kind="passage", page=3),))

    told = compare_answers(Answer(text=""), after, language="zh")

    assert told.citations_added == ("offer.pdf, \u7b2c 3 \u9875",)


def test_being_less_sure_or_understood_otherwise_is_told_and_leaves_the_answer_the_same():
    act = Act(kind="look", text="is it red", subject="it", chance=0.9)
    before = Answer(text="Yes.", confidence=0.9, request=Request(acts=(act,), chance=0.9))
    surer = Request(acts=(replace(act, chance=1.0),), by="person")
    other = Request(acts=(replace(act, kind="find"),))

    assert not compare_answers(before, replace(before, request=surer)).requests_differ
    told = compare_answers(before, replace(before, confidence=0.4, request=other))
    assert (told.requests_differ, told.is_same, told.confidence) == (True, True, (0.9, 0.4))
