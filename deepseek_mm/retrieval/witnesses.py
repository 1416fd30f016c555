"""What speaks for a photo when words are looked for: each witness becomes a number, and one curve joins them.

The witnesses of a photo are the words of its file's and its folder's name and what people wrote about it (as words, by
their kinds, and by their meaning), what its file says of place and camera, the text that is read in it, its labels and
colours, how it looks (the likeness of the whole picture and of its parts to the words, and that of what a classifier
guesses), and last what a small captioner said of it.

The curve's weights are learned by `train search` on plain searches of which it is known which photos are right, in
libraries with names and notes and in others where a camera named the photos.

Shape key:  P photos, F witnesses
"""

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from functools import cache
from pathlib import Path

import numpy as np

from deepseek_mm.embeddings.space import Floats
from deepseek_mm.language.file_names import words_of_folder, words_of_name
from deepseek_mm.language.kinds import is_kind_of
from deepseek_mm.language.places import places_around, places_named
from deepseek_mm.language.words import COLOURS, names_the_same, singular, tokens
from deepseek_mm.retrieval.query_vectors import CAPTIONS, GUESSES, TEXTS, WORDS
from deepseek_mm.retrieval.query_vectors import PICTURES as SEEN
from deepseek_mm.retrieval.subject import (
    LIVING,
    SoughtSubject,
    colours_beside,
    fit_of,
    is_named_otherwise,
    share_said,
)
from deepseek_mm.vision.detector.detector import NAMES
from index import Region

