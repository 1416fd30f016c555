"""Calibrates the default space for int8, writes it to a file and opens it again.

A wide range of a layer's inputs rounds everything coarsely, a narrow one clips the few that are large. A sample of each
layer's inputs is kept, and of ranges that shrink from the whole one the one with the smallest squared error is taken.
The inputs of a layer behind a ReLU6 begin at 0, and were clipped above already.

The quantized vectors are so near to those in full precision that indexes and everything fitted to the space stay valid.
That is why its fingerprint is the base's.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from PIL import Image
from torch import Tensor, nn

from deepseek_mm.embeddings.default import DefaultSpace, SpaceModel
from deepseek_mm.runtime.quantization.int8_layers import LEVELS, Range, range_of, smooth_of
from deepseek_mm.runtime.quantization.int8_towers import (
    EVEN,
    Tensors,
    chains,
    linears,
    put_in,
    quantize_model,
    recipe_of,
)
from deepseek_mm.runtime.quantization.weight_files import (
    QuantizedFileInfo,
    Wanted,
    read_quantized,
    write_quantized,
)

KEPT = 4_096  # numbers of each call
ROWS = 16  # rows of each call, of layers whose inputs are made even
SHARES = tuple(1 - 0.04 * n for n in range(20))  # of the whole range, that are tried
Hook = Callable[[nn.Module, tuple[Tensor, ...]], None]


class RangeObserver:
    """Records the inputs of some layers of a model. `even`: linear layers whose inputs are smoothed."""

    def __init__(self, layers: Iterable[tuple[str, nn.Module]], even: Iterable[tuple[str, nn.Linear]] = ()) -> None:
        self._draw = torch.Generator().manual_seed(0)
        self._samples: dict[str, list[Tensor]] = {}
        self._even = dict(even)
        self._hooks = [module.register_forward_pre_hook(self._sample_hook(name)) for name, module in layers]
        self._hooks += [module.register_forward_pre_hook(self._row_hook(name)) for name, module in self._even.items()]

    def close(self) -> dict[str, Range]:
        """Remove the hooks; returns the range of every layer."""
        for hook in self._hooks:
            hook.remove()
        smooth = self.smooth()
        return {
            name: best_range((torch.cat(samples) / smooth[name]).flatten() if name in smooth else torch.cat(samples))
            for name, samples in self._samples.items()
        }

    def smooth(self) -> dict[str, Tensor]:
        """The smoothing factors of the inputs of the `even` layers, (D,) each."""
        found = {name: torch.cat(self._samples[name]).abs().amax(0) for name in self._even}
        return {name: smooth_of(largest_D, self._even[name].weight) for name, largest_D in found.items()}

    def _row_hook(self, name: str) -> Hook:
        def add(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            x_MD = inputs[0].detach().float().flatten(0, -2)
            drawn_MD = x_MD[torch.randint(len(x_MD), (ROWS,), generator=self._draw)]
            self._samples.setdefault(name, []).append(torch.cat((drawn_MD, x_MD.amax(0)[None], x_MD.amin(0)[None])))

        return add

    def _sample_hook(self, name: str) -> Hook:
        def add(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            x = inputs[0].detach().float().flatten()
            drawn = x[torch.randint(len(x), (KEPT,), generator=self._draw)]
            self._samples.setdefault(name, []).append(torch.cat((drawn, *[e[None] for e in x.aminmax()])))

        return add


def best_range(sample: Tensor) -> Range:
    """The range whose rounding and clipping of the sample errs least, in squares."""
    low, high = (float(end) for end in sample.aminmax())
    tried = [range_of(low * share, high * share) for share in SHARES]
    return min(tried, key=lambda how: _error(sample, how))


def _error(sample: Tensor, how: Range) -> float:
    levels = (sample / how.scale + how.zero).round().clamp(0, LEVELS)
    return float(((levels - how.zero) * how.scale - sample).square().mean())


STATIC, QAT = "towers-int8", "towers-qat"
TRAINED = "python -m deepseek_mm train qat --data captions.jsonl --images photos"  # what makes QAT's file
SEED = 0


class CaptionedPhoto(Protocol):
    """A photo with captions."""

    @property
    def image(self) -> str:
        """File name."""

    @property
    def captions(self) -> tuple[str, ...]:
        """Sentences."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationSample:
    """Photos and texts that ranges are calibrated on."""

    photos: tuple[Path, ...]
    texts: tuple[str, ...]

    @staticmethod
    def of(rows: Sequence[CaptionedPhoto], images: Path, *, count: int) -> "CalibrationSample":
        """Some rows, by chance that is always the same; two captions of each photo."""
        drawn = random.Random(SEED).sample(list(rows), min(count, len(rows)))
        texts = tuple(text for row in drawn for text in row.captions[:2])
        return CalibrationSample(photos=tuple(images / row.image for row in drawn), texts=texts)

    @property
    def description(self) -> str:
        """A description for the card."""
        return f"{len(self.photos)} photos and {len(self.texts)} captions of the training part"


def calibrate(space: DefaultSpace, sample: CalibrationSample) -> dict[str, Tensor]:
    """Calibrate a space in full precision: the recipe of its ranges."""
    layers = [(link.name, link.conv) for chain in chains(space.model) for link in chain.links]
    plain = [(name, linear) for name, linear in linears(space.model) if not name.startswith(EVEN)]
    even = [(name, linear) for name, linear in linears(space.model) if name.startswith(EVEN)]
    ranges = RangeObserver([*layers, *plain], even)
    try:
        space.embed_images(_pictures(sample.photos))
        space.embed_texts(sample.texts)
    finally:
        found = ranges.close()
    return recipe_of(found, ranges.smooth())


def write_space(file: Path, space: DefaultSpace, recipe: Tensors, *, scheme: str, calibrated: str, made: str) -> Path:
    """The quantised space of one in full precision; returns the card."""
    told = QuantizedFileInfo(
        scheme=scheme,
        base=space.fingerprint,
        full_bytes=full_bytes(space.model),
        calibrated=calibrated,
        made=made,
        note="weights int8 with a scale an output, inputs uint8; run by oneDNN (u8 x s8) inside torch",
    )
    return write_quantized(file, quantize_model(space.model, recipe), told)


def open_quantised(file: Path, *, scheme: str = STATIC, dynamic: bool = False, batch: int = 16) -> DefaultSpace:
    """The space of a file, in eight bits. `dynamic`: its linear layers find their inputs' ranges themselves.

    MissingWeights or BadCheckpoint say why there is none.
    """
    space = DefaultSpace(batch=batch)
    make, wanted = TRAINED if scheme == QAT else "", wanted_of(space.model)
    kept = read_quantized(file, scheme=scheme, base=space.fingerprint, wanted=wanted, make=make)
    put_in(space.model, kept.tensors, dynamic=dynamic)
    return space


def full_bytes(model: SpaceModel) -> int:
    """Bytes of its weights and batch norm statistics in float32."""
    numbers: int = sum(value.numel() for value in model.state_dict().values() if value.is_floating_point())
    return 4 * numbers


def wanted_of(model: SpaceModel) -> Wanted:
    """What a file of this model must hold."""
    layers = [link.name for chain in chains(model) for link in chain.links] + [name for name, _ in linears(model)]
    ranges = {f"{name}.given": torch.zeros(2) for name in layers}
    even = {f"{n}.smooth": torch.ones(linear.in_features) for n, linear in linears(model) if n.startswith(EVEN)}
    held = quantize_model(model, ranges | even | ones(model))
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
