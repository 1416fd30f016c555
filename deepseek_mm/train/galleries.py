"""Galleries to learn doubt from: filters over one store of photos whose captions or questions tell what they show.

Shape key:  N photos, T things, D width of the space
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepseek_mm.embeddings.space import Floats
from deepseek_mm.retrieval.certainty import Certainty, Commons, LogisticCurve
from deepseek_mm.retrieval.search import Search
from deepseek_mm.train.certainty import Bools, Heard, fit_curve, fit_direction, logistic, word_counts
from index import Filter

Ints = NDArray[np.int64]
SIZES = (60, 250, 1000)  # photos of a gallery
ROUNDS = 4  # ordinary galleries of each size, from each set of photos
WITHHELD, TAKEN_OUT = 30, 12  # galleries without some common things, and how many things
COMMON = 20  # photos that show a thing which is worth taking out
ASKED = 300  # things of each kind, present and absent, asked for in one gallery
FOLDS = 5  # a thing's own count is kept out of the direction that guesses its rate
WORDS, PHOTOS = 300, 300  # of the background that is kept; photos of each set
COMPOUND = 0.06  # photos that say a phrase, for each that says its rarest word: typical of 275 names of two words
UNFITTED = LogisticCurve(weights=(1.0, 0.0, 0.0, 0.0, 0.0), offset=0.0, threshold=0.5)
LIKELY = LogisticCurve(weights=(1.0,), offset=0.0, threshold=0.5)


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """Photos, and what people said of them."""

    texts: tuple[str, ...]
    ids: Ints  # of their sources in the store
    named_NT: Bools  # which things the texts name
    complete: bool  # captions tell what is there; questions touch on some of it


@dataclass(frozen=True, kw_only=True, slots=True)
class Gallery:
    """Some photos of a set, and things that were kept out of it."""

    told: Told
    photos: Ints  # places in the set
    withheld: Ints  # places of things


class Galleries:
    """Draws galleries, hears the witnesses in each, and fits the curve."""

    def __init__(
        self,
        search: Search,
        sets: Sequence[Told],
        things: Sequence[str],
        absent: Sequence[bool],
        *,
        counts: Mapping[str, int],
        num_photos: int,
    ) -> None:
        self.search, self.sets, self.things = search, sets, list(things)
        self.absent_T = np.array(absent)
        self.counts, self.num_photos = Counter(counts), num_photos
        self.rng = np.random.default_rng(0)
        self.vectors_TD = search.space.embed_texts(self.things)
        self.fold_T = self.rng.permutation(len(self.things)) % FOLDS
        everyday = np.flatnonzero(self.absent_T)
        self.words_WD = self.vectors_TD[everyday[:: max(1, len(everyday) // WORDS)][:WORDS]]
        steps = [max(4, len(told.ids) // PHOTOS) for told in sets]  # three of four photos stay for the galleries
        self.aside = [np.arange(0, len(told.ids), step)[:PHOTOS] for told, step in zip(sets, steps, strict=True)]
        parts = [self._wholes(told, aside) for told, aside in zip(sets, self.aside, strict=True)]
        self.photos_PD = np.concatenate(parts)

    def fit(self) -> Certainty:
        """Hear every gallery, and fit."""
        galleries = list(self._draw())
        heard = [self._hear(gallery) for gallery in galleries]
        whole = [gallery.told.complete and not len(gallery.withheld) for gallery in galleries]
        largest = max(len(gallery.photos) for gallery, fair in zip(galleries, whole, strict=True) if fair)
        judged = [
            part
            for part, gallery, fair in zip(heard, galleries, whole, strict=True)
            if fair and len(gallery.photos) == largest
        ]
        commons = self._commons(self.counts, np.ones(len(self.things), bool), self.num_photos)
        return self._certainty(commons, fit_curve(heard, judged), self._fit_pictures())

    def _draw(self) -> Iterator[Gallery]:
        nothing = np.zeros(0, np.int64)
        free = [np.setdiff1d(np.arange(len(t.ids)), aside) for t, aside in zip(self.sets, self.aside, strict=True)]
        for told, photos in zip(self.sets, free, strict=True):
            for size in SIZES * ROUNDS:
                yield Gallery(told=told, photos=self.rng.permutation(photos)[:size], withheld=nothing)
        told, photos = self.sets[0], free[0]
        common = np.flatnonzero((told.named_NT.sum(axis=0) >= COMMON) & self.absent_T)
        for n in range(WITHHELD if len(common) else 0):
            withheld = self.rng.permutation(common)[:TAKEN_OUT]
            left = photos[~told.named_NT[photos][:, withheld].any(axis=1)]
            size = SIZES[n % len(SIZES)]
            yield Gallery(told=told, photos=self.rng.permutation(left)[:size], withheld=withheld)

    def _hear(self, gallery: Gallery) -> Heard:
        told, photos = gallery.told, gallery.photos
        shown_T = told.named_NT[photos].sum(axis=0)
        possible_T = (shown_T if told.complete else told.named_NT.sum(axis=0)) == 0
        asked = np.concatenate(
            [
                self.rng.permutation(np.flatnonzero(shown_T))[:ASKED],
                self.rng.permutation(np.flatnonzero(possible_T & self.absent_T))[:ASKED],
            ]
        )
        asked = np.union1d(asked, gallery.withheld).astype(np.int64)
        where = Filter(source_ids=tuple(told.ids[photos].tolist()))
        traces = self.search.traces([self.things[t] for t in asked], self.vectors_TD[asked], where=where)
        counts = self.counts - Counter(word_counts([told.texts[n] for n in photos]))
        rest = self.num_photos - len(photos)
        folds = [
            self._certainty(self._commons(counts, self.fold_T != fold, rest), UNFITTED, LIKELY) for fold in range(FOLDS)
        ]
        rows = [folds[self.fold_T[t]].witnesses(trace) for t, trace in zip(asked, traces, strict=True)]
        return Heard(
            witnesses_TW=np.array(rows, np.float32),
            num_photos_T=shown_T[asked],
            withheld_T=np.isin(asked, gallery.withheld),
        )

    def _commons(self, counts: Mapping[str, int], known_T: Bools, num_photos: int) -> Commons:
        """What people mention, the direction learned from the known things only."""
        named_T = sum(told.named_NT.sum(axis=0) for told in self.sets)
        looked = sum(len(told.ids) for told in self.sets)
        direction_D, offset = fit_direction(self.vectors_TD[known_T], np.asarray(named_T)[known_T], looked)
        return Commons(
            counts=dict(counts),
            num_photos=num_photos,
            direction_D=direction_D,
            offset=offset,
            compound=COMPOUND,
        )

    def _certainty(self, commons: Commons, things: LogisticCurve, pictures: LogisticCurve) -> Certainty:
        return Certainty(commons, words_WD=self.words_WD, photos_PD=self.photos_PD, things=things, pictures=pictures)

    def _fit_pictures(self) -> LogisticCurve:
        """Does the picture nearest to another show what is said most of that one? From photos set aside."""
        told, aside = self.sets[0], self.aside[0]
        others = np.setdiff1d(np.arange(len(told.ids)), aside)
        cosine = self._wholes(told, aside) @ self._wholes(told, others).T
        nearest = others[cosine.argmax(axis=1)]
        main = [self._main_thing(told.texts[n]) for n in aside]
        same = np.array([t >= 0 and bool(told.named_NT[n, t]) for t, n in zip(main, nearest, strict=True)])
        weights, offset = logistic(cosine.max(axis=1)[:, None].astype(np.float64), same, np.ones(len(same)))
        return LogisticCurve(weights=(round(float(weights[0]), 4),), offset=round(offset, 4), threshold=0.5)

    def _main_thing(self, text: str) -> int:
        """The thing that the text names most often; -1 if it names none."""
        said = Counter(text.lower().split())
        named = [(said[thing], -n) for n, thing in enumerate(self.things) if thing in said and self.absent_T[n]]
        return -max(named)[1] if named else -1

    def _wholes(self, told: Told, photos: Ints) -> Floats:
        """Vectors of the whole pictures."""
        regions = self.search.store.regions_of(told.ids[photos].tolist())
        return self.search.store.vectors_of([regions[n][0].id for n in told.ids[photos].tolist()])
