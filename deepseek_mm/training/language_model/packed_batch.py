"""Unbroken texts, one a row, with memory and time that grow with what is seen instead of the text where that is less.

It sees what `FullTextAttention` sees, and can be differentiated: it is how long rows are trained on. Where a layer has
a window, queries are cut into blocks that see the keys of their own block, of those before it that the window reaches,
and the sinks; where it chooses, the keys that each block of queries chose are laid beside it. Who sees everything and
learns nothing, as a teacher does, has the kernel for reading: it is more than twice as fast.

Shape key:  B rows, T tokens of a row, H heads, G key heads, K head width, N blocks of W queries, R heads of a key head,
            S keys that a block is shown, C blocks that it chose
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from deepseek_mm.lm.attention_backend import (
    FullTextAttention,
    RollingSinks,
    chosen_blocks,
    rotate,
    widen_for_sinks,
)
from deepseek_mm.lm.attention_kernels import attend_full, hidden_in_span
from deepseek_mm.lm.shape import BLOCK, DecoderShape, Reach

LEAST, MOST = 64, 128  # tokens of a block: shorter ones cost more in handling than they save, longer ones see too much


class PackedAttention:
    """An `AttentionBackend` over rows of T tokens, each one text from its start."""

    def __init__(self, shape: DecoderShape, size: torch.Size | tuple[int, ...]) -> None:
        self.shape = shape
        self.whole = FullTextAttention(shape, torch.ones(size[0], size[1], dtype=torch.int64))
        self.positions_BT, self.scale = self.whole.positions_BT, self.whole.scale
        self.held = self.whole.held = RollingSinks(shape, self)
        self._masks: dict[Reach, Tensor] = {}

    def __call__(self, slot: int, q_BTHK: Tensor, k_BTGK: Tensor, v_BTGK: Tensor) -> Tensor:
        """As `AttentionBackend` says."""
        reach, length = self.shape.slot_reach(slot), q_BTHK.shape[1]
        if reach.kind == "full" and not (torch.is_grad_enabled() and q_BTHK.requires_grad):
            k, v = (x.transpose(1, 2).contiguous().transpose(1, 2) for x in (k_BTGK, v_BTGK))
            return torch.stack([attend_full(*row, start=0) for row in zip(q_BTHK, k, v, strict=True)])
        if reach.kind == "window" and count_shown_keys(reach) < length:
            return self._window(reach, q_BTHK, k_BTGK, v_BTGK)
        if reach.kind == "top" and length > reach.blocks * BLOCK:
            return self._top(reach, q_BTHK, k_BTGK, v_BTGK)
        return self.whole(slot, q_BTHK, k_BTGK, v_BTGK)

    def _window(self, reach: Reach, q_BTHK: Tensor, k_BTGK: Tensor, v_BTGK: Tensor) -> Tensor:
        length, block = q_BTHK.shape[1], choose_query_block(reach)
        before, scale = count_blocks_before(reach, block), q_BTHK.shape[-1] ** -0.5
        if reach not in self._masks:
            hidden_NWS = hidden_in_span(0, -(-length // block), block, before * block, reach).to(q_BTHK.dtype)
            self._masks[reach] = hidden_NWS[:, None].repeat(1, 1, q_BTHK.shape[2] // k_BTGK.shape[2], 1)
        k, v = (prepend_sinks(x, block, before, reach.sinks) for x in (k_BTGK, v_BTGK))
        if turn := self.held.queries(reach, q_BTHK):
            sink_S = torch.arange(k.shape[2]) < reach.sinks
            q_BTHK, k = widen_for_sinks(q_BTHK, rotate(q_BTHK, turn), k, sink_S)
        q_BNGQK = fold_heads(split_into_blocks(q_BTHK, block), k_BTGK.shape[2])
        k, v = (x.transpose(2, 3).flatten(0, 1) for x in (k, v))
        mask = self._masks[reach].repeat(len(q_BTHK), 1, 1, 1)
        o = F.scaled_dot_product_attention(q_BNGQK.flatten(0, 1), k, v, attn_mask=mask, scale=scale)
        return unfold_heads(o.unflatten(0, q_BNGQK.shape[:2]), block)[:, :length]

    def _top(self, reach: Reach, q_BTHK: Tensor, k_BTGK: Tensor, v_BTGK: Tensor) -> Tensor:
        length, group = q_BTHK.shape[1], q_BTHK.shape[2] // k_BTGK.shape[2]
        chosen_BGNC = chosen_blocks(q_BTHK.transpose(1, 2), k_BTGK.transpose(1, 2), reach.blocks)
        place_BGNS = (chosen_BGNC[..., None] * BLOCK + torch.arange(BLOCK)).flatten(-2)
        query_NW1 = torch.arange(chosen_BGNC.shape[2] * BLOCK).view(-1, BLOCK, 1)
        mask = (place_BGNS[..., None, :] <= query_NW1).repeat(1, 1, 1, group, 1).transpose(1, 2)  # (B, N, G, R * W, S)
        q_BNGQK = fold_heads(split_into_blocks(q_BTHK, BLOCK), k_BTGK.shape[2])
        k, v = (gather_blocks(x, chosen_BGNC).transpose(1, 2) for x in (k_BTGK, v_BTGK))
        o = F.scaled_dot_product_attention(
            q_BNGQK.flatten(0, 1),
            k.flatten(0, 1),
            v.flatten(0, 1),
            attn_mask=mask.flatten(0, 1),
        )
        return unfold_heads(o.unflatten(0, q_BNGQK.shape[:2]), BLOCK)[:, :length]


def split_into_blocks(x_BTHK: Tensor, block: int) -> Tensor:
    """(B, N, W, H, K): the rows cut into blocks, the last one filled up with zeros."""
    padded = F.pad(x_BTHK, (0, 0, 0, 0, 0, -x_BTHK.shape[1] % block))
    cut: Tensor = padded.unflatten(1, (-1, block))
    return cut


def fold_heads(q_BNWHK: Tensor, groups: int) -> Tensor:
    """(B, N, G, R * W, K): the heads that share keys, one after the other, so that no key is copied for them."""
    heads: Tensor = q_BNWHK.unflatten(3, (groups, -1))
    return heads.permute(0, 1, 3, 4, 2, 5).flatten(3, 4)


def unfold_heads(o_BNGQK: Tensor, block: int) -> Tensor:
    """(B, N * W, H, K): back from `folded` and `blocks_of`."""
    heads: Tensor = o_BNGQK.unflatten(3, (-1, block))
    return heads.permute(0, 1, 4, 2, 3, 5).flatten(3, 4).flatten(1, 2)


def choose_query_block(reach: Reach) -> int:
    """How many queries of a window's layer stand in a block."""
    return min(max(reach.window, LEAST), MOST)


