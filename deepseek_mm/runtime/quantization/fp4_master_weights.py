"""Float master weights for every FP4 code, for training: the float changes, and its code follows.

A master weight begins at the unquantized weight, limited to the interval of its code: a code that error compensation
chose (`error_compensation`) is not given up at once. Scales stay what they are, so only codes change.

Shape key:  F outputs, D inputs, N blocks of a row (D / 16), G weights of a block (16)
"""

import torch
from torch import Tensor

from deepseek_mm.runtime.quantization.fp4 import (
    BLOCK,
    LARGEST,
    MAGNITUDES,
    MIDDLES,
    Fp4,
    codes_of,
    pack,
    unpack,
)

FIRM = 0.8  # of the way to the next code, as near as a float begins
LOWS = (-MIDDLES[0], *MIDDLES)  # where the numbers of a magnitude begin
HIGHS = (*MIDDLES, LARGEST)  # and end: beyond the largest nothing is gained


def init_master_weights(weight_FD: Tensor, matrix: Fp4) -> Tensor:
    """Float weights (F, D) whose codes are the matrix's, as near to `weight_FD` as that goes."""
    codes_FD, sizes_FN1 = unpack(matrix.codes_FD), block_scales(matrix)
    magnitude_FD, negative_FD = (codes_FD & 7).int(), codes_FD > 7
    level_FD, low_FD, high_FD = (
        codes_FD.new_tensor(t, dtype=torch.float32)[magnitude_FD] for t in (MAGNITUDES, LOWS, HIGHS)
    )
    wanted_FD = (weight_FD.float().unflatten(1, (-1, BLOCK)) / sizes_FN1).flatten(1)
    wanted_FD = torch.where(negative_FD, -wanted_FD, wanted_FD)
    moved_FD = (wanted_FD - level_FD).clamp(FIRM * (low_FD - level_FD), FIRM * (high_FD - level_FD))
    float_FD = torch.where(negative_FD, -1.0, 1.0) * (level_FD + moved_FD)
    behind_FD: Tensor = (float_FD.unflatten(1, (-1, BLOCK)) * sizes_FN1).flatten(1)
    return behind_FD


def update_codes(float_FD: Tensor, matrix: Fp4) -> Fp4:
    """The matrix with the codes that its floats have by now."""
    codes_FD = codes_of((float_FD.unflatten(1, (-1, BLOCK)) / block_scales(matrix)).flatten(1))
    return Fp4(pack(codes_FD), matrix.scales_FN, matrix.whole)


def round_to_codes(float_FD: Tensor, sizes_FN1: Tensor) -> Tensor:
    """What `restore(followed(...))` gives, without packing: (F, D)."""
    units_FNG = float_FD.unflatten(1, (-1, BLOCK)) / sizes_FN1
    size_FNG = units_FNG.abs()
    per_FNG = torch.where(size_FNG < 2, 2.0, torch.where(size_FNG < 4, 1.0, 0.5))  # numbers in each whole one
    level_FNG = (size_FNG.mul_(per_FNG).round_() / per_FNG).clamp_(max=LARGEST)
    rounded_FD: Tensor = (level_FNG.copysign_(units_FNG) * sizes_FN1).flatten(1)
    return rounded_FD


def block_scales(matrix: Fp4) -> Tensor:
    """What one is, of each block: (F, N, 1)."""
    return (matrix.scales_FN.float() * matrix.whole)[..., None]
