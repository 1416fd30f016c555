"""What torch has on this processor for weights of four and eight bits: looked at, tried, and compared.

torch's packed products are vectorised for bfloat16 inputs alone, and on AVX2 and AVX-512 alone. Everywhere else they
are plain loops, six times slower than the product that they would replace: there they are left out. The second thing
is oneDNN's own order of a weight: plain `linear` reads rows of outputs and makes that order anew at every call.

Shape key:  M rows, D inputs, F outputs, N groups of inputs
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

FAST = ("AVX2", "AVX512")  # as torch names the instructions that it uses
FORMATS = (torch.bfloat16, torch.float32)
ABSENT = (AttributeError, RuntimeError)  # an operation that this torch or this processor lacks


@dataclass(frozen=True, kw_only=True, slots=True)
class Kernels:
    """What may be used, and why."""

    narrow: bool  # products with weights of four and eight bits
    ordered: tuple[torch.dtype, ...]  # formats of weights that oneDNN takes in its own order
    reason: str


def find_kernels() -> Kernels:
    """Try everything on small numbers; takes milliseconds."""
    capability = torch.backends.cpu.get_cpu_capability()
    narrow = capability in FAST and _works(_try_eight) and _works(_try_four)
    ordered = tuple(dtype for dtype in FORMATS if _works(partial(_try_ordered, dtype)))
    found = ["packed products" if narrow else "no packed products", *(f"{x} in oneDNN's order" for x in ordered)]
    return Kernels(narrow=narrow, ordered=ordered, reason=f"{capability}: {', '.join(found)}".replace("torch.", ""))


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
