"""Kinds of things: a kitten is a cat and an animal, milk is a drink; what can be worn are clothes.

The table `kinds.txt` comes from WordNet's nouns; `words.IS_A` has what people say besides. Words are singular and lower
case.
"""

import re
from functools import cache, lru_cache
from pathlib import Path

from deepseek_mm.language.words import COLOURS, IS_A, OTHER_NAMES, singular

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
    **{name: "dairy product" for name in ("milk product", "dairy")},
    **{name: "fog" for name in ("mist", "haze", "foggy", "misty", "hazy")},
    **{"snowy": "snow", "rainy": "rain", "sunny": "sunshine", "sandy": "sand", "rocky": "rock", "icy": "ice"},
    **{name: "dessert" for name in ("sweet", "sweets")},
    **{name: "vehicle" for name in ("transport",)},
    **{name: "shop" for name in ("store", "supermarket", "market", "grocery store", "grocer", "food shop")},
    **{name: "plant" for name in ("vegetation", "greenery")},
    **{name: "star" for name in ("space", "outer space", "cosmos", "universe", "astronomy", "heavenly body")},
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


NO_MEMBERS = frozenset(COLOURS) - {"orange"} | {"adult", "shop"}  # red wine is no "red"; a shop is where things are

PEOPLE = frozenset(["person", "people", "man", "woman", "child", "kid", "human", "boy", "girl"])


@cache
def read_kinds() -> dict[str, frozenset[str]]:
    """Kind -> its own members, as the table has them."""
    lines = [line for line in FILE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    pairs = (line.split(":", 1) for line in lines)
    return {kind: frozenset(member.strip() for member in members.split(",")) - NO_MEMBERS for kind, members in pairs}


@cache
def members_of(kind: str) -> frozenset[str]:
    """Everything that is one, kinds of it and what these hold included; empty of what is no kind."""
    kind = OTHER_KINDS.get(kind, kind)
    if kind == "pet":
        return PETS.union(*(members_of(pet) for pet in ("dog", "cat")))
    if kind in ("farm animal", "livestock"):
        return FARMED
    people = frozenset[str]() if kind in PEOPLE else PEOPLE  # a kid is a goat, too
    found, waiting = set[str](), [kind]
    while waiting:
        of = waiting.pop()
        own = read_kinds().get(of, frozenset()) | IS_A.get(of, frozenset()) | OTHER_NAMES.get(of, frozenset())
        new = own - found - people
        found |= new
        waiting += [each for each in new if each != kind]
    return frozenset(found) - {kind}


def kind_named(phrase: str) -> str:
    """The kind that a whole phrase names: "musical instruments", "outer space"; "" where it names none."""
    name = " ".join([*phrase.lower().split()[:-1], singular(phrase.lower().split()[-1])]) if phrase.strip() else ""
    name = OTHER_KINDS.get(name, name)
    return name if name in read_kinds() or name in IS_A else ""


HAVING = {  # a part -> the kinds of things that have it: who asks for wings finds birds
    **{"wing": ("bird", "aircraft"), "beak": ("bird",), "feather": ("bird",), "fin": ("fish",)},
    **{"antler": ("deer",), "hoof": ("horse", "deer"), "mane": ("horse", "lion"), "petal": ("flower",)},
    **{"whisker": ("cat",), "paw": ("cat", "dog", "bear"), "fur": ("mammal",), "tusk": ("elephant",)},
}


def has_part(word: str, part: str) -> bool:
    """Has a thing of this name such a part?"""
    return any(is_kind_of(word, kind) and not is_kind_of(word, "person") for kind in HAVING.get(part, ()))


@cache
def known_names() -> frozenset[str]:
    """Kinds and their members, other names included."""
    kinds = {*read_kinds(), *IS_A, *OTHER_KINDS}
    return frozenset(kinds.union(*(members_of(kind) for kind in kinds)))


def is_known_name(word: str) -> bool:
    """Does the table know a thing or a kind of this name?"""
    return singular(word.lower()) in known_names()


@lru_cache(maxsize=100_000)
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


def kind_of_use(words: str, text: str) -> str:
    """The kind that words stand for which are no more than what is done with a thing, in a text that asks for it so;
    "" for others.
    """
    return kind_for_use(text) if is_use(words) else ""


def is_use(text: str) -> bool:
    """Is it no more than what is done with a thing: "eat", "to put on"?"""
    return text.lower().removeprefix("to ").strip() in USES
