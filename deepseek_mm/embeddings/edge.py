"""The edge space: a small image tower (EfficientNet-Lite0) and text head, distilled from the default space.

The tower has timm's names and does timm's arithmetic, so the packaged weights fit; but timm itself takes 110 MB of
memory and seconds to import.

EfficientNet-Lite0 looks, rounded to eight bits and otherwise as packaged, so that its classifier still names things. A
neck makes cells of its maps which stand where the default towers' cells stand: vectors of the space, the reader of
questions and the noticer look at those. A tower of three layers reads texts. All of it is in one file.

Shape key:  B pictures, P cells (81), C channels of a map, H, W sides of a map, N width of the neck, D width of the
            space (512), M side of the middle map (17), G cells a side (9), T tokens
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from deepseek_mm.config import between
from deepseek_mm.deltas import SCALE, WHOLE, pack_whole, unpack_delta
from deepseek_mm.embeddings.default import SeeingSpace, TextSide, positions
from deepseek_mm.embeddings.heads import (
    MAIN_DIM,
    SPACE_DIM,
    ImageHead,
    ImageNetTagger,
    LayersHead,
    Residual,
    TextHead,
    read_groups,
)
from deepseek_mm.embeddings.inference import autocast_bf16
from deepseek_mm.embeddings.towers import (
    GRID,
    LAYERS,
    MAP_CHANNELS,
    ImageTower,
    TextTower,
    blank_text_tower,
    fingerprint,
    text_tower_folder,
    to_pixels,
)
from deepseek_mm.errors import MissingWeights
from deepseek_mm.storage.files import atomic_write

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
    """The parts by timm's names; `embeddings.image.ImageTower` cuts them where training begins."""

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


WEIGHTS = Path(__file__).parent.parent / "weights" / "edge.safetensors"
MAKE = "python -m deepseek_mm train distill --help"
ROWS = 4_096  # of a matrix that are unpacked at once
COUNTED = "num_batches_tracked"  # of norms; nothing in inference depends on it
MIDDLE_CHANNELS = 112
NECK = 384  # width
HEADS = 6
CELLS = GRID * GRID


class Mixing(nn.Module):
    """Cells look at each other."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.qkv, self.out = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x_BPN: Tensor) -> Tensor:
        parts = self.qkv(self.norm(x_BPN)).chunk(3, dim=-1)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        seen_BPN = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        mixed_BPN: Tensor = x_BPN + self.out(seen_BPN)
        return mixed_BPN


class Neck(nn.Module):
    """Both maps of the tower to cells (B, P, N)."""

    def __init__(self, width: int = NECK, *, dropout: float = 0.1) -> None:
        super().__init__()
        self.norm, self.bring = nn.LayerNorm(MAP_CHANNELS), nn.Linear(MAP_CHANNELS, width)
        self.norm_middle, self.bring_middle = nn.LayerNorm(MIDDLE_CHANNELS), nn.Linear(MIDDLE_CHANNELS, width)
        self.place = nn.Parameter(torch.randn(CELLS, width) * 0.02)
        self.mixing, self.think = Mixing(width, HEADS), Residual(width, 2 * width, dropout)
        self.close = nn.LayerNorm(width)

    def forward(self, map_BPC: Tensor, middle_BPC: Tensor) -> Tensor:
        brought_BPN = self.bring(self.norm(map_BPC)) + self.bring_middle(self.norm_middle(middle_BPC))
        cells_BPN: Tensor = self.close(self.think(self.mixing(brought_BPN + self.place)))
        return cells_BPN


class EdgeMaps(NamedTuple):
    """What the tower and the neck make of pictures."""

    packaged_BCGG: Tensor
    cells_BPN: Tensor

    def cells(self) -> Tensor:
        """(B, P, N) bfloat16, as small models see them."""
        return self.cells_BPN.bfloat16()


def shrink_map(middle_BCMM: Tensor) -> Tensor:
    """The middle map as cells of the feature map, each the mean of what it covers: (B, P, C)."""
    return cover(int(middle_BCMM.shape[-1])) @ positions(middle_BCMM).float()


@cache
def cover(side: int) -> Tensor:
    """(P, side * side): the share of each place of a map in each cell."""
    with torch.inference_mode(mode=False):  # whoever asks first: others may train with it
        means_GM = means(side, GRID)
        return torch.kron(means_GM, means_GM)


def means(before: int, after: int) -> Tensor:
    """(after, before): what `adaptive_avg_pool1d` multiplies with, which ONNX has for even shares alone."""
    cells, places = torch.arange(after)[:, None], torch.arange(before)
    first, last = cells * before // after, -(-(cells + 1) * before // after)
    covered = ((places >= first) & (places < last)).float()
    return covered / covered.sum(dim=1, keepdim=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class EdgeConfig:
    """The student's sizes, as its file tells them."""

    neck: int = NECK  # width
    layers: int = 3  # of the text tower
    read_after: tuple[int, ...] = (0, 1, 2, 3)  # of them; 0 is the embedding

    def __post_init__(self) -> None:
        between("neck", self.neck, HEADS, 4096)
        between("layers", self.layers, 1, 12)


