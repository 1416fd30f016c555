"""Rows of tables on a page, told by the gaps between their cells: "Fuse box | 1 | 189.00" instead of words in a row.

A line comes in segments, which are further apart than words are. Lines beside one another become one row, and where
several rows in a row have more than one segment, they are a table: their columns are where the segments overlap from
above to below, and a row has an empty cell where it has no segment.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from deepseek_mm.parse.text import TextLine
from index import Box

FEWEST_ROWS = 2  # with several cells, of a table
WIDEST = 0.75  # of a table's width, that a line of its own below a row may have to be a part of its cell
NEXT_ROW = 1.1  # heights of a line from one row to a line that belongs to its cell
TEXT_ROWS, TEXT_LETTERS = 4, 25  # lines beside one another, and letters of each, from which two columns are text
BESIDE = 0.5  # of a line's height, by which lines beside one another overlap
BETWEEN = " | "

Row = list[TextLine]  # segments from left to right


def join_cells(lines: Iterable[Sequence[TextLine]]) -> Iterator[TextLine]:
    """The lines of a page, each in segments, as lines: rows of tables with their cells apart, others as they are."""
    run: list[Row] = []
    for row in rows_of(lines):
        if len(row) > 1 or (run and wraps(run, row)):
            run.append(row)
            continue
        yield from write_run(run)
        run = []
        yield row[0]
    yield from write_run(run)


def rows_of(lines: Iterable[Sequence[TextLine]]) -> Iterator[Row]:
    """Lines that stand beside one another, to the right of the one before, as one row."""
    row: Row = []
    for line in lines:
        if row and line and is_beside(row[-1].box_px, line[0].box_px):
            row += line
            continue
        if row:
            yield row
        row = list(line)
    if row:
        yield row


def is_beside(left: Box, right: Box) -> bool:
    """Whether a box stands to the right of another one, at the same height."""
    shared = min(left[3], right[3]) - max(left[1], right[1])
    return right[0] >= left[2] and shared > BESIDE * min(left[3] - left[1], right[3] - right[1])


def wraps(run: Sequence[Row], row: Row) -> bool:
    """Whether a line alone goes on with the cell above it: close below the last row, and within one of its columns."""
    last, line = run[-1], row[0].box_px
    height = line[3] - line[1]
    left, right = min(cell.box_px[0] for r in run for cell in r), max(cell.box_px[2] for r in run for cell in r)
    near = -0.5 * height < line[1] - max(cell.box_px[3] for cell in last) < NEXT_ROW * height
    return near and line[0] >= left and line[2] - line[0] < WIDEST * (right - left) and len(run) >= FEWEST_ROWS


def write_run(run: Sequence[Row]) -> Iterator[TextLine]:
    """Rows as a table, and the lines below it that turned out to be none of it."""
    several = [n for n, row in enumerate(run) if len(row) > 1]
    end = several[-1] + 1 if several else 0
    yield from write_table(run[:end])
    yield from (join_words(row) for row in run[end:])


def write_table(run: Sequence[Row]) -> Iterator[TextLine]:
    """The rows with a mark between their cells."""
    if sum(len(row) > 1 for row in run) < FEWEST_ROWS:
        yield from (join_words(row) for row in run)
        return
    columns = columns_of(run)
    if are_text(run, columns):
        yield from sorted((cell for row in run for cell in row), key=lambda cell: nearest_column(cell.box_px, columns))
        return
    for row in run:
        cells = [""] * len(columns)
        for segment in row:
            n = nearest_column(segment.box_px, columns)
            cells[n] = f"{cells[n]} {segment.text}".strip()
        yield replace(join_words(row), text=BETWEEN.join(cells).rstrip(), is_row=True)


def are_text(run: Sequence[Row], columns: Sequence[tuple[int, int]]) -> bool:
    """Whether two columns are running text beside one another, whose lines PDFium read across both."""
    pairs = [row for row in run if len(row) == len(columns) == 2]
    if len(pairs) < TEXT_ROWS:
        return False
    return all(sum(len(row[n].text) for row in pairs) >= TEXT_LETTERS * len(pairs) for n in (0, 1))


def join_words(row: Row) -> TextLine:
    """A row's segments as one line."""
    boxes = [segment.box_px for segment in row]
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    box = (min(lefts), min(tops), max(rights), max(bottoms))
    return replace(row[0], text=" ".join(segment.text for segment in row), box_px=box)


def columns_of(run: Sequence[Row]) -> list[tuple[int, int]]:
    """Left and right of each column: segments that overlap from above to below, or as the row with most has them."""
    spans = sorted((cell.box_px[0], cell.box_px[2]) for row in run if len(row) > 1 for cell in row)
    merged: list[tuple[int, int]] = []
    for left, right in spans:
        if merged and left < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], right))
        else:
            merged.append((left, right))
    fullest = max(run, key=len)
    if len(merged) >= len(fullest):
        return merged
    return [(cell.box_px[0], cell.box_px[2]) for cell in fullest]


def nearest_column(box: Box, columns: Sequence[tuple[int, int]]) -> int:
    """The column that a segment overlaps most, or whose middle is nearest."""

    def nearness(n: int) -> tuple[int, float]:
        left, right = columns[n]
        return min(box[2], right) - max(box[0], left), -abs(box[0] + box[2] - left - right)

    return max(range(len(columns)), key=nearness)
