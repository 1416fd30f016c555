"""`train qat`: the image tower and its heads learn to live with eight bits.

A teacher in full precision looks at the same photos, and the student, whose every layer rounds as it will have to,
is taught to see the same: the vectors of the pictures and of their cells, the maps that other models look at, and in
which order captions come that are compared with a picture, whoever's they are. No label is needed. It starts from
calibrated ranges, so that what it gains is what training adds to them.

Shape key:  B photos, C channels, S side of a picture, D width of the space, P cells, K captions
"""

import argparse
import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepseek_mm.config import cache_folder
from deepseek_mm.embeddings.autocast import autocast_bf16
from deepseek_mm.embeddings.default import DefaultSpace, SpaceModel
from deepseek_mm.embeddings.image import squeeze, to_pixels
from deepseek_mm.evaluation.retrieval import CaptionRow, find_pictures, read_caption_rows, read_picture
from deepseek_mm.runtime.quantize.aware import Rounded, make_aware
from deepseek_mm.runtime.quantize.kept import cache_file
from deepseek_mm.runtime.quantize.space import QAT, SEED, Sample, calibrate, write_space
from deepseek_mm.runtime.quantize.towers import put_in, quantised
from deepseek_mm.train.journal import Journal
from deepseek_mm.train.loop import add_configs, chosen, gathered, train_steps
from deepseek_mm.train.steps import StepsConfig

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
    ranges: bool = False  # only ranges, scales and biases: what changes fits into a quarter of a megabyte


class Seen:
    """What a model sees in pictures: middle map, both maps, vectors, cells."""

    def __init__(self, model: SpaceModel, pixels_BCSS: Tensor) -> None:
        self.middle = model.image_tower.lower(pixels_BCSS)
        self.packaged, self.tuned = model.packaged_upper(self.middle), model.image_tower.upper(self.middle)
        main_BPC = self.tuned.flatten(2).transpose(1, 2)
        self.vectors_BD, self.cells_BPD = model.look_at(main_BPC, model.side_map_of(self.middle, self.packaged))


def distance(student: Seen, teacher: Seen) -> dict[str, Tensor]:
    """How far the student's sight is from the teacher's: 1 - cosine of vectors and cells, relative error of maps."""
    vectors = (1 - F.cosine_similarity(student.vectors_BD, teacher.vectors_BD.float(), dim=-1)).mean()
    cells = (1 - F.cosine_similarity(student.cells_BPD, teacher.cells_BPD.float(), dim=-1)).mean()
    pairs = [(getattr(student, name), getattr(teacher, name).float()) for name in ("middle", "packaged", "tuned")]
    maps = torch.stack([(a - b).square().mean() / b.square().mean() for a, b in pairs]).mean()
    loss = VECTOR_WEIGHT * vectors + CELL_WEIGHT * cells + MAP_WEIGHT * maps
    return {"loss": loss, "vectors": vectors, "cells": cells, "maps": maps}


@dataclass(frozen=True, kw_only=True, slots=True)
class Captions:
    """Vectors of the same sentences in full precision, and in the eight bits that the student will meet."""

    whole_KD: Tensor
    rounded_KD: Tensor

    @classmethod
    def of(
        cls, space: DefaultSpace, recipe: Mapping[str, Tensor], rows: Sequence[CaptionRow], *, count: int
    ) -> "Captions":
        """Some captions of the rows, by chance that is always the same."""
        texts = [text for row in rows for text in row.captions]
        drawn, rounded = random.Random(SEED).sample(texts, min(count, len(texts))), DefaultSpace()
        put_in(rounded.model, quantised(space.model, recipe))
        whole_KD, rounded_KD = (torch.from_numpy(each.embed_texts(drawn)) for each in (space, rounded))
        return cls(whole_KD=whole_KD, rounded_KD=rounded_KD)

    def apart(self, student_BD: Tensor, teacher_BD: Tensor) -> Tensor:
        """KL divergence of the shares that captions have in a picture, in nats a picture."""
        told, right = student_BD.float() @ self.rounded_KD.T, teacher_BD.float() @ self.whole_KD.T
        told_BK, right_BK = ((SHARPNESS * likeness_BK).log_softmax(-1) for likeness_BK in (told, right))
        return F.kl_div(told_BK, right_BK, log_target=True, reduction="batchmean")


class Lessons:
    """The loss of a step: photos of its own, by seed and step alone."""

    def __init__(
        self, teacher: SpaceModel, student: SpaceModel, photos: Sequence[Path], captions: Captions, *, batch: int
    ) -> None:
        self._teacher, self._student, self._photos, self._batch = teacher, student, photos, batch
        self._captions = captions

    def loss(self, step: int) -> dict[str, Tensor]:
        """Parts by name; "loss" is made smaller."""
        draw = random.Random(step)
        squares = [squeeze(read_picture(draw.choice(self._photos))) for _ in range(self._batch)]
        pixels = to_pixels(squares)
        with torch.no_grad(), autocast_bf16():
            right = Seen(self._teacher, pixels)
        seen = Seen(self._student, pixels)
        parts, order = distance(seen, right), self._captions.apart(seen.vectors_BD, right.vectors_BD)
        return parts | {"loss": parts["loss"] + ORDER_WEIGHT * order, "order": order}


def trained_of(layers: dict[str, Rounded], config: QatConfig) -> dict[str, nn.Parameter]:
    """What is trained, by name."""
    named = {f"{name}.{part}": p for name, layer in layers.items() for part, p in layer.named_parameters()}
    return {name: p for name, p in named.items() if not (config.ranges and name.endswith(".weight"))}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train qat`."""
    parser.add_argument("--data", type=Path, required=True, help="JSONL file of rows {image, captions, split}")
    parser.add_argument("--images", type=Path, required=True, help="folder of the rows' photos")
    parser.add_argument("--out", type=Path, default=Path("runs/qat"), help="folder of this run: log, plot, checkpoint")
    parser.add_argument("--file", type=Path, help="where the quantised space is written (the cache folder)")
    add_configs(parser, StepsConfig, QatConfig)


def run(args: argparse.Namespace) -> int:
    """Calibrate, train, and write the file; goes on where an earlier call stopped."""
    steps, config = chosen(STEPS, args), chosen(QatConfig(), args)
    rows = read_caption_rows(args.data, split="train")
    photos = find_pictures(args.images, [row.image for row in rows])
    space, aware = DefaultSpace(), DefaultSpace().model
    sample = Sample.of(rows, args.images, count=config.calibrate)
    recipe = calibrate(space, sample)
    layers = make_aware(aware, recipe)
    trained = trained_of(layers, config)
    for parameter in trained.values():
        parameter.requires_grad_(True)
    journal = Journal(args.out, {"steps": repr(steps), "qat": repr(config), "photos": len(photos)})
    captions = Captions.of(space, recipe, rows, count=config.captions)
    lessons = Lessons(space.model, aware.train(False), photos, captions, batch=config.batch)
    train_steps(trained, gathered(lessons.loss), journal, steps, every=EVERY)
    journal.plot("loss", "vectors", "cells", "maps", "order")
    learned = {name: value for own, layer in layers.items() for name, value in layer.recipe(own).items()}
    file = args.file or cache_file(cache_folder(), QAT)
    command = f"python -m deepseek_mm train qat --data {args.data} --images {args.images} --out {args.out}"
    write_space(file, space, recipe | learned, scheme=QAT, calibrated=sample.told, made=command)
    sys.stderr.write(f"wrote {file} ({file.stat().st_size / 1e6:.1f} MB)\n")
    return 0
