"""Unbroken texts, one a row, with memory and time that grow with the window instead of the text where there is one.

It sees what `Whole` sees, and can be differentiated: it is how long rows are trained on. Keys are cut into blocks as
long as the window; a block of queries sees its own block of keys, the one before, and the sinks.

Shape key:  B rows, T tokens of a row, H heads, G key heads, K head width, N blocks, W tokens of a block, S keys seen
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from deepseek_mm.lm.attend import Whole, visible
from deepseek_mm.lm.shape import DecoderShape, Reach

LEAST = 64  # tokens of a block: shorter ones cost more in handling than they save


class Stretch:
    """An `Attend` over rows of T tokens, each one text from its start."""

    def __init__(self, shape: DecoderShape, size: torch.Size | tuple[int, ...]) -> None:
        self.shape = shape
        self.whole = Whole(shape, torch.ones(size[0], size[1], dtype=torch.int64))
        self.positions_BT = self.whole.positions_BT
        self._masks: dict[Reach, Tensor] = {}

    def __call__(self, slot: int, q_BTHK: Tensor, k_BTGK: Tensor, v_BTGK: Tensor) -> Tensor:
        """As `Attend` says."""
        reach, length = self.shape.slot_reach(slot), q_BTHK.shape[1]
        block = max(reach.window, LEAST)
        if reach.kind != "window" or 2 * block >= length:
            return self.whole(slot, q_BTHK, k_BTGK, v_BTGK)
        if reach not in self._masks:
            self._masks[reach] = seen_in_blocks(reach, length, block)
        q = blocks_of(q_BTHK, block)
        k, v = (with_sinks(x, block, reach.sinks) for x in (k_BTGK, v_BTGK))
        mask = self._masks[reach].repeat(len(q_BTHK), 1, 1, 1)
        seen = F.scaled_dot_product_attention(
            q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), attn_mask=mask, enable_gqa=True
        )
        return seen.transpose(1, 2).reshape(len(q_BTHK), -1, *q_BTHK.shape[2:])[:, :length]


def blocks_of(x_BTHK: Tensor, block: int) -> Tensor:
    """(B * N, W, H, K): the rows cut into blocks, the last one filled up with zeros."""
    padded = F.pad(x_BTHK, (0, 0, 0, 0, 0, -x_BTHK.shape[1] % block))
    return padded.reshape(-1, block, *x_BTHK.shape[2:])


def with_sinks(x_BTGK: Tensor, block: int, sinks: int) -> Tensor:
    """(B * N, S, G, K): for every block the sinks, the block before it (zeros before the first) and itself."""
    cut = blocks_of(x_BTGK, block).unflatten(0, (len(x_BTGK), -1))
    before = F.pad(cut[:, :-1], (0, 0, 0, 0, 0, 0, 1, 0))
    first = x_BTGK[:, None, :sinks].expand(-1, cut.shape[1], -1, -1, -1)
    return torch.cat((first, before, cut), 2).flatten(0, 1)


def seen_in_blocks(reach: Reach, length: int, block: int) -> Tensor:
    """(N, 1, W, S), True where a query of a block sees a key: a sink outside its window, or a key inside it."""
    count = -(-length // block)
    query = torch.arange(count * block).view(count, block, 1)
    key = torch.arange(count)[:, None, None] * block - block + torch.arange(2 * block)
    sink = torch.arange(min(reach.sinks, length)).view(1, 1, -1)
    window = visible(Reach(kind="window", window=reach.window), query, key) & (key >= 0)
    far = visible(reach, query, sink) & (query - sink >= reach.window)
    return torch.cat((far, window), -1)[:, None]
