"""Pruning of attention weights: links that are weak beside the strongest one of their query are cut.

A reference, to measure with (evaluate/pruning.py): the weights must be known before any of them can be dropped, so
nothing is saved.

Shape key:  B batch, T queries, S keys, H query heads, G key/value heads, K head width
"""

import torch
from torch import Tensor

from deepseek_mm.lm.attend import FullTextAttention
from deepseek_mm.lm.shape import DecoderShape

THRESHOLD = 0.1  # of a row's largest weight: the article's


class PrunedAttention(FullTextAttention):
    """Whole texts, of whose links only the strong ones count. `links` and `cut` say how many there were."""

    def __init__(self, shape: DecoderShape, segments_BT: Tensor, threshold: float = THRESHOLD) -> None:
        super().__init__(shape, segments_BT)
        self.threshold, self.links, self.cut = threshold, 0, 0

    def _see(self, q_BHTK: Tensor, k_BGSK: Tensor, v_BGSK: Tensor, mask: Tensor | None, scale: float) -> Tensor:
        heads = q_BHTK.shape[1] // k_BGSK.shape[1]
        k_BHSK, v_BHSK = (x.repeat_interleave(heads, 1) for x in (k_BGSK, v_BGSK))
        scores_BHTS = (q_BHTK @ k_BHSK.transpose(-1, -2)).float() * scale
        if mask is None:
            mask = torch.ones(scores_BHTS.shape[-2:], dtype=torch.bool).tril()
        weights_BHTS = scores_BHTS.masked_fill_(~mask, -torch.inf).softmax(-1)
        if self.threshold:
            links = int(mask.expand_as(weights_BHTS).count_nonzero())
            weights_BHTS = prune_weights(weights_BHTS, self.threshold)
            self.links, self.cut = self.links + links, self.cut + links - int(weights_BHTS.count_nonzero())
        return weights_BHTS.to(v_BHSK.dtype) @ v_BHSK


def prune_weights(weights_S: Tensor, threshold: float = THRESHOLD) -> Tensor:
    """Attention weights (..., S) without those below `threshold` of their row's largest; the rest sums to 1 again."""
    kept_S = weights_S.where(weights_S >= threshold * weights_S.amax(-1, keepdim=True), 0)
    return kept_S / kept_S.sum(-1, keepdim=True)
