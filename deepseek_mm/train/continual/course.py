"""One head learns five domains, one after the other, in five ways; after each it is asked about all of them.

`plain` learns the new alone. `ewc` is held by what the earlier domains need of each weight. `replay` learns a sample of
the earlier ones again: a reservoir of fixed size over everything that came. `both` does both. `joint` has all data at
once, as nobody has who learns on: it is what the others cannot reach.

Forgetting of a domain is what it lost since it was answered best before the last one (Chaudhry et al. 2018,
arXiv:1801.10112, section 3); what was newly learned is the accuracy right after learning.

Shape key:  K domains, N questions, W what a head sees, V answers of all domains
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from deepseek_mm.learning.fit import Anchor, FitConfig, fisher_of, fit, weights_of
from deepseek_mm.learning.memory import ReaderRows, Reservoir, join_rows

WAYS = ("plain", "ewc", "replay", "both", "joint")
WIDTH = 64  # of the head
REPLAYED = 64  # examples of the reservoir in a step, beside as many new ones
KNOWN = 128  # examples of a domain that its Fisher information is reckoned from


@dataclass(frozen=True, kw_only=True, slots=True)
class CourseConfig:
    """How the domains are learned."""

    steps: int = 250  # of each domain
    rate: float = 1e-3
    kept: int = 500  # examples in the reservoir
    hold: float = 300.0  # of the anchor's penalty where it is alone
    hold_both: float = 30.0  # the same beside replay
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Lesson:
    """A domain: what is learned, and what is asked."""

    train: ReaderRows
    test: ReaderRows


def head(width: int, answers: int, seed: int) -> nn.Module:
    """A fresh one."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(width, WIDTH), nn.GELU(), nn.Linear(WIDTH, answers))


def course(lessons: Sequence[Lesson], answers: int, way: str, config: CourseConfig) -> Tensor:
    """(K, K): row k is the accuracy on each domain, 0 to 1, after domain k was learned."""
    net = head(lessons[0].train.x_NW.shape[1], answers, config.seed)
    every = join_rows([lesson.train for lesson in lessons])
    told = FitConfig(steps=config.steps, rate=config.rate, replayed=REPLAYED, seed=config.seed)
    if way == "joint":
        fit(net, every, replace(told, steps=config.steps * len(lessons), batch=told.batch + REPLAYED))
        return accuracies(net, lessons).expand(len(lessons), -1)
    hold, replays = {"ewc": config.hold, "both": config.hold_both}.get(way, 0.0), way in ("replay", "both")
    memory: Reservoir[int] = Reservoir(size=config.kept, seed=config.seed)
    anchor: Anchor | None = None
    rows, first = list[Tensor](), 0
    for lesson in lessons:
        old = every.at(torch.tensor(memory.kept, dtype=torch.int64)) if replays else None
        fit(net, lesson.train, replace(told, hold=hold), old=old, anchor=anchor)
        memory = memory.with_more(shuffled(first, len(lesson.train), config.seed))
        first += len(lesson.train)
        if hold:
            needs = fisher_of(net, lesson.train.x_NW[:KNOWN], seed=config.seed)
            anchor = anchor.move_to(net, needs) if anchor else Anchor(weights_of(net), needs)
        rows.append(accuracies(net, lessons))
    return torch.stack(rows)


def shuffled(first: int, count: int, seed: int) -> list[int]:
    """So many numbers from the first on, in an order of chance."""
    order_N = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return [first + n for n in order_N.tolist()]


@torch.inference_mode()
def accuracies(net: nn.Module, lessons: Sequence[Lesson]) -> Tensor:
    """(K,): share of each domain's test questions that are answered right."""
    shares = [(net(each.test.x_NW).argmax(-1) == each.test.right_N).float().mean() for each in lessons]
    return torch.stack(shares)


def learned_newly(told_KK: Tensor) -> float:
    """Mean accuracy on each domain right after it was learned, 0 to 1."""
    return float(told_KK.diagonal().mean())


def forgotten(told_KK: Tensor) -> float:
    """Mean over all domains but the last: the best accuracy before the last one was learned, less that at the end."""
    best_K = told_KK[:-1, :-1].amax(dim=0)
    return float((best_K - told_KK[-1, :-1]).mean())
