"""Compiled attention of one token over the pages of the key-value cache, one thread's share at a time.

Query heads that share a key head are processed together, so that a key is unpacked once for all of them. Four keys are
scored at a time, since adding up the lanes of four products takes little longer than those of one.

The largest score of a range is found before its exponentials are taken, and earlier sums are scaled down if the new one
is larger (online softmax, Milakov and Gimelshein 2018, arXiv 1805.02867). The threads' states are merged the same way.

Shape key:  H query heads, G key heads, R query heads of a key head, K head width: `parts` vectors, S keys,
            U a text's pages, C blocks seen
"""

import math
from collections.abc import Callable

import numpy as np
from llvmlite import ir

from deepseek_mm.lm.kv_cache.key_value_store import PAGE
from deepseek_mm.runtime.compiled.jit import (
    ADDRESS,
    COUNT,
    F32,
    I32,
    LANES,
    LINE,
    NOTHING,
    NUMBER,
    Array,
    ThreadShare,
    Value,
    VectorBuilder,
    int_constant,
    jit,
    llvm_function,
)
from deepseek_mm.runtime.compiled.layout import (
    BLOCKS,
    GROUP_SIZE,
    KEYS,
    PIECE,
    STEP,
    SUMMARIES,
    SUMMARY_STEP,
    VALUES,
    AttentionState,
)
from deepseek_mm.runtime.compiled.vectors import (
    FLOATS,
    HALVES,
    LEAST,
    add_halves,
    add_times,
    clear,
    exp_shifted,
    largest_of,
    store_rounded,
)

TOGETHER = 4  # keys
SIZES = ((1, 1), (2, 1), (4, 1), (8, 1), (4, 3))  # vectors of a head's width, and heads that are processed together
PREFETCH_BYTES = 4_096  # bytes that are fetched before they are needed, as far as they are still of the same piece
FIRST_HALVES = [*range(8), *range(16, 24)]  # lanes of two vectors, for `_fold_lanes`
FIRST_QUARTERS = [*range(4), *range(8, 12), *range(16, 20), *range(24, 28)]


def _fold_lanes(b: VectorBuilder, x: Value, y: Value, first: list[int], step: int) -> Value:
    """Fold two vectors into one: lanes of each that are `step` apart are added."""
    one, other = (
        b.shuffle_vector(x, y, ir.Constant(ir.VectorType(I32, LANES), [lane + more for lane in first]))
        for more in (0, step)
    )
    return b.fadd(one, other)


