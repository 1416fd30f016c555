"""Matrices in tiles of sixteen outputs, as `tiles` multiplies with them.

Levels of four inputs lie side by side for each output. In four bits an input shares a byte with the fourth one behind
it, which has the upper half, and behind sixteen scales of a group of inputs stand its sixteen middles. The levels are
those of `runtime.quantize`.

Shape key:  D inputs, F outputs, N groups of inputs
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from deepseek_mm.runtime.compiled.emit import LANES
from deepseek_mm.runtime.compiled.layout import Integers
from deepseek_mm.runtime.compiled.tiles import EIGHT, FLOATING, FOUR, MULTIPLY, SIXTEEN
from deepseek_mm.runtime.compiled.vectors import GROUP
from deepseek_mm.runtime.quantization import eight_bits, four_bits_within
from deepseek_mm.runtime.quantization.fp4 import Fp4, unpack


class PackedMatrix(NamedTuple):
    """A matrix as `layout` describes it, and what its addresses point to."""

    row: Integers  # (6,)
    held: tuple[Tensor, Tensor]


def fits(weight_FD: Tensor) -> bool:
    """Whether the inputs are whole groups. Outputs are filled up."""
    return weight_FD.shape[1] % GROUP == 0


def pack_matrix(weight_FD: Tensor, bits: int, *, most_off: float) -> PackedMatrix:
    """In four bits unless they put it off by more than `most_off` of its size; then in eight."""
    weight_FD = F.pad(weight_FD.detach().float(), (0, 0, 0, -len(weight_FD) % LANES))
    if bits == FOUR:
        if four := four_bits_within(weight_FD, most_off):
            return _to_packed_matrix(*_tiles_of_four(*four), weight_FD, FOUR)
        bits = EIGHT
    if bits == EIGHT:
        levels_FD, scale_F = eight_bits(weight_FD)
        return _to_packed_matrix(_by_fours(levels_FD), scale_F, weight_FD, EIGHT)
    return _to_packed_matrix(_lanes_last(weight_FD.bfloat16()), weight_FD[:0], weight_FD, SIXTEEN)


def pack_fp4_matrix(matrix: Fp4) -> PackedMatrix:
    """A matrix in FP4, its codes as they are; scales take the matrix's own in and are rounded to bfloat16."""
    lacking = -len(matrix.codes_FD) % LANES
    codes_FD = F.pad(unpack(matrix.codes_FD), (0, 0, 0, lacking))
    levels = _by_fours(codes_FD)
    scales_FN = F.pad((matrix.scales_FN.float() * matrix.whole).bfloat16(), (0, 0, 0, lacking))
    both = scales_FN.unflatten(0, (-1, LANES)).unflatten(2, (-1, 2)).permute(0, 2, 3, 1)
    return _to_packed_matrix(levels[:, ::2] | (levels[:, 1::2] << 4), both, codes_FD, FLOATING)


def _tiles_of_four(levels_FD: Tensor, scales_NF2: Tensor) -> tuple[Tensor, Tensor]:
    """Levels as bytes of two, (tiles, D / 8, LANES, 4); scales and middles, (tiles, N, 2, LANES), of level * s + m."""
    levels = _by_fours(levels_FD.to(torch.uint8))
    scale_NF, middle_NF = scales_NF2.float().unbind(-1)
    both_N2F = torch.stack((scale_NF, middle_NF - 8 * scale_NF), 1).bfloat16()
    return levels[:, ::2] | (levels[:, 1::2] << 4), both_N2F.unflatten(-1, (-1, LANES)).permute(2, 0, 1, 3)


def _by_fours(levels_FD: Tensor) -> Tensor:
    """(tiles, D / 4, LANES, 4)."""
    by_fours: Tensor = levels_FD.unflatten(0, (-1, LANES)).unflatten(2, (-1, 4)).transpose(1, 2)
    return by_fours


def _lanes_last(x_FD: Tensor) -> Tensor:
    """(tiles, D, LANES)."""
    lanes_last: Tensor = x_FD.unflatten(0, (-1, LANES)).transpose(1, 2)
    return lanes_last


def _to_packed_matrix(weights: Tensor, scales: Tensor, weight_FD: Tensor, bits: int) -> PackedMatrix:
    held = weights.contiguous(), scales.contiguous()
    row = np.array([held[0].data_ptr(), held[1].data_ptr(), *weight_FD.shape, bits, MULTIPLY], np.int64)
    return PackedMatrix(row, held)
