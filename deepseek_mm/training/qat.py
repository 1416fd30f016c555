"""`train qat`: quantisation-aware training of the image tower and its heads for eight bits.

A teacher in full precision looks at the same photos, and the student, whose every layer is rounded, is trained to give
the same vectors of pictures and cells, the same maps, and the same order of captions. No label is needed. It starts
from calibrated ranges. Weights and inputs are rounded where the whole numbers would be, and gradients pass as if they
were not (straight-through, Bengio et al. 2013, arXiv 1308.3432); the size of a level is trained as well (LSQ, Esser et
al. 2020, arXiv 1902.08153, eq. 3). What training leaves behind is a recipe: `towers.quantised` makes the whole numbers
of it.

Shape key:  B photos, C channels, S side of a picture, D width of the space, P cells, K captions, F outputs
"""

import argparse
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepseek_mm.config import cache_folder
from deepseek_mm.embeddings.default import DefaultSpace, SpaceModel
from deepseek_mm.embeddings.inference import autocast_bf16
from deepseek_mm.embeddings.towers import squeeze, to_pixels
from deepseek_mm.evaluation.retrieval import CaptionRow, find_pictures, read_caption_rows, read_picture
from deepseek_mm.runtime.quantization.int8_layers import (
    BIAS,
    GIVEN,
    LEVELS,
    SCALE,
    SIGNED,
    TOWERS,
    WEIGHT,
    Chain,
    Link,
    eight_bits_of,
    same_pads,
    window_of,
)
from deepseek_mm.runtime.quantization.weight_files import cache_file
from deepseek_mm.runtime.towers.backends import QAT
from deepseek_mm.training.int8_space import (
    SEED,
    CalibrationSample,
    calibrate,
    chains,
    fold_batch_norm,
    linears,
    put_in,
    quantize_model,
    write_space,
)
from deepseek_mm.training.loop import StepLoss, StepsConfig, add_config_flags, choose_config, tell_written, train_stage
from deepseek_mm.training.losses import compute_divergence, compute_relative_error

FASTER = 10  # a level's size grows by this times what an update moves it
HEADS = ("image_head.", "side.image.")  # that are trained with the tower


class Rounded(nn.Module):
    """A layer's weight, bias and input, each as it will be in eight bits."""

    def __init__(self, weight: Tensor, bias_F: Tensor, given: Tensor, scale_F: Tensor | None = None) -> None:
        super().__init__()
        self.weight, self.bias_F = nn.Parameter(weight.detach().clone()), nn.Parameter(bias_F.detach().clone())
        self.first_F, self.first_given = eight_bits_of(weight.detach(), scale_F)[1].clone(), given[:1].clone()
        self.grown_F, self.grown_given = nn.Parameter(torch.zeros_like(self.first_F)), nn.Parameter(torch.zeros(1))
        self.zero = given[1:].clone()

    @property
    def scale_F(self) -> Tensor:
        """The size of a level of each output's weights."""
        return self.first_F * (FASTER * self.grown_F).exp()

    @property
    def given_scale(self) -> Tensor:
        """The size of a level of the input."""
        return self.first_given * (FASTER * self.grown_given).exp()

    def input(self, x: Tensor) -> Tensor:
        """Rounded and clipped."""
        return torch._fake_quantize_learnable_per_tensor_affine(
            x, self.given_scale, self.zero, 0, LEVELS, 1 / (x.numel() * LEVELS) ** 0.5
        )

    def round_weight(self) -> Tensor:
        """The weight on its levels."""
        scale_F, factor = self.scale_F, 1 / (self.weight[0].numel() * SIGNED) ** 0.5
        return torch._fake_quantize_learnable_per_channel_affine(
            self.weight, scale_F, torch.zeros_like(scale_F), 0, -SIGNED, SIGNED, factor
        )

    def recipe(self, name: str) -> dict[str, Tensor]:
        """What was learned, by the names of a file; the weight in floats."""
        given = torch.cat((self.given_scale, self.zero))
        learned = {WEIGHT: self.weight, SCALE: self.scale_F, BIAS: self.bias_F, GIVEN: given}
        return {name + end: value.detach().clone() for end, value in learned.items()}