def count_shown_keys(reach: Reach) -> int:
    """How many keys a block of queries is shown."""
    block = choose_query_block(reach)
    return reach.sinks + (count_blocks_before(reach, block) + 1) * block


def count_blocks_before(reach: Reach, block: int) -> int:
    """How many blocks before its own a window reaches into."""
    return max(1, -(-(reach.window - 1) // block))


def prepend_sinks(x_BTGK: Tensor, block: int, before: int, sinks: int) -> Tensor:
    """(B, N, S, G, K): for every block the sinks, the blocks before it (zeros before the first) and itself."""
    cut = split_into_blocks(x_BTGK, block)
    padded, count = F.pad(cut, (0, 0, 0, 0, 0, 0, before, 0)), cut.shape[1]
    first = x_BTGK[:, None, :sinks].expand(-1, count, -1, -1, -1)
    return torch.cat((first, *(padded[:, at : at + count] for at in range(before)), cut), 2)


def gather_blocks(x_BTGK: Tensor, chosen_BGNC: Tensor) -> Tensor:
    """(B, G, N, C * BLOCK, K): the keys of the blocks that each block of queries chose."""
    rows, groups, count, _ = chosen_BGNC.shape
    cut = (
        split_into_blocks(x_BTGK, BLOCK).permute(0, 3, 1, 2, 4).flatten(0, 2)
    )  # every block of every key head in one line
    start = torch.arange(rows * groups).view(rows, groups, 1, 1) * count
    found = cut.index_select(0, (chosen_BGNC + start).flatten())
    return found.view(rows, groups, count, -1, x_BTGK.shape[-1])
