"""The network that tells people apart: upright squares of faces to 128 numbers, near each other for the same person.

Davis King's residual network of 29 convolutions (dlib, 2017), which he has put into the public domain, as the package
`@vladmandic/face-api` (npm, MIT) has it for TensorFlow.js. He trained it so that faces of one person lie within a
distance of 0.6 (Euclidean). Most weights are there in eight bits, and stay so in our file.

Shape key:  B faces, S side of a square (150), H, W cells, C width, O out, D numbers (128)
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIDE_PX = 150
DIM = 128
MEAN_RGB = (122.782, 117.001, 104.298)
STAGES = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))  # width, blocks, first halves
BRIGHTEST = 255


class IdentityBlock(nn.Module):
    """Two convolutions beside the way past them, on which a block that halves the map takes means of four cells."""

    def __init__(self, wide_in: int, width: int, *, halves: bool) -> None:
        super().__init__()
        self.halves = halves
        self.first = nn.Conv2d(wide_in, width, 3, 2 if halves else 1, padding=0 if halves else 1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, wide_in, H, W) to (B, width, H, W), or half as high and wide; what is narrower is filled with nothing."""
        inner = self.second(F.relu(self.first(x_BCHW)))
        past = F.avg_pool2d(x_BCHW, 2) if self.halves else x_BCHW
        size = [max(one, other) for one, other in zip(inner.shape[1:], past.shape[1:], strict=True)]
        return F.relu(fill_up(inner, size) + fill_up(past, size))


class IdentityNet(nn.Module):
    """Faces to vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, STAGES[0][0], 7, 2)
        widths = [STAGES[0][0], *(width for width, _, _ in STAGES)]
        self.blocks = nn.Sequential(
            *(
                IdentityBlock(before if n == 0 else width, width, halves=halves and n == 0)
                for before, (width, count, halves) in zip(widths, STAGES, strict=False)
                for n in range(count)
            )
        )
        self.head = nn.Linear(STAGES[-1][0], DIM, bias=False)

    def forward(self, x_B3SS: Tensor) -> Tensor:
        """(B, 3, S, S) red, green and blue from 0 to 255, to (B, D)."""
        x = (x_B3SS - torch.tensor(MEAN_RGB)[:, None, None]) / BRIGHTEST
        x = F.max_pool2d(F.relu(self.stem(x)), 3, 2)
        vectors_BD: Tensor = self.head(self.blocks(x).mean(dim=(2, 3)))
        return vectors_BD


def fill_up(x_BCHW: Tensor, size: list[int]) -> Tensor:
    """To this width, height and breadth, with nothing behind what is there."""
    wide, high, across = (wanted - has for wanted, has in zip(size, x_BCHW.shape[1:], strict=True))
    return F.pad(x_BCHW, (0, across, 0, high, 0, wide))


def widen(codes_O: Tensor, scale_2O: Tensor, middle_2O: Tensor) -> Tensor:
    """Weights out of eight bits: of each row of the output a step of the codes, and what nought stands for.

    Each is the sum of two numbers in 16 bits, for an error in it would add up over all inputs.
    """
    shape = (-1, *[1] * (codes_O.dim() - 1))
    scale_O, middle_O = (pair_2O.float().sum(dim=0).reshape(shape) for pair_2O in (scale_2O, middle_2O))
    return codes_O.float() * scale_O + middle_O


def load_identity(state: Mapping[str, Tensor]) -> IdentityNet:
    """The network with these weights, in float32, for looking only."""
    net, full = IdentityNet(), {}
    for name, tensor in state.items():
        if name.endswith(".weight"):
            layer = name.removesuffix(".weight")
            packed = tensor.dtype == torch.int8
            full[name] = widen(tensor, state[f"{layer}.scale"], state[f"{layer}.middle"]) if packed else tensor.float()
        elif name.endswith(".bias"):
            full[name] = tensor.float()
    net.load_state_dict(full)
    return net.eval().requires_grad_(False)
