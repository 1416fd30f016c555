"""The evidence of one photo: its regions, labels and the probability of things, and where boxes lie.

Boxes are left, top, right, bottom in pixels of the upright original.

Probabilities come from two witnesses: the labels of the regions, and the presence of the thing in the whole photo.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from deepseek_mm.language.grammar import ThingPhrase
from deepseek_mm.language.words import names_the_same, quote_title
from deepseek_mm.types import Evidence
from index import Box, Label, Region, Source

AWAY = 0.12  # of the picture's side: centres that are closer are neither left nor right, above nor below
LARGER = 1.25  # times the area, before one box counts as bigger


def centre(box: Box) -> tuple[float, float]:
    """Its middle, x and y."""
    left, top, right, bottom = box
    return (left + right) / 2, (top + bottom) / 2


def area(box: Box) -> int:
    """In square pixels."""
    left, top, right, bottom = box
    return (right - left) * (bottom - top)


def position(box: Box, width: int, height: int) -> str:
    """Which ninth of the picture its middle lies in: "top left", "left", "centre", ..."""
    x, y = centre(box)
    column = ("left", "", "right")[min(2, int(3 * x / max(width, 1)))]
    row = ("top", "", "bottom")[min(2, int(3 * y / max(height, 1)))]
    return f"{row} {column}".strip() or "centre"


def at(place: str) -> str:
    """As a sentence says it: "in the centre", "on the left", "at the top left"."""
    word = {"centre": "in", "left": "on", "right": "on"}.get(place, "at")
    return f"{word} the {place}"


def lies(one: Box, relation: str, other: Box, *, width: int, height: int) -> bool | None:
    """Does `one` lie left, right, above or below of `other`, or is it bigger or smaller? None is too close to call."""
    if relation in ("bigger", "smaller"):
        ratio = area(one) / max(area(other), 1)
        return None if 1 / LARGER < ratio < LARGER else (ratio > 1) == (relation == "bigger")
    (x, y), (other_x, other_y) = centre(one), centre(other)
    ahead, side = (other_x - x, width) if relation in ("left", "right") else (other_y - y, height)
    return None if abs(ahead) < AWAY * side else (ahead > 0) == (relation in ("left", "above"))


def overlap(one: Box, other: Box) -> float:
    """Intersection over union, 0 to 1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0) * max(height, 0)
    return shared / max(area(one) + area(other) - shared, 1)


MAX_NAME = 60  # characters of a file name in a sentence
SAME_THING = 0.6  # overlap of two boxes (IoU) above which they point at one thing
COLOUR_SEEN = 0.8  # presence of "red car" that outweighs a box in which no red was measured

NARROWER = 0.8  # of the wider name's probability that a narrower one needs to be preferred


