"""When may a search say "nothing found"? The curve of `retrieval.certainty`, fitted on galleries of training photos.

A gallery is some hundred photos. A thing is there when what people said of one of them names it, and absent when
nothing does. Ordinary galleries teach how much a nearest picture is worth, but also that common things are always
there. So some galleries are made without a few common things, which then weigh as much as all other absent things
together. What people say is counted without the gallery's own photos, as it is for a stranger's library.

Shape key:  N photos, T things, W witnesses, D width of the space
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepseek_mm.embeddings.space import Floats
from deepseek_mm.language.words import singular, tokens
from deepseek_mm.retrieval.certainty import LogisticCurve

Bools = NDArray[np.bool_]
BANDS = (1, 2, 4, 8, 16)  # photos that show a thing, lower ends: rare things weigh as much as common ones
PULL = 1.0  # of the weights towards zero
PULL_RATES = 10.0  # the same for the direction of things that are photographed often
LOUDER = 3.0  # a gallery without some common things counts as this many
STEPS = 50  # of Newton; it is there after ten


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """The witnesses for some things of one gallery."""

    witnesses_TW: Floats
    num_photos_T: NDArray[np.int64]  # of the gallery that show the thing; 0 where it is absent
    withheld_T: Bools  # absent because its photos were taken out


def mentions(texts: Sequence[str], things: Sequence[str]) -> Bools:
    """(N, T): does what people said of the photo name the thing, whatever its number?"""
    spelled = [" ".join(singular(word) for word in tokens(thing)) for thing in things]
    columns = {thing: n for n, thing in enumerate(spelled)}
    longest = max((len(thing.split()) for thing in spelled), default=0)
    found = np.zeros((len(texts), len(things)), bool)
    for row, text in enumerate(texts):
        words = [singular(word) for word in tokens(text)]
        for length in range(1, longest + 1):
            runs = (" ".join(words[start : start + length]) for start in range(len(words) - length + 1))
            found[row, [columns[run] for run in runs if run in columns]] = True
    return found


def word_counts(texts: Sequence[str]) -> dict[str, int]:
    """Word, singular -> texts that say it."""
    counts: dict[str, int] = {}
    for text in texts:
        for word in {singular(token) for token in tokens(text)}:
            counts[word] = counts.get(word, 0) + 1
    return counts


def fit_direction(vectors_TD: Floats, counts_T: NDArray[np.int64], num_photos: int) -> tuple[Floats, float]:
    """Direction and offset that guess the logarithm of a thing's rate from its vector (ridge regression)."""
    rate_T = np.log((counts_T + 0.3) / num_photos)
    centre_D = vectors_TD.mean(axis=0)
    x_TD = vectors_TD - centre_D
    gram_DD = x_TD.T @ x_TD + PULL_RATES * np.eye(vectors_TD.shape[1])
    direction_D = np.linalg.solve(gram_DD, x_TD.T @ (rate_T - rate_T.mean())).astype(np.float32)
    return direction_D, float(rate_T.mean() - centre_D @ direction_D)


def fit_curve(heard: Sequence[Heard], judged: Sequence[Heard]) -> LogisticCurve:
    """The curve of all galleries, with the threshold at which both errors on the judged ones are equal."""
    x_TW = np.concatenate([part.witnesses_TW for part in heard]).astype(np.float64)
    there_T = np.concatenate([part.num_photos_T > 0 for part in heard])
    louder = [LOUDER if part.withheld_T.any() else 1.0 for part in heard]
    weight_T = np.concatenate([fair_weights(part) * times for part, times in zip(heard, louder, strict=True)]) * 100
    weights_W, offset = logistic(x_TW, there_T, weight_T)
    curve = LogisticCurve(weights=tuple(round(float(w), 4) for w in weights_W), offset=round(offset, 4), threshold=0.5)
    chances = np.concatenate([[curve.probability(x) for x in part.witnesses_TW] for part in judged])
    fair = np.concatenate([fair_weights(part) for part in judged])
    there = np.concatenate([part.num_photos_T > 0 for part in judged])
    return LogisticCurve(weights=curve.weights, offset=curve.offset, threshold=even_threshold(chances, there, fair))


def fair_weights(heard: Heard) -> NDArray[np.float64]:
    """(T,): present and absent things weigh the same; so do bands of the present, and withheld and other absent."""
    there_T = heard.num_photos_T > 0
    band_T = np.searchsorted(BANDS, heard.num_photos_T, side="right")
    group_T = np.where(there_T, band_T, -heard.withheld_T.astype(int))
    weight_T = np.zeros(len(there_T))
    for group in np.unique(group_T):
        weight_T[group_T == group] = 1 / (group_T == group).sum()
    for side in (there_T, ~there_T):
        weight_T[side] /= max(weight_T[side].sum(), 1e-9) * 2
    return weight_T


def logistic(x_TW: NDArray[np.float64], there_T: Bools, weight_T: NDArray[np.float64]) -> tuple[Floats, float]:
    """Weights and offset by maximum likelihood (Newton's method), the weights drawn a little towards zero."""
    mean_W, spread_W = x_TW.mean(axis=0), x_TW.std(axis=0) + 1e-9
    x = np.c_[(x_TW - mean_W) / spread_W, np.ones(len(x_TW))]
    pull = np.diag([PULL] * x_TW.shape[1] + [1e-6])
    b = np.zeros(x.shape[1])
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-x @ b))
        hessian = (x * (weight_T * p * (1 - p))[:, None]).T @ x + pull
        b += np.linalg.solve(hessian, x.T @ (weight_T * (there_T - p)) - pull @ b)
    weights_W = b[:-1] / spread_W
    return weights_W.astype(np.float32), float(b[-1] - weights_W @ mean_W)


def even_threshold(chance_T: NDArray[np.float64], there_T: Bools, weight_T: NDArray[np.float64]) -> float:
    """The probability at which as much of what is there is missed as of what is absent is claimed; the middle one."""
    steps = np.linspace(0.01, 0.99, 99)
    there, absent = weight_T[there_T].sum(), weight_T[~there_T].sum()
    gaps = [
        abs(weight_T[there_T & (chance_T < t)].sum() / there - weight_T[~there_T & (chance_T >= t)].sum() / absent)
        for t in steps
    ]
    even = np.flatnonzero(np.isclose(gaps, min(gaps)))
    return round(float(steps[even[len(even) // 2]]), 2)
