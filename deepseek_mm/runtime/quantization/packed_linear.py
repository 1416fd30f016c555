"""Linear layers with weights in four or eight bits, on the CPU kernels that torch has on this processor.

torch's packed products are vectorised for bfloat16 inputs alone, and on AVX2 and AVX-512 alone. Elsewhere they are six
times slower than the plain product and are not used. oneDNN's own order of a weight is the second gain: plain `linear`
reads rows of outputs and makes that order anew at every call.

A packed layer keeps its weight twice. Up to four rows, which is one sequence at decode or a few, use the narrow weight:
reading it is all the work there is. More rows, a prompt or many requests, use the wide one in oneDNN's order: there
arithmetic is the work, and unpacking would be added to it. Both are the same layer within the error of the narrow
weight; a token may therefore score slightly differently in a prompt than at decode.

Eight bits are symmetric with one scale for every output; a weight is off by half a step of 1/127 of its row's largest.
Four bits have a scale and a middle for every 32 weights in a row, which are off by half a step of 1/15 of their range.
That is the grid of GGUF's Q4_1, so the layers of a model that came from there lose next to nothing; its matrix of
words is finer in the file, and needs eight.

Shape key:  M rows, D inputs, F outputs, N groups of inputs
"""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FAST = ("AVX2", "AVX512")  # as torch names the instructions that it uses
FORMATS = (torch.bfloat16, torch.float32)
ABSENT = (AttributeError, RuntimeError)  # an operation that this torch or this processor lacks


class Kernels(NamedTuple):
    """What may be used."""

    narrow: bool  # products with weights of four and eight bits
    ordered: tuple[torch.dtype, ...]  # formats of weights that oneDNN takes in its own order


def find_kernels() -> Kernels:
    """Try everything on small numbers; takes milliseconds."""
    narrow = torch.backends.cpu.get_cpu_capability() in FAST and _works(_try_eight) and _works(_try_four)
    return Kernels(narrow, tuple(dtype for dtype in FORMATS if _works(partial(_try_ordered, dtype))))


def multiply_int8(x_MD: Tensor, weight_FD: Tensor, scale_F: Tensor) -> Tensor:
    """(M, F) of bfloat16 rows, int8 weights and a bfloat16 scale for every output; D a multiple of 32.

    Torch reads whole vectors: what lies behind a shorter row is multiplied as well, and may be NaN.
    """
    return torch._weight_int8pack_mm(x_MD, weight_FD, scale_F)


def pack_four(levels_FD: Tensor) -> Tensor:
    """Levels 0 to 15 (int32) in the order of this processor's kernel; F a multiple of 16."""
    packed: Tensor = torch.ops.aten._convert_weight_to_int4pack_for_cpu(levels_FD, 2)
    return packed


def multiply_int4(x_MD: Tensor, packed: Tensor, group: int, scale_and_middle_NF2: Tensor) -> Tensor:
    """(M, F) of bfloat16 rows and packed levels: a weight is (level - 8) * scale + middle of its group."""
    product: Tensor = torch.ops.aten._weight_int4pack_mm_for_cpu(x_MD, packed, group, scale_and_middle_NF2)
    return product


def reorder_weight(weight_FD: Tensor) -> Tensor:
    """The weight as oneDNN likes it: opaque, it can only be multiplied with."""
    ordered: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight_FD, None)
    return ordered


def multiply_reordered(x: Tensor, ordered: Tensor, bias_F: Tensor | None) -> Tensor:
    """`F.linear` with a weight that was put in order."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x, ordered, bias_F, "none", [], "")
    return product


def _works(attempt: Callable[[], tuple[Tensor, Tensor]]) -> bool:
    """Whether both ways give the same within bfloat16's rounding."""
    try:
        ours, truth = attempt()
    except ABSENT:
        return False
    return bool(((ours.float() - truth.float()).abs() <= truth.float().abs().max() / 50).all())


def _try_eight() -> tuple[Tensor, Tensor]:
    x_MD, weight_FD = _numbers(5, 64), (127 * _numbers(32, 64)).to(torch.int8)
    scale_F = torch.linspace(0.5, 1, 32).bfloat16() / 127
    return multiply_int8(x_MD.bfloat16(), weight_FD, scale_F), F.linear(x_MD, weight_FD * scale_F[:, None].float())


