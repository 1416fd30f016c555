"""Likeness of different kinds on one scale: a piece of text and a photo compared fairly as answers to one query.

Cosines between two texts lie elsewhere than those between a text and a picture, so the twenty pages of a manual would
bury the right photo, or the other way round. So each cosine is told in deviations from what is usual for this query
over regions of the same kind: some of this library, and some of nobody's, which keep the scale steady in a small one.

Shape key:  N regions, D width of the space
"""

from collections.abc import Sequence

import numpy as np

from deepseek_mm.embeddings.space import EmbeddingModel, Floats
from deepseek_mm.rag.search.meant import QueryVectors
from index import Filter, Hit
from index.store import RegionStore

Kinds = tuple[str, ...]
PICTURES: Kinds = ("whole", "part", "page")
TEXTS: Kinds = ("text",)
CODES: Kinds = ("code",)
CAPTIONS: Kinds = ("caption",)
KINDS = (PICTURES, TEXTS, CODES, CAPTIONS)
SAMPLE = 200  # sources of the library that are looked at, the newest
OF_NOBODY = 50  # vectors of the background that go with them
NARROWEST = 0.03  # a smaller deviation is taken for this one
SENTENCES = (
    *("The meeting was moved to Thursday.", "Mix the flour with two eggs and a cup of milk."),
    *("Press the red button for three seconds.", "The river rises in the mountains and flows north."),
    *("Invoices are due within thirty days.", "She was born in 1902 and studied chemistry."),
    *("Our team won the final in extra time.", "The bill passed with a narrow majority."),
    *("Turn left at the church and go on for a mile.", "The patient should rest and drink plenty of water."),
    *("a dog in the grass", "a table with food on it", "people on a street", "a red car", "a mountain lake"),
)
SIGHTS = (
    *("A dog runs through the grass .", "Two children play in the sand .", "A man in a red shirt rides a bike ."),
    *("A group of people stand on a street .", "A woman sits at a table with food on it .", "A car on a road ."),
    *("A mountain beside a lake .", "A boat on the water .", "A shelf with many bottles .", "A white building ."),
)
SNIPPETS = (
    "def add(a, b):\n    return a + b",
    "for name in names:\n    print(name)",
    "SELECT id, total FROM orders WHERE total > 10",
    "import os\npath = os.path.join(folder, 'notes.txt')",
    "class Stack:\n    def __init__(self):\n        self.items = []",
    "if (x == null) { throw new Error('no x'); }",
)


class Scales:
    """What is usual for a query over each kind of region in one store; looked up again when the store has grown."""

    def __init__(self, space: EmbeddingModel, store: RegionStore, photos_PD: Floats | None) -> None:
        self.space, self.store, self.photos_PD = space, store, photos_PD
        self._nobody: dict[Kinds, Floats] = {}
        self._known: dict[Kinds, tuple[int, Floats]] = {}

    def deviations(self, hits: Sequence[Hit], meant: QueryVectors) -> list[float]:
        """By how many deviations each cosine lies above the usual one of its kind."""
        groups = [group_of(hit.region.kind) for hit in hits]
        usual = {kinds: self.usual(kinds, meant.of(kinds[0])) for kinds in set(groups)}
        return [(hit.score - usual[kinds][0]) / usual[kinds][1] for hit, kinds in zip(hits, groups, strict=True)]

    def usual(self, kinds: Kinds, vector_D: Floats) -> tuple[float, float]:
        """Mean and deviation of the query's cosines over this kind."""
        usual_N = self.background(kinds) @ vector_D
        return (float(usual_N.mean()), max(float(usual_N.std()), NARROWEST)) if len(usual_N) else (0.0, 1.0)

    def background(self, kinds: Kinds) -> Floats:
        """(N, D): regions of this kind, the library's and nobody's."""
        where = Filter(collection=None, kinds=kinds)
        mark = self.store.latest(where=where)
        known = self._known.get(kinds)
        if known is None or known[0] != mark:
            known = (mark, np.concatenate([self._sample(where), self._of_nobody(kinds)]))
            self._known[kinds] = known
        return known[1]

    def _sample(self, where: Filter) -> Floats:
        """One region of each of the newest sources: a long text must not speak for all."""
        ids = [source.id for source in self.store.sources(where=where, limit=SAMPLE)]
        firsts = [
            next((region.id for region in regions if region.kind in where.kinds), None)
            for regions in self.store.regions_of(ids).values()
        ]
        return self.store.vectors_of([region_id for region_id in firsts if region_id is not None])

    def _of_nobody(self, kinds: Kinds) -> Floats:
        if kinds not in self._nobody:
            self._nobody[kinds] = self._made_of_nobody(kinds)
        return self._nobody[kinds]

    def _made_of_nobody(self, kinds: Kinds) -> Floats:
        if kinds == CODES:
            return self.space.embed_code(SNIPPETS)
        if kinds in (TEXTS, CAPTIONS):
            return self.space.embed_texts(SENTENCES if kinds == TEXTS else SIGHTS)
        photos_PD = self.photos_PD if self.photos_PD is not None else np.zeros((0, self.space.dim), np.float32)
        return photos_PD[:: max(1, len(photos_PD) // OF_NOBODY)][:OF_NOBODY]


def group_of(kind: str) -> Kinds:
    """The kinds that a region of this one is compared with."""
    return next((kinds for kinds in KINDS if kind in kinds), PICTURES)
