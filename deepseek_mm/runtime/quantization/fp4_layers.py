"""Layers whose weights stay in four bits in memory: two to a byte, and a scale for sixteen.

For many rows, a prompt, the weight of a layer is unpacked to bfloat16, multiplied with, and forgotten; 256 pairs of
numbers are all that a byte can mean. One row, the next token, is multiplied by loops of our own (`loops`), which
unpack in registers; where they cannot be, it goes the same way as many.

Shape key:  M rows, D inputs, F outputs, N blocks of a row, G weights of a block, V words
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from deepseek_mm.runtime.quantization.fp4 import BLOCK, Fp4, unpack, values


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