def _try_four() -> tuple[Tensor, Tensor]:
    x_MD, levels_FD = _numbers(5, 64), (7.5 + 7.5 * _numbers(32, 64)).round().int()
    scales_NF2 = torch.linspace(0.5, 1, 128).view(2, 32, 2).bfloat16()
    scale_FN, middle_FN = scales_NF2.float().permute(2, 1, 0)
    weight_FD = (levels_FD.unflatten(1, (2, 32)) - 8) * scale_FN[..., None] + middle_FN[..., None]
    ours = multiply_int4(x_MD.bfloat16(), pack_four(levels_FD), 32, scales_NF2)
    return ours, F.linear(x_MD, weight_FD.flatten(1))


def _try_ordered(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    x_MD, weight_FD, bias_F = (x.to(dtype) for x in (_numbers(5, 64), _numbers(32, 64), _numbers(1, 32)[0]))
    return multiply_reordered(x_MD, reorder_weight(weight_FD), bias_F), F.linear(x_MD, weight_FD, bias_F)


def _numbers(rows: int, columns: int) -> Tensor:
    """Numbers between -1 and 1 that look like chance."""
    return torch.arange(rows * columns, dtype=torch.float32).view(rows, columns).mul(7.31).sin()


GROUP = 32  # weights that share a scale, in four bits
ON_GRID = 0.006  # of its size; a weight that was in four bits before is off by less (0.0047 on SmolLM2)
FEW = 4  # rows up to which the narrow weight is faster; the kernels take four rows at once
TILE = 16  # of outputs, that the kernel for four bits takes at once
WIDE = 16  # bits of a weight that is put in order and nothing else
ALL_ALIKE: Mapping[str, int] = {}
LEAST = 1e-8  # a scale, so that a row of zeros divides


def pack_linears(
    model: nn.Module,
    *,
    bits: int,
    but: Mapping[str, int] = ALL_ALIKE,
    most_off: float = math.inf,
    kernels: Kernels | None = None,
) -> nn.Module:
    """The same model with every `nn.Linear` in it packed, in place, for reading only: no gradients, no copies.

    `but` gives other bits to layers by a part of their name: {"head": 8, "gate": 16}. A weight that four bits would put
    off by more than `most_off` of its size gets eight. Where this processor has no kernels for it (`kernels`, looked at
    if not given) a layer is only put in order, or left as it is. Tied weights stay what they are.
    """
    kernels = kernels or find_kernels()
    done: dict[nn.Module, nn.Module] = {}  # a layer that stands in two places stays one
    for name, parent in list(model.named_modules()):
        for child, linear in list(parent.named_children()):
            if type(linear) is nn.Linear:  # a subclass may be read by whoever owns it
                wanted = _bits_of(f"{name}.{child}", bits, but)
                done[linear] = done.get(linear) or _pack_linear(linear, wanted, most_off, kernels)
                setattr(parent, child, done[linear])
    return model


def pack_for_decode(model: nn.Module) -> nn.Module:
    """What the product does with its decoder, as measured (docs/decisions.md): four bits, where they lose nothing.

    That is where a weight was in four bits before, as GGUF's Q4_1 has them. What training changed, and what comes from
    elsewhere in sixteen, would lose 5 % perplexity and more: it has eight, as the head has. Gates keep sixteen.
    """
    return pack_linears(model, bits=4, but={"head": 8, "gate": WIDE}, most_off=ON_GRID)


class PackedLinear(nn.Module):
    """A linear layer whose weight can be read in few bits. It computes few rows in bfloat16, whatever comes in."""

    def __init__(self, linear: nn.Linear, narrow: tuple[Tensor, Tensor] | None, *, bits: int, ordered: bool) -> None:
        super().__init__()
        weight_FD = linear.weight.detach()
        self.bits, self.in_features, self.out_features = bits, linear.in_features, linear.out_features
        self._bias_F = None if linear.bias is None else linear.bias.detach()
        self._narrow = narrow
        self._wide, self._is_ordered = reorder_weight(weight_FD) if ordered else weight_FD, ordered

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) to (..., F)."""
        if self._narrow is not None and x.numel() <= FEW * self.in_features:
            return self._read_narrow(x, *self._narrow)
        if self._is_ordered:
            return multiply_reordered(x, self._wide, self._bias_F)
        return F.linear(x, self._wide, self._bias_F)

    def _read_narrow(self, x: Tensor, weight: Tensor, scales: Tensor) -> Tensor:
        x_MD = x.reshape(-1, self.in_features)
        if x.dtype != torch.bfloat16:  # to ask costs a tenth of calling to(), 120 times a token
            x_MD = x_MD.to(torch.bfloat16)
        y_MF = multiply_int8(x_MD, weight, scales) if self.bits == 8 else multiply_int4(x_MD, weight, GROUP, scales)
        if x.dtype != torch.bfloat16:
            y_MF = y_MF.to(x.dtype)
        y = y_MF.view(*x.shape[:-1], self.out_features)
        return y if self._bias_F is None else y + self._bias_F


def eight_bits(weight_FD: Tensor) -> tuple[Tensor, Tensor]:
    """Whole numbers -127 to 127 (F, D), int8, and a scale (F,), bfloat16: their product is the weight."""
    weight_FD = weight_FD.float()
    scale_F = (weight_FD.abs().amax(1) / 127).clamp_min(LEAST).bfloat16()
    levels_FD = (weight_FD / scale_F[:, None].float()).round_().clamp_(-127, 127)
    return levels_FD.to(torch.int8), scale_F


def four_bits(weight_FD: Tensor, group: int = GROUP) -> tuple[Tensor, Tensor]:
    """Levels 0 to 15 (F, D), int32, and scale and middle (N, F, 2), bfloat16: (level - 8) * scale + middle."""
    grouped_FNG = weight_FD.float().unflatten(1, (-1, group))
    low_FN, high_FN = grouped_FNG.aminmax(dim=-1)
    scale_FN = ((high_FN - low_FN) / 15).clamp_min_(LEAST).bfloat16()
    middle_FN = (low_FN + 8 * scale_FN.float()).bfloat16()
    levels_FNG = (grouped_FNG - middle_FN[..., None].float()).div_(scale_FN[..., None].float()).round_()
    levels_FD = levels_FNG.add_(8).clamp_(0, 15).flatten(1).int()
    return levels_FD, torch.stack((scale_FN, middle_FN), -1).transpose(0, 1).contiguous()


def _bits_of(name: str, bits: int, but: Mapping[str, int]) -> int:
    """The bits of the first part of the name that `but` knows; else `bits`."""
    return next((but[part] for part in name.split(".") if part in but), bits)


def off_by(weight_FD: Tensor, levels_FD: Tensor, scales_NF2: Tensor) -> float:
    """How far `four_bits` put a weight off: the root mean square of the difference over the weight's own."""
    scale_FN1, middle_FN1 = scales_NF2.float().transpose(0, 1).split(1, -1)
    weight_FNG = weight_FD.float().unflatten(1, (len(scales_NF2), -1))
    kept_FNG = (levels_FD.view(weight_FNG.shape) - 8) * scale_FN1 + middle_FN1
    return float((kept_FNG - weight_FNG).norm() / weight_FNG.norm().clamp_min(LEAST))


