"""One token of each of some texts through the whole decoder, expert routing included.

Several threads run it side by side. Matrices are divided by tiles of outputs, attention by keys; between two stages the
threads wait for each other, five times a layer. The gate is small, so every thread computes it by itself without
waiting. All state is in arrays of the caller (`layout`).

The arithmetic is that of `lm.decoder` and `lm.moe` in float32, with weights in few bits and keys in bfloat16.

Shape key:  B texts, E experts, k experts a token visits, H heads of the gate, K their width, W = H * K
"""

import math

import numpy as np

from deepseek_mm.lm.kv_cache.key_value_store import PAGE
from deepseek_mm.runtime.compiled.attention import (
    attend_best_pages,
    attend_self,
    attend_spans,
    merge_threads,
    reset_state,
    write_key_value,
)
from deepseek_mm.runtime.compiled.jit import LANES, Array, ThreadShare, jit, wait
from deepseek_mm.runtime.compiled.layout import (
    BLOCKS,
    DOWN,
    ENTER,
    GROUP_NO,
    HELD,
    INPUTS,
    JOIN,
    OUT,
    OUTPUTS,
    QKV,
    SCORE,
    SILU,
    SPLIT_UP,
    UP,
    AttentionState,
    DecoderTables,
    QuantizedInputs,
    TextPositions,
    Workspace,
)
from deepseek_mm.runtime.compiled.tiles import make_ready, multiply, product, tiles_of
from deepseek_mm.runtime.compiled.vectors import apply_gate, gelu, layer_norm, rms_norm, rotate_pairs


@jit
def route(net: DecoderTables, work: Workspace, where: TextPositions, layer: int, rank: int) -> None:
    """Choose the experts of every text's token and their weights, in this thread's part of `work`."""
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
    """The gate's attention and hidden layer, side by side. The first thread writes key and value."""
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
    """Choose the experts with the largest scores, the largest first, and the softmax over them."""
    left_E = scores_E.copy()
    for place in range(len(visited_k)):
        visited_k[place] = left_E.argmax()
        left_E[visited_k[place]] = -np.inf
        weights_k[place] = math.exp(scores_E[visited_k[place]] - scores_E[visited_k[0]])
    weights_k /= weights_k.sum()


@jit
def step(net: DecoderTables, work: Workspace, where: TextPositions, rank: int, size: int) -> None:
    """`work.x` holds the tokens' vectors, and `work.logits` the scores when all threads have returned."""
    share = ThreadShare(rank, size)
    normed_BD, ready = work.normed[rank], QuantizedInputs(work.levels[rank], work.sums[rank])
    for layer in range(net.num_layers):
        rms_norm(work.x, net.norms[2 * layer], net.eps, normed_BD)
        compute_qkv(net, work, layer, share)
        wait(work.sync, size)
        for b in range(len(work.x)):
            run_attention(net, layer, work, where, b, share)
        wait(work.sync, size)
        add_attention_output(net, work, layer, share)
        wait(work.sync, size)
        rms_norm(work.x, net.norms[2 * layer + 1], net.eps, normed_BD)
        if net.moe_of[layer] >= 0:
            route(net, work, where, layer, rank)
        run_mlp(net, work, layer, share)
        wait(work.sync, size)
        add_mlp_output(net, work, layer, share)
        wait(work.sync, size)
    rms_norm(work.x, net.norms[2 * net.num_layers], net.eps, normed_BD)
    product(net.head, normed_BD, ready, work.logits, share)


@jit
def compute_qkv(net: DecoderTables, work: Workspace, layer: int, share: ThreadShare) -> None:
    """This thread's share of queries, keys and values, with what is added to them."""
    ready = QuantizedInputs(work.levels[share.rank], work.sums[share.rank])
    first, last = product(net.matrices[layer, QKV], work.normed[share.rank], ready, work.qkv, share)
    if len(net.biases):
        for b in range(len(work.x)):
            work.qkv[b, first:last] += net.biases[layer, first:last]


@jit
def take_heads(net: DecoderTables, layer: int, all_NK: Array, q_HK: Array, k_GK: Array) -> None:
    """Queries and keys of a token into this thread's own buffers, each head normed where the model does that."""
    heads, groups = len(q_HK), len(k_GK)
    if len(net.head_norms):
        rms_norm(all_NK[:heads], net.head_norms[layer, 0], net.eps, q_HK)
        rms_norm(all_NK[heads : heads + groups], net.head_norms[layer, 1], net.eps, k_GK)
    else:
        q_HK[:] = all_NK[:heads]
        k_GK[:] = all_NK[heads : heads + groups]


