"""A few hundred training steps on new examples, with replay of old ones and elastic weight consolidation.

The Fisher information of a task says how much its answers change with a weight. A penalty of half of it times the
squared distance from the weights that the task was learned with lets the others go where they like (Kirkpatrick et al.
2017, arXiv:1612.00796, eq. 3). Fishers of several tasks add up, each pulling to the newest weights (Schwarz et al.
2018, arXiv:1805.06370, online EWC).

Shape key:  N examples, W width of what goes in, V answers

Shape key:  N examples, V answers
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from deepseek_mm.config import between
from deepseek_mm.learning.memory import ReaderRows

CHUNK = 32  # examples whose gradients are held at once


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where weights are held, and how stiffly; by the names of a net's parameters."""

    at: Mapping[str, Tensor]
    stiff: Mapping[str, Tensor]

    def pull(self, net: nn.Module) -> Tensor:
        """The penalty, a scalar. Rows that a parameter has beyond the anchor's (new answers) are free."""
        total = torch.zeros(())
        for name, now in net.named_parameters():
            if name in self.at:
                held = now[: len(self.at[name])]
                total = total + 0.5 * (self.stiff[name] * (held - self.at[name]).square()).sum()
        return total

    def move_to(self, net: nn.Module, more: Mapping[str, Tensor], *, kept: float = 1.0) -> "Anchor":
        """Held at the net's weights as they are now, `kept` of the old stiffness and that of one more task added."""
        stiff = {name: more[name] + kept * self.stiff[name] for name in more}
        return Anchor(weights_of(net), stiff)


def weights_of(net: nn.Module) -> dict[str, Tensor]:
    """A copy of each parameter."""
    return {name: value.detach().clone() for name, value in net.named_parameters()}


def fisher_of(net: nn.Module, x_NW: Tensor, *, seed: int = 0) -> dict[str, Tensor]:
    """The diagonal of the Fisher information of each parameter, mean over examples; answers are drawn from the net's
    own opinion, not from what is right (Kunstner et al. 2019, arXiv:1905.12558, section 2).
    """
    weights = weights_of(net)
    with torch.no_grad():
        drawn_N = torch.multinomial(net(x_NW).softmax(-1), 1, generator=torch.Generator().manual_seed(seed)).squeeze(-1)

    def surprise(at: dict[str, Tensor], x_W: Tensor, answer: Tensor) -> Tensor:
        scores_1V: Tensor = functional_call(net, at, (x_W[None],))
        return -scores_1V.log_softmax(-1)[0].index_select(0, answer[None])[0]

    each: Any = vmap(grad(surprise), in_dims=(None, 0, 0))
    total = {name: torch.zeros_like(value) for name, value in weights.items()}
    for start in range(0, len(x_NW), CHUNK):
        slopes = each(weights, x_NW[start : start + CHUNK], drawn_N[start : start + CHUNK])
        for name, slope in slopes.items():
            total[name] += slope.square().sum(dim=0)
    return {name: value / len(x_NW) for name, value in total.items()}


LEAST = 1e-6  # probability that a wrong answer leaves to all others


@dataclass(frozen=True, kw_only=True, slots=True)
class FitConfig:
    """How new examples are learned."""

    steps: int = 200
    batch: int = 64  # new examples of a step
    replayed: int = 256  # old examples of a step
    rate: float = 1e-3  # learning rate
    hold: float = 0.0  # what the anchor's penalty counts
    again: float = 1.0  # what the old examples count
    seed: int = 0

    def __post_init__(self) -> None:
        between("fit.steps", self.steps, 1, 10**6)
        between("fit.batch", self.batch, 1, 65_536)
        between("fit.replayed", self.replayed, 1, 65_536)
        between("fit.rate", self.rate, 0, 1)
        between("fit.hold", self.hold, 0, 10**9)
        between("fit.again", self.again, 0, 1_000)


@dataclass(frozen=True, slots=True)
class Opinions:
    """What shall stay as it is: what was seen, and how probable each answer was held then (Buzzega et al. 2020,
    arXiv:2004.07211, eq. 3, with probabilities).
    """

    x_NW: Tensor
    chance_NV: Tensor

    def loss(self, net: nn.Module, count: int, chance: torch.Generator) -> Tensor:
        """Cross entropy with the opinions of so many, drawn by chance; a scalar."""
        some_K = torch.randperm(len(self.x_NW), generator=chance)[:count]
        log_KV: Tensor = net(self.x_NW[some_K]).log_softmax(-1)
        return -(self.chance_NV[some_K] * log_KV).sum(-1).mean()


def surprise_at(scores_NV: Tensor, rows: ReaderRows) -> Tensor:
    """Weighted mean of -log p of right answers, and of -log(1 - p) of wrong ones (Welleck et al. 2019,
    arXiv:1908.04319, eq. 4); a scalar.
    """
    log_NV = scores_NV.log_softmax(-1)
    log_N = log_NV.gather(1, rows.right_N[:, None]).squeeze(1)
    other_N = (1 - log_N.exp()).clamp_min(LEAST).log()
    loss_N = -torch.where(rows.wrong_N, other_N, log_N)
    return (rows.weight_N * loss_N).sum() / rows.weight_N.sum()


def fit(
    net: nn.Module,
    new: ReaderRows,
    config: FitConfig,
    *,
    old: ReaderRows | None = None,
    anchor: Anchor | None = None,
    opinions: Opinions | None = None,
) -> float:
    """Learn `new` in place, with Adam; returns the loss of the last step. Chance depends on the seed alone."""
    chance = torch.Generator().manual_seed(config.seed)
    optimiser = torch.optim.Adam(net.parameters(), lr=config.rate)
    loss = torch.zeros(())
    for _ in range(config.steps):
        some = draw_sample(new, config.batch, chance)
        loss = surprise_at(net(some.x_NW), some)
        if old is not None and len(old):
            again = draw_sample(old, config.replayed, chance)
            loss = loss + config.again * surprise_at(net(again.x_NW), again)
        if opinions is not None:
            loss = loss + config.again * opinions.loss(net, config.replayed, chance)
        if anchor is not None:
            loss = loss + config.hold * anchor.pull(net)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return float(loss.detach())


def draw_sample(rows: ReaderRows, count: int, chance: torch.Generator) -> ReaderRows:
    """So many of them, or all where there are no more."""
    if len(rows) <= count:
        return rows
    return rows.at(torch.randperm(len(rows), generator=chance)[:count])
