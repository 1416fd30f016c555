"""What drawings are made of that are seen completely: solids with four traits each, or flat shapes with two."""

from collections.abc import Mapping, Sequence

from deepseek_mm.logic.scene import Item, Share

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


def solid(traits: Mapping[str, str], box: Share, *, number: int, chance: float = 1.0) -> Item:
    """One of them as programs see it."""
    names = tuple(name for name in (traits["shape"], CALLED.get(traits["shape"])) if name)
    return Item(number=number, names=names, traits=traits, box=box, chance=chance)


def flat(traits: Mapping[str, str], box: Share, *, number: int, chance: float, names: Sequence[str] = ()) -> Item:
    """A flat shape as programs see it; `names` are what else it is called, such as square."""
    return Item(number=number, names=(traits["shape"], *names), traits=traits, box=box, chance=chance)


def drawn_item(names: Sequence[str], box: Share, *, number: int, chance: float) -> Item | None:
    """A solid or a shape by its labels, such as cone, metal, red, small; None where these are no such thing's."""
    for values, make in ((VALUES, solid), (FLAT_VALUES, flat)):
        found = {trait: name for trait, known in values.items() for name in names if name in known}
        if len(found) == len(values):
            more = {"names": [name for name in names if name not in found.values()]} if make is flat else {}
            return make(found, box, number=number, chance=chance, **more)
    return None
