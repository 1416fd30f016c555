"""Vectors that are made up, but lie like those of photos; and some that lie like nothing, the hardest to search.

Where real texts are looked for, `Likenesses` are made of real photos' vectors; `Crowds` only spread like them.

The vectors of 6,091 Flickr8k photos in the default space spread very unequally over their 512 principal directions:
half of the variance lies in 12 of them, 99 % in 256 (`SPECTRUM`). Photos form crowds: of 100,000, the best ten answers
to a caption lie at a cosine of 0.5 and above, where chance gives 0.04. Here crowds of a hundred are drawn with that
spectrum, two fifths of the variance inside a crowd, and queries lie as far out as captions do.

Shape key:  N vectors, D width
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SPECTRUM = (  # direction, its share of the variance
    (0, 0.076),
    (1, 0.064),
    (3, 0.049),
    (7, 0.03),
    (15, 0.017),
    (31, 0.0081),
    (63, 0.0016),
    (127, 0.00046),
    (255, 0.00012),
    (511, 0.00001),
)
CROWD = 100  # vectors around one centre, on average
INSIDE = 0.4  # share of the variance inside a crowd
ASTRAY = 1.0  # variance that a query has besides
SHIFTED = 0.6  # share of the difference of two photos that another one is shifted by
PIECE = 16_384  # vectors made at once


def normalize_rows(vectors_ND: Floats) -> Floats:
    """Rows of length 1."""
    length_N1 = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    return np.asarray(vectors_ND / length_N1, np.float32)


def spread_by_direction(dim: int) -> Floats:
    """How far vectors spread in each direction, (dim,), from the measured spectrum."""
    places, shares = np.array(SPECTRUM).T
    logs = np.interp(np.log1p(np.arange(dim)), np.log1p(places), np.log(shares))
    return np.asarray(np.sqrt(np.exp(logs)), np.float32)


class ClusteredVectors:
    """Endless vectors of one made-up library of about `count`."""

    def __init__(self, count: int, dim: int, *, seed: int = 0) -> None:
        self._random, self._spread_D = np.random.default_rng(seed), spread_by_direction(dim)
        self._centres_CD = self._noise(max(1, count // CROWD), 1 - INSIDE)

    def pieces(self, count: int) -> Iterator[Floats]:
        """`count` unit vectors, a piece at a time."""
        for start in range(0, count, PIECE):
            yield normalize_rows(self._near(min(PIECE, count - start)))

    def queries(self, count: int) -> Floats:
        """`count` unit vectors that are none of them, and lie further out."""
        return normalize_rows(self._near(count) + self._noise(count, ASTRAY))

    def _near(self, count: int) -> Floats:
        centres_N = self._random.integers(0, len(self._centres_CD), count)
        return self._centres_CD[centres_N] + self._noise(count, INSIDE)

    def _noise(self, count: int, variance: float) -> Floats:
        normal_ND = self._random.standard_normal((count, len(self._spread_D)), dtype=np.float32)
        return np.asarray(normal_ND * self._spread_D * np.float32(variance**0.5), np.float32)


class RandomVectors:
    """Endless vectors in all directions alike: no space has neighbours so hard to tell from the rest."""

    def __init__(self, dim: int, *, seed: int = 0) -> None:
        self._random, self._dim = np.random.default_rng(seed), dim

    def pieces(self, count: int) -> Iterator[Floats]:
        """`count` unit vectors, a piece at a time."""
        for start in range(0, count, PIECE):
            yield self.queries(min(PIECE, count - start))

    def queries(self, count: int) -> Floats:
        """`count` unit vectors."""
        return normalize_rows(self._random.standard_normal((count, self._dim), dtype=np.float32))


class PhotoLikeVectors:
    """Endless vectors made of real photos' vectors: one photo's, and besides how two others differ from each other.

    So they lie where photos lie, and a text finds near ones and far ones among them; `SHIFTED` of the difference keeps
    them a cosine of about 0.8 from the photo that they are like.
    """

    def __init__(self, photos_PD: Floats, *, seed: int = 0) -> None:
        self._random, self._photos_PD = np.random.default_rng(seed), photos_PD

    def pieces(self, count: int) -> Iterator[Floats]:
        """`count` unit vectors, a piece at a time."""
        for start in range(0, count, PIECE):
            one_N, plus_N, minus_N = self._random.integers(0, len(self._photos_PD), (3, min(PIECE, count - start)))
            shift_ND = self._photos_PD[plus_N] - self._photos_PD[minus_N]
            yield normalize_rows(self._photos_PD[one_N] + np.float32(SHIFTED) * shift_ND)
