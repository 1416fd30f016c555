"""Lines become passages: long enough to mean something on their own, short enough to point at.

A passage never crosses a heading or a column, ends between paragraphs where it can and between lines where it must, and
has at most the wished length. Only a line that is longer than that is broken, at the end of a sentence if there is one.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from index import Box

EMPTY = -2  # length of an empty passage: the first paragraph needs no two newlines before it
SHORT = 4  # a passage of less than a fourth of the wished length takes a part of the next paragraph as well
STOPS = (re.compile(r"[.!?]\s+|[\u3002\uff01\uff1f]"), re.compile(r"[;:,]\s+"), re.compile(r"\s+"))  # best first


@dataclass(frozen=True, kw_only=True, slots=True)
class TextLine:
    """A line of text and its place: its number in a file, or its box on a page."""

    text: str
    number: int = 0
    box_px: Box = (0, 0, 0, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Paragraph:
    """Lines that belong together."""

    lines: tuple[TextLine, ...]
    opens: bool = False  # a heading, or the top of a column: a passage begins here

    @property
    def length(self) -> int:
        """Letters, with a newline between lines."""
        return sum(len(line.text) + 1 for line in self.lines) - 1

    @property
    def is_bare(self) -> bool:
        """True for a heading without any text yet."""
        return self.opens and len(self.lines) == 1


Passage = tuple[tuple[TextLine, ...], ...]  # paragraphs, or the parts of them that fit


def pack(paragraphs: Iterable[Paragraph], most: int) -> Iterator[Passage]:
    """Passages of at most `most` letters, in order; every line is in exactly one, but a long line in several parts."""
    passage: list[list[TextLine]] = []
    length, bare = EMPTY, False
    for paragraph in paragraphs:
        full = length + 2 + paragraph.length > most and length >= most // SHORT
        breaks, begins = full or (paragraph.opens and not bare), True
        for line in (part for whole in paragraph.lines for part in break_line(whole, most)):
            if passage and (breaks or length + 1 + begins + len(line.text) > most):
                yield tuple(map(tuple, passage))
                passage, length, begins = [], EMPTY, True
            passage += [[]] if begins else []
            passage[-1].append(line)
            length += 1 + begins + len(line.text)
            breaks = begins = False
        bare = paragraph.is_bare
    if passage:
        yield tuple(map(tuple, passage))


def break_line(line: TextLine, most: int) -> Iterator[TextLine]:
    """The line, or its parts of at most `most` letters."""
    start, end = 0, len(line.text)
    while end - start > most:
        ends = [[stop.end() for stop in stops.finditer(line.text, start + most // 2, start + most)] for stops in STOPS]
        stop = next((found[-1] for found in ends if found), start + most)
        yield replace(line, text=line.text[start:stop].rstrip())
        start = stop
    yield replace(line, text=line.text[start:])
