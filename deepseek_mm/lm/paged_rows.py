"""The next token of several texts, in one group of layers: write one row each, read what each of them sees.

Shape key:  B texts, H query heads, G key/value heads, K head width, P pages, N rows
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from deepseek_mm.lm.cache import KeyValueCache
from deepseek_mm.lm.groups import PAGE, LayerGroup
from deepseek_mm.lm.held import RollingSinks
from deepseek_mm.lm.paged_sight import (
    ReadBestPages,
    ReadGathered,
    ReadInPlace,
    ReadStrategy,
    find_visible_ranges,
    last_row,
    pages_up_to,
)
from deepseek_mm.lm.rope import Rotation
from deepseek_mm.lm.shape import Reach
from deepseek_mm.lm.table import PageTable

COPIED = 1_536  # rows of a text up to which they are copied side by side


class RowAttention:
    """One token of each of several texts, for the attentions of one group."""

    def __init__(
        self,
        cache: KeyValueCache,
        group: LayerGroup,
        tables: Sequence[PageTable],
        places: Sequence[int],
        held: RollingSinks,
    ) -> None:
        self._cache, self._group, self._places, self._held = cache, group, places, held
        self._seen = [find_visible_ranges(group, table, place) for table, place in zip(tables, places, strict=True)]
        own = [last_row(stretches) for stretches in self._seen]
        self._own_B = cache.integers(own)
        opened = [row for row, place in zip(own, places, strict=True) if place % PAGE == 0]
        self._opened_N = cache.integers([row + n for row in opened for n in range(1, PAGE)]) if opened else None
        filled = [row // PAGE for row, place in zip(own, places, strict=True) if place % PAGE == PAGE - 1]
        self._filled_P = cache.integers(filled) if filled and group.tops else None
        self._pages = [pages_up_to(cache, *pair) for pair in zip(tables, places, strict=True)] if group.tops else []
        self._sights: dict[Reach, list[ReadStrategy]] = {}

    def __call__(self, slot: int, q_B1HK: Tensor, k_B1GK: Tensor, v_B1GK: Tensor) -> Tensor:
        """What each text's token sees, (B, 1, H, K)."""
        if self._opened_N is not None:
            self._cache.clear(slot, self._opened_N)
        self._cache.write(slot, self._own_B, k_B1GK[:, 0], v_B1GK[:, 0])
        reach = self._held.shape.slot_reach(slot)
        if reach.kind == "top" and self._filled_P is not None:
            self._cache.summarise(slot, self._filled_P)
        if reach not in self._sights:
            self._sights[reach] = self._look(reach, self._held.keys(reach, q_B1HK))
        sights = self._sights[reach]
        queries = q_B1HK[:, 0].chunk(len(sights))
        return torch.cat([sight.attend(slot, q) for sight, q in zip(sights, queries, strict=True)])[:, None]

    def _look(self, reach: Reach, turn: Rotation | None) -> list[ReadStrategy]:
        """One way to read for all texts together, or one for each."""
        chooses = reach.kind == "top" and max(self._places) // PAGE >= reach.blocks
        longest = max(sum(stretch.size for stretch in stretches) for stretches in self._seen)
        if not chooses and longest <= COPIED:
            return [ReadGathered(self._cache, self._group, self._seen, turn)]
        turns = [None] * len(self._places) if turn is None else map(Rotation, *(x.split(1) for x in turn))
        return [self._look_alone(reach, number, its) for number, its in enumerate(turns)]

    def _look_alone(self, reach: Reach, number: int, turn: Rotation | None) -> ReadStrategy:
        place, stretches = self._places[number], self._seen[number]
        if reach.kind == "top" and place // PAGE >= reach.blocks:
            return ReadBestPages(self._cache, self._pages[number], blocks=reach.blocks, last=place % PAGE)
        if len(stretches) == 1:
            return ReadInPlace(self._cache, stretches[0])
        return ReadGathered(self._cache, self._group, [stretches], turn)
