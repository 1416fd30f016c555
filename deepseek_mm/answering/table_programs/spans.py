"""Days and times in tables: how long something lasts, how many nights lie between, and on which weekday a day falls."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from deepseek_mm.answering.table_programs.answers import TableAnswer
from deepseek_mm.answering.table_programs.columns import choose_column, is_dated, is_numeric, label_of
from deepseek_mm.answering.table_programs.questions import TableQuestion, asked_span
from deepseek_mm.answering.table_programs.selection import Places, Selection, weigh_explanation
from deepseek_mm.answering.table_programs.words import concepts_of, pattern
from deepseek_mm.retrieval.quantities import WEEKDAYS, DateInText
from deepseek_mm.retrieval.tables import CellValue, TableRow

FIRST, LAST = frozenset(("start", "departure")), frozenset(("end", "arrival"))
BETWEEN_DAYS = pattern("between_days")
MOST_NIGHTS = 60
DAY_MINUTES = 1440


def run_weekday(question: TableQuestion, selection: Selection) -> TableAnswer | None:
    """The weekday of the day in the row that is meant, or of the day that the question names."""
    rows = list(selection.rows)
    days = [(row, day) for row in rows for n in range(len(row.cells)) for day in selection.table.value(row, n).dates]
    if len({day.day for _, day in days}) != 1 or not days[0][1].certain:
        return None
    row, day = days[0]
    return TableAnswer(
        kind="weekday",
        value=weekday_name(day.day, question.language),
        operation=f"{day.text} ({day.day.isoformat()}) = {weekday_name(day.day, question.language)}",
        rows=(row,),
        labels=(label_of(selection.table, row),),
        chance=weigh_explanation(question, selection, frozenset()),
    )


def weekday_name(day: date, language: str) -> str:
    """In English or Chinese."""
    return WEEKDAYS.get(language, WEEKDAYS["en"])[day.weekday()]


def run_span(question: TableQuestion, selection: Selection) -> TableAnswer | None:
    """How long the meant row lasts, between its two days or times; or between the days of two rows."""
    table, unit = selection.table, asked_span(question.text)
    if any(is_numeric(table, n) and selection.cover.headers[n] for n in range(len(table.header))):
        return None  # a column says it
    rows = list(selection.rows)
    told = span_in_row(question, selection, rows[0], unit) if len(rows) == 1 else None
    if told is not None:
        return told
    told = span_between_rows(question, selection, unit)
    if told is not None:
        return told
    starts = [row for row in table.rows if table.labelled and names_kind(row.cells[0], FIRST)]
    ends = [row for row in table.rows if table.labelled and names_kind(row.cells[0], LAST)]
    if len(starts) == len(ends) == 1 and (
        not rows or unit == "nights" or {id(r) for r in rows} <= {id(starts[0]), id(ends[0])}
    ):
        values = [table.value(row, 1) for row in (starts[0], ends[0])]
        return tell_between(question, selection, values, [starts[0], ends[0]], unit)
    return None


def span_between_rows(question: TableQuestion, selection: Selection, unit: str) -> TableAnswer | None:
    """Between the times of two rows in one column: from one stop to another."""
    table, groups = selection.table, selection.groups
    if len(groups) != 2 or any(len(group.rows) != 1 for group in groups):
        return None
    rows = sorted((group.rows[0] for group in groups), key=table.rows.index)
    column = choose_column(replace(question, asks=frozenset(("when",))), selection, rows)
    if column is None or table.labelled or not is_dated(table, column.n, rows):
        return None
    explained = replace(selection, explained=selection.explained | column.places)
    return tell_between(question, explained, [table.value(row, column.n) for row in rows], rows, unit)


def names_kind(text: str, kinds: frozenset[str]) -> bool:
    """Whether a label names the beginning or the end of something."""
    return bool(concepts_of(text, of_columns=True) & kinds)


def span_in_row(question: TableQuestion, selection: Selection, row: TableRow, unit: str) -> TableAnswer | None:
    """Between the two days or times of one row: in one cell, or in two columns."""
    table = selection.table
    values = [value for n in range(len(row.cells)) if (value := table.value(row, n)).dates or value.times]
    ranges = [value for value in values if len(value.dates) == 2 or len(value.times) == 2]
    if len(ranges) == 1:
        values = ranges
    if len(values) == 1:
        one = values[0]
        if len(one.dates) == 2:
            values = [CellValue(dates=one.dates[:1]), CellValue(dates=one.dates[1:])]
        elif len(one.times) == 2:
            values = [CellValue(times=one.times[:1]), CellValue(times=one.times[1:])]
    elif len(values) == 3 and sum(bool(value.times) for value in values) == 2:  # a day, and from when to when
        values = [value for value in values if value.times]
    return tell_between(question, selection, values, [row], unit) if len(values) == 2 else None


def tell_between(
    question: TableQuestion, selection: Selection, values: Sequence[CellValue], rows: Sequence[TableRow], unit: str
) -> TableAnswer | None:
    """Days between two days, or hours and minutes between two times."""
    first, last = values
    labels = tuple(label_of(selection.table, row) for row in rows)
    explained = explained_places(question)
    chance = weigh_explanation(question, selection, explained)
    if unit == "days" and not BETWEEN_DAYS.search(question.text):
        return None  # both ends may count, or one
    if first.dates and last.dates and unit in ("", "nights", "days", "weeks", "months", "years"):
        told = days_between(first.dates[0], last.dates[0], unit)
    elif first.times and last.times and unit in ("", "hours", "minutes") and not (first.dates and last.dates):
        told = time_between(
            first.times[0].minutes, last.times[0].minutes, unit, (first.times[0].text, last.times[0].text)
        )
    else:
        told = None
    if told is None:
        return None
    value, shown, operation = told
    return TableAnswer(
        kind="span", value=value, unit=shown, operation=operation, rows=tuple(rows), labels=labels, chance=chance
    )


def explained_places(question: TableQuestion) -> Places:
    """Words that name beginnings, ends and lengths."""
    kinds = {"start", "end", "departure", "arrival", "duration"}
    stays = frozenset(p for p, names in question.words.concepts.items() if "hotel" in names)
    return frozenset(p for p, names in question.words.roles.items() if names & kinds) | stays


def days_between(first: DateInText, last: DateInText, unit: str) -> tuple[str, str, str] | None:
    """Number, unit and operation; nothing where the days may be meant otherwise or go back."""
    days = (last.day - first.day).days
    if days <= 0 or not (first.certain and last.certain or (first.day.year == last.day.year <= 1)):
        return None
    if unit == "nights" and days > MOST_NIGHTS:
        return None  # no stay, but a contract
    operation = f"{last.text} - {first.text} = {days} days"
    if unit in ("months", "years"):
        months = (
            (last.day.year - first.day.year) * 12 + last.day.month - first.day.month - (last.day.day < first.day.day)
        )
        return str(months if unit == "months" else months // 12), unit, operation
    if unit == "weeks":
        return (str(days // 7), "weeks", operation) if days % 7 == 0 else (str(days), "days", operation)
    return str(days), unit or "days", operation


def time_between(first: int, last: int, unit: str, shown: tuple[str, str]) -> tuple[str, str, str]:
    """Number, unit and operation; over midnight where the second time is earlier."""
    minutes = (last - first) % DAY_MINUTES
    hours, rest = divmod(minutes, 60)
    clock = f"{hours}:{rest:02d}"
    operation = f"{shown[1]} - {shown[0]} = {clock} h"
    if unit == "minutes":
        return str(minutes), "minutes", operation
    if rest == 0:
        return str(hours), "hours", operation
    return (f"{minutes}", "minutes", operation) if hours == 0 else (clock, "h", operation)
