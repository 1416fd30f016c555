"""FP4 (E2M1) matrices with a scale for each block of sixteen weights, and layers that keep their weights in FP4.

The format is NVFP4 (Nvidia 2025; the numbers are those of the OCP Microscaling Formats specification 1.0, table 5):
sixteen weights of a row share a scale of eight bits (E4M3), and a whole matrix a scale in float32, so that the small
scales stay within their range. Together that is 4.5 bits a weight. The largest number is 6. Scales below and above the
one that represents a block's largest weight are tried too, and the one with the smallest error is taken.

For many rows, a prompt, a layer's weight is unpacked to bfloat16 and multiplied; a byte has 256 pairs of numbers. One
row, the next token, is multiplied by compiled loops (`runtime.compiled`), which unpack in registers, or else in the
same way as many.

Shape key:  M rows, F outputs, D inputs, N blocks of a row (D / 16), G weights of a block (16), V words
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

BLOCK = 16  # weights that share a scale
MAGNITUDES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)  # of the codes 0 to 7; 8 more are their negatives
MIDDLES = (0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0)  # between neighbours
LARGEST = MAGNITUDES[-1]
LARGEST_SCALE = 448.0  # of E4M3
LEAST_SCALE = 2.0**-9  # its smallest number that is not 0
TRIED = (1.0, 0.94, 0.88, 0.8, 0.72, 0.64, 1.1, 1.25, 1.5)  # times the scale that hits the block's largest weight


class Fp4(NamedTuple):
    """A matrix. A weight is magnitude * sign * its block's scale * `whole`."""

    codes_FD: Tensor  # uint8 (F, D / 2): the even input in the lower half of a byte
    scales_FN: Tensor  # float8_e4m3fn
    whole: Tensor  # float32, a scalar


def quantise(weight_FD: Tensor) -> Fp4:
    """The nearest of every weight, with the scales that err least."""
    weight_FD = weight_FD.float()
    whole = whole_scale(weight_FD)
    blocks_FNG = weight_FD.unflatten(1, (-1, BLOCK))
    weighs_NG = torch.ones_like(blocks_FNG[0])
    scales_FN = best_scales(blocks_FNG, weighs_NG, whole)
    codes_FNG = codes_of(blocks_FNG / (scales_FN.float() * whole)[..., None])
    return Fp4(pack(codes_FNG.flatten(1)), scales_FN, whole)


def restore(matrix: Fp4, dtype: torch.dtype = torch.float32) -> Tensor:
    """The weights (F, D)."""
    levels_FNG = values(unpack(matrix.codes_FD)).unflatten(1, (-1, BLOCK))
    scales_FN1 = (matrix.scales_FN.float() * matrix.whole)[..., None]
    weight_FD: Tensor = (levels_FNG * scales_FN1).flatten(1)
    return weight_FD.to(dtype)


def whole_scale(weight_FD: Tensor) -> Tensor:
    """The scale of a matrix with which its largest block scale is as large as E4M3 goes, with room to try larger."""
    largest: Tensor = weight_FD.abs().amax()
    scale: Tensor = largest / (LARGEST * LARGEST_SCALE / max(TRIED))
    return scale.clamp_min(1e-30)


def best_scales(blocks_FNG: Tensor, weighs_NG: Tensor, whole: Tensor) -> Tensor:
    """For each block the scale, as E4M3 of `whole`, whose weighted squared error is least: (F, N)."""
    hit_FN = blocks_FNG.abs().amax(-1) / (LARGEST * whole)
    best_FN, least_FN = small(hit_FN), torch.full_like(hit_FN, torch.inf)
    for factor in TRIED:
        scale_FN = small(hit_FN * factor)
        step_FN1 = (scale_FN.float() * whole)[..., None]
        error_FNG = values(codes_of(blocks_FNG / step_FN1)) * step_FN1 - blocks_FNG
        error_FN = (error_FNG.square() * weighs_NG).sum(-1)
        better_FN = error_FN < least_FN
        least_FN = torch.where(better_FN, error_FN, least_FN)
        best_FN = torch.where(better_FN, scale_FN.float(), best_FN.float()).to(torch.float8_e4m3fn)
    return best_FN


