"""The decoder's memory in pages: one forward pass over a chunk of one text, over the next token of several, or over
chunks of several that lie one behind the other.

Everything that is the same for all layers of a group (which rows are written, which are read) is worked out once, when
the pass begins; a layer then needs a handful of tensor operations. After the pass the caller tells the book how many of
the tokens came to stay.

    paged = Paged(memory, [text], 256)                  # or Paged(memory, texts) for one token each
    hidden_BTD, _ = decoder(decoder.embed(paged.ids_BT), paged)
    memory.book.advance(text, 256)
    packed = Packed(memory, [text, other], [256, 40])   # ids_BT is (1, 296)

Shape key:  B texts, T tokens of each, H query heads, G key/value heads, K head width
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from deepseek_mm.lm.book import BlockManager, CachedText
from deepseek_mm.lm.cache import KeyValueCache
from deepseek_mm.lm.groups import group_layers, plan_pages
from deepseek_mm.lm.held import RollingSinks
from deepseek_mm.lm.paged_chunk import ChunkAttention
from deepseek_mm.lm.paged_rows import RowAttention
from deepseek_mm.lm.shape import DecoderShape


@dataclass(frozen=True, slots=True)
class PagedMemory:
    """What all passes share: the model's shape, who holds which pages, and what lies in them."""

    shape: DecoderShape
    book: BlockManager
    cache: KeyValueCache

    def start(self, ids: Iterable[int], *, most: int, **more: Any) -> CachedText:
        """A text that comes to have `most` tokens, as `Book.start` says; how long it may be decides its rotations."""
        return self.book.start(ids, most=most, scale=self.shape.scale_for(most), **more)


def open_memory(
    shape: DecoderShape, *, tokens: int, sequences: int, chunk: int, like: Tensor, int8: bool = False
) -> PagedMemory:
    """Memory for `sequences` texts of `tokens` tokens together, read in chunks of up to `chunk`.

    `like` is a tensor of the kind that the model computes with; with `int8` keys and values are kept in half of that.
    """
    groups = group_layers(shape)
    pages = plan_pages(groups, tokens=tokens, sequences=sequences, chunk=chunk)
    return PagedMemory(
        shape, BlockManager(groups, pages, chunk=chunk), KeyValueCache(groups, pages, like=like, int8=int8)
    )


def choose_scale(scales: Sequence[float], device: torch.device) -> float | Tensor:
    """As `Attend.scale` says."""
    if len(set(scales)) == 1:
        return scales[0]
    return torch.tensor(scales, device=device)[:, None, None, None]


class PagedPass:
    """One pass over the next `count` tokens of `texts`: of one text any number, of several one each.

    With `sure` the tokens after the first so many are guesses; each of them then chooses key blocks for itself, as it
    would if it came alone. Raises NoPages, as `Book.grow` does.
    """

    def __init__(
        self, memory: PagedMemory, texts: Sequence[CachedText], count: int = 1, *, sure: int | None = None
    ) -> None:
        assert len(texts) == 1 or count == 1, "several texts take one token each"
        book, cache = memory.book, memory.cache
        cache.copy([copy for text in texts for copy in book.grow(text, count, sure=sure)])
        starts = [text.length for text in texts]
        ids = [text.ids[start : start + count] for text, start in zip(texts, starts, strict=True)]
        self.ids_BT = cache.integers(ids)
        self.positions_BT = cache.integers([range(start, start + count) for start in starts])
        self.scale = choose_scale([text.scale for text in texts], cache.device)
        held = RollingSinks(memory.shape, self)
        self._parts: dict[int, RowAttention | ChunkAttention] = {}
        for number, group in enumerate(book.groups):
            tables = [text.tables[number] for text in texts]
            places = range(starts[0], starts[0] + count)
            part: RowAttention | ChunkAttention = (
                RowAttention(cache, group, tables, starts, held)
                if count == 1
                else ChunkAttention(cache, group, tables[0], places, held, one_by_one=sure is not None)
            )
            self._parts.update(dict.fromkeys(group.slots, part))

    def __call__(self, slot: int, q_BTHK: Tensor, k_BTGK: Tensor, v_BTGK: Tensor) -> Tensor:
        """As `Attend` says; the keys and values are kept on the way."""
        return self._parts[slot](slot, q_BTHK, k_BTGK, v_BTGK)


class PackedPass:
    """One pass over the next `counts` tokens of several texts, one behind the other as a batch of one, (1, T).

    The matrices are then read once for all of them; each text sees itself alone. Raises NoPages, as `Book.grow` does.
    """

    def __init__(self, memory: PagedMemory, texts: Sequence[CachedText], counts: Sequence[int]) -> None:
        self._counts = list(counts)
        self._alone = [PagedPass(memory, [text], count) for text, count in zip(texts, counts, strict=True)]
        self.ids_BT = torch.cat([paged.ids_BT for paged in self._alone], 1)
        self.positions_BT = torch.cat([paged.positions_BT for paged in self._alone], 1)
        each = [text.scale for text, count in zip(texts, counts, strict=True) for _ in range(count)]
        scale = choose_scale(each, memory.cache.device)
        self.scale = scale if isinstance(scale, float) else scale.transpose(0, 1)

    def __call__(self, slot: int, q_BTHK: Tensor, k_BTGK: Tensor, v_BTGK: Tensor) -> Tensor:
        """As `Attend` says; the keys and values are kept on the way."""
        parts = zip(*(x.split(self._counts, 1) for x in (q_BTHK, k_BTGK, v_BTGK)), strict=True)
        return torch.cat([paged(slot, *part) for paged, part in zip(self._alone, parts, strict=True)], 1)