def _four_totals(b: VectorBuilder, products: list[Value]) -> Value:
    """The sums over the lanes of four vectors, side by side."""
    first, second, third, fourth = products
    pairs = _fold_lanes(b, first, second, FIRST_HALVES, 8), _fold_lanes(b, third, fourth, FIRST_HALVES, 8)
    quarters = _fold_lanes(b, pairs[0], pairs[1], FIRST_QUARTERS, 4)
    for apart in (2, 1):
        turned = [lane // 4 * 4 + (lane + apart) % 4 for lane in range(LANES)]
        shuffled = b.shuffle_vector(quarters, quarters, ir.Constant(ir.VectorType(I32, LANES), turned))
        quarters = b.fadd(quarters, shuffled)
    return b.shuffle_vector(quarters, quarters, ir.Constant(ir.VectorType(I32, TOGETHER), [0, 4, 8, 12]))


def _products(b: VectorBuilder, queries: list[list[Value]], key: Value) -> list[Value]:
    """One key times the queries of all heads, lanes not yet added up."""
    unpacked = [b.load_halves(b.offset_address(key, HALVES * n)) for n in range(len(queries[0]))]
    found = [b.fmul(query[0], unpacked[0]) for query in queries]
    for n in range(1, len(unpacked)):
        found = [b.fma(query[n], unpacked[n], part) for query, part in zip(queries, found, strict=True)]
    return found


def _less(b: VectorBuilder, one: Value, other: Value) -> Value:
    """The smaller one."""
    return b.select(b.icmp_unsigned("<", one, other), one, other)


def _by_size(emit: Callable[..., None]) -> Callable[..., None]:
    """Code that differs by its first two arguments: vectors of a head's width, and heads processed together."""

    def code(b: VectorBuilder, parts: Value, heads: Value, *values: Value) -> None:
        for size in SIZES:
            pairs = zip((parts, heads), size, strict=True)
            with b.if_then(b.and_(*(b.icmp_signed("==", given, int_constant(n)) for given, n in pairs))):
                emit(b, *size, *values)

    return code


@llvm_function(NOTHING, COUNT, COUNT, ADDRESS, ADDRESS, COUNT, ADDRESS, COUNT, NUMBER)
@_by_size
def score_heads(b: VectorBuilder, parts: int, heads: int, *values: Value) -> None:
    """Scores (R, S) of queries (R, K); rows of scores are `step` bytes apart."""
    rows, keys, count, scores, step, scale = values
    size, factor = HALVES * parts, b.broadcast(scale)
    queries = [
        [b.fmul(b.load_floats(b.offset_address(rows, FLOATS * (head * parts + n))), factor) for n in range(parts)]
        for head in range(heads)
    ]
    out = [b.add(scores, b.mul(step, int_constant(head))) for head in range(heads)]
    fours, four = b.udiv(count, int_constant(TOGETHER)), int_constant(TOGETHER * size)
    last = b.add(keys, b.sub(b.mul(count, int_constant(size)), four))
    with b.for_steps(fours, TOGETHER * size, 4 * TOGETHER) as (at, to):
        b.prefetch(_less(b, b.offset_address(b.add(keys, at), PREFETCH_BYTES), last), TOGETHER * size)
        each = [_products(b, queries, b.offset_address(b.add(keys, at), n * size)) for n in range(TOGETHER)]
        for row, products in zip(out, zip(*each, strict=True), strict=True):
            b.store_at(_four_totals(b, list(products)), b.add(row, to))
    done = b.mul(fours, int_constant(TOGETHER))
    keys = b.add(keys, b.mul(done, int_constant(size)))
    with b.for_steps(b.sub(count, done), size, 4) as (at, to):
        for row, product in zip(out, _products(b, queries, b.add(keys, at)), strict=True):
            b.store_at(b.sum_lanes(product), b.add(b.add(row, b.mul(done, int_constant(4))), to))


@llvm_function(NOTHING, COUNT, COUNT, ADDRESS, COUNT, ADDRESS, COUNT, ADDRESS)
@_by_size
def weigh_heads(b: VectorBuilder, parts: int, heads: int, *values: Value) -> None:
    """Add values (S, K) with weights (R, S) to sums (R, K); rows of weights are `step` bytes apart."""
    weights, step, rows, count, sums = values
    places = [[b.offset_address(sums, FLOATS * (head * parts + n)) for n in range(parts)] for head in range(heads)]
    held = [[b.make_variable(b.load_floats(place)) for place in row] for row in places]
    last = b.add(rows, b.mul(b.sub(count, int_constant(1)), int_constant(HALVES * parts)))
    with b.for_steps(count, HALVES * parts, 4) as (at, to):
        value = b.add(rows, at)
        b.prefetch(_less(b, b.offset_address(value, PREFETCH_BYTES), last), HALVES * parts)
        unpacked = [b.load_halves(b.offset_address(value, HALVES * n)) for n in range(parts)]
        for head, row in enumerate(held):
            weight = b.broadcast(b.load_at(b.add(b.add(weights, b.mul(step, int_constant(head))), to), F32, 4))
            for part, half in zip(row, unpacked, strict=True):
                b.store(b.fma(weight, half, b.load(part)), part)
    for row, row_places in zip(held, places, strict=True):
        for part, place in zip(row, row_places, strict=True):
            b.store_at(b.load(part), place)


@llvm_function(NOTHING, ADDRESS, COUNT)
def prefetch_range(b: VectorBuilder, address: Value, size: Value) -> None:
    """Prefetch the first bytes of a range that is read soon."""
    with b.for_steps(b.udiv(_less(b, size, int_constant(PREFETCH_BYTES)), int_constant(LINE)), LINE) as (at,):
        b.prefetch(b.add(address, at), LINE)


@jit
def heads_together(heads: int, width: int) -> int:
    """How many heads are processed at once: all, if there is code for so many of this width."""
    return heads if heads == 3 and width == 4 * LANES else 1


@jit
def score(q_RK: Array, keys: int, count: int, scores_RS: Array) -> None:
    """Compute the scores of `count` keys."""
    heads, width = q_RK.shape
    some = heads_together(heads, width)
    for head in range(0, heads, some):
        out = scores_RS[head].ctypes.data
        query = q_RK[head].ctypes.data
        score_heads(width // LANES, some, query, keys, count, out, scores_RS.strides[0], width**-0.5)


@jit
def weigh(weights_RS: Array, values: int, count: int, sums_RK: Array) -> None:
    """Add weighted values to the sums of all heads."""
    heads, width = sums_RK.shape
    some = heads_together(heads, width)
    for head in range(0, heads, some):
        weights, sums = weights_RS[head].ctypes.data, sums_RK[head].ctypes.data
        weigh_heads(width // LANES, some, weights, weights_RS.strides[0], values, count, sums)


ALWAYS = 3  # blocks that are always seen: the first, the last but one, and the own one


@jit
def reset_state(seen: AttentionState) -> None:
    """Reset the state to no keys."""
    seen.states[:, 0] = LEAST
    seen.states[:, 1] = 0
    seen.values[:] = 0


@jit
def select_heads(seen: AttentionState, first: int, last: int) -> AttentionState:
    """The part of the state that belongs to the query heads `first` to `last` - 1."""
    return AttentionState(seen.states[first:last], seen.values[first:last], seen.scores[first:last])


@jit
def attend_keys(q_RK: Array, keys: int, values: int, count: int, seen: AttentionState) -> None:
    """Add `count` consecutive keys and values to the state of the queries of one key head."""
    score(q_RK, keys, count, seen.scores)
    filled = -(-count // LANES)
    for head in range(len(q_RK)):
        seen.scores[head, count : filled * LANES] = LEAST
        scores, state = seen.scores[head].ctypes.data, seen.states[head]
        largest = largest_of(scores, filled)
        if largest > state[0]:
            seen.values[head] *= np.float32(math.exp(state[0] - largest))
            state[1] *= math.exp(state[0] - largest)
            state[0] = largest
        state[1] += exp_shifted(scores, filled, state[0])
    weigh(seen.scores, values, count, seen.values)


@jit
def attend_self(q_HK: Array, k_GK: Array, v_GK: Array, seen: AttentionState) -> None:
    """Add the token's own key and value to the state."""
    group, width = len(q_HK) // len(k_GK), q_HK.shape[1]
    for head in range(len(q_HK)):
        key_K, state, product = k_GK[head // group], seen.states[head], np.float32(0)
        for n in range(width):
            product += q_HK[head, n] * key_K[n]
        product *= np.float32(width**-0.5)
        largest = max(product, state[0])
        less, weight = np.float32(math.exp(state[0] - largest)), np.float32(math.exp(product - largest))
        state[0], state[1] = largest, state[1] * less + weight
        seen.values[head] *= less
        add_times(seen.values[head].ctypes.data, v_GK[head // group].ctypes.data, weight, width // LANES)


@jit
def attend_spans(
    slot: Array, spans_N2: Array, sinks: int, queries: Array, seen: AttentionState, share: ThreadShare
) -> None:
    """Attend to spans of the cache. `queries` (1 or 2, H, K): for all keys, and for the first `sinks` of them."""
    heads, width = seen.values.shape
    total = spans_N2[:, 1].sum()
    first, last, before = total * share.rank // share.size, total * (share.rank + 1) // share.size, 0
    for n in range(len(spans_N2)):
        start, end = max(first - before, 0), min(last - before, spans_N2[n, 1])
        while start < end:
            held = before + start < sinks
            count = min(PIECE, (min(sinks - before, end) if held else end) - start)
            attend_range(slot, (spans_N2[n, 0] + start) * 2 * width, count, queries[1 if held else 0], seen)
            start += count
        before += spans_N2[n, 1]


@jit
def attend_range(slot: Array, at: int, count: int, q_HK: Array, seen: AttentionState) -> None:
    """Attend to consecutive keys with all heads; `at` is their byte offset in a head's part."""
    group, size = slot[GROUP_SIZE], count * 2 * q_HK.shape[1]
    groups = len(q_HK) // group
    prefetch_range(slot[KEYS] + at, size)
    for g in range(groups):
        here = g * slot[STEP] + at
        first, last = g * group, (g + 1) * group
        prefetch_range(slot[VALUES] + here, size)
        if g + 1 < groups:
            prefetch_range(slot[KEYS] + here + slot[STEP], size)
        attend_keys(q_HK[first:last], slot[KEYS] + here, slot[VALUES] + here, count, select_heads(seen, first, last))


@jit
def attend_best_pages(
    slot: Array, pages_U: Array, own: int, q_HK: Array, seen: AttentionState, share: ThreadShare
) -> None:
    """Attend to the best blocks of every key head; `own` keys stand in the last one before the token."""
    group, blocks, page_bytes = slot[GROUP_SIZE], slot[BLOCKS], PAGE * 2 * q_HK.shape[1]
    chosen_C, scores_U = np.empty(blocks, np.int64), np.empty(len(pages_U), np.float32)
    for g in range(len(q_HK) // group):
        first, last = g * group, (g + 1) * group
        summaries = slot[SUMMARIES] + g * slot[SUMMARY_STEP]
        score_pages(q_HK[first:last], summaries, pages_U, scores_U, select_heads(seen, first, last).scores)
        choose_pages(scores_U, chosen_C)
        for n in range(share.rank, blocks, share.size):
            at = g * slot[STEP] + pages_U[chosen_C[n]] * page_bytes
            count = own if chosen_C[n] == len(pages_U) - 1 else PAGE
            if count:
                attend_keys(
                    q_HK[first:last], slot[KEYS] + at, slot[VALUES] + at, count, select_heads(seen, first, last)
                )


@jit
def score_pages(q_RK: Array, summaries: int, pages_U: Array, scores_U: Array, room_RP: Array) -> None:
    """The largest product of each page's mean key with one of the queries, for the pages that may be chosen."""
    for n in range(1, len(pages_U) - 2):
        score(q_RK, summaries + pages_U[n] * 2 * q_RK.shape[1], 1, room_RP)
        scores_U[n] = room_RP[:, 0].max()


@jit
def choose_pages(scores_U: Array, chosen_C: Array) -> None:
    """Choose the blocks with the largest scores, and those that are always seen."""
    wanted, last = len(chosen_C) - ALWAYS, len(scores_U) - 2
    border = np.partition(scores_U[1:last], last - 1 - wanted)[last - 1 - wanted] if wanted else np.float32(0)
    found = 0
    for equal in range(2):
        for n in range(1, last):
            if found < wanted and (scores_U[n] == border if equal else scores_U[n] > border):
                chosen_C[found] = n
                found += 1
    chosen_C[found], chosen_C[found + 1], chosen_C[found + 2] = 0, last, last + 1


@jit
def write_key_value(slot: Array, row: int, place: int, k_GK: Array, v_GK: Array) -> None:
    """Write the token's key and value. The rest of a new page is zeroed; a full page gets its summary."""
    size, vectors = 2 * k_GK.shape[1], k_GK.shape[1] // LANES
    for g in range(len(k_GK)):
        at = g * slot[STEP] + row * size
        key, value = slot[KEYS] + at, slot[VALUES] + at
        store_rounded(k_GK[g].ctypes.data, key, vectors)
        store_rounded(v_GK[g].ctypes.data, value, vectors)
        if place % PAGE == 0:
            clear(key + size, (PAGE - 1) * size)
            clear(value + size, (PAGE - 1) * size)
        if slot[BLOCKS] and place % PAGE == PAGE - 1:
            summary = slot[SUMMARIES] + g * slot[SUMMARY_STEP] + row // PAGE * size
            write_page_mean(key - (PAGE - 1) * size, k_GK.shape[1], summary)


@jit
def write_page_mean(keys: int, width: int, summary: int) -> None:
    """Write the mean of a page's keys as its summary."""
    mean_K = np.zeros(width, np.float32)
    for n in range(PAGE):
        add_halves(keys + n * 2 * width, mean_K.ctypes.data, width // LANES)
    mean_K /= np.float32(PAGE)
    store_rounded(mean_K.ctypes.data, summary, width // LANES)
    mean_K[0] = 0  # an array that only its address speaks of would be gone by now


@jit
def merge_threads(states_XH2: Array, seen_XHK: Array, out_HK: Array) -> None:
    """Merge the states of all threads."""
    for head in range(len(out_HK)):
        largest = states_XH2[:, head, 0].max()
        summed = np.float32(0)
        out_HK[head] = 0
        for rank in range(len(states_XH2)):
            weight = np.float32(math.exp(states_XH2[rank, head, 0] - largest))
            summed += weight * states_XH2[rank, head, 1]
            add_times(out_HK[head].ctypes.data, seen_XHK[rank, head].ctypes.data, weight, out_HK.shape[1] // LANES)
        out_HK[head] /= summed
