"""The edge space: what a small machine sees and reads with, taught by the default space to see and read the same.

EfficientNet-Lite0 looks, rounded to eight bits and otherwise as packaged, so that its classifier still names things. A
neck makes cells of its maps which stand where the default towers' cells stand: vectors of the space, the reader of
questions and the noticer look at those. A tower of three layers reads texts. All of it is in one file.

Shape key:  B pictures, P cells (81), C channels of a map, N width of the neck, D width of the space (512),
            M side of the middle map (17), G cells a side (9), T tokens
"""

import json
from collections.abc import Sequence
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

from deepseek_mm.config import between
from deepseek_mm.deltas import SCALE, WHOLE, pack_whole, unpack_delta
from deepseek_mm.encoders.autocast import autocast_bf16
from deepseek_mm.encoders.default import SeeingSpace, TextSide, positions
from deepseek_mm.encoders.image import GRID, MAP_CHANNELS, ImageTower, to_pixels
from deepseek_mm.encoders.lite0 import Lite0, fold_norms
from deepseek_mm.encoders.packaged import fingerprint, text_tower_folder
from deepseek_mm.encoders.projection import MAIN_DIM, SPACE_DIM, ImageHead, LayersHead, Residual, TextHead
from deepseek_mm.encoders.tags import ImageNetTagger, read_groups
from deepseek_mm.encoders.text import LAYERS, TextTower, blank_text_tower
from deepseek_mm.errors import MissingWeights
from deepseek_mm.storage.files import atomic_write

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
    """The student; fills the `Space` protocol."""

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
