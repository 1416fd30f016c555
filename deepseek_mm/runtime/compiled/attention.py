"""Compiled attention of one token over the pages of the key-value cache, one thread's share at a time.

Query heads that share a key head are processed together, so that a key is unpacked once for all of them. Four keys are
scored at a time, since adding up the lanes of four products takes little longer than those of one.

The largest score of a range is found before its exponentials are taken, and earlier sums are scaled down if the new one
is larger (online softmax, Milakov and Gimelshein 2018, arXiv 1805.02867). The threads' states are merged the same way.

Shape key:  H query heads, G key heads, R query heads of a key head, K head width: `parts` vectors, S keys,
            U a text's pages, C blocks seen
"""

import math
from typing import Any

import numpy as np
from llvmlite import ir

from deepseek_mm.lm.kv_cache.layer_groups import PAGE
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
    Builder,
    Value,
    broadcast,
    fma,
    int_constant,
    jit,
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
from deepseek_mm.runtime.compiled.threads import ThreadShare
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
PREFETCH_BYTES = 4_096  # bytes that are fetched before they are needed, as far as they are still of the same piece
FIRST_HALVES = [*range(8), *range(16, 24)]  # lanes of two vectors, for `_folded`
FIRST_QUARTERS = [*range(4), *range(8, 12), *range(16, 20), *range(24, 28)]


def _fold_lanes(b: Builder, x: Value, y: Value, first: list[int], step: int) -> Value:
    """Fold two vectors into one: lanes of each that are `step` apart are added."""
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
    """Code that adds values (S, K) with weights (R, S) to sums (R, K); rows of weights are `step` bytes apart."""

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
    """Prefetch the first bytes of a range that is read soon."""
    with steps(b, b.udiv(_less(b, size, int_constant(PREFETCH_BYTES)), int_constant(LINE)), LINE) as (at,):
        prefetch(b, b.add(address, at), LINE)


@jit
def score(q_RK: Array, keys: int, count: int, scores_RS: Array) -> None:
    """Compute the scores of `count` keys."""
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
    """Add weighted values to the sums of all heads."""
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
