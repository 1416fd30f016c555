"""Distillation of a decoder with progressive attention from one with full attention, by low-rank changes.

The student has the teacher's weights, a shorter reach, and trained changes of its matrices. Its hidden states after
every stage and its next words are compared with the teacher's; any text will do, the longer the better. The changes are
LoRA's (Hu et al. 2021, arXiv 2106.09685, eq. 3), swapped in from outside and merged when training ends.

Shape key:  B rows, T tokens of a row, D width, V vocabulary, P positions whose words are compared
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepseek_mm.config import between
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.weights import TALL, THIN
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

    def backward(self, ids_BT: Tensor, chance: torch.Generator, *, share: float = 1.0) -> dict[str, float]:
        """Gather the gradients of one batch, times `share`; returns what was lost."""
        words, hidden = self.losses(ids_BT, chance)
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
