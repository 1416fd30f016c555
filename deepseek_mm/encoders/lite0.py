"""EfficientNet-Lite0 (Tan and Le 2019, arXiv:1905.11946, without squeeze and excitation) in a hundred lines.

It has timm's names and does timm's arithmetic, so the packaged weights fit; but timm itself takes 110 MB of memory and
seconds to import, which is more than a small machine has to spare.

Shape key:  B pictures, C channels, H, W sides of a map
"""

from collections.abc import Iterator

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

STAGES = (  # blocks, size of the kernel, stride of the first, times as many channels inside, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM, HEAD, CLASSES = 32, 1280, 1000
EPS = 1e-3  # TensorFlow's, of norms


def lacking(size: int, kernel: int, stride: int) -> int:
    """Rows or columns to add to a map so that it shrinks by the stride alone, rounded up."""
    return max(0, (-(-size // stride) - 1) * stride + kernel - size)


class SameConv(nn.Conv2d):
    """Without a bias, and padded as TensorFlow does ("same"): what is odd goes to the right and below."""

    def __init__(self, before: int, after: int, kernel: int, *, stride: int = 1, each: bool = False) -> None:
        """`each`: every channel by itself."""
        super().__init__(before, after, kernel, stride=stride, groups=before if each else 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H / stride, W / stride), rounded up."""
        down, across = (lacking(x.shape[2 + axis], self.kernel_size[axis], self.stride[axis]) for axis in (0, 1))
        evenly = (down // 2, across // 2)
        if down % 2 or across % 2:
            x, evenly = F.pad(x, (across // 2, across - across // 2, down // 2, down - down // 2)), (0, 0)
        return F.conv2d(x, self.weight, self.bias, self.stride, evenly, self.dilation, self.groups)


class Norm(nn.BatchNorm2d):
    """With what follows it: numbers are kept between 0 and 6, or let through."""

    def __init__(self, channels: int, *, act: bool = True) -> None:
        super().__init__(channels, eps=EPS)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        normed = super().forward(x)
        return F.relu6(normed) if self.act else normed


class First(nn.Module):
    """The block of the first stage: each channel by itself, then all of them together."""

    def __init__(self, before: int, after: int, kernel: int) -> None:
        super().__init__()
        self.conv_dw, self.bn1 = SameConv(before, before, kernel, each=True), Norm(before)
        self.conv_pw, self.bn2 = SameConv(before, after, 1), Norm(after, act=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.bn2(self.conv_pw(self.bn1(self.conv_dw(x))))
        return out


class InvertedResidual(nn.Module):
    """More channels, each by itself, then few again (an inverted residual)."""

    def __init__(self, before: int, after: int, kernel: int, *, stride: int, times: int) -> None:
        super().__init__()
        inside = times * before
        self.conv_pw, self.bn1 = SameConv(before, inside, 1), Norm(inside)
        self.conv_dw, self.bn2 = SameConv(inside, inside, kernel, stride=stride, each=True), Norm(inside)
        self.conv_pwl, self.bn3 = SameConv(inside, after, 1), Norm(after, act=False)
        self.adds = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        inside = self.bn2(self.conv_dw(self.bn1(self.conv_pw(x))))
        out: Tensor = self.bn3(self.conv_pwl(inside))
        return x + out if self.adds else out


class Lite0(nn.Module):
    """The parts by timm's names; `encoders.image.ImageTower` cuts them where training begins."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_stem, self.bn1 = SameConv(3, STEM, 3, stride=2), Norm(STEM)
        self.blocks = nn.Sequential(*stages())
        self.conv_head, self.bn2 = SameConv(STAGES[-1][-1], HEAD, 1), Norm(HEAD)
        self.classifier = nn.Linear(HEAD, CLASSES)


def stages() -> Iterator[nn.Module]:
    """One after the other."""
    before = STEM
    for count, kernel, stride, times, after in STAGES:
        blocks: list[nn.Module] = []
        for n in range(count):
            if times == 1:
                blocks.append(First(before, after, kernel))
            else:
                blocks.append(InvertedResidual(before, after, kernel, stride=1 if n else stride, times=times))
            before = after
        yield nn.Sequential(*blocks)


def fold_norms(net: nn.Module) -> None:
    """Every norm becomes part of the convolution in front of it: the same pictures are seen in two thirds of the time.

    The net must be in evaluation mode. What is left can no longer be trained, and has other weights by other names.
    """
    before, place = net, ""
    for name, part in list(net.named_children()):
        if isinstance(before, SameConv) and isinstance(part, Norm):
            setattr(net, place, fuse_conv_bn_eval(before, part))
            setattr(net, name, nn.ReLU6(inplace=True) if part.act else nn.Identity())
        else:
            fold_norms(part)
        before, place = part, name
