"""Do programs help with photographs: which questions are asked, and what counts as a program's answer."""

import json

import pytest
from fakes import picture

from deepseek_mm.evaluation.pointing_game import (
    APART,
    PointRow,
    evaluate_placement,
    make_placement_questions,
    summarize_gain,
)
from deepseek_mm.records import Answer, Verdict, Worked

LEFT = PointRow(image="a.png", thing="cup", boxes=((0.0, 0.4, 0.2, 0.6),))
RIGHT = PointRow(image="a.png", thing="lamp", boxes=((0.8, 0.4, 1.0, 0.6),))
MANY = PointRow(image="b.png", thing="coin", boxes=((0.1, 0.1, 0.2, 0.2),) * 3)
CROWD = PointRow(image="b.png", thing="seed", boxes=((0.1, 0.1, 0.2, 0.2),) * 11)


class House:
    """Always says yes by looking; a program of it knows better, where it has one."""

    def __init__(self, programs):
        self.programs = programs

    def decide_many(self, asked):
        return [Verdict(answer="yes", chance=0.6, outcome="unsure") for _ in asked]

    def ask_many(self, questions):
        return [self.answer(question.text) for question in questions]

    def answer(self, text):
        told = self.programs.get(text)
        worked = Worked(program="...", answer=told[0], steps=(), agrees=told[1]) if told else None
        return Answer(text="Yes.", worked=worked)


def test_both_things_are_asked_about_both_ways_where_their_places_differ():
    asked = [(one.text, one.right) for one in make_placement_questions([LEFT, RIGHT]) if one.kind == "spatial"]
    assert asked == [
        ("Is the cup to the left of the lamp?", "yes"),
        ("Is the cup to the right of the lamp?", "no"),
        ("Is the lamp to the left of the cup?", "no"),
        ("Is the lamp to the right of the cup?", "yes"),
    ]
    close = PointRow(image="a.png", thing="lamp", boxes=((APART - 0.01, 0.4, APART + 0.19, 0.6),))
    assert not [one for one in make_placement_questions([LEFT, close]) if one.kind == "spatial"]


def test_what_can_be_counted_is_counted():
    asked = [(one.text, one.right) for one in make_placement_questions([MANY, CROWD])]
    assert asked == [("How many coins are there?", "3")]


def test_a_programs_answer_counts_where_it_applies_and_the_readers_elsewhere(tmp_path):
    for name in ("a.png", "b.png"):
        picture("red").save(tmp_path / name)
    programs = {
        "Is the cup to the right of the lamp?": ("no", "contradicts"),
        "Is the lamp to the left of the cup?": ("no", "not covered"),
        "How many coins are there?": ("3", "contradicts"),
    }
    report = evaluate_placement(House(programs), [LEFT, RIGHT, MANY], tmp_path)
    told = json.loads(report.json())
    assert told["spatial"]["without_programs"] == 50
    assert told["spatial"]["with_programs"] == 75
    assert told["spatial"]["by_program"] == 25
    assert (told["count"]["with_programs"], told["count"]["n"]) == (33.33, 3)
    assert report.wrong[0] == "a.png: Is the lamp to the left of the cup? yes for no"
    assert "spatial" in report.table()


def test_the_error_of_the_difference_counts_a_photo_as_one_draw():
    one, other = (
        make_placement_questions([MANY])[0],
        make_placement_questions([PointRow(image="c.png", thing="coin", boxes=MANY.boxes)])[0],
    )
    same = summarize_gain([(one, False, True, True)] * 2 + [(other, False, False, False)] * 2)
    assert same.gain == 50
    assert same.error == pytest.approx(100 * (2 * 1.0**2) ** 0.5 / 4, abs=0.01)
