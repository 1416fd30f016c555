"""Where a token stands, told by turning pairs of its query and key (RoPE, Su et al. 2021, arXiv 2104.09864, eq. 34).

The pairs are (n, n + K/2), as in Llama's checkpoints. To read further than the model was trained to, slow rotations are
slowed down further, the fast ones hardly (NTK-aware scaling, as in Code Llama and Qwen: a larger base). That holds for
layers with a window too: their sinks are as far away as the text is long.

Shape key:  B batch, T tokens, H heads, K head width
"""

from typing import NamedTuple

import torch
from torch import Tensor


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
