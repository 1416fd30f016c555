"""A cache that remembers in words what lies in every row: the truth that the bookkeeping is held against.

What a layer keeps of a token depends on everything before it. So a row holds the whole text up to its token; a row
that some layer reads is right if exactly that text lies there.
"""

from itertools import accumulate

from deepseek_mm.lm.kv_cache.block_manager import BlockManager, CachedText
from deepseek_mm.lm.kv_cache.key_value_store import LayerGroup


def histories(text: CachedText) -> list[int]:
    """For every token a number that stands for all that its keys depend on."""
    return list(accumulate(text.ids, lambda before, token: hash((before, token)), initial=0))[1:]


def seen(group: LayerGroup, query: int) -> list[int]:
    """The places that a token at `query` sees before itself."""
    return [n for n in range(query) if not group.window or query - n < group.window or n < group.sinks]


class Naive:
    """What lies in the rows of every group."""

    def __init__(self, blocks: BlockManager) -> None:
        self.blocks = blocks
        self.rows: list[dict[int, object]] = [{} for _ in blocks.groups]

    def write(self, text: CachedText, count: int, *, stays: int | None = None) -> None:
        """Grow, compute, advance: as a forward pass over `count` tokens does it, of which `stays` come to stay."""
        self.blocks.grow(text, count, sure=stays)
        known = histories(text)
        for rows, table in zip(self.rows, text.tables, strict=True):
            for place, row, size in table.row_ranges(text.length, text.length + count):
                rows.update({row + n: known[place + n] for n in range(size)})
        self.blocks.advance(text, count if stays is None else stays)

    def check(self, text: CachedText) -> None:
        """Whatever the next token of `text` sees is there, in every group."""
        known = histories(text)
        for group, rows, table in zip(self.blocks.groups, self.rows, text.tables, strict=True):
            for place in seen(group, text.length):
                ((_, row, _),) = table.row_ranges(place, place + 1)
                assert rows[row] == known[place], f"{group} sees something else at {place} of {text.length}"
