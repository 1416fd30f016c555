"""The decoder: RMS norms, rotated grouped attention, a gated feed-forward, and in some layers experts beside it.

It is SmolLM2's (Llama's) arithmetic, so those weights fit; Qwen2 adds something to queries, keys and values, and Qwen3
norms each head of queries and keys, so theirs fit as well. What a layer sees, and where keys are kept, is behind the
one door `attend`: the same weights run with full or progressive attention, with or without a cache.

Shape key:  B batch, T tokens, D width, H query heads, G key/value heads, K head width, F feed-forward, V vocabulary
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepseek_mm.lm.attention_backend import AttentionBackend, Rotation, rotate, rotation_at, stretch_base
from deepseek_mm.lm.moe import MoE, Routing
from deepseek_mm.lm.shape import DecoderShape


class HeadNorm(nn.Module):
    """An RMS norm of each head by itself, before it is turned: Qwen3's q_norm for query heads, k_norm for key heads.

    The weight, (heads * K,), repeats each of the two for its heads, so that one product norms them all.
    """

    def __init__(self, heads: int, head_width: int, eps: float) -> None:
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(heads * head_width)), eps

    def forward(self, x_BTNK: Tensor) -> Tensor:
        """(B, T, N, K), query heads and then key heads."""
        width = x_BTNK.shape[-1]
        return F.rms_norm(x_BTNK, (width,), eps=self.eps) * self.weight.view(-1, width)


class DecoderLayer(nn.Module):
    """One layer: look around, then think; each adds to what was there."""

    def __init__(self, shape: DecoderShape, number: int) -> None:
        super().__init__()
        self.number, self.num_heads, self.head_width = number, shape.num_heads, shape.head_width
        self.split = (shape.num_heads + shape.num_kv_heads, shape.num_kv_heads)  # heads that are turned, and values
        self.attention_norm = nn.RMSNorm(shape.width, eps=shape.norm_eps)
        self.qkv = nn.Linear(shape.width, sum(self.split) * shape.head_width, bias=shape.qkv_bias)
        self.head_norm = HeadNorm(self.split[0], shape.head_width, shape.norm_eps) if shape.head_norm else None
        self.out = nn.Linear(shape.num_heads * shape.head_width, shape.width, bias=False)
        self.ffn_norm = nn.RMSNorm(shape.width, eps=shape.norm_eps)
        self.up = nn.Linear(shape.width, 2 * shape.ffn_width, bias=False)
        self.down = nn.Linear(shape.ffn_width, shape.width, bias=False)
        self.moe: MoE | None = None
        if shape.moe and number in shape.moe.layers:
            self.moe = MoE(shape.width, shape.moe)
            self.gate_slot = shape.num_layers + shape.moe.layers.index(number)

    def forward(self, x_BTD: Tensor, turn: Rotation, attend: AttentionBackend) -> tuple[Tensor, Routing | None]:
        """The longer thought (B, T, D), and which experts had a part in it."""
        heads = self.qkv(self.attention_norm(x_BTD)).unflatten(-1, (-1, self.head_width))
        qk, v = heads.split(self.split, -2)
        qk = qk if self.head_norm is None else self.head_norm(qk)
        q, k = rotate(qk, turn).split((self.num_heads, self.split[1]), -2)
        seen = attend(self.number, q, k, v)
        x_BTD = x_BTD + self.out(seen.flatten(-2))
        normed = self.ffn_norm(x_BTD)
        gate, up = self.up(normed).chunk(2, -1)
        thought = self.down(F.silu(gate) * up)
        if self.moe is None:
            return x_BTD + thought, None
        extra, routing = self.moe(normed, partial(attend, self.gate_slot))
        return x_BTD + thought + extra, routing


class Decoder(nn.Module):
    """Token ids, or vectors in their place, become hidden states; `logits` makes words of those."""

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocab_size, shape.width)
        self.layers = nn.ModuleList(DecoderLayer(shape, number) for number in range(shape.num_layers))
        self.norm = nn.RMSNorm(shape.width, eps=shape.norm_eps)
        self.head = nn.Linear(shape.width, shape.vocab_size, bias=False)
        if shape.tied:
            self.head.weight = self.embedding.weight

    def embed(self, ids_BT: Tensor) -> Tensor:
        """Vectors (B, T, D) of tokens; a picture's vectors may take the place of some."""
        embedded: Tensor = self.embedding(ids_BT)
        return embedded

    def forward(
        self, x_BTD: Tensor, attend: AttentionBackend, *, layers: range | None = None, final: bool = True
    ) -> tuple[Tensor, list[Routing]]:
        """Hidden states (B, T, D), normed, and the routing of every layer that has experts, in order.

        `layers` runs only some of them, on what those below left; with `final=False` the last norm is left out.
        """
        turn = self.turn(attend.positions_BT, attend.scale, x_BTD.dtype)
        routings = []
        for number in layers or range(self.shape.num_layers):
            x_BTD, routing = self.layers[number](x_BTD, turn, attend)
            if routing is not None:
                routings.append(routing)
        return (self.norm(x_BTD) if final else x_BTD), routings

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores (..., V) of every token to come next, of normed hidden states (..., D)."""
        scores: Tensor = self.head(hidden)
        return scores

    def turn(self, positions_BT: Tensor, scale: float | Tensor, dtype: torch.dtype) -> Rotation:
        """How far each token is turned."""
        shape = self.shape
        base = stretch_base(shape.rope_base, scale, shape.head_width)
        return rotation_at(positions_BT, head_width=shape.head_width, base=base, dtype=dtype)