def small(scale: Tensor) -> Tensor:
    """As E4M3, never 0, so that it divides."""
    return scale.clamp(LEAST_SCALE, LARGEST_SCALE).to(torch.float8_e4m3fn)


def codes_of(x: Tensor) -> Tensor:
    """The code (uint8, 0 to 15) of the number nearest to each of `x`."""
    magnitude = torch.bucketize(x.abs(), x.new_tensor(MIDDLES)).to(torch.uint8)
    return magnitude | (x.signbit().to(torch.uint8) << 3)


def values(codes: Tensor) -> Tensor:
    """What the codes mean, float32."""
    table = torch.tensor((*MAGNITUDES, *(-m for m in MAGNITUDES)))
    return table[codes.int()]


def pack(codes_FD: Tensor) -> Tensor:
    """Two codes to a byte, (F, D / 2)."""
    return codes_FD[:, ::2] | (codes_FD[:, 1::2] << 4)


def unpack(packed_FD: Tensor) -> Tensor:
    """The codes again, (F, D)."""
    return torch.stack((packed_FD & 15, packed_FD >> 4), -1).flatten(1)


class Fp4Linear(nn.Module):
    """A linear layer without a bias, whose weight is in FP4."""

    def __init__(self, matrix: Fp4) -> None:
        super().__init__()
        self.matrix = matrix
        self.out_features, self.in_features = len(matrix.codes_FD), 2 * matrix.codes_FD.shape[1]

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) to (..., F)."""
        return F.linear(x, unpack_weight(self.matrix, x.dtype))


class Fp4Embedding(nn.Module):
    """Vectors of words, from the same matrix as the scores."""

    def __init__(self, matrix: Fp4, dtype: torch.dtype) -> None:
        super().__init__()
        self.matrix, self.dtype = matrix, dtype
        bytes_ = torch.arange(256, dtype=torch.uint8)
        self._pairs = values(unpack(bytes_[:, None])).numpy()
        self._small = (bytes_.view(torch.float8_e4m3fn).float() * matrix.whole).numpy()

    @property
    def weight(self) -> Tensor:
        """One vector of the kind that comes out: memory for keys is made like it."""
        return torch.empty(1, 2 * self.matrix.codes_FD.shape[1], dtype=self.dtype)

    def rows(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """(ids, D), without torch: its other threads would go on looking for work where loops need the cores."""
        codes = self.matrix.codes_FD.numpy()[list(ids)]
        scales = self._small[self.matrix.scales_FN.view(torch.uint8).numpy()[list(ids)]]
        levels = self._pairs[codes].reshape(len(codes), -1, BLOCK)
        found: NDArray[np.float32] = (levels * scales[..., None]).reshape(len(codes), -1)
        return found

    def forward(self, ids: Tensor) -> Tensor:
        """(..., D)."""
        rows = ids.flatten()
        codes, scales, whole = self.matrix
        chosen = Fp4(codes[rows], scales.view(torch.uint8)[rows].view(scales.dtype), whole)
        return unpack_weight(chosen, self.dtype).view(*ids.shape, -1)


def unpack_weight(matrix: Fp4, dtype: torch.dtype) -> Tensor:
    """The weights (F, D). In bfloat16 they are off by its rounding."""
    pairs = _byte_pairs(dtype)
    levels_FD = pairs[matrix.codes_FD.int()].view(dtype)
    scales_FN1 = (matrix.scales_FN.float() * matrix.whole).to(dtype)[..., None]
    weight_FD: Tensor = (levels_FD.unflatten(1, (-1, BLOCK)) * scales_FN1).flatten(1)
    return weight_FD


def _byte_pairs(dtype: torch.dtype) -> Tensor:
    """What each of 256 bytes means, two numbers in one: (256,)."""
    both = values(unpack(torch.arange(256, dtype=torch.uint8)[:, None])).to(dtype)
    return both.view(torch.int32 if dtype.itemsize == 2 else torch.int64)[:, 0]
