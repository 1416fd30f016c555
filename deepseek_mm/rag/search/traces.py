"""What the pictures of a collection say about each thing: those nearest to it, and how many are labelled so.

Shape key:  T things, D width of the space
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepseek_mm.embeddings.space import Floats
from deepseek_mm.language.words import heads_of, names_the_same, singular
from deepseek_mm.rag.search.certainty import NEAREST, PresenceTrace
from index import Filter
from index.finder import Sought
from index.store import RegionStore

WHOLE_PICTURES = ("whole", "page")
MOST_LABELS = 10_000  # of a collection that are looked through
MOST_COUNTED = 7  # filters whose photos and labels stay counted, besides the latest
LONG_S, PATIENCE = 0.05, 50  # what takes longer to count is good for so many times as long


class Census:
    """How many photos a collection has, and how many carry each label."""

    def __init__(self, num_photos: int, labels: Mapping[str, int]) -> None:
        """`labels` has the number of photos by name."""
        self.num_photos, self._labels = num_photos, labels
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


class Traces:
    """Looks for them in one store."""

    def __init__(self, store: RegionStore) -> None:
        self.store = store
        self._census: dict[Filter, CachedCensus] = {}

    def looked_for(self, vectors_TD: Floats, where: Filter) -> list[Sought]:
        """The one search that has to be made, if there are pictures among what is allowed."""
        kinds = tuple(kind for kind in WHOLE_PICTURES if not where.kinds or kind in where.kinds)
        return [(vectors_TD, NEAREST, replace(where, kinds=kinds))] if kinds and len(vectors_TD) else []

    def of(
        self, things: Sequence[str], vectors_TD: Floats, ids: Sequence[Sequence[int]], *, where: Filter
    ) -> list[PresenceTrace]:
        """One for each thing; `ids` are those of its nearest pictures, best first."""
        census = self._count(where)
        flat_ND = self.store.vectors_of([each for some in ids for each in some])
        nearest = np.split(flat_ND, np.cumsum([len(some) for some in ids])[:-1])
        return [
            PresenceTrace(
                phrase=thing,
                vector_D=vector_D,
                nearest_kD=nearest_kD,
                named=census.count_named(thing),
                num_photos=census.num_photos,
            )
            for thing, vector_D, nearest_kD in zip(things, vectors_TD, nearest, strict=True)
        ]

    def _count(self, where: Filter) -> Census:
        """Photos and labels of the collection, counted again when it has changed.

        What takes long to count, in a large library that something is written into all the time, is good for a while.
        """
        known, start = self._census.get(where), time.monotonic()
        if known is not None and start < known.good_until:
            return known.census
        now = (self.store.counts(where=where), self.store.latest(where=where))
        census = known.census if known is not None and known.state == now else self._count_labels(where)
        took = time.monotonic() - start
        counted = CachedCensus(census=census, state=now, good_until=start + (PATIENCE * took if took > LONG_S else 0))
        kept = list(self._census.items())[-MOST_COUNTED:]
        self._census = dict(kept) | {where: counted}
        return census

    def _count_labels(self, where: Filter) -> Census:
        labels = {label.name: label.sources for label in self.store.labels(MOST_LABELS, where=where)}
        photos = self.store.counts(where=replace(where, kinds=WHOLE_PICTURES)).sources
        return Census(photos, labels)
