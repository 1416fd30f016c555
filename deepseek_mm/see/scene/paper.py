"""Scenes on paper among a user's pictures: which pictures are some, what stands in them, and what is asked about them.

Whether a picture is one is told by a direction of the shared space that was learned from painted scenes and photos.

Shape key:  N solids, D width of the space
"""

import numpy as np
from PIL.Image import Image

from deepseek_mm.encoders.space import Floats
from deepseek_mm.logic.drawn import VALUES
from deepseek_mm.logic.scene import Item, Share
from deepseek_mm.see.places import Place, place_of
from deepseek_mm.see.scene.answerer import SceneAnswerer
from deepseek_mm.see.scene.finder import SceneFinder, Solids
from index import Label, Source

SURE = 0.95  # probability from which a picture is taken for one: photos are far more frequent


class Paper:
    """Knows scenes on paper when it sees them."""

    def __init__(self, finder: SceneFinder, answerer: SceneAnswerer, looks_D: Floats, offset: float) -> None:
        self.finder, self.answerer = finder, answerer
        self.looks_D, self.offset = looks_D, offset

    def chance(self, vector_D: Floats) -> float:
        """Probability that a picture with this vector is a scene on paper."""
        return float(1 / (1 + np.exp(-(float(self.looks_D @ vector_D) + self.offset))))

    def is_scene(self, vector_D: Floats) -> bool:
        """Is it taken for one?"""
        return self.chance(vector_D) >= SURE

    def find(self, image: Image) -> Solids:
        """The solids of a picture."""
        return next(self.finder.find_many([image]))

    def answer(self, question: str, solids: Solids) -> tuple[str, float]:
        """The small network's answer, without a program, and its probability; "" where it does not know a word."""
        return self.answerer.answer_many([question], [solids])[0] if self.answerer.knows(question) else ("", 0.0)

    def parts(self, source: Source, image: Image) -> list[Place]:
        """The solids as parts of the picture; each is called by its traits, the shape first."""
        return [place_of(inside(item.box), source, called(item)) for item in self.find(image).scene.items]


def called(item: Item) -> tuple[Label, ...]:
    """Shape, material, colour and size as labels, as sure as the solid is."""
    return tuple(Label(name=item.traits[trait], score=item.chance) for trait in reversed(tuple(VALUES)))


def inside(box: Share) -> Share:
    """A box that does not leave the picture."""
    left, top, right, bottom = (min(1.0, max(0.0, side)) for side in box)
    return left, top, right, bottom
