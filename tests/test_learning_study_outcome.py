"""The report: what was gained and lost, and when that speaks against a version."""

import pytest
import torch

from deepseek_mm.config import LearningConfig
from deepseek_mm.learning.study import Score, compare, nearest, objections, surprise

CONFIG = LearningConfig(tolerated=0.01, tolerated_near=0.05, most_strange=0.5)


def score(name: str, count: int, gained: int, lost: int) -> Score:
    return Score(name=name, count=count, before=count // 2, after=count // 2 + gained - lost, gained=gained, lost=lost)


def test_gained_and_lost_are_counted_question_by_question():
    told = compare("colour", torch.tensor([True, True, False, False]), torch.tensor([True, False, True, True]))
    assert told == Score(name="colour", count=4, before=2, after=3, gained=2, lost=1)
    assert told.net == 1


def test_the_nearest_are_those_of_the_smallest_angle_each_once():
    known = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 0.1], [-1.0, 0.0]])
    assert nearest(torch.tensor([[5.0, 0.0], [4.0, 0.1]]), known, 2).tolist() == [0, 2]


def test_an_answer_is_strange_that_was_as_good_as_ruled_out():
    chance_NV = torch.tensor([[0.8, 0.19, 0.01], [0.8, 0.19, 0.01]])
    assert surprise(chance_NV, torch.tensor([1, 2])) == 0.5
    assert surprise(chance_NV[:0], torch.tensor([], dtype=torch.int64)) == 0.0


@pytest.mark.parametrize(
    ("scores", "strange", "said"),
    [
        ([score("built-in", 1_000, 5, 14)], 0.0, ""),
        ([score("built-in", 1_000, 5, 16)], 0.0, "16 of the built-in questions are lost and 5 gained, of 1000"),
        ([score("near", 20, 0, 1)], 0.0, ""),
        ([score("near", 100, 0, 6)], 0.0, "most like the corrections are lost"),
        ([score("earlier", 10, 0, 2)], 0.0, "accepted earlier are lost"),
        ([score("held out", 2, 0, 1)], 0.0, ""),
        ([score("held out", 8, 0, 1)], 0.0, "of 8 corrections that were held out, 4 were right and 3 are"),
        ([score("trained", 8, 0, 8)], 0.0, ""),
        ([], 0.6, "60 % of the answers given"),
    ],
)
def test_only_harm_speaks_against_a_version(scores, strange, said):
    found = objections(scores, strange, CONFIG)
    assert (said in found[0]) if said else found == []
