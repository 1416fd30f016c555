"""Several questions in one text: told apart, and answered in turn."""

import pytest
from fakes import picture
from rag_house import build, paint, put

from deepseek_mm.language.questions import split_questions
from deepseek_mm.types import Question


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Is there a dog? What colour is it?", ("Is there a dog?", "What colour is it?")),
        ("Is there a dog, and where is it?", ("Is there a dog?", "where is it?")),
        ("How many cups are there and what colour are they?", ("How many cups are there?", "what colour are they?")),
        ("Is there a dog and a cat?", ("Is there a dog and a cat?",)),
        ("Is there a cup? Thanks!", ("Is there a cup? Thanks!",)),
        ("What is black and white?", ("What is black and white?",)),
        ("Hello! Is there a dog?", ("Hello! Is there a dog?",)),
        ("Show me the dog and what it eats", ("Show me the dog and what it eats",)),
        ("why?", ("why?",)),
        ("Why? Why? Why?", ("Why? Why? Why?",)),
        ("", ("",)),
    ],
)
def test_questions_are_told_apart_where_each_is_one(text, parts):
    assert split_questions(text) == parts


def test_no_more_than_four_are_answered_each_by_itself():
    assert len(split_questions("Is it red? " * 9)) == 4


def test_both_questions_about_a_picture_are_answered_and_cite_one_evidence(tmp_path):
    house = build(tmp_path)
    asked = Question(text="Is there a kite? What colour is it?", image=picture("blue", patch="red"), image_name="a.png")
    answer = house.ask(asked)
    assert "kite" in answer.text
    assert "red" in answer.text
    numbers = [citation.number for citation in answer.citations]
    assert len(set(numbers)) == len(numbers)
    turns = house.history.turns(answer.conversation, session="")
    assert turns[-1].question == asked.text


def test_both_questions_about_the_library_are_answered(tmp_path):
    house = build(tmp_path)
    put(house, paint(tmp_path, "kite.png", "red"))
    answer = house.ask(Question(text="Where is the kite? How many kites are there?"))
    assert answer.text
    assert answer.state == "done"
