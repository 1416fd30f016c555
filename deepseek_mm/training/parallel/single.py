"""The truth that layouts are compared with: one process, the decoder as it is, and every other trainer's update."""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.shape import DecoderShape
from deepseek_mm.training.parallel.recipe import (
    SOURCE,
    MicrobatchConfig,
    compute_gate_cost,
    draw_rows,
    fill_missing_gradients,
    make_first_weights,
    open_whole,
    read_text,
)
from deepseek_mm.training.steps import Optimiser, StepsConfig


def train_single(
    shape: DecoderShape, batch: MicrobatchConfig, config: StepsConfig, *, text: Path = SOURCE
) -> tuple[list[float], dict[str, Tensor]]:
    """(the loss of every step, the weights after the last, by name)."""
    read, decoder = read_text(text), open_whole(shape, make_first_weights(config.seed))
    steps = Optimiser(dict(decoder.named_parameters()), config)
    losses = []
    for step in range(config.steps):
        lost = 0.0
        for number in range(batch.microbatches):
            loss = compute_loss(decoder, draw_rows(read, batch, step=step, number=number, seed=config.seed))
            (loss / batch.microbatches).backward()
            lost += float(loss.detach()) / batch.microbatches
        fill_missing_gradients(list(decoder.parameters()))
        steps.update(step)
        losses.append(lost)
    return losses, {name: value.detach() for name, value in decoder.named_parameters()}


def compute_loss(decoder: Decoder, ids_BT: Tensor) -> Tensor:
    """Cross-entropy of the next byte, nats, and what the gates cost."""
    read_BT = ids_BT[:, :-1]
    hidden, routings = decoder(decoder.embed(read_BT), FullTextAttention(decoder.shape, torch.ones_like(read_BT)))
    return F.cross_entropy(decoder.logits(hidden).flatten(0, 1), ids_BT[:, 1:].flatten()) + compute_gate_cost(
        routings, decoder.shape
    )
