"""Losses against closed forms and torch's own."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from deepseek_mm.training.losses import (
    compute_divergence,
    compute_relative_error,
    contrastive_loss,
    cosine_embedding_loss,
    fit_logistic,
)

SCALE = torch.tensor(10.0)


def unit(*shape: int) -> torch.Tensor:
    torch.manual_seed(0)
    return F.normalize(torch.randn(*shape), dim=-1)


def test_perfect_pairs_cost_nothing_and_a_collapsed_encoder_costs_log_n():
    matched = torch.eye(8)
    assert contrastive_loss(matched, matched, torch.arange(8), torch.tensor(100.0)) < 1e-6
    collapsed = torch.ones(8, 4) / 2
    loss = contrastive_loss(collapsed, collapsed, torch.arange(8), SCALE)
    torch.testing.assert_close(loss, torch.tensor(math.log(8)))


def test_with_one_text_a_photo_it_is_the_symmetric_cross_entropy_of_clip():
    image, text = unit(6, 16), unit(12, 16)[6:]
    logits = SCALE * image @ text.T
    expected = (F.cross_entropy(logits, torch.arange(6)) + F.cross_entropy(logits.T, torch.arange(6))) / 2
    torch.testing.assert_close(contrastive_loss(image, text, torch.arange(6), SCALE), expected)


def test_two_texts_of_one_photo_are_both_right():
    image, owner = torch.eye(4), torch.tensor([0, 0, 1, 2, 3])
    loss = contrastive_loss(image, image[owner], owner, torch.tensor(100.0))
    torch.testing.assert_close(
        loss, torch.tensor(math.log(2) / 8), atol=1e-5, rtol=0
    )  # one photo of four splits in two


def test_the_cosine_loss_equals_torchs_own_over_all_pairs():
    image, text, owner = unit(5, 8), unit(10, 8)[5:], torch.arange(5)
    left, right = text.repeat_interleave(5, dim=0), image.repeat(5, 1)
    sign = torch.where(torch.eye(5).flatten() > 0, 1, -1)
    each = F.cosine_embedding_loss(left, right, sign, margin=0.2, reduction="none")
    expected = each[sign > 0].mean() + each[sign < 0].mean()
    torch.testing.assert_close(cosine_embedding_loss(image, text, owner), expected)


def test_an_error_is_told_as_a_share_of_what_is_right_and_a_divergence_in_nats():
    assert float(compute_relative_error(torch.zeros(3), torch.tensor([1.0, 2.0, 2.0]))) == 1
    even, sure = torch.zeros(1, 2), torch.tensor([[0.0, -40.0]])
    assert compute_divergence(even, sure).item() == pytest.approx(np.log(2), rel=1e-4)


def test_the_logistic_fit_finds_the_curve_that_made_the_data():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(20_000, 2))
    there = rng.random(len(x)) < 1 / (1 + np.exp(-(1.5 * x[:, 0] - 0.5 * x[:, 1] + 0.3)))
    weights, offset = fit_logistic(x, there, np.ones(len(x)))
    np.testing.assert_allclose([*weights, offset], [1.5, -0.5, 0.3], atol=0.08)
