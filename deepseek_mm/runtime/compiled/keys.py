"""Queries against keys, and weights against values, that lie one after the other in bfloat16.

The query heads that share a key head go together, so that a key is unpacked once for all of them. Four keys are met at
a time: to add up the lanes of four products takes little longer than those of one.

Shape key:  R query heads of a key head, S keys, K head width: `parts` vectors
"""

from typing import Any

from llvmlite import ir

from deepseek_mm.runtime.compiled.emit import (
    ADDRESS,
    COUNT,
    F32,
    I32,
    LANES,
    LINE,
    NOTHING,
    NUMBER,
    Builder,
    Value,
    broadcast,
    fma,
    int_constant,
    llvm_function,
    load,
    load_floats,
    load_halves,
    make_variable,
    offset_address,
    prefetch,
    steps,
    store,
    total,
)
from deepseek_mm.runtime.compiled.jit import Array, jit
from deepseek_mm.runtime.compiled.vectors import FLOATS, HALVES

TOGETHER = 4  # keys
PREFETCH_BYTES = 4_096  # bytes that are fetched before they are needed, as far as they are still of the same piece
FIRST_HALVES = [*range(8), *range(16, 24)]  # lanes of two vectors, for `_folded`
FIRST_QUARTERS = [*range(4), *range(8, 12), *range(16, 20), *range(24, 28)]


def _fold_lanes(b: Builder, x: Value, y: Value, first: list[int], step: int) -> Value:
    """Two vectors in one: lanes of each that are `step` apart added up."""
    one, other = (
        b.shuffle_vector(x, y, ir.Constant(ir.VectorType(I32, LANES), [lane + more for lane in first]))
        for more in (0, step)
    )
    return b.fadd(one, other)


