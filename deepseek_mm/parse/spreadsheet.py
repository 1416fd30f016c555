"""Excel workbooks as tables: a heading for each sheet, then its rows, with what a person sees in the cells.

Only values that Excel has kept are read, nothing is calculated: a formula without one is shown as it is written, and
the document says so. Empty rows are passed over however many there are. Rows are read one by one, so that a sheet that
claims a million columns takes no more than what is in it.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile, MissingPackage
from deepseek_mm.parse.formats import Contents, File, Piece
from deepseek_mm.parse.markup import BETWEEN_CELLS, plain_cell
from deepseek_mm.parse.text import passages
from deepseek_mm.parse.workers.wire import DAMAGE
from deepseek_mm.parse.zip_parts import UNRUN, check_growth

MACROS = "xl/vbaProject.bin"
MOST_COLUMNS = 200  # of a sheet that are read
MOST_ROWS = 1_048_576  # that a sheet has; a file may name any number
CHUNK_BYTES = 1 << 20
MERGED = re.compile(rb'<mergeCell[^>]*\sref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"')
MOST_MERGED = 10_000  # rows that repeat a cell above them
FORMULA = re.compile(rb"<f[ >/]")
TROUBLE = (*DAMAGE, OSError, KeyError, TypeError, AttributeError, SyntaxError, LookupError)  # of damaged workbooks
CURRENCY = re.compile('\\[\\$([^\\]-]{1,3})|"?([\u20ac$\u00a3\u00a5\uffe5]|EUR|USD|GBP|CNY|kr)"?')


@dataclass(kw_only=True, slots=True)
class WorkbookNotes:
    """What a document says of what was left out."""

    uncounted: int = 0  # formulas without a value
    hidden: list[str] = field(default_factory=list)  # sheets
    has_macros: bool = False
    cut: bool = False  # more letters than are read

    def sentence(self, config: ParseConfig) -> str:
        """All of it; empty where nothing was left out."""
        told = [UNRUN] if self.has_macros else []
        if self.uncounted:
            many = "1 formula has" if self.uncounted == 1 else f"{self.uncounted:,} formulas have"
            told.append(f"{many} no value, because Excel never calculated the file: open it there and save it again.")
        if self.hidden:
            told.append(f"Hidden sheets are left out: {', '.join(self.hidden)}.")
        if self.cut:
            told.append(f"Only the first {config.max_chars:,} letters are read (parse.max_chars).")
        return " ".join(told)


def read_xlsx(file: File, config: ParseConfig) -> Contents:
    """The sheets of a workbook in passages."""
    notes = WorkbookNotes()
    try:
        check_growth(file, config)
        text = "\n".join(limit_lines(workbook_lines(file, notes), config.max_chars, notes))
    except (BadFile, MissingPackage):
        raise
    except TROUBLE as error:
        raise BadFile(f"{file.path} is no Excel workbook, or it is damaged: {error}. Save it again in Excel") from error
    if not text.replace("#", "").strip():
        raise BadFile(f"{file.path} holds no cells with text or numbers. Save its pictures as PDF to have them read")
    pieces = map(name_sheet, passages(text, config, numbered=False))
    return Contents(pieces=pieces, note=notes.sentence(config))


def name_sheet(piece: Piece) -> Piece:
    """The passage, told to be of its sheet."""
    symbol = piece.symbol
    return piece if symbol is None else replace(piece, symbol=replace(symbol, kind="sheet", signature=symbol.name))


def limit_lines(lines: Iterator[str], most: int, notes: WorkbookNotes) -> Iterator[str]:
    """As many lines as are read."""
    length = 0
    for line in lines:
        length += len(line) + 1
        if length > most:
            notes.cut = True
            return
        yield line


def workbook_lines(file: File, notes: WorkbookNotes) -> Iterator[str]:
    """A heading for each sheet that is shown and has cells, and its rows."""
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise MissingPackage("openpyxl", needed_for="Excel workbooks") from error
    book = load_workbook(io.BytesIO(file.data), read_only=True, data_only=True, keep_links=False)
    written = has_formulas(file, notes)
    formulas = load_workbook(io.BytesIO(file.data), read_only=True, keep_links=False) if written else None
    for sheet in book.worksheets:
        if sheet.sheet_state != "visible":
            notes.hidden.append(sheet.title)
            continue
        sheet.reset_dimensions()  # which a file may claim to be endless
        twin = formulas[sheet.title] if formulas is not None else None
        headed = False
        for row in sheet_rows(sheet, twin, merged_above(file, sheet), notes):
            if not headed:
                yield f"# {plain_cell(sheet.title)}"
                yield ""
                headed = True
            yield row
        if headed:
            yield ""


def has_formulas(file: File, notes: WorkbookNotes) -> bool:
    """Whether any sheet has a formula; notes whether the workbook has macros."""
    with zipfile.ZipFile(io.BytesIO(file.data)) as archive:
        sheets = [name for name in archive.namelist() if name.startswith("xl/worksheets/")]
        notes.has_macros = MACROS in archive.namelist()
        return any(FORMULA.search(chunk) for name in sheets for chunk in read_chunks(archive, name))


def read_chunks(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """The bytes of a part, each piece with the end of the one before."""
    with archive.open(name) as part:
        before = b""
        while piece := part.read(CHUNK_BYTES):
            yield before + piece
            before = piece[-100:]


def merged_above(file: File, sheet: Any) -> dict[tuple[int, int], tuple[int, int]]:
    """Row and column of each cell that belongs to one above it -> row and column of that one."""
    from openpyxl.utils import column_index_from_string

    with zipfile.ZipFile(io.BytesIO(file.data)) as archive:
        chunks = read_chunks(archive, sheet._worksheet_path)
        merged = {found for chunk in chunks for found in MERGED.findall(chunk)}
    above: dict[tuple[int, int], tuple[int, int]] = {}
    for left, top, _, bottom in merged:
        column, first, last = column_index_from_string(left.decode()), int(top), int(bottom)
        if last - first + len(above) <= MOST_MERGED:
            above |= {(row, column): (first, column) for row in range(first + 1, last + 1)}
    return above


def sheet_rows(
    sheet: Any, twin: Any, above: dict[tuple[int, int], tuple[int, int]], notes: WorkbookNotes
) -> Iterator[str]:
    """The rows that have anything, as lines of cells."""
    origins = dict.fromkeys(above.values(), "")
    written = twin_rows(twin)
    rows = sheet.iter_rows(max_row=MOST_ROWS)  # a limit on columns would make empty rows as wide
    for at, row in enumerate(rows, start=1):
        formulas = next(written, ())
        cells = [show_cell(cell) for cell in row[:MOST_COLUMNS]]
        for n, formula in enumerate(formulas):
            if n < len(cells) and not cells[n] and isinstance(formula, str) and formula.startswith("="):
                cells[n] = plain_cell(formula)
                notes.uncounted += 1
        for n, said in enumerate(cells, start=1):
            if (at, n) in origins:
                origins[at, n] = said
            elif (at, n) in above and not said:
                cells[n - 1] = origins[above[at, n]]
        if any(cells):
            line = BETWEEN_CELLS.join(cells).rstrip(" |") if sum(map(bool, cells)) == 1 else join_cells(cells)
            yield line if not line.startswith("#") else "No." + line[1:] if cells[0] == "#" else line.lstrip("# ")


def twin_rows(twin: Any) -> Iterator[tuple[Any, ...]]:
    """The rows of the same sheet with its formulas; none where the workbook has no formula."""
    if twin is None:
        return iter(())
    twin.reset_dimensions()
    rows: Iterator[tuple[Any, ...]] = twin.iter_rows(values_only=True, max_row=MOST_ROWS)
    return rows


def join_cells(cells: list[str]) -> str:
    """A line without the empty cells at its end."""
    last = max(n for n, cell in enumerate(cells) if cell)
    return BETWEEN_CELLS.join(cells[: last + 1])


def show_cell(cell: Any) -> str:
    """A cell's value as Excel shows it, in the plainest form."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        midnight = value.time() == time(0)
        return value.date().isoformat() if midnight else value.isoformat(sep=" ", timespec="minutes")
    if isinstance(value, date | time):
        return value.isoformat() if isinstance(value, date) else value.isoformat(timespec="minutes")
    if isinstance(value, timedelta):
        minutes = round(value.total_seconds() / 60)
        return f"{minutes // 60}:{minutes % 60:02d}"
    return show_number(value, cell.number_format or "") if isinstance(value, int | float) else plain_cell(str(value))


def show_number(value: float, form: str) -> str:
    """A number with the decimals, the percent sign or the currency of its format."""
    places = re.search(r"0\.(0+)", form)
    if "%" in form:
        digits = len(places[1]) if places else 0
        return f"{value * 100:.{digits}f} %"
    shown = f"{value:.{len(places[1])}f}" if places else f"{Decimal(repr(value)).normalize():f}"
    currency = CURRENCY.search(form)
    return f"{shown} {currency[1] or currency[2]}" if currency else shown
