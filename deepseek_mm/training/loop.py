"""The loop of a training that can be stopped and goes on: gather gradients, update, log, keep.

What a step gathers is its trainer's own; the rest is the same for all of them.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

from torch import Tensor, nn
from tqdm import tqdm

from deepseek_mm.training.journal import RunFolder
from deepseek_mm.training.steps import Optimiser, StepsConfig


def train_steps(
    trained: Mapping[str, nn.Parameter],
    gather: Callable[[int], dict[str, float]],
    journal: RunFolder,
    config: StepsConfig,
    *,
    every: int,
) -> None:
    """All steps that are left. `gather` leaves the gradients of a step behind, and says what was lost.

    A checkpoint is kept every so many steps, and at the end.
    """
    steps, saved = Optimiser(trained, config), journal.resume()
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


StepLoss = Callable[[int], dict[str, Tensor]]  # step -> parts of the loss; "loss" is what is made smaller


def make_gather(loss: StepLoss) -> Callable[[int], dict[str, float]]:
    """The gradients of a loss that autograd goes back through."""

    def gather(step: int) -> dict[str, float]:
        parts = loss(step)
        parts["loss"].backward()
        return {name: float(value.detach()) for name, value in parts.items()}

    return gather


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
