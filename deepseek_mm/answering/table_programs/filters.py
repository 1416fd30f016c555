"""Rows that a question narrows a table down to: before or after a day or time, above or below a number, from or to."""

import re
from dataclasses import replace
from datetime import date

from deepseek_mm.answering.table_programs.answers import TableAnswer
from deepseek_mm.answering.table_programs.columns import is_money, is_numeric, label_of, name_column
from deepseek_mm.answering.table_programs.questions import TableQuestion
from deepseek_mm.answering.table_programs.selection import NO_PLACES, Places, Selection, weigh_explanation
from deepseek_mm.answering.table_programs.words import pattern, word_tables
from deepseek_mm.retrieval.quantities import MONEY_UNITS
from deepseek_mm.retrieval.tables import DocumentTable, TableRow

DIRECTIONS = {"from": ("from", "origin"), "to": ("to", "destination")}
INCLUSIVE = pattern("inclusive")  # at least, at most


def filter_rows(question: TableQuestion, table: DocumentTable) -> tuple[DocumentTable, Places]:
    """The rows on one side of the question's day, time or number alone, and the words that say so; else all rows."""
    after, before = "after" in question.filters, "before" in question.filters
    above, below = "above" in question.filters, "below" in question.filters
    if after != before and (question.dates or question.times):
        spans = [each.span for each in question.dates or question.times]
        rows = tuple(row for row in table.rows if is_within(question, table, row, after=after))
    elif above != below and len(question.numbers) == 1 and not question.has("largest", "smallest"):
        spans = [question.numbers[0].span]
        rows = rows_beyond(question, table, above=above)
    else:
        return table, NO_PLACES
    if not rows or len(rows) == len(table.rows):
        return table, NO_PLACES
    patterns = (word_tables().filters[name] for name in question.filters)
    spans += [found.span() for words in patterns for found in words.finditer(question.text)]
    return replace(table, rows=rows), question.places_of(*spans)


def rows_beyond(question: TableQuestion, table: DocumentTable, *, above: bool) -> tuple[TableRow, ...]:
    """The rows whose number is larger, or smaller, than the question's; none where the column is in doubt."""
    asked, words = question.numbers[0], question.words
    numeric = [n for n in range(1, len(table.header)) if is_numeric(table, n)]
    priced = asked.unit in MONEY_UNITS or "price" in question.asks
    named = [n for n in numeric if words.cover(table.header[n]) - words.free]
    money = [n for n in numeric if is_money(table, n)] if priced else []
    columns = next((group for group in (named, money, numeric if not priced else []) if len(group) == 1), [])
    if not columns:
        return ()
    same = INCLUSIVE.search(question.text) is not None
    values = [(row, table.value(row, columns[0]).number) for row in table.rows]
    return tuple(
        row
        for row, number in values
        if number is not None
        and (number.value > asked.value if above else number.value < asked.value)
        or (same and number is not None and number.value == asked.value)
    )


def list_rows(question: TableQuestion, selection: Selection) -> TableAnswer:
    """The names of the rows that were left."""
    rows, table = selection.entries, selection.table
    labels = tuple(label_of(table, row) for row in rows)
    name = name_column(table)
    header = question.words.cover(table.header[name], as_column=True) if name >= 0 else NO_PLACES
    columns = frozenset().union(*selection.cover.headers)
    return TableAnswer(
        kind="list",
        value="; ".join(labels),
        operation="; ".join(row.text for row in rows),
        rows=rows,
        labels=labels,
        column=table.header[name] if name >= 0 else "",
        chance=weigh_explanation(question, selection, header | columns),
    )


def direct_rows(question: TableQuestion, table: DocumentTable) -> DocumentTable:
    """Of a table of journeys, those from or to the place that the question names so; else all rows."""
    for word, names in DIRECTIONS.items():
        column = next((n for n, name in enumerate(table.header) if name.lower() in names), -1)
        for found in re.finditer(rf"\b{word} (\w+)", question.text, re.IGNORECASE) if column >= 0 else ():
            place = question.words.within(*found.span(1))
            rows = tuple(row for row in table.rows if question.words.cover(row.cells[column]) & place)
            table = replace(table, rows=rows) if rows else table
    return table


def is_within(question: TableQuestion, table: DocumentTable, row: TableRow, *, after: bool) -> bool:
    """Whether a row's first day or time lies on the side that the question asks for."""
    values = [table.value(row, n) for n in range(len(row.cells))]
    if question.dates:
        asked: list[date] = [each.day for each in question.dates]
        own = [day.day for value in values for day in value.dates if day.certain]
        return bool(own) and (own[0] > asked[0] if after else own[0] < asked[0])
    times = [time.minutes for value in values for time in value.times]
    moment = question.times[0].minutes
    return bool(times) and (times[0] > moment if after else times[0] < moment)