def _four_totals(b: Builder, products: list[Value]) -> Value:
    """The sums over the lanes of four vectors, side by side."""
    first, second, third, fourth = products
    pairs = _fold_lanes(b, first, second, FIRST_HALVES, 8), _fold_lanes(b, third, fourth, FIRST_HALVES, 8)
    quarters = _fold_lanes(b, pairs[0], pairs[1], FIRST_QUARTERS, 4)
    for apart in (2, 1):
        turned = [lane // 4 * 4 + (lane + apart) % 4 for lane in range(LANES)]
        shuffled = b.shuffle_vector(quarters, quarters, ir.Constant(ir.VectorType(I32, LANES), turned))
        quarters = b.fadd(quarters, shuffled)
    return b.shuffle_vector(quarters, quarters, ir.Constant(ir.VectorType(I32, TOGETHER), [0, 4, 8, 12]))


def _products(b: Builder, queries: list[list[Value]], key: Value) -> list[Value]:
    """One key times the queries of all heads, lanes not yet added up."""
    unpacked = [load_halves(b, offset_address(b, key, HALVES * n)) for n in range(len(queries[0]))]
    found = [b.fmul(query[0], unpacked[0]) for query in queries]
    for n in range(1, len(unpacked)):
        found = [fma(b, query[n], unpacked[n], part) for query, part in zip(queries, found, strict=True)]
    return found


def _less(b: Builder, one: Value, other: Value) -> Value:
    """The smaller one."""
    return b.select(b.icmp_unsigned("<", one, other), one, other)


def _scores(parts: int, heads: int) -> Any:
    """Scores (R, S) of queries (R, K); rows of scores are `step` bytes apart."""

    @llvm_function(NOTHING, ADDRESS, ADDRESS, COUNT, ADDRESS, COUNT, NUMBER)
    def code(b: Builder, *values: Value) -> None:
        rows, keys, count, scores, step, scale = values
        size, factor = HALVES * parts, broadcast(b, scale)
        queries = [
            [b.fmul(load_floats(b, offset_address(b, rows, FLOATS * (head * parts + n))), factor) for n in range(parts)]
            for head in range(heads)
        ]
        out = [b.add(scores, b.mul(step, int_constant(head))) for head in range(heads)]
        fours, four = b.udiv(count, int_constant(TOGETHER)), int_constant(TOGETHER * size)
        last = b.add(keys, b.sub(b.mul(count, int_constant(size)), four))
        with steps(b, fours, TOGETHER * size, 4 * TOGETHER) as (at, to):
            prefetch(b, _less(b, offset_address(b, b.add(keys, at), PREFETCH_BYTES), last), TOGETHER * size)
            each = [_products(b, queries, offset_address(b, b.add(keys, at), n * size)) for n in range(TOGETHER)]
            for row, products in zip(out, zip(*each, strict=True), strict=True):
                store(b, _four_totals(b, list(products)), b.add(row, to))
        done = b.mul(fours, int_constant(TOGETHER))
        keys = b.add(keys, b.mul(done, int_constant(size)))
        with steps(b, b.sub(count, done), size, 4) as (at, to):
            for row, product in zip(out, _products(b, queries, b.add(keys, at)), strict=True):
                store(b, total(b, product), b.add(b.add(row, b.mul(done, int_constant(4))), to))

    return code


def _weigh(parts: int, heads: int) -> Any:
    """Values (S, K), weighed (R, S), join sums (R, K); rows of weights are `step` bytes apart."""

    @llvm_function(NOTHING, ADDRESS, COUNT, ADDRESS, COUNT, ADDRESS)
    def code(b: Builder, *values: Value) -> None:
        weights, step, rows, count, sums = values
        places = [[offset_address(b, sums, FLOATS * (head * parts + n)) for n in range(parts)] for head in range(heads)]
        held = [[make_variable(b, load_floats(b, place)) for place in row] for row in places]
        last = b.add(rows, b.mul(b.sub(count, int_constant(1)), int_constant(HALVES * parts)))
        with steps(b, count, HALVES * parts, 4) as (at, to):
            value = b.add(rows, at)
            prefetch(b, _less(b, offset_address(b, value, PREFETCH_BYTES), last), HALVES * parts)
            unpacked = [load_halves(b, offset_address(b, value, HALVES * n)) for n in range(parts)]
            for head, row in enumerate(held):
                weight = broadcast(b, load(b, b.add(b.add(weights, b.mul(step, int_constant(head))), to), F32, 4))
                for part, half in zip(row, unpacked, strict=True):
                    b.store(fma(b, weight, half, b.load(part)), part)
        for row, row_places in zip(held, places, strict=True):
            for part, place in zip(row, row_places, strict=True):
                store(b, b.load(part), place)

    return code


scores_1_1, scores_2_1, scores_4_1, scores_4_3, scores_8_1 = (
    _scores(*kind) for kind in ((1, 1), (2, 1), (4, 1), (4, 3), (8, 1))
)
weigh_1_1, weigh_2_1, weigh_4_1, weigh_4_3, weigh_8_1 = (
    _weigh(*kind) for kind in ((1, 1), (2, 1), (4, 1), (4, 3), (8, 1))
)


@llvm_function(NOTHING, ADDRESS, COUNT)
def prefetch_range(b: Builder, address: Value, size: Value) -> None:
    """The first bytes of a piece that is read soon."""
    with steps(b, b.udiv(_less(b, size, int_constant(PREFETCH_BYTES)), int_constant(LINE)), LINE) as (at,):
        prefetch(b, b.add(address, at), LINE)


@jit
def score(q_RK: Array, keys: int, count: int, scores_RS: Array) -> None:
    """The scores of `count` keys."""
    heads, width = q_RK.shape
    scale, step, out = width**-0.5, scores_RS.strides[0], scores_RS.ctypes.data
    if width == 4 * LANES and heads == 3:
        scores_4_3(q_RK.ctypes.data, keys, count, out, step, scale)
        return
    for head in range(heads):
        query, row = q_RK[head].ctypes.data, out + head * step
        if width == 4 * LANES:
            scores_4_1(query, keys, count, row, step, scale)
        elif width == 2 * LANES:
            scores_2_1(query, keys, count, row, step, scale)
        elif width == 8 * LANES:
            scores_8_1(query, keys, count, row, step, scale)
        else:
            scores_1_1(query, keys, count, row, step, scale)


@jit
def weigh(weights_RS: Array, values: int, count: int, sums_RK: Array) -> None:
    """Values join the sums of all heads."""
    heads, width = sums_RK.shape
    step = weights_RS.strides[0]
    if width == 4 * LANES and heads == 3:
        weigh_4_3(weights_RS.ctypes.data, step, values, count, sums_RK.ctypes.data)
        return
    for head in range(heads):
        row, sums = weights_RS[head].ctypes.data, sums_RK[head].ctypes.data
        if width == 4 * LANES:
            weigh_4_1(row, step, values, count, sums)
        elif width == 2 * LANES:
            weigh_2_1(row, step, values, count, sums)
        elif width == 8 * LANES:
            weigh_8_1(row, step, values, count, sums)
        else:
            weigh_1_1(row, step, values, count, sums)
