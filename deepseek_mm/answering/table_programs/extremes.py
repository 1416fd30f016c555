"""The largest and the smallest of a table: the row, the day or the header that a superlative means."""

import re
from collections.abc import Sequence
from decimal import Decimal

from deepseek_mm.answering.table_programs.answers import ProgramKind, TableAnswer
from deepseek_mm.answering.table_programs.columns import (
    ColumnChoice,
    is_asked_noun,
    is_counter,
    is_dated,
    is_money,
    is_numeric,
    name_column,
    numbers_of,
)
from deepseek_mm.answering.table_programs.lookups import show_cell, shown_unit
from deepseek_mm.answering.table_programs.questions import TableQuestion
from deepseek_mm.answering.table_programs.selection import CALENDAR, NO_PLACES, Places, Selection, weigh_explanation
from deepseek_mm.answering.table_programs.words import concepts_of, pattern
from deepseek_mm.retrieval.quantities import Quantity, read_small_number
from deepseek_mm.retrieval.tables import DocumentTable, TableRow, read_cell

EARLY = pattern("early")
SPECIFIC = frozenset(("temperature", "weight", "height", "distance", "age", "money"))
RANK = pattern("rank")
UNIT_WORDS = {"\u00b0C": "temperature", "hours": "time", "kg": "weight", "km": "distance", "%": "share"}


def run_extreme(question: TableQuestion, selection: Selection, kind: ProgramKind) -> TableAnswer | None:
    """The row with the largest or smallest value, or the day or time that comes first or last."""
    table = selection.table
    if table.labelled:
        return None
    matrix = find_in_matrix(question, selection, kind)
    if matrix is not None:
        return matrix
    rows = selection.entries
    column = extreme_column(question, selection, rows)
    if column is None or len(rows) < 2:
        return None
    ranked = rank_rows(table, rows, column.n)
    if len(ranked) < len([row for row in rows if row.cells[column.n]]) or len(ranked) < 2:
        return None
    values = [value for value, _ in ranked]
    if "price" in question.asks and min(values) < 0 < max(values):
        return None  # what came in and what went out
    best = max(values) if kind == "largest" else min(values)
    chosen = [row for value, row in ranked if value == best]
    return tell_extreme(question, selection, rows, chosen, column, kind)


def run_largest(question: TableQuestion, selection: Selection) -> TableAnswer | None:
    """The row with the most; the last day or time."""
    return run_extreme(question, selection, "largest")


def run_smallest(question: TableQuestion, selection: Selection) -> TableAnswer | None:
    """The row with the least; the first day or time."""
    return run_extreme(question, selection, "smallest")


ORDINALS = {"first": 1, "won": 1, "winner": 1, "second": 2, "third": 3, "fourth": 4}
CHINESE_ORDINALS = {"\u51a0\u519b": 1, "\u4e9a\u519b": 2, "\u5b63\u519b": 3}


def run_ranked(question: TableQuestion, selection: Selection) -> TableAnswer | None:
    """Who came first, second or last, by the column that says so."""
    table = selection.table
    columns = [
        n
        for n in range(len(table.header))
        if is_numeric(table, n) and "rank" in concepts_of(table.header[n], of_columns=True)
    ]
    wanted = read_rank(question.text)
    if len(columns) != 1 or not wanted:
        return None
    n, found = columns[0], numbers_of(table, selection.entries, columns[0])
    chosen = [row for row, number in found if number.value == wanted]
    if len(chosen) != 1:
        return None
    told = asked_name(question, selection, chosen, n)
    ordinal = question.places_of(*(match.span() for match in RANK.finditer(question.text)))
    return TableAnswer(
        kind="lookup",
        value=chosen[0].cells[told] if told >= 0 else "",
        operation=f"{table.header[n]} = {wanted}: {chosen[0].text}",
        rows=tuple(chosen),
        labels=(chosen[0].cells[told],) if told >= 0 else (),
        column=table.header[told] if told >= 0 else "",
        chance=weigh_explanation(question, selection, ordinal | named_places(question, selection, told)) * (told >= 0),
    )


