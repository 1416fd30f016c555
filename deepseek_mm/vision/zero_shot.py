"""Which of some names a picture shows: each is compared with the picture in the shared space, whole and cell by cell.

A cosine says little by itself, so it is measured in deviations over a background of other pictures, as the vocabulary
does; what the closed reader and the labels say of the same names is added, each with a weight that was fitted.

Shape key:  L names, D width of the space, H, W cells of the feature map
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from deepseek_mm.embeddings.space import EmbeddingModel, Floats, ImageEmbedding, VectorCache
from deepseek_mm.vision.vocabulary import Calibration, against, usual

REMEMBERED = 4096  # phrases: 8 MB
UNKNOWN = -5.5  # log-probability of a name that the reader does not know
BEST = 5  # cells whose mean counts


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """Of the witnesses; a softmax over the names makes probabilities of the sums."""

    whole: float = 0.6  # a deviation of the whole picture's cosine
    cells: float = 0.3  # a deviation of the best cells'
    reader: float = 0.8  # the closed reader's log-probability
    label: float = 0.8  # the score of a label that names it


class ZeroShot:
    """Names and pictures in one space."""

    def __init__(self, space: EmbeddingModel, calibration: Calibration | None, weights: Weights | None = None) -> None:
        self.calibration, self.weights = calibration, weights or Weights()
        self._phrases = VectorCache(partial(embed_phrases, space), space.dim, REMEMBERED)

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

    def choose(
        self,
        phrases: Sequence[str],
        look: ImageEmbedding,
        *,
        read: Sequence[float] = (),
        labelled: Sequence[float] = (),
    ) -> Floats:
        """(L,): probability of each phrase, if one of them it is.

        `read` are the closed reader's probabilities of the same names, `labelled` the scores of labels that name them.
        """
        whole_L, cells_L = self.deviations(phrases, look)
        score_L = self.weights.whole * whole_L + self.weights.cells * cells_L
        if len(read):
            log_L = np.log(np.maximum(np.asarray(read), 1e-9))
            score_L = score_L + self.weights.reader * np.maximum(log_L, UNKNOWN)
        if len(labelled):
            score_L = score_L + self.weights.label * np.asarray(labelled)
        odds_L = np.exp(score_L - score_L.max())
        return np.asarray(odds_L / odds_L.sum(), dtype=np.float32)


def embed_phrases(space: EmbeddingModel, phrases: Sequence[str]) -> Floats:
    """(L, D)."""
    return space.embed_texts(list(phrases))


def likeliest(names: Sequence[str], chances_L: Floats) -> Mapping[str, float]:
    """Names with their probabilities, the likeliest first."""
    return {names[n]: float(chances_L[n]) for n in np.argsort(-chances_L, kind="stable")}
