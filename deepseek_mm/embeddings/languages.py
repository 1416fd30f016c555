"""Texts in any language to vectors of the default space: multilingual-e5-small and a trained head.

What training changed: `weights/languages.safetensors` holds the head, `weights/language_layers.safetensors` the layers
above the cut as int8 differences from the packaged weights. The tower that reads English stays as it is, and so do all
vectors of pictures; this one learned to put "ein Hund" where that one puts "a dog", and a Chinese caption where its
photo lies.

Shape key:  N texts, D width of the space (512)
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from deepseek_mm.deltas import add_deltas
from deepseek_mm.embeddings.heads import SPACE_DIM, LayersHead
from deepseek_mm.embeddings.inference import autocast_bf16, round_linears
from deepseek_mm.embeddings.multilingual import PREFIX, load_multilingual_tower, multilingual_tower_file
from deepseek_mm.embeddings.space import Floats
from deepseek_mm.embeddings.towers import in_order_of_length
from deepseek_mm.errors import MissingPackage, MissingWeights

WEIGHTS = Path(__file__).parent.parent / "weights" / "languages.safetensors"
LAYERS = WEIGHTS.with_name("language_layers.safetensors")
READ = (4, 6, 8, 10, 12)  # layers whose pooled states the head sees
CUT = 8  # layers below are as packaged
BATCH = 32  # texts at a time


class LanguageSide(nn.Module):
    """Tower and head."""

    def __init__(self) -> None:
        super().__init__()
        self.tower = load_multilingual_tower(READ)
        self.head = LayersHead(len(READ), SPACE_DIM)

    def forward(self, texts: Sequence[str]) -> Tensor:
        """(N, D) of length 1."""
        vector_ND: Tensor = self.head(self.tower([PREFIX + text for text in texts]))
        return vector_ND


class MultilingualTexts:
    """Opens the tower when a text is read for the first time; from any thread."""

    def __init__(self, *files: Path) -> None:
        """`files` of the head and of the layers, as shipped where none are given."""
        self.files, self._lock = files or (WEIGHTS, LAYERS), Lock()
        self._side: LanguageSide | None = None

    @cached_property
    def is_installed(self) -> bool:
        """Whether there is what can be opened: the package, and what was trained for it."""
        try:
            return all(file.is_file() for file in self.files) and multilingual_tower_file().is_file()
        except MissingPackage:
            return False

    @torch.inference_mode()
    def embed(self, texts: Sequence[str]) -> Floats:
        """(N, D), unit vectors."""
        if not texts:
            return np.zeros((0, SPACE_DIM), np.float32)
        side = self._open()
        ordered, back_N = in_order_of_length(texts)
        with autocast_bf16():
            parts = [side(ordered[n : n + BATCH]).float() for n in range(0, len(ordered), BATCH)]
        vectors_ND: Floats = torch.cat(parts)[back_N].numpy()
        return vectors_ND

    def _open(self) -> LanguageSide:
        with self._lock:
            if self._side is None:
                self._side = load_language_side(*self.files)
            return self._side


def load_language_side(*files: Path) -> LanguageSide:
    """Ready to read, of the files of the head and of the layers; MissingWeights where one was not trained,
    MissingPackage without the tower.
    """
    for file in files:
        if not file.is_file():
            raise MissingWeights(file, make="python -m deepseek_mm train languages")
    side = LanguageSide()
    for file in files:
        add_file(side, file)
    round_linears([side])
    return side.eval().requires_grad_(False)


def add_file(side: LanguageSide, weights: Path) -> None:
    """Put what training changed into what is packaged."""
    add_deltas(side, load_file(weights))
