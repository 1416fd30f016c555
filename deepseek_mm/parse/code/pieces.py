"""A file of code in pieces: by its syntax where there is a grammar for it, by lines otherwise.

A function is a piece with the comments and decorators above it. A class is one with the signatures of its members in
place of their bodies; they are pieces of their own. What is in none of these is the module's. A piece that is longer
than wished is cut between lines, at an empty one if there is one.

Numbers of lines count from 1.

Jupyter notebooks go cell by cell: words are text, code is split as its language is, and each piece names its cell.
Lines are those of the file on disk, which is JSON with a line for each line of a cell, so that an editor finds the
place; (0, 0) where the file is written otherwise. What cells have put out is not read. The format: nbformat 3 and 4,
https://nbformat.readthedocs.io.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import PurePath
from typing import Any

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile, MissingPackage
from deepseek_mm.parse.code.languages import grammar_of
from deepseek_mm.parse.code.outline import Definition, Outline, Tangled, outline_of
from deepseek_mm.parse.formats import Contents, File, Piece
from deepseek_mm.parse.text import TextLine, break_line, decode_text, passages, shorten_file, shorten_text
from index import Symbol
from index.region import FOR_FOLDERS

ELIDED = " ..."  # in place of a body
MOST_CALLS = 500  # of one line that are told


@dataclass(kw_only=True, slots=True)
class CodeItem:
    """A definition and the lines that are its own."""

    symbol: Symbol
    definition: Definition | None  # None for the module
    lines: list[TextLine]


def pieces_of(text: str, outline: Outline, *, name: str, most: int) -> Iterator[Piece]:
    """The pieces of a file in order; `name` is the module's, `most` how many letters a piece may have."""
    rows = text.split("\n")
    module = CodeItem(symbol=Symbol(name=name, kind="module", doc=outline.doc), definition=None, lines=[])
    items = [module, *choose_items(outline.definitions, Symbol(name="", kind="module"), rows, most)]
    for line, owner in zip(number_lines(rows), owners(items, len(rows)), strict=True):
        items[owner].lines.append(line)
    calls: dict[int, dict[str, None]] = {}
    for row, called in outline.calls:
        of_row = calls.setdefault(row + 1, {})
        if len(of_row) < MOST_CALLS:
            of_row[called] = None
    made = [piece for item in items for piece in pieces_of_item(item, rows, calls, most)]
    yield from sorted(made, key=lambda piece: piece.lines)


def number_lines(rows: Sequence[str]) -> Iterator[TextLine]:
    """Rows as lines."""
    return (TextLine(text=row.rstrip(), number=number) for number, row in enumerate(rows, 1))


def choose_items(definitions: Sequence[Definition], around: Symbol, rows: Sequence[str], most: int) -> list[CodeItem]:
    """The definitions that become pieces: inside a function only if it is longer than wished."""
    found = []
    for each in definitions:
        symbol = symbol_of(each, around)
        found.append(CodeItem(symbol=symbol, definition=each, lines=[]))
        length = sum(len(row) + 1 for row in rows[each.first : each.last + 1])
        if each.kind != "function" or length > most:
            found += choose_items(each.inside, replace(symbol, name=symbol.path, parent=""), rows, most)
    return found


def symbol_of(each: Definition, around: Symbol) -> Symbol:
    """What a definition defines. A function in a class is its method, and so is one that names its class itself."""
    above = ".".join(part for part in (around.name, each.parent) if part)
    is_method = each.kind == "function" and (around.kind == "class" or bool(each.parent))
    kind = "method" if is_method else each.kind
    return Symbol(name=each.name, parent=above, kind=kind, signature=each.signature, doc=each.doc)


def owners(items: Sequence[CodeItem], count: int) -> list[int]:
    """Row -> the item that it belongs to: the innermost."""
    found = [0] * count
    for number, item in enumerate(items):
        if item.definition is not None:
            first, last = item.definition.first, min(item.definition.last, count - 1)
            found[first : last + 1] = [number] * (last + 1 - first)
    return found


def pieces_of_item(
    item: CodeItem, rows: Sequence[str], calls: dict[int, dict[str, None]], most: int
) -> Iterator[Piece]:
    """An item's lines in pieces; the first one defines it, further ones are blocks of it."""
    parts = [part for run in runs_of(item, rows, most) for part in cut(run, most)]
    own = {line.number for line in item.lines}  # not those of members
    symbol = item.symbol
    for part in parts:
        numbers = dict.fromkeys(line.number for line in part if line.number in own)
        called = dict.fromkeys(name for number in numbers for name in calls.get(number, ()))
        whole = symbol.kind == "class" and len(parts) == 1 and item.definition is not None
        yield Piece(
            kind="code",
            text="\n".join(line.text for line in part),
            lines=(part[0].number, item.definition.last + 1 if whole and item.definition else part[-1].number),
            symbol=replace(symbol, calls=tuple(called)),
        )
        symbol = replace(symbol, kind="block", doc="")


