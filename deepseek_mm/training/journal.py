"""The folder of one run: a log line a step, a checkpoint that is whole or absent, and a plot of the loss.

A run that was killed goes on from its last checkpoint; lines that were logged after it are dropped, so that the log of
a resumed run reads like that of an undisturbed one.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from deepseek_mm.errors import ConfigError, NothingThere

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


class RunFolder:
    """Keeps a run's folder; `settings` must be those it was begun with."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder, self.settings = folder, dict(settings)
        folder.mkdir(parents=True, exist_ok=True)

    def resume(self) -> dict[str, Any] | None:
        """The last checkpoint's state, or None for a new run; ConfigError when it was begun with other settings."""
        file = self.folder / CHECKPOINT
        if not file.is_file():
            (self.folder / LOG).unlink(missing_ok=True)
            return None
        saved: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        if saved["settings"] != self.settings:
            differ = sorted(k for k in self.settings if self.settings[k] != saved["settings"].get(k))
            raise ConfigError(f"{self.folder} was begun with other settings ({', '.join(differ)}). Use another --out")
        self.truncate_log(saved["step"])
        return saved

    def save(self, step: int, state: Mapping[str, Any]) -> None:
        """Replace the checkpoint; a crash leaves the old one."""
        draft = self.folder / f"{CHECKPOINT}.draft"
        with draft.open("wb") as stream:
            torch.save({**state, "step": step, "settings": self.settings}, stream)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(self.folder / CHECKPOINT)

    def log(self, step: int, **numbers: float) -> None:
        """One line."""
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
            axes.plot([step for step, _ in points], [value for _, value in points], label=name)
        axes.set_xlabel("step")
        axes.legend()
        figure.savefig(self.folder / PLOT, dpi=120)
        return self.folder / PLOT

    def truncate_log(self, step: int) -> None:
        """Drop the lines behind this step."""
        kept = [line for line in self.read_log() if line["step"] <= step]
        (self.folder / LOG).write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")


def read_log(file: Path) -> list[dict[str, Any]]:
    """Rows of a JSONL file, oldest first; none without one."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.is_file() else []
