"""The model and data of `train parallel`: a small decoder with experts, on the bytes of our own source.

First weights depend on the seed and a parameter's name, rows on the seed, the step and the microbatch's number. So
every layout trains the same model on the same rows, and no rank has to hear of them from another. `train_single` trains
it in one process: the reference that layouts are compared with.

Shape key:  B rows of a microbatch, T tokens, D width
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepseek_mm.config import between
from deepseek_mm.errors import NothingThere
from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.moe import Routing, balance_loss, z_loss
from deepseek_mm.lm.shape import DecoderShape, ExpertSpec, MoEShape
from deepseek_mm.training.loop import Optimiser, StepsConfig

SOURCE = Path(__file__).parents[2]  # deepseek_mm: text that is always there, and ours
BYTES = 256
SPREAD = 0.05  # standard deviation of first weights

Source = Callable[[str, torch.Size], Tensor]  # a parameter's name and whole shape -> its whole value


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """A decoder small enough for eight processes on two cores, with everything that has to be shared."""

    num_layers: int = 4  # experts stand in every other one
    width: int = 64
    num_heads: int = 4
    num_kv_heads: int = 2
    ffn_width: int = 160
    experts: int = 4
    top_k: int = 2  # experts that a token visits

    def shape(self) -> DecoderShape:
        """The decoder's shape; experts differ in width and nonlinearity."""
        kinds = ("silu", "gelu", "tanh", "relu2")
        specs = tuple(
            ExpertSpec(name=f"e{n}", domain="code", width=32 + 16 * (n % 3), activation=kinds[n % 4])  # type: ignore[arg-type]
            for n in range(self.experts)
        )
        layers = tuple(range(0, self.num_layers, 2))
        moe = MoEShape(layers=layers, experts=specs, top_k=self.top_k, gate_width=32, z_weight=1e-3)
        return DecoderShape(
            vocab_size=BYTES, num_layers=self.num_layers, width=self.width, num_heads=self.num_heads,
            num_kv_heads=self.num_kv_heads, head_width=self.width // self.num_heads, ffn_width=self.ffn_width,
            rope_base=10_000.0, norm_eps=1e-5, context=2_048, moe=moe,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class MicrobatchConfig:
    """What one step reads, in all: every layout shares the same microbatches."""

    microbatches: int = 4
    rows: int = 2  # of a microbatch
    length: int = 64  # tokens of a row

    def __post_init__(self) -> None:
        between("microbatches", self.microbatches, 1, 1 << 16)
        between("rows", self.rows, 1, 1 << 16)
        between("length", self.length, 2, 1 << 20)


def read_text(folder: Path = SOURCE) -> Tensor:
    """The bytes of every Python file of the folder, one after the other. NothingThere if there is none."""
    files = sorted(folder.rglob("*.py"))
    if not files:
        raise NothingThere(f"no Python files in {folder}. Name a folder that has some with --text")
    return torch.from_numpy(np.frombuffer(b"".join(file.read_bytes() for file in files), np.uint8).copy())


def draw_rows(text: Tensor, batch: MicrobatchConfig, *, step: int, number: int, seed: int) -> Tensor:
    """Ids (B, T + 1) of microbatch `number` of a step: what is read, and one more to be guessed."""
    chance = Random(f"{seed} {step} {number}")
    starts = [chance.randrange(len(text) - batch.length) for _ in range(batch.rows)]
    return torch.stack([text[at : at + batch.length + 1] for at in starts]).long()


def make_first_weights(seed: int) -> Source:
    """Norms are one, biases zero, and matrices are drawn, each from a stream of its own."""

    def draw_weights(name: str, size: torch.Size) -> Tensor:
        if len(size) == 1:
            return torch.zeros(size) if name.endswith("bias") else torch.ones(size)
        chance = torch.Generator().manual_seed(Random(f"{seed} {name}").randrange(2**31))
        return SPREAD * torch.randn(size, generator=chance)

    return draw_weights


def list_sizes(shape: DecoderShape) -> dict[str, torch.Size]:
    """Every parameter's shape in one process; a head that is the embedding is not among them."""
    with torch.device("meta"):
        return {name: parameter.shape for name, parameter in Decoder(shape).named_parameters()}


def open_whole(shape: DecoderShape, source: Source) -> Decoder:
    """The whole decoder in this process."""
    decoder = Decoder(shape)
    with torch.no_grad():
        for name, parameter in decoder.named_parameters():
            parameter.copy_(source(name, parameter.shape))
    return decoder


def compute_gate_cost(routings: Sequence[Routing], shape: DecoderShape) -> Tensor:
    """What unequal load and large logits of these layers cost, their part of the whole model's mean."""
    moe = shape.moe
    if moe is None or not routings:
        return torch.zeros(())
    costs = [moe.balance_weight * balance_loss(r, len(moe.experts)) + moe.z_weight * z_loss(r) for r in routings]
    return torch.stack(costs).sum() / len(moe.layers)


def fill_missing_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """An expert that nobody visited has gradients of zero, wherever it is."""
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)


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
