"""Drawings among a user's pictures: which pictures are some, what stands in them, and what is asked about them.

Whether a picture is a scene on paper is told by a direction of the shared space that was learned from painted scenes
and photos; a flat drawing is one whose ground and shapes are all there is.

Shape key:  N solids, D width of the space
"""

from dataclasses import dataclass

import numpy as np
from PIL.Image import Image

from deepseek_mm.encoders.space import Floats
from deepseek_mm.logic.drawn import FLAT, SCENE, VALUES
from deepseek_mm.logic.scene import Scene, SceneItem, Share
from deepseek_mm.see.places import LabelledBox, place_of
from deepseek_mm.see.scene.answerer import SceneAnswerer
from deepseek_mm.see.scene.finder import SceneFinder, Solids
from deepseek_mm.see.scene.flat import shapes_in
from index import Label, Source

SURE = 0.95  # probability from which a picture is taken for one: photos are far more frequent


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a drawing shows: everything that is there is known."""

    name: str  # what such pictures are called
    scene: Scene
    solids: Solids | None = None  # with their doubts, where it is a scene of solids

    def parts(self, source: Source) -> list[LabelledBox]:
        """The things as parts of the picture, in their order; each is called by its traits, the shape first."""
        return [place_of(inside(item.box), source, labels_of_item(item)) for item in self.scene.items]


class DrawingFinder:
    """Knows drawings when it sees them."""

    def __init__(self, finder: SceneFinder, answerer: SceneAnswerer, looks_D: Floats, offset: float) -> None:
        self.finder, self.answerer = finder, answerer
        self.looks_D, self.offset = looks_D, offset

    def chance(self, vector_D: Floats) -> float:
        """Probability that a picture with this vector is a scene on paper."""
        return float(1 / (1 + np.exp(-(float(self.looks_D @ vector_D) + self.offset))))

    def is_scene(self, vector_D: Floats) -> bool:
        """Is it taken for one?"""
        return self.chance(vector_D) >= SURE

    def read_drawing(self, vector_D: Floats, image: Image) -> Drawing | None:
        """What a drawing shows; None of other pictures. The vector is the picture's."""
        if self.is_scene(vector_D):
            solids = next(self.finder.find_many([image]))
            return Drawing(SCENE, solids.scene, solids)
        shapes = shapes_in(image)
        return Drawing(FLAT, Scene(items=shapes, complete=True)) if shapes else None

    def answer(self, question: str, drawn: Drawing) -> tuple[str, float]:
        """The small network's answer, without a program, and its probability; "" where it does not know a word."""
        if drawn.solids is None or not self.answerer.knows(question):
            return "", 0.0
        return self.answerer.answer_many([question], [drawn.solids])[0]


def labels_of_item(item: SceneItem) -> tuple[Label, ...]:
    """Shape, its other names, material, colour and size as labels, as sure as the thing is."""
    traits = [item.traits[trait] for trait in reversed(tuple(VALUES)) if trait in item.traits]
    names = [traits[0], *(name for name in item.names[1:] if item.traits.keys() != VALUES.keys()), *traits[1:]]
    return tuple(Label(name=name, score=item.chance) for name in names)


def inside(box: Share) -> Share:
    """A box that does not leave the picture."""
    left, top, right, bottom = (min(1.0, max(0.0, side)) for side in box)
    return left, top, right, bottom
