"""The gate reads a little before it chooses: which expert fits a token depends on the tokens before it.

It is one light Transformer layer over the last 32 tokens. It looks back only, or routes would leak what comes next. It
has a memory, so its keys go through the same door as the decoder's own: a cache keeps them, and token by token it
chooses what it would have chosen over the whole text. Attention and feed-forward stand side by side on one norm, as in
GPT-J: two matrices where there would be four, which counts when one token is decoded.

Shape key:  B batch, T tokens, D width of the model, W width of the gate, H heads, K head width, E experts
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepseek_mm.lm.shape import MoEShape

LookBack = Callable[[Tensor, Tensor, Tensor], Tensor]  # q, k, v (B, T, H, K) -> what was seen (B, T, H, K)
WIDER = 2  # times the gate's width that its feed-forward has


class Gate(nn.Module):
    """A score for every expert, from a token and those before it."""

    def __init__(self, width: int, moe: MoEShape) -> None:
        super().__init__()
        self.heads = moe.gate_heads
        self.split = (*3 * (moe.gate_width,), WIDER * moe.gate_width)
        self.norm = nn.LayerNorm(width)
        self.enter = nn.Linear(width, moe.gate_width, bias=False)
        self.layer_norm = nn.LayerNorm(moe.gate_width)
        self.split_up = nn.Linear(moe.gate_width, sum(self.split), bias=False)  # q, k, v and the feed-forward's first
        self.join = nn.Linear((1 + WIDER) * moe.gate_width, moe.gate_width, bias=False)  # the other two matrices
        self.last_norm = nn.LayerNorm(moe.gate_width)
        self.score = nn.Linear(moe.gate_width, len(moe.experts), bias=False)

    def forward(self, x_BTD: Tensor, look_back: LookBack) -> Tensor:
        """Logits (B, T, E). `look_back` is causal attention with the gate's window; it may remember earlier calls."""
        h_BTW = self.enter(self.norm(x_BTD))
        q, k, v, inner = self.split_up(self.layer_norm(h_BTW)).split(self.split, -1)
        q_BTHK, k_BTHK, v_BTHK = (x.unflatten(-1, (self.heads, -1)) for x in (q, k, v))
        seen_BTW = look_back(q_BTHK, k_BTHK, v_BTHK).flatten(-2)
        h_BTW = h_BTW + self.join(torch.cat((seen_BTW, F.gelu(inner)), -1))
        logits_BTE: Tensor = self.score(self.last_norm(h_BTW))
        return logits_BTE
