"""Attention-weight pruning on numbers worked out by hand."""

import pytest
import torch

from deepseek_mm.lm.pruning import prune_weights, share_pruned

WEIGHTS = torch.tensor([[0.5, 0.4, 0.06, 0.04], [1.0, 0.0, 0.0, 0.0]])


def test_weights_below_a_tenth_of_the_largest_go_and_the_rest_sums_to_one():
    pruned = prune_weights(WEIGHTS)
    assert pruned[0].tolist() == pytest.approx([0.5 / 0.96, 0.4 / 0.96, 0.06 / 0.96, 0])
    assert pruned[1].tolist() == [1, 0, 0, 0]


def test_a_threshold_of_zero_changes_nothing_and_one_keeps_the_largest():
    torch.testing.assert_close(prune_weights(WEIGHTS, 0.0), WEIGHTS)
    assert prune_weights(WEIGHTS, 1.0)[0].tolist() == [1, 0, 0, 0]


def test_the_share_counts_links_that_had_weight_only():
    assert share_pruned(WEIGHTS) == pytest.approx(1 / 5)
    assert share_pruned(WEIGHTS, 0.0) == 0
