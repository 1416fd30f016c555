"""What scenes on paper are made of: solids that have four traits each."""

from collections.abc import Mapping, Sequence

from deepseek_mm.logic.scene import Item, Share

VALUES: Mapping[str, tuple[str, ...]] = {  # in the order in which they are said: a big red metal cube
    "size": ("small", "big"),
    "colour": ("red", "blue", "green", "yellow", "purple", "orange", "brown", "grey"),
    "material": ("rubber", "metal"),
    "shape": ("cube", "sphere", "cylinder", "cone"),
}
CALLED = {"sphere": "ball"}  # another name of it
SCENE = "drawn solids"  # what a picture of them is called
ANSWERS = (*("yes", "no"), *map(str, range(11)), *(value for values in VALUES.values() for value in values))


def solid(traits: Mapping[str, str], box: Share, *, number: int, chance: float = 1.0) -> Item:
    """One of them as programs see it."""
    names = tuple(name for name in (traits["shape"], CALLED.get(traits["shape"])) if name)
    return Item(number=number, names=names, traits=traits, box=box, chance=chance)


def traits_of(names: Sequence[str]) -> dict[str, str]:
    """The traits that these names are, such as metal the material; empty unless every trait is among them."""
    found = {trait: name for trait, values in VALUES.items() for name in names if name in values}
    return found if len(found) == len(VALUES) else {}