class RoundedChain(nn.Module):
    """As `Int8Chain`, in floats."""

    def __init__(self, chain: Chain, recipe: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.skips, self.stops = chain.skips, chain.stops
        self.windows = [window_of(link.conv) for link in chain.links]
        self.layers = [make_rounded_layer(link, recipe) for link in chain.links]
        self.held = nn.ModuleList(self.layers)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, F, H', W')."""
        y = x_BCHW
        for layer, window in zip(self.layers, self.windows, strict=True):
            y, pads = layer.input(y), window.padding
            if pads < 0:
                y, pads = F.pad(y, same_pads(y, window)), 0
            y = F.conv2d(y, layer.round_weight(), layer.bias_F, window.stride, pads, 1, window.groups)
        if self.stops:
            y = y.clamp(0, 6)
        return y + x_BCHW if self.skips else y


class RoundedLinear(nn.Module):
    """As `Int8Linear`, in floats."""

    def __init__(self, linear: nn.Linear, name: str, recipe: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.layer = Rounded(linear.weight, linear.bias, recipe[name + GIVEN], recipe.get(name + SCALE))

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) to (..., F)."""
        return F.linear(self.layer.input(x), self.layer.round_weight(), self.layer.bias_F)


def make_rounded_layer(link: Link, recipe: Mapping[str, Tensor]) -> Rounded:
    """One convolution, batch norm folded in."""
    weight, bias_F = fold_batch_norm(link)
    weight, bias_F = recipe.get(link.name + WEIGHT, weight), recipe.get(link.name + BIAS, bias_F)
    return Rounded(weight, bias_F, recipe[link.name + GIVEN], recipe.get(link.name + SCALE))


def make_aware(model: SpaceModel, recipe: Mapping[str, Tensor]) -> dict[str, Rounded]:
    """Swaps tower and heads of pictures, in place; each layer that is rounded, by its name."""
    found: dict[str, Rounded] = {}
    for chain in list(chains(model)):
        made = RoundedChain(chain, recipe)
        found |= {link.name: layer for link, layer in zip(chain.links, made.layers, strict=True)}
        setattr(chain.parent, chain.child, made)
    for name in TOWERS:
        model.get_submodule(name).norm = nn.Identity()
    for name, linear in list(linears(model)):
        if name.startswith(HEADS):
            made_linear = RoundedLinear(linear, name, recipe)
            found[name] = made_linear.layer
            model.set_submodule(name, made_linear)
    return found


STEPS = StepsConfig(steps=360, rate=1e-5, warm=0.1, last=0.02)
VECTOR_WEIGHT, CELL_WEIGHT, MAP_WEIGHT, ORDER_WEIGHT = 3.0, 1.0, 0.5, 1.0  # in the loss
SHARPNESS = 30.0  # of likeness, when captions share one picture among them: about what the space was trained with
EVERY = 25  # steps after which a checkpoint is kept


@dataclass(frozen=True, kw_only=True, slots=True)
class QatConfig:
    """What is trained, and on how much at once."""

    batch: int = 8  # photos
    calibrate: int = 256  # photos whose ranges it starts from
    captions: int = 4096  # that are put in order


class TowerOutputs:
    """What a model sees in pictures: middle map, both maps, vectors, cells."""

    def __init__(self, model: SpaceModel, pixels_BCSS: Tensor) -> None:
        self.middle = model.image_tower.lower(pixels_BCSS)
        self.packaged, self.tuned = model.packaged_upper(self.middle), model.image_tower.upper(self.middle)
        main_BPC = self.tuned.flatten(2).transpose(1, 2)
        self.vectors_BD, self.cells_BPD = model.look_at(main_BPC, model.side_map_of(self.middle, self.packaged))


