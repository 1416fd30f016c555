"""A mixture of experts: every token visits the two that its gate likes best, and only their arithmetic is done.

The pretrained feed-forward stays beside it and serves all tokens (DeepSeekMoE's shared expert, arXiv 2401.06066). The
experts have different widths, so they cannot share one grouped product: the tokens are put in the order of their
experts, each expert takes its stretch, and the results go back to where their tokens stand.

Shape key:  B batch, T tokens, N tokens of all texts, D width, E experts, k experts a token visits, M = N * k visits
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from deepseek_mm.lm.experts import Expert
from deepseek_mm.lm.gate import Gate, LookBack
from deepseek_mm.lm.shape import MoEShape


class Routing(NamedTuple):
    """Where the tokens of one layer went."""

    logits_BTE: Tensor  # the gate's scores
    experts_BTk: Tensor  # int64: numbers of the experts visited, the strongest first
    weights_BTk: Tensor  # of their answers: the softmax over those visited


class MoE(nn.Module):
    """Gate and experts of one layer."""

    def __init__(self, width: int, moe: MoEShape) -> None:
        super().__init__()
        self.top_k = moe.top_k
        self.gate = Gate(width, moe)
        self.experts = nn.ModuleList(Expert(width, spec) for spec in moe.experts)

    def forward(self, x_BTD: Tensor, look_back: LookBack) -> tuple[Tensor, Routing]:
        """What the experts add (B, T, D), and who they were. `look_back` is the gate's attention."""
        routing = choose(self.gate(x_BTD, look_back), self.top_k)
        visit = self._few if x_BTD[..., 0].numel() == 1 else self._many
        y_ND = visit(x_BTD.flatten(0, 1), routing.experts_BTk.flatten(0, 1), routing.weights_BTk.flatten(0, 1))
        return y_ND.view_as(x_BTD), routing

    def _few(self, x_1D: Tensor, experts_1k: Tensor, weights_1k: Tensor) -> Tensor:
        """One token, as when text is decoded: nothing to put in order."""
        (visited,) = experts_1k.tolist()
        return weights_1k @ torch.cat([self.experts[number](x_1D) for number in visited])

    def _many(self, x_ND: Tensor, experts_Nk: Tensor, weights_Nk: Tensor) -> Tensor:
        """All tokens of an expert in one go."""
        order_M = experts_Nk.flatten().argsort(stable=True)
        counts = experts_Nk.flatten().bincount(minlength=len(self.experts)).tolist()
        stretches = x_ND[order_M // self.top_k].split(counts)
        y_MD = torch.cat([expert(x) for expert, x in zip(self.experts, stretches, strict=True) if len(x)])
        y_NkD = y_MD[order_M.argsort()].view(*experts_Nk.shape, -1)
        return (weights_Nk[:, None] @ y_NkD)[:, 0]


def choose(logits_BTE: Tensor, top_k: int) -> Routing:
    """The best `top_k` experts of each token, weighted by the softmax over them."""
    best_BTk, experts_BTk = logits_BTE.topk(top_k)
    return Routing(logits_BTE, experts_BTk, best_BTk.softmax(-1))


def balance_loss(routing: Routing, num_experts: int, mask_BT: Tensor | None = None) -> Tensor:
    """What unequal load costs, a scalar (Switch Transformer, arXiv 2101.03961, eq. 4-6; GShard's l_aux).

    E times the sum over experts of (share of visits) * (mean probability). Balanced it is 1; where all tokens visit
    the same k experts and are sure of them it is E / k. The shares are counts; the gradient reaches the gate through
    the probabilities. `mask_BT` is True for tokens that count.
    """
    probability_NE = _counted(routing.logits_BTE, mask_BT).float().softmax(-1)
    return num_experts * (load(routing, num_experts, mask_BT) * probability_NE.mean(0)).sum()


def z_loss(routing: Routing, mask_BT: Tensor | None = None) -> Tensor:
    """What large logits cost, a scalar: the mean of logsumexp squared (ST-MoE, arXiv 2202.08906, eq. 5)."""
    return _counted(routing.logits_BTE, mask_BT).float().logsumexp(-1).square().mean()


def load(routing: Routing, num_experts: int, mask_BT: Tensor | None = None) -> Tensor:
    """Each expert's share of all visits, (E,): sums to 1, and 1 / E each is balance."""
    visits_E = _counted(routing.experts_BTk, mask_BT).flatten().bincount(minlength=num_experts)
    return visits_E / visits_E.sum()


def _counted(x_BTX: Tensor, mask_BT: Tensor | None) -> Tensor:
    """The rows of tokens that count, (N, X)."""
    return x_BTX.flatten(0, 1) if mask_BT is None else x_BTX[mask_BT]
