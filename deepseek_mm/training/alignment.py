"""`train align`: train the shared space of images and texts, from captioned photos to the shipped weights.

The lower tower's maps are computed and cached, then contrastive training runs (or resumes), then the side heads are
trained, the changes are packed into `weights/`, and the vocabulary's curve is fitted. A step takes a batch of photos,
each in one of its views, with one or two captions; heads, text tower and (from a later epoch on) the upper part of the
image tower follow the loss, and the moving average of the weights is kept. Randomness depends on the seed and the step
alone, so a resumed run equals an undisturbed one.

Shape key:  B photos in the batch, T texts, D width of the space
"""

import argparse
import math
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn
from tqdm import tqdm

from deepseek_mm.config import between
from deepseek_mm.deltas import pack_changes
from deepseek_mm.embeddings.default import WEIGHTS, DefaultSpace, SpaceModel
from deepseek_mm.embeddings.inference import autocast_bf16
from deepseek_mm.errors import ConfigError
from deepseek_mm.evaluation.retrieval import (
    CaptionRow,
    RetrievalReport,
    evaluate_retrieval,
    find_pictures,
    read_caption_rows,
    read_picture,
)
from deepseek_mm.storage.files import atomic_write
from deepseek_mm.training.feature_maps import CaptionedViews, prepare_captioned
from deepseek_mm.training.loop import RunFolder, follow_average, schedule_rate, tell_written
from deepseek_mm.training.losses import contrastive_loss, cosine_embedding_loss
from deepseek_mm.training.side_heads import SideConfig, train_side
from deepseek_mm.training.vocabulary_curves import fit_vocabulary, save_vocabulary
from deepseek_mm.vision.vocabulary import CURVES_FILE, read_names

LOSSES = ("contrastive", "cosine")
UPPER, TEXT = "image_tower.upper.", "text_tower.model.encoder.layer."
HEADS = ("image_head.", "text_head.")
NEW = ("image_head.", "text_head.", "side.", "narrow")  # without a packaged twin
MAX_SCALE = 100.0  # of the inverse temperature, as CLIP's


@dataclass(frozen=True, kw_only=True, slots=True)
class AlignConfig:
    """The recipe; the defaults made the weights that are shipped."""

    epochs: int = 16
    batch: int = 384  # photos
    captions: int = 1  # of each photo in a step
    loss: str = "contrastive"
    head_rate: float = 1e-3  # learning rates, at the top of the schedule
    text_rate: float = 1e-4
    upper_rate: float = 2e-4
    upper_from: int = 6  # epoch from which the image tower's upper part is trained too
    decay: float = 0.05  # of the weights
    warm: float = 0.05  # share of the steps over which the rates rise; a cosine brings them down
    first_scale: float = 30.0  # inverse temperature at the start
    average: float = 0.97  # memory of the moving average
    seed: int = 0

    def __post_init__(self) -> None:
        between("align.epochs", self.epochs, 1, 10_000)
        between("align.batch", self.batch, 2, 65_536)
        between("align.captions", self.captions, 1, 5)
        between("align.average", self.average, 0, 0.99999)
        if self.loss not in LOSSES:
            raise ConfigError(f"align.loss={self.loss!r} must be one of {', '.join(LOSSES)}")


