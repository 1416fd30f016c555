"""A query as vectors, what is usual for it in a collection, and the nearest regions to it.

All words to look for are read together, as one text: the space knows "horse stripes" better than the sum of the two. A
term with another weight than 1 pulls by so much more or less, and what is taken away pushes a little: as much as `AWAY`
of its vector, for more takes away what the photos that are wanted share with it (docs/log/).

Cosines between two texts lie elsewhere than those between a text and a picture, so the twenty pages of a manual would
bury the right photo, or the other way round. So each cosine is told in deviations from what is usual for this query
over regions of the same kind: some of this library, and some of nobody's, which keep the scale steady in a small one.

Shape key:  T texts or things, Q queries, N regions, D width of the space
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepseek_mm.embeddings.heads import read_class_names
from deepseek_mm.embeddings.space import EmbeddingModel, Floats, VectorCache, unit
from deepseek_mm.language.words import heads_of, names_the_same, singular
from deepseek_mm.retrieval.certainty import NEAREST, PresenceTrace
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
OTHERS = ("whole", "part", "page", "text", "caption", "name", "note", "place")


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
    if not asked or not store.has_regions(OF_CODE):
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


Kinds = tuple[str, ...]
PICTURES: Kinds = ("whole", "part", "page")
TEXTS: Kinds = ("text",)
CODES: Kinds = ("code",)
CAPTIONS: Kinds = ("caption",)
WORDS: Kinds = ("name", "note", "place")  # of a photo: its file's name, what people wrote about it, where it was taken
TOLD: Kinds = ("name", "note")  # what tells what a photo shows
GUESSES: Kinds = ("guess",)  # of a photo: what a classifier takes it for; never a hit by itself
KINDS = (PICTURES, TEXTS, CODES, CAPTIONS, WORDS)
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


@dataclass(frozen=True, kw_only=True, slots=True)
class CachedBackground:
    """Vectors of a kind of region, and when it has to be seen whether there are newer ones."""

    vectors_ND: Floats
    latest: int  # id of the newest source when they were taken
    good_until: float  # by the monotonic clock


class Scales:
    """What is usual for a query over each kind of region in one store; looked up again when the store has grown."""

    def __init__(self, space: EmbeddingModel, store: RegionStore, photos_PD: Floats | None) -> None:
        self.space, self.store, self.photos_PD = space, store, photos_PD
        self._nobody: dict[Kinds, Floats] = {}
        self._known: dict[Kinds, CachedBackground] = {}

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
        known, start = self._known.get(kinds), time.monotonic()
        if known is not None and start < known.good_until:
            return known.vectors_ND
        where = Filter(collection=None, kinds=kinds)
        latest = self.store.latest(where=where)
        if known is None or known.latest != latest:
            vectors_ND = np.concatenate([self._sample(where), self._of_nobody(kinds)])
            known = CachedBackground(vectors_ND=vectors_ND, latest=latest, good_until=good_until(start))
            self._known[kinds] = known
        return known.vectors_ND

    def _sample(self, where: Filter) -> Floats:
        """One region of each of the newest sources: a long text must not speak for all."""
        ids = [source.id for source in self.store.sources(where=where, limit=SAMPLE)]
        firsts = self.store.leading(ids, kinds=where.kinds)
        return self.store.vectors_of([region.id for region in firsts.values()])

    def _of_nobody(self, kinds: Kinds) -> Floats:
        if kinds not in self._nobody:
            self._nobody[kinds] = self._made_of_nobody(kinds)
        return self._nobody[kinds]

    def _made_of_nobody(self, kinds: Kinds) -> Floats:
        if kinds == CODES:
            return self.space.embed_code(SNIPPETS)
        if kinds == GUESSES:
            return self.space.embed_texts([names[0] for names in read_class_names()[::20]])
        if kinds in (TEXTS, CAPTIONS, WORDS):
            return self.space.embed_texts(SENTENCES if kinds == TEXTS else SIGHTS)
        photos_PD = self.photos_PD if self.photos_PD is not None else np.zeros((0, self.space.dim), np.float32)
        return photos_PD[:: max(1, len(photos_PD) // OF_NOBODY)][:OF_NOBODY]


def group_of(kind: str) -> Kinds:
    """The kinds that a region of this one is compared with."""
    return next((kinds for kinds in (*KINDS, GUESSES) if kind in kinds), PICTURES)


WHOLE_PICTURES = ("whole", "page")
PARTS: Kinds = ("part",)
MOST_LABELS = 10_000  # of a collection that are looked through
MOST_COUNTED = 7  # filters whose photos and labels stay counted, besides the latest
LONG_S, PATIENCE = 0.05, 50  # what takes longer to count is good for so many times as long


class Census:
    """How many photos a collection has, how many carry each label, and how many have words."""

    def __init__(self, num_photos: int, labels: Mapping[str, int], num_told: int = 0) -> None:
        """`labels` has the number of photos by name."""
        self.num_photos, self.num_told, self._labels = num_photos, num_told, labels
        self._by_head: dict[str, list[str]] = {}
        for label in labels:
            self._by_head.setdefault(singular(label.lower()).split(" ")[-1], []).append(label)

    def count_named(self, thing: str) -> int:
        """How many photos carry a label that names it; some twice, by two labels."""
        heads = heads_of(thing)
        likely = self._labels if heads is None else [x for head in heads for x in self._by_head.get(head, ())]
        return sum(self._labels[label] for label in likely if names_the_same(label, thing))


@dataclass(frozen=True, kw_only=True, slots=True)
class CachedCensus:
    """A census, and when it has to be looked after."""

    census: Census
    state: object  # of the collection when it was taken
    good_until: float  # by the monotonic clock


def good_until(start_s: float) -> float:
    """Until when something is good that was begun to be looked up at `start_s`: what took long is for a while, so that
    a library that something is written into all the time can be asked meanwhile. By the monotonic clock.
    """
    took_s = time.monotonic() - start_s
    return start_s + (PATIENCE * took_s if took_s > LONG_S else 0)


def allowed_of(kinds: Kinds, where: Filter) -> Kinds:
    """Those of the kinds that a filter allows."""
    return tuple(kind for kind in kinds if not where.kinds or kind in where.kinds)


def kinds_of_traces(where: Filter) -> list[Kinds]:
    """Kinds of regions that are looked through for a thing, one search each."""
    return [allowed for kinds in (WHOLE_PICTURES, PARTS) if (allowed := allowed_of(kinds, where))]


class Traces:
    """Looks for them in one store."""

    def __init__(self, store: RegionStore) -> None:
        self.store = store
        self._census: dict[Filter, CachedCensus] = {}

    def looked_for(self, vectors_TD: Floats, where: Filter) -> list[Sought]:
        """The searches that have to be made: of whole pictures and of parts, as far as these are allowed."""
        if not len(vectors_TD) or not allowed_of(WHOLE_PICTURES, where):
            return []
        return [(vectors_TD, NEAREST, replace(where, kinds=kinds)) for kinds in kinds_of_traces(where)]

    def of(
        self, things: Sequence[str], vectors_TD: Floats, near: Sequence[Near], *, where: Filter
    ) -> list[PresenceTrace]:
        """One for each thing; `near` is what those searches found."""
        census = self._count(where)
        found = dict(zip(kinds_of_traces(where), near, strict=False))
        wholes, parts = (
            self._vectors_each(found.get(allowed_of(kinds, where)), len(things)) for kinds in (WHOLE_PICTURES, PARTS)
        )
        return [
            PresenceTrace(
                phrase=thing,
                vector_D=vector_D,
                nearest_kD=nearest_kD,
                parts_kD=parts_kD,
                named=census.count_named(thing),
                num_photos=census.num_photos,
                told=census.num_told / max(1, census.num_photos),
            )
            for thing, vector_D, nearest_kD, parts_kD in zip(things, vectors_TD, wholes, parts, strict=True)
        ]

    def _vectors_each(self, near: Near | None, count: int) -> list[Floats]:
        """Of what was found for each of so many things; nothing where nothing was looked for."""
        ids = near[1].tolist() if near is not None else [[] for _ in range(count)]
        flat_ND = self.store.vectors_of([each for some in ids for each in some])
        return np.split(flat_ND, np.cumsum([len(some) for some in ids])[:-1])

    def _count(self, where: Filter) -> Census:
        """Photos and labels of the collection, counted again when it has changed.

        What takes long to count, in a large library that something is written into all the time, is good for a while.
        """
        known, start = self._census.get(where), time.monotonic()
        if known is not None and start < known.good_until:
            return known.census
        now = (self.store.counts(where=where), self.store.latest(where=where))
        census = known.census if known is not None and known.state == now else self._count_labels(where)
        counted = CachedCensus(census=census, state=now, good_until=good_until(start))
        kept = list(self._census.items())[-MOST_COUNTED:]
        self._census = dict(kept) | {where: counted}
        return census

    def _count_labels(self, where: Filter) -> Census:
        labels = {label.name: label.sources for label in self.store.labels(MOST_LABELS, where=where)}
        photos, told = (
            self.store.counts(where=replace(where, kinds=kinds)).sources for kinds in (WHOLE_PICTURES, TOLD)
        )
        return Census(photos, labels, told)
