"""Teach pictures and text one language: matching pairs close, everything else apart.

A step takes a batch of photos, each in one of its views, with one or two of its captions; the heads, the text tower and
(from a later epoch on) the upper part of the image tower follow the loss, and a slowly moving average of all of them is
what is kept. Chance depends on the seed and the step alone, so a resumed run equals an undisturbed one.

Shape key:  B photos in the batch, T texts, D width of the space
"""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from deepseek_mm.config import between
from deepseek_mm.embeddings.autocast import autocast_bf16
from deepseek_mm.embeddings.default import SpaceModel
from deepseek_mm.errors import ConfigError
from deepseek_mm.train.captions import Captioned
from deepseek_mm.train.journal import Journal
from deepseek_mm.train.losses import Bank, contrastive_loss, cosine_embedding_loss

LOSSES = ("contrastive", "cosine")
UPPER, TEXT = "image_tower.upper.", "text_tower.model.encoder.layer."
HEADS = ("image_head.", "text_head.")
MAX_SCALE = 100.0  # of the inverse temperature, as CLIP's


@dataclass(frozen=True, kw_only=True, slots=True)
class AlignConfig:
    """The recipe; the defaults made the weights that are shipped."""

    epochs: int = 16
    batch: int = 384  # photos
    captions: int = 1  # of each photo in a step
    bank: int = 0  # vectors remembered from earlier batches
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
    """One run of training: holds the model, the optimiser, the moving average and the bank."""

    def __init__(self, model: SpaceModel, data: Captioned, config: AlignConfig) -> None:
        self.model, self.data, self.config = model.train(), data, config
        self.scale = nn.Parameter(torch.tensor(math.log(config.first_scale)))
        self.steps_per_epoch = max(1, len(data.rows) // config.batch)
        quiet(model)
        self.trained = {name: p for name, p in model.named_parameters() if group_of(name)}
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in self.trained)
        self.average = {name: p.detach().clone() for name, p in self.trained.items()}
        self.optimiser = torch.optim.AdamW(self._groups(), betas=(0.9, 0.98), fused=True)
        self.bank: Bank | None = None

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
        self._remember(image_BD.detach(), text_TD.detach())
        self._follow(step)
        return float(loss.detach())

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {
            "trained": {name: p.detach() for name, p in self.trained.items()},
            "average": self.average,
            "scale": self.scale.detach(),
            "optimiser": self.optimiser.state_dict(),
            "bank": None if self.bank is None else tuple(self.bank),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        with torch.no_grad():
            for name, parameter in self.trained.items():
                parameter.copy_(state["trained"][name])
            self.scale.copy_(state["scale"])
        self.average = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.bank = None if state["bank"] is None else Bank(*state["bank"])

    def _loss(self, image_BD: Tensor, text_TD: Tensor, owner_T: Tensor) -> Tensor:
        if self.config.loss == "cosine":
            return cosine_embedding_loss(image_BD, text_TD, owner_T)
        return contrastive_loss(image_BD, text_TD, owner_T, self.scale.exp().clamp(max=MAX_SCALE), self.bank)

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
            {"params": [p for name, p in self.trained.items() if group_of(name) == group], "top": rate}
            for group, rate in rates.items()
        ]
        groups.append({"params": [self.scale], "top": self.config.head_rate})
        return [
            {**group, "lr": group["top"], "weight_decay": self.config.decay if len(group["params"]) > 1 else 0.0}
            for group in groups
        ]

    def _set_rates(self, step: int) -> None:
        share = schedule(step, self.steps_per_epoch * self.config.epochs, warm=self.config.warm)
        for group in self.optimiser.param_groups:
            group["lr"] = group["top"] * share

    def _remember(self, image_BD: Tensor, text_TD: Tensor) -> None:
        if self.config.bank and self.config.loss == "contrastive":
            old = self.bank or Bank(image_BD[:0], text_TD[:0])
            self.bank = Bank(
                torch.cat([image_BD, old.image_KD])[: self.config.bank],
                torch.cat([text_TD, old.text_KD])[: self.config.bank],
            )

    def _follow(self, step: int) -> None:
        memory = min(self.config.average, (step + 1) / (step + 10))
        with torch.no_grad():
            for name, parameter in self.trained.items():
                self.average[name].lerp_(parameter, 1 - memory)


def group_of(name: str) -> str:
    """Which learning rate a parameter follows; empty when it is not trained."""
    if name.startswith(UPPER):
        return "upper"
    if name.startswith(TEXT):
        return "text"
    return "heads" if name.startswith(HEADS) else ""


def schedule(step: int, total: int, *, warm: float) -> float:
    """Rises linearly over the first `warm` of the steps, then falls along a cosine to 2 %; 0 to 1."""
    rise = min(1.0, (step + 1) / (warm * total + 1))
    return rise * (0.02 + 0.98 * (1 + math.cos(math.pi * step / total)) / 2)


def quiet(model: SpaceModel) -> None:
    """Batch statistics stay ImageNet's, and the text tower drops nothing: its dropout costs more time than it gives."""
    model.image_tower.eval()
    model.text_tower.eval()


def align(
    model: SpaceModel, data: Captioned, config: AlignConfig, journal: Journal, *, told: Callable[[int, float], None]
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


def settings_of(config: AlignConfig) -> dict[str, Any]:
    """The recipe as plain values, for the journal and the card."""
    return asdict(config)
