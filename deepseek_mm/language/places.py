"""Places of the world by their names, and what they lie in: Pisa is in Tuscany, Italy and Europe.

The table `places.txt` comes from WordNet. A name counts where it is written with a capital letter; in names of files,
which are often in small letters, only one that is no other word.
"""

import re
from functools import cache, lru_cache
from pathlib import Path

FILE = Path(__file__).with_name("places.txt")
CONTINENTS = ("Africa", "Antarctica", "Asia", "Australia", "Europe", "North America", "South America")
ALSO_A_WORD = "~"  # before a name in the table that in small letters is something else
MOST_WORDS = 4  # of a name
WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")


@cache
def read_places() -> dict[str, str]:
    """Every name in small letters -> the place that it lies in, as it is written."""
    lines = [line for line in FILE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    parts = (line.split(": ", 1) for line in lines)
    return {name.strip(ALSO_A_WORD).lower(): place for place, names in parts for name in names.split(", ")}


@cache
def words_besides() -> frozenset[str]:
    """Names of places, in small letters, that are other words as well: nice, bath, china."""
    found = re.findall(rf"{ALSO_A_WORD}([^,\n]+)", FILE.read_text(encoding="utf-8"))
    return frozenset(name.lower() for name in found)


@cache
def known_places() -> frozenset[str]:
    """All of them in small letters, those that lie in nothing included."""
    return frozenset(read_places()) | {place.lower() for place in read_places().values()}


def places_around(name: str) -> tuple[str, ...]:
    """What a place lies in, the nearest first: of Pisa Tuscany, Italy, Europe."""
    found: list[str] = []
    while (name := read_places().get(name.lower(), "")) and name not in found:
        found.append(name)
    return tuple(found)


@lru_cache(maxsize=20_000)
def places_named(text: str, *, spelt: bool = True) -> tuple[str, ...]:
    """The places that a text names, in order; `spelt` where capital letters mean something in it."""
    words = list(WORD.finditer(text))
    found: list[str] = []
    start = 0
    while start < len(words):
        for length in range(min(MOST_WORDS, len(words) - start), 0, -1):
            name = text[words[start].start() : words[start + length - 1].end()]
            if name.lower() in known_places() and is_meant(name, spelt=spelt):
                found.append(name)
                start += length - 1
                break
        start += 1
    return tuple(dict.fromkeys(found))


def is_meant(name: str, *, spelt: bool) -> bool:
    """Whether it is the place and no other word."""
    return name[0].isupper() if spelt else name.lower() not in words_besides()