@jit
def run_attention(
    net: DecoderTables, layer: int, work: Workspace, where: TextPositions, b: int, share: ThreadShare
) -> None:
    """This thread's share of a token's attention in one layer. The first thread writes key and value."""
    slot, rank, (heads, width) = net.slots[layer], share.rank, work.seen.shape[2:]
    all_NK, queries, k_GK = work.qkv[b].reshape(-1, width), work.queries[rank, b], work.keys[rank, b]
    group, v_GK = slot[GROUP_NO], all_NK[heads + len(k_GK) :]
    sinks = where.sinks[group, b] if slot[HELD] else 0
    take_heads(net, layer, all_NK, queries[0], k_GK)
    if sinks:
        rotate_pairs(queries[0], where.held_cos[b], where.held_sin[b], queries[1])
    rotate_pairs(queries[0], where.cos[b], where.sin[b], queries[0])
    rotate_pairs(k_GK, where.cos[b], where.sin[b], k_GK)
    seen = AttentionState(work.states[rank, b], work.seen[rank, b], work.scores[rank])
    reset_state(seen)
    pages = where.places[b] // PAGE + 1
    if slot[BLOCKS] and pages > slot[BLOCKS]:
        attend_best_pages(slot, where.pages[b, :pages], where.places[b] % PAGE, queries[0], seen, share)
    else:
        spans_N2 = where.spans[where.ends[group, b] : where.ends[group, b + 1]]
        attend_spans(slot, spans_N2, sinks, queries, seen, share)
    if rank == share.size - 1:
        attend_self(queries[0], k_GK, v_GK, seen)
    if rank == 0:
        write_key_value(slot, where.own[group, b], where.places[b], k_GK, v_GK)


@jit
def add_attention_output(net: DecoderTables, work: Workspace, layer: int, share: ThreadShare) -> None:
    """Add this thread's share of the attention output to the residual stream."""
    heads, width = work.seen.shape[2:]
    together_BX, ready = work.together[share.rank], QuantizedInputs(work.levels[share.rank], work.sums[share.rank])
    for b in range(len(work.x)):
        merge_threads(work.states[:, b], work.seen[:, b], together_BX[b].reshape(heads, width))
    first, last = product(net.matrices[layer, OUT], together_BX, ready, work.out, share)
    for b in range(len(work.x)):
        work.x[b, first:last] += work.out[b, first:last]


@jit
def run_mlp(net: DecoderTables, work: Workspace, layer: int, share: ThreadShare) -> None:
    """This thread's share of the hidden layer of the feed-forward and of the visited experts."""
    up, normed_BD = net.matrices[layer, UP], work.normed[share.rank]
    ready = QuantizedInputs(work.levels[share.rank], work.sums[share.rank])
    make_ready(normed_BD, up[INPUTS], ready)
    run_gated_up(up, SILU, normed_BD, ready, (work.up, work.inside), share)
    moe = net.moe_of[layer]
    if moe < 0:
        return
    for b in range(len(work.x)):
        x_1D, its_own = normed_BD[b : b + 1], QuantizedInputs(ready.levels[b : b + 1], ready.sums[b : b + 1])
        for place in range(work.visited.shape[2]):
            expert = work.visited[share.rank, b, place]
            room = work.expert_up[b, place : place + 1], work.expert_inside[b, place : place + 1]
            run_gated_up(net.experts[moe, expert, 0], net.kinds[expert], x_1D, its_own, room, share)


@jit
def run_gated_up(
    up: Array, kind: int, x_BD: Array, ready: QuantizedInputs, room: tuple[Array, Array], share: ThreadShare
) -> None:
    """This thread's share of a gated feed-forward's hidden layer; `room` is (B, 2 * F) and (B, F) to write to."""
    up_BF, inside_BF = room
    width = up[OUTPUTS] // 2
    first, last = tiles_of(width, share)
    multiply(up, x_BD, ready, up_BF, first, last)
    multiply(up, x_BD, ready, up_BF, width // LANES + first, width // LANES + last)
    start, end = first * LANES, last * LANES
    for b in range(len(x_BD)):
        apply_gate(up_BF[b, start:end], up_BF[b, width + start : width + end], inside_BF[b, start:end], kind)


@jit
def add_mlp_output(net: DecoderTables, work: Workspace, layer: int, share: ThreadShare) -> None:
    """Add this thread's share of the output of feed-forward and experts to the residual stream."""
    ready, moe = QuantizedInputs(work.levels[share.rank], work.sums[share.rank]), net.moe_of[layer]
    first, last = product(net.matrices[layer, DOWN], work.inside, ready, work.out, share)
    for b in range(len(work.x)):
        work.x[b, first:last] += work.out[b, first:last]
        if moe < 0:
            continue
        for place in range(work.visited.shape[2]):
            down = net.experts[moe, work.visited[share.rank, b, place], 1]
            inside_1F, out_1D = work.expert_inside[b, place : place + 1], work.out[b : b + 1]
            product(down, inside_1F, ready, out_1D, share)
            work.x[b, first:last] += work.weights[share.rank, b, place] * work.out[b, first:last]
