"""Two small tasks in which attention is all there is: point at the one key that belongs to the query.

Query and keys are pairs of angles. In `turn` the right key is the query turned by two angles that have to be learned:
its log-likelihood is a sum of two cosines, which dot products can say. In `pair` the right key may lie opposite in both
angles as well as in none: what counts is the product of two cosines, which no dot product of single angles can say.

Shape key:  B questions, T keys of a question
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from deepseek_mm.config import between
from deepseek_mm.errors import ConfigError

TASKS = ("turn", "pair")
TURN = (1.1, -2.0)  # radians between a query and its key
DOUBLE = torch.float64  # what circuits compute in, and so everybody


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskConfig:
    """What is asked."""

    name: str = "turn"  # one of TASKS
    keys: int = 6  # of one question; one of them is right
    spread: float = 0.3  # radians, standard deviation of the right key's angles

    def __post_init__(self) -> None:
        if self.name not in TASKS:
            raise ConfigError(f"task={self.name} is unknown. Take one of {', '.join(TASKS)}")
        between("keys", self.keys, 2, 64)
        between("spread", self.spread, 0.0, 3.0)


class AttentionQuestions(NamedTuple):
    """A batch: angles in radians, and which key is right."""

    query_B2: Tensor
    keys_BT2: Tensor
    right_B: Tensor  # int64


def draw_questions(config: TaskConfig, count: int, seed: int) -> AttentionQuestions:
    """`count` questions, the same for the same seed."""
    chance = torch.Generator().manual_seed(seed)
    query_B2, keys_BT2 = (_angles((count, *more, 2), chance) for more in ((), (config.keys,)))
    right_B = torch.randint(config.keys, (count,), generator=chance)
    found_B2 = query_B2 + torch.tensor(TURN, dtype=DOUBLE)
    found_B2 = found_B2 + config.spread * torch.randn(count, 2, generator=chance, dtype=DOUBLE)
    if config.name == "pair":
        found_B2 = found_B2 + math.pi * torch.randint(2, (count, 1), generator=chance)
    keys_BT2[torch.arange(count), right_B] = found_B2.remainder(2 * math.pi)
    return AttentionQuestions(query_B2, keys_BT2, right_B)


def score_as_oracle(query_B2: Tensor, keys_BT2: Tensor, config: TaskConfig) -> Tensor:
    """Scores (B, T) of one who knows how the questions were drawn: nobody points better (Bayes).

    The density of a right key over that of any other, up to a factor; angles further than half a turn do not count.
    """
    off_BT2 = keys_BT2 - query_B2[:, None] - torch.tensor(TURN, dtype=DOUBLE)
    turns = (0.0, math.pi) if config.name == "pair" else (0.0,)
    return torch.stack([_log_density(off_BT2 - turn, config.spread).sum(-1) for turn in turns]).logsumexp(0)


def accuracy(scores: Callable[[Tensor, Tensor], Tensor], questions: AttentionQuestions) -> float:
    """Share of the questions whose right key has the highest score."""
    with torch.no_grad():
        pointed_B = scores(questions.query_B2, questions.keys_BT2).argmax(-1)
    return float((pointed_B == questions.right_B).double().mean())


def _angles(size: tuple[int, ...], chance: torch.Generator) -> Tensor:
    return 2 * math.pi * torch.rand(size, generator=chance, dtype=DOUBLE)


def _log_density(off: Tensor, spread: float) -> Tensor:
    """Of a normal angle, the nearest turn only."""
    near = torch.remainder(off + math.pi, 2 * math.pi) - math.pi
    return -(near**2) / (2 * spread**2)
