"""The arrays that the loops read and write: tables of addresses, and buffers that are allocated once.

Shape key:  B texts, D width, F outputs, N groups of inputs, L layers, M layers with experts, E experts, S attentions,
            H query heads, G key heads, R query heads of a key head, K head width, W width of the gate, V vocabulary,
            X threads, U a text's pages
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WEIGHTS, SCALES, OUTPUTS, INPUTS, BITS, CODE = range(6)  # a matrix; CODE is the address of what multiplies with it
QKV, OUT, UP, DOWN = range(4)  # those of a layer
ENTER, SPLIT_UP, JOIN, SCORE = range(4)  # those of a gate
GROUP_NO, GROUP_SIZE, BLOCKS, HELD, KEYS, VALUES, STEP, SUMMARIES, SUMMARY_STEP = range(9)  # an attention
SILU, GELU, RELU2, TANH = range(4)
KINDS = {"silu": SILU, "gelu": GELU, "relu2": RELU2, "tanh": TANH}
PIECE = 256  # keys whose scores are made at once

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Bytes = NDArray[np.int8]


class DecoderTables(NamedTuple):
    """The decoder's matrices as addresses, and its norms."""

    num_layers: int
    num_experts: int
    eps: float
    matrices: Integers  # (L, 4, 6)
    biases: Floats  # (L, F): what is added to queries, keys and values; (0, 0) where nothing is
    head_norms: Floats  # (L, 2, K): of query heads, and of key heads; (0, 2, 0) where there are none
    norms: Floats  # (2 * L + 1, D): before attention and feed-forward of each layer, and the last
    head: Integers  # (6,)
    slots: Integers  # (S, 9)
    moe_of: Integers  # (L,): which of the layers with experts it is, or -1
    gates: Integers  # (M, 4, 6)
    gate_norms: Floats  # (M, 2, D): weight and bias
    inner_norms: Floats  # (M, 4, W): of the inner layer, and before the scores
    experts: Integers  # (M, E, 2, 6)
    kinds: Integers  # (E,): their nonlinearities


class TextPositions(NamedTuple):
    """Positions of the texts' tokens and addresses of their keys; by group of attentions."""

    own: Integers  # (groups, B): the row that is written
    spans: Integers  # (any, 2): rows that are read, first and number
    ends: Integers  # (groups, B + 1): which of them are whose
    sinks: Integers  # (groups, B): how many of the first keys are met by queries that are turned towards the sinks
    pages: Integers  # (B, U)
    places: Integers  # (B,)
    cos: Floats  # (B, K / 2)
    sin: Floats  # (B, K / 2)
    held_cos: Floats  # (B, K / 2)
    held_sin: Floats  # (B, K / 2)


class QuantizedInputs(NamedTuple):
    """Some texts' inputs of a matrix, quantized (`tiles.make_ready`)."""

    levels: Bytes  # (B, D)
    sums: Floats  # (B, N, 2): the size of a level, and the sum of a group


class AttentionState(NamedTuple):
    """The running softmax of a text's queries, or of those of one key head."""

    states: Floats  # (H, 2): the largest score, and the sum of all exponentials
    values: Floats  # (H, K)
    scores: Floats  # (H, PIECE): room


class Workspace(NamedTuple):
    """Buffers. Those whose shape begins with X have a part for each thread."""

    sync: Integers  # (16,)
    x: Floats  # (B, D)
    normed: Floats  # (X, B, D)
    levels: Bytes  # (X, B, D)
    sums: Floats  # (X, B, N, 2)
    qkv: Floats  # (B, F)
    queries: Floats  # (X, B, 2, H, K): turned to their places, and towards the sinks
    keys: Floats  # (X, B, G, K)
    states: Floats  # (X, B, H, 2)
    seen: Floats  # (X, B, H, K)
    scores: Floats  # (X, H, PIECE)
    together: Floats  # (X, B, H * K)
    out: Floats  # (B, D)
    up: Floats  # (B, 2 * F)
    inside: Floats  # (B, F)
    logits: Floats  # (B, V)
    gate_normed: Floats  # (X, B, D)
    gate_entered: Floats  # (X, B, W)
    gate_inner: Floats  # (X, B, W)
    gate_up: Floats  # (X, B, F)
    gate_joined: Floats  # (X, B, F)
    gate_scores: Floats  # (X, B, E)
    gate_states: Floats  # (X, B, H, 2)
    gate_seen: Floats  # (X, B, H, K)
    visited: Integers  # (X, B, k)
    weights: Floats  # (X, B, k)
    chosen: Integers  # (M, B, k): what the caller is told
    expert_up: Floats  # (B, k, 2 * F)
    expert_inside: Floats  # (B, k, F)
