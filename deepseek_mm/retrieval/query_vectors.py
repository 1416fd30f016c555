"""A query as vectors: words added, weighed and taken away, for pictures and for code, and the nearest regions to them.

All words to look for are read together, as one text: the space knows "horse stripes" better than the sum of the two. A
term with another weight than 1 pulls by so much more or less, and what is taken away pushes a little: as much as `AWAY`
of its vector, for more takes away what the photos that are wanted share with it (docs/log/).

Shape key:  T texts, Q queries, D width of the space
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepseek_mm.embeddings.space import EmbeddingModel, Floats, VectorCache, unit
from deepseek_mm.types import Query
from index import Filter, Hit
from index.finder import Sought
from index.store import Near, RegionStore

AWAY = 0.3  # of the vector of what is taken away
REMEMBERED = 1024  # texts: two megabytes


class Texts(VectorCache):
    """The vectors of texts as they are typed, and of queries."""

    def __init__(self, space: EmbeddingModel) -> None:
        super().__init__(space.embed_texts, space.dim, REMEMBERED)

    def words(self, queries: Sequence[Query]) -> Floats:
        """(Q, D): what each query's words mean; each has some."""
        said = [[query.text, *(term.text for term in query.terms)] for query in queries]
        vectors = iter(self.vectors([text for texts in said for text in texts]))
        rows = [[next(vectors) for _ in texts] for texts in said]
        weights = [[term.weight for term in query.terms] for query in queries]
        return np.array([combine_terms(whole, w, terms) for (whole, *terms), w in zip(rows, weights, strict=True)])


def combine_terms(whole_D: Floats, weights: Sequence[float], terms: Sequence[Floats]) -> Floats:
    """(D,): the text of all that is looked for, its terms as far as they do not count alike, and what is taken away."""
    sum_D = whole_D.copy()
    for weight, term_D in zip(weights, terms, strict=True):
        sum_D += (AWAY * weight if weight < 0 else weight - 1) * term_D
    return unit(sum_D[None])[0] if terms else whole_D


CODE = "code"  # the kind of region
OF_CODE = Filter(collection=None, kinds=(CODE,))
OTHERS = ("whole", "part", "page", "text", "caption")


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryVectors:
    """A query's vectors."""

    shown_D: Floats
    code_D: Floats | None = None  # None where code is compared with the same one

    def of(self, kind: str) -> Floats:
        """The one that regions of this kind are compared with."""
        return self.shown_D if self.code_D is None or kind != CODE else self.code_D

    def scores(self, kinds: Sequence[str], vectors_ND: Floats) -> list[float]:
        """Cosines with the vectors of regions of these kinds."""
        return [float(vector_D @ self.of(kind)) for kind, vector_D in zip(kinds, vectors_ND, strict=True)]


def embed_queries(
    texts: Sequence[str], shown_QD: Floats, *, space: EmbeddingModel, store: RegionStore
) -> list[QueryVectors]:
    """For queries with these words, or none, and these vectors. A library without code does not open the code tower."""
    asked = [text for text in texts if text]
    if not asked or not store.counts(where=OF_CODE).regions:
        return [QueryVectors(shown_D=shown_D) for shown_D in shown_QD]
    code = iter(space.embed_code_questions(asked))
    return [
        QueryVectors(shown_D=d, code_D=next(code) if text else None) for text, d in zip(texts, shown_QD, strict=True)
    ]


def nearest(store: RegionStore, queries: Sequence[QueryVectors], *, k: int, where: Filter) -> list[list[Hit]]:
    """The k nearest regions of each query, best first; code is looked for apart, by its own vector."""
    return nearest_each(store, queries, [(k, where)])[0][0] if queries else []


def nearest_each(
    store: RegionStore,
    queries: Sequence[QueryVectors],
    asked: Sequence[tuple[int, Filter]],
    *,
    beside: Sequence[Sought] = (),
) -> tuple[list[list[list[Hit]]], list[Near]]:
    """The same for several k and filters at once; and in numbers alone what other searches find, `beside` these."""
    parts = [_parts(queries, k, where) for k, where in asked]
    flat = [part for each in parts for part in each]
    with store.snapshot():
        near = store.near_each([*flat, *beside])
        found = iter(store.hits(near[: len(flat)]))
    hits = [_best([next(found) for _ in each], k) for each, (k, _) in zip(parts, asked, strict=True)]
    return hits, near[len(flat) :]


def _parts(queries: Sequence[QueryVectors], k: int, where: Filter) -> list[Sought]:
    """One search, or two where code has a vector of its own."""
    shown_QD = np.stack([query.shown_D for query in queries])
    if all(query.code_D is None for query in queries) or not (where.kinds == () or CODE in where.kinds):
        return [(shown_QD, k, where)]
    code_QD = np.stack([query.of(CODE) for query in queries])
    others = tuple(kind for kind in where.kinds or OTHERS if kind != CODE)
    more = [(shown_QD, k, replace(where, kinds=others))] if others else []
    return [(code_QD, k, replace(where, kinds=(CODE,))), *more]


def _best(found: Sequence[list[list[Hit]]], k: int) -> list[list[Hit]]:
    """The k best of each query's searches."""
    if len(found) == 1:
        return found[0]
    return [sorted(both, key=lambda hit: -hit.score)[:k] for both in map(list.__add__, *found)]
