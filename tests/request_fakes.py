"""A tiny encoder of words, for tests of what understands requests."""

import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from deepseek_mm.language.understanding import TokenStates

WIDTH = 24
MOST = 60  # words that are read


class Mixing(nn.Module):
    """One layer in which words look at each other."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(WIDTH, 2, 48, dropout=0.0, batch_first=True)

    def forward(self, x_NTW: Tensor, there_N11T: Tensor) -> tuple[Tensor, ...]:
        """What went in, and what comes out."""
        return (x_NTW, self.layer(x_NTW, src_key_padding_mask=~there_N11T[:, 0, 0]))


class WordEncoder:
    """Every word has a vector of its own, by chance, and every place one that is added to it."""

    name = "words"

    def locate_words(self, text: str) -> tuple[tuple[int, int], ...]:
        words = [word.span() for word in re.finditer(r"\w+|[^\w\s]", text)][:MOST]
        return ((0, 0), *words, (len(text), len(text)))

    def vector_of(self, word: str) -> Tensor:
        seed = sum(ord(letter) * 31**place for place, letter in enumerate(word.lower()[:10]))
        return torch.randn(WIDTH, generator=torch.Generator().manual_seed(seed))

    def read_tokens(self, texts: Sequence[str]) -> TokenStates:
        offsets = tuple(map(self.locate_words, texts))
        longest = max(map(len, offsets))
        states = torch.zeros(len(texts), longest, WIDTH)
        for row, (text, places) in enumerate(zip(texts, offsets, strict=True)):
            for token, (start, end) in enumerate(places):
                states[row, token] = self.vector_of(text[start:end]) + self.vector_of(f"place {token}")
        return TokenStates(states, torch.arange(longest) < torch.tensor([[len(each)] for each in offsets]), offsets)

    def copy_upper(self) -> nn.Module:
        return Mixing()
