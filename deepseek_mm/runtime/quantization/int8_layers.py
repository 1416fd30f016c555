"""Int8 layers, static and dynamic: weights of eight bits with a scale for every output, inputs of eight bits.

Static layers have the range of their inputs from calibration: values outside are clipped. Their products are oneDNN's
(u8 times s8, summed in 32 bits). Dynamic ones take the range of every row as it comes, and their products are
`torch._int_mm` (s8 times s8). A chain of convolutions keeps eight bits between its layers: an activation that is
clipped at 0 and 6 is the range of the next layer's input, so it costs no work of its own. The residual around a chain
stays as it is.

Shape key:  B pictures, C channels, H, W cells, M rows, D inputs, F outputs, V words
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEVELS = 255  # of an input without a sign
SIGNED = 127  # of a weight, and of a dynamic input
FINER = 2 * SIGNED  # steps of what rounding leaves, which is half a step at most, in one step
LEAST = 1e-8
STRENGTH = 0.8  # of smoothing; at 0.5 the text tower's vectors are off by seven times as much (docs/log/)


class Range(NamedTuple):
    """What eight bits without a sign mean: (level - zero) * scale."""

    scale: float
    zero: int


def range_of(low: float, high: float) -> Range:
    """The range that holds low .. high, and 0 exactly."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = max((high - low) / LEVELS, LEAST)
    return Range(scale, max(0, min(LEVELS, round(-low / scale))))


def levels_of(x: Tensor, how: Range) -> Tensor:
    """uint8, in the order in memory that `x` has."""
    return x.float().mul(1 / how.scale).add_(how.zero).round_().clamp_(0, LEVELS).to(torch.uint8)


