"""Attention as the small models that look at pictures use it: from one row of things to another, or to itself.

Shape key:  N rows, T queries, S keys, D width, H heads, K head width
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Seen = tuple[Tensor, Tensor]  # keys and values (N, H, S, K)


class Drop(nn.Module):
    """Leaves channels out in training, the same ones for all tokens of a row (Gal and Ghahramani 2016, arXiv
    1512.05287): a CPU takes long for random numbers, and so needs few.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x_NTD: Tensor) -> Tensor:
        if not self.training or not self.share:
            return x_NTD
        kept_N1D = torch.rand(len(x_NTD), 1, x_NTD.shape[-1]) >= self.share
        return x_NTD * (kept_N1D / (1 - self.share)).to(x_NTD.dtype)


class Attention(nn.Module):
    """Queries from one place, keys and values from the same or another."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.q, self.kv, self.out = nn.Linear(width, width), nn.Linear(width, 2 * width), nn.Linear(width, width)

    def keys_values(self, x_NSD: Tensor) -> Seen:
        """Keys and values of what is looked at."""
        k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.kv(x_NSD).chunk(2, dim=-1))
        return k, v

    def forward(self, x_NTD: Tensor, seen: Seen, *, causal: bool = False, added: Tensor | None = None) -> Tensor:
        """What they take. `added` (N, H or 1, T or 1, S) is added to the scores, or is False where nobody may look."""
        dropped = self.dropout if self.training else 0.0
        q_NHTK = self._queries(x_NTD)
        taken = F.scaled_dot_product_attention(q_NHTK, *seen, attn_mask=added, is_causal=causal, dropout_p=dropped)
        out: Tensor = self.out(taken.transpose(1, 2).flatten(2))
        return out

    def attention_shares(self, x_NTD: Tensor, seen: Seen, *, added: Tensor | None = None) -> Tensor:
        """(N, T, S): how much each query looked at each key, the mean of the heads; sums to 1."""
        scores_NHTS = self._queries(x_NTD) @ seen[0].transpose(-1, -2) * seen[0].shape[-1] ** -0.5
        if added is not None:
            scores_NHTS = scores_NHTS + added
        looked_NTS: Tensor = scores_NHTS.float().softmax(dim=-1).mean(dim=1)
        return looked_NTS

    def _queries(self, x_NTD: Tensor) -> Tensor:
        q_NHTK: Tensor = self.q(x_NTD).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        return q_NHTK


class Feed(nn.Sequential):
    """Normed feed-forward."""

    def __init__(self, width: int, feed: int, dropout: float) -> None:
        super().__init__(nn.LayerNorm(width), nn.Linear(width, feed), nn.GELU(), Drop(dropout), nn.Linear(feed, width))
