"""Which column of a table answers: by the words of its header, the kind of thing asked for, and what its cells are."""

from collections.abc import Sequence
from dataclasses import dataclass

from deepseek_mm.answering.table_programs.questions import TableQuestion
from deepseek_mm.answering.table_programs.selection import CALENDAR, NO_PLACES, Places, Selection, unit_of
from deepseek_mm.answering.table_programs.words import AskedWords, concepts_of, pattern
from deepseek_mm.retrieval.quantities import MONEY_UNITS, Quantity, read_numbers
from deepseek_mm.retrieval.tables import DocumentTable, TableRow

WANTED = {  # what is asked -> kinds of columns
    "who": ("person",),
    "when": ("date", "time", "start", "end", "departure", "arrival"),
    "where": ("place",),
    "money": ("money",),
    "number": ("quantity",),
}
NUMERIC = ("money", "number")
TYPICAL = 0.5  # share of a column's cells that are of one kind


FREE_OF_CHARGE = pattern("free_of_charge")
PAYING = pattern("paying")
CLOCK = pattern("clock")
WHENEVER = pattern("whenever")
COUNTED = pattern("counted")  # never answered by an amount of money
ASKED_NOUN = pattern("asked_noun")


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnWeights:
    """How much speaks for a column."""

    word: float = 3.0  # a word of the question that its header says
    more: float = 0.5  # each such word or Chinese letter
    free_word: float = 1.0  # one that could mean any column
    role: float = 2.0  # its header names the kind of thing that is asked for
    meant: float = 1.5  # a word of the question names its kind: "leave" a departure
    kind: float = 1.5  # its cells are of the kind asked for
    each: float = 3.0  # prices of one piece: for them where they are asked for, against them by a third where not
    clock: float = 0.7  # its cells have times of the day, where one is asked for
    other: float = -4.0  # it names no persons, where another one does and they are asked for
    against: float = -9.0  # its cells are of another kind


WEIGHTS = ColumnWeights()


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnChoice:
    """A column, and the words of the question that it explains."""

    n: int
    places: Places = NO_PLACES
    weight: float = 0.0


def is_numeric(table: DocumentTable, n: int, rows: Sequence[TableRow] | None = None) -> bool:
    """Whether most of a column's cells are numbers."""
    values = [table.value(row, n) for row in rows or table.rows if row.cells[n]]
    return bool(values) and sum(value.number is not None for value in values) >= TYPICAL * len(values)


def is_dated(table: DocumentTable, n: int, rows: Sequence[TableRow] | None = None) -> bool:
    """Whether most of a column's cells hold a day or a time."""
    values = [table.value(row, n) for row in rows or table.rows if row.cells[n]]
    return bool(values) and sum(bool(value.dates or value.times) for value in values) >= TYPICAL * len(values)


def is_money(table: DocumentTable, n: int) -> bool:
    """Whether a column's cells are amounts of money: by their units, or by its header where they have none."""
    units = {value.number.unit for row in table.rows if (value := table.value(row, n)).number is not None} - {""}
    named = unit_of(table.header[n]) in MONEY_UNITS or "money" in concepts_of(table.header[n], of_columns=True)
    return units <= MONEY_UNITS and (bool(units) or (named and is_numeric(table, n)))


def is_measure(table: DocumentTable, n: int, rows: Sequence[TableRow]) -> bool:
    """Whether some cells have a unit that is no money, or their header has: grams, degrees."""
    units = {value.number.unit for row in rows if (value := table.value(row, n)).number is not None}
    units |= {unit_of(table.header[n])}
    return bool(units - {""} - MONEY_UNITS)