def read_rank(text: str) -> int:
    """Which place is asked for; 0 for none that is known."""
    words = re.findall(r"\b(?:first|second|third|fourth|won|winner)\b", text.lower())
    named = next((ORDINALS[word] for word in words), 0)
    chinese = next((n for word, n in CHINESE_ORDINALS.items() if word in text), 0)
    counted = re.search(r"\u7b2c([\u4e00-\u9fff]{1,2}|\d+)\u540d", text)
    return named or chinese or ((read_small_number(counted[1]) or 0) if counted else 0)


def extreme_column(question: TableQuestion, selection: Selection, rows: Sequence[TableRow]) -> ColumnChoice | None:
    """The column that is ranked: one whose kind the question names, of money where nothing else is, or the only one."""
    table, words = selection.table, question.words
    ranked = [
        n
        for n in range(len(table.header))
        if (is_numeric(table, n, rows) or is_dated(table, n, rows)) and not is_counter(table, n)
    ]
    by_word = [n for n in ranked if selection.cover.headers[n] - words.free - selection.explained]
    kinds = {name for n, names in words.roles.items() for name in names if name not in ("name", "date", "rank")}
    priced = kinds & {"money"}
    by_role = [
        n
        for n in ranked
        if (kinds - priced) & concepts_of(table.header[n], of_columns=True) or (priced and is_money(table, n))
    ]
    if not by_word and not by_role and kinds & SPECIFIC:
        return None  # the coldest, of a table without temperatures
    early = EARLY.search(words.text)
    dated = [n for n in ranked if is_dated(table, n, rows)] if early else []
    numeric = [n for n in ranked if is_numeric(table, n, rows)]
    money = [n for n in by_role if "each" not in concepts_of(table.header[n], of_columns=True)]
    bills = [n for n in numeric if is_money(table, n) and "each" not in concepts_of(table.header[n], of_columns=True)]
    for candidates in (by_word, money, by_role, dated[:1], *([] if early else [numeric, bills])):
        if len(candidates) == 1:
            return ColumnChoice(
                n=candidates[0],
                places=selection.cover.headers[candidates[0]]
                | words.cover(table.header[candidates[0]], as_column=True),
            )
    return None


def rank_rows(table: DocumentTable, rows: Sequence[TableRow], n: int) -> list[tuple[Decimal, TableRow]]:
    """A number for each row by which it is compared: its number, its time of the day, or its day."""
    ranked = []
    for row in rows:
        value = table.value(row, n)
        if value.number is not None:
            ranked.append((value.number.value, row))
        elif value.dates or value.times:
            days = value.dates[0].day.toordinal() if value.dates else 0
            minutes = value.times[0].minutes if value.times else 0
            ranked.append((Decimal(days * 1440 + minutes), row))
    return ranked


def tell_extreme(
    question: TableQuestion,
    selection: Selection,
    rows: Sequence[TableRow],
    chosen: Sequence[TableRow],
    column: ColumnChoice,
    kind: ProgramKind,
) -> TableAnswer | None:
    """The name of the row with its value; the value where that is asked for."""
    table, n = selection.table, column.n
    if len(chosen) > 3:
        return None
    told = asked_name(question, selection, chosen, n)
    if told < 0 and "when" in question.asks and not is_dated(table, n, rows):
        return None
    name = " / ".join(dict.fromkeys(row.cells[told] for row in chosen)) if told >= 0 else ""
    numbers = [number for _, number in numbers_of(table, chosen, n)]
    wants_value = bool(question.asks & {"money", "number"} and not question.asks & {"who", "which", "where"}) or (
        "when" in question.asks and is_dated(table, n, rows)
    )
    unit = shown_unit(table, chosen, n, numbers)
    shown = [row.cells[n] for row in rows]
    listed = ", ".join(shown if len(shown) <= 12 else [*shown[:10], "...", shown[-1]])
    word = "max" if kind == "largest" else "min"
    value = chosen[0].cells[n]
    return TableAnswer(
        kind=kind,
        value=show_cell(value, numbers) if wants_value or not name else name,
        unit=unit if wants_value or not name else "",
        operation=f"{word}({listed}) = {value} ({name})",
        rows=tuple(chosen),
        labels=(name,),
        column=table.header[n],
        chance=weigh_explanation(question, selection, column.places | named_places(question, selection, told)),
    )


