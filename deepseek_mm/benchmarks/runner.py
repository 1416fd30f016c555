"""Decoders of random weights that read a prompt, or one token after another behind a context that stays as it is.

How fast a shape is does not depend on what its weights say.

Shape key:  B batch, T tokens, C tokens of context, D width, H query heads, G key/value heads, R = H / G,
            K head width
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepseek_mm.lm.attention_backend import AttentionBackend, FullTextAttention
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.moe import Expert, Routing
from deepseek_mm.lm.shape import DecoderShape


class FixedContext:
    """A memory that does not grow: every call is the token that follows on the same tokens before it."""

    def __init__(self, shape: DecoderShape, tokens: int) -> None:
        self.positions_BT = torch.tensor([[tokens]])
        self.scale: float | Tensor = 1.0
        self._lengths = [min(tokens, shape.slot_reach(slot).window or tokens) for slot in range(shape.num_slots)]
        self._past: dict[int, tuple[Tensor, Tensor]] = {}

    def __call__(self, slot: int, q_BTHK: Tensor, k_BTGK: Tensor, v_BTGK: Tensor) -> Tensor:
        """As `Attend` says; the own key and value stand where the last token's stood."""
        if slot not in self._past:
            length = self._lengths[slot]
            self._past[slot] = (k_BTGK.repeat(1, length, 1, 1), v_BTGK.repeat(1, length, 1, 1))
        k_BCGK, v_BCGK = self._past[slot]
        k_BCGK[:, -1:], v_BCGK[:, -1:] = k_BTGK, v_BTGK
        rows_BGRK = q_BTHK.unflatten(2, (k_BTGK.shape[2], -1))[:, 0]  # heads that share keys, as queries of one head
        seen_BGRK = F.scaled_dot_product_attention(rows_BGRK, k_BCGK.transpose(1, 2), v_BCGK.transpose(1, 2))
        return seen_BGRK.reshape(q_BTHK.shape)


class RandomDecoder:
    """A decoder of random weights that takes its turns."""

    def __init__(self, shape: DecoderShape, tokens: int) -> None:
        self.model = make_random_decoder(shape)
        self._whole, self._still = (
            FullTextAttention(shape, torch.ones(1, tokens, dtype=torch.int64)),
            FixedContext(shape, tokens),
        )

    def prefill(self, ids_BT: Tensor) -> list[Routing]:
        """Read a prompt."""
        return self._read(ids_BT, self._whole)

    def decode(self, ids_BT: Tensor) -> None:
        """Read tokens one by one, each behind a whole context."""
        for id_B1 in ids_BT.split(1, 1):
            self._read(id_B1, self._still)

    def _read(self, ids_BT: Tensor, attend: AttentionBackend) -> list[Routing]:
        """As for the next token: the last one's logits."""
        routings: list[Routing]
        hidden_BTD, routings = self.model(self.model.embed(ids_BT), attend)
        self.model.logits(hidden_BTD[:, -1:])
        return routings


def make_random_decoder(shape: DecoderShape) -> Decoder:
    """In bf16, and with experts that say something."""
    model = Decoder(shape).to(torch.bfloat16)
    for module in model.modules():
        if isinstance(module, Expert):
            nn.init.normal_(module.down.weight, std=0.02)
    return model
