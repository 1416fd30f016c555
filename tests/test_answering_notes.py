"""What people wrote about a photo answers before anybody looks."""

import pytest

from deepseek_mm.answering.notes import answer_from, head_of
from deepseek_mm.types import Act


def act(text: str, subject: str, **more) -> Act:
    return Act(kind=more.pop("kind", "look"), text=text, subject=subject, **more)


@pytest.mark.parametrize(
    ("asked", "note", "said"),
    [
        (act("what colour is it", "the bowl with the fig", attribute="colour"), "half a fig in a red bowl", "red"),
        (act("how many", "fish", kind="count"), "two yellow perch, striped fish, on black", "2"),
        (act("how many coins", "coins", kind="count"), "24 Greek coins in four rows", "24"),
        (act("is it standing or lying down", "the moose"), "a bull moose lies in a meadow", "lying down"),
        (act("what time of day", "the street", attribute="time"), "a street at sunset", "sunset"),
        (act("which planet is it", "the one with rings", attribute="kind"), "the planet Saturn", "saturn"),
        (act("what animal is it", "animal", attribute="kind"), "a giant panda sits on a rock", "giant panda"),
        (act("how much", "the melons", attribute="price"), "melons with the price tag 34.90", "34.90"),
        (
            act("is the drum on the floor", "the drum", other="the floor", form="yes_no"),
            "a drum on a bean bag",
            "no, it is on a bean bag",
        ),
        (act("does she have a helmet?", "a helmet", form="yes_no"), "an astronaut with a helmet", "yes"),
        (act("is there any animal in this photo", "animal", form="yes_no"), "two otters at a zoo", "yes"),
        (
            act("is it in colour", "that photo", attribute="colour", form="yes_no"),
            "a man, black and white",
            "no, it is black and white",
        ),
    ],
)
def test_a_note_that_says_what_is_asked_is_the_answer(asked, note, said):
    assert answer_from(asked, ["a photo", note]) == (said, note)


@pytest.mark.parametrize(
    ("asked", "note"),
    [
        (act("does the cat have blue eyes", "the cat", form="yes_no"), "the face of a tabby cat"),
        (act("is there a dog on the beach", "a dog", other="the beach", form="yes_no"), "a beach at noon"),
        (act("does he have a hat", "a hat", form="yes_no"), "a man without a hat"),
        (act("is the hat red?", "the hat", form="yes_no"), "a man with a hat"),
        (act("what colour is the cup", "the cup", attribute="colour"), "a red table with a cup"),
        (act("how many dogs", "dogs", kind="count"), "two cats"),
        (act("is it standing or lying down", "the moose"), "a moose in a meadow"),
        (act("what is it made of", "the bowl", attribute="material"), "a red bowl"),
    ],
)
def test_a_note_about_something_else_is_no_answer(asked, note):
    assert answer_from(asked, [note]) == ("", "")


def test_the_noun_that_a_phrase_is_about_stands_before_its_prepositions():
    assert head_of("the bowl with the fig in it") == "bowl"
    assert head_of("two black dogs") == "dog"
