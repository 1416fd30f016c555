"""The network that answers closed questions about one picture, and the questions as numbers for it.

The words come from the text tower's last layer. The vectors are the whole question's, and those of the first things
that it names: likeness to the picture's cells says where to look before anything is learned.

Shape key:  Q questions, T pieces of words, W width of the text tower, A vectors of a question (3), D width of the space

Its tokens are one that becomes the answer, one for each vector of the question, and the question's words. A vector's
token knows how alike it is to the picture, to each cell, and to the cells that are likest. In each layer the tokens
look at each other, then at the cells; where cells are like the question's vectors, looking there is made easier or
harder, by a learned factor for each head.

Shape key:  B photos, Q questions, P cells (81), C channels of a cell, D width of the space (512), A vectors of a
            question (3), T words, N tokens (1 + A + T), W width, H heads, V answers
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepseek_mm.config import between
from deepseek_mm.embeddings.autocast import autocast_bf16
from deepseek_mm.embeddings.default import TEXT_BATCH, SeeingSpace
from deepseek_mm.embeddings.space import Floats, VectorCache
from deepseek_mm.embeddings.text import WIDTH, in_order_of_length
from deepseek_mm.embeddings.text import WIDTH as WORD_WIDTH
from deepseek_mm.language.parser import parse
from deepseek_mm.vision.attention import Attention, Drop, Feed, Seen
from deepseek_mm.vision.vocabulary import word_cache

MOST_WORDS = 20
THINGS = 2  # of a question that have a vector
VECTORS = 1 + THINGS


@dataclass(frozen=True, slots=True)
class VqaQuestion:
    """A question about a picture, and the things that it asks for, as far as these are known already."""

    text: str
    things: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> "VqaQuestion":
        """A question as people type it."""
        return cls(text, parse(text).thing_phrases)


@dataclass(frozen=True, slots=True)
class QuestionBatch:
    """Some questions."""

    words_QTW: Tensor  # bfloat16
    there_QT: Tensor  # bool
    vectors_QAD: Tensor  # bfloat16; the question's own stands in where it names fewer things

    def rows(self, rows_N: Tensor) -> "QuestionBatch":
        """Some of them, no wider than they need to be."""
        there_NT = self.there_QT[rows_N]
        most = int(there_NT.sum(dim=1).max())
        return QuestionBatch(self.words_QTW[rows_N, :most], there_NT[:, :most], self.vectors_QAD[rows_N])


@torch.inference_mode()
def read_questions(space: SeeingSpace, asked: Sequence[VqaQuestion], words: VectorCache | None = None) -> QuestionBatch:
    """All of them, in order; at least one."""
    questions = [question.text for question in asked]
    words_QTW = torch.zeros(len(questions), MOST_WORDS, WIDTH, dtype=torch.bfloat16)
    there_QT = torch.zeros(len(questions), MOST_WORDS, dtype=torch.bool)
    own_QD = torch.zeros(len(questions), space.dim)
    ordered, back_Q = in_order_of_length(questions)
    place_Q = back_Q.argsort()
    tower = space.model.text_tower
    for start in range(0, len(ordered), TEXT_BATCH):
        own = place_Q[start : start + TEXT_BATCH]
        told = tower.tokenizer(
            ordered[start : start + TEXT_BATCH],
            padding=True,
            truncation=True,
            max_length=MOST_WORDS,
            return_tensors="pt",
        )
        mask_BT = told["attention_mask"]
        with autocast_bf16():
            states = tower.states(told["input_ids"], mask_BT)
            own_QD[own] = space.model.read_pooled(tower.pool(states, mask_BT)).float()
        length = mask_BT.shape[1]
        words_QTW[own, :length], there_QT[own, :length] = states[-1].bfloat16(), mask_BT.bool()
    if cut := torch.nonzero(there_QT.all(dim=1)).flatten().tolist():  # perhaps: a vector is of all of a question
        own_QD[cut] = torch.from_numpy(space.embed_texts([questions[n] for n in cut]))
    vectors_QAD = vectors_of(own_QD.numpy(), [question.things for question in asked], words or word_cache(space))
    return QuestionBatch(words_QTW, there_QT, torch.from_numpy(vectors_QAD).bfloat16())


def vectors_of(own_QD: Floats, things: Sequence[Sequence[str]], words: VectorCache) -> Floats:
    """(Q, A, D): of each question its own and those of the first things it names."""
    named = [each[:THINGS] for each in things]
    phrases = sorted({phrase for each in named for phrase in each})
    vector_of = dict(zip(phrases, words.vectors(phrases), strict=True))
    vectors_QAD: Floats = np.repeat(own_QD[:, None], VECTORS, axis=1)
    for row, each in enumerate(named):
        for place, phrase in enumerate(each, start=1):
            vectors_QAD[row, place] = vector_of[phrase]
    return vectors_QAD


SHARP = 20.0  # factor of a cosine before cells are weighed by it
NEVER = -1e4


@dataclass(frozen=True, kw_only=True, slots=True)
class ReaderConfig:
    """The size of the model, and how much of it is left out in training."""

    channels: int = 2680  # of a cell
    cells: int = 81
    space: int = 512
    width: int = 256
    heads: int = 8
    layers: int = 3
    feed: int = 768  # width of the feed-forward
    dropout: float = 0.15

    def __post_init__(self) -> None:
        between("layers", self.layers, 1, 100)
        between("dropout", self.dropout, 0, 0.99)


@dataclass(frozen=True, slots=True)
class PictureBatch:
    """Photos as the reader sees them."""

    cells_BPC: Tensor
    vectors_BD: Tensor  # of the space
    grid_BPD: Tensor  # the same of each cell


class ReaderLayer(nn.Module):
    """Tokens look at each other, then at the cells."""

    def __init__(self, config: ReaderConfig) -> None:
        super().__init__()
        width, heads = config.width, config.heads
        self.norm_each, self.each = nn.LayerNorm(width), Attention(width, heads)
        self.norm_look, self.look = nn.LayerNorm(width), Attention(width, heads)
        self.alike = nn.Linear(VECTORS, heads)
        self.feed, self.drop = Feed(width, config.feed, config.dropout), Drop(config.dropout)

    def forward(self, x_QNW: Tensor, cells: Seen, hidden_Q11N: Tensor, alike_QPA: Tensor) -> Tensor:
        normed_QNW = self.norm_each(x_QNW)
        x_QNW = x_QNW + self.drop(self.each(normed_QNW, self.each.keys_values(normed_QNW), added=hidden_Q11N))
        x_QNW = x_QNW + self.drop(self.look(self.norm_look(x_QNW), cells, added=self.easier(alike_QPA)))
        out: Tensor = x_QNW + self.drop(self.feed(x_QNW))
        return out

    def easier(self, alike_QPA: Tensor) -> Tensor:
        """(Q, H, 1, P): what is added to the scores of the cells."""
        added: Tensor = self.alike(alike_QPA).transpose(1, 2)[:, :, None]
        return added


class ReaderNet(nn.Module):
    """Photos and questions to the scores of all answers."""

    def __init__(self, answers: int, config: ReaderConfig) -> None:
        super().__init__()
        self.config, width = config, config.width
        self.bring = nn.Sequential(nn.LayerNorm(config.channels), nn.Linear(config.channels, width))
        self.place = nn.Parameter(torch.randn(config.cells, width) * 0.02)
        self.close = nn.LayerNorm(width)
        self.answer = nn.Parameter(torch.randn(width) * 0.02)
        self.word = nn.Linear(WORD_WIDTH, width)
        self.order = nn.Parameter(torch.randn(MOST_WORDS, width) * 0.02)
        self.vector = nn.Sequential(nn.Linear(3 * config.space + 2, width), nn.GELU(), nn.Linear(width, width))
        self.which = nn.Parameter(torch.randn(VECTORS, width) * 0.02)
        self.layers = nn.ModuleList(ReaderLayer(config) for _ in range(config.layers))
        self.norm, self.drop = nn.LayerNorm(width), Drop(config.dropout)
        self.out = nn.Linear(width, answers)

    def forward(self, shown: PictureBatch, photo_Q: Tensor, asked: QuestionBatch) -> Tensor:
        """(Q, V): the questions, each about the photo of its number."""
        scores_QV: Tensor = self.out(self.read(shown, photo_Q, asked))
        return scores_QV

    def read(self, shown: PictureBatch, photo_Q: Tensor, asked: QuestionBatch) -> Tensor:
        """(Q, W): the same before the last layer, which makes scores of it."""
        x_QNW, cells, hidden_Q11N, alike_QPA = self.begin(shown, photo_Q, asked)
        for layer, seen in zip(self.layers, cells, strict=True):
            x_QNW = layer(x_QNW, seen, hidden_Q11N, alike_QPA)
        read_QW: Tensor = self.norm(x_QNW[:, 0])
        return read_QW

    def read_with_attention(self, shown: PictureBatch, photo_Q: Tensor, asked: QuestionBatch) -> tuple[Tensor, Tensor]:
        """What `read` gives, and how much the answer looked at each cell in all layers (Q, P); sums to 1."""
        x_QNW, cells, hidden_Q11N, alike_QPA = self.begin(shown, photo_Q, asked)
        looks = []
        for layer, seen in zip(self.layers, cells, strict=True):
            middle_Q1W = layer.norm_look(x_QNW[:, :1])  # type: ignore[operator]
            easier_QH1P = layer.easier(alike_QPA)  # type: ignore[operator]
            looks.append(layer.look.attention_shares(middle_Q1W, seen, added=easier_QH1P)[:, 0])  # type: ignore[union-attr, operator]
            x_QNW = layer(x_QNW, seen, hidden_Q11N, alike_QPA)
        return self.norm(x_QNW[:, 0]), torch.stack(looks).mean(dim=0)

    def begin(
        self, shown: PictureBatch, photo_Q: Tensor, asked: QuestionBatch
    ) -> tuple[Tensor, list[Seen], Tensor, Tensor]:
        """Tokens, keys and values of the cells for each layer, which tokens are hidden, and how alike cells are."""
        cells_BPW = self.close(self.drop(self.bring(shown.cells_BPC)) + self.place)
        cells = []
        for layer in self.layers:
            k, v = layer.look.keys_values(cells_BPW)  # type: ignore[union-attr, operator]
            cells.append((k.index_select(0, photo_Q), v.index_select(0, photo_Q)))
        vectors_QAW, alike_QPA = self.likeness(shown, photo_Q, asked.vectors_QAD)
        words_QTW = self.word(asked.words_QTW) + self.order[: asked.words_QTW.shape[1]]
        answer_Q1W = self.answer.expand(len(photo_Q), 1, -1)
        x_QNW = self.drop(torch.cat([answer_Q1W, vectors_QAW, words_QTW], dim=1))
        hidden_QT = torch.where(asked.there_QT, 0.0, NEVER)
        hidden_Q11N = F.pad(hidden_QT, (1 + VECTORS, 0))[:, None, None].to(cells[0][0].dtype)
        return x_QNW, cells, hidden_Q11N, alike_QPA

    def likeness(self, shown: PictureBatch, photo_Q: Tensor, vectors_QAD: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens of the vectors (Q, A, W), and how far each cell stands out in likeness to them (Q, P, A)."""
        grid_QPD = shown.grid_BPD.index_select(0, photo_Q).to(vectors_QAD)
        cosine_QAP = torch.bmm(vectors_QAD, grid_QPD.transpose(1, 2)).float()
        near_QAD = torch.bmm((SHARP * cosine_QAP).softmax(-1).to(grid_QPD), grid_QPD)
        photo_Q1D = shown.vectors_BD.index_select(0, photo_Q)[:, None].to(vectors_QAD)
        whole_QA = (photo_Q1D * vectors_QAD).float().sum(-1)
        told = [
            vectors_QAD.float() * 20,
            photo_Q1D.float() * vectors_QAD.float() * 400,
            near_QAD.float() * vectors_QAD.float() * 400,
            10 * whole_QA[..., None],
            10 * cosine_QAP.amax(-1, keepdim=True),
        ]
        vectors_QAW = self.vector(torch.cat(told, dim=-1)) + self.which
        spread_QA1 = cosine_QAP.std(dim=-1, keepdim=True).clamp_min(1e-3)
        return vectors_QAW, ((cosine_QAP - cosine_QAP.mean(dim=-1, keepdim=True)) / spread_QA1).transpose(1, 2)
