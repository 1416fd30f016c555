"""Attention over the paged cache: chunks of a prompt, and the next tokens of several texts.

Everything that is the same for all layers of a group (which rows are written, which are read) is worked out once, when
the pass begins; a layer then needs a handful of tensor operations. After the pass the caller tells the blocks how many
of the tokens came to stay.

    paged = PagedPass(memory, [text], 256)                  # or PagedPass(memory, texts) for one token each
    hidden_BTD, _ = decoder(decoder.embed(paged.ids_BT), paged)
    memory.blocks.advance(text, 256)
    packed = PackedPass(memory, [text, other], [256, 40])   # ids_BT is (1, 296)

A layer with a window reads only the rows that its first token still sees, and keeps only what the next chunk will see.
The others read the text from its start, in place where its pages lie in a row.

What several texts see is copied side by side, and one product does for all: on a CPU that is faster than many small
products in place, up to some length. Longer texts are read where they lie, head by head. A layer that chooses reads
the pages that its summaries promise most of.

A product of a new size costs a CPU a millisecond to prepare, more than most layers take, and a text that grows has a
new size at every token. So sizes are rounded up, and what is beyond the text is masked. It must be finite all the
same: no weight at all times NaN is NaN.

Shape key:  B texts, T tokens of each or of the chunk, H query heads, G key/value heads, K head width, S rows read,
            P pages of a text, N rows or pages chosen
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from deepseek_mm.lm.attention_backend import RollingSinks, Rotation, rotate
from deepseek_mm.lm.attention_kernels import attend_full, attend_rows, attend_top, attend_window, choose_blocks
from deepseek_mm.lm.kv_cache.block_manager import BlockManager, CachedText, PageTable, RowRange
from deepseek_mm.lm.kv_cache.key_value_store import PAGE, KeyValueCache, LayerGroup, group_layers, plan_pages
from deepseek_mm.lm.shape import DecoderShape, Reach

ROUND = 64  # rows that a size is rounded up to while it grows


class ReadGathered:
    """Texts whose rows are copied side by side. `turn` turns the sinks' keys on, in the copy."""

    def __init__(
        self, cache: KeyValueCache, group: LayerGroup, seen: Sequence[Sequence[RowRange]], turn: Rotation | None = None
    ) -> None:
        self._cache, self._sinks, self._turn = cache, slice(group.sinks), turn
        sizes = [sum(stretch.size for stretch in stretches) for stretches in seen]
        longest = -(-max(sizes) // ROUND) * ROUND
        if group.window:
            longest = min(longest, group.window + group.sinks)
        own = cache.integers([last_row(stretches) for stretches in seen])
        self._rows_BS = own[:, None].repeat(1, longest)  # beyond its end a text reads its own token again
        for rows_S, stretches, size in zip(self._rows_BS, seen, sizes, strict=True):
            rows_S[:size] = rows_of(cache, stretches)
        self._lengths_B = None if min(sizes) == longest else cache.integers(sizes)

    def attend(self, slot: int, q_BHK: Tensor) -> Tensor:
        """What one token of each of the texts sees, (B, H, K)."""
        kv = self._cache.gather(slot, self._rows_BS.flatten())
        k_BSGK, v_BSGK = (x.unflatten(1, self._rows_BS.shape).permute(1, 2, 0, 3) for x in kv)
        if self._turn:
            k_BSGK[:, self._sinks] = rotate(k_BSGK[:, self._sinks], self._turn)
        return attend_rows(q_BHK, k_BSGK, v_BSGK, self._lengths_B)


class ReadInPlace:
    """One text that lies in one piece."""

    def __init__(self, cache: KeyValueCache, stretch: RowRange) -> None:
        self._cache, self._row = cache, stretch.row
        self._size = -(-(stretch.row + stretch.size) // PAGE) * PAGE - stretch.row  # to the end of the last page
        self._lengths_1 = None if self._size == stretch.size else cache.integers([stretch.size])

    def attend(self, slot: int, q_BHK: Tensor) -> Tensor:
        """What its token sees. Head by head: a product of several copies keys that do not lie close together."""
        k_GSK, v_GSK = self._cache.view(slot, self._row, self._size)
        heads = zip(q_BHK.chunk(len(k_GSK), 1), k_GSK[:, None, :, None], v_GSK[:, None, :, None], strict=True)
        return torch.cat([attend_rows(q, k, v, self._lengths_1) for q, k, v in heads], 1)


class ReadBestPages:
    """One text of which a layer sees the `blocks` best pages, other ones for every key head."""

    def __init__(self, cache: KeyValueCache, pages_P: Tensor, *, blocks: int, last: int) -> None:
        """The token is number `last` of the last page."""
        self._cache, self._pages_P, self._blocks = cache, pages_P, blocks
        self._places = torch.arange(PAGE, device=pages_P.device)
        self._lengths_1 = None if last == PAGE - 1 else cache.integers([(blocks - 1) * PAGE + last + 1])

    def attend(self, slot: int, q_BHK: Tensor) -> Tensor:
        """What its token sees."""
        summaries_GPK = self._cache.summaries[slot].index_select(1, self._pages_P)
        chosen_GN = choose_blocks(q_BHK[0], summaries_GPK.transpose(0, 1), self._blocks)
        rows_GS = ((self._pages_P[chosen_GN] * PAGE)[..., None] + self._places).flatten(1)
        k_SGK, v_SGK = (x.transpose(0, 1) for x in self._cache.pick(slot, rows_GS))
        return attend_rows(q_BHK, k_SGK[None], v_SGK[None], self._lengths_1)


ReadStrategy = ReadGathered | ReadInPlace | ReadBestPages


def find_visible_ranges(group: LayerGroup, table: PageTable, place: int) -> list[RowRange]:
    """Where the tokens lie that the one at `place` sees, itself included."""
    first = max(0, place - group.window + 1) if group.window else 0
    return table.row_ranges(0, min(group.sinks, first)) + table.row_ranges(first, place + 1)


def last_row(stretches: Sequence[RowRange]) -> int:
    """The row of the last token in these stretches."""
    return stretches[-1].row + stretches[-1].size - 1


def rows_of(cache: KeyValueCache, stretches: Sequence[RowRange]) -> Tensor:
    """All rows of these stretches, (S,)."""
    pieces = [torch.arange(stretch.row, stretch.row + stretch.size) for stretch in stretches]
    return torch.cat(pieces).to(cache.device) if pieces else cache.integers([])


def pages_up_to(cache: KeyValueCache, table: PageTable, place: int) -> Tensor:
    """Pages of all blocks up to that of the token at `place`, (P,)."""
    return cache.integers([table.pages[block] for block in range(place // PAGE + 1)])


class ChunkAttention:
    """The tokens at `places` of one text, for the attentions of one group."""

    def __init__(
        self,
        cache: KeyValueCache,
        group: LayerGroup,
        table: PageTable,
        places: range,
        held: RollingSinks,
        *,
        one_by_one: bool,
    ) -> None:
        self._cache, self._places, self._held, self._one_by_one = cache, places, held, one_by_one
        kept = table.row_ranges(places.start, places.stop)
        self._kept_N = rows_of(cache, kept)
        self._picked_N = mask_in_ranges(cache, kept, places.start)
        end = last_row(kept) + 1
        behind = cache.integers(range(end, end + -end % PAGE)) if end % PAGE else None  # of the last page, if it is new
        self._behind_N = behind if places.stop // PAGE * PAGE >= places.start else None
        if group.window:
            first = max(0, places.start - group.window + 1)
            before = table.row_ranges(0, min(group.sinks, first)) + table.row_ranges(first, places.start)
            self._before_S = rows_of(cache, before)
            return
        self._all = table.row_ranges(0, places.stop)
        if group.tops:
            self._pages_P = pages_up_to(cache, table, places.stop - 1)
            self._filled_P = self._pages_P[places.start // PAGE : places.stop // PAGE]

    def __call__(self, slot: int, q_1THK: Tensor, k_1TGK: Tensor, v_1TGK: Tensor) -> Tensor:
        """What the chunk's tokens see, (1, T, H, K)."""
        reach, q_THK, k_TGK, v_TGK = self._held.shape.slot_reach(slot), q_1THK[0], k_1TGK[0], v_1TGK[0]
        if reach.kind == "window":
            seen_THK = self._near(slot, reach, q_THK, k_TGK, v_TGK)
            self._keep(slot, k_TGK, v_TGK)
            return seen_THK[None]
        self._keep(slot, k_TGK, v_TGK)
        if reach.kind == "top":
            self._cache.summarise(slot, self._filled_P)
            if len(self._pages_P) > reach.blocks:
                return self._best(slot, reach, q_THK)[None]
        k_SGK, v_SGK = read_ranges(self._cache, slot, self._all)
        return attend_full(q_THK, k_SGK, v_SGK, start=self._places.start)[None]

    def _keep(self, slot: int, k_TGK: Tensor, v_TGK: Tensor) -> None:
        if self._behind_N is not None:
            self._cache.clear(slot, self._behind_N)
        if len(self._picked_N) < len(self._places):
            k_TGK, v_TGK = k_TGK[self._picked_N], v_TGK[self._picked_N]
        self._cache.write(slot, self._kept_N, k_TGK, v_TGK)

    def _near(self, slot: int, reach: Reach, q_THK: Tensor, k_TGK: Tensor, v_TGK: Tensor) -> Tensor:
        before = (x.transpose(0, 1) for x in self._cache.gather(slot, self._before_S))
        k_SGK, v_SGK = (torch.cat(pair) for pair in zip(before, (k_TGK, v_TGK), strict=True))
        turn = self._held.queries(reach, q_THK)
        held_THK = rotate(q_THK[None], turn)[0] if turn else None
        return attend_window(q_THK, k_SGK, v_SGK, reach=reach, start=self._places.start, held_THK=held_THK)

    def _best(self, slot: int, reach: Reach, q_THK: Tensor) -> Tensor:
        if self._one_by_one:
            each = zip(self._places, q_THK.split(1), strict=True)
            return torch.cat([self._guess(slot, reach, q_1HK, place) for place, q_1HK in each])
        k_SGK, v_SGK = read_ranges(self._cache, slot, self._all)
        summaries_PGK = self._cache.summaries[slot].index_select(1, self._pages_P).transpose(0, 1)
        start = self._places.start
        return attend_top(q_THK, k_SGK, v_SGK, blocks=reach.blocks, start=start, summaries_PGK=summaries_PGK)

    def _guess(self, slot: int, reach: Reach, q_1HK: Tensor, place: int) -> Tensor:
        """What one token sees that chooses for itself, (1, H, K)."""
        pages_P = self._pages_P[: place // PAGE + 1]
        blocks = min(reach.blocks, len(pages_P))
        return ReadBestPages(self._cache, pages_P, blocks=blocks, last=place % PAGE).attend(slot, q_1HK)


def mask_in_ranges(cache: KeyValueCache, stretches: Sequence[RowRange], start: int) -> Tensor:
    """Which tokens of a chunk that begins at `start` lie in these stretches, (N,)."""
    return rows_of(cache, [stretch._replace(row=stretch.place - start) for stretch in stretches])


def read_ranges(cache: KeyValueCache, slot: int, stretches: Sequence[RowRange]) -> tuple[Tensor, Tensor]:
    """Keys and values that lie in `stretches`, (S, G, K) each: in place if it is one piece, else a copy."""
    views = [cache.view(slot, stretch.row, stretch.size) for stretch in stretches]
    k_GSK, v_GSK = views[0] if len(views) == 1 else (torch.cat(parts, 1) for parts in zip(*views, strict=True))
    return k_GSK.transpose(0, 1), v_GSK.transpose(0, 1)


COPIED = 1_536  # rows of a text up to which they are copied side by side


class RowAttention:
    """One token of each of several texts, for the attentions of one group."""

    def __init__(
        self,
        cache: KeyValueCache,
        group: LayerGroup,
        tables: Sequence[PageTable],
        places: Sequence[int],
        held: RollingSinks,
    ) -> None:
        self._cache, self._group, self._places, self._held = cache, group, places, held
        self._seen = [find_visible_ranges(group, table, place) for table, place in zip(tables, places, strict=True)]
        own = [last_row(stretches) for stretches in self._seen]
        self._own_B = cache.integers(own)
        opened = [row for row, place in zip(own, places, strict=True) if place % PAGE == 0]
        self._opened_N = cache.integers([row + n for row in opened for n in range(1, PAGE)]) if opened else None
        filled = [row // PAGE for row, place in zip(own, places, strict=True) if place % PAGE == PAGE - 1]
        self._filled_P = cache.integers(filled) if filled and group.tops else None
        self._pages = [pages_up_to(cache, *pair) for pair in zip(tables, places, strict=True)] if group.tops else []
        self._sights: dict[Reach, list[ReadStrategy]] = {}

    def __call__(self, slot: int, q_B1HK: Tensor, k_B1GK: Tensor, v_B1GK: Tensor) -> Tensor:
        """What each text's token sees, (B, 1, H, K)."""
        if self._opened_N is not None:
            self._cache.clear(slot, self._opened_N)
        self._cache.write(slot, self._own_B, k_B1GK[:, 0], v_B1GK[:, 0])
        reach = self._held.shape.slot_reach(slot)
        if reach.kind == "top" and self._filled_P is not None:
            self._cache.summarise(slot, self._filled_P)
        if reach not in self._sights:
            self._sights[reach] = self._look(reach, self._held.keys(reach, q_B1HK))
        sights = self._sights[reach]
        queries = q_B1HK[:, 0].chunk(len(sights))
        return torch.cat([sight.attend(slot, q) for sight, q in zip(sights, queries, strict=True)])[:, None]

    def _look(self, reach: Reach, turn: Rotation | None) -> list[ReadStrategy]:
        """One way to read for all texts together, or one for each."""
        chooses = reach.kind == "top" and max(self._places) // PAGE >= reach.blocks
        longest = max(sum(stretch.size for stretch in stretches) for stretches in self._seen)
        if not chooses and longest <= COPIED:
            return [ReadGathered(self._cache, self._group, self._seen, turn)]
        turns = [None] * len(self._places) if turn is None else map(Rotation, *(x.split(1) for x in turn))
        return [self._look_alone(reach, number, its) for number, its in enumerate(turns)]

    def _look_alone(self, reach: Reach, number: int, turn: Rotation | None) -> ReadStrategy:
        place, stretches = self._places[number], self._seen[number]
        if reach.kind == "top" and place // PAGE >= reach.blocks:
            return ReadBestPages(self._cache, self._pages[number], blocks=reach.blocks, last=place % PAGE)
        if len(stretches) == 1:
            return ReadInPlace(self._cache, stretches[0])
        return ReadGathered(self._cache, self._group, [stretches], turn)


@dataclass(frozen=True, slots=True)
class PagedMemory:
    """What all passes share: the model's shape, who holds which pages, and what lies in them."""

    shape: DecoderShape
    blocks: BlockManager
    cache: KeyValueCache

    def start(self, ids: Iterable[int], *, most: int, **more: Any) -> CachedText:
        """A text that comes to have `most` tokens, as `BlockManager.start` says; that decides its rotations."""
        return self.blocks.start(ids, most=most, scale=self.shape.scale_for(most), **more)


def open_memory(shape: DecoderShape, *, tokens: int, sequences: int, chunk: int, like: Tensor) -> PagedMemory:
    """Memory for `sequences` texts of `tokens` tokens together, read in chunks of up to `chunk`.

    `like` is a tensor of the kind that the model computes with.
    """
    groups = group_layers(shape)
    pages = plan_pages(groups, tokens=tokens, sequences=sequences, chunk=chunk)
    return PagedMemory(shape, BlockManager(groups, pages, chunk=chunk), KeyValueCache(groups, pages, like=like))


def choose_scale(scales: Sequence[float], device: torch.device) -> float | Tensor:
    """As `AttentionBackend.scale` says."""
    if len(set(scales)) == 1:
        return scales[0]
    return torch.tensor(scales, device=device)[:, None, None, None]


class PagedPass:
    """One pass over the next `count` tokens of `texts`: of one text any number, of several one each.

    With `sure` the tokens after the first so many are guesses; each of them then chooses key blocks for itself, as it
    would if it came alone. Raises OutOfPages, as `BlockManager.grow` does.
    """

    def __init__(
        self, memory: PagedMemory, texts: Sequence[CachedText], count: int = 1, *, sure: int | None = None
    ) -> None:
        assert len(texts) == 1 or count == 1, "several texts take one token each"
        blocks, cache = memory.blocks, memory.cache
        for text in texts:
            blocks.grow(text, count, sure=sure)
        starts = [text.length for text in texts]
        ids = [text.ids[start : start + count] for text, start in zip(texts, starts, strict=True)]
        self.ids_BT = cache.integers(ids)
        self.positions_BT = cache.integers([range(start, start + count) for start in starts])
        self.scale = choose_scale([text.scale for text in texts], cache.device)
        held = RollingSinks(memory.shape, self)
        self._parts: dict[int, RowAttention | ChunkAttention] = {}
        for number, group in enumerate(blocks.groups):
            tables = [text.tables[number] for text in texts]
            places = range(starts[0], starts[0] + count)
            part: RowAttention | ChunkAttention = (
                RowAttention(cache, group, tables, starts, held)
                if count == 1
                else ChunkAttention(cache, group, tables[0], places, held, one_by_one=sure is not None)
            )
            self._parts.update(dict.fromkeys(group.slots, part))

    def __call__(self, slot: int, q_BTHK: Tensor, k_BTGK: Tensor, v_BTGK: Tensor) -> Tensor:
        """As `AttentionBackend` says; the keys and values are kept on the way."""
        return self._parts[slot](slot, q_BTHK, k_BTGK, v_BTGK)


class PackedPass:
    """One pass over the next `counts` tokens of several texts, one behind the other as a batch of one, (1, T).

    The matrices are then read once for all of them; each text sees itself alone. Raises OutOfPages, as
    `BlockManager.grow` does.
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
        """As `AttentionBackend` says; the keys and values are kept on the way."""
        parts = zip(*(x.split(self._counts, 1) for x in (q_BTHK, k_BTGK, v_BTGK)), strict=True)
        return torch.cat([paged(slot, *part) for paged, part in zip(self._alone, parts, strict=True)], 1)
