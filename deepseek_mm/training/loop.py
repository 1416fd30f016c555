"""The training loop of every trainer: gradients, update, log, checkpoint, resume.

A run's folder holds a log line a step, a checkpoint that is whole or absent, and a plot of the loss. A run that was
killed resumes from its last checkpoint; lines logged after it are dropped, so that the log of a resumed run equals that
of an undisturbed one. Randomness depends on the seed and the step alone.
"""

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from tqdm import tqdm

from deepseek_mm.config import between
from deepseek_mm.errors import ConfigError, NothingThere

Item = TypeVar("Item")
POOL = 40  # batches that are sorted by length together
BETAS = (0.9, 0.98)  # AdamW's memory of gradients, and of their squares


@dataclass(frozen=True, kw_only=True, slots=True)
class StepsConfig:
    """How weights follow the loss."""

    steps: int = 400
    rate: float = 1e-3  # learning rate at the top of the schedule
    warm: float = 0.05  # share of the steps over which the rate rises; a cosine brings it down
    last: float = 0.05  # share of the rate that is left at the end
    decay: float = 0.0  # of the weights
    clip: float = 1.0  # longest gradient
    accumulate: int = 1  # losses whose gradients make one update
    average: float = 0.0  # memory of a moving average of the weights, which is what was learned; 0 keeps none
    seed: int = 0

    def __post_init__(self) -> None:
        between("steps", self.steps, 1, 10**7)
        between("rate", self.rate, 0, 1)
        between("warm", self.warm, 0, 1)
        between("accumulate", self.accumulate, 1, 4096)
        between("average", self.average, 0, 0.99999)


class Optimiser:
    """AdamW over `trained`, with warmth, cosine and clipping, and perhaps a moving average beside it."""

    def __init__(
        self, trained: Mapping[str, nn.Parameter], config: StepsConfig, shares: Mapping[str, float] | None = None
    ) -> None:
        """`shares`: beginnings of parameters' names, and the share of the rate that these learn with."""
        self.trained, self.config = dict(trained), config
        by_share: dict[float, list[nn.Parameter]] = {}
        for name, parameter in self.trained.items():
            share = next((share for prefix, share in (shares or {}).items() if name.startswith(prefix)), 1.0)
            by_share.setdefault(share, []).append(parameter)
        self.shares = tuple(by_share)  # of the rate, a parameter group each
        self.optimiser = torch.optim.AdamW(
            [{"params": own} for own in by_share.values()],
            lr=config.rate,
            betas=BETAS,
            weight_decay=config.decay,
            fused=True,
        )
        self.average = {n: p.detach().float().clone() for n, p in self.trained.items()} if config.average else {}

    def update(self, step: int) -> float:
        """One update from the gradients that have been gathered; returns their length before it was clipped."""
        norm = nn.utils.clip_grad_norm_(self.trained.values(), self.config.clip)
        for group, share in zip(self.optimiser.param_groups, self.shares, strict=True):
            group["lr"] = share * compute_rate(step, self.config)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        memory = min(self.config.average, (step + 1) / (step + 10))  # short at first
        for name, value in self.average.items():
            value.lerp_(self.trained[name].detach().to(value.dtype), 1 - memory)
        return float(norm)

    def state(self) -> dict[str, Any]:
        """What the next step depends on, besides the seed."""
        return {
            "trained": {name: p.detach() for name, p in self.trained.items()},
            "optimiser": self.optimiser.state_dict(),
            **({"average": self.average} if self.average else {}),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        with torch.no_grad():
            for name, parameter in self.trained.items():
                parameter.copy_(state["trained"][name])
        self.optimiser.load_state_dict(state["optimiser"])
        self.average = {name: value.clone() for name, value in state.get("average", self.average).items()}


def compute_rate(step: int, config: StepsConfig) -> float:
    """Linear warmth, then half a cosine down to `last` of the rate."""
    warm = max(1, round(config.warm * config.steps))
    if step < warm:
        return config.rate * (step + 1) / warm
    over = (step - warm) / max(1, config.steps - warm)
    return config.rate * (config.last + (1 - config.last) * 0.5 * (1 + math.cos(math.pi * over)))


CHECKPOINT, LOG, PLOT = "checkpoint.pt", "log.jsonl", "loss.png"


def read_checkpoint(folder: Path) -> dict[str, Any]:
    """The last checkpoint of the run in `folder`: "trained", "settings" and more. NothingThere if there is none."""
    file = folder / CHECKPOINT
    if not file.is_file():
        raise NothingThere(f"no checkpoint in {folder}. Run that stage of the training first, or name its folder")
    saved: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    return saved


def read_learned(folder: Path) -> dict[str, torch.Tensor]:
    """What the run in `folder` had learned at its last checkpoint, by name: the moving average, where it keeps one.

    NothingThere if there is none.
    """
    return get_learned(read_checkpoint(folder))


def get_learned(saved: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """The same of a checkpoint that was read."""
    trained: dict[str, torch.Tensor] = saved.get("average") or saved["trained"]
    return trained


@torch.no_grad()
def load_learned(trained: Mapping[str, nn.Parameter], learned: Mapping[str, torch.Tensor]) -> None:
    """Put in what was learned, as far as it is among what is trained."""
    for name, parameter in trained.items():
        if name in learned:
            parameter.copy_(learned[name])


class RunFolder:
    """Keeps a run's folder; `settings` must be those it was begun with."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder, self.settings = folder, dict(settings)
        folder.mkdir(parents=True, exist_ok=True)

    def resume(self) -> dict[str, Any] | None:
        """The last checkpoint's state, or None for a new run; ConfigError when it was begun with other settings."""
        if not (self.folder / CHECKPOINT).is_file():
            (self.folder / LOG).unlink(missing_ok=True)
            return None
        saved = read_checkpoint(self.folder)
        if saved["settings"] != self.settings:
            differ = sorted(k for k in self.settings if self.settings[k] != saved["settings"].get(k))
            raise ConfigError(f"{self.folder} was begun with other settings ({', '.join(differ)}). Use another --out")
        self.truncate_log(saved["step"])
        return saved

    def truncate_log(self, step: int) -> None:
        """Drop the lines behind this step."""
        lines = [json.dumps(line) + "\n" for line in self.read_log() if line["step"] <= step]
        (self.folder / LOG).write_text("".join(lines), encoding="utf-8")

    def save(self, step: int, state: Mapping[str, Any]) -> None:
        """Replace the checkpoint; a crash leaves the old one."""
        draft = self.folder / f"{CHECKPOINT}.draft"
        with draft.open("wb") as stream:
            torch.save({**state, "step": step, "settings": self.settings}, stream)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(self.folder / CHECKPOINT)

    def log(self, step: int, **numbers: float) -> None:
        """Append one line to the log."""
        with (self.folder / LOG).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"step": step, **numbers}) + "\n")

    def read_log(self) -> list[dict[str, float]]:
        """Every logged line, oldest first."""
        return read_log(self.folder / LOG)

    def plot(self, *names: str) -> Path:
        """Draw the named numbers against the step."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.subplots()
        for name in names:
            points = [(line["step"], line[name]) for line in self.read_log() if name in line]
            if points:
                axes.plot(*zip(*points, strict=True), label=name)
        axes.set_xlabel("step")
        axes.legend()
        figure.savefig(self.folder / PLOT, dpi=120)
        return self.folder / PLOT


def read_log(file: Path) -> list[dict[str, Any]]:
    """Rows of a JSONL file, oldest first; none without one."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.is_file() else []


