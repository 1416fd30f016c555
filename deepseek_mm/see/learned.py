"""Words that were learned from photos, where enough photos say what they show.

A word's vector comes from a text tower that never saw a photo, so likeness to it is a rough guide. Of some two hundred
everyday words there are photos whose captions, questions or shelves name them; for these a direction of the space and
an offset were fitted, and a sigmoid gives the probability that somebody would name the word. Where it holds is asked of
each cell of the feature map with the same direction.

Shape key:  N pictures, L words, D width of the space, H, W cells of the feature map
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file

from deepseek_mm.encoders.space import EmbeddingModel, Floats, known_as

FILE = Path(__file__).parent.parent / "weights" / "names.safetensors"


@dataclass(frozen=True, kw_only=True, slots=True)
class Learned:
    """The words, and for each its direction and offset."""

    names: tuple[str, ...]
    directions_LD: Floats
    offsets_L: Floats

    def chances(self, vectors_ND: Floats) -> Floats:
        """(N, L): probability that each picture shows each word."""
        return np.asarray(1 / (1 + np.exp(-(vectors_ND @ self.directions_LD.T + self.offsets_L))), dtype=np.float32)

    def heat(self, grid_HWD: Floats, chosen: Sequence[int]) -> Floats:
        """(H, W, chosen): how much each cell speaks for each chosen word."""
        return np.asarray(grid_HWD @ self.directions_LD[list(chosen)].T, dtype=np.float32)


def read_learned(space: EmbeddingModel, file: Path = FILE) -> Learned | None:
    """The words that were learned in this space, or in the one that taught it; or None."""
    if not file.is_file():
        return None
    with safe_open(file, framework="numpy") as opened:
        told = json.loads(opened.metadata()["told"])
    if told["fingerprint"] not in known_as(space):
        return None
    arrays = load_file(file)
    return Learned(
        names=tuple(told["names"]),
        directions_LD=arrays["directions"].astype(np.float32),
        offsets_L=arrays["offsets"].astype(np.float32),
    )