@dataclass(frozen=True, slots=True)
class PhotoEvidence:
    """One photo's evidence."""

    evidence: tuple[Evidence, ...]  # of one source, at least one
    min_label: float  # probability from which a label counts
    title: str = ""  # what an answer calls it, where the file's name does not do

    @property
    def source(self) -> Source:
        return self.evidence[0].region.source

    @property
    def name(self) -> str:
        """What a sentence calls it: the file's name."""
        return self.title or quote_title(self.source.name, MAX_NAME)

    @property
    def regions(self) -> tuple[Region, ...]:
        """Of the whole photo, the whole picture first."""
        return self.evidence[0].siblings or tuple(entry.region for entry in self.evidence)

    @property
    def whole(self) -> int:
        """The number that stands for the complete picture, or else for the photo's first entry."""
        return next((e.number for e in self.evidence if e.region.kind == "whole"), self.evidence[0].number)

    def number(self, region: Region) -> int:
        """The number that points at this region, or else at its photo."""
        same = (e.number for e in self.evidence if (e.region.kind, e.region.box_px) == (region.kind, region.box_px))
        return next(same, self.whole)

    def parts(self, thing: ThingPhrase) -> list[Region]:
        """The boxes that are labelled as this thing, best first; boxes that overlap much count once."""
        scored = [(score_of(region, thing), region) for region in self.regions if region.kind == "part"]
        kept: list[Region] = []
        for score, region in sorted(scored, key=lambda pair: -pair[0]):
            if score >= self.min_label and all(overlap(region.box_px, k.box_px) < SAME_THING for k in kept):
                kept.append(region)
        return kept

    def parts_with_colour(self, thing: ThingPhrase) -> list[Region]:
        """Of these boxes, those in which the colour that was asked for is measured."""
        return [region for region in self.parts(thing) if not thing.colour or thing.colour in region.colours]

    def chance(self, thing: ThingPhrase) -> float:
        """Probability that this photo shows the thing, in its colour if one was asked for."""
        if (judged := self.judged_chance(thing)) is not None:
            return judged
        seen = max((p for phrase, p in self.evidence[0].presence if phrase == thing.phrase), default=0.0)
        if thing.colour and self.parts(thing) and not self.parts_with_colour(thing):
            return seen if seen >= COLOUR_SEEN else 0.0
        named = [
            score_of(region, thing) for region in (self.parts_with_colour(thing) if thing.colour else self.regions)
        ]
        return max([seen, *(score for score in named if score >= self.min_label)])

    def judged_chance(self, thing: ThingPhrase) -> float | None:
        """The same as witnesses that look settled it, where they were asked."""
        return next((p for phrase, p in self.evidence[0].judged if phrase == thing.phrase), None)

    def labels(self) -> list[tuple[Label, Region]]:
        """Every name that is likely enough, best first, with a part that carries it or else the whole picture.

        Of names for one kind of thing (fruit, banana) one stays: the surer, or the narrower if it is nearly as sure.
        """
        best: dict[str, tuple[Label, Region]] = {}
        for region in sorted(self.regions, key=lambda region: region.kind != "part"):
            for label in region.labels:
                if label.score >= self.min_label:
                    best.setdefault(label.name, (label, region))
        kept: list[tuple[Label, Region]] = []
        for label, region in sorted(best.values(), key=lambda pair: -pair[0].score):
            twin = next((n for n, (k, _) in enumerate(kept) if same_kind(label.name, k.name)), None)
            if twin is None:
                kept.append((label, region))
            elif names_the_same(label.name, kept[twin][0].name) and label.score >= NARROWER * kept[twin][0].score:
                kept[twin] = (label, region)
        return kept

    def has_names(self, things: Sequence[ThingPhrase], *, any_of: bool) -> bool:
        """Do labels name all of the things, or with `any_of` one of them?"""
        found = [any(score_of(region, thing) >= self.min_label for region in self.regions) for thing in things]
        return any(found) if any_of else bool(found) and all(found)


def same_kind(one: str, other: str) -> bool:
    """Is one of two names a kind of the other?"""
    return names_the_same(one, other) or names_the_same(other, one)


def score_of(region: Region, thing: ThingPhrase) -> float:
    """The best score of a label that names the thing; 0 without one."""
    return max((label.score for label in region.labels if names_the_same(label.name, thing.name)), default=0.0)


def spot(region: Region) -> str:
    """Where a region lies in its photo: "top left"."""
    return position(region.box_px, region.source.width_px, region.source.height_px)


def shots_of(evidence: Iterable[Evidence], min_label: float) -> list[PhotoEvidence]:
    """Photo by photo, in the order of their first entries."""
    first: dict[str, int] = {}
    entries = list(evidence)
    for entry in entries:
        first.setdefault(entry.region.source.path, entry.number)
    ordered = sorted(entries, key=lambda e: (first[e.region.source.path], e.number))
    grouped = groupby(ordered, key=lambda e: e.region.source.path)
    return [PhotoEvidence(tuple(group), min_label) for _, group in grouped]


def shows(shot: PhotoEvidence, things: Sequence[ThingPhrase], *, any_of: bool) -> float:
    """Probability that a photo shows all of the things (its weakest), or with `any_of` one of them (its strongest)."""
    return (max if any_of else min)(shot.chance(thing) for thing in things)
