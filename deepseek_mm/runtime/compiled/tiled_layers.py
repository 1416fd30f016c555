"""Layers whose weights lie only in the tiles that the loops read: a byte a weight, for models that are large here.

The packaged model is small, so it keeps its weights twice, in few bits for the next token and in bfloat16 for prompts:
three bytes a weight. A model of billions cannot. Here both read the tiles: few rows are multiplied by the loops'
product, and for a prompt a matrix is unpacked some outputs at a time, which next to the product of hundreds of rows is
little work. A model is opened a weight at a time, so opening takes no more memory than it has afterwards.

Shape key:  M rows, D inputs, F outputs, V vocabulary
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepseek_mm.lm.backends.own_model import ModelCheckpoint
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.model_folders import fingerprint, read_shape
from deepseek_mm.lm.weights import WORDS, read_parts
from deepseek_mm.runtime.compiled.jit import LANES, ThreadShare
from deepseek_mm.runtime.compiled.layout import Floats, QuantizedInputs
from deepseek_mm.runtime.compiled.tiles import (
    EIGHT,
    FOUR,
    PackedMatrix,
    join_matrices,
    pack_matrix,
    product,
    unpack_tiles,
)
from deepseek_mm.runtime.compiled.vectors import GROUP
from deepseek_mm.runtime.quantization.packed_linear import ON_GRID

DTYPE = torch.bfloat16
PIECE = 4_096  # outputs of a matrix that are worked on at once
FEW = 16  # rows up to which the loops' product is faster than unpacking
ALONE = ThreadShare(0, 1)


class TiledLinear(nn.Module):
    """A linear layer over packed tiles."""

    def __init__(self, packed: PackedMatrix, outputs: int) -> None:
        super().__init__()
        self.packed, self.out_features, self.in_features = packed, outputs, int(packed.row[3])
        self.bias: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) to (..., F)."""
        x_MD = x.reshape(-1, self.in_features)
        y_MF = self._multiply(x_MD) if len(x_MD) <= FEW else self._unpack_and_multiply(x_MD)
        y = y_MF.view(*x.shape[:-1], self.out_features)
        return y if self.bias is None else y + self.bias

    def _multiply(self, x_MD: Tensor) -> Tensor:
        rows, inputs = x_MD.shape
        levels, sums = np.empty((rows, inputs), np.int8), np.empty((rows, inputs // GROUP, 2), np.float32)
        y_MF = np.empty((rows, int(self.packed.row[2])), np.float32)
        product(self.packed.row, x_MD.float().contiguous().numpy(), QuantizedInputs(levels, sums), y_MF, ALONE)
        return torch.from_numpy(y_MF[:, : self.out_features]).to(x_MD.dtype)

    def _unpack_and_multiply(self, x_MD: Tensor) -> Tensor:
        pieces = [F.linear(x_MD, weight_FD.to(x_MD.dtype)) for weight_FD in self._pieces()]
        return torch.cat(pieces, -1)

    def _pieces(self) -> Iterator[Tensor]:
        """The weight in bfloat16, some outputs after the other."""
        for start in range(0, self.out_features, PIECE):
            tiles = slice(start // LANES, (start + PIECE) // LANES)
            yield unpack_tiles(self.packed, tiles)[: self.out_features - start]


class TiledEmbedding(nn.Module):
    """Vectors of words out of the tiles of a head in eight bits: output v of tile t is its lane v - 16 t."""

    def __init__(self, packed: PackedMatrix) -> None:
        super().__init__()
        self._levels, self._scale_V = packed.held

    @property
    def weight(self) -> Tensor:
        """One vector of the kind that comes out: memory for keys is made like it."""
        return torch.empty(1, 4 * self._levels.shape[1], dtype=DTYPE)

    def forward(self, ids: Tensor) -> Tensor:
        """(..., D)."""
        levels = self._levels[ids // LANES, :, ids % LANES].flatten(-2)
        return (levels * self._scale_V[ids][..., None]).to(DTYPE)

    def rows(self, ids: Sequence[int]) -> Floats:
        """Vectors of tokens, (B, D), for the loops; not by torch, whose threads would keep looking for work."""
        levels, scale_V = self._levels.numpy(), self._scale_V.view(torch.int16).numpy().view(np.uint16)
        numbers = np.array(ids)
        scale_B = (scale_V[numbers].astype(np.uint32) << 16).view(np.float32)
        found: Floats = levels[numbers // LANES, :, numbers % LANES].reshape(len(ids), -1) * scale_B[:, None]
        return found


def pack_by_pieces(weight_FD: Tensor, *, least_bits: int) -> PackedMatrix:
    """In four bits where they lose nothing and are wanted, else in eight; a part of it at a time."""
    if least_bits == FOUR and pack_matrix(weight_FD[:LANES], FOUR, most_off=ON_GRID).bits == FOUR:
        parts = [pack_matrix(piece, FOUR, most_off=ON_GRID) for piece in weight_FD.split(PIECE)]
        if all(part.bits == FOUR for part in parts):
            return join_matrices(parts)
    return join_matrices([pack_matrix(piece, EIGHT, most_off=ON_GRID) for piece in weight_FD.split(PIECE)])


def open_tiled(checkpoint: ModelCheckpoint) -> tuple[Decoder, str]:
    """The decoder of a folder, and its fingerprint. BadCheckpoint says what it lacks."""
    assert checkpoint.changes is None, "changes are merged into weights in sixteen bits"
    shape = read_shape(checkpoint.folder)
    with torch.device("meta"):
        decoder = Decoder(shape)
    for name, weight in read_parts(checkpoint.folder, shape):
        place, end = name.rsplit(".", 1)
        layer = decoder.get_submodule(place)
        if name == WORDS:
            _place_words(decoder, weight)
        elif isinstance(layer, nn.Linear):
            bits = EIGHT if place == "head" else FOUR
            decoder.set_submodule(place, TiledLinear(pack_by_pieces(weight, least_bits=bits), len(weight)))
        elif end == "bias":
            layer.bias = weight.to(DTYPE, copy=True)
        else:
            layer.weight = nn.Parameter(weight.to(DTYPE, copy=True))
    return decoder.eval().requires_grad_(False), fingerprint(checkpoint.folder)


def _place_words(decoder: Decoder, weight_VD: Tensor) -> None:
    """Words to look up, and where it is tied the head, over the same tiles."""
    packed = pack_by_pieces(weight_VD, least_bits=EIGHT)
    decoder.embedding = TiledEmbedding(packed)  # type: ignore[assignment]
    if decoder.shape.tied:
        decoder.head = TiledLinear(packed, len(weight_VD))  # type: ignore[assignment]
