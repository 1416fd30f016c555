"""Reads a passage with a question: the words of the passage that answer it, how likely, and whether it says anything.

The tower that reads many languages sees question and passage together, in the form that its kind was pretrained for
(begin, question, end, end, passage, end); its layers were tuned to mark where an answer begins and where it ends
(extractive reading, arXiv:1606.05250). The first token stands for "the passage does not say" (arXiv:1806.03822). A
longer passage is read in windows that overlap.

Shape key:  N windows, T tokens, W width of the tower (384), S spans
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from deepseek_mm.deltas import add_deltas
from deepseek_mm.embeddings.inference import autocast_bf16, round_linears
from deepseek_mm.embeddings.multilingual import (
    BEGIN,
    END,
    layer_of,
    load_multilingual_tower,
    multilingual_tower_file,
    packed_weights,
)
from deepseek_mm.embeddings.token_encoder import MultilingualTokenEncoder
from deepseek_mm.embeddings.towers import WIDTH, Layers
from deepseek_mm.errors import MissingPackage, MissingWeights

WEIGHTS = Path(__file__).parent.parent / "weights" / "passage_reader.safetensors"
MOST, STRIDE = 384, 128  # tokens of a window, and those that it shares with the next
MOST_ASKED = 64  # tokens of a question
LONGEST = 48  # tokens of an answer
LOWER, UPPER = 2, 10  # layers that stay as they are packaged, and those that are tuned
BATCH = 8  # windows at a time
CHOICES = 20  # places that an answer may begin and end at


class TextPieces(NamedTuple):
    """Numbers of a text's pieces, and the first letter and the end of each."""

    ids: Sequence[int]
    places: Sequence[tuple[int, int]]


class Window(NamedTuple):
    """Question and a part of a passage as one row of tokens."""

    ids: list[int]
    first: int  # token at which the part begins
    places: Sequence[tuple[int, int]]  # of the part's tokens in the passage


@dataclass(frozen=True, slots=True)
class AnswerSpan:
    """Some words of a passage."""

    start: int  # first letter
    end: int
    chance: float  # probability that they answer, if the passage says it


@dataclass(frozen=True, slots=True)
class Reading:
    """What a passage says to a question."""

    said: float  # probability that it answers
    spans: tuple[AnswerSpan, ...]  # best first


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadingCurve:
    """Probability that a passage answers: sigmoid of slope times (best span's logit less that of none), plus offset."""

    slope: float = 1.0
    offset: float = 0.0


class SpanNetwork(nn.Module):
    """The tuned layers, and a head that marks begin and end."""

    def __init__(self, upper: nn.Module) -> None:
        super().__init__()
        self.upper = upper
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(WIDTH, 2)

    def forward(self, lower_NTW: Tensor, there_NT: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, T) of an answer's first and last token; padding is impossible."""
        states_NTW = self.upper(lower_NTW, there_NT[:, None, None])[-1]
        logits_NT2 = self.head(self.drop(states_NTW)).float().masked_fill(~there_NT[..., None], -1e4)
        return logits_NT2[..., 0], logits_NT2[..., 1]


class PassageReader:
    """Opens its network when it is asked for the first time; from any thread."""

    def __init__(self, weights: Path = WEIGHTS) -> None:
        self.weights, self._lock = weights, Lock()
        self._opened: OpenReader | None = None

    @torch.inference_mode()
    def read_many(self, question: str, passages: Sequence[str], *, most: int = 6) -> list[Reading]:
        """One reading for each passage, with at most so many spans. MissingWeights or MissingPackage where it lacks."""
        if not passages:
            return []
        reader = self._open()
        asked = split_pieces(reader.encoder, question)
        cut = [cut_windows(asked, split_pieces(reader.encoder, text)) for text in passages]
        rows = sorted(((n, window) for n, own in enumerate(cut) for window in own), key=lambda row: len(row[1].ids))
        found: list[list[ScoredSpan]] = [[] for _ in passages]
        for at in range(0, len(rows), BATCH):
            part = rows[at : at + BATCH]
            with autocast_bf16():
                starts_NT, ends_NT = reader.network(*reader.encoder.read_pieces([window.ids for _, window in part]))
            for (n, window), start_T, end_T in zip(part, starts_NT, ends_NT, strict=True):
                found[n] += choose_spans(window, start_T, end_T)
        return [make_reading(spans, reader.curve, most) for spans in found]

    def _open(self) -> "OpenReader":
        with self._lock:
            self._opened = self._opened or load_reader(self.weights)
            return self._opened


