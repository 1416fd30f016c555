"""The keys and values themselves: for every attention a long row of places, which the book deals out in pages.

A head's keys lie one after the other, so pages in a row are read in one piece, and a block of one head is one small
piece. Kept as int8 they need half the room of bfloat16: each token's key of each head has its own scale, and what is
read back is off by at most half a step of it, 1/254 of its largest number.

Layers that choose blocks also keep a summary of every page, the mean of its keys, written when the page is full.

Shape key:  G key/value heads, R rows (a page has PAGE of them), P pages, K width, N tokens
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from deepseek_mm.lm.book import Copy
from deepseek_mm.lm.groups import PAGE, Group

STEPS = 127  # of an int8 number, to either side


class Shelf(Protocol):
    """Keys, or values, of one attention."""

    def put(self, rows_N: Tensor, x_NGK: Tensor) -> None:
        """Write tokens into these rows."""

    def take(self, rows_N: Tensor) -> Tensor:
        """What lies in these rows, (G, N, K): a copy."""

    def view(self, row: int, size: int) -> Tensor:
        """What lies in `size` rows from `row` on, (G, size, K): not copied where it is kept as it is read."""

    def pick(self, pages_GP: Tensor) -> Tensor:
        """What lies in these pages, other ones for every head, (G, P * PAGE, K): a copy."""

    def move(self, source: int, target: int) -> None:
        """Copy page `source` to page `target`."""

    @property
    def nbytes(self) -> int: ...


class Wide:
    """Kept as it is read."""

    def __init__(self, heads: int, rows: int, width: int, like: Tensor) -> None:
        self._x_GRK = like.new_zeros(heads, rows, width)

    def put(self, rows_N: Tensor, x_NGK: Tensor) -> None:
        self._x_GRK.index_copy_(1, rows_N, x_NGK.transpose(0, 1))

    def take(self, rows_N: Tensor) -> Tensor:
        return self._x_GRK.index_select(1, rows_N)

    def view(self, row: int, size: int) -> Tensor:
        return self._x_GRK.narrow(1, row, size)

    def pick(self, pages_GP: Tensor) -> Tensor:
        heads, rows, width = self._x_GRK.shape
        firsts_G1 = torch.arange(0, heads * rows // PAGE, rows // PAGE, device=pages_GP.device)[:, None]
        by_page = self._x_GRK.view(-1, PAGE * width)
        return by_page.index_select(0, (pages_GP + firsts_G1).flatten()).view(heads, -1, width)

    def move(self, source: int, target: int) -> None:
        self.view(target * PAGE, PAGE).copy_(self.view(source * PAGE, PAGE))

    @property
    def nbytes(self) -> int:
        return self._x_GRK.nbytes


class Narrow:
    """Kept as int8, with a scale for every token and head."""

    def __init__(self, heads: int, rows: int, width: int, like: Tensor) -> None:
        self._x_GRK = Wide(heads, rows, width, like.new_zeros((), dtype=torch.int8))
        self._scale_GR1 = Wide(heads, rows, 1, like.new_zeros((), dtype=torch.float32))
        self._dtype = like.dtype

    def put(self, rows_N: Tensor, x_NGK: Tensor) -> None:
        scale_NG1 = x_NGK.float().abs().amax(-1, keepdim=True) / STEPS
        steps_NGK = (x_NGK / scale_NG1.clamp(min=torch.finfo(torch.float32).tiny)).round()
        self._x_GRK.put(rows_N, steps_NGK.to(torch.int8))
        self._scale_GR1.put(rows_N, scale_NG1)

    def take(self, rows_N: Tensor) -> Tensor:
        return (self._x_GRK.take(rows_N) * self._scale_GR1.take(rows_N)).to(self._dtype)

    def view(self, row: int, size: int) -> Tensor:
        return (self._x_GRK.view(row, size) * self._scale_GR1.view(row, size)).to(self._dtype)

    def pick(self, pages_GP: Tensor) -> Tensor:
        return (self._x_GRK.pick(pages_GP) * self._scale_GR1.pick(pages_GP)).to(self._dtype)

    def move(self, source: int, target: int) -> None:
        self._x_GRK.move(source, target)
        self._scale_GR1.move(source, target)

    @property
    def nbytes(self) -> int:
        return self._x_GRK.nbytes + self._scale_GR1.nbytes


class Cache:
    """Keys and values of every attention, in pools of pages as the book has them.

    `like` is a tensor of the kind that the model computes with: its dtype and its device are the cache's.
    """

    def __init__(self, groups: Sequence[Group], pages: Sequence[int], *, like: Tensor, int8: bool = False) -> None:
        kind = Narrow if int8 else Wide
        self.groups = tuple(groups)
        self.device = like.device
        self.keys: dict[int, Shelf] = {}
        self.values: dict[int, Shelf] = {}
        self.summaries: dict[int, Tensor] = {}  # slot -> (G, P, K)
        for group, count in zip(groups, pages, strict=True):
            for slot in group.slots:
                self.keys[slot] = kind(group.kv_heads, count * PAGE, group.head_width, like)
                self.values[slot] = kind(group.kv_heads, count * PAGE, group.head_width, like)
            for slot in group.tops:
                self.summaries[slot] = like.new_zeros(group.kv_heads, count, group.head_width)

    def write(self, slot: int, rows_N: Tensor, k_NGK: Tensor, v_NGK: Tensor) -> None:
        """Keep keys and values of tokens in these rows."""
        self.keys[slot].put(rows_N, k_NGK)
        self.values[slot].put(rows_N, v_NGK)

    def summarise(self, slot: int, pages_P: Tensor) -> None:
        """The pages were filled: sum up what a layer needs to choose among them."""
        rows_R = (pages_P[:, None] * PAGE + torch.arange(PAGE, device=pages_P.device)).flatten()
        means_GPK = self.keys[slot].take(rows_R).unflatten(1, (-1, PAGE)).mean(2)
        self.summaries[slot].index_copy_(1, pages_P, means_GPK)

    def gather(self, slot: int, rows_N: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values in these rows, (G, N, K) each: copies."""
        return self.keys[slot].take(rows_N), self.values[slot].take(rows_N)

    def view(self, slot: int, row: int, size: int) -> tuple[Tensor, Tensor]:
        """Keys and values in `size` rows from `row` on, (G, size, K) each."""
        return self.keys[slot].view(row, size), self.values[slot].view(row, size)

    def pick(self, slot: int, pages_GP: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of whole pages, other ones for every head, (G, P * PAGE, K) each: copies."""
        return self.keys[slot].pick(pages_GP), self.values[slot].pick(pages_GP)

    def copy(self, copies: Sequence[Copy]) -> None:
        """Give the new pages what the old ones hold."""
        for number, source, target in copies:
            for slot in self.groups[number].slots:
                self.keys[slot].move(source, target)
                self.values[slot].move(source, target)

    def integers(self, numbers: Sequence[int] | Sequence[Sequence[int]]) -> Tensor:
        """Rows, pages or places, where the cache is."""
        return torch.tensor(numbers, dtype=torch.int64, device=self.device)

    @property
    def nbytes(self) -> int:
        """Bytes of memory, all of them claimed when the cache is made; the system hands them out as they are used."""
        shelves = (*self.keys.values(), *self.values.values())
        return sum(shelf.nbytes for shelf in shelves) + sum(x.nbytes for x in self.summaries.values())
