"""What drawings are made of that are seen completely: solids with four traits each, or flat shapes with two."""

from collections.abc import Mapping, Sequence

from deepseek_mm.logic.scene import SceneItem, Share

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