def runs_of(item: CodeItem, rows: Sequence[str], most: int) -> list[list[TextLine]]:
    """What of an item is cut into parts, each run by itself."""
    definition = item.definition
    if definition is None:
        return module_runs(item.lines)
    if not any(map(says, item.lines)):  # it shares its lines with another one
        row = rows[definition.head]
        shown = row.strip() if len(row) <= most else definition.signature
        return [[TextLine(text=shown, number=definition.head + 1)]]
    if definition.kind == "class":
        return [sorted([*item.lines, *heads(definition, rows)], key=lambda line: line.number)]
    return [item.lines]


def heads(definition: Definition, rows: Sequence[str]) -> Iterator[TextLine]:
    """A class's members, a line each."""
    for each in definition.inside:
        row = rows[each.head]
        indent = row[: len(row) - len(row.lstrip())]
        yield TextLine(text=indent + (each.signature or row.strip()) + ELIDED, number=each.head + 1)


def module_runs(lines: Sequence[TextLine]) -> list[list[TextLine]]:
    """What stands before the first definition, and all the rest of the module's own lines."""
    runs = [[line for _, line in run] for _, run in groupby(enumerate(lines), lambda at: at[1].number - at[0])]
    runs = [run for run in runs if any(map(says, run))]
    return [runs[0], [line for run in runs[1:] for line in run]] if runs else []


def says(line: TextLine) -> bool:
    """Whether there is a letter or a digit in it; a brace alone says nothing."""
    return any(map(str.isalnum, line.text))


def cut(lines: Sequence[TextLine], most: int) -> Iterator[list[TextLine]]:
    """Parts of at most `most` letters, without empty lines at their ends; parts that say nothing are left out."""
    part: list[TextLine] = []
    length = 0
    for line in (piece for whole in lines for piece in break_line(whole, most)):
        if part and length + len(line.text) + 1 > most:
            at = breach(part)
            yield from trim_part(part[:at])
            part = part[at:]
            length = sum(len(kept.text) + 1 for kept in part)
            if length + len(line.text) + 1 > most:
                yield from trim_part(part)
                part, length = [], 0
        part.append(line)
        length += len(line.text) + 1
    yield from trim_part(part)


def breach(part: Sequence[TextLine]) -> int:
    """Where to cut: after the last empty line of the second half, or else at the end."""
    empty = [n for n in range(len(part) // 2, len(part)) if not part[n].text.strip()]
    return empty[-1] + 1 if empty else len(part)


def trim_part(part: Sequence[TextLine]) -> Iterator[list[TextLine]]:
    """The part, if it says anything."""
    told = [n for n, line in enumerate(part) if line.text.strip()]
    if any(map(says, part)):
        yield list(part[told[0] : told[-1] + 1])


log = logging.getLogger(__name__)
MOST_PARSED = 1_000_000  # letters; a longer file is data rather than code, and is cut by lines


def read_code(file: File, config: ParseConfig) -> Contents:
    """Functions, classes and the rest, with their lines, names and calls."""
    text, note = shorten_file(file, config)
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
    for part in cut(list(number_lines(text.split("\n"))), most):
        text = "\n".join(line.text for line in part)
        yield Piece(kind="code", text=text, lines=(part[0].number, part[-1].number))


def module_name(path: str) -> str:
    """ "rag/assistant.py" -> "assistant", "rag/__init__.py" -> "rag"."""
    file = PurePath(path)
    return file.parent.name or file.stem if file.stem in FOR_FOLDERS else file.stem


LANGUAGE = "python"  # where a notebook does not say
MOST_MISSES = 100  # cells that are not found where they should be written; each costs a look at the whole file


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
    at = rows = misses = 0
    for number, cell in enumerate(cells, 1):
        source = cell.get("source", cell.get("input", ""))
        lines = source.splitlines(keepends=True) if isinstance(source, str) else list(map(str, source))
        found = place_of(lines, text, at) if misses < MOST_MISSES else -1
        misses += found < 0
        if found >= 0:
            rows, at = rows + text.count("\n", at, found), found
        before = rows if found >= 0 and not isinstance(source, str) else -1
        yield Cell(name=f"cell {number}", is_code=cell["cell_type"] == "code", text="".join(lines), before=before)


def place_of(lines: list[str], text: str, start: int) -> int:
    """Where a cell's first line is written in the file, at or after `start`; -1 where it is not found."""
    if not lines:
        return -1
    found = text.find(json.dumps(lines[0], ensure_ascii=False), start)
    return found if found >= 0 or lines[0].isascii() else text.find(json.dumps(lines[0]), start)


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
