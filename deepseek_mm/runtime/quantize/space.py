"""The default space in eight bits, from a file: calibrated, written, and opened again as a space like any other.

Its vectors lie so near to those in full precision that they are vectors of the same space: an index, and everything
that was fitted to the space, stays what it is. That is why its fingerprint is the base's.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from PIL import Image
from torch import Tensor

from deepseek_mm.embeddings.default import DefaultSpace, SpaceModel
from deepseek_mm.runtime.quantize.kept import Told, Wanted, read_kept, write_kept
from deepseek_mm.runtime.quantize.ranges import Ranges
from deepseek_mm.runtime.quantize.towers import EVEN, Tensors, chains, linears, put_in, quantised, recipe_of

STATIC, QAT = "towers-int8", "towers-qat"
TRAINED = "python -m deepseek_mm train qat --data captions.jsonl --images photos"  # what makes QAT's file
SEED = 0


class Captioned(Protocol):
    """A photo and what people said of it."""

    @property
    def image(self) -> str:
        """File name."""

    @property
    def captions(self) -> tuple[str, ...]:
        """Sentences."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """What ranges are looked at on."""

    photos: tuple[Path, ...]
    texts: tuple[str, ...]

    @staticmethod
    def of(rows: Sequence[Captioned], images: Path, *, count: int) -> "Sample":
        """Some rows, by chance that is always the same; two captions of each photo."""
        drawn = random.Random(SEED).sample(list(rows), min(count, len(rows)))
        texts = tuple(text for row in drawn for text in row.captions[:2])
        return Sample(photos=tuple(images / row.image for row in drawn), texts=texts)

    @property
    def told(self) -> str:
        """For the card."""
        return f"{len(self.photos)} photos and {len(self.texts)} captions of the training part"


def calibrate(space: DefaultSpace, sample: Sample) -> dict[str, Tensor]:
    """The recipe of ranges alone, of a space in full precision."""
    layers = [(link.name, link.conv) for chain in chains(space.model) for link in chain.links]
    plain = [(name, linear) for name, linear in linears(space.model) if not name.startswith(EVEN)]
    even = [(name, linear) for name, linear in linears(space.model) if name.startswith(EVEN)]
    ranges = Ranges([*layers, *plain], even)
    try:
        space.embed_images(_pictures(sample.photos))
        space.embed_texts(sample.texts)
    finally:
        found = ranges.close()
    return recipe_of(found, ranges.smooth())


def write_space(file: Path, space: DefaultSpace, recipe: Tensors, *, scheme: str, calibrated: str, made: str) -> Path:
    """The quantised space of one in full precision; returns the card."""
    told = Told(
        scheme=scheme,
        base=space.fingerprint,
        full_bytes=full_bytes(space.model),
        calibrated=calibrated,
        made=made,
        note="weights int8 with a scale an output, inputs uint8; run by oneDNN (u8 x s8) inside torch",
    )
    return write_kept(file, quantised(space.model, recipe), told)


def open_quantised(file: Path, *, scheme: str = STATIC, dynamic: bool = False, batch: int = 16) -> DefaultSpace:
    """The space of a file, in eight bits. `dynamic`: its linear layers find their inputs' ranges themselves.

    MissingWeights or BadCheckpoint say why there is none.
    """
    space = DefaultSpace(batch=batch)
    make, wanted = TRAINED if scheme == QAT else "", wanted_of(space.model)
    kept = read_kept(file, scheme=scheme, base=space.fingerprint, wanted=wanted, make=make)
    put_in(space.model, kept.tensors, dynamic=dynamic)
    return space


def full_bytes(model: SpaceModel) -> int:
    """That its numbers take in float32: weights, and the statistics of batch norms."""
    numbers: int = sum(value.numel() for value in model.state_dict().values() if value.is_floating_point())
    return 4 * numbers


def wanted_of(model: SpaceModel) -> Wanted:
    """What a file of this model must hold."""
    layers = [link.name for chain in chains(model) for link in chain.links] + [name for name, _ in linears(model)]
    ranges = {f"{name}.given": torch.zeros(2) for name in layers}
    even = {f"{n}.smooth": torch.ones(linear.in_features) for n, linear in linears(model) if n.startswith(EVEN)}
    held = quantised(model, ranges | even | ones(model))
    return {name: (value.dtype, tuple(value.shape)) for name, value in held.items()}


def ones(model: SpaceModel) -> dict[str, Tensor]:
    """Scales of 1 for every layer: with them no weight is looked at."""
    links = {link.name: len(link.conv.weight) for chain in chains(model) for link in chain.links}
    sizes = links | {name: linear.out_features for name, linear in linears(model)}
    return {f"{name}.scale": torch.ones(size) for name, size in sizes.items()}


def _pictures(paths: Sequence[Path]) -> Iterator[Image.Image]:
    for path in paths:
        with Image.open(path) as image:
            yield image.convert("RGB")
