"""Which experts a token visits: `lm.gate` and `lm.moe.choose`.

The gate is small, so every thread works it out for itself, and nobody waits.

Shape key:  B texts, E experts, k experts a token visits, H heads of the gate, K their width, W = H * K
"""

import math

import numpy as np

from deepseek_mm.runtime.compiled.attention import attend_self, attend_spans, reset_state, write_key_value
from deepseek_mm.runtime.compiled.inside import gelu, layer_norm
from deepseek_mm.runtime.compiled.jit import Array, jit
from deepseek_mm.runtime.compiled.layout import (
    ENTER,
    GROUP_NO,
    JOIN,
    SCORE,
    SPLIT_UP,
    AttentionState,
    DecoderTables,
    QuantizedInputs,
    TextPositions,
    Workspace,
)
from deepseek_mm.runtime.compiled.threads import ThreadShare
from deepseek_mm.runtime.compiled.tiles import product


@jit
def route(net: DecoderTables, work: Workspace, where: TextPositions, layer: int, rank: int) -> None:
    """The experts of every text's token, and how much each counts, in this thread's part of `work`."""
    moe, alone = net.moe_of[layer], ThreadShare(0, 1)
    matrices, norms, ready = net.gates[moe], net.inner_norms[moe], QuantizedInputs(work.levels[rank], work.sums[rank])
    entered_BW, inner_BW = work.gate_entered[rank], work.gate_inner[rank]
    layer_norm(work.normed[rank], net.gate_norms[moe, 0], net.gate_norms[moe, 1], work.gate_normed[rank])
    product(matrices[ENTER], work.gate_normed[rank], ready, entered_BW, alone)
    layer_norm(entered_BW, norms[0], norms[1], inner_BW)
    product(matrices[SPLIT_UP], inner_BW, ready, work.gate_up[rank], alone)
    for b in range(len(work.x)):
        attend_gate(net.slots[net.num_layers + moe], work, where, b, rank)
    product(matrices[JOIN], work.gate_joined[rank], ready, inner_BW, alone)
    entered_BW += inner_BW
    layer_norm(entered_BW, norms[2], norms[3], inner_BW)
    product(matrices[SCORE], inner_BW, ready, work.gate_scores[rank], alone)
    for b in range(len(work.x)):
        choose_experts(work.gate_scores[rank, b, : net.num_experts], work.visited[rank, b], work.weights[rank, b])
    if rank == 0:
        work.chosen[moe] = work.visited[0]


@jit
def attend_gate(slot: Array, work: Workspace, where: TextPositions, b: int, rank: int) -> None:
    """Attention and the inside of the feed-forward, side by side. The first thread keeps key and value."""
    heads, width = work.gate_seen.shape[2:]
    inner, up_V, joined_J = heads * width, work.gate_up[rank, b], work.gate_joined[rank, b]
    qkv = up_V[: 3 * inner].reshape(3, heads, width)
    seen = AttentionState(work.gate_states[rank, b], work.gate_seen[rank, b], work.scores[rank])
    reset_state(seen)
    spans_N2 = where.spans[where.ends[slot[GROUP_NO], b] : where.ends[slot[GROUP_NO], b + 1]]
    attend_spans(slot, spans_N2, 0, qkv[:1], seen, ThreadShare(0, 1))
    attend_self(qkv[0], qkv[1], qkv[2], seen)
    if rank == 0:
        write_key_value(slot, where.own[slot[GROUP_NO], b], where.places[b], qkv[1], qkv[2])
    for head in range(heads):
        for n in range(width):
            joined_J[head * width + n] = seen.values[head, n] / seen.states[head, 1]
    for n in range(inner, len(joined_J)):
        joined_J[n] = gelu(up_V[2 * inner + n])


@jit
def choose_experts(scores_E: Array, visited_k: Array, weights_k: Array) -> None:
    """The experts with the largest scores, the largest first, and the softmax over them."""
    left_E = scores_E.copy()
    for place in range(len(visited_k)):
        visited_k[place] = left_E.argmax()
        left_E[visited_k[place]] = -np.inf
        weights_k[place] = math.exp(scores_E[visited_k[place]] - scores_E[visited_k[0]])
    weights_k /= weights_k.sum()
