"""Spreadsheets: each sheet a table in rows, its cells as they are shown, below the name of the sheet.

Values are those that were saved with the file: nothing is calculated, no macro is run. A cell that was merged downwards
stands in each of its rows. Rows without anything part one table from the next.

SpreadsheetML: ECMA-376 part 1, section 18; read by openpyxl.
"""

import io
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from itertools import groupby, takewhile
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils import column_index_from_string
from openpyxl.worksheet._read_only import ReadOnlyWorksheet

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile
from deepseek_mm.parse.formats import Contents, File, Piece
from deepseek_mm.parse.text import passages
from deepseek_mm.parse.zip_parts import UNRUN, ZipParts, list_parts, open_parts
from index import Symbol

BREAK = "\n\n"  # between tables
BETWEEN = " | "  # cells
WORKBOOK, MACROS = "xl/workbook.xml", "xl/vbaProject.bin"
MERGED = re.compile(rb"<(?:\w+:)?mergeCell\b[^>]*?\bref=[\"']([A-Z]{1,3})(\d+):([A-Z]{1,3})(\d+)[\"']")
UNCALCULATED = re.compile(  # a formula, and the end of its cell without a value before it
    rb"<(?:\w+:)?f\b[^<>]*(?:/>|>[^<]*</(?:\w+:)?f>)\s*(?:<(?:\w+:)?v\s*/>|<v></v>)?\s*</(?:\w+:)?c>"
)
CURRENCY = re.compile(r"[$\u20ac\u00a3\u00a5\u5143]|\b(?:EUR|USD|GBP|CHF|CNY|RMB|kr)\b")
MOST_MERGED = 10_000  # areas of one sheet that are filled
WHOLE = 1e15  # from which a number is written with an exponent
Row = list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """What is written on one sheet."""

    name: str
    text: str


def read_xlsx(file: File, config: ParseConfig) -> Contents:
    """A workbook, sheet by sheet."""
    with open_parts(file, config) as parts, warnings.catch_warnings(action="ignore"):
        paths = dict(list_parts(parts, WORKBOOK, "sheet"))
        book = load_workbook(io.BytesIO(file.data), read_only=True, data_only=True, keep_links=False)
        sheets, left, missing = list[Sheet](), config.max_chars, 0
        for sheet in book.worksheets:
            data = parts.read(paths[sheet.title]) if sheet.title in paths else b""
            missing += sum(1 for _ in UNCALCULATED.finditer(data))
            text = read_sheet(sheet, data, left) if left > 0 else ""
            left -= len(text)
            sheets.append(Sheet(name=sheet.title, text=text))
        note = " ".join(filter(None, notes(parts, missing, left, config)))
    if not any(sheet.text for sheet in sheets):
        empty = "holds no values: its formulas were never calculated" if missing else "holds no text"
        raise BadFile(f"{file.path} {empty}. Open it in Excel or LibreOffice and save it again")
    return Contents(pieces=read_rows(sheets, config), note=note)


def notes(parts: ZipParts, missing: int, left: int, config: ParseConfig) -> Iterator[str]:
    """What a reader should know of the workbook."""
    if MACROS in parts.names:
        yield UNRUN
    if missing:
        yield f"{missing:,} of its formulas have no value. Open it in Excel or LibreOffice and save it again."
    if left <= 0:
        yield f"Only the first {config.max_chars:,} of its letters are read (parse.max_chars)."


def read_rows(sheets: Sequence[Sheet], config: ParseConfig) -> Iterator[Piece]:
    """The passages of every sheet, each with its number and its name."""
    left = config.max_chars
    for number, sheet in enumerate(sheets, 1):
        text = sheet.text[:left]
        left -= len(text)
        symbol = Symbol(name=sheet.name, kind="sheet", signature=sheet.name)
        for piece in passages(text, config, numbered=False) if text else ():
            yield replace(piece, page=number, symbol=symbol)


