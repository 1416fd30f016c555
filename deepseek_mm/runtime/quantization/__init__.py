"""Weights in fewer bits, put into a model from outside: the models have no code for it.

`packed_linear` is what the decoder uses at every start. The other modules make and open files: `fp4` and `int8_layers`
are the layers, `error_compensation` quantizes the decoder to FP4, `int8_towers` and `int8_space` quantize the default
space, `lm_files` and `weight_files` read and write.
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
