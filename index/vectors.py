"""Nearest neighbours among unit vectors: one by one while few, and when many through their codes, to the same end.

A `VectorIndex` never changes once it is made, so any number of threads may search it without a lock: more vectors make
a new index. A long one keeps a short code beside each vector (`Codes`). A search then scans all codes, compares a
shortlist with the vectors themselves, and lengthens it until the k-th best stands clear of all that was left out:
further above the last estimate than three times the error of the estimates. So clear neighbours come fast, and dense
crowds cost time instead of being missed. Reading the codes is most of a search, so several searches share a scan; a
vector picked out costs as much as several read in order, so what would need a long shortlist shares a reading of all.

Shape key:  N vectors held, n allowed ones, Q queries, S shortlists, D width, k neighbours, R in a shortlist
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, Self
from weakref import WeakKeyDictionary

import faiss
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class AllowedPart:
    """The allowed part of one index that holds N vectors."""

    places_n: "Ints"  # rising
    mask_N: NDArray[np.bool_]


class AllowedIds:
    """Rising ids of regions. Thread-safe: a cached part never changes."""

    def __init__(self, ids: "Ints") -> None:
        self.ids = ids
        self._parts: WeakKeyDictionary[VectorIndex, AllowedPart | None] = WeakKeyDictionary()

    def part_of(self, index: "VectorIndex") -> AllowedPart | None:
        """Where the ids lie in this index; None when all that it holds is allowed."""
        try:
            return self._parts[index]
        except KeyError:
            part = self._parts[index] = self._look(index.ids_N)
            return part

    def _look(self, held_N: "Ints") -> AllowedPart | None:
        if not len(held_N):
            return None
        first, end = np.searchsorted(self.ids, [held_N[0], held_N[-1] + 1])
        wanted = self.ids[first:end]
        if np.array_equal(wanted, held_N):
            return None
        places = np.searchsorted(held_N, wanted)
        places_n = places[held_N[places] == wanted]  # an older snapshot may know ids that were gone when we read
        mask_N = np.zeros(len(held_N), bool)
        mask_N[places_n] = True
        return AllowedPart(places_n, mask_N)


def is_among(ids_n: "Ints", rising_N: "Ints") -> NDArray[np.bool_]:
    """(n,): which of the ids are in a rising array, that may be far longer."""
    at_n = np.searchsorted(rising_N, ids_n)
    here_n = at_n < len(rising_N)
    here_n[here_n] = rising_N[at_n[here_n]] == ids_n[here_n]
    return np.asarray(here_n)


Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Rows = Iterable[tuple[Ints, Floats]]  # pieces of ids_N (rising) and vectors_ND

lib: Any = faiss  # FAISS's own type stubs lag behind its code
SHORTLIST = 400  # vectors compared at first, where everything is allowed
ONE_OF = 500  # and at least one of so many of those that are held
PER_NEIGHBOUR = 8  # at least so many for each neighbour wanted
WIDER = 4  # times as long is the next shortlist
READ_ALL = 8  # a shortlist of more than one vector in so many costs more than reading all: 57 ms beside 45 for 300,000
CLEAR = 3.0  # errors of an estimate between the k-th best and what was left out
COPIED = 5000  # allowed vectors up to which copying them together beats skipping the others


class SearchConfig(Protocol):
    """The numbers of a search; `deepseek_mm.config.IndexConfig` has them."""

    @property
    def exact_up_to(self) -> int:
        """Vectors compared one by one; beyond it their codes choose."""


class Ask(NamedTuple):
    """One search: the k nearest of each query among the allowed ids."""

    queries_QD: Floats
    k: int
    allowed: AllowedIds


@dataclass(slots=True)
class Shortlist:
    """What one query is compared with by itself, longer with every scan until the best are clear."""

    query_D: Floats
    k: int
    part: AllowedPart | None
    num: int  # codes that the next scan chooses, allowed or not
    found: tuple[Floats, Ints] | None = None  # scores and places, (k,)


class VectorIndex:
    """Vectors with ids, ready to be searched; it never changes."""

    def __init__(self, ids_N: Ints, flat: Any, codes: "Codes | None" = None, *, owner: object = None) -> None:
        self.ids_N, self.flat, self.codes = ids_N, flat, codes  # rising; IndexFlatIP in the same order
        self._owner = owner  # whose memory the two are in, if it is not their own

    def __len__(self) -> int:
        return len(self.ids_N)

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return int(self.flat.d)

    @property
    def last_id(self) -> int:
        """The highest id held; 0 when empty."""
        return int(self.ids_N[-1]) if len(self) else 0

    @property
    def vectors_ND(self) -> Floats:
        """All vectors, row n belonging to ids_N[n]: a window on FAISS's memory, not a copy."""
        floats = lib.rev_swig_ptr(self.flat.get_xb(), len(self) * self.dim) if len(self) else np.empty(0, np.float32)
        return np.asarray(floats, np.float32).reshape(len(self), self.dim)

    def search(self, queries_QD: Floats, *, k: int, allowed: AllowedIds, config: SearchConfig) -> tuple[Floats, Ints]:
        """Scores and ids, (Q, k), best first, among the ids in `allowed`; k is cut to how many of those are held."""
        return self.search_each([Ask(queries_QD, k, allowed)], config=config)[0]

    def search_each(self, asked: Sequence[Ask], *, config: SearchConfig) -> list[tuple[Floats, Ints]]:
        """The same for several, which share what is scanned."""
        lists = [self._shortlists(ask, config) for ask in asked]
        self._by_codes([shortlist for some in lists for shortlist in some])
        found = [self._find(ask, some) for ask, some in zip(asked, lists, strict=True)]
        return [(scores_Qk, self.ids_N[places_Qk]) for scores_Qk, places_Qk in found]

    def _shortlists(self, ask: Ask, config: SearchConfig) -> list[Shortlist]:
        """One for each query; none where so few are allowed that they are compared one by one."""
        part = ask.allowed.part_of(self)
        num_allowed = len(self) if part is None else len(part.places_n)
        k = min(ask.k, num_allowed)
        if self.codes is None or num_allowed <= config.exact_up_to or k == 0:
            return []
        num = int(max(SHORTLIST, PER_NEIGHBOUR * k, len(self) // ONE_OF) * len(self) / num_allowed)
        return [Shortlist(query_D, k, part, num) for query_D in ask.queries_QD]

    def _find(self, ask: Ask, lists: Sequence[Shortlist]) -> tuple[Floats, Ints]:
        if pairs := [shortlist.found for shortlist in lists if shortlist.found is not None]:
            scores_Qk, places_Qk = (np.stack(column) for column in zip(*pairs, strict=True))
            return scores_Qk, places_Qk
        part = ask.allowed.part_of(self)
        k = min(ask.k, len(self) if part is None else len(part.places_n))
        if k == 0:
            return np.empty((len(ask.queries_QD), 0), np.float32), np.empty((len(ask.queries_QD), 0), np.int64)
        return self._exact(ask.queries_QD, k, part)

    def _exact(self, queries_QD: Floats, k: int, part: AllowedPart | None) -> tuple[Floats, Ints]:
        if part is None:
            scores_Qk, places_Qk = self.flat.search(queries_QD, k)
        elif len(part.places_n) <= COPIED:
            scores_Qn = queries_QD @ self.vectors_ND[part.places_n].T
            best_Qk = np.argsort(-scores_Qn, axis=1, kind="stable")[:, :k]
            scores_Qk, places_Qk = np.take_along_axis(scores_Qn, best_Qk, axis=1), part.places_n[best_Qk]
        else:
            only = lib.IDSelectorBitmap(np.packbits(part.mask_N, bitorder="little"))
            scores_Qk, places_Qk = self.flat.search(queries_QD, k, params=lib.SearchParameters(sel=only))
        return scores_Qk, places_Qk

    def _by_codes(self, lists: Sequence[Shortlist]) -> None:
        """Find what each shortlist is for; those that a scan does not settle share the next one, or read everything."""
        while lists := [each for each in lists if each.found is None]:
            near = [each for each in lists if each.num < len(self) // READ_ALL]
            self._compare_all([each for each in lists if each.num >= len(self) // READ_ALL])
            if near:
                assert self.codes is not None, "without codes there are no shortlists"
                queries = {each.query_D.tobytes(): each.query_D for each in near}  # several may look for one thing
                scanned = self.codes.scan(np.stack([*queries.values()]), max(each.num for each in near))
                rows = dict(zip(queries, zip(*scanned, strict=True), strict=True))
                for each in near:
                    self._settle(each, *rows[each.query_D.tobytes()])

    def _settle(self, each: Shortlist, estimates_R: Floats, places_R: Ints) -> None:
        """Compare what it asked for; where the best are not clear, all that was scanned, since others needed more."""
        for num in dict.fromkeys((each.num, len(places_R))):
            if each.found is None:
                self._compare(each, estimates_R[:num], places_R[:num])
        while each.num <= len(places_R):
            each.num *= WIDER

    def _compare(self, each: Shortlist, estimates_R: Floats, places_R: Ints) -> None:
        """Compare these with the vectors themselves, and see whether the best are clear."""
        if places_R[-1] < 0:  # all estimates are equal: FAISS has nothing to choose by
            self._compare_all([each])
            return
        last = float(estimates_R[-1])
        if each.part is not None:
            kept_R = each.part.mask_N[places_R]
            estimates_R, places_R = estimates_R[kept_R], places_R[kept_R]
        scores_R = self.vectors_ND[places_R] @ each.query_D
        if is_clear(scores_R, estimates_R, k=each.k, last=last):
            best_k = np.argsort(-scores_R, kind="stable")[: each.k]
            each.found = scores_R[best_k], places_R[best_k]

    def _compare_all(self, lists: Sequence[Shortlist]) -> None:
        """Compare these with every vector, which is read once for all of them."""
        if not lists:
            return
        scores_SN = np.stack([each.query_D for each in lists]) @ self.vectors_ND.T
        for each, scores_N in zip(lists, scores_SN, strict=True):
            places_n = np.arange(len(self)) if each.part is None else each.part.places_n
            scores_n = scores_N[places_n]
            best_k = np.argpartition(-scores_n, each.k - 1)[: each.k]
            best_k = best_k[np.lexsort((best_k, -scores_n[best_k]))]
            each.found = scores_n[best_k], places_n[best_k]


def is_clear(scores_R: Floats, estimates_R: Floats, *, k: int, last: float) -> bool:
    """Whether the k-th best of a shortlist is so far above its `last` estimate that hardly anything better was cut off.

    What was cut off was estimated at `last` or lower; it is better only if its estimate is too low by the distance.
    """
    if len(scores_R) < 2 * k:
        return False
    error = np.sqrt(np.mean((estimates_R - scores_R) ** 2))
    return bool(np.partition(scores_R, -k)[-k] - last >= CLEAR * error)


def flat_index(dim: int, rows: Rows) -> VectorIndex:
    """Exact search over `rows`."""
    flat, ids = lib.IndexFlatIP(dim), [np.empty(0, np.int64)]
    for ids_N, vectors_ND in rows:
        flat.add(vectors_ND)
        ids.append(ids_N)
    return VectorIndex(np.concatenate(ids), flat)


def unit_rows(x_ND: NDArray[Any], dim: int) -> Floats:
    """Rows of length 1, ready for FAISS; a row of zeros stays zero. Refuses another shape, and what is not a number."""
    x_ND = np.asarray(x_ND, np.float32)
    if x_ND.ndim != 2 or x_ND.shape[1] != dim:
        raise ValueError(f"expected vectors of shape (N, {dim}), got {x_ND.shape}")
    if not np.isfinite(x_ND).all():
        raise ValueError(f"row {int(np.argmin(np.isfinite(x_ND).all(axis=1)))} of the vectors holds NaN or infinity")
    length_N1 = np.linalg.norm(x_ND, axis=1, keepdims=True)
    return np.ascontiguousarray(x_ND / np.maximum(length_N1, 1e-12), np.float32)


SAMPLE = 4096  # vectors that a book is learnt from
ROUNDS = 10  # of k-means
FEWEST = 256  # vectors below which a book would be learnt from too little


class Codes:
    """The codes of some vectors, in their order: two bits a dimension, a sixteenth of the vector. Made once, then only
    read; FAISS's reading is safe in many threads.

    FAISS compares 32 codes at once in the processor's registers (product quantisation with 4 bits for every two
    dimensions; Andre et al., "Quicker ADC", 2019), 100,000 of them in a fifth of a millisecond. What comes out are
    estimates with an error of about 0.015, good enough to choose some hundred vectors that are then compared as they
    are. A random rotation before it (Jegou et al., 2011) spreads what a space keeps in few dimensions over all of them,
    so that no space is hard. The book is learnt from a sample; codes of one book can be joined without the vectors.
    """

    def __init__(self, held: Any, book: object = None) -> None:
        self.held = held  # IndexPreTransform: rotation, then IndexPQFastScan
        self._book = book or object()  # the same one in all codes that can be joined

    def __len__(self) -> int:
        return int(self.held.ntotal)

    @classmethod
    def learn(cls, vectors_ND: Floats) -> Self:
        """A book for vectors like these, with no codes yet; needs `FEWEST`."""
        dim = vectors_ND.shape[1]
        width = dim + dim % 2
        scan = lib.IndexPQFastScan(width, width // 2, 4, lib.METRIC_INNER_PRODUCT)
        scan.pq.cp.niter, scan.pq.cp.min_points_per_centroid = ROUNDS, 1
        held = lib.IndexPreTransform(lib.RandomRotationMatrix(dim, width), scan)
        step = max(1, len(vectors_ND) // SAMPLE)
        held.train(np.ascontiguousarray(vectors_ND[::step]))
        return cls(held)

    def empty(self) -> Self:
        """The same book without a code."""
        held = lib.clone_index(self.held)
        held.reset()
        return type(self)(held, self._book)

    def add(self, vectors_ND: Floats) -> None:
        """Encode more; only while nobody else knows these codes."""
        self.held.add(vectors_ND)

    def shares_book(self, codes: Self) -> bool:
        """Whether the other codes can be appended to these."""
        return codes._book is self._book

    def append(self, codes: Self, keep_N: NDArray[np.bool_]) -> None:
        """Copy those of others, of the same book, that are to be kept; only while nobody else knows these codes."""
        assert self.shares_book(codes), "codes of two books cannot be joined"
        copy = lib.clone_index(codes.held)  # FAISS joins by emptying the other one
        theirs = lib.downcast_index(copy.index)
        if not keep_N.all():
            theirs.remove_ids(lib.IDSelectorBitmap(np.packbits(~keep_N, bitorder="little")))
        self.held.index.merge_from(theirs, 0)
        self.held.ntotal = self.held.index.ntotal

    def scan(self, queries_QD: Floats, num: int) -> tuple[Floats, Ints]:
        """Estimated scores and places, (Q, num), of about the nearest to each query, best first.

        Four queries at once take not much longer than one: reading the codes takes most of the time.
        """
        estimates_Qn, places_Qn = self.held.search(np.ascontiguousarray(queries_QD), num)
        return estimates_Qn, places_Qn
