"""What the words on shelves mean: photos of clothes and groceries, sorted by hand into classes.

Each class says which words of the vocabulary such a photo shows for certain, and which it may show; every other word
that is told on some shelf is certainly absent. The classes are those of the clothing dataset (CC0) and of the
GroceryStoreDataset (MIT).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClassWords:
    """Words that are there, and words that may be."""

    shows: tuple[str, ...]
    may_show: tuple[str, ...] = ()


ROOM = ("wall", "carpet", "bed", "blanket", "table", "curtain", "pillow", "uniform", "costume")
STORE = (
    *(
        "food",
        "shop",
        "supermarket",
        "market",
        "price tag",
        "barcode",
        "box",
        "basket",
        "shelf",
        "sign",
        "refrigerator",
    ),
    *("yoghurt", "yoghurt pot", "milk", "juice", "water bottle", "bottle", "cream", "green apple", "plant", "leaves"),
)
KNITTED = ("sweater", "sweatshirt", "hoodie", "cardigan")
CLOTHES = {
    "dress": ClassWords(("dress",), ("skirt",)),
    "hat": ClassWords(("hat",), ("cap",)),
    "longsleeve": ClassWords((), ("shirt", "T-shirt", "blouse", *KNITTED)),
    "outwear": ClassWords(("jacket",), ("coat", "vest", *KNITTED)),
    "pants": ClassWords(("trousers",), ("jeans",)),
    "shirt": ClassWords(("shirt",), ("blouse", "polo shirt", "T-shirt")),
    "shoes": ClassWords(("shoe",), ("sneaker", "boot", "sandal", "high heels", "slipper")),
    "shorts": ClassWords(("shorts",), ("jeans", "swimsuit", "underwear")),
    "skirt": ClassWords(("skirt",), ("dress",)),
    "t-shirt": ClassWords(("T-shirt", "shirt"), ("polo shirt",)),
}
KIND_OF = {"Fruit": "fruit", "Vegetables": "vegetable", "Packages": "carton"}  # first folder of a grocery
GROCERIES = {  # second or third folder, where its word is another than its own name in lower case
    **{"Satsumas": "orange", "Red-Grapefruit": "grapefruit", "Carrots": "carrot", "Pepper": "bell pepper"},
    **{"Red-Beet": "beetroot", "Brown-Cap-Mushroom": "mushroom", "Juice": "juice carton", "Milk": "milk carton"},
    **{"Oat-Milk": "milk carton", "Soy-Milk": "milk carton", "Sour-Milk": "milk carton", "Sour-Cream": "cream"},
}


def list_clothing_words(label: str) -> ClassWords:
    """What a photo of that class of clothes shows."""
    shelf = CLOTHES[label]
    return ClassWords(shelf.shows, (*shelf.may_show, *ROOM))


def list_grocery_words(path: str) -> ClassWords:
    """What a photo shows whose path is `.../Fruit/Melon/Cantaloupe/NAME` or the like.

    >>> shelf_of_grocery("dataset/test/Fruit/Melon/Cantaloupe/Cantaloupe_012.jpg").shows
    ('fruit', 'melon', 'cantaloupe')
    """
    folders = path.split("/")[:-1]
    first = next((n for n, folder in enumerate(folders) if folder in KIND_OF), None)
    if first is None:
        return ClassWords((), STORE)
    words = [
        KIND_OF[folders[first]],
        *(GROCERIES.get(name, name.replace("-", " ").lower()) for name in folders[first + 1 :]),
    ]
    return ClassWords(tuple(words), STORE)
