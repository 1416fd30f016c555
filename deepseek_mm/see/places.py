"""Places in a picture: where words hold, where people are, and which of these are one place.

Shape key:  N places, D width of the space, H, W cells of the feature map, S points a side of the canvas
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL.Image import Image

from deepseek_mm.encoders.space import Floats, ImageEmbedding, Share, unit
from deepseek_mm.rag.program.words import names_the_same
from deepseek_mm.see.extent import Canvas, area, overlap, trim_extent
from deepseek_mm.see.people import PEOPLE, PERSON
from index import Box, Label, Source

SAME_PLACE = 0.6  # boxes that overlap more are one region
WHOLE = 0.8  # a box with more of the picture's area is the picture, not a part


@dataclass(frozen=True, slots=True)
class ScoredWord:
    """A word that holds for a picture, and how much each cell of the map speaks for it, where that is known."""

    label: Label
    heat_HW: Floats | None


@dataclass(frozen=True, slots=True)
class LabelledBox:
    """A part of the picture and the words that hold there, the most telling first: apple before fruit."""

    labels: tuple[Label, ...]
    box_px: Box
    share: Share  # the same box as shares of the picture

    @property
    def score(self) -> float:
        """Of the surest word."""
        return max(label.score for label in self.labels)


def places(source: Source, image: Image, named: Sequence[ScoredWord]) -> list[LabelledBox]:
    """Where each word holds, if that is less than the whole picture; a wide word joins its narrowest (fruit: apple)."""
    found = []
    canvas = Canvas.of(image) if named else None
    for word in named:
        if canvas is not None and word.heat_HW is not None and not narrower(word, named):
            within_SS = canvas.extent(word.heat_HW)
            left, top, right, bottom = (edge / len(within_SS) for edge in trim_extent(within_SS))
            wider = tuple(other.label for other in named if word in narrower(other, named))
            found.append(place_of((left, top, right, bottom), source, (word.label, *wider)))
    return [place for place in found if area(place.box_px) <= WHOLE * source.width_px * source.height_px]


def narrower(word: ScoredWord, named: Sequence[ScoredWord]) -> list[ScoredWord]:
    """Other words that name a kind of what this word names, and have a place of their own."""
    name = word.label.name
    return [
        other
        for other in named
        if other.heat_HW is not None
        and names_the_same(other.label.name, name)
        and not names_the_same(name, other.label.name)
    ]


def people_in(source: Source, look: ImageEmbedding, named: Sequence[ScoredWord]) -> list[LabelledBox]:
    """Everybody that the tower's finder sees. Who is alone takes the words for kinds of people, likeliest first."""
    things = look.things or ()
    kinds = [word.label for word in named if word.label.name in PEOPLE and word.label.name != PERSON]
    alone = tuple(kinds) if len(things) == 1 else ()
    return [place_of(thing.box, source, (*alone, Label(name=thing.name, score=thing.score))) for thing in things]


def place_of(share: Share, source: Source, labels: tuple[Label, ...]) -> LabelledBox:
    """A place from shares of the picture; its box in pixels of the original is never empty."""
    left, top = int(share[0] * source.width_px), int(share[1] * source.height_px)
    right, bottom = int(share[2] * source.width_px), int(share[3] * source.height_px)
    left, top = min(left, source.width_px - 1), min(top, source.height_px - 1)
    return LabelledBox(labels, (left, top, max(left + 1, right), max(top + 1, bottom)), share)


def merge_places(places: Sequence[LabelledBox]) -> list[LabelledBox]:
    """Places that nearly coincide as one, under the box of the surest; surest first."""
    groups: list[list[LabelledBox]] = []
    for place in sorted(places, key=lambda place: -place.score):
        home = next((group for group in groups if overlap(group[0].box_px, place.box_px) > SAME_PLACE), None)
        if home is None:
            groups.append([place])
        else:
            home.append(place)
    return [
        LabelledBox(tuple(label for place in group for label in place.labels), group[0].box_px, group[0].share)
        for group in groups
    ]


def vectors_of(look: ImageEmbedding, places: Sequence[LabelledBox]) -> Floats:
    """(1 + N, D): the whole picture, then for each place the mean over its cells, each as far as it is covered."""
    height, width, _ = look.grid_HWD.shape
    rows = [np.einsum("hw,hwd->d", covered_share(place.share, height, width), look.grid_HWD) for place in places]
    return unit(np.stack([look.vector_D, *rows]))


def covered_share(share: Share, height: int, width: int) -> Floats:
    """(H, W): how much of each cell lies in a box, 0 to 1."""
    down_H, across_W = (
        np.clip(np.minimum(np.arange(1, n + 1), high * n) - np.maximum(np.arange(n), low * n), 0, 1)
        for n, low, high in ((height, share[1], share[3]), (width, share[0], share[2]))
    )
    return np.outer(down_H, across_W).astype(np.float32)
