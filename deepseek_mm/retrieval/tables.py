"""Tables of documents, rebuilt from the texts of their passages: a header, rows of cells, and where each row stands.

A table goes on over passages and pages; a header that is printed again is left out, and a row whose words run over into
the next line is put together. Lines such as "Deposit: 3,540 EUR" and items of lists with an amount are one more table
of a document, of labels and values.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from deepseek_mm.retrieval.quantities import (
    DateInText,
    FigureStyle,
    Quantity,
    TimeInText,
    read_conventions,
    read_dates,
    read_numbers,
    read_times,
)
from index import Region, Source

SEPARATED = (".csv", ".tsv", ".tab")  # names of files that are one table
SEPARATORS = (",", ";", "\t", "|")
RULE = re.compile(r"^\s*\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?\s*$")  # below a header in Markdown
PIPE = re.compile(r"(?<!\\)\|")
SPACED = re.compile(r"\s{3,}|\t+")
HEADING = re.compile(r"^\s*#{1,6}\s|^(?:\d+[.)] )?[^\W\d_][^.!?:|]{1,50}$")
BREAKS = re.compile(
    r"(?<=[^\d\W][.;])\s+(?=[^\W\d])|(?<=\d\.)\s+(?=[A-Z])|[;\uff1b\u3002]\s*|[,\uff0c]\s*(?=[^,\uff0c:\uff1a\d]{1,24}[:\uff1a])"
)
LABEL = re.compile(r"^(?P<label>[^:\uff1a|]{1,48}?)\s*[:\uff1a]\s*(?!//)(?P<value>\S.{0,119})$")
BULLET = re.compile(r"^\s*(?:[-*\u2022\u00b7]|\d+[.)])\s+")
MEASURED = re.compile(r"^(?P<value>(?:\d+(?:[.,/]\d+)?)\s?(?:x\s)?(?:[^\W\d_]{1,12}\.?\s)?)(?P<label>[^\W\d_].{1,60})$")
LEADER = re.compile(
    r"^(?P<label>[^\d|].{1,60}?)\s*(?:\.{2,}|\u2026+|\s[-\u2013\u2014]\s|\s)\s*"
    r"(?P<value>(?:[\u20ac$\u00a3\u00a5\uffe5]\s?|[A-Z]{3}\s)?\d[\d.,]*\s?[^\W\d_]{0,6}%?)$"
)
MOST_WORDS, MOST_CHINESE = 7, 12  # of a label
LONGEST_CHINESE = 40  # letters of a value; more are a sentence
CHINESE = re.compile(r"[\u4e00-\u9fff]")
TYPICAL = 0.6  # share of the cells of a column that are alike
CONTEXT = 300  # letters of a document's beginning that say what it is about
PROSE = 8_000  # letters of the rest
BEGINNING = 20  # lines, which these are taken from
LONGEST_TITLE = 100  # letters of a line before a table that belongs to it
NEAR_LINES = 3  # between the parts of one table on two pages


@dataclass(frozen=True, kw_only=True, slots=True)
class CellValue:
    """What one cell says: a number where it is hardly anything else, and its dates and times."""

    number: Quantity | None = None
    dates: tuple[DateInText, ...] = ()
    times: tuple[TimeInText, ...] = ()

    @property
    def is_text(self) -> bool:
        """Whether it is neither number nor date nor time."""
        return self.number is None and not self.dates and not self.times


@dataclass(frozen=True, kw_only=True, slots=True)
class TableRow:
    """One row, the passage that it stands in, and its line in the file (0 where unknown)."""

    cells: tuple[str, ...]
    region: Region
    line: int = 0

    @property
    def text(self) -> str:
        """Its cells as a person reads them."""
        return " | ".join(cell for cell in self.cells if cell)


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentTable:
    """A table of one document; a column without a name has an empty one."""

    header: tuple[str, ...]
    rows: tuple[TableRow, ...]
    source: Source
    title: str = ""  # the heading above it, and the line before it
    context: str = ""  # the file's name and the document's first words
    prose: str = ""  # what else the document says, as far as it is compared with questions
    reading: FigureStyle = FigureStyle()
    labelled: bool = False  # of labels and values that stand in lines of their own

    def column(self, n: int) -> list[str]:
        """The cells of a column, from above."""
        return [row.cells[n] for row in self.rows]

    def value(self, row: TableRow, n: int) -> CellValue:
        """What a cell says."""
        return read_cell(row.cells[n], self.reading)


@dataclass(kw_only=True, slots=True)
class TableDraft:
    """A table while it is read."""

    rows: list[TableRow] = field(default_factory=list)
    title: str = ""
    headed: bool = False  # a rule below its first row says that it is the header
    gap: int = 0  # lines between it and the table before
    parted: bool = False  # by a heading


@dataclass(slots=True)
class TitleLines:
    """What stands above a table: the heading, a short line below it, and the line just before."""

    heading: str = ""
    short: str = ""
    before: str = ""

    def add(self, line: str) -> None:
        """One more line, which takes the place of those of its rank and below."""
        if line.lstrip().startswith("#"):
            self.heading, self.short, self.before = line.strip("# *"), "", ""
        elif HEADING.match(line):
            self.short, self.before = line.strip(" *"), ""
        else:
            self.before = line.strip() if len(line) < LONGEST_TITLE else ""

    @property
    def text(self) -> str:
        """All of it."""
        return " ".join(part for part in (self.heading, self.short, self.before) if part)


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentLine:
    """A line of a passage."""

    text: str
    region: Region
    number: int = 0


@lru_cache(maxsize=20_000)
def read_cell(text: str, reading: FigureStyle) -> CellValue:
    """What a cell says."""
    plain = (
        re.sub(r"(?<=\d) (?=\d{3}(?!\d))", "", text)
        if re.fullmatch(r"\D{0,3}\d{1,3}(?: \d{3})+\D.{0,8}|\d{1,3}(?: \d{3})+", text)
        else text
    )
    dates, times, numbers = read_dates(text, reading), read_times(text), read_numbers(plain, reading)
    if dates or times or len(numbers) != 1:
        return CellValue(dates=tuple(dates), times=tuple(times))
    number = numbers[0]
    start, end = number.span
    before, after = plain[:start].strip(" ~("), plain[end:].strip(" )*")
    beside = re.findall(r"[^\W\d_]+", after)
    if re.search(r"\w", before) or len(beside) > 2 or len(after) > 20:
        return CellValue()
    return CellValue(number=number if number.unit or not after else replace(number, shown_unit=after))


def find_tables(regions: Iterable[Region]) -> list[DocumentTable]:
    """The tables of documents whose passages these are, in order; those of one document one after the other."""
    texts = [region for region in regions if region.kind == "text" and region.text.strip()]
    by_source: dict[str, list[Region]] = {}
    for region in texts:
        by_source.setdefault(region.source.path, []).append(region)
    return [table for passages in by_source.values() for table in tables_of(order_passages(passages))]


def order_passages(passages: Sequence[Region]) -> list[Region]:
    """As they stand in their document, each once."""
    once = {(region.id, region.page, region.lines, region.text): region for region in passages}.values()
    return sorted(once, key=lambda region: (region.page, region.lines[0], region.id))


def tables_of(passages: Sequence[Region]) -> Iterator[DocumentTable]:
    """Those of one document."""
    source, reading = passages[0].source, read_conventions(region.text for region in passages)
    name = re.sub(r"[-_.]+", " ", source.name)
    lines = list(lines_of(passages))
    separated = source.name.lower().endswith(SEPARATED)
    written = [line.text for line in lines if not separated and not is_row(line.text)]
    context, prose = f"{name} {' '.join(written[:BEGINNING])[:CONTEXT]}", " ".join(written)[:PROSE]
    drafts = [read_separated(lines)] if separated else list(read_drafts(lines))
    for draft in join_drafts(drafts):
        made = shape_table(draft, reading)
        if made is not None:
            yield replace(made, source=source, context=context, prose=prose, reading=reading)
    labels = [row for line in lines if not is_row(line.text) for row in read_labels(line)]
    if labels and not separated:
        yield DocumentTable(
            header=("", ""),
            rows=tuple(labels),
            source=source,
            context=context,
            prose=prose,
            reading=reading,
            labelled=True,
        )


def lines_of(passages: Sequence[Region]) -> Iterator[DocumentLine]:
    """All lines, with their numbers where passage and file agree; an empty one ends each passage."""
    for region in passages:
        texts, (first, last) = region.text.split("\n"), region.lines
        numbered = first > 0 and last - first + 1 == len(texts)
        for n, text in enumerate(texts):
            yield DocumentLine(text=text, region=region, number=first + n if numbered else 0)


def read_separated(lines: Sequence[DocumentLine]) -> TableDraft:
    """A file of comma-separated values, whatever separates them; a quoted cell may run over lines."""
    texts = [line.text for line in lines]
    mark = choose_separator(texts)
    draft, at = TableDraft(), 0
    stray = sum(text.count('"') for text in texts) % 2  # a quotation mark that is never closed
    ended = [f"{text}\n" for text in texts]
    reader = csv.reader(ended, delimiter=mark, quoting=csv.QUOTE_NONE) if stray else csv.reader(ended, delimiter=mark)
    try:
        for cells in reader:
            line = lines[min(at, len(lines) - 1)]
            at = reader.line_num
            if any(cell.strip() for cell in cells):
                draft.rows.append(row_of(cells, line))
    except csv.Error:  # a cell larger than the module reads, or a stray quotation mark
        draft.rows = [row_of(line.text.split(mark), line) for line in lines if line.text.strip()]
    return draft


def choose_separator(texts: Sequence[str]) -> str:
    """The mark that most lines have equally often; where decimals have commas, another one."""
    counts = {mark: Counter(text.count(mark) for text in texts if text.strip()) for mark in SEPARATORS}
    agreed = {
        mark: max((n * (times > 0), times) for times, n in count.items()) for mark, count in counts.items() if count
    }
    best = max(SEPARATORS, key=lambda mark: (agreed.get(mark, (0, 0))[0], agreed.get(mark, (0, 0))[1]))
    semicolons = agreed.get(";", (0, 0))
    return ";" if semicolons[0] >= 0.8 * len([text for text in texts if text.strip()]) > 0 else best


def row_of(cells: Sequence[str], line: DocumentLine) -> TableRow:
    """A row with evened blanks."""
    return TableRow(cells=tuple(plain_cell(cell) for cell in cells), region=line.region, line=line.number)


def plain_cell(text: str) -> str:
    """Without the marks of Markdown."""
    return " ".join(re.sub(r"\*\*|__|`|\\(?=\|)", "", text).replace("<br>", " ").strip(" *\u3000").split())


def is_row(text: str) -> bool:
    """Whether a line has cells: between pipes, tabs or wide gaps."""
    return bool(PIPE.search(text)) or bool(re.search(r"\S(?:\t|\s{3,})\S", text))


def split_row(text: str) -> list[str]:
    """The cells of a line."""
    if not PIPE.search(text):
        return SPACED.split(text.strip())
    bare = text.strip()
    framed = bare.startswith("|") and bare.endswith("|") and len(bare) > 1
    return PIPE.split(bare[1:-1] if framed else text)


def read_drafts(lines: Sequence[DocumentLine]) -> Iterator[TableDraft]:
    """Runs of rows; one row alone is a table only as a part of another."""
    draft, above, gap, parted, blank = TableDraft(), TitleLines(), 0, False, False
    for line in [*lines, DocumentLine(text="end.", region=lines[-1].region)]:
        if RULE.match(line.text) and "-" in line.text and draft.rows:
            *earlier, header = draft.rows
            if earlier:
                yield replace_rows(draft, earlier)
            draft = TableDraft(rows=[header], title=draft.title, headed=True, parted=bool(earlier) or draft.parted)
        elif is_row(line.text):
            row = row_of(split_row(line.text), line)
            if draft.rows and blank and begins_another(draft.rows, row):
                yield draft
                draft = TableDraft(title=above.text, parted=True)
            if not draft.rows:
                draft = TableDraft(title=above.text, gap=gap, parted=parted)
            draft.rows.append(row)
            gap, parted, blank = 0, False, False
        elif not line.text.strip():
            blank = True
        else:
            if draft.rows:
                yield draft
                draft = TableDraft()
            above.add(line.text)
            parted |= line.text.lstrip().startswith("#")
            gap, blank = gap + 1, False


def replace_rows(draft: TableDraft, rows: list[TableRow]) -> TableDraft:
    """The same draft with other rows."""
    return TableDraft(rows=rows, title=draft.title, headed=draft.headed, gap=draft.gap, parted=draft.parted)


def begins_another(rows: Sequence[TableRow], row: TableRow) -> bool:
    """Whether a row after an empty line is the header of another table: other cells, or words below numbers."""
    if len(row.cells) != len(rows[-1].cells):
        return True
    if row.cells == rows[0].cells:
        return False
    values = [read_cell(cell, FigureStyle()) for cell in row.cells]
    last = [read_cell(cell, FigureStyle()) for cell in rows[-1].cells]
    return len(rows) > 1 and all(value.is_text for value in values) and any(not value.is_text for value in last)


def join_drafts(drafts: Sequence[TableDraft]) -> list[TableDraft]:
    """The parts of one table on several pages as one."""
    joined: list[TableDraft] = []
    for draft in drafts:
        last = joined[-1] if joined else None
        if last is not None and goes_on(last, draft):
            again = draft.rows[0].cells == last.rows[0].cells
            last.rows += draft.rows[1:] if again else draft.rows
        else:
            joined.append(draft)
    return joined


def goes_on(last: TableDraft, draft: TableDraft) -> bool:
    """Whether a table is the rest of the one before."""
    if width_of(draft.rows) != width_of(last.rows) or draft.gap > NEAR_LINES:
        return False
    again = draft.rows[0].cells == last.rows[0].cells
    paged = draft.rows[0].region.page > last.rows[-1].region.page
    headless = paged and not draft.headed and not looks_like_header(draft.rows, FigureStyle())
    return again or (headless and not draft.parted)


def width_of(rows: Sequence[TableRow]) -> int:
    """Cells of most rows."""
    return max(Counter(len(row.cells) for row in rows).items(), key=lambda item: item[1], default=(0, 0))[0]


def shape_table(draft: TableDraft, reading: FigureStyle) -> DocumentTable | None:
    """Rows of one width under their header; None where there are not two rows, or no two columns."""
    width = width_of(draft.rows)
    if width < 2:
        return None
    rows = [replace(row, cells=fit(row.cells, width)) for row in draft.rows]
    title = draft.title
    while len(rows) > 1 and not draft.headed and sum(map(bool, rows[0].cells)) == 1 and width > 1:
        title = f"{title} {rows[0].text}".strip()
        rows = rows[1:]
    headed = draft.headed or looks_like_header(rows, reading)
    header = rows[0].cells if headed else ("",) * width
    body = [row for row in rows[headed:] if row.cells != header and any(row.cells)]
    body = join_wrapped(body)
    if not body or (len(body) < 2 and not headed):
        return None
    return DocumentTable(header=header, rows=tuple(body), source=rows[0].region.source, title=title)


def fit(cells: Sequence[str], width: int) -> tuple[str, ...]:
    """So many cells: what is too many goes into the last one, what is missing is empty."""
    if len(cells) > width:
        rest = [cell for cell in cells[width - 1 :] if cell]
        return (*cells[: width - 1], " ".join(rest))
    return (*cells, *[""] * (width - len(cells)))


def looks_like_header(rows: Sequence[TableRow], reading: FigureStyle) -> bool:
    """Whether the first row names columns: words above numbers or dates, or short words that are all different."""
    if len(rows) < 2 or sum(map(bool, rows[0].cells)) < 2:
        return False
    first = [read_cell(cell, reading) for cell in rows[0].cells]
    if any(value.dates or value.times for value in first):
        return False
    columns = list(zip(*(row.cells for row in rows[1:]), strict=True)) if is_even(rows) else []
    kinds = [[not read_cell(cell, reading).is_text for cell in column if cell] for column in columns]
    typical = [bool(kind) and sum(kind) / len(kind) >= TYPICAL for kind in kinds]
    if any(
        is_typical and value.is_text and rows[0].cells[n]
        for n, (is_typical, value) in enumerate(zip(typical, first, strict=False))
    ):
        return True
    words = [cell for cell in rows[0].cells if cell]
    apart = len(set(words)) == len(words) and max(map(len, words)) <= 30 and all(value.is_text for value in first)
    return apart and len(rows[0].cells) > 2 and not any(typical)


def is_even(rows: Sequence[TableRow]) -> bool:
    """Whether all rows have as many cells."""
    return len({len(row.cells) for row in rows}) == 1


def join_wrapped(rows: Sequence[TableRow]) -> list[TableRow]:
    """Rows whose words run over into the next line, which has nothing else, as one."""
    joined: list[TableRow] = []
    for row in rows:
        filled = [n for n, cell in enumerate(row.cells) if cell]
        wraps = len(filled) == 1 and joined and sum(map(bool, joined[-1].cells)) > 1 and joined[-1].cells[filled[0]]
        if (
            wraps
            and (filled[0] > 0 or (row.cells[0][:1].islower() and len(row.cells) > 2))
            and read_cell(row.cells[filled[0]], FigureStyle()).is_text
        ):
            n, last = filled[0], joined[-1]
            cells = (*last.cells[:n], f"{last.cells[n]} {row.cells[n]}", *last.cells[n + 1 :])
            joined[-1] = replace(last, cells=cells)
        else:
            joined.append(row)
    return joined


def read_labels(line: DocumentLine) -> Iterator[TableRow]:
    """The labels and values of a line, and an item of a list with its amount."""
    text, listed = plain_cell(line.text), bool(BULLET.match(line.text))
    if line.text.lstrip().startswith("#"):
        return
    bare = BULLET.sub("", text) if listed else text
    found = False
    for part in BREAKS.split(bare):
        match = LABEL.match(part.strip())
        if match and is_label(match):
            found = True
            yield row_of((match["label"], match["value"].rstrip(" .;,\u3002\uff1b\uff0c")), line)
    if found:
        return
    match = (MEASURED.match(bare) if listed else None) or (LEADER.match(bare) if listed or len(bare) < 60 else None)
    if match and len(match["label"].split()) <= MOST_WORDS and (listed or is_amount(match["value"])):
        yield row_of((match["label"].rstrip(" .\u3002"), match["value"]), line)


def is_amount(text: str) -> bool:
    """Whether a number at the end of a line is an amount rather than the number of something."""
    return bool(re.search(r"\d[.,]\d\d?\b", text)) or any(number.unit for number in read_numbers(text))


def is_label(match: re.Match[str]) -> bool:
    """Whether what stands before a colon is a label and not a time, a ratio or half a sentence."""
    label, value = match["label"], match["value"]
    timed = label[-1:].isdigit() and value[:1].isdigit()
    short = len(label.split()) <= MOST_WORDS and len(CHINESE.findall(label)) <= MOST_CHINESE
    whole = all(
        part.count(left) == part.count(right) for part in (label, value) for left, right in ("()", "\uff08\uff09")
    )
    running = len(CHINESE.findall(value)) > LONGEST_CHINESE
    return not timed and short and whole and not running and bool(re.search(r"[^\W\d_]", label))
