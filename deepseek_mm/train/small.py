"""`train small`: a head for EfficientNet-Lite0, into the text vectors of the default space.

Tower and text side stay as they are, so what they make of photos and captions is computed once and kept. A photo's
vector is drawn to its captions and away from others', and to where the default space puts the photo, which knows more.

Shape key:  N photos, B photos in a batch, P positions of the map (49), C channels (1280), D width of the space (512)
"""

import argparse
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor, nn

from deepseek_mm.deltas import pack_changes
from deepseek_mm.encoders.autocast import autocast_bf16
from deepseek_mm.encoders.default import DefaultSpace, positions
from deepseek_mm.encoders.image import MAP_CHANNELS, to_pixels
from deepseek_mm.encoders.small import GRID, SIDE_PX, WEIGHTS, SmallModel, SmallSpace
from deepseek_mm.encoders.space import Floats
from deepseek_mm.evaluate.retrieval import (
    CaptionRow,
    evaluate_retrieval,
    open_pictures,
    read_caption_rows,
    read_picture,
)
from deepseek_mm.train.captions import Views, bits_of
from deepseek_mm.train.journal import Journal, learned
from deepseek_mm.train.loop import add_configs, chosen, gathered, train_steps
from deepseek_mm.train.losses import contrastive_loss
from deepseek_mm.train.steps import StepsConfig
from deepseek_mm.whole import write_whole

STEPS = StepsConfig(steps=300, rate=1e-3, decay=0.1, average=0.97)
EVERY = 80  # steps after which a checkpoint is kept
HEAD = "image_head."


@dataclass(frozen=True, kw_only=True, slots=True)
class SmallConfig:
    """The recipe beside the steps; the defaults made the weights that are shipped."""

    batch: int = 384  # photos
    views: int = 2  # of each photo: itself and a random crop
    scale: float = 25.0  # inverse temperature
    follow: float = 4.0  # weight of 1 - cosine with the default space's vector of the photo


@dataclass(frozen=True, kw_only=True, slots=True)
class Lessons:
    """What was computed of the photos and captions, and the loss of a step over them."""

    head: nn.Module
    maps: Sequence[NDArray[np.int16]]  # a view each: (N, P, C), bfloat16 bits
    texts: Sequence[Floats]  # a photo each: the vectors of its captions (captions, D)
    right_ND: Floats  # where the default space puts the photos
    config: SmallConfig

    def loss(self, step: int) -> dict[str, Tensor]:
        """Parts by name; "loss" is made smaller."""
        chance = random.Random(f"small {step}")
        torch.manual_seed(chance.randrange(2**31))
        photos = sorted(chance.sample(range(len(self.texts)), min(self.config.batch, len(self.texts))))
        bits = np.stack([self.maps[chance.randrange(len(self.maps))][photo] for photo in photos])
        with autocast_bf16():
            image_BD = self.head(torch.from_numpy(bits).view(torch.bfloat16))
        text_BD = torch.from_numpy(np.stack([chance.choice(self.texts[photo]) for photo in photos]))
        told = contrastive_loss(image_BD, text_BD, torch.arange(len(photos)), torch.tensor(self.config.scale))
        followed = (1 - (image_BD * torch.from_numpy(self.right_ND[photos])).sum(dim=1)).mean()
        return {"loss": told + self.config.follow * followed, "told": told, "followed": followed}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train small`; every number of the recipe is one."""
    parser.add_argument("--data", type=Path, required=True, help="JSONL file of rows {image, captions, split}")
    parser.add_argument("--images", type=Path, required=True, help="folder of the rows' photos")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/small"), help="folder of this run: log, plot, checkpoint"
    )
    parser.add_argument("--maps", type=Path, help="folder of what was computed of the photos (OUT/maps)")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file to write the head to")
    add_configs(parser, StepsConfig, SmallConfig)


def run(args: argparse.Namespace) -> int:
    """Train, write the weights, and evaluate on split "dev"; goes on where an earlier call stopped."""
    steps, config = chosen(STEPS, args), chosen(SmallConfig(), args)
    rows = read_caption_rows(args.data, split="train")
    model = SmallModel()
    lessons = prepare(model, rows, args.images, args.maps or args.out / "maps", config)
    journal = Journal(args.out, {"steps": repr(steps), "small": repr(config), "photos": len(rows)})
    trained = dict(model.image_head.named_parameters())
    model.image_head.train()
    train_steps(trained, gathered(lessons.loss), journal, steps, every=EVERY)
    journal.plot("loss", "told", "followed")
    write_head(args.weights, learned(args.out))
    report = evaluate_retrieval(SmallSpace(args.weights), read_caption_rows(args.data, split="dev"), args.images)
    sys.stderr.write(f"{report.table()}\nwrote {args.weights} ({args.weights.stat().st_size / 1e6:.2f} MB)\n")
    return 0


def prepare(model: SmallModel, rows: Sequence[CaptionRow], images: Path, folder: Path, config: SmallConfig) -> Lessons:
    """What never changes, made where `folder` does not hold it yet."""
    paths = tuple(open_pictures(images, [row.image for row in rows]))
    shape = (GRID * GRID, MAP_CHANNELS)
    views = Views(folder=folder, paths=paths, shape_of_one=shape, side_px=SIDE_PX)
    maps = views.kept(lambda squares: _look(model, squares), config.views)
    right = LateSpace()
    right_ND = kept(folder / "right.npy", lambda: right.space.embed_images(read_picture(path) for path in paths))
    captions = [caption for row in rows for caption in row.captions]
    texts = kept(folder / "texts.npy", lambda: right.space.embed_texts(captions))
    ends = np.cumsum([len(row.captions) for row in rows])[:-1]
    return Lessons(head=model.image_head, maps=maps, texts=np.split(texts, ends), right_ND=right_ND, config=config)


class LateSpace:
    """The default space, opened when it is needed."""

    def __init__(self) -> None:
        self._space: DefaultSpace | None = None

    @property
    def space(self) -> DefaultSpace:
        """The same each time."""
        self._space = self._space or DefaultSpace()
        return self._space


def kept(file: Path, make: Callable[[], Floats]) -> Floats:
    """What lies in the file, which is made where it is missing."""
    if not file.is_file():
        draft = file.with_suffix(".draft.npy")
        np.save(draft, make())
        draft.replace(file)
    held: Floats = np.load(file)
    return held


def write_head(file: Path, state: dict[str, Tensor]) -> None:
    """Whole or not at all: int8 with a scale a row."""
    named = {HEAD + name: value for name, value in state.items()}
    write_whole(file, save(pack_changes({}, named, new=(HEAD,))))


@torch.inference_mode()
def _look(model: SmallModel, squares: Sequence[NDArray[np.uint8]]) -> NDArray[np.int16]:
    with autocast_bf16():
        return bits_of(positions(model.map_of(to_pixels(squares))).bfloat16())
