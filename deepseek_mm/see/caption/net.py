"""A small Transformer that writes a caption word by word, looking at the cells of the tower's maps.

The cells are brought to the model's width, told where they lie, and look at each other once; then three layers of words
look back at the words so far and at all cells (Vaswani et al. 2017).

Shape key:  B photos, P cells (81), C channels of a cell, N sentences, T words, D width, V words of the vocabulary
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepseek_mm.config import between
from deepseek_mm.see.attention import Attention, Drop, Feed, Seen

PAD, START, END, UNKNOWN = range(4)
SPECIAL = ("<pad>", "<start>", "<end>", "<unknown>")


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptionConfig:
    """The size of the model, and how much of it is left out in training."""

    channels: int = 2680  # of a cell
    cells: int = 81
    width: int = 384
    heads: int = 6
    layers: int = 3
    feed: int = 1024  # width of the feed-forward
    most: int = 24  # words of a caption
    dropout: float = 0.2

    def __post_init__(self) -> None:
        between("layers", self.layers, 1, 100)
        between("dropout", self.dropout, 0, 0.99)


class CellProjector(nn.Module):
    """Cells of the maps (B, P, C) as the words see them (B, P, D)."""

    def __init__(self, config: CaptionConfig) -> None:
        super().__init__()
        width = config.width
        self.bring = nn.Sequential(nn.LayerNorm(config.channels), nn.Linear(config.channels, width))
        self.place = nn.Parameter(torch.randn(config.cells, width) * 0.02)
        self.norm, self.attention = nn.LayerNorm(width), Attention(width, config.heads)
        self.feed, self.drop = Feed(width, config.feed, config.dropout), Drop(config.dropout)
        self.close = nn.LayerNorm(width)

    def forward(self, cells_BPC: Tensor) -> Tensor:
        x_BPD = self.drop(self.bring(cells_BPC) + self.place)
        normed_BPD = self.norm(x_BPD)
        x_BPD = x_BPD + self.drop(self.attention(normed_BPD, self.attention.keys_values(normed_BPD)))
        x_BPD = x_BPD + self.drop(self.feed(x_BPD))
        out: Tensor = self.close(x_BPD)
        return out


class WordLayer(nn.Module):
    """Words look back, then at the cells."""

    def __init__(self, config: CaptionConfig) -> None:
        super().__init__()
        width, heads = config.width, config.heads
        self.norm_back, self.back = nn.LayerNorm(width), Attention(width, heads)
        self.norm_look, self.look = nn.LayerNorm(width), Attention(width, heads)
        self.feed, self.drop = Feed(width, config.feed, config.dropout), Drop(config.dropout)

    def forward(self, x_NTD: Tensor, cells: Seen, past: Seen | None = None) -> tuple[Tensor, Seen]:
        """The words after it, and what later words look back at."""
        normed_NTD = self.norm_back(x_NTD)
        words = self.back.keys_values(normed_NTD)
        if past is not None:
            words = (torch.cat([past[0], words[0]], dim=2), torch.cat([past[1], words[1]], dim=2))
        x_NTD = x_NTD + self.drop(self.back(normed_NTD, words, causal=past is None))
        x_NTD = x_NTD + self.drop(self.look(self.norm_look(x_NTD), cells))
        return x_NTD + self.drop(self.feed(x_NTD)), words


class CaptionNet(nn.Module):
    """Cells and words so far to the scores of the next word."""

    def __init__(self, num_words: int, config: CaptionConfig) -> None:
        super().__init__()
        self.config = config
        self.looker = CellProjector(config)
        self.word = nn.Embedding(num_words, config.width, padding_idx=PAD)
        nn.init.normal_(self.word.weight, std=config.width**-0.5)
        self.position = nn.Parameter(torch.randn(config.most + 1, config.width) * 0.02)
        self.layers = nn.ModuleList(WordLayer(config) for _ in range(config.layers))
        self.norm, self.drop = nn.LayerNorm(config.width), Drop(config.dropout)

    def cells(self, cells_BPC: Tensor) -> list[Seen]:
        """For each layer the keys and values of the cells."""
        x_BPD = self.looker(cells_BPC)
        return [layer.look.seen(x_BPD) for layer in self.layers]  # type: ignore[union-attr, operator]

    def forward(self, words_NT: Tensor, cells: Sequence[Seen]) -> Tensor:
        """(N, T, V): the scores of the word after each; cells have a row for each sentence."""
        scores_NTV, _ = self.step(words_NT, cells, [None] * len(self.layers))
        return scores_NTV

    def step(self, words_NT: Tensor, cells: Sequence[Seen], past: Sequence[Seen | None]) -> tuple[Tensor, list[Seen]]:
        """The same for words that follow others, whose keys and values are the past."""
        start = 0 if past[0] is None else past[0][0].shape[2]
        places_TD = self.position[start : start + words_NT.shape[1]]
        x_NTD = self.drop(self.word(words_NT) * self.config.width**0.5 + places_TD)
        kept = []
        for layer, seen, before in zip(self.layers, cells, past, strict=True):
            x_NTD, words = layer(x_NTD, seen, before)
            kept.append(words)
        scores_NTV = F.linear(self.norm(x_NTD), self.word.weight)
        return scores_NTV, kept


def rows_of(seen: Seen, rows_M: Tensor) -> Seen:
    """Some rows of keys and values, in another order or more than once."""
    return seen[0].index_select(0, rows_M), seen[1].index_select(0, rows_M)
