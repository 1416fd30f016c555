"""Training of experts and their gate, while the decoder around them is frozen.

The layers below the first experts run without gradients. The loss is the next token where the corpus says so, plus the
gates' load-balance loss, plus at first a hint: the gate is told which expert was made for the row's domain. The hint
fades. The same trainer trains a dense adapter of equal active size, which the mixture is compared with.

Shape key:  B rows, T tokens of a row, V vocabulary, E experts, P tokens that are learned
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepseek_mm.config import between
from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.moe import Expert, Gate, LookBack, Routing, balance_loss, compute_load, z_loss
from deepseek_mm.lm.shape import ExpertSpec, MoEShape
from deepseek_mm.training.corpus import DOMAINS
from deepseek_mm.training.corpus.token_shards import PackedRows


@dataclass(frozen=True, kw_only=True, slots=True)
class MixtureConfig:
    """How gates are guided."""

    hint_weight: float = 0.1  # of the hint in the total loss, at the start
    hint_until: float = 0.5  # share of the steps after which it has faded

    def __post_init__(self) -> None:
        between("hint_weight", self.hint_weight, 0, 10)
        between("hint_until", self.hint_until, 0, 1)


class ExpertTrainer:
    """A decoder whose experts (or dense adapters) are trained, and nothing else."""

    def __init__(self, decoder: Decoder, config: MixtureConfig) -> None:
        assert decoder.shape.moe is not None, "there are no experts to train"
        self.decoder, self.moe, self.config = decoder.requires_grad_(False), decoder.shape.moe, config
        for number in self.moe.layers:
            extra = decoder.layers[number].moe
            assert isinstance(extra, nn.Module)
            extra.requires_grad_(True).float()
        self.trained = {name: p for name, p in decoder.named_parameters() if p.requires_grad}
        self.below = range(self.moe.layers[0])
        self.above = range(self.moe.layers[0], decoder.shape.num_layers)
        self.own_E = map_domains_to_experts(self.moe)

    def losses(self, rows: PackedRows) -> tuple[Tensor, list[Routing]]:
        """(cross-entropy of the tokens that are learned, nats; the routing of every layer that has experts).

        Every row counts alike: a row of evidence has forty tokens that are learned, and one of prose five hundred.
        """
        hidden, routings = self._run(rows)
        at = rows.learn_NT[:, 1:]
        logits_PV = self.decoder.logits(hidden[:, :-1][at]).float()
        lost_P = F.cross_entropy(logits_PV, rows.ids_NT[:, 1:][at], reduction="none")
        counts_N = at.sum(1)
        share_P = (1 / counts_N.clamp_min(1))[:, None].expand_as(at)[at]
        return (lost_P * share_P).sum() / (counts_N > 0).sum().clamp_min(1), routings

    def backward(self, rows: PackedRows, *, over: float, share: float = 1.0) -> dict[str, float]:
        """Gather the gradients of a batch, times `share`; `over` is how much of the training is over, 0 to 1."""
        loss, routings = self.losses(rows)
        told = {"loss": float(loss.detach())}
        if routings:
            guide = self.guidance(rows, routings, over)
            told |= {name: float(value.detach()) for name, value in guide.items()}
            loss = loss + guide["balance"] * self.moe.balance_weight + guide["z"] * self.moe.z_weight
            loss = loss + guide["hint"] * self.hint_weight(over)
        (share * loss).backward()
        return told

    def guidance(self, rows: PackedRows, routings: Sequence[Routing], over: float) -> dict[str, Tensor]:
        """Means over the layers of the load-balance loss, the z-loss and the hint's, and the worst load max/mean."""
        present = rows.segments_NT > 0
        count = len(self.moe.experts)
        loads = torch.stack([compute_load(each, count, present) for each in routings])
        hints = [F.cross_entropy(each.logits_BTE[present].float(), self._own(rows, present)) for each in routings]
        return {
            "balance": torch.stack([balance_loss(each, count, present) for each in routings]).mean(),
            "z": torch.stack([z_loss(each, present) for each in routings]).mean(),
            "hint": torch.stack(hints).mean(),
            "load": loads.amax(1).max() * count,
        }

    def hint_weight(self, over: float) -> float:
        """How loud the hint is; a straight line down to silence."""
        until = self.config.hint_until
        return self.config.hint_weight * max(0.0, 1 - over / until) if until else 0.0

    def _run(self, rows: PackedRows) -> tuple[Tensor, list[Routing]]:
        attend = FullTextAttention(self.decoder.shape, rows.segments_NT)
        with torch.no_grad():
            x_BTD = self.decoder.embed(rows.ids_NT)
            if self.below:
                x_BTD, _ = self.decoder(x_BTD, attend, layers=self.below, final=False)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found: tuple[Tensor, list[Routing]] = self.decoder(x_BTD, attend, layers=self.above)
        return found

    def _own(self, rows: PackedRows, present: Tensor) -> Tensor:
        """For every token that is present the number of the expert made for its domain."""
        return self.own_E[rows.domains_N][:, None].expand_as(present)[present]


def map_domains_to_experts(moe: MoEShape) -> Tensor:
    """The number of the expert that was made for each of DOMAINS, in their order."""
    names = [spec.domain for spec in moe.experts]
    return torch.tensor([names.index(domain) for domain in DOMAINS])


STEP = 32  # widths are multiples of it, rounded up: the opponent is never the smaller one


class DenseAdapter(nn.Module):
    """In the place of a mixture: every token takes the same way."""

    def __init__(self, width: int, moe: MoEShape) -> None:
        super().__init__()
        spec = ExpertSpec(name="dense", domain="all", width=compute_active_width(width, moe), activation="silu")
        self.expert = Expert(width, spec)

    def forward(self, x_BTD: Tensor, look_back: LookBack) -> tuple[Tensor, None]:
        """What it adds (B, T, D). There is no routing."""
        return self.expert(x_BTD), None


def compute_active_width(width: int, moe: MoEShape) -> int:
    """The width of an expert with as many parameters as a token meets: the mean of `top_k` experts, and the gate."""
    gate = sum(parameter.numel() for parameter in Gate(width, moe).parameters())
    visited = moe.top_k * sum(spec.width for spec in moe.experts) / len(moe.experts)
    return STEP * -int(-(visited + gate / (3 * width)) // STEP)


def make_dense(decoder: Decoder) -> Decoder:
    """Put a dense adapter in the place of every mixture."""
    assert decoder.shape.moe is not None, "there is no mixture to replace"
    for number in decoder.shape.moe.layers:
        decoder.layers[number].moe = DenseAdapter(decoder.shape.width, decoder.shape.moe)
    return decoder
