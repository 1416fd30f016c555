"""A chunk of one text, in one group of layers: read what lies before it, attend, and keep what will be seen later.

A layer with a window reads only the rows that its first token still sees, and keeps only what the next chunk will see.
The others read the text from its start, in place where its pages lie in a row.

Shape key:  T tokens of the chunk, H query heads, G key/value heads, K head width, S keys read, P pages of the text
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from deepseek_mm.lm.cache import KeyValueCache
from deepseek_mm.lm.groups import PAGE, LayerGroup
from deepseek_mm.lm.held import RollingSinks
from deepseek_mm.lm.kernels import attend_full, attend_top, attend_window
from deepseek_mm.lm.paged_sight import ReadBestPages, last_row, pages_up_to, rows_of
from deepseek_mm.lm.rope import rotate
from deepseek_mm.lm.shape import Reach
from deepseek_mm.lm.table import PageTable, RowRange


class ChunkAttention:
    """The tokens at `places` of one text, for the attentions of one group."""

    def __init__(
        self,
        cache: KeyValueCache,
        group: LayerGroup,
        table: PageTable,
        places: range,
        held: RollingSinks,
        *,
        one_by_one: bool,
    ) -> None:
        self._cache, self._places, self._held, self._one_by_one = cache, places, held, one_by_one
        kept = table.row_ranges(places.start, places.stop)
        self._kept_N = rows_of(cache, kept)
        self._picked_N = mask_in_ranges(cache, kept, places.start)
        end = last_row(kept) + 1
        behind = cache.integers(range(end, end + -end % PAGE)) if end % PAGE else None  # of the last page, if it is new
        self._behind_N = behind if places.stop // PAGE * PAGE >= places.start else None
        if group.window:
            first = max(0, places.start - group.window + 1)
            before = table.row_ranges(0, min(group.sinks, first)) + table.row_ranges(first, places.start)
            self._before_S = rows_of(cache, before)
            return
        self._all = table.row_ranges(0, places.stop)
        if group.tops:
            self._pages_P = pages_up_to(cache, table, places.stop - 1)
            self._filled_P = self._pages_P[places.start // PAGE : places.stop // PAGE]

    def __call__(self, slot: int, q_1THK: Tensor, k_1TGK: Tensor, v_1TGK: Tensor) -> Tensor:
        """What the chunk's tokens see, (1, T, H, K)."""
        reach, q_THK, k_TGK, v_TGK = self._held.shape.slot_reach(slot), q_1THK[0], k_1TGK[0], v_1TGK[0]
        if reach.kind == "window":
            seen_THK = self._near(slot, reach, q_THK, k_TGK, v_TGK)
            self._keep(slot, k_TGK, v_TGK)
            return seen_THK[None]
        self._keep(slot, k_TGK, v_TGK)
        if reach.kind == "top":
            self._cache.summarise(slot, self._filled_P)
            if len(self._pages_P) > reach.blocks:
                return self._best(slot, reach, q_THK)[None]
        k_SGK, v_SGK = read_ranges(self._cache, slot, self._all)
        return attend_full(q_THK, k_SGK, v_SGK, start=self._places.start)[None]

    def _keep(self, slot: int, k_TGK: Tensor, v_TGK: Tensor) -> None:
        if self._behind_N is not None:
            self._cache.clear(slot, self._behind_N)
        if len(self._picked_N) < len(self._places):
            k_TGK, v_TGK = k_TGK[self._picked_N], v_TGK[self._picked_N]
        self._cache.write(slot, self._kept_N, k_TGK, v_TGK)

    def _near(self, slot: int, reach: Reach, q_THK: Tensor, k_TGK: Tensor, v_TGK: Tensor) -> Tensor:
        before = (x.transpose(0, 1) for x in self._cache.gather(slot, self._before_S))
        k_SGK, v_SGK = (torch.cat(pair) for pair in zip(before, (k_TGK, v_TGK), strict=True))
        turn = self._held.queries(reach, q_THK)
        held_THK = rotate(q_THK[None], turn)[0] if turn else None
        return attend_window(q_THK, k_SGK, v_SGK, reach=reach, start=self._places.start, held_THK=held_THK)

    def _best(self, slot: int, reach: Reach, q_THK: Tensor) -> Tensor:
        if self._one_by_one:
            each = zip(self._places, q_THK.split(1), strict=True)
            return torch.cat([self._guess(slot, reach, q_1HK, place) for place, q_1HK in each])
        k_SGK, v_SGK = read_ranges(self._cache, slot, self._all)
        summaries_PGK = self._cache.summaries[slot].index_select(1, self._pages_P).transpose(0, 1)
        start = self._places.start
        return attend_top(q_THK, k_SGK, v_SGK, blocks=reach.blocks, start=start, summaries_PGK=summaries_PGK)

    def _guess(self, slot: int, reach: Reach, q_1HK: Tensor, place: int) -> Tensor:
        """What one token sees that chooses for itself, (1, H, K)."""
        pages_P = self._pages_P[: place // PAGE + 1]
        blocks = min(reach.blocks, len(pages_P))
        return ReadBestPages(self._cache, pages_P, blocks=blocks, last=place % PAGE).attend(slot, q_1HK)


def mask_in_ranges(cache: KeyValueCache, stretches: Sequence[RowRange], start: int) -> Tensor:
    """Which tokens of a chunk that begins at `start` lie in these stretches, (N,)."""
    return rows_of(cache, [stretch._replace(row=stretch.place - start) for stretch in stretches])


def read_ranges(cache: KeyValueCache, slot: int, stretches: Sequence[RowRange]) -> tuple[Tensor, Tensor]:
    """Keys and values that lie in `stretches`, (S, G, K) each: in place if it is one piece, else a copy."""
    views = [cache.view(slot, stretch.row, stretch.size) for stretch in stretches]
    k_GSK, v_GSK = views[0] if len(views) == 1 else (torch.cat(parts, 1) for parts in zip(*views, strict=True))
    return k_GSK.transpose(0, 1), v_GSK.transpose(0, 1)
