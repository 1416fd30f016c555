"""Corrections become examples: of one photo, in the reader's own words, and never of more than was said."""

from datetime import UTC, datetime

import pytest

from deepseek_mm.history import Corrected, Turn
from deepseek_mm.learning.examples import Example, named_in, of_turns, photo_of, said_of
from deepseek_mm.types import Answer, Citation
from index import Region, Source

NOUNS = frozenset({"dog", "traffic light"})


def cite(path: str, number: int = 1, kind: str = "photo") -> Citation:
    source = Source(path=path, kind=kind)  # type: ignore[arg-type]
    return Citation(number=number, region=Region(source=source, box_px=(0, 0, 4, 4)), score=0.5)


def turn(question: str = "What colour is the hat?", text: str = "It is red.", **changes) -> Turn:
    citations = changes.pop("citations", ())
    return Turn(
        id=3, conversation=1, asked_at=datetime.now(UTC), question=question, image_name="", settings={}, fingerprint="",
        **{"image_path": "/p/a.jpg", "answer": Answer(text=text, citations=citations), **changes},
    )  # fmt: skip


def only(turns) -> Example:
    (example,) = of_turns(turns)
    return example


def test_a_right_answer_counts_in_full_and_in_one_spelling():
    example = only([turn(right="The  Blue.")])
    assert (example.question, example.path, example.answer) == ("what colour is the hat?", "/p/a.jpg", "blue")
    assert (example.by, example.weight, example.wrong) == ("answer", 1.0, False)


def test_a_right_answer_outweighs_the_thumb_beside_it():
    assert only([turn(right="blue", rating="down")]).by == "answer"


@pytest.mark.parametrize(("rating", "wrong"), [("up", False), ("down", True)])
def test_a_thumb_counts_half_and_keeps_the_sentence(rating, wrong):
    example = only([turn("Is there a dog?", "Yes, there is a dog [1].", rating=rating)])
    assert (example.answer, example.wrong, example.weight) == ("yes", wrong, 0.5)


def test_what_was_said_is_the_likeliest_answer_that_the_sentence_names():
    example = only([turn(text="The hat is dark red [1].", rating="up")])
    assert said_of(example, ["blue", "red", "dark"]) == "red"
    assert said_of(example, ["green"]) == ""


@pytest.mark.parametrize(
    "unfit",
    [
        {"question": "Which photos show a dog?"},
        {"question": "Where is the dog?"},
        {"about": "code"},
        {"more": (("b.jpg", "/p/b.jpg"),)},
        {"image_path": ""},
    ],
)
def test_what_is_about_no_one_photo_or_not_settled_teaches_nothing(unfit):
    assert list(of_turns([turn(**{"right": "blue", **unfit})])) == []


def test_without_an_upload_the_only_photo_that_is_cited_counts():
    assert photo_of(turn(image_path="", citations=(cite("/p/b.jpg"), cite("/p/b.jpg", 2)))) == "/p/b.jpg"
    assert photo_of(turn(image_path="", citations=(cite("/p/b.jpg"), cite("/p/c.jpg", 2)))) == ""
    assert photo_of(turn(image_path="", citations=(cite("/p/d.pdf", kind="document"),))) == ""


def test_a_box_that_was_named_says_that_the_thing_is_there():
    box = Corrected(number=1, box_px=(0, 0, 2, 2), label="Traffic lights", made_at=datetime.now(UTC))
    example = only([turn(boxes=(box,), citations=(cite("/p/b.jpg"),))])
    assert (example.question, example.answer, example.path) == ("is there a traffic light?", "yes", "/p/b.jpg")


def test_a_description_names_the_things_that_are_asked_for_often():
    assert named_in("Two dogs at the traffic lights, and a cat", NOUNS) == ["traffic light", "dog"]


def test_keys_tell_what_is_learned_and_what_is_asked_apart():
    blue, red = (only([turn(right=colour)]) for colour in ("blue", "red"))
    assert blue.key != red.key
    assert blue.asks == red.asks != only([turn("What colour is the dog?", right="red")]).asks
