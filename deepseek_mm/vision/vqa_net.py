"""The networks that look at one picture: one answers closed questions, one tells the things that people would name.

The reader's tokens are one that becomes the answer, one for each vector of the question (its own, and those of the
first things that it names), and the question's words, out of the text tower's last layer. A vector's token knows how
alike it is to the picture, to each cell, and to the cells that are likest. In each layer the tokens look at each other,
then at the cells; where cells are like the question's vectors, looking there is made easier or harder, by a learned
factor for each head.

Shape key:  B photos, Q questions, P cells (81), C channels of a cell, D width of the space (512), A vectors of a
            question (3), T words, N tokens (1 + A + T), W width, H heads, V answers, L things
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepseek_mm.config import between
from deepseek_mm.embeddings.default import TEXT_BATCH, SeeingSpace
from deepseek_mm.embeddings.inference import autocast_bf16
from deepseek_mm.embeddings.space import Floats, VectorCache
from deepseek_mm.embeddings.towers import WIDTH, in_order_of_length
from deepseek_mm.embeddings.towers import WIDTH as WORD_WIDTH
from deepseek_mm.language.parser import parse
from deepseek_mm.vision.small_nets import Attention, Drop, Feed, Seen, read_weights, weights_for, write_weights
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


SHARP = 20.0  # brings a unit vector's numbers to the size of the others, and weighs cells by a cosine
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
        read_QW, looked_LQP = self.read_by_layer(shown, photo_Q, asked)
        return read_QW, looked_LQP.mean(dim=0)

    def read_by_layer(self, shown: PictureBatch, photo_Q: Tensor, asked: QuestionBatch) -> tuple[Tensor, Tensor]:
        """The same with the looks of each layer, (L, Q, P)."""
        x_QNW, cells, hidden_Q11N, alike_QPA = self.begin(shown, photo_Q, asked)
        looks = []
        for layer, seen in zip(self.layers, cells, strict=True):
            middle_Q1W = layer.norm_look(x_QNW[:, :1])  # type: ignore[operator]
            easier_QH1P = layer.easier(alike_QPA)  # type: ignore[operator]
            looks.append(layer.look.attention_shares(middle_Q1W, seen, added=easier_QH1P)[:, 0])  # type: ignore[union-attr, operator]
            x_QNW = layer(x_QNW, seen, hidden_Q11N, alike_QPA)
        return self.norm(x_QNW[:, 0]), torch.stack(looks)

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
        x_BSW = x_BSW + self.drop(self.each(normed_BSW, self.each.keys_values(normed_BSW)))
        x_BSW = self.norm_seen(x_BSW + self.drop(self.feed(x_BSW)))
        things_LW = self.things + self.by_text(self.texts * SHARP)
        things_BLW = things_LW.expand(len(x_BSW), -1, -1)
        found_BLW = self.think(self.look(things_BLW, self.look.keys_values(x_BSW)))
        alike_BL = self.alike * (vectors_BD.float() @ self.texts.float().T)
        scores_BL: Tensor = (found_BLW * self.weight).float().sum(-1) + self.bias + alike_BL
        return scores_BL


class MultiLabelTagger:
    """Knows some hundred things when it sees them."""

    def __init__(
        self, nets: Sequence[NoticeNet], names: Sequence[str], usual_L: Tensor, curve: tuple[float, float]
    ) -> None:
        """Of several nets the mean counts: they err on different photos.

        `usual_L`: the log-odds of each thing among the photos that were learned from. `curve`: slope and offset of what
        a score says beyond that.
        """
        self.nets, self.names = [net.eval().requires_grad_(False) for net in nets], tuple(names)
        self.usual_L, (self.slope, self.offset) = usual_L, curve

    @torch.inference_mode()
    def notice(self, cells_BPC: Tensor, vectors_BD: Tensor) -> list[Mapping[str, float]]:
        """For each picture the probability of each thing, were it there as often as not."""
        over_BL = self.over(cells_BPC, vectors_BD)
        chance_BL = torch.sigmoid(self.slope * over_BL + self.offset)
        return [dict(zip(self.names, chance_L, strict=True)) for chance_L in chance_BL.tolist()]

    @torch.inference_mode()
    def over(self, cells_BPC: Tensor, vectors_BD: Tensor) -> Tensor:
        """(B, L): by how much the log-odds are above what is usual."""
        with autocast_bf16():
            scores_BL = torch.stack([net(cells_BPC, vectors_BD) for net in self.nets]).mean(0)
        return scores_BL - self.usual_L


WEIGHTS = Path(__file__).parents[1] / "weights" / "notice.safetensors"
MAKE = "python -m deepseek_mm train notice --help"


@dataclass(frozen=True, kw_only=True, slots=True)
class TaggerHeader:
    """What stands beside the weights."""

    names: Sequence[str]
    usual: Sequence[float]  # log-odds of the things among the photos that were learned from
    curve: tuple[float, float]  # slope and offset
    config: NoticeConfig
    fingerprint: str  # of the space whose maps it was trained on


def write_noticer(file: Path, states: Sequence[Mapping[str, Tensor]], told: TaggerHeader) -> None:
    """Weights of every net as int8 with a scale a row."""
    beside = asdict(told) | {"usual": [round(each, 4) for each in told.usual], "nets": len(states)}
    write_weights(file, {f"{n}.{name}": value for n, own in enumerate(states) for name, value in own.items()}, beside)


def read_noticer(space: SeeingSpace, file: Path | None = None) -> MultiLabelTagger:
    """Ready to look. MissingWeights without the file, or where it was trained for another space."""
    state, told = read_weights(file or weights_for(space, WEIGHTS), space, make=MAKE)
    nets = [NoticeNet(len(told["names"]), NoticeConfig(**told["config"])) for _ in range(told["nets"])]
    for n, net in enumerate(nets):
        own = f"{n}."
        net.load_state_dict({name.removeprefix(own): each for name, each in state.items() if name.startswith(own)})
    return MultiLabelTagger(nets, told["names"], torch.tensor(told["usual"]), tuple(told["curve"]))
