"""The three ways in which ranks share a model: by tensors, by stages of layers, and by data.

Tensors: modules are swapped from outside. Matrices that enter a layer are cut by rows, those that leave it by columns
(Megatron-LM, Shoeybi et al. 2019, arXiv 1909.08053, section 3). Where several were stacked to make one, each of them is
cut, so that a rank's queries, keys and values belong to the same heads. On the way in, every rank has the whole of x
and goes on with its own columns; backwards, the gradients of x are summed (`copy_to_ranks`, the paper's f). On the way
out each has a part of the sum, and they are summed (`sum_over_ranks`, the paper's g). Stages: pipelining is torch's,
one forward and one backward in turn (PipeDream-Flush, Narayanan et al. 2021, arXiv 2006.09503); each stage hands on the
hidden states, and the cost of its gates beside them. Data: AdamW shares its state (ZeRO stage 1, Rajbhandari et al.
2020, arXiv 1910.02054): all parameters of a rank are one long vector, and each keeps the moments of its slice.

Shape key:  B rows, T tokens, N tokens of all rows, D width, W words of this rank, k experts visited, M microbatches,
            P parameters of this rank, filled up to a multiple of the data ranks; S parameters of its slice
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.distributed.pipelining import PipelineStage, Schedule1F1B
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from deepseek_mm.errors import ConfigError
from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.decoder import Decoder, DecoderLayer
from deepseek_mm.lm.moe import MoE, Routing
from deepseek_mm.lm.shape import DecoderShape
from deepseek_mm.training.loop import BETAS, StepsConfig, compute_rate
from deepseek_mm.training.parallel.layout import Axis, RankPlace
from deepseek_mm.training.parallel.recipe import (
    Source,
    compute_gate_cost,
    fill_missing_gradients,
)


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


STATE = ("weight", "exp_avg", "exp_avg_sq")  # of each parameter; the names are AdamW's


SCATTER = getattr(dist, "reduce_scatter_single", None) or dist.reduce_scatter_tensor  # its name before torch 2.13


GATHER = getattr(dist, "all_gather_single", None) or dist.all_gather_into_tensor


SMALL = 1e-6  # as torch.nn.utils.clip_grad_norm_ adds


class ShardedAdamW:
    """The same update as `training.steps.Steps`, for one rank of many."""

    def __init__(self, trained: Mapping[str, nn.Parameter], place: RankPlace, config: StepsConfig) -> None:
        self.trained, self.place, self.config = dict(trained), place, config
        self.length = sum(parameter.numel() for parameter in self.trained.values())
        share = -(-self.length // place.data.size)
        self.mine = slice(place.data.place * share, (place.data.place + 1) * share)
        self.padded = share * place.data.size
        self.slice_S = nn.Parameter(self._flatten([p.detach() for p in self.trained.values()])[self.mine].clone())
        self.optimiser = torch.optim.AdamW(
            [self.slice_S], lr=config.rate, betas=BETAS, weight_decay=config.decay, fused=True
        )

    def update(self, step: int, *, counted: Mapping[str, bool], lost: float) -> tuple[float, float]:
        """One update from the gradients that were gathered: (the loss of all ranks, the gradient's length).

        `counted` says whose gradients count towards the length here: of several ranks that have the same, one.
        """
        fill_missing_gradients(list(self.trained.values()))
        grads_S = self._scatter(self._flatten([_grad(p) for p in self.trained.values()]))
        told = torch.tensor([lost, float(self._sum_squares(grads_S, counted))], dtype=torch.float64)
        loss, squares = self.place.world.sum(told).tolist()
        norm = squares**0.5
        self.slice_S.grad = grads_S * min(1.0, self.config.clip / (norm + SMALL))
        for group in self.optimiser.param_groups:
            group["lr"] = compute_rate(step, self.config)
        self.optimiser.step()
        self._spread()
        return loss, norm

    def pieces(self) -> dict[str, list[tuple[str, int, Tensor]]]:
        """Kind -> (parameter, where in it the piece begins, its values) of all that lies in this rank's slice."""
        kept: dict[str, Any] = {"weight": self.slice_S.detach(), **self.optimiser.state[self.slice_S]}
        return {kind: self._cut_up(kept[kind]) for kind in STATE}

    def restore(self, state: Mapping[str, Mapping[str, Tensor]], step: int) -> None:
        """Go on from this rank's part of every parameter, kind -> name -> values, after so many steps."""
        flat = {kind: self._flatten([state[kind][name] for name in self.trained])[self.mine].clone() for kind in STATE}
        with torch.no_grad():
            self.slice_S.copy_(flat.pop("weight"))
        self.optimiser.state[self.slice_S] = {"step": torch.tensor(float(step)), **flat}
        self._spread()

    def _scatter(self, grads_P: Tensor) -> Tensor:
        """The sum over data ranks of this rank's slice."""
        if self.place.data.size == 1:
            return grads_P
        grads_S = torch.empty_like(self.slice_S)
        SCATTER(grads_S, grads_P, group=self.place.data.group)
        return grads_S

    @torch.no_grad()
    def _spread(self) -> None:
        """Every data rank's slice becomes the parameters of all."""
        flat_P = self.slice_S.detach()
        if self.place.data.size > 1:
            flat_P = torch.empty(self.padded)
            GATHER(flat_P, self.slice_S.detach(), group=self.place.data.group)
        at = 0
        for parameter in self.trained.values():
            parameter.copy_(flat_P[at : at + parameter.numel()].view_as(parameter))
            parameter.grad = None
            at += parameter.numel()

    def _flatten(self, tensors: list[Tensor]) -> Tensor:
        flat_P = torch.zeros(self.padded)
        torch.cat([each.flatten() for each in tensors], out=flat_P[: self.length])
        return flat_P

    def _sum_squares(self, grads_S: Tensor, counted: Mapping[str, bool]) -> Tensor:
        squares = [
            piece.double().square().sum() for name, _, piece in self._cut_up(grads_S) if counted[name] and len(piece)
        ]
        return torch.stack(squares).sum() if squares else torch.zeros(())

    def _cut_up(self, values_S: Tensor) -> list[tuple[str, int, Tensor]]:
        """The slice, parameter by parameter."""
        found, at = [], 0
        for name, parameter in self.trained.items():
            begin, end = max(at, self.mine.start), min(at + parameter.numel(), self.mine.stop)
            if begin < end:
                found.append((name, begin - at, values_S[begin - self.mine.start : end - self.mine.start]))
            at += parameter.numel()
        return found


def _grad(parameter: nn.Parameter) -> Tensor:
    assert parameter.grad is not None, "gradients are gathered before an update"
    return parameter.grad


class Stage(nn.Module):
    """Some layers, and the embedding before them or the head behind."""

    def __init__(self, decoder: Decoder, place: RankPlace) -> None:
        super().__init__()
        self.decoder, self.place = decoder, place
        self.layers = place.layout.layers(decoder.shape, place.pipeline.place)

    def forward(self, x: Tensor, cost_1: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Ids (B, T) or hidden states (B, T, D) -> hidden states, or logits (B, T, W); and what gates cost, (1,)."""
        segments_BT = torch.ones(x.shape[:2], dtype=torch.int64)
        x_BTD = self.decoder.embed(x) if self.place.first else x
        attend = FullTextAttention(self.decoder.shape, segments_BT)
        x_BTD, routings = self.decoder(x_BTD, attend, layers=self.layers, final=self.place.last)
        costs_1 = compute_gate_cost(routings, self.decoder.shape)[None] + (0 if cost_1 is None else cost_1)
        return (self.decoder.logits(x_BTD) if self.place.last else x_BTD), costs_1


def open_stage(shape: DecoderShape, place: RankPlace, source: Source, *, checkpointed: int = 0) -> Stage:
    """This rank's part of the decoder; only one whole weight is in memory at a time."""
    with torch.device("meta"):
        decoder = Decoder(shape)
    sizes = {name: parameter.shape for name, parameter in decoder.named_parameters(remove_duplicate=False)}
    _leave_out(decoder, place)
    shard_decoder(decoder, place.tensor)
    cuts = list_cuts(shape)
    tied = shape.tied and place.first and place.last
    for name, parameter in list(decoder.named_parameters()):
        full = source("embedding.weight" if shape.tied and name == "head.weight" else name, sizes[name])
        own = cut_part(full, cuts.get(name), place.tensor.place, place.tensor.size)
        module, _, leaf = name.rpartition(".")
        setattr(decoder.get_submodule(module), leaf, nn.Parameter(own.to(torch.float32).clone()))
        assert parameter.is_meta, f"{name} was filled twice"
    if tied:
        decoder.head.weight = decoder.embedding.weight
    recompute(decoder, place.layout.layers(shape, place.pipeline.place)[:checkpointed])
    return Stage(decoder, place)


def recompute(decoder: Decoder, layers: Sequence[int]) -> None:
    """These layers forget what they worked out and work it out again on the way back (Chen et al. 2016, arXiv
    1604.06174): one more pass of theirs for the memory of all but their inputs.
    """
    for number in layers:
        layer = decoder.layers[number]
        layer.forward = partial(checkpoint, layer.forward, use_reentrant=False)


class PipelineRunner:
    """Gathers the gradients of a step's microbatches."""

    def __init__(self, stage: Stage, *, microbatches: int) -> None:
        place = stage.place
        own, over = divmod(microbatches, place.data.size)
        if over or own < place.pipeline.size:
            raise ConfigError(
                f"microbatches={microbatches} do not fill data={place.data.size} times pipeline={place.pipeline.size}"
                " ranks. Use a multiple of data, and at least one a rank of both"
            )
        self.stage, self.own, self.total = stage, own, microbatches
        number, size, group = place.pipeline.place, place.pipeline.size, place.pipeline.group
        pipe = PipelineStage(stage, number, size, torch.device("cpu"), group=group)
        self.schedule = Schedule1F1B(pipe, n_microbatches=own, loss_fn=self._loss, scale_grads=False)

    @property
    def numbers(self) -> range:
        """Which microbatches this data rank reads."""
        return range(self.stage.place.data.place * self.own, (self.stage.place.data.place + 1) * self.own)

    def gather(self, ids: Tensor) -> float:
        """Leave the gradients of ids (M * B, T + 1) behind; returns their part of the loss, on the last stage."""
        place, losses = self.stage.place, list[Tensor]()
        words = (ids[:, :-1].contiguous(),) if place.first else ()
        if place.last:
            self.schedule.step(*words, target=ids[:, 1:].contiguous(), losses=losses, return_outputs=False)
        else:
            self.schedule.step(*words, return_outputs=False)
        return float(torch.stack(losses).detach().sum()) if losses else 0.0

    def _loss(self, out: tuple[Tensor, Tensor], next_BT: Tensor) -> Tensor:
        """A microbatch's part of the step's loss."""
        logits_BTW, cost_1 = out
        words = compute_word_losses(logits_BTW.flatten(0, 1), next_BT.flatten(), self.stage.place.tensor).mean()
        return (words + cost_1.squeeze(0)) / self.total


def _leave_out(decoder: Decoder, place: RankPlace) -> None:
    """What other stages have."""
    mine = place.layout.layers(decoder.shape, place.pipeline.place)
    for number in range(decoder.shape.num_layers):
        if number not in mine:
            decoder.layers[number] = nn.Identity()
    if not place.first:
        decoder.embedding = nn.Identity()  # type: ignore[assignment]  # nobody calls it
    if not place.last:
        decoder.head, decoder.norm = nn.Identity(), nn.Identity()  # type: ignore[assignment]
