"""A text whose letters know which act and which marked part they belong to, so that any change keeps the marks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple, Self

JOINER = -1  # act of letters between two acts
PLAIN = -1  # part of letters that are not marked


class Letter(NamedTuple):
    """One of them."""

    char: str
    act: int = 0
    part: int = PLAIN


class Span(NamedTuple):
    """A stretch of a text, and what it is."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class MarkedText:
    """Letters, and the kind of each marked part."""

    letters: tuple[Letter, ...]
    parts: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str, *, act: int = 0) -> Self:
        """Without marks."""
        return cls(tuple(Letter(char, act) for char in text))

    @property
    def text(self) -> str:
        """Without its marks."""
        return "".join(letter.char for letter in self.letters)

    @property
    def spans(self) -> tuple[Span, ...]:
        """The marked parts, in order; of a part that was cut in two, both."""
        found, at = [], 0
        for part, run in groupby(self.letters, key=lambda letter: letter.part):
            length = len(list(run))
            if part != PLAIN:
                found.append(Span(at, at + length, self.parts[part]))
            at += length
        return tuple(found)

    @property
    def starts(self) -> tuple[int, ...]:
        """Where each act begins."""
        acts = [letter.act for letter in self.letters]
        return tuple(acts.index(act) for act in sorted({act for act in acts if act != JOINER}))

    def replace(self, start: int, end: int, text: str) -> "MarkedText":
        """With other letters from `start` to `end`; they belong to what the first of those, or the one before, did."""
        at = min(start, len(self.letters) - 1) if end > start else max(0, start - 1)
        like = self.letters[at] if self.letters else Letter("")
        middle = tuple(like._replace(char=char) for char in text)
        return MarkedText((*self.letters[:start], *middle, *self.letters[end:]), self.parts)

    def insert_plain(self, start: int, text: str, *, act: int) -> "MarkedText":
        """With letters that belong to no marked part."""
        middle = tuple(Letter(char, act) for char in text)
        return MarkedText((*self.letters[:start], *middle, *self.letters[start:]), self.parts)

    def map_chars(self, change: Callable[[str], str]) -> "MarkedText":
        """Every letter changed into one other."""
        changed = (
            letter._replace(char=new) if len(new := change(letter.char)) == 1 else letter for letter in self.letters
        )
        return MarkedText(tuple(changed), self.parts)

    def append(self, other: "MarkedText") -> "MarkedText":
        """One behind the other; the other's acts are numbered as they are."""
        moved = (
            letter if letter.part == PLAIN else letter._replace(part=letter.part + len(self.parts))
            for letter in other.letters
        )
        return MarkedText((*self.letters, *moved), (*self.parts, *other.parts))

    def strip_end(self, marks: str) -> "MarkedText":
        """Without these letters at its end."""
        keep = len(self.text.rstrip(marks))
        return MarkedText(self.letters[:keep], self.parts)


def as_act(marked: MarkedText, number: int) -> MarkedText:
    """All its letters as those of one act."""
    return MarkedText(tuple(letter._replace(act=number) for letter in marked.letters), marked.parts)


def join(texts: Sequence[MarkedText]) -> MarkedText:
    """One behind the other."""
    whole = MarkedText(())
    for each in texts:
        whole = whole.append(each)
    return whole
