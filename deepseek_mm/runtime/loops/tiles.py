"""Matrices in few bits times the inputs of a few texts: what a token's time goes into.

A matrix lies in tiles of sixteen outputs, a lane each. Weights of one input lie side by side and an input is spread
over the lanes, so nothing has to be added up across them. A weight is unpacked once for all texts of a batch. For one
text reading is all that counts, and a processor reads a stream faster if it is told in good time where that goes on:
so a core reads 12 GB/s where it read 7 (measured, docs/log.md).

Shape key:  B texts, D inputs, F outputs, N groups of inputs that share a scale
"""

from collections.abc import Iterator
from typing import Any

from llvmlite import ir

from deepseek_mm.runtime.loops.compiled import Array, apart, compiled
from deepseek_mm.runtime.loops.emit import (
    ADDRESS,
    COUNT,
    F32,
    I8,
    I32,
    I64,
    LANES,
    NOTHING,
    Builder,
    Value,
    emitted,
    every,
    fetch,
    fma,
    kept,
    load,
    load_halves,
    moved,
    spread,
    steps,
    store,
    vector,
    whole,
)
from deepseek_mm.runtime.loops.layout import BITS, CODE, INPUTS, OUTPUTS, SCALES, WEIGHTS
from deepseek_mm.runtime.loops.threads import Share
from deepseek_mm.runtime.loops.vectors import FLOATS, GROUP, HALVES, group_sums

FOUR, EIGHT, SIXTEEN = 4, 8, 16  # bits of a weight
AHEAD = 8_192  # bytes that are fetched before they are needed
CHAINS = 8  # sums side by side: two multiplications begin in a cycle, and each takes four


