"""Clues: what it tells of a photo that a detector's box with one of COCO's names lies in it.

A bat is a baseball bat, and where one is seen, baseball is played. The table is clues.txt.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from deepseek_mm.language.words import singular

FILE = Path(__file__).with_name("clues.txt")


@dataclass(frozen=True, kw_only=True, slots=True)
class Clue:
    """One of COCO's names, other names of such a thing, and what is likely where it is seen."""

    name: str
    even: float  # score of a box at which the thing is there as often as not
    same: frozenset[str]  # in lower case and singular, its own name among them
    likely: frozenset[str]  # in lower case


@cache
def clues() -> tuple[Clue, ...]:
    """All of the file, in its order, which is COCO's."""
    lines = FILE.read_text(encoding="utf-8").splitlines()
    return tuple(read_clue(line) for line in lines if line.strip() and not line.startswith("#"))


def read_clue(line: str) -> Clue:
    """One line of the file."""
    name, even, same, likely = (part.strip() for part in line.split("|"))
    return Clue(
        name=name,
        even=float(even),
        same=frozenset(map(plain_name, [name, *split_names(same)])),
        likely=split_names(likely),
    )


def split_names(part: str) -> frozenset[str]:
    """Between semicolons, in lower case."""
    return frozenset(each.strip().lower() for each in part.split(";") if each.strip())


def plain_name(name: str) -> str:
    """As names are compared: in lower case, its last word singular."""
    *words, last = name.lower().split()
    return " ".join([*words, singular(last)])


@cache
def places_of_name(name: str) -> tuple[int, ...]:
    """Of the clues that are the same thing as this name: "bike" -> bicycle. Empty where COCO does not know it."""
    plain = plain_name(name)
    exact = tuple(n for n, clue in enumerate(clues()) if plain == clue.name)
    return exact or tuple(n for n, clue in enumerate(clues()) if plain in clue.same)


@cache
def places_of_likely(name: str) -> tuple[int, ...]:
    """Of the clues where this name is likely: "baseball" -> baseball bat, baseball glove."""
    return tuple(n for n, clue in enumerate(clues()) if name.lower() in clue.likely)
