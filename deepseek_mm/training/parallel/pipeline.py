"""One stage of the pipeline: some layers of the decoder, in the shapes of this rank, and its schedule.

Pipelining is torch's (torch.distributed.pipelining, one forward and one backward in turn: PipeDream-Flush, Narayanan et
al. 2021, arXiv 2006.09503). Each stage hands on the hidden states, and the cost of its gates beside them.

Shape key:  M microbatches, B rows of one, T tokens, D width, W words of this rank
"""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.distributed.pipelining import PipelineStage, Schedule1F1B
from torch.utils.checkpoint import checkpoint

from deepseek_mm.errors import ConfigError
from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.shape import DecoderShape
from deepseek_mm.training.parallel.layout import RankPlace
from deepseek_mm.training.parallel.recipe import Source, compute_gate_cost
from deepseek_mm.training.parallel.tensor_parallel import compute_word_losses, cut_part, list_cuts, shard_decoder


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
