"""A second reader of closed questions: of a photo it knows the boxes, the names that they are like, and one vector.

It errs on other questions than the reader that looks at cells, so their log-probabilities are added, with a weight for
each family of questions that was fitted on photos that were held out. Its tokens are one that becomes the answer, those
of the question, one for the picture's vector, one for all that was detected, and one for each of the surest boxes.

Shape key:  B photos, Q questions, K boxes (16), C COCO's names (80), F features, D width of the space, A vectors of a
            question (3), T words, N tokens, W width, V answers
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from deepseek_mm.config import between
from deepseek_mm.embeddings.default import SeeingSpace
from deepseek_mm.embeddings.inference import autocast_bf16
from deepseek_mm.embeddings.space import Floats
from deepseek_mm.embeddings.towers import WIDTH as WORD_WIDTH
from deepseek_mm.vision.detector.detector import NAMES, Detections
from deepseek_mm.vision.presence import FAINT, log_odds_of
from deepseek_mm.vision.small_nets import Attention, Drop, Feed, read_weights, weights_for, write_weights
from deepseek_mm.vision.vocabulary import read_vectors, words_folder
from deepseek_mm.vision.vqa_net import MOST_WORDS, NEVER, SHARP, VECTORS, QuestionBatch

BOXES = 16  # that have a token
COUNTED = 24  # whose scores are summed
LIKELY = 0.25  # score from which a box counts as one more of its name
SMALL = 1e-4  # the least share of the picture
ABSENT = math.log(FAINT / (1 - FAINT)) / 2
GEOMETRY = 9  # numbers that say where a box is, how large and how sure
FEATURES = 3 * len(NAMES)  # of a whole picture


@dataclass(frozen=True, kw_only=True, slots=True)
class BoxReaderConfig:
    """The size of the model, and how much of it is left out in training."""

    space: int = 512
    width: int = 192
    heads: int = 6
    layers: int = 2
    feed: int = 512  # width of the feed-forward
    dropout: float = 0.15

    def __post_init__(self) -> None:
        between("layers", self.layers, 1, 100)
        between("dropout", self.dropout, 0, 0.99)


@dataclass(frozen=True, slots=True)
class BoxBatch:
    """Photos as this reader knows them."""

    box_BKF: Tensor  # C + GEOMETRY numbers of each box
    there_BK: Tensor  # bool
    whole_BF: Tensor
    vectors_BD: Tensor  # of the space

    @classmethod
    def of(cls, found: Sequence[Detections], vectors_BD: Floats) -> "BoxBatch":
        """What was detected in each photo, and its vector."""
        parts = zip(*map(describe_boxes, found), strict=True)
        boxes, there, whole = (torch.from_numpy(np.stack(each)) for each in parts)
        return cls(boxes, there, whole, torch.from_numpy(vectors_BD).float())


def describe_boxes(found: Detections) -> tuple[Floats, "np.ndarray[tuple[int], np.dtype[np.bool_]]", Floats]:
    """Features of the surest boxes (K, F), which are there (K,), and those of the whole picture (F,)."""
    some = found.boxes[:COUNTED]
    chances_KC = np.zeros((COUNTED, len(NAMES)), np.float32)
    box_K4 = np.zeros((COUNTED, 4), np.float32)
    for n, each in enumerate(some):
        chances_KC[n], box_K4[n] = each.chances_C, each.box
    size_K = np.clip((box_K4[:, 2] - box_K4[:, 0]) * (box_K4[:, 3] - box_K4[:, 1]), SMALL, 1)
    whole = [
        log_odds_of(found.most_C) / 2 - ABSENT,
        4 * (chances_KC * np.sqrt(size_K)[:, None]).max(axis=0),
        2 * np.log1p((chances_KC * (chances_KC > LIKELY)).sum(axis=0)),
    ]
    there_K = np.arange(BOXES) < len(some)
    named_KC = log_odds_of(chances_KC[:BOXES]) / 2 - ABSENT
    placed_KG = 2 * place_boxes(box_K4[:BOXES], chances_KC[:BOXES].max(axis=1))
    boxes_KF = np.concatenate([named_KC, placed_KG], axis=1) * there_K[:, None]
    return boxes_KF.astype(np.float32), there_K, np.concatenate(whole).astype(np.float32)


def place_boxes(box_K4: Floats, score_K: Floats) -> Floats:
    """(K, GEOMETRY): middle, size, sides, area, twice the score, and the place in the order of scores."""
    left, top, right, bottom = box_K4.T
    wide, high, order = right - left, bottom - top, np.arange(len(box_K4)) / BOXES
    columns = [(left + right) / 2, (top + bottom) / 2, wide, high, left, right, wide * high, 2 * score_K, order]
    return np.stack(columns, axis=1).astype(np.float32)


class BoxReaderLayer(nn.Module):
    """Tokens look at each other."""

    def __init__(self, config: BoxReaderConfig) -> None:
        super().__init__()
        self.norm, self.each = nn.LayerNorm(config.width), Attention(config.width, config.heads)
        self.feed, self.drop = Feed(config.width, config.feed, config.dropout), Drop(config.dropout)

    def forward(self, x_QNW: Tensor, hidden_Q11N: Tensor) -> Tensor:
        normed_QNW = self.norm(x_QNW)
        x_QNW = x_QNW + self.drop(self.each(normed_QNW, self.each.keys_values(normed_QNW), added=hidden_Q11N))
        out: Tensor = x_QNW + self.drop(self.feed(x_QNW))
        return out


class BoxReaderNet(nn.Module):
    """Boxes and questions to the scores of all answers."""

    names_CD: Tensor

    def __init__(self, answers: int, config: BoxReaderConfig) -> None:
        super().__init__()
        self.config, width = config, config.width
        self.register_buffer("names_CD", torch.zeros(len(NAMES), config.space))  # COCO's names in the space
        self.answer = nn.Parameter(torch.randn(width) * 0.02)
        self.word = nn.Linear(WORD_WIDTH, width)
        self.order = nn.Parameter(torch.randn(MOST_WORDS, width) * 0.02)
        self.vector = make_bridge(config.space + len(NAMES), width)
        self.which = nn.Parameter(torch.randn(VECTORS, width) * 0.02)
        self.box, self.whole = make_bridge(len(NAMES) + GEOMETRY, width), make_bridge(FEATURES, width)
        self.see = nn.Linear(config.space, width)
        self.layers = nn.ModuleList(BoxReaderLayer(config) for _ in range(config.layers))
        self.norm, self.drop, self.out = nn.LayerNorm(width), Drop(config.dropout), nn.Linear(width, answers)

    def forward(self, shown: BoxBatch, photo_Q: Tensor, asked: QuestionBatch) -> Tensor:
        """(Q, V): the questions, each about the photo of its number."""
        seen_BNW = torch.cat(
            [self.see(SHARP * shown.vectors_BD)[:, None], self.whole(shown.whole_BF)[:, None], self.box(shown.box_BKF)],
            dim=1,
        )
        vectors_QAD = asked.vectors_QAD.float()
        alike_QAC = vectors_QAD @ self.names_CD.T
        vectors_QAW = self.vector(torch.cat([SHARP * vectors_QAD, 5 * alike_QAC], dim=-1)) + self.which
        words_QTW = self.word(asked.words_QTW.float()) + self.order[: asked.words_QTW.shape[1]]
        answer_Q1W = self.answer.expand(len(photo_Q), 1, -1)
        x_QNW = self.drop(torch.cat([answer_Q1W, vectors_QAW, seen_BNW[photo_Q], words_QTW], dim=1))
        always_Q = torch.ones(len(photo_Q), 3 + VECTORS, dtype=torch.bool)
        there_QN = torch.cat([always_Q, shown.there_BK[photo_Q], asked.there_QT], dim=1)
        hidden_Q11N = torch.where(there_QN, 0.0, NEVER)[:, None, None].to(x_QNW.dtype)
        for layer in self.layers:
            x_QNW = layer(x_QNW, hidden_Q11N)
        scores_QV: Tensor = self.out(self.norm(x_QNW[:, 0]))
        return scores_QV


def make_bridge(wide_in: int, width: int) -> nn.Sequential:
    """Features to tokens."""
    return nn.Sequential(nn.Linear(wide_in, width), nn.GELU(), nn.Linear(width, width))


class BoxReader:
    """Answers closed questions beside the reader that looks at cells."""

    def __init__(
        self, net: BoxReaderNet, answers: Sequence[str], sure: Mapping[str, tuple[float, float, float]]
    ) -> None:
        """`sure`: of each family of questions how much its word counts beside the other reader's, and what both
        together are multiplied with and what is added to yes; boxes tell nothing of a family that is not in it.
        """
        self.net = net.eval().requires_grad_(False)
        self.row_of, self.sure = {answer: row for row, answer in enumerate(answers)}, dict(sure)

    def weight_of(self, family: str) -> float:
        """Of its word about such a question."""
        return self.sure[family][0] if family in self.sure else 0.0

    @torch.inference_mode()
    def log_chances(self, shown: BoxBatch, photo_Q: Tensor, asked: QuestionBatch, answers: Sequence[str]) -> Tensor:
        """(Q, V): of these answers; one that it does not know is as probable as the likeliest, so nothing is denied."""
        with autocast_bf16():
            scores_QV = self.net(shown, photo_Q, asked)
        told_QV = scores_QV.float().log_softmax(-1)
        known = torch.tensor([self.row_of.get(answer, -1) for answer in answers])
        likeliest_Q1 = told_QV.amax(dim=1, keepdim=True)
        return torch.where(known >= 0, told_QV[:, known.clamp_min(0)], likeliest_Q1)


WEIGHTS = Path(__file__).parents[1] / "weights" / "box_reader.safetensors"
MAKE = "python -m deepseek_mm train box-reader --help"


def embed_coco_names(space: SeeingSpace) -> Tensor:
    """(C, D)."""
    return torch.from_numpy(read_vectors(space, NAMES, words_folder()))


def write_box_reader(
    file: Path,
    state: Mapping[str, Tensor],
    *,
    answers: Sequence[str],
    sure: Mapping[str, tuple[float, float, float]],
    config: BoxReaderConfig,
    fingerprint: str,
) -> None:
    """Weights as int8 with a scale a row. `sure`: of each family its weight, and the reader's calibration with it."""
    told = {"answers": list(answers), "sure": dict(sure), "config": asdict(config), "fingerprint": fingerprint}
    write_weights(file, {name: value for name, value in state.items() if name != "names_CD"}, told)


def read_box_reader(space: SeeingSpace, file: Path | None = None) -> BoxReader:
    """Ready to answer. MissingWeights without the file, or where it was trained for another space."""
    state, told = read_weights(file or weights_for(space, WEIGHTS), space, make=MAKE)
    net = BoxReaderNet(len(told["answers"]), BoxReaderConfig(**told["config"]))
    net.load_state_dict(state | {"names_CD": embed_coco_names(space)})
    sure = {family: (own[0], own[1], own[2]) for family, own in told["sure"].items()}
    return BoxReader(net, told["answers"], sure)