def eight_bits_of(weight: Tensor, scale_F: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """int8 of the same shape, and the float32 scale of each output: the given one, or that of its largest weight."""
    rows = weight.float().flatten(1)
    if scale_F is None:
        scale_F = (rows.abs().amax(1) / SIGNED).clamp_min(LEAST)
    return (rows / scale_F[:, None]).round().clamp(-SIGNED, SIGNED).to(torch.int8).view(weight.shape), scale_F


def smooth_of(largest_D: Tensor, weight_FD: Tensor, strength: float = STRENGTH) -> Tensor:
    """What inputs are divided by and weights multiplied with, so that no input is far larger than others, (D,).

    SmoothQuant (Xiao et al. 2022, arXiv 2211.10438, eq. 4); `strength` is its alpha, the share that goes over.
    """
    weights_D = weight_FD.float().abs().amax(0).clamp_min(LEAST)
    return largest_D.float().clamp_min(LEAST) ** strength / weights_D ** (1 - strength)


def format_for(x: Tensor) -> torch.dtype:
    """What a layer is expected to answer in: as torch's own layers do under autocast."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype


class ConvWindow(NamedTuple):
    """How a convolution slides."""

    stride: int
    padding: int  # -1: as TensorFlow's "same", which depends on the picture
    groups: int
    size: int


class Int8Conv(NamedTuple):
    """One convolution of a chain, batch norm included."""

    weight: Tensor  # int8 (F, C / groups, size, size)
    scale_F: Tensor
    bias_F: Tensor
    given: Range  # of its input
    window: ConvWindow


class Int8Chain(nn.Module):
    """Convolutions one after the other; the last answers in floats, and may be added to what came in."""

    def __init__(self, convs: Sequence[Int8Conv], *, skips: bool, stops: bool) -> None:
        super().__init__()
        self._convs = [conv._replace(weight=_prepack(conv)) for conv in convs]
        self.skips, self.stops = skips, stops  # stops: the last activation ends at 0 and 6 too

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, F, H', W')."""
        given = self._convs[0].given
        levels, dtype = levels_of(x_BCHW, given), format_for(x_BCHW)
        for conv, following in zip(self._convs, self._convs[1:], strict=False):
            levels = convolve(levels, conv, following.given, torch.uint8)
        y = convolve(levels, self._convs[-1], Range(1.0, 0), dtype)
        if self.stops:
            y = y.clamp_(0, 6)
        return y + x_BCHW if self.skips else y


def convolve(levels: Tensor, conv: Int8Conv, wanted: Range, dtype: torch.dtype) -> Tensor:
    """One layer, in `dtype`; of eight bits in the range `wanted`, which clips."""
    window = conv.window
    pads = window.padding
    if pads < 0:
        levels, pads = F.pad(levels, same_pads(levels, window), value=conv.given.zero), 0
    zero_F = torch.zeros_like(conv.scale_F, dtype=torch.int32)
    y: Tensor = torch.ops.onednn.qconv_pointwise(
        levels, conv.given.scale, conv.given.zero, conv.weight, conv.scale_F, zero_F, conv.bias_F,
        [window.stride] * 2, [pads] * 2, [1, 1], window.groups, wanted.scale, wanted.zero, dtype, "none", [], "",
    )  # fmt: skip
    return y


def same_pads(levels: Tensor, window: ConvWindow) -> list[int]:
    """Left, right, top, bottom, so that every stride begins within the picture (TensorFlow's "same")."""
    over = [max(0, (-(-n // window.stride) - 1) * window.stride + window.size - n) for n in levels.shape[:-3:-1]]
    return [part for n in over for part in (n // 2, n - n // 2)]


def _prepack(conv: Int8Conv) -> Tensor:
    """The weight in oneDNN's own order."""
    window = conv.window
    pads = [max(0, window.padding)] * 2
    ordered: Tensor = torch.ops.onednn.qconv_prepack(
        conv.weight, conv.scale_F, conv.given.scale, conv.given.zero, [window.stride] * 2, pads, [1, 1],
        window.groups, None,
    )  # fmt: skip
    return ordered


class Int8Linear(nn.Module):
    """A linear layer whose inputs have a calibrated range; `smooth_D` as in `DynamicLinear`."""

    def __init__(
        self,
        weight_FD: Tensor,
        scale_F: Tensor,
        bias_F: Tensor | None,
        given: Range,
        *,
        smooth_D: Tensor | None = None,
    ) -> None:
        super().__init__()
        self._even_D = None if smooth_D is None else 1 / smooth_D.float()
        self.out_features, self.in_features = weight_FD.shape
        self._ordered = torch.ops.onednn.qlinear_prepack(weight_FD, None)
        self._scale_F, self._bias_F, self.given = scale_F, bias_F, given
        self._zero_F = torch.zeros_like(scale_F, dtype=torch.int32)

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) to (..., F)."""
        x_MD, dtype = x.reshape(-1, self.in_features), format_for(x)
        levels_MD = levels_of(x_MD if self._even_D is None else x_MD.float() * self._even_D, self.given)
        y_MF: Tensor = torch.ops.onednn.qlinear_pointwise(
            levels_MD, self.given.scale, self.given.zero, self._ordered, self._scale_F, self._zero_F, self._bias_F,
            1.0, 0, dtype, "none", [], "",
        )  # fmt: skip
        return y_MF.view(*x.shape[:-1], self.out_features)


class DynamicLinear(nn.Module):
    """A linear layer that takes the range of every row as it comes.

    `smooth_D`: inputs are divided by it first, as the weights were multiplied, so that none is much larger than others.
    `fine`: what eight bits leave of an input is rounded to eight bits more, and multiplied in the same product.
    """

    def __init__(
        self,
        weight_FD: Tensor,
        scale_F: Tensor,
        bias_F: Tensor | None = None,
        *,
        smooth_D: Tensor | None = None,
        fine: bool = False,
    ) -> None:
        super().__init__()
        self.out_features, self.in_features = weight_FD.shape
        self.weight_FD, self.scale_F, self._bias_F, self._fine = weight_FD, scale_F, bias_F, fine
        self._even_D = None if smooth_D is None else 1 / smooth_D.float()

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) to (..., F)."""
        x_MD = x.reshape(-1, self.in_features).float()
        if self._even_D is not None:
            x_MD = x_MD * self._even_D
        step_M1 = (x_MD.abs().amax(1, keepdim=True) / SIGNED).clamp_min(LEAST)
        y_MF = self._multiply(x_MD / step_M1).mul_(step_M1).mul_(self.scale_F)
        if self._bias_F is not None:
            y_MF += self._bias_F
        return y_MF.to(format_for(x)).view(*x.shape[:-1], self.out_features)

    def _multiply(self, x_MD: Tensor) -> Tensor:
        """The product with the weight's levels (M, F), float32, of inputs between -127 and 127."""
        levels_MD = x_MD.round()
        if not self._fine:
            return torch._int_mm(levels_MD.to(torch.int8), self.weight_FD.t()).float()
        rest_MD = ((x_MD - levels_MD) * FINER).round_()
        both = torch.cat((levels_MD, rest_MD)).to(torch.int8)
        coarse_MF, fine_MF = torch._int_mm(both, self.weight_FD.t()).float().chunk(2)
        return coarse_MF.add_(fine_MF, alpha=1 / FINER)


class Int8Embedding(nn.Module):
    """Vectors of words, in eight bits with a scale each."""

    def __init__(self, weight_VD: Tensor, scale_V: Tensor, *, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.weight_VD, self.scale_V, self.dtype = weight_VD, scale_V, dtype

    @property
    def weight(self) -> Tensor:
        """One vector of the kind that comes out: memory for keys is made like it."""
        return torch.empty(1, self.weight_VD.shape[1], dtype=self.dtype)

    def forward(self, ids: Tensor) -> Tensor:
        """(..., D)."""
        return (self.weight_VD[ids].float() * self.scale_V[ids][..., None]).to(self.dtype)
