"""Calibrates the default space for int8, writes it to a file and opens it again.

Batch norms are folded into the convolutions before them. Every convolution and linear layer has int8 weights with a
scale for every output, and the range of its inputs from training pictures and texts; embeddings have a scale for every
word. Norms, biases and the matrix that reduces vectors are few, and stay floats.

A wide range of a layer's inputs rounds everything coarsely, a narrow one clips the few that are large. A sample of each
layer's inputs is kept, and of ranges that shrink from the whole one the one with the smallest squared error is taken.
The inputs of a layer behind a ReLU6 begin at 0, and were clipped above already.

The quantized vectors are so near to those in full precision that indexes and everything fitted to the space stay valid.
That is why its fingerprint is the base's.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from PIL import Image
from torch import Tensor, nn

from deepseek_mm.embeddings.default import DefaultSpace, SpaceModel
from deepseek_mm.runtime.quantization.int8_layers import (
    BIAS,
    GIVEN,
    LEVELS,
    SCALE,
    SMOOTH,
    TOWERS,
    WEIGHT,
    Chain,
    DynamicLinear,
    Int8Embedding,
    Link,
    Range,
    Tensors,
    chains_of,
    eight_bits_of,
    format_for,
    levels_of,
    put_chains,
    range_in,
    range_of,
    smooth_of,
)
from deepseek_mm.runtime.quantization.weight_files import (
    QuantizedFileInfo,
    Wanted,
    read_quantized,
    write_quantized,
)
from deepseek_mm.runtime.towers.backends import QAT, TRAINED

KEPT = 4_096  # numbers of each call
ROWS = 16  # rows of each call, of layers whose inputs are made even
EVEN = ("text_tower.", "text_head.", "side.text.")  # a few inputs of these are far larger than others
SPOKEN = "image_tower.classifier"  # the namer reads its rows itself
SHARES = tuple(1 - 0.04 * n for n in range(20))  # of the whole range, that are tried


class RangeObserver:
    """Records the inputs of some layers of a model. `even`: linear layers whose inputs are smoothed."""

    def __init__(self, layers: Iterable[tuple[str, nn.Module]], even: Iterable[tuple[str, nn.Linear]] = ()) -> None:
        self._draw = torch.Generator().manual_seed(0)
        self._samples: dict[str, list[Tensor]] = {}
        self._even = dict(even)
        self._removes = [watch_inputs(dict(layers), self._sample), watch_inputs(self._even, self._sample_rows)]

    def close(self) -> dict[str, Range]:
        """Remove the hooks; returns the range of every layer."""
        for remove in self._removes:
            remove()
        smooth = self.smooth()
        return {
            name: best_range((torch.cat(samples) / smooth[name]).flatten() if name in smooth else torch.cat(samples))
            for name, samples in self._samples.items()
        }

    def smooth(self) -> dict[str, Tensor]:
        """The smoothing factors of the inputs of the `even` layers, (D,) each."""
        found = {name: torch.cat(self._samples[name]).abs().amax(0) for name in self._even}
        return {name: smooth_of(largest_D, self._even[name].weight) for name, largest_D in found.items()}

    def _sample_rows(self, name: str, x: Tensor) -> None:
        x_MD = x.float().flatten(0, -2)
        drawn_MD = x_MD[torch.randint(len(x_MD), (ROWS,), generator=self._draw)]
        self._samples.setdefault(name, []).append(torch.cat((drawn_MD, x_MD.amax(0)[None], x_MD.amin(0)[None])))

    def _sample(self, name: str, x: Tensor) -> None:
        x = x.float().flatten()
        drawn = x[torch.randint(len(x), (KEPT,), generator=self._draw)]
        self._samples.setdefault(name, []).append(torch.cat((drawn, *[e[None] for e in x.aminmax()])))


def watch_inputs(named: Mapping[str, nn.Module], see: Callable[[str, Tensor], None]) -> Callable[[], None]:
    """Show the first input of each call of some modules, by their names; returns what ends that."""

    def make_hook(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        return lambda module, inputs: see(name, inputs[0].detach())

    hooks = [module.register_forward_pre_hook(make_hook(name)) for name, module in named.items()]

    def remove() -> None:
        for hook in hooks:
            hook.remove()

    return remove


def best_range(sample: Tensor) -> Range:
    """The range whose rounding and clipping of the sample errs least, in squares."""
    low, high = (float(end) for end in sample.aminmax())
    tried = [range_of(low * share, high * share) for share in SHARES]
    return min(tried, key=lambda how: _error(sample, how))


def _error(sample: Tensor, how: Range) -> float:
    levels = (sample / how.scale + how.zero).round().clamp(0, LEVELS)
    return float(((levels - how.zero) * how.scale - sample).square().mean())


STATIC = "towers-int8"
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


class Int8Linear(nn.Module):
    """A linear layer whose inputs have a calibrated range; `smooth_D` as in `DynamicLinear`."""

    def __init__(
        self,
        weight_FD: Tensor,
        scale_F: Tensor,
        bias_F: Tensor | None,
        given: Range,
        *,
        smooth_D: Tensor | None = None,
    ) -> None:
        super().__init__()
        self._even_D = None if smooth_D is None else 1 / smooth_D.float()
        self.out_features, self.in_features = weight_FD.shape
        self._ordered = torch.ops.onednn.qlinear_prepack(weight_FD, None)
        self._scale_F, self._bias_F, self.given = scale_F, bias_F, given
        self._zero_F = torch.zeros_like(scale_F, dtype=torch.int32)

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) to (..., F)."""
        x_MD, dtype = x.reshape(-1, self.in_features), format_for(x)
        levels_MD = levels_of(x_MD if self._even_D is None else x_MD.float() * self._even_D, self.given)
        y_MF: Tensor = torch.ops.onednn.qlinear_pointwise(
            levels_MD, self.given.scale, self.given.zero, self._ordered, self._scale_F, self._zero_F, self._bias_F,
            1.0, 0, dtype, "none", [], "",
        )  # fmt: skip
        return y_MF.view(*x.shape[:-1], self.out_features)


