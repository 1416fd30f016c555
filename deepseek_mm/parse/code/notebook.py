"""Jupyter notebooks, cell by cell: words are text, code is split as its language is, and each piece names its cell.

Lines are those of the file on disk, which is JSON with a line for each line of a cell, so that an editor finds the
place; (0, 0) where the file is written otherwise. What cells have put out is not read.

The format: nbformat 3 and 4, https://nbformat.readthedocs.io.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile, MissingPackage
from deepseek_mm.parse.code.pieces import by_lines, split
from deepseek_mm.parse.formats import Contents, File, Piece
from deepseek_mm.parse.text import decode_text, passages, shorten_text
from index import Symbol

LANGUAGE = "python"  # where a notebook does not say


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A cell and where it lies."""

    name: str  # "cell 3", counted from 1 over cells of all kinds
    is_code: bool
    text: str
    before: int  # lines of the file before the cell's first one; -1 where that is not known


def read_notebook(file: File, config: ParseConfig) -> Contents:
    """The cells of a notebook, in order. BadFile if it is none."""
    text = decode_text(file.data, name=file.path)
    try:
        content = json.loads(text)
        cells, language = list(cells_of(content, text)), language_of(content)
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
        raise BadFile(f"{file.path} is no Jupyter notebook: {error}. Save it anew in Jupyter") from error
    if not any(cell.text.strip() for cell in cells):
        raise BadFile(f"{file.path} has no cell with anything in it. Leave it out")
    _, note = shorten_text("".join(cell.text for cell in cells), config)
    return Contents(pieces=pieces_of_cells(cells, language, config), note=note)


def language_of(content: dict[str, Any]) -> str:
    """What its code is written in, in lower case."""
    about = content.get("metadata", {})
    named = about.get("language_info", {}).get("name") or about.get("kernelspec", {}).get("language")
    return str(named or LANGUAGE).lower()


def cells_of(content: dict[str, Any], text: str) -> Iterator[Cell]:
    """The cells with the lines at which they begin; version 3 has sheets of them."""
    cells = content.get("cells")
    if cells is None:
        cells = [cell for sheet in content["worksheets"] for cell in sheet["cells"]] if "worksheets" in content else []
    at = 0
    for number, cell in enumerate(cells, 1):
        source = cell.get("source", cell.get("input", ""))
        lines = source.splitlines(keepends=True) if isinstance(source, str) else list(map(str, source))
        found = place_of(lines, text, at)
        at = found if found >= 0 else at
        before = text.count("\n", 0, found) if found >= 0 and not isinstance(source, str) else -1
        yield Cell(name=f"cell {number}", is_code=cell["cell_type"] == "code", text="".join(lines), before=before)


def place_of(lines: list[str], text: str, start: int) -> int:
    """Where a cell's first line is written in the file, at or after `start`; -1 where it is not found."""
    if not lines:
        return -1
    return max(text.find(json.dumps(lines[0], ensure_ascii=plain), start) for plain in (False, True))


def pieces_of_cells(cells: list[Cell], language: str, config: ParseConfig) -> Iterator[Piece]:
    """The pieces of each, within the letters that are read of one file."""
    left = config.max_chars
    for cell in cells:
        text = cell.text[:left]
        left -= len(text)
        if text.strip():
            yield from (place_piece(piece, cell) for piece in split_cell(cell, text, language, config))


def split_cell(cell: Cell, text: str, language: str, config: ParseConfig) -> Iterator[Piece]:
    """One cell's pieces, with lines that count from its own first one."""
    if not cell.is_code:
        return passages(text, config)
    try:
        return split(text, language, name=cell.name, most=config.code_chars)
    except MissingPackage:
        return by_lines(text, config.code_chars)


def place_piece(piece: Piece, cell: Cell) -> Piece:
    """The piece with its cell's name and the lines of the file."""
    first, last = piece.lines
    lines = (first + cell.before, last + cell.before) if cell.before >= 0 else (0, 0)
    symbol = piece.symbol or Symbol(name=cell.name, kind="section")
    if symbol.kind == "module":
        symbol = replace(symbol, kind="section")
    elif symbol.name != cell.name:
        symbol = replace(symbol, parent=".".join(part for part in (cell.name, symbol.parent) if part))
    return replace(piece, lines=lines, symbol=symbol)
