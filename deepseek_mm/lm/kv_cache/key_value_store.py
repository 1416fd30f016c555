"""The keys and values themselves: for every attention a long row of places, which the blocks deals out in pages.

A head's keys lie one after the other, so pages in a row are read in one piece, and a block of one head is one small
piece. Kept as int8 they need half the room of bfloat16: each token's key of each head has its own scale, and what is
read back is off by at most half a step of it, 1/254 of its largest number.

Layers that choose blocks also keep a summary of every page, the mean of its keys, written when the page is full.

Shape key:  G key/value heads, R rows (a page has PAGE of them), P pages, K width, N tokens, X = G * N
"""

import math
import mmap
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from deepseek_mm.lm.kv_cache.block_manager import PageCopy
from deepseek_mm.lm.kv_cache.layer_groups import PAGE, LayerGroup

STEPS = 127  # of an int8 number, to either side


class TensorStore(Protocol):
    """Keys, or values, of one attention."""

    def write_rows(self, rows_N: Tensor, x_NGK: Tensor) -> None:
        """Write tokens into these rows."""

    def take(self, rows_N: Tensor, out: Tensor | None = None) -> Tensor:
        """What lies in these rows, (G, N, K): a copy, in `out` if that is given."""

    def view(self, row: int, size: int) -> Tensor:
        """What lies in `size` rows from `row` on, (G, size, K): not copied where it is kept as it is read."""

    def pick(self, rows_X: Tensor) -> Tensor:
        """What lies in these rows, counted through all heads, (X, K): a copy."""

    def clear(self, rows_N: Tensor) -> None:
        """Make these rows zero."""

    def move(self, source: int, target: int) -> None:
        """Copy page `source` to page `target`."""

    @property
    def nbytes(self) -> int: ...


class PlainStore:
    """Kept as it is read."""

    def __init__(self, heads: int, rows: int, width: int, like: Tensor) -> None:
        self._x_GRK = zeros_when_touched((heads, rows, width), like)

    @property
    def rows(self) -> Tensor:
        """All of it, (G, R, K), for whoever reads and writes it in place."""
        return self._x_GRK

    def write_rows(self, rows_N: Tensor, x_NGK: Tensor) -> None:
        self._x_GRK.index_copy_(1, rows_N, x_NGK.transpose(0, 1))

    def take(self, rows_N: Tensor, out: Tensor | None = None) -> Tensor:
        return torch.index_select(self._x_GRK, 1, rows_N, out=out)

    def view(self, row: int, size: int) -> Tensor:
        return self._x_GRK.narrow(1, row, size)

    def pick(self, rows_X: Tensor) -> Tensor:
        return self._x_GRK.flatten(0, 1).index_select(0, rows_X)

    def clear(self, rows_N: Tensor) -> None:
        self._x_GRK.index_fill_(1, rows_N, 0)

    def move(self, source: int, target: int) -> None:
        self.view(target * PAGE, PAGE).copy_(self.view(source * PAGE, PAGE))

    @property
    def nbytes(self) -> int:
        return self._x_GRK.nbytes


def zeros_when_touched(shape: tuple[int, int, int], like: Tensor) -> Tensor:
    """Zeros of the dtype and on the device of `like`; on a processor the system gives a page when it is first written.

    `torch.zeros` writes all of it at once, which for the pool of a long context is hundreds of megabytes.
    """
    size_bytes = math.prod(shape) * like.element_size()
    if like.device.type != "cpu" or size_bytes < mmap.PAGESIZE:
        return like.new_zeros(shape)
    pages = mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return torch.frombuffer(pages, dtype=like.dtype, count=math.prod(shape)).view(shape)


class Int8Store:
    """Kept as int8, with a scale for every token and head."""

    def __init__(self, heads: int, rows: int, width: int, like: Tensor) -> None:
        self._x_GRK = PlainStore(heads, rows, width, like.new_zeros((), dtype=torch.int8))
        self._scale_GR1 = PlainStore(heads, rows, 1, like.new_zeros((), dtype=torch.float32))
        self._dtype = like.dtype

    def write_rows(self, rows_N: Tensor, x_NGK: Tensor) -> None:
        scale_NG1 = x_NGK.float().abs().amax(-1, keepdim=True) / STEPS
        steps_NGK = (x_NGK / scale_NG1.clamp(min=torch.finfo(torch.float32).tiny)).round()
        self._x_GRK.write_rows(rows_N, steps_NGK.to(torch.int8))
        self._scale_GR1.write_rows(rows_N, scale_NG1)

    def take(self, rows_N: Tensor, out: Tensor | None = None) -> Tensor:
        x_GNK, scale_GN1 = self._x_GRK.take(rows_N), self._scale_GR1.take(rows_N)
        return (x_GNK * scale_GN1).to(self._dtype) if out is None else torch.mul(x_GNK, scale_GN1, out=out)

    def view(self, row: int, size: int) -> Tensor:
        return (self._x_GRK.view(row, size) * self._scale_GR1.view(row, size)).to(self._dtype)

    def pick(self, rows_X: Tensor) -> Tensor:
        return (self._x_GRK.pick(rows_X) * self._scale_GR1.pick(rows_X)).to(self._dtype)

    def clear(self, rows_N: Tensor) -> None:
        self._x_GRK.clear(rows_N)
        self._scale_GR1.clear(rows_N)

    def move(self, source: int, target: int) -> None:
        self._x_GRK.move(source, target)
        self._scale_GR1.move(source, target)

    @property
    def nbytes(self) -> int:
        return self._x_GRK.nbytes + self._scale_GR1.nbytes


