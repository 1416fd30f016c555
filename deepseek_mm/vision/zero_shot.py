"""Which of some names a picture shows: each is compared with the picture in the shared space, whole and cell by cell.

A cosine says little by itself, so it is measured in deviations over a background of other pictures, as the vocabulary
does; what the closed reader and the labels say of the same names is added, each with a weight that was fitted.

Shape key:  L names, D width of the space, H, W cells of the feature map
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from deepseek_mm.embeddings.space import EmbeddingModel, Floats, ImageEmbedding, VectorCache
from deepseek_mm.vision.vocabulary import Calibration, against, keep_vectors, usual

REMEMBERED = 4096  # phrases: 8 MB
UNKNOWN = -5.0  # log-probability of a name that the reader does not know
UNSEEN = -9.0  # the least log-probability that the language model's glance counts with
FIRST = 3  # the place in its list that the first name has
WORTH_KEEPING = 8  # phrases of a list that is kept
BEST = 5  # cells whose mean counts


@dataclass(frozen=True, kw_only=True, slots=True)
class NameWeights:
    """Of the witnesses; a softmax over the names makes probabilities of the sums. Fitted on questions of COCO, dev."""

    whole: float = 0.7  # a deviation of the whole picture's cosine
    cells: float = 0.5  # a deviation of the best cells'
    reader: float = 0.3  # the closed reader's log-probability
    glance: float = 0.3  # the log-probability of the language model that looks
    label: float = 0.25  # the score of a label that names it
    part: float = 0.4  # a deviation of the cosine of the part that is meant
    detected: float = 1.0  # the detector's log-odds of the same thing
    hinted: float = 0.8  # its log-odds of things with which the name is likely
    rank: float = 0.5  # minus the logarithm of the name's place in its list: frequent ones come first


@dataclass(frozen=True, kw_only=True, slots=True)
class Hearsay:
    """What others say of the same names, (L,) each; empty where nobody says anything."""

    read: Sequence[float] = ()  # the closed reader's probabilities
    glanced: Sequence[float] = ()  # those of the language model that looks
    labelled: Sequence[float] = ()  # scores of labels that name them
    detected: Sequence[float] = ()  # the detector's log-odds, 0 of what it does not know
    hinted: Sequence[float] = ()  # its log-odds of things with which they are likely
    part: ImageEmbedding | None = None  # the part of the picture that is meant, seen by itself


class ZeroShot:
    """Names and pictures in one space."""

    def __init__(
        self,
        space: EmbeddingModel,
        calibration: Calibration | None = None,
        *,
        folder: Path | None = None,
        weights: NameWeights | None = None,
    ) -> None:
        """Vectors of phrases are kept in `folder`, if there is one, a file a list."""
        self.calibration, self.weights = calibration, weights or NameWeights()
        self._phrases = VectorCache(partial(embed_phrases, space, folder), space.dim, REMEMBERED)

    def deviations(self, phrases: Sequence[str], look: ImageEmbedding) -> tuple[Floats, Floats]:
        """(L,) each: how much each phrase stands out for the whole picture, and for its best cells."""
        vectors_LD = self._phrases.vectors(phrases)
        whole_L = look.vector_D @ vectors_LD.T
        cells_PL = look.grid_HWD.reshape(-1, look.grid_HWD.shape[-1]) @ vectors_LD.T
        best_L = np.sort(cells_PL, axis=0)[-BEST:].mean(axis=0)
        if self.calibration is None:
            return whole_L - whole_L.mean(), best_L - best_L.mean()
        photos, cells = self.calibration.photos_MD, self.calibration.cells_QD
        return against(usual(photos, vectors_LD), whole_L), against(usual(cells, vectors_LD), best_L)

    def choose(self, phrases: Sequence[str], look: ImageEmbedding, told: Hearsay, *, ranked: bool = True) -> Floats:
        """(L,): probability of each phrase, if one of them it is. `ranked`: the more frequent ones come first."""
        weights = self.weights
        whole_L, cells_L = self.deviations(phrases, look)
        score_L = weights.whole * whole_L + weights.cells * cells_L
        if len(told.read):
            score_L = score_L + weights.reader * log_of(told.read, UNKNOWN)
        if len(told.glanced):
            score_L = score_L + weights.glance * log_of(told.glanced, UNSEEN)
        if len(told.labelled):
            score_L = score_L + weights.label * np.asarray(told.labelled)
        if len(told.detected):
            score_L = score_L + weights.detected * np.asarray(told.detected)
        if len(told.hinted):
            score_L = score_L + weights.hinted * np.asarray(told.hinted)
        if told.part is not None:
            score_L = score_L + weights.part * self.deviations(phrases, told.part)[0]
        if ranked:
            score_L = score_L - weights.rank * np.log(np.arange(len(phrases)) + FIRST)
        odds_L = np.exp(score_L - score_L.max())
        return np.asarray(odds_L / odds_L.sum(), dtype=np.float32)


def log_of(chances: Sequence[float], least: float) -> Floats:
    """Logarithms of probabilities, at least `least`."""
    return np.maximum(np.log(np.maximum(np.asarray(chances, np.float32), 1e-9)), least)


def embed_phrases(space: EmbeddingModel, folder: Path | None, phrases: Sequence[str]) -> Floats:
    """(L, D)."""
    if folder is None or len(phrases) < WORTH_KEEPING:
        return space.embed_texts(list(phrases))
    embed = partial(embed_phrases, space, None)
    return keep_vectors(embed, phrases, folder, known=(space.fingerprint, "phrases"))


def likeliest(names: Sequence[str], chances_L: Floats) -> Mapping[str, float]:
    """Names with their probabilities, the likeliest first."""
    return {names[n]: float(chances_L[n]) for n in np.argsort(-chances_L, kind="stable")}
