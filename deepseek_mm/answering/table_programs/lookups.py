"""Cells of a table that answer by themselves, and the numbers of rows that other programs work with."""

import re
from collections.abc import Sequence

from deepseek_mm.answering.table_programs.answers import TableAnswer
from deepseek_mm.answering.table_programs.columns import (
    COUNTED,
    ColumnChoice,
    choose_column,
    is_counter,
    is_measure,
    is_money,
    is_numeric,
    label_of,
    name_column,
    numbers_of,
)
from deepseek_mm.answering.table_programs.questions import TableQuestion
from deepseek_mm.answering.table_programs.selection import Selection, weigh_explanation, written_unit
from deepseek_mm.answering.table_programs.words import concepts_of
from deepseek_mm.retrieval.quantities import Quantity
from deepseek_mm.retrieval.tables import DocumentTable, TableRow

MOST_TOLD = 5  # rows that a lookup tells
SEVERAL = 0.9  # factor of the probability where more than one cell is told


def run_lookup(question: TableQuestion, selection: Selection) -> TableAnswer | None:
    """What a cell says, or the cells of a few rows."""
    rows = [row for group in selection.groups for row in group.rows]
    table = selection.table
    if not rows or len(rows) > max(MOST_TOLD, len(table.rows) // 2):
        return None
    column = choose_column(question, selection, rows)
    if column is None or not table.header:
        return None
    filled = [row for row in rows if row.cells[column.n]]
    if not filled:
        return None
    return tell_cells(question, selection, filled, column)


def tell_cells(
    question: TableQuestion, selection: Selection, rows: Sequence[TableRow], column: ColumnChoice
) -> TableAnswer | None:
    """One cell, or several with their rows' names; the same in all rows is told once."""
    table, n = selection.table, column.n
    values = list(dict.fromkeys(row.cells[n] for row in rows))
    if len(values) > MOST_TOLD:
        return None
    numbers = [number for _, number in numbers_of(table, rows, n)]
    labels = [label_of(table, row, n) for row in rows]
    named = f" ({table.header[n]})" if table.header[n] else ""
    steps = [f"{label}{named}: {row.cells[n]}" for label, row in zip(labels, rows, strict=True)]
    single = len(values) == 1
    bare = single and bool(bare_number(values[0], numbers))
    unit = shown_unit(table, rows, n, numbers) if bare else ""
    value = show_cell(values[0], numbers) if single and numbers else "; ".join(values)
    if not single and len(set(labels)) == len(labels) and n != name_column(table):
        value = "; ".join(f"{label}: {row.cells[n]}" for label, row in zip(labels, rows, strict=True))
    return TableAnswer(
        kind="lookup" if single else "list",
        value=value,
        unit=unit,
        operation="; ".join(steps),
        rows=tuple(rows),
        labels=tuple(labels),
        column=table.header[n],
        chance=weigh_explanation(question, selection, column.places) * (1.0 if single else SEVERAL),
    )


def show_cell(cell: str, numbers: Sequence[Quantity]) -> str:
    """A number without its unit, as it is written; a cell that says more whole."""
    return bare_number(cell, numbers) or cell


def bare_number(cell: str, numbers: Sequence[Quantity]) -> str:
    """The number of a cell that is nothing but that and its unit; else empty."""
    unit = numbers[0].shown_unit if numbers else ""
    bare = cell.replace(unit, "", 1).strip() if unit else cell
    return bare if re.fullmatch(r"[-+\u2212]?[\d.,' \u00a0\u202f]+[\u4e07\u4ebf\u5343]?", bare) else ""


def value_column(question: TableQuestion, selection: Selection, rows: Sequence[TableRow]) -> ColumnChoice | None:
    """The column of numbers that is added up or compared: the one that is asked for, or the only one."""
    table = selection.table
    column = choose_column(question, selection, rows)
    counts_money = column is not None and COUNTED.search(question.text) and is_money(table, column.n)
    if column is not None and is_numeric(table, column.n, rows) and not counts_money:
        return column
    numeric = [n for n in range(len(table.header)) if is_numeric(table, n, rows) and not is_counter(table, n)]
    if "price" in question.asks:
        numeric = [n for n in numeric if not is_measure(table, n, rows)]
    asked = [n for n in numeric if selection.cover.headers[n] - question.words.free]
    money = [n for n in numeric if is_money(table, n) and "each" not in concepts_of(table.header[n], of_columns=True)]
    kinds = {name for names in question.words.roles.values() for name in names} - {"money", "name", "rank"}
    by_role = [n for n in numeric if kinds & concepts_of(table.header[n], of_columns=True)]
    loosely = [n for n in numeric if selection.cover.headers[n]] if COUNTED.search(question.text) else []
    for candidates in (asked, loosely, money if "money" in question.asks else [], by_role, numeric):
        if len(candidates) == 1:
            return ColumnChoice(n=candidates[0], places=selection.cover.headers[candidates[0]])
    return None


def shown_unit(table: DocumentTable, rows: Sequence[TableRow], n: int, numbers: Sequence[Quantity]) -> str:
    """The unit as it is written in the cells, the header or the row's label."""
    units = {number.shown_unit for number in numbers if number.shown_unit}
    if len(units) == 1:
        return units.pop()
    labels = {written_unit(label_of(table, row, n)) for row in rows}
    return written_unit(table.header[n]) or (labels.pop() if len(labels) == 1 else "")
