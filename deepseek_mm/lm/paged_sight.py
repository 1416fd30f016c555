"""What the next token of a text sees, and how it is read out of the pages: together, in place, or the best of it.

What several texts see is copied side by side, and one product does for all: on a CPU that is faster than many small
products in place, up to some length. Longer texts are read where they lie, head by head. A layer that chooses reads
the pages that its summaries promise most of.

A product of a new size costs a CPU a millisecond to prepare, more than most layers take, and a text that grows has a
new size at every token. So sizes are rounded up, and what is beyond the text is masked. It must be finite all the
same: no weight at all times NaN is NaN.

Shape key:  B texts, H query heads, G key/value heads, K head width, S rows read, P pages of a text, N pages chosen
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from deepseek_mm.lm.cache import KeyValueCache
from deepseek_mm.lm.groups import PAGE, LayerGroup
from deepseek_mm.lm.kernels import attend_rows, choose_blocks
from deepseek_mm.lm.rope import Rotation, rotate
from deepseek_mm.lm.table import PageTable, RowRange

ROUND = 64  # rows that a size is rounded up to while it grows


class ReadStrategy(Protocol):
    """A way of reading."""

    def attend(self, slot: int, q_BHK: Tensor) -> Tensor:
        """What one token of each of its texts sees, (B, H, K)."""


class ReadGathered:
    """Texts whose rows are copied side by side. `turn` turns the sinks' keys on, in the copy."""

    def __init__(
        self, cache: KeyValueCache, group: LayerGroup, seen: Sequence[Sequence[RowRange]], turn: Rotation | None = None
    ) -> None:
        self._cache, self._sinks, self._turn = cache, slice(group.sinks), turn
        sizes = [sum(stretch.size for stretch in stretches) for stretches in seen]
        longest = -(-max(sizes) // ROUND) * ROUND
        if group.window:
            longest = min(longest, group.window + group.sinks)
        own = cache.integers([last_row(stretches) for stretches in seen])
        self._rows_BS = own[:, None].repeat(1, longest)  # beyond its end a text reads its own token again
        for rows_S, stretches, size in zip(self._rows_BS, seen, sizes, strict=True):
            rows_S[:size] = rows_of(cache, stretches)
        self._lengths_B = None if min(sizes) == longest else cache.integers(sizes)

    def attend(self, slot: int, q_BHK: Tensor) -> Tensor:
        """As `Sight` says."""
        kv = self._cache.gather(slot, self._rows_BS.flatten())
        k_BSGK, v_BSGK = (x.unflatten(1, self._rows_BS.shape).permute(1, 2, 0, 3) for x in kv)
        if self._turn:
            k_BSGK[:, self._sinks] = rotate(k_BSGK[:, self._sinks], self._turn)
        return attend_rows(q_BHK, k_BSGK, v_BSGK, self._lengths_B)


class ReadInPlace:
    """One text that lies in one piece."""

    def __init__(self, cache: KeyValueCache, stretch: RowRange) -> None:
        self._cache, self._row = cache, stretch.row
        self._size = -(-(stretch.row + stretch.size) // PAGE) * PAGE - stretch.row  # to the end of the last page
        self._lengths_1 = None if self._size == stretch.size else cache.integers([stretch.size])

    def attend(self, slot: int, q_BHK: Tensor) -> Tensor:
        """As `Sight` says. Head by head: a product of several copies keys first if those do not lie close together."""
        k_GSK, v_GSK = self._cache.view(slot, self._row, self._size)
        heads = zip(q_BHK.chunk(len(k_GSK), 1), k_GSK[:, None, :, None], v_GSK[:, None, :, None], strict=True)
        return torch.cat([attend_rows(q, k, v, self._lengths_1) for q, k, v in heads], 1)


class ReadBestPages:
    """One text of which a layer sees the `blocks` best pages, other ones for every key head."""

    def __init__(self, cache: KeyValueCache, pages_P: Tensor, *, blocks: int, last: int) -> None:
        """The token is number `last` of the last page."""
        self._cache, self._pages_P, self._blocks = cache, pages_P, blocks
        self._places = torch.arange(PAGE, device=pages_P.device)
        self._lengths_1 = None if last == PAGE - 1 else cache.integers([(blocks - 1) * PAGE + last + 1])

    def attend(self, slot: int, q_BHK: Tensor) -> Tensor:
        """As `Sight` says."""
        summaries_GPK = self._cache.summaries[slot].index_select(1, self._pages_P)
        chosen_GN = choose_blocks(q_BHK[0], summaries_GPK.transpose(0, 1), self._blocks)
        rows_GS = ((self._pages_P[chosen_GN] * PAGE)[..., None] + self._places).flatten(1)
        k_SGK, v_SGK = (x.transpose(0, 1) for x in self._cache.pick(slot, rows_GS))
        return attend_rows(q_BHK, k_SGK[None], v_SGK[None], self._lengths_1)


def find_visible_ranges(group: LayerGroup, table: PageTable, place: int) -> list[RowRange]:
    """Where the tokens lie that the one at `place` sees, itself included."""
    first = max(0, place - group.window + 1) if group.window else 0
    return table.row_ranges(0, min(group.sinks, first)) + table.row_ranges(first, place + 1)


def last_row(stretches: Sequence[RowRange]) -> int:
    """The row of the last token in these stretches."""
    return stretches[-1].row + stretches[-1].size - 1


def rows_of(cache: KeyValueCache, stretches: Sequence[RowRange]) -> Tensor:
    """All rows of these stretches, (S,)."""
    pieces = [torch.arange(stretch.row, stretch.row + stretch.size) for stretch in stretches]
    return torch.cat(pieces).to(cache.device) if pieces else cache.integers([])


def pages_up_to(cache: KeyValueCache, table: PageTable, place: int) -> Tensor:
    """Pages of all blocks up to that of the token at `place`, (P,)."""
    return cache.integers([table.pages[block] for block in range(place // PAGE + 1)])
