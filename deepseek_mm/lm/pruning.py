"""Pruning of attention weights: links that are weak beside the strongest one of their query are cut.

A reference, to measure with: the weights must be known before any of them can be dropped, so nothing is saved.

Shape key:  S keys
"""

from torch import Tensor

THRESHOLD = 0.1  # of a row's largest weight: the article's


def prune_weights(weights_S: Tensor, threshold: float = THRESHOLD) -> Tensor:
    """Attention weights (..., S) without those below `threshold` of their row's largest; the rest sums to 1 again."""
    kept_S = weights_S.where(weights_S >= threshold * weights_S.amax(-1, keepdim=True), 0)
    return kept_S / kept_S.sum(-1, keepdim=True)


def share_pruned(weights_S: Tensor, threshold: float = THRESHOLD) -> float:
    """The share, 0 to 1, of links with any weight at all that `prune_weights` cuts."""
    return 1 - float((prune_weights(weights_S, threshold) > 0).sum() / (weights_S > 0).sum())
