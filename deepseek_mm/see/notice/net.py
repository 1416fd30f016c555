"""Each thing that is known looks for itself among the cells of the tower's maps, all of them at once.

A thing begins with the vector of its name, and with how alike the picture is to it. A reader learns from one question
at a time; here every photo teaches about every thing, whether it is there or not.

Shape key:  B photos, P cells (81), C channels of a cell, D width of the space, W width, L things
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from deepseek_mm.config import between
from deepseek_mm.see.attention import Attention, Drop, Feed

SHARP = 20.0  # brings a unit vector's numbers to the size of the others


@dataclass(frozen=True, kw_only=True, slots=True)
class NoticeConfig:
    """The size of the model, and how much of it is left out in training."""

    channels: int = 2680  # of a cell
    cells: int = 81
    space: int = 512
    width: int = 384
    heads: int = 8
    feed: int = 768  # width of the feed-forward
    dropout: float = 0.2

    def __post_init__(self) -> None:
        between("width", self.width, 1, 10_000)
        between("dropout", self.dropout, 0, 0.99)


class NoticeNet(nn.Module):
    """Photos to the log-odds of all things."""

    texts: Tensor

    def __init__(self, things: int, config: NoticeConfig) -> None:
        super().__init__()
        self.config, width = config, config.width
        self.drop_in = Drop(config.dropout / 2)
        self.bring = nn.Sequential(nn.LayerNorm(config.channels), nn.Linear(config.channels, width))
        self.place = nn.Parameter(torch.randn(config.cells, width) * 0.02)
        self.whole = nn.Linear(config.space, width)
        self.norm_each, self.each = nn.LayerNorm(width), Attention(width, config.heads)
        self.feed = Feed(width, config.feed, config.dropout)
        self.norm_seen = nn.LayerNorm(width)
        self.register_buffer("texts", torch.zeros(things, config.space))  # of the space: the things' names
        self.things = nn.Parameter(torch.randn(things, width) * 0.02)
        self.by_text = nn.Linear(config.space, width)
        self.alike = nn.Parameter(torch.tensor(5.0))
        self.look = Attention(width, config.heads)
        self.think = nn.Sequential(
            nn.LayerNorm(width), Drop(config.dropout), nn.Linear(width, width), nn.GELU(), Drop(config.dropout)
        )
        self.weight = nn.Parameter(torch.randn(things, width) * 0.02)
        self.bias = nn.Parameter(torch.zeros(things))
        self.drop = Drop(config.dropout)

    def forward(self, cells_BPC: Tensor, vectors_BD: Tensor) -> Tensor:
        """(B, L)."""
        cells_BPW = self.bring(self.drop_in(cells_BPC)) + self.place
        x_BSW = torch.cat([self.whole(vectors_BD * SHARP)[:, None], cells_BPW], dim=1)
        normed_BSW = self.norm_each(x_BSW)
        x_BSW = x_BSW + self.drop(self.each(normed_BSW, self.each.seen(normed_BSW)))
        x_BSW = self.norm_seen(x_BSW + self.drop(self.feed(x_BSW)))
        things_LW = self.things + self.by_text(self.texts * SHARP)
        things_BLW = things_LW.expand(len(x_BSW), -1, -1)
        found_BLW = self.think(self.look(things_BLW, self.look.seen(x_BSW)))
        alike_BL = self.alike * (vectors_BD.float() @ self.texts.float().T)
        scores_BL: Tensor = (found_BLW * self.weight).float().sum(-1) + self.bias + alike_BL
        return scores_BL