def asked_name(question: TableQuestion, selection: Selection, rows: Sequence[TableRow], besides: int) -> int:
    """The column that the answer is read from: one whose header the question says, a person's, or the row's name."""
    table = selection.table
    others = [
        n
        for n in range(len(table.header))
        if n != besides and all(row.cells[n] for row in rows) and not is_counter(table, n)
    ]
    nouns = [n for n in others if is_asked_noun(question, table.header[n])]
    if len(nouns) == 1:
        return nouns[0]
    if "who" in question.asks:
        people = [
            n for n in others if "person" in concepts_of(table.header[n], of_columns=True) and not is_numeric(table, n)
        ]
        words = [n for n in others if not is_numeric(table, n) and not is_dated(table, n)]
        if len(people) != 1 and len(words) > 1:
            return -1  # any of them may be who
        n = people[0] if people else name_column(table, besides)
        return n if n < 0 or people or "name" not in concepts_of(table.header[n], of_columns=True) else -1
    said = [n for n in others if selection.cover.headers[n] - question.words.free]
    if len(said) == 1:
        return said[0]
    if "when" in question.asks:
        dated = [
            n
            for n in others
            if is_dated(table, n)
            or ("date" in concepts_of(table.header[n], of_columns=True) and not is_numeric(table, n))
        ]
        return dated[0] if dated else calendar_column(selection.table, others)
    return name_column(table, besides)


def calendar_column(table: DocumentTable, columns: Sequence[int]) -> int:
    """The column that names months or weekdays; -1 where none does."""
    named = [n for n in columns if all(concepts_of(cell) & CALENDAR for cell in table.column(n) if cell)]
    return named[0] if named else -1


def named_places(question: TableQuestion, selection: Selection, told: int) -> Places:
    """Words that the header of the told column says."""
    if told < 0:
        return NO_PLACES
    return question.words.cover(selection.table.header[told], as_column=True)


def find_in_matrix(question: TableQuestion, selection: Selection, kind: ProgramKind) -> TableAnswer | None:
    """Of a table whose headers are numbers of one kind ("20 C", "30 C"): the header over the largest value."""
    table = selection.table
    heads = [
        (n, number) for n, name in enumerate(table.header) if (number := table_header_number(table, n)) is not None
    ]
    units = {number.unit for _, number in heads}
    if len(heads) < 2 or len(units) != 1 or not names_unit(question, units.pop()):
        return None
    rows = selection.entries
    cells = [(value.number.value, row, n) for row in rows for n, _ in heads if (value := table.value(row, n)).number]
    if not cells:
        return None
    pick = max if kind == "largest" else min
    best = pick(value for value, _, _ in cells)
    chosen = [(row, n) for value, row, n in cells if value == best]
    if len({n for _, n in chosen}) != 1:
        return None
    row, n = chosen[0]
    word = "max" if kind == "largest" else "min"
    last = table.rows[-1]
    listed = ", ".join(f"{table.header[m]}: {row.cells[m]}" for m, _ in heads)
    return TableAnswer(
        kind=kind,
        value=table.header[n],
        operation=f"{word}({listed}) = {row.cells[n]} ({table.header[n]}; {table.header[0]} {row.cells[0]})",
        rows=(row,),
        labels=(table.header[n],),
        column=table.header[n],
        chance=weigh_explanation(question, selection, frozenset().union(*selection.cover.headers))
        * (0.95 if row is last else 0.9),
    )


def table_header_number(table: DocumentTable, n: int) -> Quantity | None:
    """The number that a header is, with a unit."""
    number = read_cell(table.header[n], table.reading).number
    return number if number is not None and number.unit else None


def names_unit(question: TableQuestion, unit: str) -> bool:
    """Whether the question asks for this dimension: "at which temperature"."""
    wanted = UNIT_WORDS.get(unit, "")
    named = {name for names in question.words.roles.values() for name in names}
    return bool(wanted and wanted in named) and "which" in question.asks and "when" not in question.asks
