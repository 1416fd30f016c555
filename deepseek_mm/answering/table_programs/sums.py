"""What is worked out from the numbers of rows: sums, differences, averages, counts and shares."""

import re
from collections.abc import Sequence
from decimal import Decimal

from deepseek_mm.answering.table_programs.answers import TableAnswer, places_of, round_to, show_sum, tidy
from deepseek_mm.answering.table_programs.columns import (
    COUNTED,
    ColumnChoice,
    choose_column,
    is_counter,
    is_money,
    is_numeric,
    label_of,
    name_column,
    numbers_of,
)
from deepseek_mm.answering.table_programs.lookups import show_cell, shown_unit, tell_cells, value_column
from deepseek_mm.answering.table_programs.questions import TableQuestion
from deepseek_mm.answering.table_programs.selection import (
    CALENDAR,
    CHANCES,
    NO_PLACES,
    Selection,
    is_summary,
    unit_of,
    weigh_explanation,
)
from deepseek_mm.answering.table_programs.words import concepts_of, pattern
from deepseek_mm.retrieval.quantities import Quantity, read_numbers, show_number
from deepseek_mm.retrieval.tables import DocumentTable, TableRow

NOT_ADDED = frozenset(("temperature", "each", "age", "height", "place", "rank", "date"))
PRICE_LIST = pattern("price_list")
GRAND_TOTAL = pattern("grand_total")
Sides = tuple[list[TableRow], list[list[Quantity]], list[str]]


def run_sum(question: TableQuestion, selection: Selection) -> TableAnswer | None:
    """The numbers of the rows that are meant, added up; of all rows the total that the table itself has."""
    table = selection.table
    priced = any(read_numbers(row.cells[-1]) for group in selection.groups for row in group.rows)
    if table.labelled and not priced:
        return tell_grand_total(question, selection)
    rows = selection.entries if selection.groups else tuple(row for row in table.rows if not is_summary(table, row))
    across = add_across(question, selection)
    column = total_column(question, selection) or value_column(question, selection, rows)
    by_word = column is not None and bool(selection.cover.headers[column.n] - question.words.free)
    if column is None or (across is not None and not by_word):
        return across
    total = find_total(table, column.n)
    grouped = [row for group in selection.groups for row in group.rows]
    titled = len(grouped) == 1 and bool(selection.explained & question.words.cover(table.title))
    if total is not None and (not grouped or titled or grouped == [total]):
        return tell_total(question, selection, total, column)
    if not rows or (not selection.groups and not is_additive(table, column.n, question)):
        return None
    return add_up(question, selection, rows, column)


def tell_grand_total(question: TableQuestion, selection: Selection) -> TableAnswer | None:
    """What a line calls the whole amount to pay: "Amount due: 1,728.34"; of words and figures the figures."""
    rows = [row for row in selection.table.rows if GRAND_TOTAL.search(row.cells[0])]
    amounts = [number for row in rows[-1:] for number in read_numbers(row.cells[1])]
    if "money" not in question.asks or not amounts:
        return None
    total = amounts[-1]
    return TableAnswer(
        kind="sum",
        value=show_cell(total.text, [total]),
        unit=total.shown_unit,
        operation=f"{rows[-1].cells[0]}: {total.text}",
        rows=(rows[-1],),
        labels=(rows[-1].cells[0],),
        chance=weigh_explanation(question, selection, NO_PLACES) ** CHANCES.called_total,
    )


def is_grand_total(answer: TableAnswer) -> bool:
    """Whether an answer is such an amount: a total of rows beside it may leave out the tax."""
    return answer.kind == "sum" and any(GRAND_TOTAL.search(label) for label in answer.labels)


def total_column(question: TableQuestion, selection: Selection) -> ColumnChoice | None:
    """The only column that the table's own total has a number in."""
    table = selection.table
    filled = [n for n in range(len(table.header)) if find_total(table, n) is not None]
    if COUNTED.search(question.text):
        filled = [n for n in filled if not is_money(table, n)]
    asked = [n for n in filled if selection.cover.headers[n] - question.words.free]
    chosen = asked if len(asked) == 1 else filled
    return ColumnChoice(n=chosen[0], places=selection.cover.headers[chosen[0]]) if len(chosen) == 1 else None


