"""Past a million regions: how well shorter vectors find, measured, and what ten million and a billion need, computed.

Measured on vectors made of real photos' (`PhotoLikeVectors`), against comparing with all of them: bits of the signs, as
they are and after the mean is taken away, and product-quantised cells, each re-ranked with the whole vectors. How many
candidates have to be re-ranked for a recall grows with the number of vectors; a straight line through the logarithms
says how many it would be at numbers that do not fit here. Memory, machines and money are computed from bytes.

Shape key:  N vectors, Q questions, D numbers of a vector, R candidates, K results
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import linear_regression

import faiss
import numpy as np

from deepseek_mm.benchmarks.synthetic_data import Floats, PhotoLikeVectors
from index.vectors import Ints

K, DIM = 10, 512
RANKS = (10, 20, 40, 80, 160, 320, 640, 1280)  # candidates that are re-ranked
CODE_BYTES, LISTS, PROBES = 64, 4, 32  # of a product-quantised vector; cells per root of N, and how many are looked at
SAMPLE = 50_000  # vectors that cells are learned from
BITS = 8
NAMES = ("signs", "signs about the mean", "cells")
Search = Callable[[Floats, int], Ints]  # questions and R -> ids (Q, R), best first


@dataclass(frozen=True, kw_only=True, slots=True)
class RankCurve:
    """How well one kind of short vector finds among N, for each number of candidates."""

    name: str
    vectors: int
    recalls: tuple[float, ...]  # of `RANKS`, after re-ranking
    query_ms: float  # of one question, on one thread, without the re-ranking

    def ranks_for(self, recall: float) -> float | None:
        """How many candidates give that recall, between the measured ones; None where none does."""
        if self.recalls[-1] < recall:
            return None
        return float(np.exp(np.interp(recall, self.recalls, np.log(RANKS))))


def measure_curves(vectors_ND: Floats, queries_QD: Floats) -> list[RankCurve]:
    """Each kind over the same vectors."""
    faiss.omp_set_num_threads(1)
    exact = faiss.IndexFlatIP(DIM)
    exact.add(vectors_ND)
    _, truth_QK = exact.search(queries_QD, K)
    middle_D = vectors_ND.mean(axis=0)
    curves = []
    for name in NAMES:
        if name == "cells":
            search = open_cells(vectors_ND)
        else:
            search = open_signs(vectors_ND, middle_D if "mean" in name else np.zeros_like(middle_D))
        start = time.perf_counter()
        found_QR = search(queries_QD, max(RANKS))
        query_ms = 1000 * (time.perf_counter() - start) / len(queries_QD)
        recalls = tuple(recall_after_ranking(vectors_ND, queries_QD, found_QR[:, :rank], truth_QK) for rank in RANKS)
        curves.append(RankCurve(name=name, vectors=len(vectors_ND), recalls=recalls, query_ms=query_ms))
    return curves


def open_signs(vectors_ND: Floats, middle_D: Floats) -> Search:
    """Compares with the signs of all, about a middle."""
    index = faiss.IndexBinaryFlat(DIM)
    index.add(np.packbits(vectors_ND > middle_D, axis=1))

    def search(queries_QD: Floats, ranks: int) -> Ints:
        _, found_QR = index.search(np.packbits(queries_QD > middle_D, axis=1), ranks)
        return np.asarray(found_QR, np.int64)

    return search


def open_cells(vectors_ND: Floats) -> Search:
    """Looks into the nearest cells, where each vector is 64 bytes."""
    lists = int(LISTS * len(vectors_ND) ** 0.5)
    index = faiss.IndexIVFPQ(faiss.IndexFlatIP(DIM), DIM, lists, CODE_BYTES, BITS, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors_ND[:SAMPLE])
    index.add(vectors_ND)
    faiss.ParameterSpace().set_index_parameter(index, "nprobe", PROBES)

    def search(queries_QD: Floats, ranks: int) -> Ints:
        _, found_QR = index.search(queries_QD, ranks)
        return np.asarray(found_QR, np.int64)

    return search


def recall_after_ranking(vectors_ND: Floats, queries_QD: Floats, found_QR: Ints, truth_QK: Ints) -> float:
    """Share of the true ten among the best ten of the candidates."""
    hits = 0
    for query_D, found_R, truth_K in zip(queries_QD, found_QR, truth_QK, strict=True):
        real_R = found_R[found_R >= 0]
        best_R = real_R[np.argsort(-(vectors_ND[real_R] @ query_D))[:K]]
        hits += len(set(best_R.tolist()) & set(truth_K.tolist()))
    return hits / truth_QK.size


def make_vectors(photos_PD: Floats, count: int, *, seed: int) -> Floats:
    """(count, D), like photos."""
    return np.concatenate(list(PhotoLikeVectors(photos_PD, seed=seed).pieces(count)))


def extrapolate_ranks(curves: Sequence[RankCurve], recall: float, count: float) -> float | None:
    """Candidates for a recall among `count` vectors, by a straight line through the logarithms of what was measured;
    None where fewer than two numbers of vectors reached it.
    """
    known = [(curve.vectors, ranks) for curve in curves if (ranks := curve.ranks_for(recall)) is not None]
    if len(known) < 2:
        return None
    slope, start = linear_regression([math.log(n) for n, _ in known], [math.log(ranks) for _, ranks in known])
    return math.exp(start + slope * math.log(count))
