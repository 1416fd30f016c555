"""Noun phrases without a parser: cut at small words, drop what only points, keep the thing with its adjectives.

"two red kites over the beach and a dog" -> red kite, beach, dog. Wrong cuts are harmless: they look for a thing that
nothing shows, and the answer says so.
"""

import re
from dataclasses import dataclass

from deepseek_mm.rag.program.grammar import PLACE_TAIL
from deepseek_mm.rag.program.lexicon import ANYTHING, COLOURS, CUTS, DETERMINERS, ING_NOUNS, NO_THINGS, SIZES, SOMEBODY
from deepseek_mm.rag.program.words import singular

OF_PARTS = re.compile(
    r"\b(groups?|bunch|pair|couple|lots?|crowd|kinds?|types?|sorts?|pieces?|slices?|plenty|piles?) of\b"
)

TO_DO = re.compile(r"\bto (wear|eat|drink|sit on|ride|drive|play|read|use|do|see|cook)\b")  # what a thing is for


@dataclass(frozen=True, slots=True)
class ThingPhrase:
    """What a question asks for, singular: "two red kites" is the thing "kite", red."""

    phrase: str  # with its adjectives, as the eyes are asked for it: "red kite"
    name: str  # without them, as labels name it: "kite"
    colour: str = ""  # the colour that was asked for, in one spelling


def things_in(text: str) -> tuple[ThingPhrase, ...]:
    """Every thing that a piece of lower-case text names, in order, each once."""
    text = TO_DO.sub(" ", OF_PARTS.sub(" ", PLACE_TAIL.sub(" , ", text)))
    chunks: list[list[str]] = [[]]
    for word in re.findall(r"[,;]|[^\W_]+(?:['\u2019-][^\W_]+)*", text):
        word = SOMEBODY.get(word, word)
        if word in CUTS or word in ",;" or is_action(word) or (chunks[-1] and word in DETERMINERS):
            chunks.append([])
        elif word not in NO_THINGS and not word.isdigit() and not word.endswith(("'s", "\u2019s")):
            chunks[-1].append(word)
    return tuple(dict.fromkeys(thing_of(chunk) for chunk in chunks if chunk and not SIZES.issuperset(chunk)))


def is_action(word: str) -> bool:
    """A verb's -ing form, as in "dog running"; but a building is a thing."""
    return len(word) > 4 and word.endswith("ing") and word not in ING_NOUNS


def thing_of(words: list[str]) -> ThingPhrase:
    """The thing that these words name; a colour alone asks for anything of that colour."""
    if words[-1] in COLOURS and words[-1] != "orange":  # "the sky blue" is a blue sky, and "red" anything red
        words = [words[-1], *(words[:-1] or [ANYTHING])]
    words = [*words[:-1], singular(words[-1])]
    colours = [COLOURS[word] for word in words[:-1] if word in COLOURS]
    name = [word for word in words[:-1] if word not in COLOURS and word not in SIZES] + words[-1:]
    return ThingPhrase(" ".join(words), " ".join(name), colours[0] if colours else "")
