"""Words that are added, weighed and taken away, as one vector.

All words to look for are read together, as one text: the space knows "horse stripes" better than the sum of the two. A
term with another weight than 1 pulls by so much more or less, and what is taken away pushes a little: as much as `AWAY`
of its vector, for more takes away what the photos that are wanted share with it (docs/log.md).

Shape key:  T texts, Q queries, D width of the space
"""

from collections.abc import Sequence

import numpy as np

from deepseek_mm.embeddings.space import EmbeddingModel, Floats, VectorCache, unit
from deepseek_mm.records import Query

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
