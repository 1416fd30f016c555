"""The nouns of reading: a format is a kind of file, a piece is a place in one, a document is a file with its pieces.

The steps from a path to pieces are three, so that a caller can stop after each: `files.open_file` reads and hashes the
bytes, `document.parse_file` says what the file is, and its pieces are made one by one when they are asked for.
"""

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Literal

from PIL.Image import Image

from deepseek_mm.parse.exif import Camera
from index import Box, Source, Symbol

LONG_SIDE_PX = 1600  # a larger picture is reduced to this, and a page is drawn at it
NOWHERE: Box = (0, 0, 0, 0)  # the box of a text that was not drawn

Kind = Literal["photo", "document", "code", "archive"]
PieceKind = Literal["whole", "page", "text", "code"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A complete picture, a page as a picture, or a passage of text."""

    kind: PieceKind
    image: Image | None = None  # upright RGB, long side at most LONG_SIDE_PX
    text: str = ""
    box_px: Box = NOWHERE  # of a photo in the original's pixels, of a page and its texts in those of the page's picture
    page: int = 0  # from 1; 0 where there are no pages
    lines: tuple[int, int] = (0, 0)  # first and last, from 1; (0, 0) where unknown
    symbol: Symbol | None = None  # what a piece of code defines, or the section that a text is in


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """What a reader makes of a file's bytes."""

    pieces: Iterator[Piece]
    width_px: int = 0  # of a picture, upright; a document has no size of its own
    height_px: int = 0
    camera: Camera = Camera()
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """A kind of file: what it is called, and how it is told from others."""

    name: str  # lower case, as Source.format has it
    title: str  # as a person says it: "this is no PDF"
    kind: Kind
    endings: tuple[str, ...]  # of the name, in lower case; a whole name ("makefile") counts as its own ending
    signature: re.Pattern[bytes] | None = None  # matches the first bytes; None where any text will do


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """A file's bytes and what they are; nothing is decoded."""

    path: str  # absolute; a file in an archive is "/abs/archive.zip!/inner/name.jpg"
    data: bytes
    digest: str  # SHA-256, hexadecimal
    size_bytes: int
    modified_ns: int  # of the archive for a file in one
    format: Format


@dataclass(frozen=True, kw_only=True, slots=True)
class ParsedDocument:
    """A source and its pieces, which are made when they are asked for: drain them, or close the document."""

    source: Source
    pieces: Generator[Piece, None, None]

    def close(self) -> None:
        """Let go of what reading the pieces holds."""
        self.pieces.close()
