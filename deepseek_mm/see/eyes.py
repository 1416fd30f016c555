"""Looking at a picture: what is in it, where, in which colours, and each place as a vector.

The whole picture is the first region; its labels are the words that hold for it, the vocabulary's and those of the
tower's own classifier. Each of these words is then looked for in the feature map, and where it has a place smaller than
the picture it makes a part.

Shape key:  N pictures or regions, T things asked for, D width of the space, H, W cells of the feature map
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from deepseek_mm.chance import expected
from deepseek_mm.config import SeeConfig
from deepseek_mm.encoders.space import Floats, Look, Space, unit
from deepseek_mm.see.colours import colour_names
from deepseek_mm.see.regions import area, box_of, hot_cells, overlap
from deepseek_mm.see.vocabulary import Vocabulary, read_calibration, read_names
from index import Box, Label, Region, Source

SAME_PLACE = 0.6  # boxes that overlap more are one region
WHOLE = 0.8  # a box with more of the picture's area is the picture, not a part


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """What was seen in one picture."""

    regions: tuple[Region, ...]  # the whole picture first
    vectors_ND: Floats  # row n belongs to regions[n]


@dataclass(frozen=True, slots=True)
class Named:
    """A word that holds for a picture, and how much each cell of the map speaks for it."""

    label: Label
    heat_HW: Floats


@dataclass(frozen=True, slots=True)
class Place:
    """One word and where it holds."""

    label: Label
    box_px: Box
    cells_HW: NDArray[np.bool_]


class Eyes:
    """Turns pictures into regions with labels, colours and vectors."""

    def __init__(self, space: Space, config: SeeConfig, vocabulary: Vocabulary | None = None) -> None:
        self.space, self.config = space, config
        self.vocabulary = vocabulary or Vocabulary(space, read_names(), read_calibration(space))

    def see_many(self, pictures: Iterable[tuple[Source, Image]]) -> Iterator[Sight]:
        """One sight per picture, in order; pictures are drawn while the tower works."""
        waiting: deque[tuple[Source, Image]] = deque()

        def drawn() -> Iterator[Image]:
            for source, image in pictures:
                waiting.append((source, image))
                yield image

        for look in self.space.look_many(drawn()):
            source, image = waiting.popleft()
            yield self._sight(source, image, look)

    def presence(self, things: Sequence[str], vectors_ND: Floats) -> Floats:
        """(N, T): probability that each picture shows each thing; vectors are those of whole pictures."""
        return self.vocabulary.presence(things, vectors_ND)

    def _sight(self, source: Source, image: Image, look: Look) -> Sight:
        named = self._named(look)
        parts = merged(places(source, named))[: self.config.max_parts]
        whole = Region(
            source=source,
            kind="whole",
            box_px=(0, 0, source.width_px, source.height_px),
            labels=tuple(word.label for word in named),
            colours=colour_names(image, None),
        )
        regions = [whole]
        for box_px, labels, _ in parts:
            colours = colour_names(image, on_image(box_px, source, image))
            regions.append(replace(whole, kind="part", box_px=box_px, labels=labels, colours=colours))
        vectors = [look.vector_D, *(look.grid_HWD[cells_HW].mean(axis=0) for _, _, cells_HW in parts)]
        return Sight(regions=tuple(regions), vectors_ND=unit(np.stack(vectors)))

    def _named(self, look: Look) -> list[Named]:
        """Words that hold for the picture, best first: the classifier's and the vocabulary's, twins once."""
        found = [
            Named(Label(name=tag.name, score=tag.score), tag.heat_HW)
            for tag in look.tags
            if tag.score >= self.config.min_tag
        ]
        fair_L = self.vocabulary.naming(look.vector_D[None])[0]
        chance_L = [expected(float(fair), self.config.prior) for fair in fair_L]
        chosen = [n for n, chance in enumerate(chance_L) if chance >= self.config.min_label]
        heat_HWL = self.vocabulary.heat(look.grid_HWD, chosen)
        for place, word in enumerate(chosen):
            label = Label(name=self.vocabulary.names[word], score=chance_L[word])
            found.append(Named(label, heat_HWL[..., place]))
        found.sort(key=lambda word: word.label.score)
        surest = {word.label.name: word for word in found}
        return sorted(surest.values(), key=lambda word: -word.label.score)[: self.config.max_labels]


def places(source: Source, named: Sequence[Named]) -> list[Place]:
    """Where each word holds, if that is less than the whole picture."""
    found = []
    for word in named:
        cells_HW = hot_cells(word.heat_HW)
        box_px = box_of(cells_HW, source.width_px, source.height_px)
        if area(box_px) <= WHOLE * source.width_px * source.height_px:
            found.append(Place(word.label, box_px, cells_HW))
    return found


def merged(places: Sequence[Place]) -> list[tuple[Box, tuple[Label, ...], NDArray[np.bool_]]]:
    """Places that nearly coincide as one, under the box of the best label; best first."""
    groups: list[list[Place]] = []
    for place in places:
        home = next((group for group in groups if overlap(group[0].box_px, place.box_px) > SAME_PLACE), None)
        if home is None:
            groups.append([place])
        else:
            home.append(place)
    return [(group[0].box_px, tuple(place.label for place in group), group[0].cells_HW) for group in groups]


def on_image(box_px: Box, source: Source, image: Image) -> Box:
    """A box in pixels of the original as a box of the picture in hand, which may be a reduced one; never empty."""
    across, down = image.width / source.width_px, image.height / source.height_px
    left, top = int(box_px[0] * across), int(box_px[1] * down)
    return (left, top, max(left + 1, round(box_px[2] * across)), max(top + 1, round(box_px[3] * down)))
