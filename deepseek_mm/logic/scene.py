"""The things of a picture as programs see them: what each is called, what is known of it, and where it lies.

Left and right, above and below compare the middles of boxes. Things stand on a floor that is seen from above: what
reaches further down in the picture stands in front.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

Share = tuple[float, float, float, float]  # left, top, right, bottom as shares of the picture's width and height
NEAR = 0.2  # of the picture's diagonal, between the edges of two boxes
SAME_SIZE = 1.2  # times the area from which a thing is bigger


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SceneItem:
    """One thing; two that look the same are two."""

    number: int  # how an answer points at it
    names: tuple[str, ...]  # what it is called, the best first
    traits: Mapping[str, str] = field(default_factory=dict)  # colour, size, shape, material: as far as they are known
    colours: frozenset[str] = frozenset()  # every colour that is seen in it, where there are several
    box: Share = (0.0, 0.0, 1.0, 1.0)
    chance: float = 1.0  # that it is there at all

    @property
    def middle(self) -> tuple[float, float]:
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2

    @property
    def area(self) -> float:
        left, top, right, bottom = self.box
        return max(0.0, right - left) * max(0.0, bottom - top)


Fits = Callable[[str, str], bool]  # does something called so answer to that word?


def same_word(name: str, word: str) -> bool:
    return name == word


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """All things of a picture."""

    items: tuple[SceneItem, ...]
    fits: Fits = same_word
    complete: bool = False  # everything that is there is known; else what is missing may have been overlooked
    least: float = 0.5  # chance from which a thing counts


def is_called(item: SceneItem, word: str, scene: Scene) -> bool:
    """Does the word hold for the thing: one of its names, a trait or a colour?"""
    named = any(scene.fits(name, word) for name in item.names)
    return word == "thing" or named or word in item.traits.values() or word in item.colours


def across(one: SceneItem, other: SceneItem) -> float:
    """How far the first lies to the right of the second, as a share of the width."""
    return one.middle[0] - other.middle[0]


def down(one: SceneItem, other: SceneItem) -> float:
    """How far the first lies below the second, as a share of the height."""
    return one.middle[1] - other.middle[1]


def gap(one: SceneItem, other: SceneItem) -> float:
    """Distance of two boxes' edges, 0 where they touch, as a share of the diagonal of a square picture."""
    wide = max(0.0, one.box[0] - other.box[2], other.box[0] - one.box[2])
    high = max(0.0, one.box[1] - other.box[3], other.box[1] - one.box[3])
    return math.hypot(wide, high) / math.sqrt(2)


def inside(one: SceneItem, other: SceneItem) -> bool:
    """Does the middle of the first lie in the second, which is larger?"""
    (x, y), (left, top, right, bottom) = one.middle, other.box
    return left <= x <= right and top <= y <= bottom and other.area > one.area


RELATIONS: Mapping[str, Callable[[SceneItem, SceneItem], bool]] = {  # does the first stand so to the second?
    "left of": lambda one, other: across(one, other) < 0,
    "right of": lambda one, other: across(one, other) > 0,
    "above": lambda one, other: down(one, other) < 0,
    "below": lambda one, other: down(one, other) > 0,
    "behind": lambda one, other: one.box[3] < other.box[3],
    "in front of": lambda one, other: one.box[3] > other.box[3],
    "near": lambda one, other: gap(one, other) <= NEAR,
    "in": inside,
    "bigger than": lambda one, other: one.area > SAME_SIZE * other.area,
    "smaller than": lambda one, other: other.area > SAME_SIZE * one.area,
}
TRAITS = ("colour", "size", "shape", "material")


def trait_of(item: SceneItem, trait: str) -> str:
    """A trait, where it is known; else nothing."""
    if trait == "name":
        return item.names[0] if item.names else ""
    return item.traits.get(trait, "")


VALUES: Mapping[str, tuple[str, ...]] = {  # in the order in which they are said: a big red metal cube
    "size": ("small", "big"),
    "colour": ("red", "blue", "green", "yellow", "purple", "orange", "brown", "grey"),
    "material": ("rubber", "metal"),
    "shape": ("cube", "sphere", "cylinder", "cone"),
}
FLAT_VALUES: Mapping[str, tuple[str, ...]] = {
    "colour": (
        *("black", "white", "grey", "red", "orange", "yellow"),
        *("green", "teal", "blue", "purple", "pink", "brown"),
    ),
    "shape": ("circle", "ellipse", "rectangle", "triangle"),
}
CALLED = {"sphere": "ball"}  # another name of it
SCENE, FLAT = "drawn solids", "drawn shapes"  # what a picture of them is called
ANSWERS = (*("yes", "no"), *map(str, range(11)), *(value for values in VALUES.values() for value in values))


def solid(
    traits: Mapping[str, str], box: Share, *, number: int, chance: float = 1.0, names: Sequence[str] = ()
) -> SceneItem:
    """One of them as programs see it, or a flat shape; `names` are what else it is called, such as square."""
    known = (traits["shape"], CALLED.get(traits["shape"]), *names)
    return SceneItem(number=number, names=tuple(name for name in known if name), traits=traits, box=box, chance=chance)


def drawn_item(names: Sequence[str], box: Share, *, number: int, chance: float) -> SceneItem | None:
    """A solid or a shape by its labels, such as cone, metal, red, small; None where these are no such thing's."""
    for values in (VALUES, FLAT_VALUES):
        traits = {trait: name for trait, known in values.items() for name in names if name in known}
        if len(traits) == len(values):
            others = [name for name in names if name not in traits.values()]
            return solid(traits, box, number=number, chance=chance, names=others)
    return None