def measure_distance(student: TowerOutputs, teacher: TowerOutputs) -> dict[str, Tensor]:
    """How far the student's sight is from the teacher's: 1 - cosine of vectors and cells, relative error of maps."""
    vectors = (1 - F.cosine_similarity(student.vectors_BD, teacher.vectors_BD.float(), dim=-1)).mean()
    cells = (1 - F.cosine_similarity(student.cells_BPD, teacher.cells_BPD.float(), dim=-1)).mean()
    pairs = [(getattr(student, name), getattr(teacher, name)) for name in ("middle", "packaged", "tuned")]
    maps = torch.stack([compute_relative_error(own, right) for own, right in pairs]).mean()
    loss = VECTOR_WEIGHT * vectors + CELL_WEIGHT * cells + MAP_WEIGHT * maps
    return {"loss": loss, "vectors": vectors, "cells": cells, "maps": maps}


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptionVectors:
    """Vectors of the same sentences in full precision, and in the eight bits that the student will meet."""

    whole_KD: Tensor
    rounded_KD: Tensor

    @classmethod
    def of(
        cls, space: DefaultSpace, recipe: Mapping[str, Tensor], rows: Sequence[CaptionRow], *, count: int
    ) -> "CaptionVectors":
        """Some captions of the rows, by chance that is always the same."""
        texts = [text for row in rows for text in row.captions]
        drawn, rounded = random.Random(SEED).sample(texts, min(count, len(texts))), DefaultSpace()
        put_in(rounded.model, quantize_model(space.model, recipe))
        whole_KD, rounded_KD = (torch.from_numpy(each.embed_texts(drawn)) for each in (space, rounded))
        return cls(whole_KD=whole_KD, rounded_KD=rounded_KD)

    def measure_order(self, student_BD: Tensor, teacher_BD: Tensor) -> Tensor:
        """KL divergence of the shares that captions have in a picture, in nats a picture."""
        told, right = student_BD.float() @ self.rounded_KD.T, teacher_BD.float() @ self.whole_KD.T
        return compute_divergence(SHARPNESS * told, SHARPNESS * right)


def make_qat_loss(
    teacher: SpaceModel, student: SpaceModel, photos: Sequence[Path], captions: CaptionVectors, *, batch: int
) -> StepLoss:
    """How far the student is from the teacher before photos that are drawn by the step alone."""

    def loss(step: int) -> dict[str, Tensor]:
        draw = random.Random(step)
        pixels = to_pixels([squeeze(read_picture(draw.choice(photos))) for _ in range(batch)])
        with torch.no_grad(), autocast_bf16():
            right = TowerOutputs(teacher, pixels)
        seen = TowerOutputs(student, pixels)
        parts, order = measure_distance(seen, right), captions.measure_order(seen.vectors_BD, right.vectors_BD)
        return parts | {"loss": parts["loss"] + ORDER_WEIGHT * order, "order": order}

    return loss


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train qat`."""
    parser.add_argument("--data", type=Path, required=True, help="JSONL file of rows {image, captions, split}")
    parser.add_argument("--images", type=Path, required=True, help="folder of the rows' photos")
    parser.add_argument("--out", type=Path, default=Path("runs/qat"), help="folder of this run: log, plot, checkpoint")
    parser.add_argument("--file", type=Path, help="where the quantised space is written (the cache folder)")
    add_config_flags(parser, StepsConfig, QatConfig)


def run(args: argparse.Namespace) -> int:
    """Calibrate, train, and write the file; goes on where an earlier call stopped."""
    steps, config = choose_config(STEPS, args), choose_config(QatConfig(), args)
    rows = read_caption_rows(args.data, split="train")
    photos = find_pictures(args.images, [row.image for row in rows])
    space, aware = DefaultSpace(), DefaultSpace().model
    sample = CalibrationSample.of(rows, args.images, count=config.calibrate)
    recipe = calibrate(space, sample)
    layers = make_aware(aware, recipe)
    trained = {f"{name}.{part}": p for name, layer in layers.items() for part, p in layer.named_parameters()}
    for parameter in trained.values():
        parameter.requires_grad_(True)
    captions = CaptionVectors.of(space, recipe, rows, count=config.captions)
    loss = make_qat_loss(space.model, aware.train(False), photos, captions, batch=config.batch)
    plots = ("loss", "vectors", "cells", "maps", "order")
    train_stage(args.out, trained, loss, steps, config, {"photos": len(photos)}, every=EVERY, plots=plots)
    learned = {name: value for own, layer in layers.items() for name, value in layer.recipe(own).items()}
    file = args.file or cache_file(cache_folder(), QAT)
    command = f"python -m deepseek_mm train qat --data {args.data} --images {args.images} --out {args.out}"
    write_space(file, space, recipe | learned, scheme=QAT, calibrated=sample.description, made=command)
    tell_written(file)
    return 0
