"""What a line of a document says about a picture beside it.

A line describes a file if it begins with the file's name ("rocket.jpg: a rocket at dusk", "- rocket.jpg - at dusk"), or
is a row of a table with the name in a cell ("| rocket.jpg | a rocket at dusk | SpaceX |", the same with commas).
Prose that merely mentions a name does not.
"""

import csv
import re
from dataclasses import dataclass

PICTURE_NAME = re.compile(
    r"[^\s|,;:\"'`<>()\[\]/\\][^|,;:\"'`<>()\[\]/\\\n]*?\.(?:jpe?g|png|webp|gif|tiff?|heic|bmp|avif)\b", re.I
)
NAMED = re.compile(  # whether a line has such a name at all: looked for from its end, which takes a line's length
    r"[^\s|,;:\"'`<>()\[\]/\\]\s*\.(?:jpe?g|png|webp|gif|tiff?|heic|bmp|avif)\b", re.I
)
LIST_MARK = re.compile(r"^\s*(?:[-*+\u2022>#]+|\d+[.)])?\s*")
MARKDOWN = re.compile(
    r"!?\[([^\]]*)\]\([^)]*\)|[*`]{1,3}(?=\S)|(?<=\S)[*`]{1,3}|(?<!\w)_{1,3}(?=\S)|(?<=\S)_{1,3}(?!\w)"
)
MARK = re.compile(r"\s*[:=\u2013\u2014\u2192>-]")
BETWEEN = re.compile(r"^[\s:=\u2013\u2014\u2192>|,;-]+")
RULE = re.compile(r"[-:= ]*")
LEAST_LETTERS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class DescribedFile:
    """What one line of a document says of a file."""

    file: str  # its name, as it is written there
    text: str  # "a rocket on its launch pad at dusk"
    cells: tuple[str, ...] = ()  # of a table's row all that it says besides the name
    line: str = ""  # as it is written


def described_files(text: str) -> list[DescribedFile]:
    """What the lines of a passage say of pictures, in order."""
    found = (describe_line(line) for line in text.splitlines() if NAMED.search(line))
    return [each for each in found if each is not None]


def describe_line(line: str) -> DescribedFile | None:
    """What a line says of the picture that it names, or None."""
    plain = MARKDOWN.sub(lambda mark: mark[1] or "", line).strip()
    cells = cells_of(plain)
    for cell in cells[:3]:
        if PICTURE_NAME.fullmatch(cell):
            rest = tuple(each for each in cells if each != cell and each)
            text = best_cell(rest)
            return DescribedFile(file=cell, text=text, cells=rest, line=plain) if text else None
    start = LIST_MARK.sub("", plain)
    named = PICTURE_NAME.match(start)
    if named and (MARK.match(start[named.end() :]) or (start != plain and start[named.end() :].startswith(" "))):
        text = BETWEEN.sub("", start[named.end() :]).strip()
        return DescribedFile(file=named[0], text=text, cells=(text,), line=plain) if says_something(text) else None
    return None


def cells_of(line: str) -> list[str]:
    """The cells of a table's row: between bars, tabs or semicolons, or commas; one cell where it is none."""
    for mark in ("|", "\t", ";"):
        if mark in line.strip("|").strip():
            return [cell.strip() for cell in line.strip().strip("|").split(mark)]
    try:
        return [cell.strip() for cell in next(csv.reader([line]))]
    except (csv.Error, StopIteration):
        return [line]


def best_cell(cells: tuple[str, ...]) -> str:
    """The first cell of several words; or else the first that says something."""
    telling = [cell for cell in cells if says_something(cell)]
    return next((cell for cell in telling if len(cell.split()) > 1), telling[0] if telling else "")


def says_something(text: str) -> bool:
    """Has it words, and is it neither an address nor another file?"""
    letters = sum(letter.isalpha() for letter in text)
    return letters >= LEAST_LETTERS and "://" not in text and not PICTURE_NAME.fullmatch(text)
