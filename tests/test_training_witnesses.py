"""What is fitted for the witnesses of presence and for the reader of boxes, on numbers that are known."""

import math

import numpy as np
import pytest
import torch

from deepseek_mm.evaluation.retrieval import CaptionRow
from deepseek_mm.training.question_albums import is_held_out
from deepseek_mm.training.witnesses.box_reader import fit_family
from deepseek_mm.training.witnesses.presence import balance, fit_curve, fit_offset, fit_weights
from deepseek_mm.vision.detector.detector import NAMES

pytestmark = pytest.mark.lab


def test_a_thing_that_few_photos_show_weighs_as_much_there_as_absent():
    weight_N = balance(np.array([True, False, False, False]), most=60)
    assert weight_N.tolist() == pytest.approx([1, 1 / 3, 1 / 3, 1 / 3])
    assert balance(np.array([True] * 4 + [False] * 4), most=2).sum() == pytest.approx(4)


def test_an_offset_moves_log_odds_to_where_both_kinds_are_equally_surprising():
    there_N = np.array([True] * 100 + [False] * 100)
    assert fit_offset(np.full(200, 2.0), there_N) == pytest.approx(-2.0, abs=0.05)


def test_names_that_are_seen_where_captions_say_them_get_a_curve_that_tells_them_apart():
    chance = np.random.default_rng(0)
    rows, most = [], []
    for n in range(400):
        says = n % 4 == 0
        rows.append(CaptionRow(image=f"{n}.jpg", captions=("a cat sits" if says else "a dog runs",)))
        row_C = np.full(len(NAMES), 0.02)
        row_C[NAMES.index("cat")] = chance.uniform(0.3, 0.8) if says else chance.uniform(0.02, 0.35)
        row_C[NAMES.index("dog")] = chance.uniform(0.02, 0.35) if says else chance.uniform(0.3, 0.8)
        most.append(row_C)
    curve = fit_curve(rows, np.array(most, np.float32))
    assert {"cat", "dog"} <= set(curve.word_offsets)
    assert any(is_held_out(row.image) for row in rows)
    z = np.array([[math.log(0.6 / 0.4)], [math.log(0.1 / 0.9)]], np.float32)
    yes, no = curve.probability(z, ["cat"])[:, 0]
    assert yes > 0.9
    assert no < 0.1


def test_only_witnesses_that_are_heard_get_a_weight_and_the_better_one_more():
    chance = np.random.default_rng(0)
    there_N = np.arange(500) % 2 == 0
    odds_NW = chance.normal(size=(500, 5)) + np.outer(there_N * 2 - 1, [0, 0.5, 0, 0, 2.0])
    weights = fit_weights(odds_NW, there_N, np.ones(500), ("likeness", "detector"))
    assert set(weights.by) == {"likeness", "detector"}
    assert weights.by["detector"] > weights.by["likeness"] > 0


def test_the_word_of_boxes_counts_where_they_are_right_and_not_where_they_guess():
    torch.manual_seed(0)
    right_Q = torch.arange(300) % 4
    read_QV = (torch.randn(300, 4) + torch.nn.functional.one_hot(right_Q, 4)).log_softmax(-1)
    knows_QV = (torch.randn(300, 4) + 3 * torch.nn.functional.one_hot(right_Q, 4)).log_softmax(-1)
    guesses_QV = torch.randn(300, 4).log_softmax(-1)
    answers = ("yes", "no", "red", "blue")
    knows, guesses = (fit_family(read_QV, each, right_Q, "open", answers)[0] for each in (knows_QV, guesses_QV))
    assert knows > 1
    assert guesses < 0.3
