"""What one token sees of the pages, piece by piece, as much of it as falls to this thread.

A piece's largest score is found before its exponentials are taken, and what was seen before is made smaller if the new
one is larger (online softmax, Milakov and Gimelshein 2018, arXiv 1805.02867). What the threads saw is joined likewise.

Shape key:  H query heads, G key heads, R query heads of a key head, K head width, U a text's pages, C blocks seen
"""

import math

import numpy as np

from deepseek_mm.lm.kv_cache.layer_groups import PAGE
from deepseek_mm.runtime.compiled.emit import LANES
from deepseek_mm.runtime.compiled.jit import Array, jit
from deepseek_mm.runtime.compiled.keys import prefetch_range, score, weigh
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
    LEAST,
    add_halves,
    add_times,
    clear,
    exp_shifted,
    largest_of,
    store_rounded,
)

ALWAYS = 3  # blocks that are seen unasked: the first, the last but one, and the own one


@jit
def reset_state(seen: AttentionState) -> None:
    """Nothing has been seen."""
    seen.states[:, 0] = LEAST
    seen.states[:, 1] = 0
    seen.values[:] = 0


@jit
def select_heads(seen: AttentionState, first: int, last: int) -> AttentionState:
    """Those of one key head."""
    return AttentionState(seen.states[first:last], seen.values[first:last], seen.scores[first:last])


@jit
def attend_keys(q_RK: Array, keys: int, values: int, count: int, seen: AttentionState) -> None:
    """`count` keys that lie one after the other join what the queries of one key head have seen."""
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
    """The token itself joins."""
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
    """Stretches of the cache. `queries` (1 or 2, H, K): for all keys, and for the first `sinks` of them."""
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
    """Keys that lie one after the other, for all heads; `at` is where they begin in a head's part."""
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
    """The blocks that fit best, others for every key head; `own` keys stand in the last one before the token."""
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
    """The largest product of a page's mean key with one of the queries; of those only that may be chosen."""
    for n in range(1, len(pages_U) - 2):
        score(q_RK, summaries + pages_U[n] * 2 * q_RK.shape[1], 1, room_RP)
        scores_U[n] = room_RP[:, 0].max()


@jit
def choose_pages(scores_U: Array, chosen_C: Array) -> None:
    """Numbers of the blocks with the largest scores, and of those that are seen unasked."""
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
    """Write the token's key and value. The rest of a page that it opens is made zero; one that it fills, summed up."""
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
    """The mean of a page's keys."""
    mean_K = np.zeros(width, np.float32)
    for n in range(PAGE):
        add_halves(keys + n * 2 * width, mean_K.ctypes.data, width // LANES)
    mean_K /= np.float32(PAGE)
    store_rounded(mean_K.ctypes.data, summary, width // LANES)
    mean_K[0] = 0  # an array that only its address speaks of would be gone by now


@jit
def merge_threads(states_XH2: Array, seen_XHK: Array, out_HK: Array) -> None:
    """What all threads saw, put together."""
    for head in range(len(out_HK)):
        largest = states_XH2[:, head, 0].max()
        summed = np.float32(0)
        out_HK[head] = 0
        for rank in range(len(states_XH2)):
            weight = np.float32(math.exp(states_XH2[rank, head, 0] - largest))
            summed += weight * states_XH2[rank, head, 1]
            add_times(out_HK[head].ctypes.data, seen_XHK[rank, head].ctypes.data, weight, out_HK.shape[1] // LANES)
        out_HK[head] /= summed
