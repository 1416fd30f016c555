"""Elastic weight consolidation: what a task needs of each weight, and a spring that holds it there.

The Fisher information of a task says how much its answers change with a weight. A penalty of half of it times the
squared distance from the weights that the task was learned with lets the others go where they like (Kirkpatrick et al.
2017, arXiv:1612.00796, eq. 3). Fishers of several tasks add up, each pulling to the newest weights (Schwarz et al.
2018, arXiv:1805.06370, online EWC).

Shape key:  N examples, W width of what goes in, V answers
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

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
