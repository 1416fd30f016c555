"""Full attention as everybody has it: torch's scaled dot product over all keys so far, in the same paged memory.

It is what progressive attention is compared with. The text's pages lie in a row, so keys are read where they are; the
queries of a chunk see everything before the chunk, and of the chunk what is not later. Of torch's ways to say so a
boolean mask is as fast as any (measured at 8,192 tokens: a mask that is added and repeated keys are within 3 %).

Shape key:  T tokens of the chunk, H query heads, G key/value heads, K head width, S keys, N rows
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from deepseek_mm.lm.kv_cache.block_manager import CachedText
from deepseek_mm.lm.kv_cache.paged_attention import PagedMemory, PagedPass


class FullAttention:
    """An `Attend` over the next `count` tokens of one text, of a decoder whose layers see everything."""

    def __init__(self, memory: PagedMemory, texts: Sequence[CachedText], count: int) -> None:
        (text,) = texts
        self._paged = PagedPass(memory, texts, count)  # has the pages, and the attention of the gates
        self.ids_BT, self.positions_BT = self._paged.ids_BT, self._paged.positions_BT
        self.scale = self._paged.scale
        self._cache, self._layers = memory.cache, memory.shape.num_layers
        (table,) = (table for group, table in zip(memory.blocks.groups, text.tables, strict=True) if 0 in group.slots)
        end = text.length + count
        (self._all,) = table.row_ranges(0, end)
        (new,) = table.row_ranges(text.length, end)
        device = memory.cache.device
        self._rows_N = torch.arange(new.row, new.row + new.size, device=device)
        self._seen_TS = torch.ones(count, end, dtype=torch.bool, device=device).tril(text.length)

    def __call__(self, slot: int, q_BTHK: Tensor, k_BTGK: Tensor, v_BTGK: Tensor) -> Tensor:
        """As `Attend` says."""
        if slot >= self._layers:
            return self._paged(slot, q_BTHK, k_BTGK, v_BTGK)
        self._cache.write(slot, self._rows_N, k_BTGK[0], v_BTGK[0])
        k_GSK, v_GSK = self._cache.view(slot, self._all.row, self._all.size)
        seen = F.scaled_dot_product_attention(
            q_BTHK.transpose(1, 2), k_GSK[None], v_GSK[None], attn_mask=self._seen_TS, enable_gqa=True
        )
        return seen.transpose(1, 2)