def add_across(question: TableQuestion, selection: Selection) -> TableAnswer | None:
    """The numbers of one row added up, where all its columns are of one kind: marks, hours of weekdays."""
    table, rows = selection.table, list(selection.rows)
    columns = [n for n in range(len(table.header)) if is_numeric(table, n) and not is_counter(table, n)]
    calendar = [n for n in columns if concepts_of(table.header[n]) & CALENDAR]
    columns = calendar or columns
    if (
        len(rows) != 1
        or len(columns) < 2
        or (not calendar and any(concepts_of(table.header[n], of_columns=True) for n in columns))
    ):
        return None
    numbers = [number for n in columns for _, number in numbers_of(table, rows, n)]
    if len(numbers) != len(columns) or len({number.unit for number in numbers}) != 1:
        return None
    total = sum((number.value for number in numbers), Decimal(0))
    return TableAnswer(
        kind="sum",
        value=show_number(total, places=places_of(numbers)),
        unit=shown_unit(table, rows, columns[0], numbers),
        operation=show_sum(numbers, total),
        rows=tuple(rows),
        labels=tuple(table.header[n] for n in columns),
        chance=weigh_explanation(question, selection, NO_PLACES),
    )


def is_additive(table: DocumentTable, n: int, question: TableQuestion) -> bool:
    """Whether the sum of a whole column means something: of money spent and of counts, not of prices or degrees."""
    roles = concepts_of(table.header[n], of_columns=True)
    if n == 0 or not roles.isdisjoint(NOT_ADDED) or unit_of(table.header[n]) in ("\u00b0C", "%"):
        return False
    if "price" in question.asks and not is_money(table, n):
        return False
    if COUNTED.search(question.text) and not question.words.cover(table.header[n]):
        return False
    return not is_money(table, n) or ("money" in roles and not PRICE_LIST.search(table.header[n]))


def find_total(table: DocumentTable, n: int) -> TableRow | None:
    """The last row that is called a total and has a number there."""
    named = [
        row
        for row in table.rows
        if is_summary(table, row)
        and concepts_of(row_label(table, row), of_columns=True) & {"total"}
        and not re.search(r"\bsub\s?-?total|\bnet\b|\u5c0f\u8ba1", row_label(table, row), re.IGNORECASE)
        and table.value(row, n).number is not None
    ]
    return named[-1] if named else None


def row_label(table: DocumentTable, row: TableRow) -> str:
    """The first words of a row."""
    return next((cell for cell in row.cells if cell), "")


def tell_total(
    question: TableQuestion, selection: Selection, total: TableRow, column: ColumnChoice
) -> TableAnswer | None:
    """The table's own total."""
    table, number = selection.table, selection.table.value(total, column.n).number
    if number is None:
        return None
    places = question.words.cover(f"{table.title} {row_label(table, total)}", as_column=True) | column.places
    return TableAnswer(
        kind="sum",
        value=show_cell(total.cells[column.n], [number]),
        unit=shown_unit(table, [total], column.n, [number]),
        operation=f"{row_label(table, total)}: {total.cells[column.n]}",
        rows=(total,),
        labels=(row_label(table, total),),
        column=table.header[column.n],
        chance=weigh_explanation(question, selection, places),
    )


def add_up(
    question: TableQuestion, selection: Selection, rows: Sequence[TableRow], column: ColumnChoice
) -> TableAnswer | None:
    """The sum of a column over some rows; nothing where their units differ, or a row has no number."""
    table, n = selection.table, column.n
    found = numbers_of(table, rows, n)
    numbers = [number for _, number in found]
    if not numbers or len({number.unit for number in numbers}) > 1 or len(found) < len(rows):
        return None
    total = sum((number.value for number in numbers), Decimal(0))
    if "price" in question.asks and min(number.value for number in numbers) < 0 < max(
        number.value for number in numbers
    ):
        return None  # what came in and what went out
    if len(numbers) == 1:
        return tell_cells(question, selection, rows, column)
    return TableAnswer(
        kind="sum",
        value=show_number(total, places=places_of(numbers)),
        unit=shown_unit(table, rows, n, numbers),
        operation=show_sum(numbers, total),
        rows=tuple(row for row, _ in found),
        labels=tuple(label_of(table, row, n) for row, _ in found),
        column=table.header[n],
        chance=weigh_explanation(question, selection, column.places),
    )


