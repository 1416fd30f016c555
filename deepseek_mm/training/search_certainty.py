"""`train abstain`: fit when a search may say "nothing found", on captioned photos and on photos with questions.

All photos go into one store; a gallery is a filter over some hundred of them, and a training example is what a search
itself sees there (`rag.search`). A thing is there when a text about one of the photos names it, and absent when none
does. Ordinary galleries teach how much a nearest picture is worth, but also that common things are always there. So
some galleries are made without a few common things, which then weigh as much as all other absent things together. What
people mention is counted without the gallery's own photos, as it is for a stranger's library.

Shape key:  N photos, T things, W witnesses, D width of the space
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from deepseek_mm.config import Config
from deepseek_mm.embeddings import open_space
from deepseek_mm.embeddings.heads import read_groups
from deepseek_mm.embeddings.space import Floats
from deepseek_mm.evaluation.retrieval import find_pictures, read_caption_rows, read_picture
from deepseek_mm.language.words import COLOURS, NO_THINGS, singular, tokens
from deepseek_mm.retrieval.certainty import FILE, Certainty, Commons, LogisticCurve, save_certainty
from deepseek_mm.retrieval.search import Search
from deepseek_mm.training.losses import fit_logistic
from deepseek_mm.training.word_classifiers import read_question_pairs
from deepseek_mm.vision.detector.detector import read_detector
from deepseek_mm.vision.pipeline import ImageAnalysis, VisionModels, VisionPipeline
from deepseek_mm.vision.vocabulary import read_names
from index import Filter, Source
from index.store import RegionStore

Bools = NDArray[np.bool_]
BANDS = (1, 2, 4, 8, 16)  # photos that show a thing, lower ends: rare things weigh as much as common ones
PULL_RATES = 10.0  # the same for the direction of things that are photographed often
UNSAID_THERE = 0.2  # share of what is claimed and no text mentions that is there: of 120 boxes looked at, 22
LOUDER = 3.0  # a gallery without some common things counts as this many


@dataclass(frozen=True, kw_only=True, slots=True)
class GalleryWitnesses:
    """The witnesses for some things of one gallery."""

    witnesses_TW: Floats
    num_photos_T: NDArray[np.int64]  # of the gallery that show the thing; 0 where it is absent
    withheld_T: Bools  # absent because its photos were taken out


def find_mentions(texts: Sequence[str], things: Sequence[str]) -> Bools:
    """(N, T): does what people said of the photo name the thing, whatever its number?"""
    spelled = [" ".join(singular(word) for word in tokens(thing)) for thing in things]
    columns = {thing: n for n, thing in enumerate(spelled)}
    longest = max((len(thing.split()) for thing in spelled), default=0)
    found = np.zeros((len(texts), len(things)), bool)
    for row, text in enumerate(texts):
        words = [singular(word) for word in tokens(text)]
        for length in range(1, longest + 1):
            runs = (" ".join(words[start : start + length]) for start in range(len(words) - length + 1))
            found[row, [columns[run] for run in runs if run in columns]] = True
    return found


def count_words(texts: Sequence[str]) -> Counter[str]:
    """Word, singular -> texts that say it."""
    return Counter(word for text in texts for word in {singular(token) for token in tokens(text)})


def fit_direction(vectors_TD: Floats, counts_T: NDArray[np.int64], num_photos: int) -> tuple[Floats, float]:
    """Direction and offset that guess the logarithm of a thing's rate from its vector (ridge regression)."""
    rate_T = np.log((counts_T + 0.3) / num_photos)
    centre_D = vectors_TD.mean(axis=0)
    x_TD = vectors_TD - centre_D
    gram_DD = x_TD.T @ x_TD + PULL_RATES * np.eye(vectors_TD.shape[1])
    direction_D = np.linalg.solve(gram_DD, x_TD.T @ (rate_T - rate_T.mean())).astype(np.float32)
    return direction_D, float(rate_T.mean() - centre_D @ direction_D)


