"""Layers for reading only, whose bfloat16 weights lie in memory as oneDNN multiplies them (prepacked).

torch lays the weights of every layer out anew at each pass, and writes a map once more to cut it off at 6. For one
picture or one short text that is half of the time. What comes out is the same, but for a bias that torch sometimes adds
to what is rounded already, and for norms, whose weights are rounded with the convolution's. The operations are those
that torch's own compiler writes.

Shape key:  B pictures, C channels, F channels or outputs, H, W sides of a map, D inputs
"""

from functools import cache
from itertools import pairwise, product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

CUT = (0.0, 6.0)  # of what follows most convolutions (ReLU6)


@cache
def can_prepack() -> bool:
    """Whether this torch, on this processor, has the operations and they do what is expected of them."""
    try:
        with torch.inference_mode():
            linear, conv = nn.Linear(16, 16).bfloat16(), nn.Conv2d(16, 16, 3, padding=1).bfloat16()
            row, square = torch.ones(1, 16).bfloat16(), torch.ones(1, 16, 4, 4).bfloat16()
            pairs = (
                (linear(row), _multiplied(row, _laid_out(linear.weight), linear.bias)),
                (
                    F.relu6(conv(square)),
                    PrepackedConv(conv, cuts=True)(square),
                ),
            )
            return all(torch.allclose(right, got, atol=0.1) for right, got in pairs)
    except (AttributeError, RuntimeError, NotImplementedError):
        return False


def _laid_out(weight_FD: Tensor) -> Tensor:
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight_FD.detach().contiguous(), None)
    return packed


def _multiplied(x: Tensor, packed: Tensor, bias_F: Tensor | None) -> Tensor:
    y: Tensor = torch.ops.mkldnn._linear_pointwise(x, packed, bias_F, "none", [], "")
    return y


class PrepackedLinear(nn.Linear):
    """A bfloat16 layer that was `nn.Linear`. Its weight lies in one layout only, and is laid back for whoever asks."""

    packed: Tensor

    @classmethod
    def take(cls, layer: nn.Linear) -> None:
        """The layer itself becomes one, so that whoever holds it keeps it."""
        layer.packed = _laid_out(layer.weight)
        del layer.weight
        layer.__class__ = cls

    @property
    def weight(self) -> Tensor:  # type: ignore[override]
        """(F, D)."""
        return self.packed.to_dense()

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) to (..., F) bfloat16."""
        return _multiplied(x.bfloat16(), self.packed, self.bias)


class PrepackedConv(nn.Module):
    """A convolution, and what cuts its map off behind it; without gradients.

    Padded as the convolution is; a subclass of torch's pads as TensorFlow does ("same"): what is odd goes to the right
    and below. oneDNN pads both sides alike, so the kernel then has a row or column of zeros more in front.
    """

    def __init__(self, conv: nn.Conv2d, *, cuts: bool) -> None:
        super().__init__()
        self.kernel, self.stride, self.groups = conv.kernel_size, conv.stride, conv.groups
        self.padding = None if type(conv) is not nn.Conv2d else conv.padding
        self.dilation = conv.dilation
        self.how, self.between = ("hardtanh", list(CUT)) if cuts else ("none", [])
        self.bias_F = None if conv.bias is None else conv.bias.detach().bfloat16()
        weight = conv.weight.detach().bfloat16()
        uneven = self.padding is None and (self.stride != (1, 1) or min(size % 2 for size in self.kernel) == 0)
        self.packed = {odd: self._laid_out(weight, *odd) for odd in product((0, 1), repeat=2) if uneven or not any(odd)}

    def _laid_out(self, weight: Tensor, down: int, across: int) -> Tensor:
        wide = F.pad(weight, (across, 0, down, 0)).contiguous(memory_format=torch.channels_last)
        packed: Tensor = torch.ops.mkldnn._reorder_convolution_weight(
            wide, [0, 0], list(self.stride), list(self.dilation), self.groups, None
        )
        return packed

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, F, H / stride, W / stride) bfloat16."""
        evenly, odd = self.padding, (0, 0)
        if evenly is None:
            down, across = (lacking(x_BCHW.shape[2 + n], self.kernel[n], self.stride[n]) for n in (0, 1))
            evenly, odd = ((down + 1) // 2, (across + 1) // 2), (down % 2, across % 2)
        y: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x_BCHW.bfloat16(), self.packed[odd], self.bias_F, evenly, self.stride, self.dilation, self.groups,
            self.how, self.between, None,
        )  # fmt: skip
        return y


def lacking(size: int, kernel: int, stride: int) -> int:
    """Rows or columns to add to a map so that it shrinks by the stride alone, rounded up."""
    return max(0, (-(-size // stride) - 1) * stride + kernel - size)


def prepack_convs(net: nn.Module) -> int:
    """All convolutions within, in place, with the norm and the ReLU6 that follow; how many. For evaluation only.

    What follows a convolution stands behind it in its parent, as in every EfficientNet here.
    """
    count = 0
    for (place, part), (name, behind) in pairwise([*net.named_children(), ("", nn.Identity())]):
        if not isinstance(part, nn.Conv2d):
            count += prepack_convs(part)
            continue
        cuts = isinstance(behind, nn.ReLU6) or cuts_off(behind)
        conv = fuse_conv_bn_eval(part, behind) if isinstance(behind, nn.BatchNorm2d) else part
        setattr(net, place, PrepackedConv(conv, cuts=cuts))
        if cuts or conv is not part:
            setattr(net, name, nn.Identity())
        count += 1
    return count


def cuts_off(norm: nn.Module) -> bool:
    """Whether a norm cuts its map off at 0 and 6, as timm's and ours may."""
    act: Any = getattr(norm, "act", None)
    return act is True or isinstance(act, nn.ReLU6)


def prepack_linears(net: nn.Module) -> int:
    """All linear layers within, each itself; how many."""
    layers = [layer for layer in net.modules() if type(layer) is nn.Linear and layer.weight.dtype is torch.bfloat16]
    for layer in layers:
        PrepackedLinear.take(layer)
    return len(layers)
