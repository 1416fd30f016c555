"""Sinks that never seem further away than `Reach.held` tokens, however long a text grows.

In a layer with a window all keys stand near but the sinks. Only they get further away with every token, and at a
distance that it has not learned a layer takes them for something else. So the queries of later tokens are turned back
towards the sinks, to where they would stand at the place `held`; or the sinks' keys are turned on, which is the same.
(StreamingLLM, arXiv 2309.17453, counts places inside its cache; here only the sinks have another place.)

Shape key:  B texts, T tokens, H heads, K head width
"""

from typing import Protocol

import torch
from torch import Tensor

from deepseek_mm.lm.rope import Rotation, rotation_at, stretch_base
from deepseek_mm.lm.shape import DecoderShape, Reach


class PlacedTokens(Protocol):
    """Tokens with places in their texts, as `Attend` has them."""

    positions_BT: Tensor
    scale: float | Tensor


class RollingSinks:
    """The turns of one pass's tokens, worked out when a layer first asks."""

    def __init__(self, shape: DecoderShape, tokens: PlacedTokens) -> None:
        self.shape, self._tokens = shape, tokens
        self._turns: dict[tuple[int, bool], Rotation | None] = {}

    def queries(self, reach: Reach, like: Tensor) -> Rotation | None:
        """What turns queries, which are turned to their own places already, towards the sinks; None: nothing to do."""
        return self._turn(reach.held, like.dtype, back=True) if reach.sinks and reach.held else None

    def keys(self, reach: Reach, like: Tensor) -> Rotation | None:
        """What turns the sinks' keys instead; for one query a text."""
        return self._turn(reach.held, like.dtype, back=False) if reach.sinks and reach.held else None

    def _turn(self, held: int, dtype: torch.dtype, *, back: bool) -> Rotation | None:
        if (held, back) not in self._turns:
            self._turns[held, back] = self._make(held, dtype, back=back)
        return self._turns[held, back]

    def _make(self, held: int, dtype: torch.dtype, *, back: bool) -> Rotation | None:
        further_BT = (self._tokens.positions_BT - held).clamp(min=0)
        if not further_BT.any():
            return None
        base = stretch_base(self.shape.rope_base, self._tokens.scale, self.shape.head_width)
        return rotation_at(
            -further_BT if back else further_BT, head_width=self.shape.head_width, base=base, dtype=dtype
        )
