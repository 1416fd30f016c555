"""A mixture of experts: every token visits the two that its gate likes best, and only their arithmetic is done.

The pretrained feed-forward stays beside it and serves all tokens (DeepSeekMoE's shared expert, arXiv 2401.06066). The
experts have different widths, so they cannot share one grouped product: the tokens are put in the order of their
experts, each expert takes its stretch, and the results go back to where their tokens stand.

Shape key:  B batch, T tokens, N tokens of all texts, D width, E experts, k experts a token visits, M = N * k visits,
            R rows computed: M, and empty ones
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from deepseek_mm.lm.experts import Expert
from deepseek_mm.lm.gate import Gate, LookBack
from deepseek_mm.lm.shape import MoEShape

ROUND = 128  # rows
MANY = 512  # visits of all experts together from which on sizes are rounded


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
        routing = choose_experts(self.gate(x_BTD, look_back), self.top_k)
        return self.visit(x_BTD, routing), routing

    def visit(self, x_BTD: Tensor, routing: Routing) -> Tensor:
        """What the experts that were chosen add, (B, T, D)."""
        return self._one(x_BTD, routing) if x_BTD.shape[:2].numel() == 1 else self._many(x_BTD, routing)

    def _one(self, x_11D: Tensor, routing: Routing) -> Tensor:
        """One token, as when text is decoded: nothing to put in order."""
        ((visited,),) = routing.experts_BTk.tolist()
        return routing.weights_BTk @ torch.cat([self.experts[number](x_11D) for number in visited], 1)

    def _many(self, x_BTD: Tensor, routing: Routing) -> Tensor:
        """All tokens of an expert in one go."""
        x_ND, experts_M = x_BTD.flatten(0, 1), routing.experts_BTk.flatten()
        order_M, counts_E = experts_M.argsort(stable=True), experts_M.bincount(minlength=len(self.experts))
        tokens_M, sizes_E = order_M // self.top_k, round_up_visits(counts_E)
        empty_E = (sizes_E - counts_E).cumsum(0) - (sizes_E - counts_E)  # rows left empty before each expert's
        rows_M = torch.arange(len(order_M), device=x_ND.device) + empty_E.repeat_interleave(counts_E)
        sizes = sizes_E.tolist()
        x_RD = x_ND.new_zeros(sum(sizes), x_ND.shape[1]).index_copy_(0, rows_M, x_ND.index_select(0, tokens_M))
        y_RD = torch.cat([expert(x) for expert, x in zip(self.experts, x_RD.split(sizes), strict=True) if len(x)])
        weights_M = routing.weights_BTk.flatten().index_select(0, order_M)
        y_MD = y_RD.index_select(0, rows_M) * weights_M[:, None]
        return y_MD.new_zeros(x_ND.shape).index_add_(0, tokens_M, y_MD).view_as(x_BTD)


def round_up_visits(counts_E: Tensor) -> Tensor:
    """Rows that are computed for each expert: its visits, rounded up where there are many.

    For a product of a new size a processor prepares a program, and keeps it: with the sizes as they fall that took a
    quarter of the experts' time, and 25 MB more for every 512 tokens of a prompt (measured).
    """
    return (counts_E + ROUND - 1) // ROUND * ROUND if int(counts_E.sum()) >= MANY else counts_E


def choose_experts(logits_BTE: Tensor, top_k: int) -> Routing:
    """The best `top_k` experts of each token, weighted by the softmax over them."""
    best_BTk, experts_BTk = logits_BTE.topk(top_k)
    return Routing(logits_BTE, experts_BTk, best_BTk.softmax(-1))


def balance_loss(routing: Routing, num_experts: int, mask_BT: Tensor | None = None) -> Tensor:
    """What unequal load costs, a scalar (Switch Transformer, arXiv 2101.03961, eq. 4-6; GShard's l_aux).

    E times the sum over experts of (share of visits) * (mean probability). Balanced it is 1; where all tokens visit
    the same k experts and are sure of them it is E / k. The shares are counts; the gradient reaches the gate through
    the probabilities. `mask_BT` is True for tokens that count.
    """
    probability_NE = _select_counted(routing.logits_BTE, mask_BT).float().softmax(-1)
    return num_experts * (compute_load(routing, num_experts, mask_BT) * probability_NE.mean(0)).sum()


def z_loss(routing: Routing, mask_BT: Tensor | None = None) -> Tensor:
    """What large logits cost, a scalar: the mean of logsumexp squared (ST-MoE, arXiv 2202.08906, eq. 5)."""
    return _select_counted(routing.logits_BTE, mask_BT).float().logsumexp(-1).square().mean()


def compute_load(routing: Routing, num_experts: int, mask_BT: Tensor | None = None) -> Tensor:
    """Each expert's share of all visits, (E,): sums to 1, and 1 / E each is balance."""
    visits_E = _select_counted(routing.experts_BTk, mask_BT).flatten().bincount(minlength=num_experts)
    return visits_E / visits_E.sum()


def _select_counted(x_BTX: Tensor, mask_BT: Tensor | None) -> Tensor:
    """The rows of tokens that count, (N, X)."""
    return x_BTX.flatten(0, 1) if mask_BT is None else x_BTX[mask_BT]
