"""Tensor parallelism, put on a decoder from outside: modules are replaced by sharded ones.

Matrices that enter a layer are cut by rows, those that leave it by columns (Megatron-LM, Shoeybi et al. 2019, arXiv
1909.08053, section 3). Where several were stacked to make one, each of them is cut, so that a rank's queries, keys and
values belong to the same heads. On the way in, every rank has the whole of x and goes on with its own columns;
backwards, the gradients of x are summed (`copy_to_ranks`, the paper's f). On the way out each has a part of the sum,
and they are summed (`sum_over_ranks`, the paper's g).

Shape key:  B rows, T tokens, N tokens of all rows, D width, W words of this rank, k experts visited
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepseek_mm.lm.decoder import Decoder, DecoderLayer
from deepseek_mm.lm.moe import MoE, Routing
from deepseek_mm.lm.shape import DecoderShape
from deepseek_mm.training.parallel.layout import Axis


class _Copied(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, axis: Axis) -> Tensor:
        ctx.axis = axis
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, lost: Tensor) -> tuple[Tensor, None]:
        return ctx.axis.sum(lost.clone()), None


class _Summed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, axis: Axis) -> Tensor:
        return axis.sum(x.clone())

    @staticmethod
    def backward(ctx: Any, lost: Tensor) -> tuple[Tensor, None]:
        return lost, None


def copy_to_ranks(x: Tensor, axis: Axis) -> Tensor:
    """x, whose gradients are summed over the axis."""
    found: Tensor = _Copied.apply(x, axis) if axis.size > 1 else x
    return found


def sum_over_ranks(x: Tensor, axis: Axis) -> Tensor:
    """The sum of x over the axis, of which each rank gets the gradient."""
    found: Tensor = _Summed.apply(x, axis) if axis.size > 1 else x
    return found


class ColumnLinear(nn.Module):
    """A matrix that enters a layer: this rank's rows of it."""

    def __init__(self, linear: nn.Linear, axis: Axis) -> None:
        super().__init__()
        self.weight, self.axis = linear.weight, axis

    def forward(self, x: Tensor) -> Tensor:
        """This rank's columns of the product."""
        return F.linear(copy_to_ranks(x, self.axis), self.weight)


class RowLinear(nn.Module):
    """A matrix that leaves a layer: this rank's columns of it."""

    def __init__(self, linear: nn.Linear, axis: Axis) -> None:
        super().__init__()
        self.weight, self.axis = linear.weight, axis

    def forward(self, x: Tensor) -> Tensor:
        """The whole product."""
        return sum_over_ranks(F.linear(x, self.weight), self.axis)


class ShardedEmbedding(nn.Module):
    """An embedding: this rank's rows of it."""

    def __init__(self, embedding: nn.Embedding, axis: Axis) -> None:
        super().__init__()
        self.weight, self.axis = embedding.weight, axis

    def forward(self, ids_BT: Tensor) -> Tensor:
        """Vectors (B, T, D) of all ranks' words."""
        own_BT, mine_BT = _count_from_own(ids_BT, len(self.weight), self.axis)
        return sum_over_ranks(F.embedding(own_BT, self.weight) * mine_BT[..., None], self.axis)


class ShardedMoE(MoE):
    """Gates that are whole and experts of which each rank has a part. All ranks choose alike."""

    def __init__(self, moe: MoE, axis: Axis) -> None:
        nn.Module.__init__(self)
        self.gate, self.experts, self.top_k, self.axis = moe.gate, moe.experts, moe.top_k, axis

    def visit(self, x_BTD: Tensor, routing: Routing) -> Tensor:
        """As `MoE.visit`; each rank's experts see a part of what the weights of their answers are worth."""
        inner = routing._replace(weights_BTk=copy_to_ranks(routing.weights_BTk, self.axis))
        return sum_over_ranks(super().visit(copy_to_ranks(x_BTD, self.axis), inner), self.axis)


