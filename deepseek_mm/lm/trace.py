"""Collects which experts worked on an answer, while it is written: a byte a visit, and letters at the end.

Shape key:  B texts, T tokens, L layers that have experts, k experts a token visits
"""

from collections.abc import Sequence
from string import ascii_letters

import torch
from torch import Tensor

from deepseek_mm.lm.moe import Routing
from deepseek_mm.lm.shape import MoEShape
from deepseek_mm.records import Trace

EVERY = slice(None)


class ExpertTracer:
    """Of one answer."""

    def __init__(self, moe: MoEShape) -> None:
        self._moe = moe
        self._steps_TLk: list[Tensor] = []

    def add(self, routings: Sequence[Routing], row: int = 0, tokens: slice = EVERY) -> None:
        """The tokens that the model has just read in `row` of its batch; one routing a layer, as it gives them."""
        chosen_TLk = torch.stack([routing.experts_BTk[row, tokens] for routing in routings], 1)
        self._steps_TLk.append(chosen_TLk.to(torch.uint8))

    def trace(self) -> Trace:
        """All of it so far."""
        layers = self._moe.layers
        visits: list[list[int]] = [[]] * len(layers)
        if self._steps_TLk:
            visits = torch.cat(self._steps_TLk).transpose(0, 1).flatten(1).tolist()
        return Trace(
            experts=tuple(spec.name for spec in self._moe.experts),
            layers=layers,
            top_k=self._moe.top_k,
            visits=tuple("".join(ascii_letters[number] for number in row) for row in visits),
        )