def fit_search_curve(heard: Sequence[GalleryWitnesses], judged: Sequence[GalleryWitnesses]) -> LogisticCurve:
    """The curve of all galleries, with the threshold at which both errors on the judged ones are equal."""
    x_TW = np.concatenate([part.witnesses_TW for part in heard]).astype(np.float64)
    there_T = np.concatenate([part.num_photos_T > 0 for part in heard])
    louder = [LOUDER if part.withheld_T.any() else 1.0 for part in heard]
    weight_T = np.concatenate([balance_things(part) * times for part, times in zip(heard, louder, strict=True)]) * 100
    weights_W, offset = fit_logistic(x_TW, there_T, weight_T)
    curve = LogisticCurve(weights=tuple(round(float(w), 4) for w in weights_W), offset=round(offset, 4), threshold=0.5)
    chances = np.concatenate([[curve.probability(x) for x in part.witnesses_TW] for part in judged])
    fair = np.concatenate([balance_things(part) for part in judged])
    there = np.concatenate([part.num_photos_T > 0 for part in judged])
    return replace(curve, threshold=find_even_threshold(chances, there, fair))


def balance_things(heard: GalleryWitnesses) -> NDArray[np.float64]:
    """(T,): present and absent things weigh the same; so do bands of the present, and withheld and other absent."""
    there_T = heard.num_photos_T > 0
    band_T = np.searchsorted(BANDS, heard.num_photos_T, side="right")
    group_T = np.where(there_T, band_T, -heard.withheld_T.astype(int))
    weight_T = np.zeros(len(there_T))
    for group in np.unique(group_T):
        weight_T[group_T == group] = 1 / (group_T == group).sum()
    for side in (there_T, ~there_T):
        weight_T[side] /= max(weight_T[side].sum(), 1e-9) * 2
    return weight_T


