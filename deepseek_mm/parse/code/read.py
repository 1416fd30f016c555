"""A file of code, in pieces: by its syntax where there is a grammar for it, by lines otherwise."""

import logging
from collections.abc import Iterator
from pathlib import PurePath

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import MissingPackage
from deepseek_mm.parse.code.depth import Tangled
from deepseek_mm.parse.code.languages import grammar_of
from deepseek_mm.parse.code.outline import outline_of
from deepseek_mm.parse.code.pieces import cut, numbered, pieces_of
from deepseek_mm.parse.nouns import Contents, File, Piece
from deepseek_mm.parse.text import decode_text, shortened
from index.region import FOR_FOLDERS

log = logging.getLogger(__name__)
MOST_PARSED = 1_000_000  # letters; a longer file is data rather than code, and is cut by lines


def read_code(file: File, config: ParseConfig) -> Contents:
    """Functions, classes and the rest, with their lines, names and calls."""
    text, note = shortened(decode_text(file.data, name=file.path), config)
    try:
        pieces = split(text, file.format.name, name=module_name(file.path), most=config.code_chars)
    except MissingPackage as missing:
        return Contents(pieces=by_lines(text, config.code_chars), note=" ".join(filter(None, (note, f"{missing}."))))
    return Contents(pieces=pieces, note=note)


def split(text: str, language: str, *, name: str, most: int) -> Iterator[Piece]:
    """The pieces of some code; `name` is its module's. MissingPackage if the language's grammar is not installed."""
    grammar = grammar_of(language) if len(text) <= MOST_PARSED else None
    if grammar is None:
        return by_lines(text, most)
    try:
        return pieces_of(text, outline_of(text.encode(), grammar), name=name, most=most)
    except Tangled:
        return by_lines(text, most)
    except (ValueError, LookupError, TypeError, RecursionError) as error:  # a grammar that is broken costs names only
        log.warning("%s could not be split by its syntax", name, exc_info=error)
        return by_lines(text, most)


def by_lines(text: str, most: int) -> Iterator[Piece]:
    """Lines in their order, cut where it is emptiest."""
    for part in cut(list(numbered(text.split("\n"))), most):
        text = "\n".join(line.text for line in part)
        yield Piece(kind="code", text=text, lines=(part[0].number, part[-1].number))


def module_name(path: str) -> str:
    """ "assistant.py" -> "assistant", "rag/__init__.py" -> "rag"."""
    file = PurePath(path)
    return file.parent.name or file.stem if file.stem in FOR_FOLDERS else file.stem
