"""Attention kernels for the CPU: windows, top-k blocks and full attention, in tiles that fit the cache.

A chunk of one text is attended to in blocks of queries. With a window, a block multiplies only the keys of its own
span and the sinks. A layer that chooses compares blocks of keys by their summaries, and copies the best ones together;
one that sees everything is in `attend_full`. At decode a text has one query. The query heads that share a key head are
rows of one matrix in all of them, so no key is ever repeated.

All of them equal the masks of `FullTextAttention`. They are for reading and writing, not for training.

Shape key:  B texts, T queries, S keys, H query heads, G key/value heads, K head width, P blocks of keys,
            N blocks of queries, F of them, R rows: the queries of a group's heads, C keys that a block of queries sees

The scores of a tile of queries against a piece of keys fit the processor's cache. Their exponentials are added up, and
so is what they weigh; one division ends it (FlashAttention, arXiv 2205.14135). Unlike there nothing is rescaled on the
way: a softmax does not mind what is subtracted from a row's scores as long as no exponential overflows. So each row
subtracts from the start the largest score among the tile's own keys and the text's first ones, which attention loves.
It enters through the matrix product, as one more column, before anything is rounded. If a key in between turns out
larger by so much that the sums overflow, they show it; then the true maximum is found, and the tile is done again.

Shape key:  T queries, S keys, H query heads, G key/value heads, K head width, R rows: the queries of a group's heads
"""

from collections.abc import Iterator
from functools import lru_cache
from math import e, log2

import torch
from torch import Tensor
from torch.nn import functional as F

from deepseek_mm.lm.attention_backend import is_visible
from deepseek_mm.lm.shape import BLOCK, Reach

TILE = 256  # queries whose scores are made at once
PIECE = 512  # keys that they are made against
LOVED = 32  # first keys of a text that are asked for the largest score
TOO_LARGE = 2.0**100  # a sum of exponentials that came close to the end of float32 and bfloat16
LOG2_E = log2(e)


def attend_full(q_THK: Tensor, k_SGK: Tensor, v_SGK: Tensor, *, start: int) -> Tensor:
    """What the tokens start .. start + T - 1 of a text see of all S = start + T keys up to their own, (T, H, K).

    Fastest where each head's keys lie one after the other. Time grows with T * S, memory with T alone.
    """
    k_GSK, v_GSK = k_SGK.transpose(0, 1), v_SGK.transpose(0, 1)
    tiles = q_THK.split(TILE)
    ends = [start + min((number + 1) * TILE, len(q_THK)) for number in range(len(tiles))]
    seen = [_tile(q, k_GSK[:, :end], v_GSK[:, :end]) for q, end in zip(tiles, ends, strict=True)]
    return seen[0] if len(seen) == 1 else torch.cat(seen)


def _tile(q_THK: Tensor, k_GSK: Tensor, v_GSK: Tensor) -> Tensor:
    """What the last T tokens of a text see, (T, H, K)."""
    size, groups = len(q_THK), len(k_GSK)
    rows_GRK = q_THK.view(size, groups, -1, q_THK.shape[-1]).permute(1, 2, 0, 3).flatten(1, 2)
    ceiling_GR1 = _ceiling(rows_GRK, k_GSK, size)
    total_GR1, seen_GRK = _add_up(rows_GRK, k_GSK, v_GSK, ceiling_GR1, size)
    if float(total_GR1.amax()) > TOO_LARGE:
        pieces = _pieces(k_GSK.shape[1] - size)
        found = [torch.bmm(rows_GRK, k_GSK[:, piece].transpose(1, 2)).amax(-1, keepdim=True) for piece in pieces]
        true_GR1 = torch.cat((ceiling_GR1, *found), -1).amax(-1, keepdim=True)
        total_GR1, seen_GRK = _add_up(rows_GRK, k_GSK, v_GSK, true_GR1, size)
    seen_GHTK = (seen_GRK / total_GR1).to(q_THK.dtype).view(groups, -1, size, q_THK.shape[-1])
    return seen_GHTK.permute(2, 0, 1, 3).reshape(q_THK.shape)


