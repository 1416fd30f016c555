"""The logistic curve of the vocabulary: the probability that a word is true, fitted on captioned photos.

A word is true when one of a photo's captions says it. The curve is fitted with both outcomes of a word weighing the
same; how rare things are in a library is taken into account where it is used (`deepseek_mm.chance`). Words that occur
often enough get an offset of their own, drawn towards zero; any other word follows the common curve.

Shape key:  N photos, L words of the vocabulary that captions use, D width of the space
"""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save

from deepseek_mm.embeddings.space import EmbeddingModel, Floats, ImageEmbedding
from deepseek_mm.errors import ConfigError
from deepseek_mm.evaluation.retrieval import CaptionRow
from deepseek_mm.storage.files import atomic_write
from deepseek_mm.vision.vocabulary import Calibration, NamingCurve, against, standing_out, usual, word_vectors

PHOTOS, CELLS = 600, 400  # of the background that is kept
ENOUGH = 15  # photos that must show a word before it gets an offset of its own
PULL = 1.0  # of the offsets towards zero


def find_caption_mentions(rows: Sequence[CaptionRow], words: Sequence[str]) -> NDArray[np.bool_]:
    """(N, L): does any caption of the photo say the word, in singular or plural?"""
    texts = [" ".join(row.captions).lower() for row in rows]
    found = np.zeros((len(rows), len(words)), bool)
    for column, word in enumerate(words):
        pattern = re.compile(rf"\b{re.escape(word.lower())}(s|es)?\b")
        found[:, column] = [pattern.search(text) is not None for text in texts]
    return found


def fit_word_curve(z_NL: Floats, there_NL: NDArray[np.bool_], words: Sequence[str]) -> NamingCurve:
    """Slope, offset and offsets of the words by maximum likelihood; both outcomes of a word weigh the same."""
    z, there = torch.from_numpy(z_NL), torch.from_numpy(there_NL).float()
    share_L = there.mean(dim=0).clamp(1e-4, 1 - 1e-4)
    weight = torch.where(there.bool(), 0.5 / share_L, 0.5 / (1 - share_L))
    slope, offset, own_L = (torch.zeros(n, requires_grad=True) for n in (1, 1, len(words)))
    optimiser = torch.optim.LBFGS([slope, offset, own_L], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        logit = slope * z + offset + own_L
        cost = torch.nn.functional.binary_cross_entropy_with_logits(logit, there, weight=weight, reduction="sum")
        total = cost / len(z) + PULL * own_L.square().sum() / len(words) / 10
        total.backward()
        return total

    optimiser.step(loss)
    a, b = (round(float(value.detach()), 4) for value in (slope, offset))
    offsets = {word: round(float(value), 4) for word, value in zip(words, own_L.detach(), strict=True)}
    return NamingCurve(slope=a, offset=b, word_offsets=offsets)


def fit_vocabulary(
    space: EmbeddingModel, looks: Sequence[ImageEmbedding], rows: Sequence[CaptionRow], names: Sequence[str]
) -> Calibration:
    """Background and curve from looks at captioned photos; ConfigError when no word occurs often enough to fit one."""
    there = find_caption_mentions(rows, names)
    often = [n for n in range(len(names)) if there[:, n].sum() >= ENOUGH]
    if not often:
        raise ConfigError(f"no word of the vocabulary occurs in {ENOUGH} of {len(rows)} photos. Train on more of them")
    photos, cells = sample_background(looks)
    vectors_LD = word_vectors(space, names)
    cosine_NL = np.stack([look.vector_D for look in looks]) @ vectors_LD.T
    z_NL = against(usual(photos, vectors_LD), cosine_NL)
    z_NL = standing_out(z_NL, z_NL)
    curve = fit_word_curve(z_NL[:, often], there[:, often], [names[n] for n in often])
    return Calibration(photos_MD=photos, cells_QD=cells, curve=curve)


def sample_background(looks: Sequence[ImageEmbedding]) -> tuple[Floats, Floats]:
    """Vectors of some photos, and of some cells, spread evenly over the looks."""
    step = max(1, len(looks) // PHOTOS)
    photos = np.stack([look.vector_D for look in looks[::step][:PHOTOS]])
    stride = max(1, len(looks) // CELLS)
    grids = [look.grid_HWD.reshape(-1, look.grid_HWD.shape[-1]) for look in looks[::stride][:CELLS]]
    return photos, np.stack([grid_PD[n % len(grid_PD)] for n, grid_PD in enumerate(grids)])


def save_vocabulary(file: Path, space: EmbeddingModel, calibration: Calibration) -> None:
    """Write what `vision.vocabulary.read_calibration` reads."""
    told = {"fingerprint": space.fingerprint, "curve": asdict(calibration.curve)}
    arrays = {"photos": calibration.photos_MD.astype(np.float16), "cells": calibration.cells_QD.astype(np.float16)}
    atomic_write(file, save(arrays, metadata={"curves": json.dumps(told)}))
