"""Rotary position embeddings (RoPE, Su et al. 2021, arXiv 2104.09864, eq. 34), and sinks at a fixed distance.

The pairs are (n, n + K/2), as in Llama's checkpoints. To read further than the model was trained to, slow rotations are
slowed down further, the fast ones hardly (NTK-aware scaling, as in Code Llama and Qwen: a larger base). That holds for
layers with a window too: their sinks are as far away as the text is long.

Shape key:  B batch, T tokens, H heads, K head width

In a layer with a window all keys stand near but the sinks. Only they get further away with every token, and at a
distance that it has not learned a layer takes them for something else. So the queries of later tokens are turned back
towards the sinks, to where they would stand at the place `held`; or the sinks' keys are turned on, which is the same.
(StreamingLLM, arXiv 2309.17453, counts places inside its cache; here only the sinks have another place.)

Shape key:  B texts, T tokens, H heads, K head width
"""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from deepseek_mm.lm.shape import DecoderShape, Reach


class Rotation(NamedTuple):
    """Cosines and sines of each token's angles, both (B, T, 1, K), ready for `rotate`."""

    cos_BTK: Tensor
    sin_BTK: Tensor


def rotation_at(positions_BT: Tensor, *, head_width: int, base: float | Tensor, dtype: torch.dtype) -> Rotation:
    """The turn at each position; the sine's first half is negative, so that rotating needs no further sign."""
    steps = torch.arange(0, head_width, 2, dtype=torch.float32, device=positions_BT.device) / head_width
    angles = positions_BT[..., None, None].float() * (base**-steps)
    cos, sin = angles.cos(), angles.sin()
    return Rotation(torch.cat((cos, cos), -1).to(dtype), torch.cat((-sin, sin), -1).to(dtype))


def rotate(x_BTHK: Tensor, turn: Rotation) -> Tensor:
    """Every pair (n, n + K/2) of each head turned by its token's angle."""
    half = x_BTHK.shape[-1] // 2
    swapped = torch.roll(x_BTHK, half, -1)
    return torch.addcmul(x_BTHK * turn.cos_BTK, swapped, turn.sin_BTK)


def stretch_base(base: float, scale: float | Tensor, head_width: int) -> float | Tensor:
    """The base with which `scale` times as many tokens turn the slowest pair as far as before (NTK-aware)."""
    slower: float | Tensor = base * scale ** (head_width / (head_width - 2))
    return slower


class PlacedTokens(Protocol):
    """Tokens with places in their texts, as `AttentionBackend` has them."""

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
