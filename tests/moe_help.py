"""What a gate looks back with, in the plainest form: every key and value that came so far, and a mask."""

import torch
from torch import Tensor
from torch.nn import functional as F

from deepseek_mm.lm.shape import ExpertSpec, MoEShape

THREE = (
    ExpertSpec(name="a", domain="code", width=64, activation="silu"),
    ExpertSpec(name="b", domain="vision", width=32, activation="tanh"),
    ExpertSpec(name="c", domain="shell", width=96, activation="relu2"),
)


def small(*, window: int = 4, top_k: int = 2) -> MoEShape:
    """Three experts and a gate of two heads of eight."""
    return MoEShape(layers=(0,), experts=THREE, top_k=top_k, gate_width=16, gate_heads=2, gate_window=window)


class Memory:
    """Called again, it goes on where it was: the later tokens see the earlier ones."""

    def __init__(self, window: int = 4) -> None:
        self.window = window
        self.past: tuple[Tensor, Tensor] | None = None

    def __call__(self, q_BTHK: Tensor, k_BTHK: Tensor, v_BTHK: Tensor) -> Tensor:
        if self.past is not None:
            k_BTHK, v_BTHK = torch.cat((self.past[0], k_BTHK), 1), torch.cat((self.past[1], v_BTHK), 1)
        self.past = k_BTHK, v_BTHK
        last = torch.arange(k_BTHK.shape[1] - q_BTHK.shape[1], k_BTHK.shape[1])
        back_TS = last[:, None] - torch.arange(k_BTHK.shape[1])
        q, k, v = (x.transpose(1, 2) for x in (q_BTHK, k_BTHK, v_BTHK))
        mask = (back_TS >= 0) & (back_TS < self.window)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2)


def awake(moe: torch.nn.Module) -> torch.nn.Module:
    """Its experts say something, as after training."""
    for expert in moe.experts:
        torch.nn.init.normal_(expert.down.weight, std=0.1)
    return moe
