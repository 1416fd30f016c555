"""A question about a scene on paper: the program's answer stands, the network is heard, and who differs is told."""

import numpy as np
import pytest

from deepseek_mm.answering.closed_vqa import settled_on_paper
from deepseek_mm.logic.programs import VALUES
from deepseek_mm.vision.scene_models import NUM_VALUES, SPANS, Solids


def solids(*told):
    """One for each line of traits, all on one row from left to right."""
    traits = np.zeros((len(told), NUM_VALUES), np.float32)
    for row, line in enumerate(told):
        for trait, values in VALUES.items():
            traits[row, SPANS[trait]] = [0.96 if value in line.split() else 0.01 for value in values]
    places = np.array([[0.1 + 0.2 * n, 0.5, 0.05] for n in range(len(told))], np.float32)
    return Solids(np.full(len(told), 0.99, np.float32), places.reshape(-1, 3), traits).scene


TWO = solids("small red metal cube", "big blue rubber sphere")


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How many things are there?", "2"),
        ("Is there a green cube?", "no"),
        ("What colour is the ball?", "blue"),
        ("Is the red cube to the left of the ball?", "yes"),
    ],
)
def test_a_program_answers_exactly(question, answer):
    verdict = settled_on_paper(question, TWO, (answer, 0.7))
    assert verdict.answer == answer
    assert verdict.outcome == "sure"
    assert [one.by for one in verdict.said] == ["program", "network"]
    assert not verdict.disputed


def test_a_network_that_is_sure_of_something_else_is_a_dispute():
    verdict = settled_on_paper("How many things are there?", TWO, ("3", 0.9))
    assert (verdict.answer, verdict.runner_up) == ("2", "3")
    assert verdict.disputed
    assert verdict.runner_chance <= 1 - verdict.chance


def test_without_a_program_the_network_answers_as_sure_as_it_is():
    verdict = settled_on_paper("Why so sad?", TWO, ("grey", 0.15))
    assert (verdict.answer, verdict.chance, verdict.outcome) == ("grey", 0.15, "unknown")
    assert [one.by for one in verdict.said] == ["network"]


def test_of_what_is_not_unique_the_networks_answer_is_a_guess():
    two = solids("small red metal cube", "big blue metal cube")
    verdict = settled_on_paper("What colour is the cube?", two, ("red", 0.6))
    assert [one.by for one in verdict.said] == ["network"]
    assert (verdict.answer, verdict.outcome) == ("red", "unknown")
    assert verdict.missing == "there are 2 such things, and one is asked for"


def test_a_question_that_compares_with_what_is_not_there_says_so():
    verdict = settled_on_paper("How many things are left of the green cone?", TWO, ("1", 0.99))
    assert (verdict.outcome, verdict.missing) == ("unknown", "there is no such thing in the picture")


def test_nothing_on_paper_is_counted_as_nothing():
    assert settled_on_paper("How many cubes are there?", solids(), ("1", 0.4)).answer == "0"


def test_what_neither_understands_is_not_answered():
    verdict = settled_on_paper("Why so sad?", TWO, ("", 0.0))
    assert (verdict.answer, verdict.outcome, verdict.said) == ("", "unknown", ())