def _unpacked(b: Builder, bits: int, address: Value) -> Iterator[Value]:
    """The weights of a group of inputs, one after the other, sixteen outputs each."""
    for n in range(GROUP * bits // EIGHT if bits < EIGHT else GROUP):
        if bits == SIXTEEN:
            yield load_halves(b, moved(b, address, HALVES * n))
            continue
        levels = load(b, moved(b, address, LANES * n), vector(I8), LANES)
        if bits == EIGHT:
            yield b.sitofp(b.sext(levels, vector(I32)), vector(F32))
            continue
        for half in (b.and_(levels, every(I8, 15)), b.lshr(levels, every(I8, 4))):
            yield b.sitofp(b.zext(half, vector(I32)), vector(F32))


def _group(b: Builder, bits: int, weights: Value, inputs: list[Value]) -> list[Value]:
    """The products of one group of inputs with each text, without its scale."""
    chains = max(1, min(4, CHAINS // len(inputs)))
    parts = [[every(F32, 0.0)] * chains for _ in inputs]
    for n, weight in enumerate(_unpacked(b, bits, weights)):
        for part, address in zip(parts, inputs, strict=True):
            part[n % chains] = fma(b, weight, spread(b, load(b, moved(b, address, 4 * n), F32, 4)), part[n % chains])
    while len(parts[0]) > 1:
        parts = [[b.fadd(*pair) for pair in zip(part[::2], part[1::2], strict=True)] for part in parts]
    return [part[0] for part in parts]


def _tile(bits: int, texts: int) -> Any:
    """Code that multiplies one tile with the inputs of so many texts. Steps are bytes from one text to the next."""

    @emitted(NOTHING, *(ADDRESS,) * 8, COUNT)
    def code(b: Builder, *values: Value) -> None:
        weights, scales, x, x_step, sums, sums_step, y, y_step, groups = values
        x_of, sums_of, y_of = (
            [b.add(first, b.mul(step, whole(n))) for n in range(texts)]
            for first, step in ((x, x_step), (sums, sums_step), (y, y_step))
        )
        totals = [kept(b, every(F32, 0.0)) for _ in range(texts)]
        size = GROUP * LANES * bits // EIGHT
        with steps(b, groups, size, 2 * FLOATS, 4, 2 * HALVES) as (at, at_x, at_sum, at_scale):
            here = b.add(weights, at)
            fetch(b, moved(b, here, AHEAD), size)
            found = _group(b, bits, here, [b.add(first, at_x) for first in x_of])
            if bits == FOUR:
                scale = load_halves(b, b.add(scales, at_scale))
                middle = load_halves(b, moved(b, b.add(scales, at_scale), HALVES))
                shifts = [spread(b, load(b, b.add(first, at_sum), F32, 4)) for first in sums_of]
                found = [fma(b, scale, part, b.fmul(middle, s)) for part, s in zip(found, shifts, strict=True)]
            for total, part in zip(totals, found, strict=True):
                b.store(b.fadd(b.load(total), part), total)
        scale = load_halves(b, scales) if bits == EIGHT else every(F32, 1.0)
        for total, place in zip(totals, y_of, strict=True):
            store(b, b.fmul(b.load(total), scale), place)

    return code


four_1, four_2, four_4, four_8 = (_tile(FOUR, texts) for texts in (1, 2, 4, 8))
eight_1, eight_2, eight_4, eight_8 = (_tile(EIGHT, texts) for texts in (1, 2, 4, 8))
sixteen_1, sixteen_4 = (_tile(SIXTEEN, texts) for texts in (1, 4))


@emitted(NOTHING, *(COUNT,) * 13)
def _call(b: Builder, *values: Value) -> None:
    """The function at the first value, with all others."""
    address, *rest = values
    kind = ir.FunctionType(ir.VoidType(), [I64] * len(rest))
    b.call(b.inttoptr(address, kind.as_pointer()), rest)


@apart(NOTHING(*(COUNT,) * 12))
def MULTIPLY(
    bits: int, weights: int, scales: int, groups: int, x: int, x_step: int, sums: int, sums_step: int, y: int,
    y_step: int, texts: int, tiles: int,
) -> None:  # fmt: skip
    """Some tiles times the inputs of all texts, as many of them at a time as one piece of code takes."""
    size, scale_size = groups * GROUP * LANES * bits // EIGHT, HALVES * (2 * groups if bits == FOUR else 1)
    for tile in range(tiles):
        w, s, n = weights + tile * size, scales + tile * scale_size, 0
        while n < texts:
            a, c, d, left = x + n * x_step, sums + n * sums_step, y + n * y_step + tile * FLOATS, texts - n
            if bits == FOUR and left >= 8:
                four_8(w, s, a, x_step, c, sums_step, d, y_step, groups)
                n += 8
            elif bits == FOUR and left >= 4:
                four_4(w, s, a, x_step, c, sums_step, d, y_step, groups)
                n += 4
            elif bits == FOUR and left >= 2:
                four_2(w, s, a, x_step, c, sums_step, d, y_step, groups)
                n += 2
            elif bits == FOUR:
                four_1(w, s, a, x_step, c, sums_step, d, y_step, groups)
                n += 1
            elif bits == EIGHT and left >= 8:
                eight_8(w, s, a, x_step, c, sums_step, d, y_step, groups)
                n += 8
            elif bits == EIGHT and left >= 4:
                eight_4(w, s, a, x_step, c, sums_step, d, y_step, groups)
                n += 4
            elif bits == EIGHT and left >= 2:
                eight_2(w, s, a, x_step, c, sums_step, d, y_step, groups)
                n += 2
            elif bits == EIGHT:
                eight_1(w, s, a, x_step, c, sums_step, d, y_step, groups)
                n += 1
            elif left >= 4:
                sixteen_4(w, s, a, x_step, c, sums_step, d, y_step, groups)
                n += 4
            else:
                sixteen_1(w, s, a, x_step, c, sums_step, d, y_step, groups)
                n += 1


@compiled
def multiply(matrix: Array, x_BD: Array, sums_BN: Array, y_BF: Array, first: int, last: int) -> None:
    """Tiles `first` .. `last` - 1 of a matrix times the inputs of all texts."""
    bits, inputs = matrix[BITS], matrix[INPUTS]
    _call(
        matrix[CODE], bits, matrix[WEIGHTS] + first * inputs * LANES * bits // EIGHT,
        matrix[SCALES] + first * HALVES * (2 * inputs // GROUP if bits == FOUR else 1), inputs // GROUP,
        x_BD.ctypes.data, x_BD.strides[0], sums_BN.ctypes.data, sums_BN.strides[0],
        y_BF.ctypes.data + first * FLOATS, y_BF.strides[0], len(x_BD), last - first,
    )  # fmt: skip


@compiled
def sum_groups(x_BD: Array, inputs: int, sums_BN: Array) -> None:
    """What a product with a matrix in four bits asks for."""
    for b in range(len(x_BD)):
        group_sums(x_BD[b].ctypes.data, inputs // GROUP, sums_BN[b].ctypes.data)


@compiled
def product(matrix: Array, x_BD: Array, sums_BN: Array, y_BF: Array, share: Share) -> tuple[int, int]:
    """This thread's share of a matrix times the inputs of all texts; returns the first and the last output."""
    if matrix[BITS] == FOUR:
        sum_groups(x_BD, matrix[INPUTS], sums_BN)
    first, last = tiles_of(matrix[OUTPUTS], share)
    multiply(matrix, x_BD, sums_BN, y_BF, first, last)
    return first * LANES, last * LANES


@compiled
def tiles_of(outputs: int, share: Share) -> tuple[int, int]:
    """This thread's tiles: the first, and the one behind the last."""
    tiles = outputs // LANES
    return tiles * share.rank // share.size, tiles * (share.rank + 1) // share.size
