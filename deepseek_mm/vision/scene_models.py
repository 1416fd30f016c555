"""Two small networks for rendered scenes: one finds the solids in a picture, one answers questions about them.

The finder: each cell of a map of 24 x 24 says how sure it is that the middle of a solid lies in it, where in the cell
that is, how large the solid is, and its traits. Where two cells tell the same solid, at whose border its middle lies,
their chances add up.

The answerer: solids know how they stand to each other by what is added to their attention: for each head a small
function of how far one lies to the right of the other and before it. The answer is read from the question's first token
and from a sum over the solids in which each counts as much as it says, so that numbers can be told.

Shape key:  B pictures or questions, S side of the picture in pixels, G cells a side, W width or words, N solids, T
            tokens (1 + W + N), D width, H heads, V values of all traits (16), A answers
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from deepseek_mm.embeddings.inference import prefetch_batches
from deepseek_mm.logic.programs import ANSWERS, VALUES, Scene, SceneItem, solid
from deepseek_mm.vision.small_nets import Attention, Feed

SIDE_PX, GRID = 192, 24
WIDTH, BLOCKS = 96, 4
ENDS = np.cumsum([0, *map(len, VALUES.values())]).tolist()
SPANS = {trait: slice(*ends) for trait, ends in zip(VALUES, pairwise(ENDS), strict=True)}  # of all values in a row
NUM_VALUES = ENDS[-1]
PLACE = 3  # where in the cell, across and down, and half the side
OUT = 1 + PLACE + NUM_VALUES
RARE = -3.0  # logit of an untrained cell
USUAL_HALF = 0.1  # of the picture's side, for an untrained cell
SAME = 0.03  # solids whose middles are nearer than that are one
TWINS = 0.6  # of half the side: the same for two that are alike in colour, material and shape
LEAST = 0.5  # chance from which a solid is told
FAINT = 0.1  # chance from which a cell is heard: two that share a solid may each be half sure of it

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Solids:
    """What was found in one picture, the surest first."""

    chances_N: Floats
    places_N3: Floats  # middle across, foot, half the side, as shares of the picture
    traits_NV: Floats  # probabilities, trait after trait in the order of VALUES

    def __len__(self) -> int:
        return len(self.chances_N)

    @property
    def scene(self) -> Scene:
        """As programs see it."""
        return Scene(items=tuple(self._item(n) for n in range(len(self))), complete=True)

    def _item(self, n: int) -> SceneItem:
        traits, chance = {}, float(self.chances_N[n])
        for trait, values in VALUES.items():
            own_V = self.traits_NV[n, SPANS[trait]]
            traits[trait] = values[int(own_V.argmax())]
            chance = min(chance, float(own_V.max()))
        x, foot, half = map(float, self.places_N3[n])
        return solid(traits, (x - half, foot - 2 * half, x + half, foot), number=n + 1, chance=chance)


class ConvNextBlock(nn.Module):
    """Look around, then think about each cell (Liu et al. 2022, arXiv 2201.03545)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.around = nn.Conv2d(width, width, 5, padding=2, groups=width)
        self.norm = nn.GroupNorm(1, width)
        self.up, self.down = nn.Conv2d(width, 2 * width, 1), nn.Conv2d(2 * width, width, 1)

    def forward(self, x_BWGG: Tensor) -> Tensor:
        out: Tensor = x_BWGG + self.down(F.gelu(self.up(self.norm(self.around(x_BWGG)))))
        return out


