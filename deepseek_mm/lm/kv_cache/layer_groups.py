"""Layers that remember equally long share their pages, so a sequence needs one table of pages for each such group.

A group without a window remembers everything. A group with one remembers the first tokens (sinks) and the last ones:
its pages are given back as the window moves on. Borders between pages are where another sequence may go on from, so
what a token at the last border sees stays as well; that is at most one page more.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from deepseek_mm.lm.shape import BLOCK, DecoderShape

PAGE = BLOCK  # tokens of one page: a key block that a layer chooses is a page that it reads


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerGroup:
    """Attentions whose keys live equally long and have the same shape."""

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