class KeyValueCache:
    """Keys and values of every attention, in pools of pages as the blocks has them.

    `like` is a tensor of the kind that the model computes with: its dtype and its device are the cache's.
    """

    def __init__(self, groups: Sequence[LayerGroup], pages: Sequence[int], *, like: Tensor, int8: bool = False) -> None:
        kind = Int8Store if int8 else PlainStore
        self.groups = tuple(groups)
        self.device = like.device
        self.keys: dict[int, TensorStore] = {}
        self.values: dict[int, TensorStore] = {}
        self.summaries: dict[int, Tensor] = {}  # slot -> (G, P, K)
        self._sizes: dict[int, tuple[int, int]] = {}  # slot -> heads, width
        self._firsts: dict[int, Tensor] = {}  # slot that chooses -> each head's first row, counted through all, (G, 1)
        self._like = like
        self._scratch = [like.new_empty(0), like.new_empty(0)]  # what keys and values are gathered into
        for group, count in zip(groups, pages, strict=True):
            self._sizes.update(dict.fromkeys(group.slots, (group.kv_heads, group.head_width)))
            for slot in group.slots:
                self.keys[slot] = kind(group.kv_heads, count * PAGE, group.head_width, like)
                self.values[slot] = kind(group.kv_heads, count * PAGE, group.head_width, like)
            for slot in group.tops:
                self._firsts[slot] = self.integers(range(0, group.kv_heads * count * PAGE, count * PAGE))[:, None]
                self.summaries[slot] = like.new_zeros(group.kv_heads, count, group.head_width)

    def write(self, slot: int, rows_N: Tensor, k_NGK: Tensor, v_NGK: Tensor) -> None:
        """Keep keys and values of tokens in these rows."""
        self.keys[slot].write_rows(rows_N, k_NGK)
        self.values[slot].write_rows(rows_N, v_NGK)

    def clear(self, slot: int, rows_N: Tensor) -> None:
        """Forget what lay in these rows: of a page that was begun, what others left behind its first token."""
        for shelf in (self.keys[slot], self.values[slot]):
            shelf.clear(rows_N)

    def summarise(self, slot: int, pages_P: Tensor) -> None:
        """The pages were filled: sum up what a layer needs to choose among them."""
        rows_R = (pages_P[:, None] * PAGE + torch.arange(PAGE, device=pages_P.device)).flatten()
        means_GPK = self.keys[slot].take(rows_R).unflatten(1, (-1, PAGE)).mean(2)
        self.summaries[slot].index_copy_(1, pages_P, means_GPK)

    def gather(self, slot: int, rows_N: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values in these rows, (G, N, K) each: copies, which the next call overwrites.

        Memory that was just used is at hand; asking the system for fresh pages takes longer than attending to them.
        """
        keys, values = (self._at_hand(number, slot, len(rows_N)) for number in (0, 1))
        return self.keys[slot].take(rows_N, keys), self.values[slot].take(rows_N, values)

    def _at_hand(self, number: int, slot: int, rows: int) -> Tensor:
        """Room for (G, rows, K), in memory that is used again and again."""
        heads, width = self._sizes[slot]
        size = heads * rows * width
        if self._scratch[number].numel() < size:
            with torch.inference_mode(False):  # or it could be written in that mode only
                self._scratch[number] = self._like.new_empty(size)
        return self._scratch[number][:size].view(heads, rows, width)

    def view(self, slot: int, row: int, size: int) -> tuple[Tensor, Tensor]:
        """Keys and values in `size` rows from `row` on, (G, size, K) each."""
        return self.keys[slot].view(row, size), self.values[slot].view(row, size)

    def pick(self, slot: int, rows_GN: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values in rows that are others for every head, (G, N, K) each: copies."""
        rows_X = (rows_GN + self._firsts[slot]).flatten()
        keys_XK, values_XK = self.keys[slot].pick(rows_X), self.values[slot].pick(rows_X)
        return keys_XK.unflatten(0, rows_GN.shape), values_XK.unflatten(0, rows_GN.shape)

    def copy(self, copies: Sequence[PageCopy]) -> None:
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
