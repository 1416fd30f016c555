"""Quantizes the decoder to FP4 layer by layer: least-squares error compensation, then GPTQ rounding.

Training texts go through the original decoder and the rounded one side by side. For each matrix the inputs of the
rounded decoder are gathered, its weights are compensated for the errors of the layers below, then it is rounded, and
its rounded outputs are what the next one sees. The word matrix is used twice, as embedding and as output head: its
curvature is that of the scores, plus a term that keeps rows near to their originals.

Compensation: of all weights those are taken whose outputs over the actual inputs are nearest, in squares, to the
original outputs; where an output is added to the residual stream, the error of that sum is minimised. GPTAQ (Li et al.
2025, arXiv 2504.02692) has the same aim, but compensates while it rounds.

Rounding: GPTQ (Frantar et al. 2022, arXiv 2210.17323, algorithm 1). Inputs are rounded one after the other; the error
of each is spread over the following ones by the inverse of the Hessian of the squared error, H = X X^T over the
layer's inputs on real text. The scales of a block are chosen when it is reached, from the weights as they are by
then.

Shape key:  M rows of inputs, D inputs, F outputs, N blocks of a row, G weights of a block; of batches: N rows, T tokens
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.runtime.quantization.fp4 import (
    BLOCK,
    Fp4,
    best_scales,
    codes_of,
    pack,
    quantise,
    restore,
    values,
    whole_scale,
)
from deepseek_mm.runtime.quantization.int8_layers import LEAST
from deepseek_mm.training.int8_space import watch_inputs

LEAST_CURVATURE = 1e-6  # of what is divided by
RIDGE = 0.02  # of the mean curvature: how firmly weights stay what they were
ADDED = {"out": "attention_norm", "down": "ffn_norm"}  # matrix -> what is given what its output is added to
COMPENSATED = ("qkv", "out", "up", "down")  # in this order; not experts and gates: tokens may go elsewhere than before


class LayerInputs:
    """Records the inputs of some parts of a layer, batch by batch: (M, D) each."""

    def __init__(self, layer: nn.Module, names: Sequence[str]) -> None:
        self.of: dict[str, list[Tensor]] = {name: [] for name in names}
        self.close = watch_inputs({name: layer.get_submodule(name) for name in names}, self._add)

    def _add(self, name: str, x: Tensor) -> None:
        self.of[name].append(x.flatten(0, -2))


def observed_parts(name: str) -> list[str]:
    """The parts of a layer whose inputs `compensate_errors` needs for the matrix `name`."""
    return [name, *([ADDED[name]] if name in ADDED else [])]


def compensate_errors(linear: nn.Linear, name: str, before: LayerInputs, now: LayerInputs) -> Tensor:
    """Compensate the weight in place for errors of the layers below; returns X^T X of the current inputs, (D, D).

    `before` has the inputs under the original weights, `now` those under the rounded ones.
    """
    h_DD = torch.zeros(linear.in_features, linear.in_features)
    lost_DF = torch.zeros(linear.in_features, linear.out_features)
    for number, x_MD in enumerate(now.of[name]):
        error_MF = linear(before.of[name][number] - x_MD).float()
        if name in ADDED:
            error_MF += before.of[ADDED[name]][number].float() - now.of[ADDED[name]][number].float()
        x_MD = x_MD.float()
        h_DD += x_MD.T @ x_MD
        lost_DF += x_MD.T @ error_MF
    firm_DD = h_DD.double() + torch.eye(len(h_DD), dtype=torch.double) * RIDGE * h_DD.diagonal().mean().clamp_min(
        LEAST_CURVATURE
    )
    change_DF = torch.linalg.solve(firm_DD, lost_DF.double())
    linear.weight.copy_((linear.weight.double() + change_DF.T).to(linear.weight.dtype))
    return h_DD


DAMPING = 0.01  # of the mean curvature, added to every input's: few rows leave some inputs unknown
LAZY = 128  # inputs after which errors reach the rest of the matrix


class Curvature:
    """Gathers H = X^T X of the inputs of some linear layers, by their names, while their model reads."""

    def __init__(self, named: Mapping[str, nn.Linear]) -> None:
        self.of: dict[str, Tensor] = {}  # name of the layer -> H (D, D)
        self.rows: dict[str, int] = {}
        self.close = watch_inputs(named, self._add)

    def _add(self, name: str, x: Tensor) -> None:
        x_MD = x.flatten(0, -2).float()
        self.of[name] = x_MD.T @ x_MD + self.of.get(name, 0)
        self.rows[name] = self.rows.get(name, 0) + len(x_MD)


def round_well(weight_FD: Tensor, curvature_DD: Tensor) -> Fp4:
    """The matrix in FP4 whose outputs over inputs of this curvature are near to those of `weight_FD`."""
    weight_FD, whole = weight_FD.float().clone(), whole_scale(weight_FD.float())
    upper_DD = inverse_root(curvature_DD)
    scales: list[Tensor] = []
    codes: list[Tensor] = []
    for start in range(0, weight_FD.shape[1], LAZY):
        here = slice(start, start + LAZY)
        errors_FL = _round_some(weight_FD[:, here], upper_DD[here, here], whole, scales, codes)
        weight_FD[:, start + LAZY :] -= errors_FL @ upper_DD[here, start + LAZY :]
    return Fp4(pack(torch.cat(codes, 1)), torch.cat(scales, 1), whole)


def inverse_root(curvature_DD: Tensor) -> Tensor:
    """The upper Cholesky factor of the inverse of H, damped; an input that never came counts as one that did."""
    h_DD = curvature_DD.double()
    mean = h_DD.diagonal().mean().clamp_min(1e-12)
    h_DD = h_DD + torch.eye(len(h_DD), dtype=h_DD.dtype) * mean * DAMPING
    inverse_DD: Tensor = torch.cholesky_inverse(torch.linalg.cholesky(h_DD))
    upper_DD: Tensor = torch.linalg.cholesky(inverse_DD, upper=True)
    return upper_DD.float()


def _round_some(w_FL: Tensor, upper_LL: Tensor, whole: Tensor, scales: list[Tensor], codes: list[Tensor]) -> Tensor:
    """Some inputs, in place; what is left of their errors for later ones, (F, L)."""
    errors_FL = torch.zeros_like(w_FL)
    curve_L = upper_LL.diagonal().pow(-2)
    for start in range(0, w_FL.shape[1], BLOCK):
        block = slice(start, start + BLOCK)
        scale_F1 = best_scales(w_FL[:, None, block], curve_L[None, block], whole)
        scales.append(scale_F1)
        step_F = scale_F1[:, 0].float() * whole
        for n in range(start, min(start + BLOCK, w_FL.shape[1])):
            code_F = codes_of(w_FL[:, n] / step_F)
            codes.append(code_F[:, None])
            errors_FL[:, n] = (w_FL[:, n] - values(code_F) * step_F) / upper_LL[n, n]
            w_FL[:, n:] -= errors_FL[:, n, None] * upper_LL[n, None, n:]
    return errors_FL


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

    def add(name: str, x: Tensor) -> None:
        x_MD = x.flatten(0, -2).float()
        share_MD = x_MD / x_MD.abs().amax(1, keepdim=True).clamp_min(LEAST)
        sums[name] = share_MD.square().sum(0) + sums.get(name, 0)
        rows[name] = len(x_MD) + rows.get(name, 0)

    named = _linears(decoder)
    remove = watch_inputs(dict(named), add)
    for ids, segments in batches:
        hidden, _ = decoder(decoder.embed(ids), FullTextAttention(decoder.shape, segments))
        decoder.logits(hidden[:, ::WORDS_EVERY])
    remove()
    return {
        name: (sums[name] / rows[name]).sqrt() if rows.get(name) else torch.ones(linear.in_features)
        for name, linear in named
    }


def _round_head(head: nn.Linear, states_MD: Tensor) -> Fp4:
    """Quantize the output head, with its rounded weight in place."""
    curvature_DD = states_MD.T @ states_MD
    curvature_DD = curvature_DD / curvature_DD.diagonal().mean() + WORDS_WEIGHT * torch.eye(len(curvature_DD))
    matrix = round_well(head.weight, curvature_DD)
    head.weight.copy_(restore(matrix, head.weight.dtype))
    return matrix


def _turn(layer: nn.Module, turn: str) -> tuple[nn.Linear, dict[str, nn.Linear]]:
    """The matrix that is rounded now, and those of experts and gate that are rounded with it."""
    named = {name: linear for name, linear in _linears(layer) if turn_of(name) == turn}
    return named.pop(turn), named


def _round_matrix(linear: nn.Linear, curvature_DD: Tensor | None) -> Fp4:
    """Quantize one matrix, with its rounded weight in place."""
    matrix = quantise(linear.weight) if curvature_DD is None else round_well(linear.weight, curvature_DD)
    linear.weight.copy_(restore(matrix, linear.weight.dtype))
    return matrix


def _through(decoder: Decoder, number: int, hidden: Sequence[Tensor], batches: Sequence[Batch]) -> Iterator[Tensor]:
    """The outputs of one layer for every batch."""
    for x_NTD, (_, segments) in zip(hidden, batches, strict=True):
        attend = FullTextAttention(decoder.shape, segments)
        yield decoder(x_NTD, attend, layers=range(number, number + 1), final=False)[0]


def _linears(layer: nn.Module) -> list[tuple[str, nn.Linear]]:
    return [(name, module) for name, module in layer.named_modules() if isinstance(module, nn.Linear)]
