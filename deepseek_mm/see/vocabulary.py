"""What can be named: words, their vectors, and how alike a picture must be before a word counts as true.

A bare cosine says little, since some words are close to every picture. So a similarity is measured in standard
deviations over a background of other pictures (or cells of other pictures), and a logistic curve that was fitted on
captioned photos turns it into a probability. A space without a fitted background is measured over the vocabulary
instead: how far does this word stand out among all words for this picture?

Shape key:  N pictures, L words, D width of the space, M pictures of the background, Q cells of the background
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file

from deepseek_mm.encoders.space import Floats, Space, unit

NAMES_FILE = Path(__file__).parent / "labels.txt"
CURVES_FILE = Path(__file__).parent.parent / "weights" / "vocabulary.safetensors"
TEMPLATES = ("a photo of a {}", "a picture that shows {}")
TINY = 1e-6


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """Probability = sigmoid(slope * z + offset + offset of the word)."""

    slope: float
    offset: float
    word_offsets: dict[str, float] = field(default_factory=dict)  # of words seen often enough to have their own

    def probability(self, z_NL: Floats, words: Sequence[str]) -> Floats:
        """(N, L), 0 to 1."""
        own_L = np.array([self.word_offsets.get(word, 0.0) for word in words], np.float32)
        return np.asarray(1 / (1 + np.exp(-(self.slope * z_NL + self.offset + own_L))), dtype=np.float32)


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """A background to compare with, and the curves fitted against it."""

    photos_MD: Floats
    cells_QD: Floats
    asked: Curve  # a thing that was asked for: as often there as not
    named: Curve  # a thing out of the whole vocabulary: as rare as it is


STANDING_OUT = Curve(
    slope=1.5, offset=-4.5
)  # without a background: three deviations above the other words is even odds


class Vocabulary:
    """Words with vectors in one space."""

    def __init__(self, space: Space, names: Sequence[str], calibration: Calibration | None = None) -> None:
        self.space, self.names, self.calibration = space, tuple(names), calibration
        self.vectors_LD = word_vectors(space, self.names)

    def naming(self, vectors_ND: Floats) -> Floats:
        """(N, L): probability of each word of the vocabulary for each picture."""
        cosine_NL = vectors_ND @ self.vectors_LD.T
        if self.calibration is None:
            return STANDING_OUT.probability(standing_out(cosine_NL, cosine_NL), self.names)
        z_NL = against(self.calibration.photos_MD, cosine_NL, self.vectors_LD)
        return self.calibration.named.probability(z_NL, self.names)

    def presence(self, things: Sequence[str], vectors_ND: Floats) -> Floats:
        """(N, T): probability that each picture shows each thing asked for, in the list or not."""
        if not things:
            return np.zeros((len(vectors_ND), 0), np.float32)
        asked_TD = word_vectors(self.space, things)
        cosine_NT = vectors_ND @ asked_TD.T
        if self.calibration is None:
            return STANDING_OUT.probability(standing_out(cosine_NT, vectors_ND @ self.vectors_LD.T), things)
        return self.calibration.asked.probability(against(self.calibration.photos_MD, cosine_NT, asked_TD), things)

    def heat(self, grid_HWD: Floats, chosen: Sequence[int]) -> Floats:
        """(H, W, chosen): deviations by which each cell speaks for each chosen word."""
        vectors_LD = self.vectors_LD[list(chosen)]
        cosine = grid_HWD @ vectors_LD.T
        if self.calibration is None:
            return standing_out(cosine, grid_HWD @ self.vectors_LD.T)
        return against(self.calibration.cells_QD, cosine, vectors_LD)


def word_vectors(space: Space, words: Sequence[str]) -> Floats:
    """(L, D): the mean over the templates, length 1."""
    texts = [template.format(word) for template in TEMPLATES for word in words]
    return unit(space.embed_texts(texts).reshape(len(TEMPLATES), len(words), space.dim).mean(axis=0))


def against(background_MD: Floats, cosine: Floats, vectors_LD: Floats) -> Floats:
    """Cosines as deviations from each word's mean over the background."""
    usual_ML = background_MD @ vectors_LD.T
    return np.asarray((cosine - usual_ML.mean(axis=0)) / (usual_ML.std(axis=0) + TINY), dtype=np.float32)


def standing_out(cosine: Floats, all_words: Floats) -> Floats:
    """Cosines as deviations from each picture's mean over all words (the last axis)."""
    mean = all_words.mean(axis=-1, keepdims=True)
    return np.asarray((cosine - mean) / (all_words.std(axis=-1, keepdims=True) + TINY), dtype=np.float32)


def read_names(file: Path = NAMES_FILE) -> tuple[str, ...]:
    """One name a line; empty lines and lines that begin with # are left out, repeated names kept once."""
    lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
    return tuple(dict.fromkeys(line for line in lines if line and not line.startswith("#")))


def read_calibration(space: Space, file: Path = CURVES_FILE) -> Calibration | None:
    """The calibration that was fitted for this very space, or None."""
    if not file.is_file():
        return None
    with safe_open(file, framework="numpy") as opened:
        told = json.loads(opened.metadata()["curves"])
    if told["fingerprint"] != space.fingerprint:
        return None
    arrays = load_file(file)
    return Calibration(
        photos_MD=arrays["photos"].astype(np.float32),
        cells_QD=arrays["cells"].astype(np.float32),
        asked=Curve(**told["asked"]),
        named=Curve(**told["named"]),
    )
