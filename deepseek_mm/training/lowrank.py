"""Small changes of large matrices: W stands still, the product of two thin ones is learned beside it.

LoRA (Hu et al. 2021, arXiv 2106.09685, eq. 3), swapped in from outside and merged when training ends: the decoder knows
nothing of it, and answers cost nothing more.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepseek_mm.lm.weights import TALL, THIN


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


def add_lora(model: nn.Module, *, names: Sequence[str], rank: int) -> dict[str, nn.Parameter]:
    """Give every linear layer whose last name is among `names` a change of this rank; returns what is to be trained."""
    for name in [name for name, each in model.named_modules() if isinstance(each, nn.Linear)]:
        owner, _, last = name.rpartition(".")
        if last in names:
            setattr(model.get_submodule(owner), last, LoraLinear(model.get_submodule(name), rank))  # type: ignore[arg-type]
    return {name: p for name, p in model.named_parameters() if name.endswith((THIN, TALL))}
