"""Nearest neighbours among unit vectors: one by one while few, and when many through their codes, to the same end.

A `VectorIndex` never changes once it is made, so any number of threads may search it without a lock: more vectors make
a new index. A long one keeps a short code beside each vector (`index.codes`). A search then scans all codes, compares a
shortlist with the vectors themselves, and lengthens it until the k-th best stands clear of all that was left out:
further above the last estimate than three times the error of the estimates. So clear neighbours come fast, and dense
crowds cost time instead of being missed.

Shape key:  N vectors held, n allowed ones, Q queries, D width, k neighbours, R shortlist
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from index.allowed import Allowed, Part

if TYPE_CHECKING:
    from index.codes import Codes

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Rows = Iterable[tuple[Ints, Floats]]  # pieces of ids_N (rising) and vectors_ND

lib: Any = faiss  # FAISS's own type stubs lag behind its code
SHORTLIST = 400  # vectors compared at first, where everything is allowed
ONE_OF = 500  # and at least one of so many of those that are held
PER_NEIGHBOUR = 8  # at least so many for each neighbour wanted
WIDER = 4  # times as long is the next shortlist
CLEAR = 3.0  # errors of an estimate between the k-th best and what was left out
COPIED = 5000  # allowed vectors up to which copying them together beats skipping the others


class SearchConfig(Protocol):
    """The numbers of a search; `deepseek_mm.config.IndexConfig` has them."""

    @property
    def exact_up_to(self) -> int:
        """Vectors compared one by one; beyond it their codes choose."""


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

    def search(self, queries_QD: Floats, *, k: int, allowed: Allowed, config: SearchConfig) -> tuple[Floats, Ints]:
        """Scores and ids, (Q, k), best first, among the ids in `allowed`; k is cut to how many of those are held."""
        part = allowed.part_of(self)
        found = len(self) if part is None else len(part.places_n)
        k = min(k, found)
        if k == 0:
            return np.empty((len(queries_QD), 0), np.float32), np.empty((len(queries_QD), 0), np.int64)
        if self.codes is None or found <= config.exact_up_to:
            scores_Qk, places_Qk = self._exact(queries_QD, k, part)
        else:
            pairs = [self._by_codes(query_D, k, part, self.codes) for query_D in queries_QD]
            scores_Qk, places_Qk = (np.stack(column) for column in zip(*pairs, strict=True))
        return scores_Qk, self.ids_N[places_Qk]

    def _exact(self, queries_QD: Floats, k: int, part: Part | None) -> tuple[Floats, Ints]:
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

    def _by_codes(self, query_D: Floats, k: int, part: Part | None, codes: "Codes") -> tuple[Floats, Ints]:
        share = 1.0 if part is None else len(part.places_n) / len(self)
        num = int(max(SHORTLIST, PER_NEIGHBOUR * k, len(self) // ONE_OF) / share)
        while num < len(self) // 2:
            estimates_R, places_R = codes.scan(query_D, num)
            if places_R[-1] < 0:  # all estimates are equal: FAISS has nothing to choose by
                break
            last = float(estimates_R[-1])
            if part is not None:
                kept_R = part.mask_N[places_R]
                estimates_R, places_R = estimates_R[kept_R], places_R[kept_R]
            scores_R = self.vectors_ND[places_R] @ query_D
            if is_clear(scores_R, estimates_R, k=k, last=last):
                best_k = np.argsort(-scores_R, kind="stable")[:k]
                return scores_R[best_k], places_R[best_k]
            num *= WIDER
        scores_1k, places_1k = self._exact(query_D[None], k, part)
        return scores_1k[0], places_1k[0]


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