def find_even_threshold(chance_T: NDArray[np.float64], there_T: Bools, weight_T: NDArray[np.float64]) -> float:
    """The probability at which as much of what is there is missed as of what is absent is claimed; the middle one.

    What nobody mentions may be there: of what is claimed then a share is right.
    """
    steps = np.linspace(0.01, 0.99, 99)
    there, absent = weight_T[there_T].sum(), weight_T[~there_T].sum()
    gaps = [
        abs(
            weight_T[there_T & (chance_T < t)].sum() / there
            - (1 - UNSAID_THERE) * weight_T[~there_T & (chance_T >= t)].sum() / absent
        )
        for t in steps
    ]
    even = np.flatnonzero(np.isclose(gaps, min(gaps)))
    return round(float(steps[even[len(even) // 2]]), 2)


Ints = NDArray[np.int64]
SIZES = (60, 250, 1000)  # photos of a gallery
ROUNDS = 4  # ordinary galleries of each size, from each set of photos
WITHHELD, TAKEN_OUT = 30, 12  # galleries without some common things, and how many things
COMMON = 20  # photos that show a thing which is worth taking out
ASKED = 300  # things of each kind, present and absent, asked for in one gallery
FOLDS = 5  # a thing's own count is kept out of the direction that guesses its rate
WORDS, PHOTOS, PARTS = 300, 300, 600  # of the background that is kept; photos of each set
COMPOUND = 0.06  # photos that say a phrase, for each that says its rarest word: typical of 275 names of two words
UNFITTED = LogisticCurve(weights=(1.0, *[0.0] * 7), offset=0.0, threshold=0.5)
LIKELY = LogisticCurve(weights=(1.0,), offset=0.0, threshold=0.5)


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptionedSet:
    """Photos, and what people said of them."""

    texts: tuple[str, ...]
    ids: Ints  # of their sources in the store
    named_NT: Bools  # which things the texts name
    complete: bool  # captions tell what is there; questions touch on some of it


@dataclass(frozen=True, kw_only=True, slots=True)
class Gallery:
    """Some photos of a set, and things that were kept out of it."""

    photo_set: CaptionedSet
    photos: Ints  # places in the set
    withheld: Ints  # places of things


class CertaintyTrainer:
    """Draws galleries, hears the witnesses in each, and fits the curve."""

    def __init__(
        self,
        search: Search,
        sets: Sequence[CaptionedSet],
        things: Sequence[str],
        absent: Sequence[bool],
        *,
        counts: Counter[str],
        num_photos: int,
    ) -> None:
        self.search, self.sets, self.things = search, sets, list(things)
        self.absent_T = np.array(absent)
        self.counts, self.num_photos = counts, num_photos
        self.rng = np.random.default_rng(0)
        self.vectors_TD = search.space.embed_texts(self.things)
        self.fold_T = self.rng.permutation(len(self.things)) % FOLDS
        everyday = np.flatnonzero(self.absent_T)
        self.words_WD = self.vectors_TD[everyday[:: max(1, len(everyday) // WORDS)][:WORDS]]
        steps = [max(4, len(told.ids) // PHOTOS) for told in sets]  # three of four photos stay for the galleries
        self.aside = [np.arange(0, len(told.ids), step)[:PHOTOS] for told, step in zip(sets, steps, strict=True)]
        wholes = [self._read_whole_vectors(told, aside) for told, aside in zip(sets, self.aside, strict=True)]
        self.photos_PD = np.concatenate(wholes)
        parts_PD = np.concatenate([self._read_parts(told, aside) for told, aside in zip(sets, self.aside, strict=True)])
        self.parts_PD = parts_PD[:: max(1, len(parts_PD) // PARTS)][:PARTS]

    def fit(self) -> Certainty:
        """Hear every gallery, and fit."""
        galleries = list(self._draw())
        heard = [self._collect_witnesses(gallery) for gallery in galleries]
        whole = [n for n, each in enumerate(galleries) if each.photo_set.complete and not len(each.withheld)]
        largest = max(len(galleries[n].photos) for n in whole)
        judged = [heard[n] for n in whole if len(galleries[n].photos) == largest]
        commons = self._make_commons(self.counts, np.ones(len(self.things), bool), self.num_photos)
        return self._make_certainty(commons, fit_search_curve(heard, judged), self._fit_pictures())

    def _draw(self) -> Iterator[Gallery]:
        nothing = np.zeros(0, np.int64)
        free = [np.setdiff1d(np.arange(len(t.ids)), aside) for t, aside in zip(self.sets, self.aside, strict=True)]
        for told, photos in zip(self.sets, free, strict=True):
            for size in SIZES * ROUNDS:
                yield Gallery(photo_set=told, photos=self.rng.permutation(photos)[:size], withheld=nothing)
        told, photos = self.sets[0], free[0]
        common = np.flatnonzero((told.named_NT.sum(axis=0) >= COMMON) & self.absent_T)
        for n in range(WITHHELD if len(common) else 0):
            withheld = self.rng.permutation(common)[:TAKEN_OUT]
            left = photos[~told.named_NT[photos][:, withheld].any(axis=1)]
            size = SIZES[n % len(SIZES)]
            yield Gallery(photo_set=told, photos=self.rng.permutation(left)[:size], withheld=withheld)

    def _collect_witnesses(self, gallery: Gallery) -> GalleryWitnesses:
        told, photos = gallery.photo_set, gallery.photos
        shown_T = told.named_NT[photos].sum(axis=0)
        possible_T = (shown_T if told.complete else told.named_NT.sum(axis=0)) == 0
        there, absent = np.flatnonzero(shown_T), np.flatnonzero(possible_T & self.absent_T)
        some = [self.rng.permutation(kind)[:ASKED] for kind in (there, absent)]
        asked = np.union1d(np.concatenate(some), gallery.withheld).astype(np.int64)
        where = Filter(source_ids=tuple(told.ids[photos].tolist()))
        traces = self.search.traces([self.things[t] for t in asked], self.vectors_TD[asked], where=where)
        counts = self.counts - count_words([told.texts[n] for n in photos])
        rest = self.num_photos - len(photos)
        folds = [
            self._make_certainty(self._make_commons(counts, self.fold_T != fold, rest), UNFITTED, LIKELY)
            for fold in range(FOLDS)
        ]
        rows = [folds[self.fold_T[t]].witnesses(trace) for t, trace in zip(asked, traces, strict=True)]
        return GalleryWitnesses(
            witnesses_TW=np.array(rows, np.float32),
            num_photos_T=shown_T[asked],
            withheld_T=np.isin(asked, gallery.withheld),
        )

    def _make_commons(self, counts: Mapping[str, int], known_T: Bools, num_photos: int) -> Commons:
        """What people mention, the direction learned from the known things only."""
        named_T = sum(told.named_NT.sum(axis=0) for told in self.sets)
        looked = sum(len(told.ids) for told in self.sets)
        direction_D, offset = fit_direction(self.vectors_TD[known_T], np.asarray(named_T)[known_T], looked)
        return Commons(
            counts=dict(counts), num_photos=num_photos, direction_D=direction_D, offset=offset, compound=COMPOUND
        )

    def _make_certainty(self, commons: Commons, things: LogisticCurve, pictures: LogisticCurve) -> Certainty:
        return Certainty(
            commons,
            words_WD=self.words_WD,
            photos_PD=self.photos_PD,
            parts_PD=self.parts_PD,
            things=things,
            pictures=pictures,
        )

    def _fit_pictures(self) -> LogisticCurve:
        """Does the picture nearest to another show what is said most of that one? From photos set aside."""
        told, aside = self.sets[0], self.aside[0]
        others = np.setdiff1d(np.arange(len(told.ids)), aside)
        cosine = self._read_whole_vectors(told, aside) @ self._read_whole_vectors(told, others).T
        nearest = others[cosine.argmax(axis=1)]
        main = [self._find_main_thing(told.texts[n]) for n in aside]
        same = np.array([t >= 0 and bool(told.named_NT[n, t]) for t, n in zip(main, nearest, strict=True)])
        weights, offset = fit_logistic(cosine.max(axis=1)[:, None].astype(np.float64), same, np.ones(len(same)))
        return LogisticCurve(weights=(round(float(weights[0]), 4),), offset=round(offset, 4), threshold=0.5)

    def _find_main_thing(self, text: str) -> int:
        """The thing that the text names most often; -1 if it names none."""
        said = Counter(text.lower().split())
        named = [(said[thing], -n) for n, thing in enumerate(self.things) if thing in said and self.absent_T[n]]
        return -max(named)[1] if named else -1

    def _read_whole_vectors(self, told: CaptionedSet, photos: Ints) -> Floats:
        """Vectors of the whole pictures."""
        regions = self.search.store.regions_of(told.ids[photos].tolist())
        return self.search.store.vectors_of([regions[n][0].id for n in told.ids[photos].tolist()])

    def _read_parts(self, told: CaptionedSet, photos: Ints) -> Floats:
        """Vectors of the parts of pictures."""
        regions = self.search.store.regions_of(told.ids[photos].tolist())
        return self.search.store.vectors_of([part.id for own in regions.values() for part in own[1:]])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train abstain`."""
    parser.add_argument("--data", type=Path, required=True, help="JSONL file of rows {image, captions, split}")
    parser.add_argument("--images", type=Path, required=True, help="folder of the rows' photos")
    parser.add_argument("--questions", type=Path, required=True, help="JSONL of rows {image, question, answer, split}")
    parser.add_argument("--question-images", type=Path, required=True, help="folder of the photos asked about")
    parser.add_argument("--photos", type=int, default=2000, help="photos looked at, of each of the two files")
    parser.add_argument("--weights", type=Path, default=FILE, help="file to write")


def run(args: argparse.Namespace) -> int:
    """Look, fit, and write the weights."""
    config = Config()
    space = open_space(config.encoder)
    eyes = VisionPipeline(space, config.see, models=VisionModels(detector=read_detector()))
    captioned = {row.image: " ".join(row.captions) for row in read_caption_rows(args.data, split="train")}
    asked = {image: join_affirmed(pairs) for image, pairs in read_question_pairs(args.questions).items()}
    texts = [*captioned.values(), *asked.values()]
    things, absent = list_search_things(texts)
    store_of = partial(RegionStore, space_name=space.name, fingerprint=space.fingerprint, dim=space.dim)
    with TemporaryDirectory() as folder, store_of(Path(folder), config=config.index) as store:
        told = ((args.images, captioned, True), (args.question_images, asked, False))
        sets = [
            index_photos(eyes, store, things, images, pick_evenly(said, args.photos), complete=complete)
            for images, said, complete in told
        ]
        search = Search(space, store, eyes, config.rag, certainty=None)
        galleries = CertaintyTrainer(search, sets, things, absent, counts=count_words(texts), num_photos=len(texts))
        certainty = galleries.fit()
    args.weights.parent.mkdir(parents=True, exist_ok=True)
    save_certainty(args.weights, space.fingerprint, certainty)
    sys.stdout.write(f"wrote {args.weights}\nthings {certainty.things}\npictures {certainty.pictures}\n")
    return 0


def join_affirmed(pairs: Sequence[tuple[str, str]]) -> str:
    """What questions and answers say is there: a question that was answered with no says nothing."""
    return " ".join(f"{question} {answer}" for question, answer in pairs if answer != "no")


def list_search_things(texts: Sequence[str]) -> tuple[list[str], list[bool]]:
    """Things to ask for, and which of them may be asked for as absent ones.

    Those are names of everyday things. Of the 22,000 things that ImageNet lists by one word, the ones that the texts
    say are asked for where they are there: elsewhere they may be there all the same, under a better name.
    """
    from timm.data.imagenet_info import ImageNetInfo

    everyday = set(read_names()) | {group.name for group in read_groups()}
    everyday |= {line.split(",")[0].lower() for line in ImageNetInfo("imagenet1k").label_descriptions()}
    lemmas = {word.strip() for line in ImageNetInfo("imagenet22k").label_descriptions() for word in line.split(",")}
    said = set(count_words(texts))
    plain = {word for word in lemmas & said if word.islower() and len(word) > 2} - NO_THINGS - set(COLOURS)
    things = sorted(plain | everyday)
    return things, [thing in everyday for thing in things]


def index_photos(
    eyes: VisionPipeline,
    store: RegionStore,
    things: Sequence[str],
    folder: Path,
    texts: Mapping[str, str],
    *,
    complete: bool,
) -> CaptionedSet:
    """Put the photos of these texts into the store."""
    sights = eyes.see_many(map(open_source, find_pictures(folder, list(texts))))
    shown = tqdm(sights, total=len(texts), desc=folder.parent.name, disable=not sys.stderr.isatty())
    ids = [store.add(sight.regions[0].source, sight.regions, sight.vectors_ND).id for sight in shown]
    told = tuple(texts.values())
    return CaptionedSet(texts=told, ids=np.array(ids), named_NT=find_mentions(told, things), complete=complete)


def pick_evenly(texts: Mapping[str, str], most: int) -> dict[str, str]:
    """At most so many of the texts, spread evenly over their names."""
    return {name: texts[name] for name in sorted(texts)[:: max(1, len(texts) // most)][:most]}


def open_source(path: Path) -> ImageAnalysis:
    """The picture with its source."""
    image = read_picture(path)
    return ImageAnalysis(image, Source(path=str(path.absolute()), width_px=image.width, height_px=image.height))
