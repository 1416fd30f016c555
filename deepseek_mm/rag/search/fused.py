"""Several rankings as one, by reciprocal rank: what stands high in any of them stands high, whatever their scores mean.

Each ranking gives its n-th entry 1 / (depth + n) points, times its weight (Cormack, Clarke and Buettcher, "Reciprocal
Rank Fusion outperforms Condorcet and individual Rank Learning Methods", SIGIR 2009). No ranking needs a scale, so
vectors, BM25 and names that are exactly so can be joined.
"""

from collections.abc import Mapping, Sequence

HAIR = 1e-9
FUSION_DEPTH = 60  # of the paper: how little the first places differ


def points(
    rankings: Sequence[Sequence[int]], weights: Sequence[float] | None = None, *, depth: float = FUSION_DEPTH
) -> dict[int, float]:
    """Id -> its points; each ranking has an id once, the best first."""
    total: dict[int, float] = {}
    for ranking, weight in zip(rankings, weights or [1.0] * len(rankings), strict=True):
        for place, each in enumerate(ranking, start=1):
            total[each] = total.get(each, 0.0) + weight / (depth + place)
    return total


def reciprocal_rank_fusion(
    rankings: Sequence[Sequence[int]], weights: Sequence[float] | None = None, *, depth: float = FUSION_DEPTH
) -> list[int]:
    """All ids, best first; among equals the one that was named first."""
    total = points(rankings, weights, depth=depth)
    return sorted(total, key=lambda each: -total[each])


def reorder_worth(worth: Mapping[int, float], order: Sequence[int]) -> dict[int, float]:
    """The same worths, dealt out in this order, the highest to the first: so what is ranked anew keeps its scale.

    Equal ones differ by a hair afterwards, so that the order holds among them too.
    """
    dealt = sorted((worth[each] for each in order), reverse=True)
    return {each: value - HAIR * place for place, (each, value) in enumerate(zip(order, dealt, strict=True))}
