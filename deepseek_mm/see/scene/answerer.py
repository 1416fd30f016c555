"""Answers about scenes on paper without any program: words and solids are tokens of one small Transformer.

Solids know how they stand to each other by what is added to their attention: for each head a small function of how far
one lies to the right of the other and before it. The answer is read from the question's first token and from a sum
over the solids in which each counts as much as it says, so that numbers can be told.

Shape key:  B questions, W words, N solids, T tokens (1 + W + N), D width, H heads, V values of all traits, A answers
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepseek_mm.logic.drawn import ANSWERS
from deepseek_mm.see.attention import Attention, Feed
from deepseek_mm.see.scene.finder import NUM_VALUES, PLACE, Solids

MOST_WORDS, MOST_SOLIDS = 48, 12


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswererConfig:
    """The size of the model."""

    width: int = 128
    layers: int = 5
    heads: int = 8


class BiasedLayer(nn.Module):
    """Attention with what is added to its scores, and a feed-forward."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(width), Attention(width, heads)
        self.feed = Feed(width, 3 * width, 0.0)

    def forward(self, x_BTD: Tensor, added_BHTT: Tensor) -> Tensor:
        normed_BTD = self.norm(x_BTD)
        seen = self.attention.keys_values(normed_BTD)
        x_BTD = x_BTD + self.attention(normed_BTD, seen, added=added_BHTT.to(seen[0].dtype))
        out: Tensor = x_BTD + self.feed(x_BTD)
        return out


class AnswerNet(nn.Module):
    """Words (B, W), 0 where there are no more, and solids to the scores of the answers (B, A)."""

    def __init__(self, words: int, config: AnswererConfig) -> None:
        super().__init__()
        width, heads = config.width, config.heads
        self.first = nn.Parameter(torch.zeros(width))
        self.word = nn.Embedding(words, width, padding_idx=0)
        self.position = nn.Parameter(torch.randn(MOST_WORDS, width) * 0.02)
        self.solid = nn.Sequential(nn.Linear(PLACE + NUM_VALUES, width), nn.GELU(), nn.Linear(width, width))
        self.between = nn.Sequential(nn.Linear(4, 32), nn.GELU(), nn.Linear(32, config.layers * heads))
        self.layers = nn.ModuleList(BiasedLayer(width, heads) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        self.gate, self.share = nn.Linear(2 * width, width), nn.Linear(width, width)
        self.out = nn.Sequential(nn.Linear(2 * width, 2 * width), nn.GELU(), nn.Linear(2 * width, len(ANSWERS)))

    def forward(self, words_BW: Tensor, solids_BNF: Tensor, there_BN: Tensor) -> Tensor:
        batch, num_words = words_BW.shape
        start_B1D = self.first.expand(batch, 1, -1)
        words_BWD = self.word(words_BW) + self.position[:num_words]
        x_BTD = torch.cat([start_B1D, words_BWD, self.solid(solids_BNF)], dim=1)
        there_BT = torch.cat([there_BN.new_ones(batch, 1), words_BW != 0, there_BN], dim=1)
        added = self.relation_bias(solids_BNF, there_BT, num_words)
        for layer, added_BHTT in zip(self.layers, added, strict=True):
            x_BTD = layer(x_BTD, added_BHTT)
        x_BTD = self.norm(x_BTD)
        first_BD, solids_BND = x_BTD[:, 0], x_BTD[:, 1 + num_words :]
        pair_BN2D = torch.cat([first_BD[:, None].expand_as(solids_BND), solids_BND], dim=-1)
        counted_BND = torch.sigmoid(self.gate(pair_BN2D)) * there_BN[..., None]
        total_BD = (counted_BND * (1 + self.share(solids_BND))).sum(dim=1)
        scores_BA: Tensor = self.out(torch.cat([first_BD, total_BD], dim=-1))
        return scores_BA.float()

    def relation_bias(self, solids_BNF: Tensor, there_BT: Tensor, num_words: int) -> list[Tensor]:
        """(B, H, T, T) for each layer: how solids stand to each other, and nothing from where there is none."""
        off_BNN2 = solids_BNF[:, None, :, :2] - solids_BNF[:, :, None, :2]
        told_BNN = self.between(torch.cat([off_BNN2, torch.tanh(40 * off_BNN2)], dim=-1)).permute(0, 3, 1, 2)
        ahead = 1 + num_words
        padded = F.pad(told_BNN.float(), (ahead, 0, ahead, 0))
        masked = padded.masked_fill(~there_BT[:, None, None, :], -1e4)
        return list(masked.chunk(len(self.layers), dim=1))


def words_of(question: str) -> list[str]:
    """Lower-case words."""
    return re.findall(r"[a-z]+", question.lower())


class SceneAnswerer:
    """Answers questions about what the finder found."""

    def __init__(self, net: AnswerNet, vocabulary: Sequence[str]) -> None:
        self.net = net.eval().requires_grad_(False)
        self.numbers = {word: n for n, word in enumerate(vocabulary, start=1)}

    def knows(self, question: str) -> bool:
        """Has it learned all words of the question?"""
        return all(word in self.numbers for word in words_of(question))

    @torch.inference_mode()
    def answer_many(self, questions: Sequence[str], solids: Sequence[Solids]) -> list[tuple[str, float]]:
        """Answer and its probability, one a question."""
        if not questions:
            return []
        words_BW = words_tensor([words_of(question) for question in questions], self.numbers)
        chance_BA = self.net(words_BW, *solids_tensor(solids)).softmax(-1)
        best_B = chance_BA.argmax(-1).tolist()
        return [(ANSWERS[best], float(chance_A[best])) for best, chance_A in zip(best_B, chance_BA, strict=True)]


def words_tensor(lines: Sequence[Sequence[str]], numbers: dict[str, int]) -> Tensor:
    """(B, W): numbers of the words that are known, the others left out."""
    known = [[numbers[word] for word in line if word in numbers][:MOST_WORDS] for line in lines]
    words_BW = torch.zeros(len(lines), max(1, *map(len, known)), dtype=torch.int64)
    for row, line in enumerate(known):
        words_BW[row, : len(line)] = torch.tensor(line, dtype=torch.int64)
    return words_BW


def solids_tensor(solids: Sequence[Solids]) -> tuple[Tensor, Tensor]:
    """(B, N, 3 + V) and which of them are there (B, N)."""
    most = max(1, min(MOST_SOLIDS, max(map(len, solids))))
    solids_BNF = np.zeros((len(solids), most, PLACE + NUM_VALUES), np.float32)
    there_BN = np.zeros((len(solids), most), bool)
    for row, each in enumerate(solids):
        count = min(most, len(each))
        solids_BNF[row, :count] = np.concatenate([each.places_N3[:count], each.traits_NV[:count]], axis=-1)
        there_BN[row, :count] = True
    return torch.from_numpy(solids_BNF), torch.from_numpy(there_BN)
