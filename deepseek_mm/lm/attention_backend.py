"""Attention backends: how a decoder's layers reach keys and values, and the plain ones over whole texts.

The decoder does not know whether its keys lie in pages, in a chunk or in a whole text. `FullTextAttention` is the
plainest of those: whole texts, masks over all pairs of tokens. It trains the model, and it is the truth that kernels
and caches are compared with.

`PrunedAttention` is a reference, to measure with (`eval lm --measure pruning`): the weights must be known before any of
them can be dropped, so nothing is saved.

Shape key:  B batch, T queries, S keys, H query heads, G key/value heads, K head width, N blocks
"""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from deepseek_mm.lm.shape import BLOCK, DecoderShape, Reach


class Rotation(NamedTuple):
    """Rotary position embeddings (RoPE, Su et al. 2021, arXiv 2104.09864, eq. 34): cosines and sines of each token's
    angles, both (B, T, 1, K), ready for `rotate`. The pairs are (n, n + K/2), as in Llama's checkpoints.
    """

    cos_BTK: Tensor
    sin_BTK: Tensor


def rotation_at(positions_BT: Tensor, *, head_width: int, base: float | Tensor, dtype: torch.dtype) -> Rotation:
    """The turn at each position; the sine's first half is negative, so that rotating needs no further sign."""
    steps = torch.arange(0, head_width, 2, dtype=torch.float32, device=positions_BT.device) / head_width
    angles = positions_BT[..., None, None].float() * (base**-steps)
    cos, sin = angles.cos(), angles.sin()
    return Rotation(torch.cat((cos, cos), -1).to(dtype), torch.cat((-sin, sin), -1).to(dtype))


def rotate(x_BTHK: Tensor, turn: Rotation) -> Tensor:
    """Every pair (n, n + K/2) of each head turned by its token's angle."""
    half = x_BTHK.shape[-1] // 2
    swapped = torch.roll(x_BTHK, half, -1)
    return torch.addcmul(x_BTHK * turn.cos_BTK, swapped, turn.sin_BTK)


def stretch_base(base: float, scale: float | Tensor, head_width: int) -> float | Tensor:
    """The base with which `scale` times as many tokens turn the slowest pair as far as before.

    Slow rotations are slowed down further, the fast ones hardly (NTK-aware scaling, as in Code Llama and Qwen). That
    holds for layers with a window too: their sinks are as far away as the text is long.
    """
    slower: float | Tensor = base * scale ** (head_width / (head_width - 2))
    return slower


class RollingSinks:
    """The turns of one pass's tokens that keep the sinks at a fixed distance, worked out when a layer first asks.

    In a layer with a window all keys stand near but the sinks, and at a distance that it has not learned a layer takes
    them for something else. So the queries of later tokens are turned back towards the sinks, to where they would stand
    at the place `held`; or the sinks' keys are turned on, which is the same. (StreamingLLM, arXiv 2309.17453, counts
    places inside its cache; here only the sinks have another place.)
    """

    def __init__(self, shape: DecoderShape, tokens: "AttentionBackend") -> None:
        self.shape, self._tokens = shape, tokens
        self._turns: dict[tuple[int, int], Rotation | None] = {}

    def queries(self, reach: Reach, like: Tensor) -> Rotation | None:
        """What turns queries, which are turned to their own places already, towards the sinks; None: nothing to do."""
        return self._turn(reach, like.dtype, -1)

    def keys(self, reach: Reach, like: Tensor) -> Rotation | None:
        """What turns the sinks' keys instead; for one query a text."""
        return self._turn(reach, like.dtype, 1)

    def _turn(self, reach: Reach, dtype: torch.dtype, sign: int) -> Rotation | None:
        if not (reach.sinks and reach.held):
            return None
        if (reach.held, sign) not in self._turns:
            further_BT = (self._tokens.positions_BT - reach.held).clamp(min=0)
            width = self.shape.head_width
            base = stretch_base(self.shape.rope_base, self._tokens.scale, width)
            turn = (
                rotation_at(sign * further_BT, head_width=width, base=base, dtype=dtype) if further_BT.any() else None
            )
            self._turns[reach.held, sign] = turn
        return self._turns[reach.held, sign]


class AttentionBackend(Protocol):
    """Memory, as the decoder sees it."""

    positions_BT: Tensor  # int64: each token's place in its own text
    scale: float | Tensor  # times that rotations are slowed down, of all texts or, as (B, 1, 1, 1), of each

    def __call__(self, slot: int, q_BTHK: Tensor, k_BTGK: Tensor, v_BTGK: Tensor) -> Tensor:
        """What the queries of attention `slot` see, (B, T, H, K). They are rotated already, and so are the keys."""


