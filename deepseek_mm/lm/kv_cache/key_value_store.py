"""The keys and values themselves: for every attention a long row of places, which the blocks deals out in pages.

A head's keys lie one after the other, so pages in a row are read in one piece, and a block of one head is one small
piece. Layers that choose blocks also keep a summary of every page, the mean of its keys, written when the page is full.

Shape key:  G key/value heads, R rows (a page has PAGE of them), P pages, K width, N tokens, X = G * N
"""

import math
import mmap
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from deepseek_mm.lm.shape import BLOCK, DecoderShape

PAGE = BLOCK  # tokens of one page: a key block that a layer chooses is a page that it reads


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerGroup:
    """Attentions whose keys live equally long and have the same shape: a sequence has one table of pages for them.

    A group without a window remembers everything. One with a window remembers the first tokens (sinks) and the last
    ones: its pages are given back as the window moves on. Borders between pages are where another sequence may go on
    from, so what a token at the last border sees stays as well; that is at most one page more.
    """

    slots: tuple[int, ...]
    kv_heads: int
    head_width: int
    window: int = 0  # tokens, the own one included; 0: everything
    sinks: int = 0  # first tokens that stay visible beyond the window
    tops: tuple[int, ...] = ()  # those of the slots that choose blocks, and so need a summary of each

    def first_kept(self, length: int) -> int:
        """The oldest block, the sinks' apart, that a token at the last page border of `length` tokens still sees."""
        return max(0, length // PAGE * PAGE - self.window + 1) // PAGE if self.window else 0

    def keeps(self, block: int, length: int) -> bool:
        """Whether `block` must be there when `length` tokens are in the cache."""
        return block >= self.first_kept(length) or block * PAGE < self.sinks

    def most_pages(self, tokens: int, chunk: int) -> int:
        """Pages that one sequence of up to `tokens` tokens holds at its worst moment, growing by `chunk` at once:
        while a chunk is written, the window before it is still read.
        """
        if not self.window:
            return count_pages(tokens)
        near = count_pages(self.window - 1) + 1
        return min(count_pages(tokens), bool(self.sinks) + near + min(near, count_pages(chunk) + 1))


def count_pages(tokens: int) -> int:
    """Pages that `tokens` tokens fill or begin."""
    return -(-tokens // PAGE)


def group_layers(shape: DecoderShape) -> tuple[LayerGroup, ...]:
    """The groups of a decoder: its layers' by what they remember, and the gates of its experts."""
    slots: dict[tuple[int, int, int, int], list[int]] = defaultdict(list)
    for slot in range(shape.num_slots):
        reach = shape.slot_reach(slot)
        heads, width = shape.num_kv_heads, shape.head_width
        if slot >= shape.num_layers and shape.moe:
            heads, width = shape.moe.gate_heads, shape.moe.gate_width // shape.moe.gate_heads
        slots[heads, width, reach.window, reach.sinks].append(slot)
    return tuple(
        LayerGroup(
            slots=tuple(members),
            kv_heads=heads,
            head_width=width,
            window=window,
            sinks=sinks,
            tops=tuple(slot for slot in members if shape.slot_reach(slot).kind == "top"),
        )
        for (heads, width, window, sinks), members in slots.items()
    )


def plan_pages(groups: Sequence[LayerGroup], *, tokens: int, sequences: int, chunk: int) -> tuple[int, ...]:
    """Pages of each group for `sequences` live ones of `tokens` tokens together, which grow by up to `chunk` at once.

    Windows get as many again, for what finished prefixes keep of them.
    """
    everything = count_pages(tokens) + sequences
    return tuple(
        min(everything, 2 * sequences * group.most_pages(tokens, chunk)) if group.window else everything
        for group in groups
    )


def zeros_when_touched(shape: tuple[int, int, int], like: Tensor) -> Tensor:
    """Zeros of the dtype and on the device of `like`; on a processor the system gives a page when it is first written.

    `torch.zeros` writes all of it at once, which for the pool of a long context is hundreds of megabytes.
    """
    size_bytes = math.prod(shape) * like.element_size()
    if like.device.type != "cpu" or size_bytes < mmap.PAGESIZE:
        return like.new_zeros(shape)
    pages = mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return torch.frombuffer(pages, dtype=like.dtype, count=math.prod(shape)).view(shape)


class KeyValueCache:
    """Keys and values of every attention, in pools of pages as the blocks has them.

    `like` is a tensor of the kind that the model computes with: its dtype and its device are the cache's.
    """

    def __init__(self, groups: Sequence[LayerGroup], pages: Sequence[int], *, like: Tensor) -> None:
        self.device = like.device
        self.keys: dict[int, Tensor] = {}  # slot -> (G, R, K)
        self.values: dict[int, Tensor] = {}
        self.summaries: dict[int, Tensor] = {}  # slot -> (G, P, K)
        self._firsts: dict[int, Tensor] = {}  # slot that chooses -> each head's first row, counted through all, (G, 1)
        self._like = like
        self._scratch = [like.new_empty(0), like.new_empty(0)]  # what keys and values are gathered into
        for group, count in zip(groups, pages, strict=True):
            for slot in group.slots:
                shape = group.kv_heads, count * PAGE, group.head_width
                self.keys[slot], self.values[slot] = zeros_when_touched(shape, like), zeros_when_touched(shape, like)
            for slot in group.tops:
                self._firsts[slot] = self.integers(range(0, group.kv_heads * count * PAGE, count * PAGE))[:, None]
                self.summaries[slot] = like.new_zeros(group.kv_heads, count, group.head_width)

    def write(self, slot: int, rows_N: Tensor, k_NGK: Tensor, v_NGK: Tensor) -> None:
        """Keep keys and values of tokens in these rows."""
        self.keys[slot].index_copy_(1, rows_N, k_NGK.transpose(0, 1))
        self.values[slot].index_copy_(1, rows_N, v_NGK.transpose(0, 1))

    def clear(self, slot: int, rows_N: Tensor) -> None:
        """Forget what lay in these rows: of a page that was begun, what others left behind its first token."""
        self.keys[slot].index_fill_(1, rows_N, 0)
        self.values[slot].index_fill_(1, rows_N, 0)

    def summarise(self, slot: int, pages_P: Tensor) -> None:
        """The pages were filled: sum up what a layer needs to choose among them."""
        rows_R = (pages_P[:, None] * PAGE + torch.arange(PAGE, device=pages_P.device)).flatten()
        means_GPK = self.keys[slot].index_select(1, rows_R).unflatten(1, (-1, PAGE)).mean(2)
        self.summaries[slot].index_copy_(1, pages_P, means_GPK)

    def gather(self, slot: int, rows_N: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values in these rows, (G, N, K) each: copies, which the next call overwrites.

        Memory that was just used is at hand; asking the system for fresh pages takes longer than attending to them.
        """
        keys, values = (self._at_hand(number, slot, len(rows_N)) for number in (0, 1))
        torch.index_select(self.keys[slot], 1, rows_N, out=keys)
        torch.index_select(self.values[slot], 1, rows_N, out=values)
        return keys, values

    def _at_hand(self, number: int, slot: int, rows: int) -> Tensor:
        """Room for (G, rows, K), in memory that is used again and again."""
        heads, _, width = self.keys[slot].shape
        size = heads * rows * width
        if self._scratch[number].numel() < size:
            with torch.inference_mode(False):  # or it could be written in that mode only
                self._scratch[number] = self._like.new_empty(size)
        return self._scratch[number][:size].view(heads, rows, width)

    def view(self, slot: int, row: int, size: int) -> tuple[Tensor, Tensor]:
        """Keys and values in `size` rows from `row` on, (G, size, K) each: not copied."""
        return self.keys[slot].narrow(1, row, size), self.values[slot].narrow(1, row, size)

    def pick(self, slot: int, rows_GN: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values in rows that are others for every head, (G, N, K) each: copies."""
        rows_X = (rows_GN + self._firsts[slot]).flatten()
        keys_XK, values_XK = (x[slot].flatten(0, 1).index_select(0, rows_X) for x in (self.keys, self.values))
        return keys_XK.unflatten(0, rows_GN.shape), values_XK.unflatten(0, rows_GN.shape)

    def integers(self, numbers: Sequence[int] | Sequence[Sequence[int]]) -> Tensor:
        """Rows, pages or places, where the cache is."""
        return torch.tensor(numbers, dtype=torch.int64, device=self.device)
