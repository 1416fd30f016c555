"""The store's vectors in memory: a few immutable indexes side by side, oldest first, that together hold every id once.

New vectors become a small index; small neighbours are merged, so there are never many. An index that outgrows
`exact_up_to` gets codes, mostly of one book, so that merging copies codes instead of working them out again. Whatever
changes, searches go on with what is there: a finished tuple of indexes takes its place in one assignment.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from index.vectors import FEWEST, AllowedIds, Ask, Codes, Floats, Ints, Rows, SearchConfig, VectorIndex, flat_index

Indexes = tuple[VectorIndex, ...]
Masks = list[NDArray[np.bool_]]
MANY = 2**63 - 1
OUTGROWN = 2  # times as many vectors as the book was learnt from
LEARN_UP_TO = 200_000  # vectors beyond which a search is not kept waiting for another book: it takes 2 s for 100,000
PIECE = 8192  # vectors copied at once


class VectorMemory:
    """Every vector of one store, searchable while it grows. It knows no SQL: ids and vectors come in, ids go out."""

    def __init__(self, dim: int, config: SearchConfig) -> None:
        self._dim, self._config = dim, config
        self._indexes: Indexes = ()
        self._book: Codes | None = None  # learnt when the first codes are made
        self._outgrown = 0  # vectors from which on another is learnt
        self._changing = Lock()  # held by whoever puts another tuple into _indexes

    @property
    def indexes(self) -> Indexes:
        """What is held now."""
        return self._indexes

    @property
    def last_id(self) -> int:
        """Every id up to this one is known."""
        return self._indexes[-1].last_id if self._indexes else 0

    def start_with(self, index: VectorIndex) -> None:
        """Take what a cache file held."""
        with self._changing:
            self._book = None if index.codes is None else index.codes.empty()
            self._outgrown = OUTGROWN * len(index)
            self._indexes = (self._long(index),) if len(index) else ()

    def catch_up(self, newest: int, rows_after: Callable[[int], Rows]) -> None:
        """Fetch the ids above `last_id`, if `newest` lies there."""
        if newest <= self.last_id:
            return
        with self._changing:
            if newest > self.last_id:
                fresh = self._long(flat_index(self._dim, rows_after(self.last_id)))
                self._indexes = self._merge((*self._indexes, fresh))

    def search(self, queries_QD: Floats, *, k: int, allowed: AllowedIds) -> tuple[Floats, Ints]:
        """Scores and ids, (Q, at most k), best first, equals by id; only ids in `allowed`."""
        return self.search_each([Ask(queries_QD, k, allowed)])[0]

    def search_each(self, asked: Sequence[Ask]) -> list[tuple[Floats, Ints]]:
        """The same for several at once."""
        parts = [index.search_each(asked, config=self._config) for index in self._indexes]
        return [best_of([part[n] for part in parts], ask) for n, ask in enumerate(asked)]

    def count(self, *, after: int = 0, up_to: int = MANY) -> int:
        """How many vectors are held, with ids above `after` and up to `up_to`."""
        ranges = (np.searchsorted(x.ids_N, [after, up_to], side="right") for x in self._indexes)
        return sum(int(end - start) for start, end in ranges)

    def drop(self, alive: Ints, *, newest: int) -> None:
        """Let go of the ids up to `newest` that are not `alive`."""
        with self._changing:
            masks = [(x.ids_N > newest) | np.isin(x.ids_N, alive) for x in self._indexes]
            if not all(mask_N.all() for mask_N in masks):
                kept = self._join(self._indexes, masks)
                self._indexes = (kept,) if len(kept) else ()

    def as_one(self, alive: Ints) -> VectorIndex:
        """One index with those that are `alive`; a copy unless there is just that one already."""
        with self._changing:
            masks = [np.isin(x.ids_N, alive) for x in self._indexes]
            if len(self._indexes) == 1 and masks[0].all():
                return self._indexes[0]
            return self._join(self._indexes, masks)

    def _merge(self, indexes: Indexes) -> Indexes:
        """Join the last neighbours while the older is not much larger, so each vector is copied a few times only."""
        while len(indexes) > 1 and len(indexes[-2]) <= 2 * len(indexes[-1]):
            indexes = (*indexes[:-2], self._join(indexes[-2:], [everything(x) for x in indexes[-2:]]))
        return indexes

    def _join(self, indexes: Indexes, masks: Masks) -> VectorIndex:
        """One index with the masked vectors of all, and codes if it is long."""
        flat = flat_index(self._dim, chain.from_iterable(map(masked_rows, indexes, masks)))
        return self._encode(flat, indexes, masks) if self._is_long(flat) else flat

    def _encode(self, flat: VectorIndex, indexes: Indexes, masks: Masks) -> VectorIndex:
        """The same vectors with codes: copied from the indexes that they come from, as far as those have some."""
        codes = self._book_for(flat).empty()
        for index, mask_N in zip(indexes, masks, strict=True):
            if index.codes is not None and codes.shares_book(index.codes):
                codes.append(index.codes, mask_N)
            else:
                for _, vectors_ND in masked_rows(index, mask_N):
                    codes.add(vectors_ND)
        return VectorIndex(flat.ids_N, flat.flat, codes)

    def _book_for(self, flat: VectorIndex) -> Codes:
        """The book, learnt anew where the vectors have become many more and may have become others."""
        if self._book is None or self._outgrown <= len(flat) <= LEARN_UP_TO:
            self._book, self._outgrown = Codes.learn(flat.vectors_ND), OUTGROWN * len(flat)
        return self._book

    def _long(self, index: VectorIndex) -> VectorIndex:
        """The same index, with codes if it needs them and has none."""
        needs = index.codes is None and self._is_long(index)
        return self._encode(index, (index,), [everything(index)]) if needs else index

    def _is_long(self, index: VectorIndex) -> bool:
        return len(index) > max(self._config.exact_up_to, FEWEST)


def best_of(parts: Sequence[tuple[Floats, Ints]], ask: Ask) -> tuple[Floats, Ints]:
    """Scores and ids, (Q, at most k), of what each index found."""
    if not parts:
        return np.empty((len(ask.queries_QD), 0), np.float32), np.empty((len(ask.queries_QD), 0), np.int64)
    scores_Qn, ids_Qn = (np.concatenate(column, axis=1) for column in zip(*parts, strict=True))
    order_Qk = np.lexsort((ids_Qn, -scores_Qn), axis=1)[:, : ask.k]
    scores_Qk = np.take_along_axis(scores_Qn, order_Qk, axis=1).clip(-1, 1)  # rounding may exceed a cosine's range
    return scores_Qk, np.take_along_axis(ids_Qn, order_Qk, axis=1)


def everything(index: VectorIndex) -> NDArray[np.bool_]:
    """A mask that keeps all."""
    return np.ones(len(index), bool)


def masked_rows(index: VectorIndex, mask_N: NDArray[np.bool_]) -> Rows:
    """The masked ids and vectors in pieces, so that a copy of all of them is never held besides."""
    for start in range(0, len(index), PIECE):
        mask_n = mask_N[start : start + PIECE]
        yield index.ids_N[start : start + PIECE][mask_n], index.vectors_ND[start : start + PIECE][mask_n]
