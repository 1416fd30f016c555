"""Examples as the last layer sees them: what the layers below made of a question and its photo, and what is right.

Shape key:  N examples, W width of what is seen (256)
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class ReaderRows:
    """Some examples."""

    x_NW: Tensor
    right_N: Tensor  # int64, the number of the answer
    wrong_N: Tensor  # bool: that answer is the one which is wrong, and nothing else is known
    weight_N: Tensor  # how much each counts

    @classmethod
    def of(cls, x_NW: Tensor, right_N: Tensor) -> Self:
        """Examples of right answers that count alike."""
        count = len(right_N)
        return cls(x_NW=x_NW, right_N=right_N, wrong_N=torch.zeros(count, dtype=torch.bool), weight_N=torch.ones(count))

    def __len__(self) -> int:
        return len(self.right_N)

    def at(self, some_K: Tensor) -> "ReaderRows":
        """Those of these numbers, or those where a mask holds."""
        return ReaderRows(**{item.name: getattr(self, item.name)[some_K] for item in fields(self)})


def join_rows(parts: Sequence[ReaderRows]) -> ReaderRows:
    """All of them, in order; at least one part."""
    return ReaderRows(
        **{item.name: torch.cat([getattr(part, item.name) for part in parts]) for item in fields(ReaderRows)}
    )