def read_sheet(sheet: ReadOnlyWorksheet, data: bytes, most: int) -> str:
    """The tables of a sheet below its name, of about so many letters at most; "" where nothing is written."""
    sheet.reset_dimensions()  # what a file claims of its size may be anything
    rows = fill_merged(show_rows(sheet.iter_rows(), most), merged_down(data))
    tables = [write_table(list(without_empty_columns(table))) for table in split_tables(rows)]
    return BREAK.join([f"# {sheet.title}", *tables]) if tables else ""


def write_table(table: list[Row]) -> str:
    """One line for each row; rows of one cell above all others are titles, each a paragraph of its own."""
    titles = list(takewhile(is_single, table))
    lines = [BETWEEN.join(row).rstrip(" |") for row in table[len(titles) :]]
    return BREAK.join(filter(None, [*("".join(row) for row in titles), "\n".join(lines)]))


def is_single(row: Row) -> bool:
    """Whether one cell alone has anything."""
    return sum(map(bool, row)) == 1


def show_rows(rows: Iterable[Sequence[Any]], most: int) -> Iterator[Row]:
    """Cells as they are shown, until there are so many letters."""
    for row in rows:
        cells = [show_cell(cell.value, getattr(cell, "number_format", "")) for cell in row]
        yield cells
        most -= sum(map(len, cells))
        if most < 0:
            return


def show_cell(value: Any, form: str) -> str:
    """A value as a person reads it: no blanks but single ones, no bar that could part two cells."""
    if value is None:
        return ""
    if isinstance(value, datetime) and value.time() != time():
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, time):
        return f"{value:%H:%M}"
    if isinstance(value, float | int) and not isinstance(value, bool):
        return show_number(value, form)
    return " ".join(str(value).replace("|", "/").split())


def show_number(value: float, form: str) -> str:
    """A number with its unit, as far as its format says one: "19%", "1180 EUR"."""
    if "%" in form:
        return f"{plain_number(100 * value)}%"
    unit = CURRENCY.search(form)
    return f"{plain_number(value)} {unit[0]}" if unit else plain_number(value)


def plain_number(value: float) -> str:
    """A number without the noise of its last digits, and without an exponent where it is not huge."""
    whole = isinstance(value, int) or (value.is_integer() and abs(value) < WHOLE)
    return str(int(value)) if whole else f"{value:.12g}"


def merged_down(data: bytes) -> dict[int, list[tuple[int, int]]]:
    """Last row of an area -> its column and its first row, of all areas of several rows; all from 0."""
    areas: dict[int, list[tuple[int, int]]] = {}
    for number, (left, top, _, bottom) in enumerate(MERGED.findall(data)):
        if number >= MOST_MERGED:
            break
        if int(top) < int(bottom):
            columns = column_index_from_string(left.decode()) - 1, int(top) - 1
            areas.setdefault(int(bottom) - 1, []).append(columns)
    return areas


def fill_merged(rows: Iterable[Row], areas: dict[int, list[tuple[int, int]]]) -> Iterator[Row]:
    """Rows in which a cell that was merged downwards stands again in each row that has anything besides."""
    open_areas = [(top, bottom, column) for bottom, found in areas.items() for column, top in found]
    open_areas.sort(reverse=True)
    filled: dict[int, tuple[int, str]] = {}  # column -> last row of the area there, and its text
    for number, row in enumerate(rows):
        while open_areas and open_areas[-1][0] <= number:
            _, bottom, column = open_areas.pop()
            filled[column] = bottom, row[column] if column < len(row) else ""
        for column, (bottom, text) in list(filled.items()):
            if bottom < number:
                del filled[column]
            elif column < len(row) and any(row) and not row[column]:
                row[column] = text
        yield row


def split_tables(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows that follow each other without an empty one between them."""
    for has_text, run in groupby(rows, key=any):
        if has_text:
            yield list(run)


def without_empty_columns(table: list[Row]) -> Iterator[Row]:
    """The rows without those columns in which no row has anything."""
    width = max(map(len, table))
    kept = [column for column in range(width) if any(len(row) > column and row[column] for row in table)]
    for row in table:
        yield [row[column] if column < len(row) else "" for column in kept]