def choose_column(question: TableQuestion, selection: Selection, rows: Sequence[TableRow]) -> ColumnChoice | None:
    """The column that answers for some rows; None where two do alike, or none does."""
    table = selection.table
    choices = [weigh_column(question, selection, rows, n) for n in range(len(table.header))]
    keys = key_columns(question, selection, rows)
    open_ones = [choice for choice in choices if choice.n not in keys or choice.weight >= WEIGHTS.role]
    if not open_ones:
        return None
    ranked = sorted(open_ones, key=lambda choice: -choice.weight)
    if ranked[0].weight < 0:
        return None
    if len(ranked) > 1 and ranked[1].weight >= ranked[0].weight - 1e-6:
        return settle_columns(question, selection, [c for c in ranked if c.weight >= ranked[0].weight - 1e-6])
    return ranked[0]


def settle_columns(question: TableQuestion, selection: Selection, alike: Sequence[ColumnChoice]) -> ColumnChoice | None:
    """Of columns that fit alike: the first name, or the last amount where each row works one out; else none."""
    table = selection.table
    if question.asks & {"which"} and question.asks.isdisjoint({*NUMERIC, "when", "where"}):
        words = [c for c in alike if not is_numeric(table, c.n) and not is_dated(table, c.n)]
        return next(iter(words or [c for c in alike if not is_numeric(table, c.n)]), None)
    if "money" in question.asks and all(is_money(table, choice.n) for choice in alike):
        return alike[-1] if len({table.header[choice.n] for choice in alike}) == 1 else None
    return None


def key_columns(question: TableQuestion, selection: Selection, rows: Sequence[TableRow]) -> set[int]:
    """Columns whose cells selected the rows."""
    places = frozenset().union(*(group.places for group in selection.groups)) if selection.groups else NO_PLACES
    table = selection.table
    if table.labelled:
        return {0 if any(question.words.cover(row.cells[0]) & places for row in rows) else 1}
    return {
        n
        for n in range(len(table.header))
        if any(question.words.cover(row.cells[n]) & places for row in rows)
        or (places and any(table.value(row, n).number is not None and n == 0 for row in rows))
    }


def weigh_column(question: TableQuestion, selection: Selection, rows: Sequence[TableRow], n: int) -> ColumnChoice:
    """How much speaks for a column."""
    table, words = selection.table, question.words
    said = selection.cover.headers[n]
    roles = concepts_of(table.header[n], of_columns=True)
    meant = frozenset(p for p, named in words.roles.items() if named & roles)
    firm = said - words.free
    weight = WEIGHTS.word * bool(firm) + WEIGHTS.more * len(firm) + WEIGHTS.free_word * bool(said & words.free)
    weight += WEIGHTS.meant * bool(meant & precise_places(question, roles))
    weight += WEIGHTS.role * any(role in roles for ask in question.asks for role in WANTED.get(ask, ()))
    if "each" in roles:
        weight += WEIGHTS.each * (1 if any("each" in named for named in words.roles.values()) else -1 / 3)
    if "who" in question.asks and "person" not in roles and any(names_person(name) for name in table.header):
        weight += WEIGHTS.other
    weight += WEIGHTS.word * is_asked_noun(question, table.header[n])
    weight += WEIGHTS.against * contradicts(words, roles)
    return ColumnChoice(n=n, places=said | meant, weight=weight + weigh_cells(question, table, rows, n))


def is_asked_noun(question: TableQuestion, header: str) -> bool:
    """Whether the header holds what follows "which" in Chinese, where one letter is a word: which class."""
    found = ASKED_NOUN.search(question.text)
    return found is not None and bool(header) and (found[1][:2] in header or found[1][0] in header)


def names_person(header: str) -> bool:
    """Whether a column is of persons."""
    return "person" in concepts_of(header, of_columns=True)


def contradicts(words: AskedWords, roles: frozenset[str]) -> bool:
    """Whether a column is of departures where arrivals are asked for, or the other way round."""
    named = frozenset().union(*words.roles.values())
    pairs = (("departure", "arrival"), ("start", "end"))
    return any(a in roles and b not in roles and b in named and a not in named for p in pairs for a, b in (p, p[::-1]))