def _ceiling(rows_GRK: Tensor, k_GSK: Tensor, size: int) -> Tensor:
    """(G, R, 1): the largest score of every row among the tile's own keys and the first ones of the text."""
    own = _hide_later(torch.bmm(rows_GRK, k_GSK[:, -size:].transpose(1, 2)), size).amax(-1, keepdim=True)
    loved = k_GSK[:, : min(LOVED, k_GSK.shape[1] - size)]
    if not loved.shape[1]:
        return own
    return torch.maximum(own, torch.bmm(rows_GRK, loved.transpose(1, 2)).amax(-1, keepdim=True))


def _add_up(rows_GRK: Tensor, k_GSK: Tensor, v_GSK: Tensor, ceiling_GR1: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The sum of a row's exponentials (G, R, 1), and of the values that they weigh (G, R, K), in float32."""
    rows_GRC = torch.cat((rows_GRK, -ceiling_GR1), -1)
    to_bits = LOG2_E / rows_GRK.shape[-1] ** 0.5
    ones_GS1 = k_GSK.new_ones(len(k_GSK), max(PIECE, size), 1)
    total_GR1 = torch.zeros_like(ceiling_GR1, dtype=torch.float32)
    seen_GRK = torch.zeros_like(rows_GRK, dtype=torch.float32)
    own = slice(k_GSK.shape[1] - size, k_GSK.shape[1])
    for piece in (*_pieces(own.start), own):
        k_GPK = k_GSK[:, piece]
        k_GPC = torch.cat((k_GPK, ones_GS1[:, : k_GPK.shape[1]]), -1)
        unused = k_GPC.new_empty(1).expand(len(k_GSK), rows_GRC.shape[1], k_GPC.shape[1])
        scores_GRP = torch.baddbmm(unused, rows_GRC, k_GPC.transpose(1, 2), beta=0, alpha=to_bits)
        weights_GRP = (_hide_later(scores_GRP, size) if piece is own else scores_GRP).exp2_()
        total_GR1 += weights_GRP.sum(-1, keepdim=True)
        seen_GRK += torch.bmm(weights_GRP, v_GSK[:, piece])
    return total_GR1, seen_GRK


def _pieces(end: int) -> Iterator[slice]:
    return (slice(at, min(at + PIECE, end)) for at in range(0, end, PIECE))


def _hide_later(scores_GRT: Tensor, size: int) -> Tensor:
    """The scores of a tile against its own keys, those of later keys at minus infinity."""
    hidden_TT = later(size, scores_GRT.dtype, scores_GRT.device)
    return (scores_GRT.view(len(scores_GRT), -1, size, size) + hidden_TT).view(scores_GRT.shape)


@lru_cache(maxsize=8)
def later(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(T, T): minus infinity where the key is later than the query, else 0. It is shared: do not write to it."""
    return torch.full((size, size), -torch.inf, dtype=dtype, device=device).triu(1)


__all__ = ["attend_full", "attend_rows", "attend_top", "attend_window", "choose_blocks"]

ALWAYS = 3  # blocks that are chosen unasked: the first, the one before, the own one
AGAIN = 64  # summaries are compared in multiples of it: for each new size a processor prepares a program, and keeps it
EVEN = 16  # scores of a row come in multiples of it, or their softmax takes up to four times as long
FEW_KEYS = 320  # of all texts of a batch, up to which one call into torch is faster than three
TOGETHER = 256  # key blocks, chosen by one or several blocks of queries, that are copied at once
SMALL = 1 << 17  # queries times window, up to which all heads go at once; above, one by one, to stay in the cache


def attend_window(
    q_THK: Tensor,
    k_SGK: Tensor,
    v_SGK: Tensor,
    *,
    reach: Reach,
    start: int,
    held_THK: Tensor | None = None,
) -> Tensor:
    """What the tokens start .. start + T - 1 of a text see of those before, of the window and the sinks of `reach`.

    Returns (T, H, K). Keys are those of the places [0, min(sinks, first)) and [first, start + T), with first =
    max(0, start - window + 1).
    `held_THK` are the queries that meet the sinks beyond the window, if those are not `q_THK`.
    """
    size, window, sinks = len(q_THK), reach.window, reach.sinks
    first = max(0, start - window + 1)
    if size * window > SMALL and k_SGK.shape[1] > 1:
        groups = k_SGK.shape[1]
        held = (None,) * groups if held_THK is None else held_THK.chunk(groups, 1)
        heads = zip(q_THK.chunk(groups, 1), k_SGK.split(1, 1), v_SGK.split(1, 1), held, strict=True)
        return torch.cat([attend_window(q, k, v, reach=reach, start=start, held_THK=h) for q, k, v, h in heads], 1)
    reach = Reach(kind="window", window=window, sinks=min(sinks, len(k_SGK)))
    block = min(choose_block_size(window), size)
    back = window - 1 + -(reach.sinks + window - 1 + block) % EVEN
    q_GNRK, *held_GNRK = (
        _in_blocks(F.pad(x, (0, 0, 0, 0, 0, -size % block)), block, k_SGK.shape[1])
        for x in (q_THK, held_THK)
        if x is not None
    )
    near_SGK = (
        F.pad(x[min(sinks, first) :], (0, 0, 0, 0, back - start + first, -size % block)) for x in (k_SGK, v_SGK)
    )
    spans_GNCK = (x.unfold(0, back + block, block).permute(1, 0, 3, 2) for x in near_SGK)
    sinks_GCK = (x[: reach.sinks].transpose(0, 1) for x in (k_SGK, v_SGK))
    k_GNCK, v_GNCK = (_prepend_sinks(*pair) for pair in zip(sinks_GCK, spans_GNCK, strict=True))
    hidden_NTC = hidden_in_span(min(start, window + sinks), q_GNRK.shape[1], block, back, reach)
    return _attend_blocks(q_GNRK, k_GNCK, v_GNCK, hidden_NTC, *held_GNRK, sinks=reach.sinks)[:size]


def choose_block_size(window: int) -> int:
    """Queries of a block: enough of them to fill a matrix, few enough not to multiply much that is hidden."""
    return min(max(BLOCK, window // 4), 128)


def attend_top(
    q_THK: Tensor, k_SGK: Tensor, v_SGK: Tensor, *, blocks: int, start: int, summaries_PGK: Tensor
) -> Tensor:
    """What the tokens start .. start + T - 1 of a text see of the `blocks` key blocks that each query block chooses.

    Keys are those of all S = start + T places, `summaries_PGK` the mean keys of at least all full blocks among them.
    The score of a block is its summary times the mean query, the largest of the heads that share its keys.
    """
    early = min(max(0, blocks * BLOCK - start), len(q_THK))  # tokens that have no more blocks than they may see
    if early == len(q_THK):
        return attend_full(q_THK, k_SGK, v_SGK, start=start)
    if early:
        split = start + early
        before = attend_full(q_THK[:early], k_SGK[:split], v_SGK[:split], start=start)
        behind = attend_top(q_THK[early:], k_SGK, v_SGK, blocks=blocks, start=split, summaries_PGK=summaries_PGK)
        return torch.cat((before, behind))
    lead, size = start % BLOCK, len(q_THK)
    q_GNRK = _in_blocks(F.pad(q_THK, (0, 0, 0, 0, lead, -(lead + size) % BLOCK)), BLOCK, k_SGK.shape[1])
    chosen_GNB = _choose(q_GNRK, summaries_PGK, blocks, start // BLOCK)
    hidden_1TC = F.pad(later(BLOCK, q_THK.dtype, q_THK.device), ((blocks - 1) * BLOCK, 0))[None]
    k_GPX, v_GPX = (_by_block(x) for x in (k_SGK, v_SGK))
    seen, few = [], max(1, TOGETHER // blocks)
    for q_NRK, k_PX, v_PX, chosen_NB in zip(q_GNRK, k_GPX, v_GPX, chosen_GNB, strict=True):
        for q_FRK, chosen_FB in zip(q_NRK.split(few), chosen_NB.split(few), strict=True):
            k_1FCK, v_1FCK = (_gather_blocks(x_PX, chosen_FB, q_THK.shape[-1]) for x_PX in (k_PX, v_PX))
            seen.append(_attend_blocks(q_FRK[None], k_1FCK, v_1FCK, hidden_1TC))
    by_head = torch.cat(seen).unflatten(0, (len(q_GNRK), -1))
    whole: Tensor = by_head.transpose(0, 1).flatten(1, 2)
    return whole[lead : lead + size]


def attend_rows(q_BHK: Tensor, k_BSGK: Tensor, v_BSGK: Tensor, lengths_B: Tensor | None) -> Tensor:
    """What the newest token of each text sees of its first `lengths_B` keys, (B, H, K); None: of all of them.

    Fastest where the keys lie as (G, B, S, K).
    """
    batch, keys, groups, width = k_BSGK.shape
    q_BGRK = q_BHK.view(batch, groups, -1, width)
    seen_B11S = None
    if lengths_B is not None:
        seen_B11S = (torch.arange(keys, device=lengths_B.device) < lengths_B[:, None])[:, None, None]
    if batch * keys <= FEW_KEYS:
        k_BGSK, v_BGSK = k_BSGK.transpose(1, 2), v_BSGK.transpose(1, 2)
        return F.scaled_dot_product_attention(q_BGRK, k_BGSK, v_BGSK, attn_mask=seen_B11S).reshape(q_BHK.shape)
    q_XRK = (q_BGRK * width**-0.5).transpose(0, 1).flatten(0, 1)
    k_XSK, v_XSK = (x.permute(2, 0, 1, 3).flatten(0, 1) for x in (k_BSGK, v_BSGK))  # X: a head of a text
    scores_XRS = torch.bmm(q_XRK, k_XSK.contiguous().transpose(1, 2))  # five times as long if it has to copy by itself
    if seen_B11S is not None:
        scores_XRS.view(groups, batch, -1, keys).masked_fill_(~seen_B11S[:, 0], -torch.inf)
    seen_GBRK = torch.bmm(scores_XRS.softmax(-1), v_XSK).view(groups, batch, -1, width)
    return seen_GBRK.transpose(0, 1).reshape(q_BHK.shape)


def choose_blocks(q_HK: Tensor, summaries_PGK: Tensor, blocks: int) -> Tensor:
    """(G, blocks): the numbers of the key blocks that one query sees, rising; its own is the last, P - 1.

    The own block's summary is not read: it is not full yet.
    """
    scores_GP = torch.bmm(q_HK.view(summaries_PGK.shape[1], -1, q_HK.shape[1]), summaries_PGK.permute(1, 2, 0)).amax(1)
    scores_GP[:, 0] = scores_GP[:, -2:] = torch.inf
    return scores_GP.topk(min(blocks, len(summaries_PGK)), sorted=False).indices.sort().values


def _in_blocks(q_THK: Tensor, block: int, groups: int) -> Tensor:
    """(G, N, R, K): blocks of queries, the heads of a group one after the other."""
    q_NTGHK: Tensor = q_THK.unflatten(1, (groups, -1)).unflatten(0, (-1, block))
    return q_NTGHK.permute(2, 0, 3, 1, 4).flatten(2, 3)


def _attend_blocks(
    q_GNRK: Tensor,
    k_GNCK: Tensor,
    v_GNCK: Tensor,
    hidden_NTC: Tensor,
    held_GNRK: Tensor | None = None,
    *,
    sinks: int = 0,
) -> Tensor:
    """Softmax attention of every block of queries to its own keys, (N * T, H, K). `hidden` is added to the scores; it
    may be the same for all blocks. Other queries may meet the first `sinks` keys.
    """
    groups, count, rows, width = q_GNRK.shape
    size = hidden_NTC.shape[1]
    hidden_NRC = hidden_NTC.to(q_GNRK).repeat(1, rows // size, 1)
    hidden_XRC = hidden_NRC.expand(groups, count, -1, -1).flatten(0, 1)
    q_XRK, k_XCK, v_XCK = (x.flatten(0, 1) for x in (q_GNRK * width**-0.5, k_GNCK, v_GNCK))
    k_XKC = k_XCK.transpose(1, 2)
    if held_GNRK is None:
        scores_XRC = torch.baddbmm(hidden_XRC, q_XRK, k_XKC)
    else:
        held_XRK = (held_GNRK * width**-0.5).flatten(0, 1)
        to_sinks = torch.baddbmm(hidden_XRC[..., :sinks], held_XRK, k_XKC[..., :sinks])
        scores_XRC = torch.cat((to_sinks, torch.baddbmm(hidden_XRC[..., sinks:], q_XRK, k_XKC[..., sinks:])), -1)
    weights_XRC = scores_XRC.softmax(-1)
    seen_GNHTK = torch.bmm(weights_XRC, v_XCK).view(groups, count, -1, size, width)
    return seen_GNHTK.permute(1, 3, 0, 2, 4).reshape(count * size, -1, width)


def _prepend_sinks(sinks_GCK: Tensor, spans_GNCK: Tensor) -> Tensor:
    """(G, N, C, K): the sinks, and behind them the keys of every block's span."""
    return torch.cat((sinks_GCK[:, None].expand(-1, spans_GNCK.shape[1], -1, -1), spans_GNCK), 2)


@lru_cache(maxsize=32)
def hidden_in_span(start: int, count: int, block: int, back: int, reach: Reach) -> Tensor:
    """(N or 1, T, C): minus infinity where a query does not see a key, else 0.

    A block's keys are the sinks, those of `back` places before it, and its own. From place `window` + `sinks` on all
    blocks are alike. It is shared: do not write to it.
    """
    query_NT1 = start + torch.arange(count * block).view(count, block, 1)
    if start >= reach.window + reach.sinks:
        query_NT1 = query_NT1[:1]
    near_N1C = query_NT1[:, :1] - back + torch.arange(back + block)
    sink_11C = torch.arange(reach.sinks).view(1, 1, -1)
    beside = is_visible(Reach(kind="window", window=reach.window), query_NT1, near_N1C) & (near_N1C >= 0)
    apart = is_visible(reach, query_NT1, sink_11C) & (query_NT1 - sink_11C >= reach.window)
    seen_NTC = torch.cat((apart, beside), -1)
    return torch.zeros(seen_NTC.shape).masked_fill_(~seen_NTC, -torch.inf)


def _choose(q_GNRK: Tensor, summaries_PGK: Tensor, blocks: int, own: int) -> Tensor:
    """(G, N, blocks): the numbers of the blocks that each block of queries sees; its own is the last. The first query
    block's is `own`. Sums of queries order the blocks as means do; the filled up ones are zero.
    """
    sums_GNHK = q_GNRK.unflatten(2, (-1, BLOCK)).sum(3)
    groups, count, heads, width = sums_GNHK.shape
    even_PGK = F.pad(summaries_PGK, (0, 0, 0, 0, 0, -len(summaries_PGK) % AGAIN))
    scores_GXP = torch.bmm(sums_GNHK.view(groups, -1, width), even_PGK.permute(1, 2, 0))
    scores_GNP = scores_GXP.view(groups, count, heads, -1).amax(2)[..., : len(summaries_PGK)]
    own_N1 = own + torch.arange(count, device=q_GNRK.device)[:, None]
    number_P = torch.arange(scores_GNP.shape[-1], device=q_GNRK.device)
    scores_GNP = scores_GNP.masked_fill((number_P < 1) | (number_P > own_N1 - 2), -torch.inf)
    free_GNB = scores_GNP.topk(blocks - ALWAYS, sorted=False).indices
    always = [number.expand(groups, count, 1) for number in (torch.zeros_like(own_N1), own_N1 - 1, own_N1)]
    return torch.cat((always[0], free_GNB, always[1], always[2]), -1)


def _by_block(x_SGK: Tensor) -> Tensor:
    """(G, P, BLOCK * K): the blocks of keys of every head; the last one is filled up."""
    x_GSK: Tensor = x_SGK.transpose(0, 1)
    if len(x_SGK) % BLOCK:
        x_GSK = F.pad(x_GSK, (0, 0, 0, -len(x_SGK) % BLOCK))
    by_block_GPX: Tensor = x_GSK.unflatten(1, (-1, BLOCK)).flatten(2)
    return by_block_GPX


def _gather_blocks(x_PX: Tensor, chosen_NB: Tensor, width: int) -> Tensor:
    """(1, N, C, K): one head's keys in the blocks that each block of queries chose, one after the other."""
    return x_PX.index_select(0, chosen_NB.flatten()).view(1, len(chosen_NB), -1, width)
