"""The part of a training step that is the same for every model: clip, follow the schedule, update, and be resumable.

Chance depends on the seed and the step alone, so a resumed run equals an undisturbed one.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from deepseek_mm.config import between

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

    def __init__(self, trained: Mapping[str, nn.Parameter], config: StepsConfig) -> None:
        self.trained, self.config = dict(trained), config
        self.optimiser = torch.optim.AdamW(
            self.trained.values(), lr=config.rate, betas=BETAS, weight_decay=config.decay, fused=True
        )
        self.average = {n: p.detach().float().clone() for n, p in self.trained.items()} if config.average else {}

    def update(self, step: int) -> float:
        """One update from the gradients that have been gathered; returns their length before it was clipped."""
        norm = nn.utils.clip_grad_norm_(self.trained.values(), self.config.clip)
        for group in self.optimiser.param_groups:
            group["lr"] = compute_rate(step, self.config)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self._follow(step)
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

    @torch.no_grad()
    def _follow(self, step: int) -> None:
        """The average moves towards the weights; its memory is short at first."""
        memory = min(self.config.average, (step + 1) / (step + 10))
        for name, value in self.average.items():
            value.lerp_(self.trained[name].float(), 1 - memory)


def compute_rate(step: int, config: StepsConfig) -> float:
    """Linear warmth, then half a cosine down to `last` of the rate."""
    warm = max(1, round(config.warm * config.steps))
    if step < warm:
        return config.rate * (step + 1) / warm
    over = (step - warm) / max(1, config.steps - warm)
    return config.rate * (config.last + (1 - config.last) * 0.5 * (1 + math.cos(math.pi * over)))