def train_steps(
    trained: Mapping[str, nn.Parameter],
    gather: Callable[[int], dict[str, float]],
    journal: RunFolder,
    config: StepsConfig,
    *,
    every: int,
    shares: Mapping[str, float] | None = None,
) -> None:
    """All steps that are left. `gather` leaves the gradients of a step behind, and says what was lost.

    A checkpoint is kept every so many steps, and at the end. `shares` as `Optimiser` has it.
    """
    steps, saved = Optimiser(trained, config, shares), journal.resume()
    if saved:
        steps.restore(saved)
    first = saved["step"] if saved else 0
    with tqdm(total=config.steps, initial=first, unit="step", file=sys.stderr) as bar:
        for step in range(first, config.steps):
            told = gather(step)
            told["gradient"] = steps.update(step)
            journal.log(step + 1, **told)
            bar.set_postfix({name: f"{value:.3f}" for name, value in told.items()}, refresh=False)
            bar.update()
            if (step + 1) % every == 0 or step + 1 == config.steps:
                journal.save(step + 1, steps.state())


def batch_by_length(items: list[Item], length: Callable[[Item], int], size: int, chance: Random) -> list[list[Item]]:
    """Batches of like length in an order by chance, the whole ones alone where there are any, and all once more."""
    chance.shuffle(items)
    batches: list[list[Item]] = []
    for at in range(0, len(items), POOL * size):
        pool = sorted(items[at : at + POOL * size], key=length)
        batches += [pool[n : n + size] for n in range(0, len(pool), size)]
    whole = [batch for batch in batches if len(batch) == size] or batches
    chance.shuffle(whole)
    return whole * 2


StepLoss = Callable[[int], dict[str, Tensor]]  # step -> parts of the loss; "loss" is what is made smaller


def make_gather(loss: StepLoss) -> Callable[[int], dict[str, float]]:
    """The gradients of a loss that autograd goes back through."""

    def gather(step: int) -> dict[str, float]:
        parts = loss(step)
        parts["loss"].backward()
        return {name: float(value.detach()) for name, value in parts.items()}

    return gather


def train_stage(
    folder: Path,
    trained: Mapping[str, nn.Parameter] | nn.Module,
    loss: StepLoss,
    steps: StepsConfig,
    *more: Any,
    every: int,
    plots: Sequence[str] = ("loss",),
) -> None:
    """Train in the run's folder, from where it stopped to the last step, and plot the named parts of the loss.

    `more` are dataclasses, or mappings, of the other settings that a run must have been begun with to be resumed.
    """
    settings: dict[str, Any] = {}
    for config in (*more, steps):
        settings |= config if isinstance(config, Mapping) else asdict(config)
    journal = RunFolder(folder, settings)
    named = dict(trained.named_parameters()) if isinstance(trained, nn.Module) else trained
    train_steps(named, make_gather(loss), journal, steps, every=every)
    journal.plot(*plots)


def add_config_flags(parser: argparse.ArgumentParser, *configs: Any) -> None:
    """A flag for every number and every switch of these classes; what is left out is the stage's own default."""
    for config in configs:
        for item in fields(config):
            flag = f"--{item.name.replace('_', '-')}"
            if isinstance(item.default, bool):
                parser.add_argument(flag, action="store_true", default=None)
            elif isinstance(item.default, int | float):
                parser.add_argument(flag, type=type(item.default))


def choose_config(config: Any, args: argparse.Namespace) -> Any:
    """The defaults, with what was named on the command line."""
    named = {item.name: getattr(args, item.name, None) for item in fields(config)}
    return replace(config, **{name: value for name, value in named.items() if value is not None})


def tell_written(file: Path, text: str = "") -> None:
    """Say on standard error which file was written, and its size; `text` comes first."""
    tqdm.write(f"{text}wrote {file} ({file.stat().st_size / 1e6:.1f} MB)", file=sys.stderr)
