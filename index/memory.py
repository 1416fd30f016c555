"""The store's vectors in memory: a few immutable indexes side by side, oldest first, that together hold every id once.

New vectors become a small flat index; small neighbours are merged, so there are never many. When the flat ones outgrow
`exact_up_to`, a thread puts them into the graph; when too many vectors belong to removed regions, it makes everything
anew without them. Meanwhile searches go on with what is there: a finished index takes its place in one assignment.
"""

from collections.abc import Callable
from threading import Event, Lock, Thread

import numpy as np

from index.vectors import Floats, Ints, Rows, SearchConfig, VectorIndex, flat_index, graph_index

Indexes = tuple[VectorIndex, ...]
FEW = 1000  # removed regions that are never worth a rebuild


class Memory:
    """Every vector of one store, searchable while it grows. It knows no SQL: ids and vectors come in, ids go out."""

    def __init__(self, dim: int, config: SearchConfig, *, keep: Callable[[VectorIndex], None]) -> None:
        self._dim, self._config, self._keep = dim, config, keep
        self._indexes: Indexes = ()
        self._growing = Lock()  # held by whoever puts another tuple into _indexes
        self._worker: Thread | None = None
        self._stop = Event()

    @property
    def last_id(self) -> int:
        """Every id up to this one is known."""
        return self._indexes[-1].last_id if self._indexes else 0

    def start_with(self, index: VectorIndex) -> None:
        """Take what a cache file held."""
        self._indexes = (index,) if len(index) else ()

    def catch_up(self, newest: int, rows_after: Callable[[int], Rows]) -> None:
        """Fetch the ids above `last_id`, if `newest` lies there."""
        if newest <= self.last_id:
            return
        with self._growing:
            if newest > self.last_id:
                self._indexes = merged(self._dim, (*self._indexes, flat_index(self._dim, rows_after(self.last_id))))

    def search(self, queries_QD: Floats, *, k: int, allowed: Ints) -> tuple[Floats, Ints]:
        """Scores and ids, (Q, at most k), best first, equals by id; only ids in `allowed`."""
        parts = [x.search(queries_QD, k=k, allowed=allowed, config=self._config) for x in self._indexes]
        if not parts:
            return np.empty((len(queries_QD), 0), np.float32), np.empty((len(queries_QD), 0), np.int64)
        scores_Qn = np.concatenate([scores for scores, _ in parts], axis=1)
        ids_Qn = np.concatenate([ids for _, ids in parts], axis=1)
        order_Qk = np.lexsort((ids_Qn, -scores_Qn), axis=1)[:, :k]
        scores_Qk = np.take_along_axis(scores_Qn, order_Qk, axis=1).clip(-1, 1)  # rounding may exceed a cosine's range
        return scores_Qk, np.take_along_axis(ids_Qn, order_Qk, axis=1)

    def tend(self, num_alive: int, alive_ids: Callable[[], Ints]) -> None:
        """Start what is due in the background, unless something is under way."""
        with self._growing:
            busy = self._stop.is_set() or (self._worker is not None and self._worker.is_alive())
            due = work_due(self._indexes, num_alive, self._config.exact_up_to)
            if busy or due == "nothing":
                return
            alive = alive_ids() if due == "renew" else None
            self._worker = Thread(target=self._work, args=(self._indexes, alive), name="index", daemon=True)
            self._worker.start()

    def _work(self, indexes: Indexes, alive: Ints | None) -> None:
        made = self._grown(indexes) if alive is None else self._renewed(indexes, alive)
        if self._stop.is_set():
            return
        with self._growing:
            rest = (index.rows_after(made.last_id) for index in self._indexes)
            fresh = tuple(flat_index(self._dim, [(ids, vectors)]) for ids, vectors in rest if len(ids))
            self._indexes = (made, *fresh) if len(made) else fresh
        self._keep(made)

    def _grown(self, indexes: Indexes) -> VectorIndex:
        base = indexes[0] if indexes[0].is_graph else None
        rows = [(x.ids_N, x.vectors_ND) for x in indexes if x is not base]
        return graph_index(self._dim, rows, self._config, base=base, stop=self._stop)

    def _renewed(self, indexes: Indexes, alive: Ints) -> VectorIndex:
        masks = [np.isin(x.ids_N, alive) for x in indexes]
        rows = ((x.ids_N[mask], x.vectors_ND[mask]) for x, mask in zip(indexes, masks, strict=True))
        if sum(int(mask.sum()) for mask in masks) <= self._config.exact_up_to:
            return flat_index(self._dim, rows)
        return graph_index(self._dim, rows, self._config, base=None, stop=self._stop)

    def settle(self) -> None:
        """Wait until nothing is under way."""
        if self._worker is not None:
            self._worker.join()

    def close(self) -> VectorIndex | None:
        """Stop, and hand over what a cache file should hold: the graph, or everything; None when nothing was read."""
        self._stop.set()
        self.settle()
        if len(self._indexes) > 1 and not self._indexes[0].is_graph:
            return joined(self._dim, self._indexes)
        return self._indexes[0] if self._indexes else None


def work_due(indexes: Indexes, num_alive: int, exact_up_to: int) -> str:
    """What the thread should do: "renew" without the removed, "grow" the graph, or "nothing"."""
    held = sum(len(index) for index in indexes)
    if held - num_alive > max(FEW, num_alive // 2):
        return "renew"
    return "grow" if sum(len(index) for index in indexes if not index.is_graph) > exact_up_to else "nothing"


def merged(dim: int, indexes: Indexes) -> Indexes:
    """Join the last flat neighbours while the older is not much larger, so each vector is copied a few times only."""
    while len(indexes) > 1 and not indexes[-2].is_graph and len(indexes[-2]) <= 2 * len(indexes[-1]):
        indexes = (*indexes[:-2], joined(dim, indexes[-2:]))
    return indexes


def joined(dim: int, indexes: Indexes) -> VectorIndex:
    """One flat index with the vectors of all."""
    return flat_index(dim, [(index.ids_N, index.vectors_ND) for index in indexes])