class FullTextAttention:
    """Whole texts at once. `segments_BT` says which text a token belongs to: several in a row are packed, 0 is padding.

    Positions count from 0 in each text. Padding sees only itself, and nobody sees it.
    """

    def __init__(self, shape: DecoderShape, segments_BT: Tensor) -> None:
        self.shape = shape
        self.positions_BT = positions_in_segments(segments_BT)
        self.scale: float | Tensor = shape.scale_for(segments_BT.shape[1])
        self.held = RollingSinks(shape, self)
        self._segments_BT = segments_BT
        self._masks: dict[Reach, Tensor | None] = {}
        self._plain = bool((segments_BT == 1).all())

    def __call__(self, slot: int, q_BTHK: Tensor, k_BTGK: Tensor, v_BTGK: Tensor) -> Tensor:
        """As `AttentionBackend` says."""
        reach = self.shape.slot_reach(slot)
        width = q_BTHK.shape[-1]
        if turn := self.held.queries(reach, q_BTHK):
            q_BTHK, k_BTGK = widen_for_sinks(q_BTHK, rotate(q_BTHK, turn), k_BTGK, self.positions_BT < reach.sinks)
        q, k, v = (x.transpose(1, 2) for x in (q_BTHK, k_BTGK, v_BTGK))
        mask = self._mask(reach)
        if reach.kind == "top" and q.shape[2] > reach.blocks * BLOCK:
            mask = self._mask(Reach()) if mask is None else mask
            heads = q.shape[1] // k.shape[1]
            assert mask is not None
            mask = mask & best_blocks(q, k, reach.blocks, mask).repeat_interleave(heads, 1)
        return self._see(q, k, v, mask, width**-0.5).transpose(1, 2)

    def _see(self, q_BHTK: Tensor, k_BGSK: Tensor, v_BGSK: Tensor, mask: Tensor | None, scale: float) -> Tensor:
        """(B, H, T, K). Without a mask it is all that came before."""
        return F.scaled_dot_product_attention(
            q_BHTK, k_BGSK, v_BGSK, attn_mask=mask, is_causal=mask is None, scale=scale, enable_gqa=True
        )

    def _mask(self, reach: Reach) -> Tensor | None:
        """(B or 1, 1, T, T), True where a query sees a key; None for plain causal attention."""
        if self._plain and reach.kind == "full":
            return None if self._segments_BT.shape[1] > 1 else self._make(reach)
        if reach not in self._masks:
            self._masks[reach] = self._make(reach)
        return self._masks[reach]

    def _make(self, reach: Reach) -> Tensor:
        segments = self._segments_BT[:1] if self._plain else self._segments_BT
        places_BT = self.positions_BT[:1] if self._plain else self.positions_BT
        same = segments[:, :, None] == segments[:, None, :]
        return (same & is_visible(reach, places_BT[:, :, None], places_BT[:, None, :]))[:, None]


def widen_for_sinks(q_BTHK: Tensor, held_BTHK: Tensor, k_BSGK: Tensor, sink_BS: Tensor) -> tuple[Tensor, Tensor]:
    """Queries and keys of twice the width, so that one product meets the sinks with the held queries and all other keys
    with the own ones.
    """
    sink_BS11 = sink_BS[..., None, None]
    return torch.cat((q_BTHK, held_BTHK), -1), torch.cat((k_BSGK * ~sink_BS11, k_BSGK * sink_BS11), -1)


def positions_in_segments(segments_BT: Tensor) -> Tensor:
    """Each token's place in its text: how many tokens of the same segment stand before it without a break."""
    count = torch.arange(segments_BT.shape[1], device=segments_BT.device).expand_as(segments_BT)
    starts = torch.ones_like(segments_BT, dtype=torch.bool)
    starts[:, 1:] = segments_BT[:, 1:] != segments_BT[:, :-1]
    return count - torch.where(starts, count, 0).cummax(1).values


def is_visible(reach: Reach, query: Tensor, key: Tensor) -> Tensor:
    """Whether the token at place `query` may see the one at place `key` of the same text: the truth about a reach.

    A layer of kind "top" may see everything before it here; which blocks it chooses is `best_blocks`.
    """
    past = key <= query
    if reach.kind != "window":
        return past
    near: Tensor = past & ((query - key < reach.window) | (key < reach.sinks))
    return near