def four_bits_within(weight_FD: Tensor, most_off: float) -> tuple[Tensor, Tensor] | None:
    """What `four_bits` gives, unless it puts the weight off by more than `most_off` of its size."""
    levels_FD, scales_NF2 = four_bits(weight_FD)
    too_far = most_off < math.inf and off_by(weight_FD, levels_FD, scales_NF2) > most_off
    return None if too_far else (levels_FD, scales_NF2)


def _pack_linear(linear: nn.Linear, bits: int, most_off: float, kernels: Kernels) -> nn.Module:
    """The layer in as few bits as asked for, or the next that its shape and this processor allow; maybe as it is."""
    weight_FD, narrow = linear.weight.detach(), None
    ordered = weight_FD.dtype in kernels.ordered
    if bits == 4 and (linear.out_features % TILE or linear.in_features % GROUP):
        bits = 8
    if not kernels.narrow or weight_FD.dtype not in (torch.bfloat16, torch.float32):
        bits = WIDE
    if bits == 4:
        if four := four_bits_within(weight_FD, most_off):
            levels_FD, scales_NF2 = four
            narrow = pack_four(levels_FD), scales_NF2
        else:
            bits = 8
    if bits == 8:
        narrow = eight_bits(weight_FD)
    if bits == WIDE and not ordered:
        return linear
    return PackedLinear(linear, narrow, bits=bits, ordered=ordered)
