"""Weights in fewer bits, put into a model from outside: the models do not know.

`packed` is what the decoder does at every start; the rest makes and opens files: `fp4` numbers of four bits, `gptq`
with them, `mend` and `fit` the decoder for them, `ranges`, `towers` and `space` the calibrated towers, `aware` those
that training makes feel it, `language` the decoder from a file, `dynamic` any model, `kept` the files.
"""

from deepseek_mm.runtime.quantization.packed_linear import (
    ALL_ALIKE,
    BITS,
    FEW,
    GROUP,
    LEAST,
    ON_GRID,
    TILE,
    WIDE,
    PackedLinear,
    count_bits,
    eight_bits,
    four_bits,
    four_bits_within,
    off_by,
    pack_for_decode,
    pack_linears,
)

__all__ = [
    "ALL_ALIKE",
    "BITS",
    "FEW",
    "GROUP",
    "LEAST",
    "ON_GRID",
    "TILE",
    "WIDE",
    "PackedLinear",
    "eight_bits",
    "four_bits",
    "four_bits_within",
    "off_by",
    "pack_for_decode",
    "pack_linears",
    "count_bits",
]
