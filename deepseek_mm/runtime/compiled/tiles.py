"""Matrices in few bits, packed into tiles of sixteen outputs, and their product with the inputs of a few texts.

Each of a tile's sixteen outputs has a lane, and an input is broadcast to all lanes, so nothing is added up across
lanes. A weight is unpacked once for all texts of a batch. For one text the product is bound by memory: prefetching
raises a core's rate from 7 to 12 GB/s (docs/log/). For eight texts it is bound by arithmetic: where the processor has
them, instructions that multiply four pairs of bytes in every lane do a quarter of the work, with inputs rounded to 127
levels a group (`quantize_groups`).

Levels of four inputs lie side by side for each output. In four bits an input shares a byte with the fourth one after
it, which has the upper half, and the sixteen scales of a group of inputs are followed by its sixteen middles. The
levels are those of `runtime.quantization`.

Shape key:  B texts, D inputs, F outputs, N groups of inputs that share a scale
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from llvmlite import ir
from numba.core import cgutils
from torch import Tensor
from torch.nn import functional as F

from deepseek_mm.runtime.compiled.jit import (
    ADDRESS,
    COUNT,
    F32,
    HAS_DOTS,
    I32,
    I64,
    LANES,
    NOTHING,
    Array,
    ThreadShare,
    Value,
    VectorBuilder,
    compile_to_address,
    int_constant,
    jit,
    llvm_function,
    vector,
    vector_constant,
)
from deepseek_mm.runtime.compiled.layout import BITS, CODE, INPUTS, OUTPUTS, SCALES, WEIGHTS, Integers, QuantizedInputs
from deepseek_mm.runtime.compiled.vectors import FLOATS, GROUP, HALVES, quantize_groups, sum_groups
from deepseek_mm.runtime.quantization.fp4 import Fp4, unpack
from deepseek_mm.runtime.quantization.packed_linear import eight_bits, four_bits_within

FOUR, EIGHT, SIXTEEN = 4, 8, 16  # bits of a weight
FLOATING = 5  # four bits that are a small float (E2M1), with a scale for half a group
AHEAD = 8_192  # bytes that are fetched before they are needed
CHAINS = 8  # sums side by side: two multiplications begin in a cycle, and each takes four
MANY = (8, 4, 2, 1)  # texts at a time
WORDS = 8  # what the fields of an order are wide, in bytes
(WANTED, FIRST, ITS_SCALES, GROUPS, X, X_STEP, SUMS, SUMS_STEP, Y, Y_STEP, TEXTS, TILES) = range(12)  # of an order
FIELDS = 12

Texts = list[tuple[Value, Value, Value]]  # of each: addresses of its inputs, of its sums, and of its outputs


def _unpack_weights(b: VectorBuilder, bits: int, address: Value) -> Iterator[Value]:
    """The weights of a group of inputs as floats, one input after the other, sixteen outputs each."""
    if bits == SIXTEEN:
        for n in range(GROUP):
            yield b.load_halves(b.offset_address(address, HALVES * n))
        return
    for n in range(GROUP * wide(bits) // 32):
        levels = b.load_at(b.offset_address(address, FLOATS * n), vector(I32), FLOATS // 4)
        for shift in (0, 8, 16, 24) if bits == EIGHT else (0, 8, 16, 24, 4, 12, 20, 28):
            if bits == EIGHT:
                yield b.sitofp(
                    b.ashr(b.shl(levels, vector_constant(I32, 24 - shift)), vector_constant(I32, 24)), vector(F32)
                )
            elif bits == FLOATING:
                yield b.small_floats(b.lshr(levels, vector_constant(I32, shift)))
            else:
                yield b.sitofp(
                    b.and_(b.lshr(levels, vector_constant(I32, shift)), vector_constant(I32, 15)), vector(F32)
                )


def wide(bits: int) -> int:
    """The bits that a weight takes in memory."""
    return FOUR if bits == FLOATING else bits


def _products(b: VectorBuilder, bits: int, weights: Value, inputs: list[Value]) -> list[Value]:
    """The products of one group of weights with each text's inputs, in floats, without the group's scale."""
    return _sum_products(b, list(enumerate(_unpack_weights(b, bits, weights))), inputs)


def _scaled_products(b: VectorBuilder, weights: Value, scales: Value, inputs: list[Value]) -> list[Value]:
    """The same for FP4 weights, with the scales of both halves."""
    every_weight = list(enumerate(_unpack_weights(b, FLOATING, weights)))
    first, second = (
        _sum_products(b, half, inputs) for half in (every_weight[: GROUP // 2], every_weight[GROUP // 2 :])
    )
    one, other = b.load_halves(scales), b.load_halves(b.offset_address(scales, HALVES))
    return [b.fma(one, x, b.fmul(other, y)) for x, y in zip(first, second, strict=True)]


def _sum_products(b: VectorBuilder, numbered: list[tuple[int, Value]], inputs: list[Value]) -> list[Value]:
    """Sum inputs of every text, by their number in the group, times their weights."""
    chains = max(1, min(4, CHAINS // len(inputs)))
    parts = [[vector_constant(F32, 0.0)] * chains for _ in inputs]
    for n, weight in numbered:
        for part, address in zip(parts, inputs, strict=True):
            part[n % chains] = b.fma(
                weight, b.broadcast(b.load_at(b.offset_address(address, 4 * n), F32, 4)), part[n % chains]
            )
    while len(parts[0]) > 1:
        parts = [[b.fadd(*pair) for pair in zip(part[::2], part[1::2], strict=True)] for part in parts]
    return [part[0] for part in parts]


def _bytes(b: VectorBuilder, bits: int, address: Value) -> Iterator[Value]:
    """The weights of a group of inputs as bytes without a sign, four inputs of sixteen outputs each."""
    for n in range(GROUP * bits // 32):
        levels = b.load_at(b.offset_address(address, FLOATS * n), vector(I32), FLOATS // 4)
        if bits == EIGHT:
            yield b.xor(levels, vector_constant(I32, 0x80808080))  # 128 more than the level
        else:
            yield b.and_(levels, vector_constant(I32, 0x0F0F0F0F))
            yield b.and_(b.lshr(levels, vector_constant(I32, 4)), vector_constant(I32, 0x0F0F0F0F))


def _dots(b: VectorBuilder, bits: int, weights: Value, inputs: list[Value]) -> list[Value]:
    """The same for int8 inputs."""
    parts = [[vector_constant(I32, 0)] * 2 for _ in inputs]
    for n, weight in enumerate(_bytes(b, bits, weights)):
        for part, address in zip(parts, inputs, strict=True):
            part[n % 2] = b.dots(part[n % 2], weight, b.broadcast(b.load_at(b.offset_address(address, 4 * n), I32, 4)))
    return [b.sitofp(b.add(*part), vector(F32)) for part in parts]


def _tile(b: VectorBuilder, kind: tuple[int, bool], texts: Texts, matrix: tuple[Value, Value, Value]) -> None:
    """One tile, given by addresses of weights and scales and its number of groups, times the inputs of some texts."""
    (bits, by_dots), (weights, scales, groups) = kind, matrix
    totals = [b.make_variable(vector_constant(F32, 0.0)) for _ in texts]
    size, width = GROUP * LANES * wide(bits) // 8, GROUP if by_dots else 4 * GROUP
    with b.for_steps(groups, size, width, 8, 2 * HALVES) as (at, at_x, at_sum, at_scale):
        here = b.add(weights, at)
        b.prefetch(b.offset_address(here, AHEAD), size)
        inputs = [b.add(x, at_x) for x, _, _ in texts]
        if bits == FLOATING:
            found = _scaled_products(b, here, b.add(scales, at_scale), inputs)
        else:
            found = (_dots if by_dots else _products)(b, bits, here, inputs)
        units, shifts = (
            [b.broadcast(b.load_at(b.offset_address(b.add(sums, at_sum), n), F32, 4)) for _, sums, _ in texts]
            for n in (0, 4)
        )
        if by_dots:
            found = [b.fmul(part, unit) for part, unit in zip(found, units, strict=True)]
        if bits == FOUR:
            scale = b.load_halves(b.add(scales, at_scale))
            middle = b.load_halves(b.offset_address(b.add(scales, at_scale), HALVES))
            found = [b.fma(scale, part, b.fmul(middle, s)) for part, s in zip(found, shifts, strict=True)]
        elif by_dots:
            found = [b.fma(vector_constant(F32, -128.0), s, part) for part, s in zip(found, shifts, strict=True)]
        for summed, part in zip(totals, found, strict=True):
            b.store(b.fadd(b.load(summed), part), summed)
    scale = b.load_halves(scales) if bits == EIGHT else vector_constant(F32, 1.0)
    for summed, (_, _, y) in zip(totals, texts, strict=True):
        b.store_at(b.fmul(b.load(summed), scale), y)


def tile_for_all(bits: int, *, by_dots: bool) -> Any:
    """Code that multiplies tile `number` of an order with the inputs of all its texts."""

    @llvm_function(NOTHING, ADDRESS, COUNT)
    def code(b: VectorBuilder, order: Value, number: Value) -> None:
        weights, scales, groups, x, x_step, sums, sums_step, y, y_step, texts = (
            b.number_at(order, n)
            for n in (FIRST, ITS_SCALES, GROUPS, X, X_STEP, SUMS, SUMS_STEP, Y, Y_STEP, TEXTS)
        )  # fmt: skip
        scaled = b.mul(groups, int_constant(2 * HALVES)) if wide(bits) == FOUR else int_constant(HALVES)
        weights = b.add(weights, b.mul(b.mul(groups, int_constant(GROUP * LANES * wide(bits) // 8)), number))
        scales, y = b.add(scales, b.mul(scaled, number)), b.add(y, b.mul(number, int_constant(FLOATS)))
        done = int_constant(0)
        for many in MANY:
            times = b.udiv(b.sub(texts, done), int_constant(many))
            with cgutils.for_range(b, times) as loop:
                first = b.add(done, b.mul(loop.index, int_constant(many)))
                some = [b.add(first, int_constant(n)) for n in range(many)]
                places: Texts = [
                    (b.add(x, b.mul(n, x_step)), b.add(sums, b.mul(n, sums_step)), b.add(y, b.mul(n, y_step)))
                    for n in some
                ]
                _tile(b, (bits, by_dots), places, (weights, scales, groups))
            done = b.add(done, b.mul(times, int_constant(many)))

    return code


in_four, in_eight = (tile_for_all(bits, by_dots=HAS_DOTS) for bits in (FOUR, EIGHT))
in_sixteen, in_floating = (tile_for_all(bits, by_dots=False) for bits in (SIXTEEN, FLOATING))


@llvm_function(COUNT, ADDRESS, COUNT)
def field(b: VectorBuilder, order: Value, number: Value) -> Value:
    return b.load_at(b.add(order, b.mul(number, int_constant(WORDS))), I64, WORDS)


@llvm_function(NOTHING, ADDRESS, ADDRESS)
def _call(b: VectorBuilder, code: Value, order: Value) -> None:
    """The function at an address, with an order."""
    kind = ir.FunctionType(ir.VoidType(), [I64])
    b.call(b.inttoptr(code, kind.as_pointer()), [order])


@compile_to_address(NOTHING(ADDRESS))
def MULTIPLY(order: int) -> None:
    """Execute an order: some tiles times the inputs of all texts."""
    bits = field(order, WANTED)
    for tile in range(field(order, TILES)):
        if bits == FOUR:
            in_four(order, tile)
        elif bits == EIGHT:
            in_eight(order, tile)
        elif bits == FLOATING:
            in_floating(order, tile)
        else:
            in_sixteen(order, tile)


@jit
def multiply(matrix: Array, x_BD: Array, ready: QuantizedInputs, y_BF: Array, first: int, last: int) -> None:
    """Tiles `first` .. `last` - 1 of a matrix times the inputs of all texts, which were made ready for it."""
    bits, inputs = matrix[BITS], matrix[INPUTS]
    order = np.empty(FIELDS, np.int64)
    order[WANTED], order[GROUPS], order[TEXTS], order[TILES] = bits, inputs // GROUP, len(x_BD), last - first
    width = FOUR if bits == FLOATING else bits
    order[FIRST] = matrix[WEIGHTS] + first * inputs * LANES * width // 8
    order[ITS_SCALES] = matrix[SCALES] + first * HALVES * (2 * inputs // GROUP if width == FOUR else 1)
    if HAS_DOTS and bits != SIXTEEN and bits != FLOATING:
        order[X], order[X_STEP] = ready.levels.ctypes.data, ready.levels.strides[0]
    else:
        order[X], order[X_STEP] = x_BD.ctypes.data, x_BD.strides[0]
    order[SUMS], order[SUMS_STEP] = ready.sums.ctypes.data, ready.sums.strides[0]
    order[Y], order[Y_STEP] = y_BF.ctypes.data + first * FLOATS, y_BF.strides[0]
    _call(matrix[CODE], order.ctypes.data)
    order[0] = 0  # an array that only its address speaks of would be gone by now


@jit
def make_ready(x_BD: Array, inputs: int, ready: QuantizedInputs) -> None:
    """Quantize the inputs for products with matrices in four or eight bits."""
    for b in range(len(x_BD)):
        x, sums = x_BD[b].ctypes.data, ready.sums[b].ctypes.data
        if HAS_DOTS:
            quantize_groups(x, inputs // GROUP, ready.levels[b].ctypes.data, sums)
        else:
            sum_groups(x, inputs // GROUP, sums)


@jit
def product(matrix: Array, x_BD: Array, ready: QuantizedInputs, y_BF: Array, share: ThreadShare) -> tuple[int, int]:
    """This thread's share of a matrix times the inputs of all texts; returns the first and the last output."""
    if matrix[BITS] != SIXTEEN and matrix[BITS] != FLOATING:
        make_ready(x_BD, matrix[INPUTS], ready)
    first, last = tiles_of(matrix[OUTPUTS], share)
    multiply(matrix, x_BD, ready, y_BF, first, last)
    return first * LANES, last * LANES


