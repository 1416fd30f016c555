"""A text's queries, keys and values at random, and what the masks over all pairs say that it sees."""

import torch

from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.shape import BLOCK, DecoderShape, Reach

LENGTH, HEADS, GROUPS, WIDTH = 1_300, 6, 2, 16


def made_text(length=LENGTH, *, dtype=torch.float32, seed=0):
    """Queries (T, H, K), keys and values (T, G, K), so large that attention is sharp."""
    made = torch.Generator().manual_seed(seed)
    q, k, v = (torch.randn(length, heads, WIDTH, generator=made) for heads in (HEADS, GROUPS, GROUPS))
    return q.to(dtype), (2 * k).to(dtype), v.to(dtype)


def by_mask(reach, q, k, v):
    """What `FullTextAttention` sees."""
    shape = DecoderShape(
        vocab_size=1, num_layers=1, width=1, num_heads=q.shape[1], num_kv_heads=k.shape[1], head_width=q.shape[2],
        ffn_width=1, rope_base=1.0, norm_eps=1.0, context=1, reaches=(reach,),
    )  # fmt: skip
    whole = FullTextAttention(shape, torch.ones(1, len(q), dtype=torch.int64))
    return whole(0, q[None], k[None], v[None])[0]


def near(x, reach, start, stop):
    """The keys that a chunk of a window layer is given: the sinks that are out of its reach, and what is within it."""
    first = max(0, start - reach.window + 1)
    return torch.cat((x[: min(reach.sinks, first)], x[first:stop]))


def window(width, sinks):
    return Reach(kind="window", window=width, sinks=sinks)


def summed_up(k, stop):
    """The mean keys of the blocks of `stop` tokens, (P, G, K). That of a last one that is not full is NaN."""
    means = torch.stack([block.mean(0) for block in k[:stop].split(BLOCK)])
    if stop % BLOCK:
        means[-1] = torch.nan
    return means