FILE = Path(__file__).parent.parent / "weights" / "search.json"
LOOKED_AT = ("whole", "part", *WORDS, *TEXTS, *CAPTIONS, *GUESSES)  # kinds of regions whose vectors are heard
SAID_OTHERWISE, SEEN_OTHERWISE = 0.2, 0.6  # of the relevance is left where another colour is there than is asked for
ABSENT = 0.4  # of the relevance is left where people name another thing, or no more than the colour fits
SURELY_SEEN = 0.8  # presence or label from which a thing is there though the people who wrote about it did not name it
FULLY = 0.99  # share of the words that is all of them
CLIP = 6.0  # deviations beyond which a likeness says nothing more
NEARLY, LONG = 0.85, 6  # likeness of letters from which a word was misread, and how many letters it then has at least
ORANGE = re.compile(r"\borange (?!juice|and|or|in|on|with|tree|peel|slice)(?=[a-z])", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Witnesses:
    """What speaks for one photo; 0 is nothing, likenesses are in deviations from what is usual."""

    picture: float = 0.0  # likeness of the whole picture
    part: float = 0.0  # of its nearest part, beyond that of the whole
    guess: float = 0.0  # likeness of what a classifier guesses; of the picture where nobody has guessed
    presence: float = 0.0  # probability that it shows the least likely thing, as eyes see it
    label: float = 0.0  # score of the labels that name the things, the least of them
    labels: float = 0.0  # the same, their mean, of labels that the detector has no name for
    detected: float = 0.0  # that of labels with a name of the detector, which calls a tomato an apple
    miscoloured: float = 0.0  # share of the colours asked for that neither words nor pixels have
    named: float = 0.0  # share of the subject's words that name or notes carry, kinds counted
    fully: float = 0.0  # 1 where every word is carried
    meaning: float = 0.0  # likeness of name or notes in meaning
    read: float = 0.0  # share of the subject's words that are read in the picture
    told: float = 0.0  # likeness of what is read in meaning, above the usual
    caption: float = 0.0  # likeness of the machine's description
    wordless: float = 0.0  # 1 where the photo has neither a telling name of its own nor a note

    def row(self) -> list[float]:
        """All of them in the order of WITNESSES; some count otherwise where a photo has no words."""
        own = astuple(self)
        return [*own, *(own[BASE.index(name)] * self.wordless for name in ALONE)]


BASE = tuple(field.name for field in fields(Witnesses))
ALONE = ("picture", "part", "guess", "presence", "labels", "detected")
WITNESSES = (*BASE, *(f"alone_{name}" for name in ALONE))


@dataclass(frozen=True, kw_only=True, slots=True)
class RelevanceCurve:
    """Relevance = sigmoid of a weighted sum."""

    weights: Mapping[str, float]
    offset: float
    likely: float = 0.5  # relevance from which a hit is likely

    def relevance(self, rows_PF: Floats) -> Floats:
        """(P,), 0 to 1."""
        weights_F = np.array([self.weights.get(name, 0.0) for name in WITNESSES], np.float32)
        return np.asarray(1 / (1 + np.exp(-(rows_PF @ weights_F + self.offset))), np.float32)


@cache
def read_curve(file: Path = FILE) -> RelevanceCurve:
    """What `train search` wrote."""
    return RelevanceCurve(**json.loads(file.read_text(encoding="utf-8")))


Usual = Mapping[tuple[str, ...], tuple[float, float]]  # kinds of regions -> mean and deviation of usual likenesses


@dataclass(frozen=True, kw_only=True, slots=True)
class HeardPhoto:
    """What is known of one photo before it is weighed."""

    regions: Sequence[Region]
    near: Sequence[tuple[str, float]]  # kind of a region and its likeness
    said: frozenset[str]  # words of its name and notes
    presence: float

    def deviation(self, usual: Usual, kinds: tuple[str, ...], only: tuple[str, ...] = ()) -> float:
        """How far the nearest region of these kinds lies above the usual, within CLIP; 0 where there is none."""
        best = max((score for kind, score in self.near if kind in (only or kinds)), default=None)
        mean, width = usual[kinds]
        return 0.0 if best is None else max(-CLIP, min(CLIP, (best - mean) / width))


def witnesses_of(subject: SoughtSubject, photo: HeardPhoto, usual: Usual, weights: Mapping[str, float]) -> Witnesses:
    """Of one photo; `weights` are those of the subject's words."""
    regions, said, colours = photo.regions, photo.said, colours_of(photo.regions)
    picture = photo.deviation(usual, SEEN, ("whole",))
    named = share_said(said, weights, colours)
    labels, detected = (
        [label_score(regions, thing, detected=which) for thing in subject.things] for which in (False, True)
    )
    lacking = [colour for colour in subject.colours if colour not in colours]
    return Witnesses(
        picture=picture,
        part=max(0.0, photo.deviation(usual, SEEN, ("part",)) - picture),
        guess=photo.deviation(usual, GUESSES) if any(kind in GUESSES for kind, _ in photo.near) else picture,
        presence=photo.presence,
        label=min(map(max, labels, detected), default=0.0),
        labels=sum(labels) / max(1, len(labels)),
        detected=sum(detected) / max(1, len(detected)),
        miscoloured=len(lacking) / max(1, len(subject.colours)),
        named=named,
        fully=float(named >= FULLY),
        meaning=photo.deviation(usual, WORDS),
        read=share_read(words_read(regions), weights),
        told=max(0.0, photo.deviation(usual, TEXTS)),
        caption=photo.deviation(usual, CAPTIONS),
        wordless=float(not own_words(regions)),
    )


def share_read(read: frozenset[str], weights: Mapping[str, float]) -> float:
    """How much of the weight of the words stands in a text, 0 to 1: what is printed has no kinds, but is misread."""
    whole = sum(weights.values())
    return sum(weight * spelling_in(word, read) for word, weight in weights.items()) / whole if whole else 0.0


def spelling_in(word: str, read: frozenset[str]) -> float:
    """1 where the word is among those that were read, less where one is nearly so; 0 elsewhere."""
    if word in read or len(word) < LONG:
        return float(word in read)
    near = difflib.get_close_matches(word, [each for each in read if len(each) >= LONG], n=1, cutoff=NEARLY)
    return difflib.SequenceMatcher(None, word, near[0]).ratio() if near else 0.0


def words_said(regions: Sequence[Region]) -> frozenset[str]:
    """The words of a photo's name and notes, singular, and what the places in them lie in; "an orange dahlia" is no
    orange.
    """
    texts = [region.text for region in regions if region.kind in WORDS]
    places = (place for region in regions if region.kind in WORDS for place in places_of(region))
    words = [word for text in (*texts, *places) for word in tokens(ORANGE.sub("", text))]
    return frozenset(singular(word) for each in words for word in (each, each.replace("-", "")))


def own_words(regions: Sequence[Region]) -> frozenset[str]:
    """The words that somebody gave the photo itself. Those of its folder and its place are not: "Trip with Tom" and
    "Pisa" say nothing of a dog in a photo that a camera named.
    """
    source = regions[0].source
    around = words_of_folder(source.path) if not words_of_name(source.name) else ""
    written = [each for each in regions if each.kind == "note" or (each.kind == "name" and each.text != around)]
    return frozenset(word for region in written for word in tokens(region.text))


def places_of(region: Region) -> list[str]:
    """What the places that a name or a note mentions lie in: of a note about Pisa Italy and Europe."""
    named = places_named(region.text, spelt=region.kind == "note")
    return [around for place in named for around in places_around(place)]


def is_spelled(subject: SoughtSubject, regions: Sequence[Region]) -> bool:
    """Do the photo's name and notes have every word of the subject as it is? Then no vector needs to know the words."""
    return bool(subject.words) and words_said(regions).issuperset(subject.words)


def fade_by_colour(subject: SoughtSubject, regions: Sequence[Region], heard: Witnesses) -> float:
    """What is left of the relevance where a colour is asked for and another one is said of the photo, or measured."""
    if not subject.colours:
        return 1.0
    beside = {COLOURS[word] for thing in subject.things for word in colours_near(thing, regions)}
    if beside and not beside.intersection(subject.colours):
        return SAID_OTHERWISE
    if not heard.miscoloured:
        return 1.0
    return SAID_OTHERWISE if any(word in COLOURS for word in words_said(regions)) else SEEN_OTHERWISE


def fade_by_absence(subject: SoughtSubject, regions: Sequence[Region], heard: Witnesses) -> float:
    """What is left where people say that it is another animal or fruit, or where no more than the colour fits: a white
    blouse on red cloth is no red flower.
    """
    said = words_said(regions)
    if heard.wordless or any(fit_of(thing, said) > 0 for thing in subject.things):
        return 1.0
    if any(is_named_otherwise(thing, said, kinds=LIVING) for thing in subject.things):
        return ABSENT
    otherwise = any(is_named_otherwise(thing, said) for thing in subject.things)
    seen = (max(heard.presence, heard.label) >= SURELY_SEEN and not otherwise) or heard.read > 0
    return 1.0 if seen or not (subject.colours and subject.things) else ABSENT


def colours_near(thing: str, regions: Sequence[Region]) -> list[str]:
    """The colours that names and notes say of a thing; that of another one is none: "a white blouse on red cloth"."""
    return [word for region in regions if region.kind in WORDS for word in colours_beside(thing, region.text)]


def colours_of(regions: Sequence[Region]) -> frozenset[str]:
    """The colours that are said of a photo; where none is, those that are measured in it."""
    said = frozenset(COLOURS[word] for word in words_said(regions) if word in COLOURS)
    return said or frozenset(colour for region in regions for colour in region.colours)


def words_read(regions: Sequence[Region]) -> frozenset[str]:
    """The words that are read in a photo, singular."""
    texts = [region.text for region in regions if region.kind in TEXTS]
    return frozenset(singular(word) for text in texts for word in tokens(text))


def label_score(regions: Sequence[Region], thing: str, *, detected: bool) -> float:
    """The best score of a label that names the thing, or one of its kind: of the detector's names, or of the others."""
    labels = (x for region in regions for x in region.labels if (x.name in NAMES) is detected)
    return max((x.score for x in labels if names_the_same(x.name, thing) or is_kind_of(x.name, thing)), default=0.0)
