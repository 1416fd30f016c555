"""Kinds of things: a kitten is a cat and an animal, milk is a drink; what can be worn are clothes.

The table `kinds.txt` comes from WordNet's nouns; `words.IS_A` has what people say besides. Words are singular and lower
case.
"""

import re
from functools import cache
from pathlib import Path

from deepseek_mm.language.words import IS_A, OTHER_NAMES, singular

FILE = Path(__file__).with_name("kinds.txt")
OTHER_KINDS = {  # what people call a kind
    **{name: "clothes" for name in ("clothing", "garment", "outfit", "apparel", "attire", "wear")},
    **{name: "shoe" for name in ("footwear", "pair of shoes")},
    **{name: "drink" for name in ("beverage", "drinks")},
    **{name: "food" for name in ("meal", "grocery", "snack", "foodstuff")},
    **{name: "vegetable" for name in ("veg", "veggie")},
    **{name: "trousers" for name in ("pants", "trouser", "legwear")},
    **{name: "jewelry" for name in ("jewellery", "jewel")},
    **{name: "musical instrument" for name in ("instrument",)},
    **{name: "electronics" for name in ("gadget", "device")},
    **{name: "hat" for name in ("headgear", "headwear")},
    **{name: "building" for name in ("landmark", "monument", "architecture", "sight")},
    **{name: "dessert" for name in ("sweet", "sweets")},
    **{name: "vehicle" for name in ("transport",)},
    **{name: "plant" for name in ("vegetation", "greenery")},
    **{name: "animal" for name in ("creature", "beast", "wildlife", "critter")},
}
PETS = frozenset(["dog", "cat", "rabbit", "hamster", "guinea pig", "goldfish", "parrot", "canary", "budgie", "gerbil"])
FARMED = frozenset(["cow", "sheep", "goat", "pig", "chicken", "horse", "duck", "goose", "donkey", "turkey"])
USES = {  # what is done with a thing -> its kind
    **{verb: "clothes" for verb in ("wear", "put on", "dress in", "get dressed in")},
    **{verb: "drink" for verb in ("drink", "sip")},
    **{verb: "food" for verb in ("eat", "cook", "snack on", "bake")},
    **{verb: "vehicle" for verb in ("drive", "travel in", "fly in", "travel with")},
    **{verb: "furniture" for verb in ("sit on", "lie on")},
    **{verb: "musical instrument" for verb in ("make music with", "play music on")},
}
SUBJECT_OF_USE = re.compile(
    r"\b(?:(?:some|any|every)?things?|what|stuff|all|clothes|i|we|you|one|people|to)\b[^,.?!]*?"
    rf"\b(?:{'|'.join(sorted(USES, key=len, reverse=True))})\b"
)


@cache
def read_kinds() -> dict[str, frozenset[str]]:
    """Kind -> its own members, as the table has them."""
    lines = [line for line in FILE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    pairs = (line.split(":", 1) for line in lines)
    return {kind: frozenset(member.strip() for member in members.split(",")) for kind, members in pairs}


@cache
def members_of(kind: str) -> frozenset[str]:
    """Everything that is one, kinds of it and what these hold included; empty of what is no kind."""
    kind = OTHER_KINDS.get(kind, kind)
    if kind == "pet":
        return PETS.union(*(members_of(pet) for pet in ("dog", "cat")))
    if kind in ("farm animal", "livestock"):
        return FARMED
    found, waiting = set[str](), [kind]
    while waiting:
        of = waiting.pop()
        new = (read_kinds().get(of, frozenset()) | IS_A.get(of, frozenset()) | OTHER_NAMES.get(of, frozenset())) - found
        found |= new
        waiting += [each for each in new if each != kind]
    return frozenset(found) - {kind}


def is_kind_of(word: str, kind: str) -> bool:
    """Is a thing of this name one of that kind? By its whole name, or the last word of it: "tabby cat"."""
    word, kind = singular(word.lower()), singular(kind.lower())
    kind = OTHER_KINDS.get(kind, kind)
    if word == kind or OTHER_KINDS.get(word) == kind:
        return True
    members = members_of(kind)
    return word in members or word.split(" ")[-1] in members


def kind_for_use(text: str) -> str:
    """The kind of thing that is meant by its use: "something green I could put on" asks for clothes; "" for others."""
    line = text.lower()
    if not SUBJECT_OF_USE.search(line):
        return ""
    return next((USES[verb] for verb in sorted(USES, key=len, reverse=True) if re.search(rf"\b{verb}\b", line)), "")
