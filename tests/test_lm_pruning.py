"""Attention-weight pruning on numbers worked out by hand, and in a decoder."""

from dataclasses import replace

import pytest
import torch
from lm_help import NEAR, decoder

from deepseek_mm.lm.attention_backend import FullTextAttention, PrunedAttention, prune_weights
from deepseek_mm.lm.shape import Reach, tiny

WEIGHTS = torch.tensor([[0.5, 0.4, 0.06, 0.04], [1.0, 0.0, 0.0, 0.0]])
IDS = torch.randint(0, 512, (2, 40), generator=torch.Generator().manual_seed(0))


def test_weights_below_a_tenth_of_the_largest_go_and_the_rest_sums_to_one():
    pruned = prune_weights(WEIGHTS)
    assert pruned[0].tolist() == pytest.approx([0.5 / 0.96, 0.4 / 0.96, 0.06 / 0.96, 0])
    assert pruned[1].tolist() == [1, 0, 0, 0]


def test_a_threshold_of_zero_changes_nothing_and_one_keeps_the_largest():
    torch.testing.assert_close(prune_weights(WEIGHTS, 0.0), WEIGHTS)
    assert prune_weights(WEIGHTS, 1.0)[0].tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize("reaches", [(), (NEAR,) * 4, (Reach(kind="top", blocks=4),) * 4])
@torch.inference_mode()
def test_a_decoder_that_cuts_nothing_says_what_it_always_says(reaches):
    model = decoder(replace(tiny(), reaches=reaches))
    segments = torch.ones_like(IDS)
    segments[1, 25:] = 2
    usual, plain, cut = (
        model(model.embed(IDS), attend)[0]
        for attend in (
            FullTextAttention(model.shape, segments),
            *(PrunedAttention(model.shape, segments, least) for least in (0.0, 0.99)),
        )
    )
    torch.testing.assert_close(plain, usual, rtol=1e-4, atol=1e-4)
    assert (cut - usual).abs().max() > 1e-3


def test_links_are_those_that_may_be_seen_and_the_strongest_of_each_stays():
    q, k, v = (torch.randn(1, 6, heads, 16, generator=torch.Generator().manual_seed(heads)) for heads in (4, 2, 2))
    shape = replace(tiny(), reaches=())
    attend = PrunedAttention(shape, torch.ones(1, 6, dtype=torch.int64), 1.0)
    seen = attend(0, q, k, v)
    assert (attend.links, attend.cut) == (4 * 21, 4 * (21 - 6))
    group = 2
    for head in range(4):
        for at in range(6):
            best = (k[0, : at + 1, head // group] @ q[0, at, head]).argmax()
            torch.testing.assert_close(seen[0, at, head], v[0, best, head // group])