def run_difference(question: TableQuestion, selection: Selection) -> TableAnswer | None:
    """The one less the other: the numbers of two groups of rows, each added up, or of two columns of one row."""
    table = selection.table
    pair = two_groups(question, selection) or two_columns(question, selection)
    if pair is None:
        return None
    (rows, sums, labels), column = pair
    numbers = [number for group in sums for number in group]
    if len({number.unit for number in numbers}) != 1:
        return None
    first, second = (sum((number.value for number in group), Decimal(0)) for group in sums)
    high, low = max(first, second), min(first, second)
    places = places_of(numbers)
    shown = [show_number(value, places=places) for value in (high, low, high - low)]
    return TableAnswer(
        kind="difference",
        value=shown[2],
        unit=shown_unit(table, rows, column.n, numbers),
        operation=f"{shown[0]} - {shown[1]} = {shown[2]}",
        rows=tuple(rows),
        labels=tuple(labels if first >= second else reversed(labels)),
        column=table.header[column.n],
        chance=weigh_explanation(question, selection, column.places),
    )


def two_groups(question: TableQuestion, selection: Selection) -> tuple[Sides, ColumnChoice] | None:
    """The numbers of two groups of rows."""
    if len(selection.groups) != 2:
        return None
    rows = [row for group in selection.groups for row in group.rows]
    column = value_column(question, selection, rows)
    if column is None:
        return None
    sums = [[number for _, number in numbers_of(selection.table, group.rows, column.n)] for group in selection.groups]
    names = [question.words.text_of(group.places) for group in selection.groups]
    return ((rows, sums, names), column) if all(sums) else None


def two_columns(question: TableQuestion, selection: Selection) -> tuple[Sides, ColumnChoice] | None:
    """The numbers of one row in two columns whose headers the question says."""
    table, rows = selection.table, list(selection.rows)
    said = [
        n
        for n, places in enumerate(selection.cover.headers)
        if places - question.words.free - selection.explained and is_numeric(table, n)
    ]
    if len(rows) != 1 or len(said) != 2:
        return None
    numbers = [table.value(rows[0], n).number for n in said]
    if None in numbers:
        return None
    places = selection.cover.headers[said[0]] | selection.cover.headers[said[1]]
    sums = [[number] for number in numbers if number is not None]
    return (rows, sums, [table.header[n] for n in said]), ColumnChoice(n=said[0], places=places)


def run_average(question: TableQuestion, selection: Selection) -> TableAnswer | None:
    """The mean of the rows that are meant, without totals."""
    table, rows = selection.table, selection.entries
    priced = any(read_numbers(row.cells[-1]) for group in selection.groups for row in group.rows)
    if table.labelled and not priced:
        return tell_grand_total(question, selection)
    column = value_column(question, selection, rows)
    found = numbers_of(table, rows, column.n) if column else []
    numbers = [number for _, number in found]
    if column is None or len(numbers) < 2 or len({number.unit for number in numbers}) > 1:
        return None
    total = sum((number.value for number in numbers), Decimal(0))
    mean = total / len(numbers)
    places = places_of(numbers)
    shown = (
        tidy(round_to(mean, places + (0 if places >= 2 else 2))) if places < 2 else show_number(round_to(mean, places))
    )
    joined = show_sum(numbers, total).rpartition(" = ")[0]
    return TableAnswer(
        kind="average",
        value=shown,
        unit=shown_unit(table, rows, column.n, numbers),
        operation=f"({joined}) / {len(numbers)} = {shown}",
        rows=tuple(row for row, _ in found),
        labels=tuple(label_of(table, row, column.n) for row, _ in found),
        column=table.header[column.n],
        chance=weigh_explanation(question, selection, column.places),
    )


