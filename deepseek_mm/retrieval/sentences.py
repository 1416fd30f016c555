"""Where one sentence ends and the next begins, in English and in Chinese; rows, items and headings are others' affair.

A stop behind a figure ends one only before a word: in "6. 5 days" it does not. "Dr." and initials end none.
"""

import itertools
import re

STOP = re.compile(
    r"(?<=[.!?])(?<!\d\.)[\"')]*\s+(?=[^a-z\s])|(?<=\d\.)[\"')]*\s+(?=[A-Z][a-z])"
    r"|(?<=[\u3002\uff01\uff1f\uff1b])\s*"
)
ABBREVIATED = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof|St|No|Nr|e\.g|i\.e|approx|incl|ca|vs|[A-Z])\.$")


def locate_sentences(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """The first letter and the end of each sentence between two letters of a text; signs alone are none."""
    last = len(text) if end is None else end
    stops = [stop for stop in STOP.finditer(text, start, last) if not ABBREVIATED.search(text[start : stop.start()])]
    cuts = [start, *(stop.end() for stop in stops), last]
    return [(a, a + len(text[a:b].rstrip())) for a, b in itertools.pairwise(cuts) if re.search(r"\w", text[a:b])]


def split_sentences(text: str) -> list[str]:
    """The same as texts."""
    return [text[start:end].strip() for start, end in locate_sentences(text)]