def shard_decoder(decoder: Decoder, axis: Axis) -> None:
    """Swap the modules whose weights are cut. The weights themselves are cut by whoever fills them in."""
    if axis.size == 1:
        return
    for layer in decoder.layers:
        if isinstance(layer, DecoderLayer):
            _shard_layer(layer, axis)
    if isinstance(decoder.embedding, nn.Embedding):
        decoder.embedding = ShardedEmbedding(decoder.embedding, axis)  # type: ignore[assignment]  # it is called like one
    if isinstance(decoder.head, nn.Linear):
        decoder.head = ColumnLinear(decoder.head, axis)  # type: ignore[assignment]


def compute_word_losses(logits_NW: Tensor, ids_N: Tensor, axis: Axis) -> Tensor:
    """Cross-entropy of each token, (N,), in nats, of logits whose words are shared among the ranks."""
    top_N1 = axis.largest(logits_NW.detach().amax(-1, keepdim=True))
    own_N, mine_N = _count_from_own(ids_N, logits_NW.shape[-1], axis)
    above_NW = logits_NW - top_N1
    said_N = above_NW.gather(-1, own_N[:, None]).squeeze(-1) * mine_N
    both_2N = sum_over_ranks(torch.stack((above_NW.exp().sum(-1), said_N)), axis)
    return both_2N[0].log() - both_2N[1]


def _count_from_own(ids: Tensor, words: int, axis: Axis) -> tuple[Tensor, Tensor]:
    """Ids counted from this rank's first word, 0 where they are another's; and whether they are this rank's."""
    own = ids - axis.place * words
    mine = (own >= 0) & (own < words)
    return own * mine, mine


def _shard_layer(layer: DecoderLayer, axis: Axis) -> None:
    layer.num_heads //= axis.size
    layer.split = (layer.split[0] // axis.size, layer.split[1] // axis.size)
    for name, kind in (("qkv", ColumnLinear), ("out", RowLinear), ("up", ColumnLinear), ("down", RowLinear)):
        setattr(layer, name, kind(getattr(layer, name), axis))
    if layer.moe is not None:
        layer.moe = ShardedMoE(layer.moe, axis)


@dataclass(frozen=True, slots=True)
class ShardCut:
    """Along which dimension, and the sizes of what was stacked there."""

    dim: int
    sections: tuple[int, ...]


def list_cuts(shape: DecoderShape) -> dict[str, ShardCut]:
    """The cut of every parameter that is cut, by its name in `Decoder`. The rest, every rank has whole."""
    heads, groups = shape.num_heads * shape.head_width, shape.num_kv_heads * shape.head_width
    found = {name: ShardCut(0, (shape.vocab_size,)) for name in ("embedding.weight", "head.weight")}
    for number in range(shape.num_layers):
        layer = f"layers.{number}"
        found[f"{layer}.qkv.weight"] = ShardCut(0, (heads, groups, groups))
        found[f"{layer}.out.weight"] = ShardCut(1, (heads,))
        found |= _cut_gated(layer, shape.ffn_width)
        if shape.moe and number in shape.moe.layers:
            for expert, spec in enumerate(shape.moe.experts):
                found |= _cut_gated(f"{layer}.moe.experts.{expert}", spec.width)
    return found


def cut_part(full: Tensor, cut: ShardCut | None, place: int, size: int) -> Tensor:
    """What rank `place` of `size` has of it."""
    if cut is None or size == 1:
        return full
    return torch.cat([each.chunk(size, cut.dim)[place] for each in full.split(cut.sections, cut.dim)], cut.dim)


def join_parts(parts: Sequence[Tensor], cut: ShardCut | None) -> Tensor:
    """The parts of all ranks, in their order, as they were before they were cut."""
    if cut is None or len(parts) == 1:
        return parts[0]
    sizes = [section // len(parts) for section in cut.sections]
    split = [each.split(sizes, cut.dim) for each in parts]
    return torch.cat([each[n] for n in range(len(sizes)) for each in split], cut.dim)


def _cut_gated(where: str, width: int) -> dict[str, ShardCut]:
    return {f"{where}.up.weight": ShardCut(0, (width, width)), f"{where}.down.weight": ShardCut(1, (width,))}