class EdgeSight(nn.Module):
    """Neck and head: what is learned of seeing."""

    def __init__(self, neck: int = NECK) -> None:
        super().__init__()
        self.neck, self.image_head = Neck(neck), ImageHead(neck, SPACE_DIM, hidden=neck)


class EdgeTextHead(nn.Module):
    """The half of the side heads that reads."""

    def __init__(self) -> None:
        super().__init__()
        self.text = LayersHead(len(LAYERS), SPACE_DIM - MAIN_DIM)


class EdgeModel(TextSide):
    """Towers, neck and heads."""

    def __init__(self, config: EdgeConfig, image_tower: ImageTower, text_tower: TextTower) -> None:
        super().__init__()
        self.image_tower, self.text_tower = image_tower, text_tower
        self.sight = EdgeSight(config.neck)
        self.text_head, self.side = TextHead(), EdgeTextHead()
        self.narrow = nn.Parameter(torch.eye(SPACE_DIM, MAIN_DIM), requires_grad=False)

    @property
    def heads(self) -> list[nn.Module]:
        """What may be rounded where `autocast_bf16` computes in fewer bits."""
        return [self.sight, self.side, self.text_head, self.text_tower]

    def maps(self, squares: Sequence[NDArray[np.uint8]]) -> EdgeMaps:
        """All that the tower and the neck make of squeezed pictures."""
        middle_BCMM = self.image_tower.lower(to_pixels(squares))
        packaged_BCGG = self.image_tower.upper(middle_BCMM)
        return EdgeMaps(packaged_BCGG, self.sight.neck(positions(packaged_BCGG), shrink_map(middle_BCMM)))

    def looks(self, maps: EdgeMaps) -> tuple[Tensor, Tensor]:
        """Vectors (B, D) of the pictures, and (B, P, D) of the cells of their maps."""
        return self.sight.image_head.both(maps.cells_BPN)


class EdgeSpace(SeeingSpace):
    """The student; fills the `EmbeddingModel` protocol."""

    name, prefix = "edge", "edge_"
    model: EdgeModel

    def __init__(self, weights: Path = WEIGHTS, *, batch: int = 4) -> None:
        super().__init__(batch=batch)
        told = read_told(weights)
        config = EdgeConfig(**told["config"] | {"read_after": tuple(told["config"]["read_after"])})
        text_tower = blank_text_tower(text_tower_folder(), config.layers, read_after=config.read_after)
        self.model = EdgeModel(config, ImageTower(Lite0()).eval(), text_tower)
        fill(self.model, weights)
        fold_norms(self.model.image_tower)
        self.model.image_tower.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.model.eval().requires_grad_(False)
        self.namer = ImageNetTagger(self.model.image_tower.classifier, read_groups())
        self.fingerprint, self.taught_by = fingerprint((weights,)), told["taught_by"]


def write_edge(file: Path, model: EdgeModel, config: EdgeConfig, *, taught_by: str) -> None:
    """Whole or not at all; `taught_by` is the fingerprint of the space that the student learned from."""
    state = {name: value for name, value in model.state_dict().items() if not name.endswith(COUNTED)}
    told = {"config": asdict(config), "taught_by": taught_by}
    atomic_write(file, save(pack_whole(state), metadata={"told": json.dumps(told)}))


def files_of_edge(folder: Path = WEIGHTS.parent) -> list[Path]:
    """All that the student consists of: towers and heads, small models, language model."""
    return sorted(file for file in (*folder.glob("edge*"), *folder.glob("edge_lm/*")) if file.is_file())


def read_told(file: Path) -> dict[str, Any]:
    """What stands beside the weights. MissingWeights without the file."""
    if not file.is_file():
        raise MissingWeights(file, make=MAKE)
    with safe_open(file, framework="pt") as opened:
        told: dict[str, Any] = json.loads(opened.metadata()["told"])
    return told


def fill_rows(target: Tensor, steps: Any, scale_N: Tensor) -> None:
    """A matrix from its packed rows; `steps` is read as it is sliced."""
    for start in range(0, len(scale_N), ROWS):
        some = slice(start, start + ROWS)
        target[some].copy_(unpack_delta(steps[some], scale_N[some]))


@torch.no_grad()
def fill(model: EdgeModel, file: Path) -> None:
    """Put the file's weights into the model, some rows at a time: a small machine has no room for all of them twice."""
    state = model.state_dict()
    with safe_open(file, framework="pt") as opened:
        for name in opened.keys():  # noqa: SIM118
            if name.endswith(WHOLE):
                target = name.removesuffix(WHOLE)
                fill_rows(state[target], opened.get_slice(name), opened.get_tensor(target + SCALE))
            elif not name.endswith(SCALE):
                state[name].copy_(opened.get_tensor(name))
    with autocast_bf16():
        if torch.is_autocast_enabled("cpu"):
            model.text_tower.model.embeddings.word_embeddings.to(torch.bfloat16)  # type: ignore[union-attr]