def best_blocks(q_BHTK: Tensor, k_BGSK: Tensor, blocks: int, mask_B1TS: Tensor) -> Tensor:
    """(B, G, T, S): True in the key blocks that each query block sees, as `chosen_blocks` chooses them."""
    chosen_BGNC, count = chosen_blocks(q_BHTK, k_BGSK, blocks), -(-k_BGSK.shape[2] // BLOCK)
    chosen = torch.zeros(*chosen_BGNC.shape[:3], count, dtype=torch.bool, device=k_BGSK.device)
    chosen.scatter_(-1, chosen_BGNC, True)
    whole = chosen.repeat_interleave(BLOCK, -1).repeat_interleave(BLOCK, -2)
    return whole[..., : mask_B1TS.shape[-2], : mask_B1TS.shape[-1]]


def chosen_blocks(q_BHTK: Tensor, k_BGSK: Tensor, blocks: int) -> Tensor:
    """(B, G, N, C): which key blocks each query block sees, C = `blocks` of them at most, for every key head.

    A block's score is its mean key times the mean query of the query block, the largest of the head's group. The first
    block, the one before and the own one are always among them; later ones fill up where there are too few. Choosing is
    not differentiated, as in NSA (arXiv 2502.11089) without its compressed branch.
    """
    with torch.no_grad():
        group = q_BHTK.shape[1] // k_BGSK.shape[1]
        q_BHNK, k_BGNK = _means(q_BHTK), _means(k_BGSK)
        score = (q_BHNK @ k_BGNK.repeat_interleave(group, 1).transpose(-1, -2)).unflatten(1, (-1, group)).amax(2)
        number = torch.arange(score.shape[-1], device=score.device)
        behind = number[None, :] - number[:, None]  # key block minus query block
        score = score.masked_fill(behind > 0, -torch.inf).masked_fill((behind == 0) | (behind == -1), torch.inf)
        score[..., 0] = torch.inf
        chosen_BGNC: Tensor = score.topk(min(blocks, score.shape[-1])).indices
        return chosen_BGNC


def _means(x_BHTK: Tensor) -> Tensor:
    """The mean of every block of BLOCK tokens, (B, H, N, K); the last block may be short."""
    padded = F.pad(x_BHTK, (0, 0, 0, -x_BHTK.shape[2] % BLOCK))
    sums = padded.unflatten(2, (-1, BLOCK)).sum(3)
    counts = torch.full((sums.shape[2], 1), BLOCK, dtype=x_BHTK.dtype, device=x_BHTK.device)
    counts[-1] = x_BHTK.shape[2] - BLOCK * (sums.shape[2] - 1)
    means: Tensor = sums / counts
    return means


THRESHOLD = 0.1  # of a row's largest weight: the article's


class PrunedAttention(FullTextAttention):
    """Whole texts, of whose links only the strong ones count. `links` and `cut` say how many there were."""

    def __init__(self, shape: DecoderShape, segments_BT: Tensor, threshold: float = THRESHOLD) -> None:
        super().__init__(shape, segments_BT)
        self.threshold, self.links, self.cut = threshold, 0, 0

    def _see(self, q_BHTK: Tensor, k_BGSK: Tensor, v_BGSK: Tensor, mask: Tensor | None, scale: float) -> Tensor:
        heads = q_BHTK.shape[1] // k_BGSK.shape[1]
        k_BHSK, v_BHSK = (x.repeat_interleave(heads, 1) for x in (k_BGSK, v_BGSK))
        scores_BHTS = (q_BHTK @ k_BHSK.transpose(-1, -2)).float() * scale
        if mask is None:
            mask = torch.ones(scores_BHTS.shape[-2:], dtype=torch.bool).tril()
        weights_BHTS = scores_BHTS.masked_fill_(~mask, -torch.inf).softmax(-1)
        if self.threshold:
            links = int(mask.expand_as(weights_BHTS).count_nonzero())
            weights_BHTS = prune_weights(weights_BHTS, self.threshold)
            self.links, self.cut = self.links + links, self.cut + links - int(weights_BHTS.count_nonzero())
        return weights_BHTS.to(v_BHSK.dtype) @ v_BHSK


def prune_weights(weights_S: Tensor, threshold: float = THRESHOLD) -> Tensor:
    """Attention weights (..., S) without those below `threshold` of their row's largest; the rest sums to 1 again."""
    kept_S = weights_S.where(weights_S >= threshold * weights_S.amax(-1, keepdim=True), 0)
    return kept_S / kept_S.sum(-1, keepdim=True)
