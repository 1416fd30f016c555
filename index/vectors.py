"""Nearest neighbours among unit vectors, by FAISS: compared one by one while few, through a graph (HNSW) when many.

A `VectorIndex` never changes once it is made, so any number of threads may search it without a lock: more vectors make
a new index. The graph keeps all its vectors in a flat array, so an exact search is always at hand; it serves where the
graph is weak, namely when a filter leaves so few vectors that a walk through the graph would miss them.

Shape key:  N vectors held, Q queries, D width, k neighbours
"""

from collections.abc import Iterable
from threading import Event
from typing import Any, Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Rows = Iterable[tuple[Ints, Floats]]  # pieces of ids_N (rising) and vectors_ND

lib: Any = faiss  # FAISS's own type stubs lag behind its code
STEP = 512  # vectors added to a graph between two looks at the stop sign


class SearchConfig(Protocol):
    """The numbers of a search; `deepseek_mm.config.IndexConfig` has them."""

    @property
    def exact_up_to(self) -> int:
        """Vectors compared one by one; beyond it a graph is built."""

    @property
    def hnsw_links(self) -> int:
        """Neighbours of a node."""

    @property
    def hnsw_build(self) -> int:
        """Breadth of the walk while building."""

    @property
    def hnsw_search(self) -> int:
        """Breadth of the walk while asking."""


class VectorIndex:
    """Vectors with ids, ready to be searched; it never changes."""

    def __init__(self, held: Any) -> None:
        self._held = held  # owns the memory of everything below
        self._top = lib.downcast_index(held.index)
        self.is_graph = isinstance(self._top, lib.IndexHNSW)
        self._flat = lib.downcast_index(self._top.storage) if self.is_graph else self._top
        self.ids_N: Ints = lib.vector_to_array(held.id_map)  # rising

    def __len__(self) -> int:
        return len(self.ids_N)

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return int(self._held.d)

    @property
    def last_id(self) -> int:
        """The highest id held; 0 when empty."""
        return int(self.ids_N[-1]) if len(self) else 0

    @property
    def vectors_ND(self) -> Floats:
        """All vectors, row n belonging to ids_N[n]: a window on FAISS's memory, not a copy."""
        floats = lib.rev_swig_ptr(self._flat.get_xb(), len(self) * self.dim) if len(self) else np.empty(0, np.float32)
        return np.asarray(floats, np.float32).reshape(len(self), self.dim)

    def search(self, queries_QD: Floats, *, k: int, allowed: Ints, config: SearchConfig) -> tuple[Floats, Ints]:
        """Scores and ids, (Q, k), best first, among the ids in `allowed`; k is cut to how many of those are held."""
        mask_N = np.isin(self.ids_N, allowed)
        found = int(mask_N.sum())
        k = min(k, found)
        if k == 0:
            return np.empty((len(queries_QD), 0), np.float32), np.empty((len(queries_QD), 0), np.int64)
        only = {} if found == len(self) else {"sel": lib.IDSelectorBitmap(np.packbits(mask_N, bitorder="little"))}
        if not self.is_graph or found <= config.exact_up_to:
            scores_Qk, places_Qk = self._exact(queries_QD, k, only)
        else:
            breadth = max(config.hnsw_search, 2 * k) * len(self) // found  # what the filter hides is walked over too
            scores_Qk, places_Qk = self._walk(queries_QD, k, only, min(breadth, len(self)))
        return scores_Qk, self.ids_N[places_Qk]

    def _exact(self, queries_QD: Floats, k: int, only: dict[str, Any]) -> tuple[Floats, Ints]:
        scores_Qk, places_Qk = self._flat.search(queries_QD, k, params=lib.SearchParameters(**only) if only else None)
        return scores_Qk, places_Qk

    def _walk(self, queries_QD: Floats, k: int, only: dict[str, Any], breadth: int) -> tuple[Floats, Ints]:
        how = lib.SearchParametersHNSW(efSearch=breadth, **only)
        scores_Qk, places_Qk = self._top.search(queries_QD, k, params=how)
        short_Q = (places_Qk < 0).any(axis=1)  # the walk ended before it met k allowed vectors
        if short_Q.any():
            scores_Qk[short_Q], places_Qk[short_Q] = self._exact(queries_QD[short_Q], k, only)
        return scores_Qk, places_Qk

    def rows_after(self, last_id: int) -> tuple[Ints, Floats]:
        """The ids above `last_id` and their vectors."""
        start = int(np.searchsorted(self.ids_N, last_id, side="right"))
        return self.ids_N[start:], self.vectors_ND[start:]

    def write(self, path: str) -> None:
        """FAISS's own format, with the ids; RuntimeError when the disk refuses."""
        lib.write_index(self._held, path)


def flat_index(dim: int, rows: Rows) -> VectorIndex:
    """Exact search over `rows`."""
    held = lib.IndexIDMap2(lib.IndexFlatIP(dim))
    for ids_N, vectors_ND in rows:
        held.add_with_ids(vectors_ND, ids_N)
    return VectorIndex(held)


def graph_index(dim: int, rows: Rows, config: SearchConfig, *, base: VectorIndex | None, stop: Event) -> VectorIndex:
    """A graph over `rows`, or over those of `base` and then `rows`; leaves early, with less in it, when stopped."""
    held = lib.clone_index(base._held) if base is not None else _empty_graph(dim, config)
    for ids_N, vectors_ND in rows:
        for start in range(0, len(ids_N), STEP):
            if stop.is_set():
                return VectorIndex(held)
            held.add_with_ids(vectors_ND[start : start + STEP], ids_N[start : start + STEP])
    return VectorIndex(held)


def _empty_graph(dim: int, config: SearchConfig) -> Any:
    graph = lib.IndexHNSWFlat(dim, config.hnsw_links, lib.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = config.hnsw_build
    return lib.IndexIDMap2(graph)


def unit_rows(x_ND: NDArray[Any], dim: int) -> Floats:
    """Rows of length 1, ready for FAISS; a row of zeros stays zero. Refuses another shape, and what is not a number."""
    x_ND = np.asarray(x_ND, np.float32)
    if x_ND.ndim != 2 or x_ND.shape[1] != dim:
        raise ValueError(f"expected vectors of shape (N, {dim}), got {x_ND.shape}")
    if not np.isfinite(x_ND).all():
        raise ValueError(f"row {int(np.argmin(np.isfinite(x_ND).all(axis=1)))} of the vectors holds NaN or infinity")
    length_N1 = np.linalg.norm(x_ND, axis=1, keepdims=True)
    return np.ascontiguousarray(x_ND / np.maximum(length_N1, 1e-12), np.float32)