class OpenReader(NamedTuple):
    """What reads: the layers as they are packaged, the tuned ones, and the curve."""

    encoder: MultilingualTokenEncoder
    network: SpanNetwork
    curve: ReadingCurve


class ScoredSpan(NamedTuple):
    """A span with its logit, and that of saying nothing."""

    logit: float
    nothing: float
    span: AnswerSpan


def open_passage_reader() -> PassageReader | None:
    """The shipped one, where it and its tower are there."""
    try:
        return PassageReader() if WEIGHTS.is_file() and multilingual_tower_file().is_file() else None
    except MissingPackage:
        return None


def split_pieces(encoder: MultilingualTokenEncoder, text: str) -> TextPieces:
    """All pieces of a text, without its beginning and its end."""
    ids, places = encoder.locate_pieces(text, most=None)
    return TextPieces(ids[1:-1], places[1:-1])


def cut_windows(asked: TextPieces, passage: TextPieces) -> list[Window]:
    """The question before each part of the passage."""
    head = [BEGIN, *asked.ids[:MOST_ASKED], END, END]
    room = MOST - len(head) - 1
    starts = range(0, max(1, len(passage.ids) - STRIDE), room - STRIDE)
    return [
        Window([*head, *passage.ids[at : at + room], END], len(head), passage.places[at : at + room]) for at in starts
    ]


def choose_spans(window: Window, start_T: Tensor, end_T: Tensor) -> list[ScoredSpan]:
    """The likeliest spans of a window."""
    first, last = window.first, window.first + len(window.places)
    if first == last:
        return []
    nothing = float(start_T[0] + end_T[0])
    own_start, own_end = start_T[first:last], end_T[first:last]
    begins = own_start.topk(min(CHOICES, len(own_start))).indices.tolist()
    ends = own_end.topk(min(CHOICES, len(own_end))).indices.tolist()
    pairs = [(a, b) for a in begins for b in ends if a <= b < a + LONGEST]
    if not pairs:
        return []
    logits_S = torch.stack([own_start[a] + own_end[b] for a, b in pairs])
    chances = logits_S.softmax(0).tolist()
    scored = sorted(zip(logits_S.tolist(), chances, pairs, strict=True), reverse=True)[:CHOICES]
    return [
        ScoredSpan(logit, nothing, AnswerSpan(window.places[a][0], window.places[b][1], chance))
        for logit, chance, (a, b) in scored
    ]


def make_reading(found: Sequence[ScoredSpan], curve: ReadingCurve, most: int) -> Reading:
    """Of all windows: the surest first, the same words once."""
    best = sorted(found, key=lambda each: each.nothing - each.logit)
    spans = list({(each.span.start, each.span.end): each.span for each in best}.values())
    if not best:
        return Reading(0.0, ())
    margin = best[0].logit - best[0].nothing
    said = torch.sigmoid(torch.tensor(curve.slope * margin + curve.offset)).item()
    return Reading(said, tuple(spans[:most]))


def load_reader(weights: Path = WEIGHTS) -> OpenReader:
    """Ready to read; MissingWeights where it was not trained, MissingPackage without the tower."""
    if not weights.is_file():
        raise MissingWeights(weights, make="python -m deepseek_mm train reading")
    encoder = MultilingualTokenEncoder(load_multilingual_tower(count=LOWER), LOWER, UPPER)
    upper = Layers(UPPER)
    for number, layer in enumerate(upper.layer):
        layer.load_state_dict(layer_of(packed_weights(), LOWER + number))
    network = SpanNetwork(upper)
    add_deltas(network, load_file(weights))
    round_linears([network, encoder.model])
    with safe_open(weights, "pt") as file:
        told = json.loads((file.metadata() or {}).get("curve", "{}"))
    return OpenReader(encoder, network.eval().requires_grad_(False), ReadingCurve(**told))
