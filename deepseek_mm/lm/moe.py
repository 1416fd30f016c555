"""A mixture of experts: a gate that looks back 32 tokens, eight experts of different widths, top-2 routing.

The pretrained feed-forward stays beside it and serves all tokens (DeepSeekMoE's shared expert, arXiv 2401.06066). The
experts have different widths, so they cannot share one grouped product: the tokens are put in the order of their
experts, each expert takes its stretch, and the results go back to where their tokens stand.

Shape key:  B batch, T tokens, N tokens of all texts, D width, E experts, k experts a token visits, M = N * k visits,
            R rows computed: M, and empty ones

A domain with much to know (code, evidence, English) gets a wide expert, one with few forms (shell, dialogue) a narrow
one, so a token costs what its kind needs. Together they are as wide as SmolLM2's own feed-forward. An expert's last
matrix starts at zero: a model that has just been given experts says exactly what it said before.

Shape key:  N tokens, D width of the model, F width of the expert

It is one light Transformer layer over the last 32 tokens. It looks back only, or routes would leak what comes next. It
has a memory, so its keys go through the same door as the decoder's own: a cache keeps them, and token by token it
chooses what it would have chosen over the whole text. Attention and feed-forward stand side by side on one norm, as in
GPT-J: two matrices where there would be four, which counts when one token is decoded.

Shape key:  B batch, T tokens, D width of the model, W width of the gate, H heads, K head width, E experts
"""

from collections.abc import Callable, Sequence
from string import ascii_letters
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepseek_mm.lm.shape import Activation, ExpertSpec, MoEShape
from deepseek_mm.types import Trace


def relu2(x: Tensor) -> Tensor:
    """The squared ReLU (Primer, So et al. 2021, arXiv 2109.08668, section 3.1)."""
    return F.relu(x).square()


ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "silu": F.silu,
    "gelu": F.gelu,
    "relu2": relu2,
    "tanh": Tensor.tanh,
}


class Expert(nn.Module):
    """A gated feed-forward (GLU variants, Shazeer 2020, arXiv 2002.05202, eq. 6) of any width and nonlinearity."""

    def __init__(self, width: int, spec: ExpertSpec) -> None:
        super().__init__()
        self.activate = ACTIVATIONS[spec.activation]
        self.up = nn.Linear(width, 2 * spec.width, bias=False)  # the gate's rows, then the others
        self.down = nn.Linear(spec.width, width, bias=False)
        nn.init.zeros_(self.down.weight)

    def forward(self, x_ND: Tensor) -> Tensor:
        """What the expert adds to each token, (N, D)."""
        gate_NF, up_NF = self.up(x_ND).chunk(2, -1)
        added: Tensor = self.down(self.activate(gate_NF) * up_NF)
        return added


LookBack = Callable[[Tensor, Tensor, Tensor], Tensor]  # q, k, v (B, T, H, K) -> what was seen (B, T, H, K)
WIDER = 2  # times the gate's width that its feed-forward has


class Gate(nn.Module):
    """A score for every expert, from a token and those before it."""

    def __init__(self, width: int, moe: MoEShape) -> None:
        super().__init__()
        self.heads = moe.gate_heads
        self.split = (*3 * (moe.gate_width,), WIDER * moe.gate_width)
        self.norm = nn.LayerNorm(width)
        self.enter = nn.Linear(width, moe.gate_width, bias=False)
        self.layer_norm = nn.LayerNorm(moe.gate_width)
        self.split_up = nn.Linear(moe.gate_width, sum(self.split), bias=False)  # q, k, v and the feed-forward's first
        self.join = nn.Linear((1 + WIDER) * moe.gate_width, moe.gate_width, bias=False)  # the other two matrices
        self.last_norm = nn.LayerNorm(moe.gate_width)
        self.score = nn.Linear(moe.gate_width, len(moe.experts), bias=False)

    def forward(self, x_BTD: Tensor, look_back: LookBack) -> Tensor:
        """Logits (B, T, E). `look_back` is causal attention with the gate's window; it may remember earlier calls."""
        h_BTW = self.enter(self.norm(x_BTD))
        q, k, v, inner = self.split_up(self.layer_norm(h_BTW)).split(self.split, -1)
        q_BTHK, k_BTHK, v_BTHK = (x.unflatten(-1, (self.heads, -1)) for x in (q, k, v))
        seen_BTW = look_back(q_BTHK, k_BTHK, v_BTHK).flatten(-2)
        h_BTW = h_BTW + self.join(torch.cat((seen_BTW, F.gelu(inner)), -1))
        logits_BTE: Tensor = self.score(self.last_norm(h_BTW))
        return logits_BTE


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


class ExpertTracer:
    """Collects which experts work on one answer, while it is written: a byte a visit, and letters at the end."""

    def __init__(self, moe: MoEShape) -> None:
        self._moe = moe
        self._steps_TLk: list[Tensor] = []
        self.written: tuple[int, ...] = ()  # numbers of the tokens, once the answer has ended

    def add(self, routings: Sequence[Routing], row: int = 0, tokens: slice = slice(None)) -> None:
        """The tokens that the model has just read in `row` of its batch; one routing a layer, as it gives them."""
        chosen_TLk = torch.stack([routing.experts_BTk[row, tokens] for routing in routings], 1)
        self._steps_TLk.append(chosen_TLk.to(torch.uint8))

    def trace(self) -> Trace:
        """All of it so far."""
        layers = self._moe.layers
        visits: list[list[int]] = [[]] * len(layers)
        if self._steps_TLk:
            visits = torch.cat(self._steps_TLk).transpose(0, 1).flatten(1).tolist()
        return Trace(
            experts=tuple(spec.name for spec in self._moe.experts),
            layers=layers,
            top_k=self._moe.top_k,
            visits=tuple("".join(ascii_letters[number] for number in row) for row in visits),
            written=self.written,
        )


class RouteRecorder:
    """Collects experts and their weights while a text is run once more; torch's own layers must have run it."""

    def __init__(self) -> None:
        self.written: tuple[int, ...] = ()
        self._experts: list[Tensor] = []
        self._weights: list[Tensor] = []

    def add(self, routings: Sequence[Routing], row: int = 0, tokens: slice = slice(None)) -> None:
        """As `ExpertTracer.add`."""
        self._experts.append(torch.stack([routing.experts_BTk[row, tokens] for routing in routings], 1))
        self._weights.append(torch.stack([routing.weights_BTk[row, tokens] for routing in routings], 1).float())

    def experts(self) -> list[list[list[int]]]:
        """Numbers of experts, the strongest first: of each token, for each layer that has experts."""
        found: list[list[list[int]]] = torch.cat(self._experts).tolist() if self._experts else []
        return found

    def weights(self) -> list[list[list[float]]]:
        """The weights of their answers, in the same order."""
        found: list[list[list[float]]] = torch.cat(self._weights).tolist() if self._weights else []
        return found


RouteListener = ExpertTracer | RouteRecorder
