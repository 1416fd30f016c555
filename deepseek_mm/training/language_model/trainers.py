"""The two trainers of the decoder: of progressive attention, by distillation, and of experts with their gate.

Distillation: the student has the teacher's weights, a shorter reach, and trained low-rank changes of its matrices. Its
hidden states after every stage and its next words are compared with the teacher's; any text will do, the longer the
better. The changes are LoRA's (Hu et al. 2021, arXiv 2106.09685, eq. 3), swapped in from outside and merged when
training ends.

Experts: the layers below the first ones run without gradients. The loss is the next token where the corpus says so,
plus the gates' load-balance loss, plus at first a hint: the gate is told which expert was made for the row's domain.
The hint fades. The same trainer trains a dense adapter of equal active size, which the mixture is compared with.

Shape key:  B rows, T tokens of a row, D width, V vocabulary, E experts, P positions that are compared or learned
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepseek_mm.config import between
from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.moe import Expert, Gate, LookBack, Routing, balance_loss, compute_load, z_loss
from deepseek_mm.lm.shape import ExpertSpec, MoEShape
from deepseek_mm.lm.weights import TALL, THIN
from deepseek_mm.training.corpus.items import DOMAINS
from deepseek_mm.training.corpus.token_shards import PackedRows
from deepseek_mm.training.language_model.packed_batch import PackedAttention


class LoraLinear(nn.Module):
    """A linear layer that stands still, and its change of rank R. It begins as no change."""

    def __init__(self, linear: nn.Linear, rank: int) -> None:
        super().__init__()
        self.linear = linear.requires_grad_(False)
        self.thin = nn.Parameter(torch.randn(rank, linear.in_features) / linear.in_features**0.5)
        self.tall = nn.Parameter(torch.zeros(linear.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        """The layer's product and its change's, in the precision of `x`."""
        change = F.linear(F.linear(x, self.thin.to(x.dtype)), self.tall.to(x.dtype))
        changed: Tensor = self.linear(x) + change
        return changed


def add_lora(decoder: nn.Module, *, names: Sequence[str], rank: int) -> dict[str, nn.Parameter]:
    """Give every linear layer whose last name is among `names` a change of this rank; returns what is to be trained."""
    for name in [name for name, each in decoder.named_modules() if isinstance(each, nn.Linear)]:
        owner, _, last = name.rpartition(".")
        if last in names:
            setattr(decoder.get_submodule(owner), last, LoraLinear(decoder.get_submodule(name), rank))  # type: ignore[arg-type]
    return {name: p for name, p in decoder.named_parameters() if name.endswith((THIN, TALL))}


MATRICES = ("qkv", "out")  # those of attention: the feed-forwards stay on GGUF's grid, where four bits lose nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class ReachConfig:
    """What is compared, and how much may change."""

    rank: int = 32  # of each matrix's change
    stages: tuple[int, ...] = (6, 8, 12, 19, 24)  # layers in front of which hidden states are compared
    hidden_weight: float = 1.0  # of the hidden states' difference beside the words'
    words: float = 0.125  # share of the positions whose words are compared: the vocabulary is what costs

    def __post_init__(self) -> None:
        between("rank", self.rank, 1, 4096)
        between("words", self.words, 0.01, 1.0)


class ReachDistiller:
    """A teacher that stands still and a student that follows; both share the weights that do not change."""

    def __init__(self, teacher: Decoder, student: Decoder, config: ReachConfig) -> None:
        self.teacher, self.student, self.config = teacher.requires_grad_(False), student.requires_grad_(False), config
        self.trained = add_lora(student, names=MATRICES, rank=config.rank)
        edges = (0, *(s for s in config.stages if s < teacher.shape.num_layers), teacher.shape.num_layers)
        self.parts = [range(start, end) for start, end in pairwise(edges)]

    def losses(self, ids_BT: Tensor, chance: torch.Generator) -> tuple[Tensor, Tensor]:
        """(difference of the words: KL in nats a token, difference of the hidden states: a sum over the stages)."""
        with torch.no_grad():
            taught = compute_stages(self.teacher, ids_BT, self.parts)
        learned = compute_stages(self.student, ids_BT, self.parts)
        count = max(1, round(self.config.words * ids_BT.shape[1]))
        some_P = torch.randperm(ids_BT.shape[1], generator=chance)[:count]
        with torch.no_grad():
            right = self.teacher.logits(taught[-1][:, some_P]).float().log_softmax(-1)
        said = self.student.logits(learned[-1][:, some_P]).float().log_softmax(-1)
        words = F.kl_div(said, right, log_target=True, reduction="none").sum(-1).mean()
        pairs = list(zip(learned, taught, strict=True))[:-1]
        hidden = (
            torch.stack([measure_off(mine, theirs) for mine, theirs in pairs]).sum() if pairs else words.new_zeros(())
        )
        return words, hidden

    def backward(
        self, rows: PackedRows, *, chance: torch.Generator, over: float = 0.0, share: float = 1.0
    ) -> dict[str, float]:
        """Gather the gradients of one batch, times `share`; returns what was lost."""
        words, hidden = self.losses(rows.ids_NT, chance)
        (share * (words + self.config.hidden_weight * hidden)).backward()
        return {"words": float(words.detach()), "hidden": float(hidden.detach())}


def compute_stages(decoder: Decoder, ids_BT: Tensor, parts: Sequence[range]) -> list[Tensor]:
    """Hidden states (B, T, D) behind each part; the last ones are normed."""
    attend, x_BTD, found = PackedAttention(decoder.shape, ids_BT.shape), decoder.embed(ids_BT), []
    for part in parts:
        x_BTD, _ = decoder(x_BTD, attend, layers=part, final=part.stop == decoder.shape.num_layers)
        found.append(x_BTD)
    return found


def measure_off(mine_BTD: Tensor, theirs_BTD: Tensor) -> Tensor:
    """How far two hidden states are apart, as a share of both their squares, 0 to 2; every token counts alike.

    A token that one of them uses as a sink is a hundred times longer than others: it must not drown them.
    """
    apart = (mine_BTD - theirs_BTD).float().square().sum(-1)
    return (apart / (mine_BTD.float().square().sum(-1) + theirs_BTD.float().square().sum(-1)).clamp_min(1e-3)).mean()


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

    def backward(
        self, rows: PackedRows, *, over: float, share: float = 1.0, chance: torch.Generator | None = None
    ) -> dict[str, float]:
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
