"""A short code for every vector: two bits a dimension, so that all of them can be looked at for each search.

A code is a sixteenth of the vector. FAISS compares 32 codes at once in the processor's registers (product quantisation
with 4 bits for every two dimensions; Andre et al., "Quicker ADC", 2019), 100,000 of them in a fifth of a millisecond.
What comes out are estimates with an error of about 0.015, good enough to choose some hundred vectors that are then
compared as they are. A random rotation before it (Jegou et al., 2011) spreads what a space keeps in few dimensions over
all of them, so that no space is hard.

The code book is learnt from a sample; codes of one book can be joined without the vectors.
"""

from typing import Any, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from index.vectors import Floats, Ints

lib: Any = faiss  # FAISS's own type stubs lag behind its code
SAMPLE = 4096  # vectors that a book is learnt from
ROUNDS = 10  # of k-means
FEWEST = 256  # vectors below which a book would be learnt from too little


class Codes:
    """The codes of some vectors, in their order. Made once, then only read; FAISS's reading is safe in many threads."""

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