class FinderNet(nn.Module):
    """Pixels (B, 3, S, S), 0 to 1, to what each cell says (B, G, G, 1 + 3 + V)."""

    def __init__(self, width: int = WIDTH, blocks: int = BLOCKS) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, width // 4, 5, stride=2, padding=2),
            nn.GELU(),
            nn.Conv2d(width // 4, width // 2, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(width // 2, width, 3, stride=2, padding=1),
        )
        self.blocks = nn.Sequential(*(ConvNextBlock(width) for _ in range(blocks)))
        self.norm = nn.GroupNorm(1, width)
        self.out = nn.Conv2d(width, OUT, 1)
        nn.init.constant_(self.out.bias[:1], RARE)  # type: ignore[index]

    def forward(self, pixels_BCSS: Tensor) -> Tensor:
        told_BGGO: Tensor = self.out(self.norm(self.blocks(self.stem(pixels_BCSS - 0.5)))).permute(0, 2, 3, 1)
        return told_BGGO.float()


def middles_of(told_BGGO: Tensor) -> tuple[Tensor, Tensor]:
    """Where the cells say that solids have their middles (B, G, G, 2), across and down, and half their sides."""
    side = told_BGGO.shape[1]
    cell_G = torch.arange(side)
    down_GG, across_GG = torch.meshgrid(cell_G, cell_G, indexing="ij")
    corner_GG2 = torch.stack([across_GG, down_GG], dim=-1)
    middle_BGG2 = (corner_GG2 + torch.sigmoid(told_BGGO[..., 1:3])) / side
    return middle_BGG2, USUAL_HALF * torch.exp(told_BGGO[..., 3])


class SceneFinder:
    """Finds the solids of pictures of any size and shape."""

    def __init__(self, net: FinderNet, *, batch: int = 32) -> None:
        self.net, self.batch = net.eval().requires_grad_(False), batch

    @torch.inference_mode()
    def find_many(self, images: Iterable[Image.Image]) -> Iterator[Solids]:
        """Of each picture, in order."""
        for some in prefetch_batches(images, size=self.batch):
            told_BGGO = self.net(to_pixels(some))
            middle_BGG2, half_BGG = middles_of(told_BGGO)
            for told_GGO, middle_GG2, half_GG in zip(told_BGGO, middle_BGG2, half_BGG, strict=True):
                yield solids_of(told_GGO, middle_GG2, half_GG)


def to_pixels(images: Sequence[Image.Image]) -> Tensor:
    """(B, 3, S, S), 0 to 1."""
    squares = [image.convert("RGB").resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC) for image in images]
    return torch.from_numpy(np.stack([np.asarray(square) for square in squares])).permute(0, 3, 1, 2).float() / 255


def solids_of(told_GGO: Tensor, middle_GG2: Tensor, half_GG: Tensor) -> Solids:
    """What the cells tell, the surest first, each solid once."""
    chance_N = torch.sigmoid(told_GGO[..., 0]).flatten()
    places_N2, half_N = middle_GG2.flatten(0, 1), half_GG.flatten()
    logits_NV = told_GGO[..., 1 + PLACE :].flatten(0, 1)
    like_NT = torch.stack([logits_NV[:, SPANS[trait]].argmax(-1) for trait in ("colour", "material", "shape")], dim=-1)
    total: dict[int, float] = {}  # cell that tells a solid -> chance of all that tell it
    for n in chance_N.argsort(descending=True).tolist():
        if chance_N[n] < FAINT:
            break
        reach = {k: max(SAME, TWINS * float(half_N[k])) if like_NT[n].equal(like_NT[k]) else SAME for k in total}
        one = next((k for k in total if float((places_N2[n] - places_N2[k]).norm()) < reach[k]), n)
        total[one] = min(1.0, total.get(one, 0.0) + float(chance_N[n]))
    kept = sorted((n for n in total if total[n] >= LEAST), key=lambda n: -total[n])
    half_N1 = half_N[kept, None]
    x_N1, y_N1 = places_N2[kept].split(1, dim=-1)
    return Solids(
        np.array([total[n] for n in kept], np.float32),
        torch.cat([x_N1, y_N1 + half_N1, half_N1], dim=-1).numpy(),
        torch.cat([logits_NV[kept][:, span].softmax(-1) for span in SPANS.values()], dim=-1).numpy(),
    )


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
