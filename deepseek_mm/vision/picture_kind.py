"""What kind of picture it is: a photo, a screenshot, a document, a plot, a drawing or a product shot.

One linear layer over the picture's vector and a few cheap figures about its pixels: how many colours there are, how
much is flat, how many sharp edges and how they run, what its border is like. It is known before anything is named: on a
plot nobody who learned from photos has a say. What a product shot shows, if it is a garment, is told by another layer.

Shape key:  N pictures, D width of the space, S figures about pixels, K kinds, L garments, P pixels a side of the copy
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image, Resampling

from deepseek_mm.embeddings.space import EmbeddingModel, Floats, known_as, read_fitted
from index import Label

COARSE_PX = 16
FLAT = 3.0  # standard deviation of the grey values, of 255, below which nothing stands out
NOISE = 0.25  # share of that deviation which is left in a coarse copy: photos keep most of it, noise none

PHOTO, DRAWING, PRODUCT = "photo", "drawing", "product shot"
KINDS = (PHOTO, "screenshot", "document", "plot", DRAWING, PRODUCT)
MADE = ("screenshot", "document", "plot")  # of which those who learned from photos say nothing
WEIGHTS = Path(__file__).parent.parent / "weights" / "kinds.safetensors"
GARMENT_SURE = 0.6  # probability from which a garment is named: of those left out in turn 87 % were right
LEAST = {"screenshot": 0.6, "document": 0.6, "plot": 0.6, DRAWING: 0.8, PRODUCT: 0.75}  # else it is called a photo
SIDE_PX = 128
ALIKE = 6  # steps by which neighbours on flat ground may differ
SHARP = 48  # steps from which two neighbours make an edge


@dataclass(frozen=True, slots=True)
class PictureKind:
    """What kind of picture it is, and how sure that is."""

    name: str
    chance: float  # 0 to 1

    @property
    def is_made(self) -> bool:
        """True for a screenshot, a document, a plot: writing and lines, not things."""
        return self.name in MADE

    @property
    def labels(self) -> tuple[Label, ...]:
        """As a label of the whole picture; none of a photo, which is what most are."""
        return () if self.name == PHOTO else (Label(name=self.name, score=self.chance),)


def measure_pixels(image: Image) -> Floats:
    """(S,): figures about a small copy, each about 0 to 1 whatever the picture's size."""
    rgb_PP3 = np.asarray(image.convert("RGB").resize((SIDE_PX, SIDE_PX), Resampling.BOX), np.int16)
    coarse_PP3 = rgb_PP3 >> 4
    counts = np.bincount((coarse_PP3[..., 0] * 256 + coarse_PP3[..., 1] * 16 + coarse_PP3[..., 2]).ravel())
    share_C = np.sort(counts[counts > 0])[::-1] / SIDE_PX**2
    across, down = find_steps(rgb_PP3, 1), find_steps(rgb_PP3, 0)
    border = np.concatenate([rgb_PP3[0], rgb_PP3[-1], rgb_PP3[:, 0], rgb_PP3[:, -1]])
    red_PP, green_PP, blue_PP = (rgb_PP3[..., channel] for channel in range(3))
    grey_PP = (red_PP + green_PP + blue_PP) / 3
    spread_PP = np.maximum(np.maximum(red_PP, green_PP), blue_PP) - np.minimum(np.minimum(red_PP, green_PP), blue_PP)
    return np.array(
        [
            share_C[0],
            share_C[:4].sum(),
            np.log(len(share_C)) / 8,
            -(share_C * np.log(share_C)).sum() / 8,
            (across <= ALIKE).mean(),
            (down <= ALIKE).mean(),
            (across >= SHARP).mean(),
            (down >= SHARP).mean(),
            (np.abs(border - np.median(border, axis=0)).max(axis=-1) <= ALIKE).mean(),
            spread_PP.mean() / 255,
            (grey_PP >= 245).mean(),
            (grey_PP <= 25).mean(),
            (across <= ALIKE).all(axis=1).mean(),
            (down <= ALIKE).all(axis=0).mean(),
            float(grey_PP.std()) / 128,
        ],
        np.float32,
    )


def find_steps(rgb_PP3: NDArray[np.int16], axis: int) -> NDArray[np.int16]:
    """How much each pixel differs from the next along an axis, in the channel that differs most."""
    red, green, blue = (np.abs(np.diff(rgb_PP3[..., channel], axis=axis)) for channel in range(3))
    steps: NDArray[np.int16] = np.maximum(np.maximum(red, green), blue)
    return steps


@dataclass(frozen=True, slots=True)
class KindClassifier:
    """Tells the kinds apart."""

    weight_FK: Floats  # of the vector's D numbers and the S figures
    bias_K: Floats
    garments: tuple[str, ...] = ()
    weight_DL: Floats | None = None  # what tells garments apart
    bias_L: Floats | None = None

    def name_garment(self, vector_D: Floats) -> tuple[Label, ...]:
        """What a product shot with this vector shows, if that is sure."""
        if self.weight_DL is None or self.bias_L is None:
            return ()
        (chance_L,) = softmax((vector_D @ self.weight_DL + self.bias_L)[None])
        best = int(chance_L.argmax())
        sure = float(chance_L[best])
        return (Label(name=self.garments[best], score=sure),) if sure >= GARMENT_SURE else ()

    def classify(self, vector_D: Floats, image: Image) -> PictureKind:
        """The likeliest kind."""
        return self.classify_features(np.append(vector_D, measure_pixels(image))[None])[0]

    def classify_features(self, features_NF: Floats) -> list[PictureKind]:
        """The same of vectors with the figures behind them."""
        return [choose_kind(row_K) for row_K in softmax(features_NF @ self.weight_FK + self.bias_K)]


def choose_kind(chance_K: Floats) -> PictureKind:
    """The likeliest kind, or a photo where that is not sure: most pictures are photos."""
    name, chance = KINDS[int(chance_K.argmax())], float(chance_K.max())
    return PictureKind(name, chance) if chance >= LEAST.get(name, 0.0) else PictureKind(PHOTO, float(chance_K[0]))


def softmax(score_NK: Floats) -> Floats:
    """Probabilities of scores, row by row."""
    odds_NK = np.exp(score_NK - score_NK.max(axis=-1, keepdims=True))
    return np.asarray(odds_NK / odds_NK.sum(axis=-1, keepdims=True), np.float32)


def read_kinds(space: EmbeddingModel, file: Path = WEIGHTS) -> KindClassifier | None:
    """The classifier of this space, or of the one that taught it; or None."""
    fitted = read_fitted(file, "kinds", known_as(space))
    if fitted is None or tuple(fitted[0]["names"]) != KINDS:
        return None
    told, arrays = fitted
    garments = (tuple(told["garments"]), arrays["garment"], arrays["usual"])
    return KindClassifier(arrays["weight"], arrays["bias"], *garments)


def join_features(vectors_ND: Floats, figures: Sequence[Floats]) -> Floats:
    """(N, D + S): what the classifier looks at."""
    return np.concatenate([vectors_ND, np.stack(figures)], axis=1).astype(np.float32)


def shows_nothing(image: Image) -> bool:
    """A blank picture, or noise."""
    grey = image.convert("L").resize((SIDE_PX, SIDE_PX), Resampling.NEAREST)
    spread = float(np.asarray(grey, np.float32).std())
    if spread < FLAT:
        return True
    coarse = grey.resize((COARSE_PX, COARSE_PX), Resampling.BOX)
    return float(np.asarray(coarse, np.float32).std()) < NOISE * spread