class Aligner:
    """One run of training: holds the model, the optimiser and the moving average."""

    def __init__(self, model: SpaceModel, data: CaptionedViews, config: AlignConfig) -> None:
        self.model, self.data, self.config = model.train(), data, config
        self.scale = nn.Parameter(torch.tensor(math.log(config.first_scale)))
        self.steps_per_epoch = max(1, len(data.rows) // config.batch)
        freeze_statistics(model)
        self.trained = {name: p for name, p in model.named_parameters() if name_rate_group(name)}
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in self.trained)
        self.average = {name: p.detach().clone() for name, p in self.trained.items()}
        self.optimiser = torch.optim.AdamW(self._groups(), betas=(0.9, 0.98), fused=True)

    def train_step(self, step: int) -> float:
        """One update; returns the loss."""
        config, epoch = self.config, step // self.steps_per_epoch
        self._set_rates(step)
        chance = random.Random(f"{config.seed} {step}")
        torch.manual_seed(chance.randrange(2**31))
        photos = self._photos(epoch, step % self.steps_per_epoch)
        with autocast_bf16():
            image_BD = self._image_vectors(photos, chance, tuned=epoch >= config.upper_from)
            texts = [text for photo in photos for text in self._captions(photo, chance)]
            text_TD = self.model.texts(texts)
        loss = self._loss(image_BD, text_TD, torch.arange(len(photos)).repeat_interleave(len(texts) // len(photos)))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([*self.trained.values(), self.scale], 1.0)
        self.optimiser.step()
        follow_average(self.average, self.trained, step, memory=config.average)
        return float(loss.detach())

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {
            "trained": {name: p.detach() for name, p in self.trained.items()},
            "average": self.average,
            "scale": self.scale.detach(),
            "optimiser": self.optimiser.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        with torch.no_grad():
            for name, parameter in self.trained.items():
                parameter.copy_(state["trained"][name])
            self.scale.copy_(state["scale"])
        self.average = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])

    def _loss(self, image_BD: Tensor, text_TD: Tensor, owner_T: Tensor) -> Tensor:
        if self.config.loss == "cosine":
            return cosine_embedding_loss(image_BD, text_TD, owner_T)
        return contrastive_loss(image_BD, text_TD, owner_T, self.scale.exp().clamp(max=MAX_SCALE))

    def _image_vectors(self, photos: list[int], chance: random.Random, *, tuned: bool) -> Tensor:
        views = [chance.randrange(len(self.data.views)) for _ in photos]
        middle = self.data.middle(photos, views).contiguous(memory_format=torch.channels_last)
        if tuned:  # in bfloat16 the backward pass of a depthwise convolution is slower than in float32
            with torch.autocast("cpu", enabled=False):
                map_BPC = self.model.map_of(middle.float())
        else:
            with torch.no_grad():
                map_BPC = self.model.map_of(middle)
        vector_BD: Tensor = self.model.image_head(map_BPC)
        return vector_BD

    def _photos(self, epoch: int, place: int) -> list[int]:
        order = list(range(len(self.data.rows)))
        random.Random(f"{self.config.seed} epoch {epoch}").shuffle(order)
        return order[place * self.config.batch : (place + 1) * self.config.batch]

    def _captions(self, photo: int, chance: random.Random) -> list[str]:
        return chance.sample(self.data.rows[photo].captions, self.config.captions)

    def _groups(self) -> list[dict[str, Any]]:
        rates = {"heads": self.config.head_rate, "text": self.config.text_rate, "upper": self.config.upper_rate}
        groups: list[dict[str, Any]] = [
            {"params": [p for name, p in self.trained.items() if name_rate_group(name) == group], "top": rate}
            for group, rate in rates.items()
        ]
        groups.append({"params": [self.scale], "top": self.config.head_rate})
        return [
            {**group, "lr": group["top"], "weight_decay": self.config.decay if len(group["params"]) > 1 else 0.0}
            for group in groups
        ]

    def _set_rates(self, step: int) -> None:
        share = schedule_rate(step, self.steps_per_epoch * self.config.epochs, warm=self.config.warm)
        for group in self.optimiser.param_groups:
            group["lr"] = group["top"] * share


def name_rate_group(name: str) -> str:
    """Which learning rate a parameter follows; empty when it is not trained."""
    if name.startswith(UPPER):
        return "upper"
    if name.startswith(TEXT):
        return "text"
    return "heads" if name.startswith(HEADS) else ""


def freeze_statistics(model: SpaceModel) -> None:
    """Batch statistics stay ImageNet's, and the text tower drops nothing: its dropout costs more time than it gives."""
    model.image_tower.eval()
    model.text_tower.eval()


def align(
    model: SpaceModel,
    data: CaptionedViews,
    config: AlignConfig,
    journal: RunFolder,
    *,
    told: Callable[[int, float], None],
) -> Iterator[int]:
    """Train to the end, from the last checkpoint if there is one; yields each finished epoch."""
    aligner = Aligner(model, data, config)
    saved = journal.resume()
    if saved:
        aligner.restore(saved)
    first = saved["step"] if saved else 0
    for step in range(first, aligner.steps_per_epoch * config.epochs):
        loss = aligner.train_step(step)
        journal.log(step + 1, loss=loss, scale=float(aligner.scale.detach().exp()))
        told(step + 1, loss)
        if (step + 1) % aligner.steps_per_epoch == 0:
            journal.save(step + 1, aligner.state())
            journal.plot("loss")
            yield (step + 1) // aligner.steps_per_epoch
    with torch.no_grad():
        for name, parameter in aligner.trained.items():
            parameter.copy_(aligner.average[name])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train align`; every number of the recipe is one."""
    parser.add_argument("--data", type=Path, required=True, help="JSONL file of rows {image, captions, split}")
    parser.add_argument("--images", type=Path, required=True, help="folder of the rows' photos")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/align"), help="folder of this run: log, plot, checkpoint"
    )
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file to write the space to")
    parser.add_argument("--views", type=int, default=4, help="views of each photo: itself and random crops")
    parser.add_argument("--side-epochs", type=int, default=SideConfig().epochs, help="epochs of the side heads")
    for item in fields(AlignConfig):
        kind = type(item.default)
        parser.add_argument(f"--{item.name.replace('_', '-')}", type=kind, default=item.default)


def run(args: argparse.Namespace) -> int:
    """Train, evaluate on the rows of split "dev", and write the weights; goes on where an earlier call stopped."""
    config = AlignConfig(**{item.name: getattr(args, item.name) for item in fields(AlignConfig)})
    rows = read_caption_rows(args.data, split="train")
    model, before = SpaceModel(), SpaceModel().state_dict()
    _say(f"preparing {args.views} views of {len(rows)} photos in {args.out}/maps")
    data = prepare_captioned(model.image_tower, rows, args.images, args.out / "maps", num_views=args.views)
    journal = RunFolder(args.out, {**asdict(config), "photos": len(rows), "views": args.views})
    with tqdm(total=config.epochs * max(1, len(rows) // config.batch), unit="step", file=sys.stderr) as bar:
        for epoch in align(model, data, config, journal, told=lambda step, loss: _show(bar, step, loss)):
            bar.write(f"epoch {epoch} of {config.epochs} done", file=sys.stderr)
    side = SideConfig(epochs=args.side_epochs, batch=min(SideConfig().batch, len(rows)))
    with tqdm(total=side.epochs * max(1, len(rows) // side.batch), unit="side step", file=sys.stderr) as bar:
        train_side(model, data, side, told=lambda step, loss: _show(bar, step, loss))
    model.eval()
    atomic_write(args.weights, save(pack_changes(before, model.state_dict(), new=NEW)))
    space = DefaultSpace(args.weights)
    _fit_vocabulary(space, rows, args.images, args.weights.with_name(CURVES_FILE.name))
    report = _evaluate(space, args.data, args.images)
    _say(report.table())
    tell_written(args.weights)
    return 0


def _fit_vocabulary(space: DefaultSpace, rows: Sequence[CaptionRow], images: Path, file: Path) -> None:
    _say(f"fitting the vocabulary's curves on {len(rows)} photos")
    paths = find_pictures(images, [row.image for row in rows])
    looks = list(tqdm(space.look_many(read_picture(p) for p in paths), total=len(rows), unit="photo", file=sys.stderr))
    try:
        save_vocabulary(file, space, fit_vocabulary(space, looks, rows, read_names()))
    except ConfigError as error:  # the space works without curves, only less surely
        _say(f"the vocabulary stays without curves: {error}")


def _evaluate(space: DefaultSpace, data: Path, images: Path) -> RetrievalReport:
    return evaluate_retrieval(space, read_caption_rows(data, split="dev"), images)


def _show(bar: Any, step: int, loss: float) -> None:
    bar.n = step
    bar.set_postfix(loss=f"{loss:.3f}", threads=torch.get_num_threads())


def _say(text: str) -> None:
    tqdm.write(text, file=sys.stderr)
