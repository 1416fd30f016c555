"""The tower that reads many languages as an encoder of tokens: where each lies in its text, and what it came to mean.

Its lower layers may be another's as well, so they are in memory once.

Shape key:  N texts, T tokens, W width (384)
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from deepseek_mm.embeddings.multilingual import BEGIN, END, MAX_TOKENS, PAD, SentencePieces, load_multilingual_tower
from deepseek_mm.embeddings.towers import Layers, TextTower
from deepseek_mm.language.understanding import TokenStates

LOWER, UPPER = 6, 4  # layers that are left as they are packaged, and those that are tuned; the last two are not read
TAIL = 40  # tokens that are kept of the end of a text that is too long


class MultilingualTokenEncoder:
    """Reads texts with the lower layers of a tower."""

    def __init__(self, tower: TextTower, lower: int = LOWER, upper: int = UPPER) -> None:
        self.model: Any = tower.model
        self.pieces: SentencePieces = tower.tokenizer
        self.lower, self.upper = lower, upper

    @property
    def name(self) -> str:
        """Which model, and where it is parted."""
        return f"multilingual-e5-small {self.lower}+{self.upper}"

    @torch.inference_mode()
    def read_tokens(self, texts: Sequence[str]) -> TokenStates:
        """The states after the lower layers; of a long text the beginning and the end are read."""
        rows = [self.locate_pieces(text) for text in texts]
        states_NTW, there_NT = self.read_pieces([ids for ids, _ in rows])
        return TokenStates(states_NTW, there_NT, tuple(offsets for _, offsets in rows))

    @torch.no_grad()
    def read_pieces(self, rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """States (N, T, W) of rows of pieces after the lower layers, and where there are any (N, T)."""
        longest = max(map(len, rows))
        ids_NT = torch.tensor([[*row, *[PAD] * (longest - len(row))] for row in rows])
        there_NT = torch.arange(longest) < torch.tensor([[len(row)] for row in rows])
        states_NTW: Tensor = self.model.embeddings(ids_NT)
        for layer in self.model.encoder.layer[: self.lower]:
            states_NTW = layer(states_NTW, there_NT[:, None, None])
        return states_NTW, there_NT

    def locate_pieces(self, text: str, most: int | None = MAX_TOKENS) -> tuple[list[int], tuple[tuple[int, int], ...]]:
        """Numbers of a text's pieces, and the first letter and the end of each; at most so many, None for all."""
        plain, origin = normalize_located(text, self.pieces.normalized)
        found = self.pieces.split(plain)
        ids, places = [piece.number for piece in found], [locate_piece(plain, origin, *piece[1:]) for piece in found]
        if most is not None and len(ids) > most - 2:
            head = most - 2 - TAIL
            ids, places = ids[:head] + ids[-TAIL:], places[:head] + places[-TAIL:]
        return [BEGIN, *ids, END], ((0, 0), *places, (len(text), len(text)))

    def copy_upper(self) -> nn.Module:
        """A copy of the layers above."""
        layers = self.model.encoder.layer[self.lower : self.lower + self.upper]
        upper = Layers(len(layers))
        upper.layer = deepcopy(layers)
        return upper


def normalize_located(text: str, normalized: dict[int, str]) -> tuple[str, list[int]]:
    """The text as `SentencePieces.normalize` writes it, and for each letter, and its end, where it was."""
    letters: list[str] = []
    origin: list[int] = []
    for at, char in enumerate(text):
        for letter in normalized.get(ord(char), char):
            if letter != " " or (letters and letters[-1] != " "):
                letters.append(letter)
                origin.append(at)
    if letters and letters[-1] == " ":
        letters.pop()
        origin.pop()
    return "".join(letters), [*origin, len(text)]


def locate_piece(plain: str, origin: Sequence[int], start: int, end: int) -> tuple[int, int]:
    """First letter and end of a piece in the text as it was; the space in front of a word is no part of it."""
    while start < end and plain[start] == " ":
        start += 1
    return (origin[start], origin[end - 1] + 1) if start < end else (origin[start], origin[start])


def load_token_encoder(tower: TextTower | None = None) -> MultilingualTokenEncoder:
    """Over a tower that is open, whose layers are as packaged; else over one of its own."""
    return MultilingualTokenEncoder(tower or load_multilingual_tower())
