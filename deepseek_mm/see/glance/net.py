"""Pieces of a picture become vectors that stand where words would: what is in a box, and where the box is.

A picture is sixteen boxes, four by four; a retrieved region is one. Both go the same way: cells of the tower's map are
brought to fewer channels, the cells that a box covers are averaged, the box's place is added, and a layer makes a
vector of it that is as long as a word's.

Shape key:  B pictures, P cells (81), C channels of a cell, R boxes of a picture, F features, D width of the model
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepseek_mm.config import between
from deepseek_mm.encoders.image import GRID
from deepseek_mm.encoders.maps import CHANNELS

WAVES = 4  # pairs of sine and cosine of each side of a box


@dataclass(frozen=True, kw_only=True, slots=True)
class GlanceConfig:
    """How pictures become vectors, and how far the model bends to read them."""

    features: int = 512
    side: int = 4  # boxes across and down that a whole picture becomes
    rank: int = 16  # of the changes of the model's matrices

    def __post_init__(self) -> None:
        between("features", self.features, 1, 65_536)
        between("side", self.side, 1, GRID)
        between("rank", self.rank, 1, 1024)


class GlanceNet(nn.Module):
    """Boxes of pictures to vectors."""

    def __init__(self, width: int, config: GlanceConfig, *, word_length: float = 1.0) -> None:
        """`word_length`: root mean square of a word's vector."""
        super().__init__()
        self.config = config
        self.bring = nn.Sequential(nn.LayerNorm(CHANNELS), nn.Linear(CHANNELS, config.features))
        self.place = nn.Linear(4 * (1 + 2 * WAVES), config.features)
        self.norm = nn.LayerNorm(config.features)
        self.out, self.length = nn.Linear(config.features, width), nn.RMSNorm(width)
        nn.init.constant_(self.length.weight, word_length)

    def forward(self, cells_BPC: Tensor, boxes_BR4: Tensor) -> Tensor:
        """(B, R, D) of boxes [left, top, right, bottom] in shares of their picture."""
        brought_BPF = self.bring(cells_BPC)
        inside_BRF = cover_shares(boxes_BR4).to(brought_BPF.dtype) @ brought_BPF
        seen_BRF = F.gelu(self.norm(inside_BRF + self.place(waves(boxes_BR4))))
        vectors_BRD: Tensor = self.length(self.out(seen_BRF).float())
        return vectors_BRD

    def whole(self, cells_BPC: Tensor) -> Tensor:
        """(B, side * side, D) of whole pictures, row by row."""
        vectors_BRD: Tensor = self(cells_BPC, squares(self.config.side).expand(len(cells_BPC), -1, -1))
        return vectors_BRD


def squares(side: int) -> Tensor:
    """(side * side, 4): the boxes that divide a picture evenly, row by row."""
    edges = torch.linspace(0, 1, side + 1)
    top, left = torch.meshgrid(edges[:-1], edges[:-1], indexing="ij")
    return torch.stack([left, top, left + 1 / side, top + 1 / side], dim=-1).flatten(0, 1)


def cover_shares(boxes_BR4: Tensor) -> Tensor:
    """(B, R, P): each cell's share of what a box covers; sums to 1. A box without an area takes the cell it lies in."""
    edges = torch.arange(GRID + 1) / GRID
    low_BR2, high_BR2 = boxes_BR4[..., :2], boxes_BR4[..., 2:]
    high_BR2 = torch.maximum(high_BR2, low_BR2 + 1e-3)
    low_BR2 = torch.minimum(low_BR2, high_BR2.new_tensor(1 - 1e-3))
    both_BR2G = torch.minimum(high_BR2[..., None], edges[1:]) - torch.maximum(low_BR2[..., None], edges[:-1])
    across_BRG, down_BRG = both_BR2G.clamp_min(0).unbind(-2)
    share_BRP = (down_BRG[..., :, None] * across_BRG[..., None, :]).flatten(-2)
    return share_BRP / share_BRP.sum(-1, keepdim=True)


def waves(boxes_BR4: Tensor) -> Tensor:
    """(B, R, 4 * (1 + 2 * WAVES)): the sides of a box, and sines and cosines of them at rising speed."""
    speeds = math.pi * 2.0 ** torch.arange(WAVES)
    turned = boxes_BR4[..., None] * speeds
    return torch.cat([boxes_BR4[..., None], turned.sin(), turned.cos()], dim=-1).flatten(-2)