def precise_places(question: TableQuestion, roles: frozenset[str]) -> Places:
    """Words that name one of these kinds of columns, where the kind says more than "when" or "how much"."""
    plain = {"money", "date", "time", "person", "place", "quantity", "name", "total"}
    return frozenset(p for p, named in question.words.roles.items() if named & roles - plain)


def weigh_cells(question: TableQuestion, table: DocumentTable, rows: Sequence[TableRow], n: int) -> float:
    """What the cells say for or against a column."""
    asks, weights = question.asks, WEIGHTS
    numeric, dated = is_numeric(table, n, rows), is_dated(table, n, rows)
    if not any(row.cells[n] for row in rows):
        return weights.against
    if (
        "who" in asks
        and PAYING.search(question.text)
        and not PAYING.search(f"{table.header[n]} {labels_of(table, rows)}")
    ):
        return weights.against
    if "who" in asks:
        return weights.against if numeric or dated else 0.0
    if "when" in asks:
        if not dated:
            said = any(WHENEVER.search(row.cells[n]) or concepts_of(row.cells[n]) & CALENDAR for row in rows)
            return 0.0 if said or (not table.labelled and not numeric) else weights.against
        if CLOCK.search(question.text):
            return weights.kind + weights.clock if any(table.value(row, n).times for row in rows) else weights.against
        return weights.kind
    if "where" in asks:
        placed = "place" in concepts_of(table.header[n], of_columns=True)
        return weights.against if (numeric and not placed) or dated else 0.0
    if "money" in asks:
        holds = any(value.number is not None for row in rows for value in [table.value(row, n)])
        digits = any(FREE_OF_CHARGE.search(row.cells[n]) for row in rows) or (
            table.labelled and any(read_numbers(row.cells[n]) for row in rows)
        )
        measured = "price" in asks and is_measure(table, n, rows)
        return weights.kind * is_money(table, n) + 0.5 if (holds or digits) and not measured else weights.against
    people = "person" in concepts_of(table.header[n], of_columns=True)
    if "which" in asks and people and not question.words.cover(table.header[n]) - question.words.free:
        return weights.against
    if "number" in asks:
        digits = table.labelled and any(any(letter.isdigit() for letter in row.cells[n]) for row in rows)
        priced = is_money(table, n) and bool(COUNTED.search(question.text))
        return 1.0 if (numeric or digits) and not priced else weights.against
    return 0.0


def labels_of(table: DocumentTable, rows: Sequence[TableRow]) -> str:
    """The labels of rows that stand in lines of their own."""
    return " ".join(row.cells[0] for row in rows) if table.labelled else ""


def name_column(table: DocumentTable, besides: int = -1) -> int:
    """The column that says what a row is of: called so, or the first one of words; -1 where there is none."""
    others = [n for n in range(len(table.header)) if n != besides]
    words = [n for n in others if not is_numeric(table, n) and not is_dated(table, n) and any(table.column(n))]
    called = [n for n in words if "name" in concepts_of(table.header[n], of_columns=True)]
    return next(iter((*called, *words, *others)), -1)


def label_of(table: DocumentTable, row: TableRow, besides: int = -1) -> str:
    """What a row is called."""
    n = name_column(table, besides)
    return row.cells[n] if n >= 0 else ""


def numbers_of(table: DocumentTable, rows: Sequence[TableRow], n: int) -> list[tuple[TableRow, Quantity]]:
    """The rows that have a number in a column, and it."""
    found = [(row, table.value(row, n).number) for row in rows]
    return [(row, number) for row, number in found if number is not None]


def is_counter(table: DocumentTable, n: int) -> bool:
    """Whether a column only numbers the rows: 1, 2, 3, or is a column of years."""
    values = [number.value for _, number in numbers_of(table, table.rows, n)]
    return (
        n == 0 and len(table.header) > 2 and values == [values[0] + i for i in range(len(values))] if values else False
    )