def run_count(question: TableQuestion, selection: Selection) -> TableAnswer | None:
    """How many rows are meant; a table that has the number in a column is looked up."""
    table = selection.table
    if table.labelled or ("money" in question.asks and not COUNTED.search(question.text)):
        return None
    rows = selection.entries
    if (
        len(selection.groups) == 1
        and len(rows) == 1
        or any(has_role(table, n, "quantity") for n in range(len(table.header)))
    ):
        return count_in_cells(question, selection, rows)
    column = choose_column(question, selection, rows)
    counted = (
        column is not None
        and is_numeric(table, column.n)
        and bool(selection.cover.headers[column.n] - question.words.free)
    )
    if counted and column is not None and (selection.groups or not is_money(table, column.n)):
        sums = selection.groups or is_additive(table, column.n, question)
        return add_up(question, selection, rows, column) if sums else None
    said = [n for n, places in enumerate(selection.cover.headers) if places - question.words.free]
    name = said[0] if len(said) == 1 and not is_numeric(table, said[0]) else name_column(table)
    header = question.words.cover(table.header[name], as_column=True) if name >= 0 else NO_PLACES
    generic = re.search(
        r"\b(?:times|often|items|rows|entries|lines|things|payments|records)\b|\u51e0(?:\u6b21|\u9879|\u7b14|\u6761)|\u591a\u5c11(?:\u6b21|\u9879|\u7b14|\u6761)",
        question.text,
        re.IGNORECASE,
    )
    if not (selection.groups or header - question.words.free or generic):
        return None
    labels = tuple(label_of(table, row) for row in rows)
    listed = ", ".join(labels if len(labels) <= 8 else [*labels[:6], "...", labels[-1]])
    return TableAnswer(
        kind="count",
        value=str(len(rows)),
        operation=f"count({listed}) = {len(rows)}",
        rows=tuple(rows),
        labels=labels,
        chance=weigh_explanation(question, selection, header) * (0.95 if selection.groups or generic else 0.85),
    )


def has_role(table: DocumentTable, n: int, role: str) -> bool:
    """Whether a column's header names this kind."""
    return role in concepts_of(table.header[n], of_columns=True)


def count_in_cells(question: TableQuestion, selection: Selection, rows: Sequence[TableRow]) -> TableAnswer | None:
    """How many, where a column of quantities says it, or the one number of a row."""
    table = selection.table
    quantities = [n for n in range(len(table.header)) if has_role(table, n, "quantity") and is_numeric(table, n)]
    column = ColumnChoice(n=quantities[0]) if len(quantities) == 1 else choose_column(question, selection, rows)
    if not selection.groups or column is None or not is_numeric(table, column.n, rows):
        return None
    return add_up(question, selection, rows, column)


def run_share(question: TableQuestion, selection: Selection) -> TableAnswer | None:
    """What part of the whole column the meant rows are, in percent."""
    table, rows = selection.table, selection.entries
    if not selection.groups or table.labelled:
        return None
    column = value_column(question, selection, rows)
    every = [row for row in table.rows if not is_summary(table, row)]
    if column is None:
        return None
    part, whole = ([number for _, number in numbers_of(table, some, column.n)] for some in (rows, every))
    if not part or len({number.unit for number in whole}) != 1 or unit_of(table.header[column.n]) == "%":
        return None
    top, bottom = (sum((number.value for number in some), Decimal(0)) for some in (part, whole))
    if not bottom:
        return None
    shown = tidy(round_to(100 * top / bottom, 1))
    places = places_of(whole)
    return TableAnswer(
        kind="share",
        value=shown,
        unit="%",
        operation=f"{show_number(top, places=places)} / {show_number(bottom, places=places)} = {shown} %",
        rows=tuple(rows),
        labels=tuple(label_of(table, row, column.n) for row in rows),
        column=table.header[column.n],
        chance=weigh_explanation(question, selection, column.places),
    )