@jit
def tiles_of(outputs: int, share: ThreadShare) -> tuple[int, int]:
    """This thread's tiles: the first, and the one behind the last."""
    tiles = outputs // LANES
    return tiles * share.rank // share.size, tiles * (share.rank + 1) // share.size


class PackedMatrix(NamedTuple):
    """A matrix as `layout` describes it, and the tensors that its addresses point to."""

    row: Integers  # (6,)
    held: tuple[Tensor, Tensor]

    @property
    def bits(self) -> int:
        """Of a weight."""
        return int(self.row[BITS])


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


def join_matrices(parts: Sequence[PackedMatrix]) -> PackedMatrix:
    """One matrix of parts in the same bits, outputs after outputs; all but the last are whole tiles."""
    first = parts[0]
    weights, scales = (torch.cat(held) for held in zip(*(part.held for part in parts), strict=True))
    row = first.row.copy()
    row[[WEIGHTS, SCALES]] = weights.data_ptr(), scales.data_ptr()
    row[OUTPUTS] = sum(int(part.row[OUTPUTS]) for part in parts)
    return PackedMatrix(row, (weights, scales))


def unpack_tiles(matrix: PackedMatrix, tiles: slice) -> Tensor:
    """The outputs of some tiles of a matrix in four or eight bits, (F, D), in bfloat16."""
    weights, scales = matrix.held
    some = weights[tiles]
    if matrix.bits == EIGHT:
        fours = some.view(torch.int32).squeeze(
            -1
        )  # (tiles, D / 4, LANES): moving them is four times the speed of bytes
        levels_FD = fours.transpose(1, 2).contiguous().view(torch.int8).flatten(0, 1)
        return levels_FD.bfloat16().mul_(scales[tiles.start * LANES : tiles.stop * LANES, None])
    levels = torch.stack((some & 15, some >> 4), 2).flatten(1, 2).transpose(1, 2).flatten(2)  # (tiles, LANES, D)
    scale, middle = scales[tiles].permute(2, 0, 3, 1)[..., None]  # each (tiles, LANES, N, 1)
    four_FD: Tensor = (levels.unflatten(2, (-1, GROUP)) * scale + middle).flatten(2).flatten(0, 1)
    return four_FD


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
