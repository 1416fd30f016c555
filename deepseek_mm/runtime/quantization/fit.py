"""The decoder in FP4, layer by layer: each is rounded for what the rounded layers below it really say.

Texts of the training part go through the whole decoder and the rounded one side by side. Before a matrix is rounded,
the curvature is gathered over what comes in; it makes good what went wrong below (`mend`), then it is rounded (`gptq`),
and its own outputs are what the next one sees. The matrix of words is read in two ways, as vectors that come in and as
scores that go out: its curvature is that of the scores, with so much added that rows stay near to what they were.

Shape key:  N rows, T tokens of a row, D width, F outputs
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.runtime.quantization.error_compensation import (
    ADDED,
    COMPENSATED,
    LayerInputs,
    compensate_errors,
    observed_parts,
)
from deepseek_mm.runtime.quantization.fp4 import Fp4, quantise, restore
from deepseek_mm.runtime.quantization.gptq import Curvature, round_well
from deepseek_mm.runtime.quantization.int8_layers import LEAST

WORDS_WEIGHT = 0.1  # of errors in the vectors of words, beside those in their scores
LEAST_ROWS = 32  # of an expert's inputs; fewer say too little of its curvature
HEAD = "head"
WORDS_EVERY = 64  # of the states whose scores are made, where only what comes in is looked at

Batch = tuple[Tensor, Tensor]  # ids and segments of some rows, (N, T) each
Progress = Callable[[str], None]


@torch.inference_mode()
def fit_fp4(decoder: Decoder, batches: Sequence[Batch], told: Progress = lambda line: None) -> dict[str, Fp4]:
    """Every matrix in FP4, by the name of its layer. The decoder's own weights are rounded, in place."""
    found: dict[str, Fp4] = {}
    truly = really = [decoder.embed(ids) for ids, _ in batches]
    for number, layer in enumerate(decoder.layers):
        before = LayerInputs(layer, [*COMPENSATED, *ADDED.values()])
        truly = list(_through(decoder, number, truly, batches))
        before.close()
        for turn in COMPENSATED:
            linear, others = _turn(layer, turn)
            curvature, now = Curvature(others), LayerInputs(layer, observed_parts(turn))
            list(_through(decoder, number, really, batches))
            curvature.close()
            now.close()
            found[f"layers.{number}.{turn}"] = _round_matrix(linear, compensate_errors(linear, turn, before, now))
            for name, other in others.items():
                seen = curvature.rows.get(name, 0) >= LEAST_ROWS
                found[f"layers.{number}.{name}"] = _round_matrix(other, curvature.of[name] if seen else None)
        really = list(_through(decoder, number, really, batches))
        told(f"rounded layer {number + 1} of {len(decoder.layers)}")
    states_MD = torch.cat([decoder.norm(x).flatten(0, 1).float() for x in really])
    found[HEAD] = _round_head(decoder.head, states_MD)
    return found


def turn_of(name: str) -> str:
    """When a matrix of a layer is rounded, by its name there: behind those whose outputs it reads."""
    last = name.rpartition(".")[2]
    return last if last in COMPENSATED else "up"  # the gate's


@torch.inference_mode()
def usual_inputs(decoder: Decoder, batches: Sequence[Batch]) -> dict[str, Tensor]:
    """How large each input of every layer usually is beside the largest of its row, (D,), by the layer's name.

    The root mean square over rows. Each row has a scale of its own, so a token that is a hundred times longer than
    others says no more than they do: with the largest numbers ever seen it alone would decide.
    """
    sums: dict[str, Tensor] = {}
    rows: dict[str, int] = {}

    def make_hook(name: str) -> Callable[..., None]:
        def add(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            x_MD = inputs[0].flatten(0, -2).float()
            share_MD = x_MD / x_MD.abs().amax(1, keepdim=True).clamp_min(LEAST)
            sums[name] = share_MD.square().sum(0) + sums.get(name, 0)
            rows[name] = len(x_MD) + rows.get(name, 0)

        return add

    named = _linears(decoder)
    hooks = [linear.register_forward_pre_hook(make_hook(name)) for name, linear in named]
    for ids, segments in batches:
        hidden, _ = decoder(decoder.embed(ids), FullTextAttention(decoder.shape, segments))
        decoder.logits(hidden[:, ::WORDS_EVERY])
    for hook in hooks:
        hook.remove()
    return {
        name: (sums[name] / rows[name]).sqrt() if rows.get(name) else torch.ones(linear.in_features)
        for name, linear in named
    }


def _round_head(head: nn.Linear, states_MD: Tensor) -> Fp4:
    """The matrix of words, and its rounded weight in place."""
    curvature_DD = states_MD.T @ states_MD
    curvature_DD = curvature_DD / curvature_DD.diagonal().mean() + WORDS_WEIGHT * torch.eye(len(curvature_DD))
    matrix = round_well(head.weight, curvature_DD)
    head.weight.copy_(restore(matrix, head.weight.dtype))
    return matrix


def _turn(layer: nn.Module, turn: str) -> tuple[nn.Linear, dict[str, nn.Linear]]:
    """The matrix whose turn it is, and those of experts and gate that are rounded with it."""
    named = {name: linear for name, linear in _linears(layer) if turn_of(name) == turn}
    return named.pop(turn), named


def _round_matrix(linear: nn.Linear, curvature_DD: Tensor | None) -> Fp4:
    """One matrix, and its rounded weight in place."""
    matrix = quantise(linear.weight) if curvature_DD is None else round_well(linear.weight, curvature_DD)
    linear.weight.copy_(restore(matrix, linear.weight.dtype))
    return matrix


def _through(decoder: Decoder, number: int, hidden: Sequence[Tensor], batches: Sequence[Batch]) -> Iterator[Tensor]:
    """What one layer makes of every batch."""
    for x_NTD, (_, segments) in zip(hidden, batches, strict=True):
        attend = FullTextAttention(decoder.shape, segments)
        yield decoder(x_NTD, attend, layers=range(number, number + 1), final=False)[0]


def _linears(layer: nn.Module) -> list[tuple[str, nn.Linear]]:
    return [(name, module) for name, module in layer.named_modules() if isinstance(module, nn.Linear)]