def chains(model: SpaceModel) -> Iterator[Chain]:
    """Those of the three image towers, in order."""
    for name in TOWERS:
        yield from chains_of(model.get_submodule(name), name)


def linears(model: SpaceModel) -> Iterator[tuple[str, nn.Linear]]:
    """Every linear layer that is swapped, by name."""
    for name, module in model.named_modules():
        if type(module) is nn.Linear and name != SPOKEN:
            yield name, module


def embeddings(model: SpaceModel) -> Iterator[tuple[str, nn.Embedding]]:
    """Words, places and kinds of the text tower, by name."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Embedding):
            yield name, module


def fold_batch_norm(link: Link) -> tuple[Tensor, Tensor]:
    """Weight and bias of the convolution with its batch norm in them."""
    norm = link.norm
    factor_F = norm.weight / (norm.running_var + norm.eps).sqrt()
    return link.conv.weight * factor_F[:, None, None, None], norm.bias - norm.running_mean * factor_F


def quantize_model(model: SpaceModel, recipe: Tensors) -> dict[str, Tensor]:
    """What a file holds, of a model in full precision and a recipe: the ranges of its layers' inputs, and perhaps
    other weights, biases and scales, which training found.
    """
    held: dict[str, Tensor] = {}
    for link in (link for chain in chains(model) for link in chain.links):
        held |= _layer(link.name, *fold_batch_norm(link), recipe)
    for name, linear in linears(model):
        held |= _layer(name, linear.weight, linear.bias, recipe)
    for name, embedding in embeddings(model):
        held[name + WEIGHT], held[name + SCALE] = eight_bits_of(embedding.weight)
    held[SPOKEN + WEIGHT], held[SPOKEN + SCALE] = eight_bits_of(model.image_tower.classifier.weight)
    inside = {link.norm for chain in chains(model) for link in chain.links}
    for name, module in model.named_modules():
        if isinstance(module, nn.LayerNorm) and module not in inside:
            held |= {f"{name}.{part}": value for part, value in module.state_dict().items()}
    return {name: value.detach().contiguous() for name, value in held.items()}


def put_in(model: SpaceModel, held: Tensors, *, dynamic: bool = False) -> None:
    """Swaps the model's layers for those that `held` describes. `dynamic`: linear layers find ranges themselves."""
    for name in TOWERS:
        put_chains(model.get_submodule(name), name, held)
    for name, _ in list(linears(model)):
        weight, scale, bias = held[name + WEIGHT], held[name + SCALE], held.get(name + BIAS)
        given, smooth_D = range_in(held, name), held.get(name + SMOOTH)
        made = (
            DynamicLinear(weight, scale, bias, smooth_D=smooth_D)
            if dynamic
            else Int8Linear(weight, scale, bias, given, smooth_D=smooth_D)
        )
        model.set_submodule(name, made)
    for name, _ in list(embeddings(model)):
        model.set_submodule(name, Int8Embedding(held[name + WEIGHT], held[name + SCALE]))


def recipe_of(ranges: Mapping[str, Range], smooth: Tensors) -> dict[str, Tensor]:
    """That of calibration alone."""
    given = {name + GIVEN: torch.tensor([how.scale, float(how.zero)]) for name, how in ranges.items()}
    return given | {name + SMOOTH: value for name, value in smooth.items()}


def _layer(name: str, weight: Tensor, bias: Tensor | None, recipe: Tensors) -> dict[str, Tensor]:
    """Weight, scale, bias and range of one layer, by their names."""
    weight, bias = recipe.get(name + WEIGHT, weight), recipe.get(name + BIAS, bias)
    smooth = {name + SMOOTH: recipe[name + SMOOTH]} if name + SMOOTH in recipe else {}
    levels, scale = eight_bits_of(weight * smooth.get(name + SMOOTH, 1), recipe.get(name + SCALE))
    held = {name + WEIGHT: levels, name + SCALE: scale, name + GIVEN: recipe[name + GIVEN]} | smooth
    return held if bias is None else held | {name + BIAS: bias}
