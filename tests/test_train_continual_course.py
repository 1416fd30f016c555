"""The course: what each way forgets, on a toy that is learned in a second; matrices against numbers by hand."""

from dataclasses import replace

import pytest
import torch

from deepseek_mm.learning.memory import ReaderRows
from deepseek_mm.train.continual.course import CourseConfig, Lesson, course, forgotten, learned_newly
from deepseek_mm.train.continual.experiment import Outcome, figures_of

QUICK = CourseConfig(steps=60, rate=3e-3, kept=60, hold=100.0, hold_both=10.0)


def lessons() -> list[Lesson]:
    """Three domains of two answers each; the domain can be seen, and which answer."""
    torch.manual_seed(0)
    made = []
    for domain in range(3):
        right_N = torch.randint(0, 2, (160,))
        x_NW = torch.cat([torch.eye(3)[domain].expand(160, 3), 2.0 * right_N[:, None] - 1], dim=1)
        rows = ReaderRows.of(x_NW + 0.1 * torch.randn(160, 4), 2 * domain + right_N)
        made.append(Lesson(rows.at(torch.arange(120)), rows.at(torch.arange(120, 160))))
    return made


def test_replay_forgets_far_less_than_plain_learning_and_learns_the_new_as_well():
    told = {way: course(lessons(), 6, way, QUICK) for way in ("plain", "replay", "both")}
    assert forgotten(told["plain"]) > 0.4
    for way in ("replay", "both"):
        assert forgotten(told[way]) < forgotten(told["plain"]) / 3
        assert learned_newly(told[way]) > learned_newly(told["plain"]) - 0.05
    assert all(matrix.shape == (3, 3) for matrix in told.values())


def test_an_anchor_that_is_stiff_enough_lets_little_new_be_learned():
    plain, held = (course(lessons()[:2], 6, way, replace(QUICK, hold=1e7)) for way in ("plain", "ewc"))
    assert learned_newly(held) < learned_newly(plain) - 0.1


def test_who_learns_all_at_once_forgets_nothing():
    told = course(lessons()[:2], 6, "joint", QUICK)
    assert forgotten(told) == 0.0
    assert told[0, 0] > 0.9


def test_forgetting_is_the_best_before_the_end_less_what_is_left():
    told_KK = torch.tensor([[0.8, 0.1, 0.0], [0.9, 0.7, 0.0], [0.5, 0.6, 0.9]])
    assert forgotten(told_KK) == pytest.approx(((0.9 - 0.5) + (0.7 - 0.6)) / 2)
    assert learned_newly(told_KK) == pytest.approx((0.8 + 0.7 + 0.9) / 3)


def test_the_ratio_is_of_the_way_that_knows_most_at_the_end():
    def matrix(left: float) -> Outcome:
        return Outcome(torch.tensor([[[0.8, 0.0], [left, 0.8]]] * 2))

    found = {"plain": matrix(0.2), "ewc": matrix(0.3), "replay": matrix(0.7), "both": matrix(0.6), "joint": matrix(0.8)}
    figures = figures_of(found)
    assert figures["replay_over_finetune"] == pytest.approx((0.8 - 0.2) / (0.8 - 0.7), rel=1e-4)
    assert figures["plain_forgetting"] == pytest.approx(60, rel=1e-4)
    assert figures["replay_forgetting_spread"] == pytest.approx(0)
    assert figures["joint_accuracy"] == pytest.approx(80, rel=1e-4)
