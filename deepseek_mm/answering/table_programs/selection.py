"""Which rows of a table a question means, and how much of the question that explains.

A word of the question that neither a row nor a header, the title or the document says stays unexplained; then the
table hardly answers it. So a question about something that is not there finds nothing.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepseek_mm.answering.table_programs.questions import TableQuestion
from deepseek_mm.answering.table_programs.words import LONG_ENOUGH, concepts_of, pattern, tokens_of
from deepseek_mm.embeddings.space import Encode
from deepseek_mm.retrieval.quantities import MONEY_UNITS, UNITS, FigureStyle, Quantity
from deepseek_mm.retrieval.tables import DocumentTable, TableRow, read_cell

Places = frozenset[int]
NO_PLACES: Places = frozenset()
SUMMARIES = frozenset(("total", "net", "tax"))  # kinds of rows that are worked out from others
TOLD_BY_HEADERS = frozenset(("departure", "arrival", "start", "end", "duration", "place", "rank", "score"))
CALENDAR = frozenset(  # concepts: days of the week and months
    (
        *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "january", "february", "march"),
        *("april", "may", "june", "july", "august", "september", "october", "november", "december"),
    )
)
MARKS = ("\u20ac", "\u00a3", "\u00a5", "\uffe5", "\u00b0C", "\u2103")  # units that are no words
FEWEST_CELLS = 3  # among which one can stand out
LABEL_LETTERS = 40  # of a total's label
EXCEPT = pattern("except")
CONNECTED = pattern("connected")


@dataclass(frozen=True, kw_only=True, slots=True)
class SelectionChances:
    """How sure a selection is."""

    start: float = 0.94  # where everything is explained
    unexplained: float = 0.45  # factor for each word that nothing explains
    context: float = 0.98  # factor where only the document's name or title explains a word
    whole: float = 0.75  # factor where a word is unexplained and no row was selected
    elsewhere: float = 0.9  # factor for each word that stands in another place of the document
    called_total: float = 0.5  # exponent where a line calls an amount the whole one to pay
    by_meaning: float = 0.8  # factor where the encoder chose the rows
    likeness: float = 2.0  # deviations above the usual likeness that a cell needs to be meant
    apart: float = 0.03  # cosine by which it has to be ahead of the next one
    least: float = 0.5  # below which nothing is answered
    common: float = 0.85  # share of the rows that say a word from which it selects none


CHANCES = SelectionChances()


@dataclass(frozen=True, kw_only=True, slots=True)
class TableCover:
    """What each part of a table says of a question's words."""

    rows: tuple[Places, ...]
    headers: tuple[Places, ...]
    context: Places


@dataclass(frozen=True, kw_only=True, slots=True)
class RowGroup:
    """Rows that one part of a question means, and the words by which."""

    rows: tuple[TableRow, ...]
    places: Places = NO_PLACES
    by_category: bool = False  # by a cell that several rows have


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """All that a question means of a table: one group, or several that are compared or taken together."""

    table: DocumentTable
    cover: TableCover
    groups: tuple[RowGroup, ...] = ()
    explained: Places = NO_PLACES  # by the rows, and by what filters them
    factor: float = 1.0

    @property
    def rows(self) -> tuple[TableRow, ...]:
        """Those of all groups, in the table's order."""
        chosen = {id(row) for group in self.groups for row in group.rows}
        return tuple(row for row in self.table.rows if id(row) in chosen)

    @property
    def entries(self) -> tuple[TableRow, ...]:
        """The chosen rows without totals; all rows where none was chosen."""
        return tuple(row for row in self.rows or self.table.rows if not is_summary(self.table, row))


def cover_table(question: TableQuestion, table: DocumentTable) -> TableCover:
    """Which words of the question stand where."""
    words = question.words
    headers = tuple(words.cover(name) | cover_number(question, name) for name in table.header)
    rows = tuple(cover_row(question, table, row) for row in table.rows)
    return TableCover(rows=rows, headers=headers, context=words.cover(f"{table.title}\n{table.context}"))


def cover_row(question: TableQuestion, table: DocumentTable, row: TableRow) -> Places:
    """Words that its cells say: names as words, numbers where they belong to the column, days and times by value."""
    found: set[int] = set()
    for n, cell in enumerate(row.cells):
        value = table.value(row, n)
        if value.number is None:
            found |= question.words.cover(without_exceptions(question, cell))
        elif any(is_meant(question, asked, table, n, value.number) for asked in question.numbers):
            spans = [asked.span for asked in question.numbers if asked.value == value.number.value]
            found |= question.places_of(*spans)
        for day in question.dates:
            if any(is_same_day(day.day.isoformat(), other.day.isoformat(), day.certain) for other in value.dates):
                found |= question.places_of(day.span)
        for time in question.times:
            if any(time.minutes == other.minutes for other in value.times):
                found |= question.places_of(time.span)
    return frozenset(found)


def is_same_day(asked: str, other: str, dated: bool) -> bool:
    """Whether two days are one; without a year in the question, of any year."""
    return asked == other or (not dated and asked[5:] == other[5:])


def without_exceptions(question: TableQuestion, cell: str) -> str:
    """A label without what it leaves out: "rent without heating" is no row of heating."""
    found = EXCEPT.search(cell)
    return cell[: found.start()] if found and not EXCEPT.search(question.text) else cell


def is_meant(question: TableQuestion, asked: Quantity, table: DocumentTable, n: int, number: Quantity) -> bool:
    """Whether a number of the question selects by this column: its unit is the column's, or its name stands near."""
    if asked.value != number.value:
        return False
    if asked.unit:
        named = n == 0 and asked.shown_unit and asked.shown_unit in table.header[n]  # "day 5" of a column of days
        return bool(named) or asked.unit == (number.unit or unit_of(table.header[n]))
    near = question.places_of(asked.span)
    return n == 0 or any(abs(a - b) <= 2 for a in question.words.cover(table.header[n]) for b in near)


def cover_number(question: TableQuestion, name: str) -> Places:
    """The number of a header such as "30 degrees", where the question says the same one."""
    number = read_cell(name, FigureStyle()).number
    if number is None:
        return NO_PLACES
    same = [asked for asked in question.numbers if asked.value == number.value and asked.unit in ("", number.unit)]
    return question.places_of(*(asked.span for asked in same))


def unit_of(name: str) -> str:
    """The unit that a header names, in one spelling: of "Amount (EUR)" EUR; empty where it names none."""
    return UNITS.get(written_unit(name).lower(), "")


def written_unit(name: str) -> str:
    """The same as it is written there."""
    if read_cell(name, FigureStyle()).number is not None:
        return ""  # the header is a number itself, and not the unit of those below
    said = [token.text for token in tokens_of(name)]
    words = [text for n, text in enumerate(said) if text.lower() in UNITS and (len(text) > 1 or n == len(said) - 1 > 0)]
    inside = re.findall(r"[(\uff08/]\s*([^()\uff08\uff09/]+?)\s*[)\uff09]?$", name)
    named = [part for part in inside if part.lower() in UNITS]
    money = [word for word in words if UNITS[word.lower()] in MONEY_UNITS]
    return next(iter((*named, *money, *words, *(mark for mark in MARKS if mark in name))), "")


def is_summary(table: DocumentTable, row: TableRow) -> bool:
    """Whether a row is a total, a subtotal or a tax rather than an entry."""
    if table.labelled:
        return False
    named = [cell for n, cell in enumerate(row.cells) if cell and table.value(row, n).is_text]
    label = named[0] if len(named) == 1 else ""
    return 0 < len(label) <= LABEL_LETTERS and bool(concepts_of(label, of_columns=True) & SUMMARIES)


def select_rows(question: TableQuestion, table: DocumentTable, encode: Encode | None = None) -> Selection:
    """The rows that a question means, after its dates and numbers have filtered them."""
    cover = cover_table(question, table)
    count = len(table.rows)
    said = {n: {i for i, row in enumerate(cover.rows) if n in row} for n in range(len(question.words.tokens))}
    most = CHANCES.common * count if count > 2 else count
    firm = {n for n, rows in said.items() if 0 < len(rows) <= most and n not in question.words.free}
    if not firm and table.labelled:
        firm = generic_places(question, said)
    groups = group_rows(question, table, firm, said)
    left = firm - frozenset().union(*(group.places for group in groups)) if groups else set()
    if (left or len(groups) > 1) and firm & cover.context:  # words of the title select nothing where that does not fit
        others = group_rows(question, table, firm - cover.context, said)
        groups = others or groups
    explained = frozenset().union(*(group.places for group in groups)) if groups else NO_PLACES
    common = frozenset(n for n, rows in said.items() if len(rows) > most)
    selection = Selection(table=table, cover=cover, groups=tuple(groups), explained=explained | common)
    return selection if groups or encode is None else select_by_meaning(question, selection, encode)


def generic_places(question: TableQuestion, said: dict[int, set[int]]) -> set[int]:
    """Words such as "paid" that select a label where the question has nothing else; English ones of some length."""
    tokens = question.words.tokens
    return {n for n, rows in said.items() if len(rows) == 1 and len(tokens[n].stem) >= LONG_ENOUGH}


def group_rows(
    question: TableQuestion, table: DocumentTable, firm: Iterable[int], said: dict[int, set[int]]
) -> list[RowGroup]:
    """One group of the rows that say all words that select; where words exclude one another, one group for each."""
    places = sorted(firm)
    if not places:
        return []
    against = {p: {q for q in places if said[p].isdisjoint(said[q])} for p in places}
    if any(against.values()) and CONNECTED.search(question.text):
        groups = split_groups(question, table, places, said, against)
        if groups:
            return groups
    weights = {p: math.log(1 + len(table.rows) / len(said[p])) for p in places}
    totals = [sum(weights[p] for p in places if i in said[p]) for i in range(len(table.rows))]
    best = max(totals)
    chosen = [i for i, total in enumerate(totals) if total > best - 1e-6]
    return [make_group(question, table, chosen, [p for p in places if chosen[0] in said[p]])]


def split_groups(
    question: TableQuestion,
    table: DocumentTable,
    places: Sequence[int],
    said: dict[int, set[int]],
    against: dict[int, set[int]],
) -> list[RowGroup]:
    """Groups of rows for words that no row says together: "the hotel and the train"; none where one stays empty."""
    filters = [p for p in places if not against[p]]
    clusters: list[list[int]] = []
    for p in places:
        if against[p]:
            fitting = next((c for c in clusters if all(q not in against[p] for q in c)), None)
            if fitting is None:
                clusters.append([p])
            else:
                fitting.append(p)
    groups = []
    for cluster in clusters:
        rows = set.intersection(*(said[p] for p in (*cluster, *filters)))
        if not rows:
            return []
        groups.append(make_group(question, table, sorted(rows), [*cluster, *filters]))
    return groups


def make_group(question: TableQuestion, table: DocumentTable, chosen: Sequence[int], places: Sequence[int]) -> RowGroup:
    """A group; a row whose label is nothing but the asked words stands for itself, unless it names a category."""
    rows = [table.rows[i] for i in chosen]
    wanted = set(places)
    exact = [(row, n) for row in rows for n, cell in enumerate(row.cells) if is_exact(question, cell, wanted)]
    repeated = any(table.column(n).count(row.cells[n]) > 1 for row, n in exact)
    if exact and not repeated:
        first = {id(row) for row, _ in exact}
        rows = [row for row in rows if id(row) in first]
    return RowGroup(rows=tuple(rows), places=frozenset(places), by_category=repeated)


def is_exact(question: TableQuestion, cell: str, places: set[int]) -> bool:
    """Whether a cell says words that select, and nothing else."""
    said = [token for token in tokens_of(cell) if token.is_chinese or token.stem not in ("the", "a")]
    return 0 < len(said) <= len(question.words.cover(cell, literal=True) & places)


def select_by_meaning(question: TableQuestion, selection: Selection, encode: Encode) -> Selection:
    """Rows by the cell whose meaning is far nearer to the unexplained words than that of others."""
    table, words = selection.table, question.words
    open_places = unexplained_places(question, selection.explained | selection.cover.context | header_places(selection))
    cells = sorted({cell for row in table.rows for n, cell in enumerate(row.cells) if is_name(table, row, n)})
    asked = words.text_of(open_places)
    if not re.search(r"[^\W\d_]{3}|[\u4e00-\u9fff]{2}", asked) or len(cells) < FEWEST_CELLS:
        return selection
    vectors = encode([asked, *cells])
    likeness = vectors[1:] @ vectors[0]
    order = np.argsort(-likeness)
    first, second = float(likeness[order[0]]), float(likeness[order[1]])
    deviation = (first - float(likeness.mean())) / max(float(likeness.std()), 0.01)
    if deviation < CHANCES.likeness or first - second < CHANCES.apart:
        return selection
    cell = cells[int(order[0])]
    rows = tuple(row for row in table.rows if cell in row.cells)
    group = RowGroup(rows=rows, places=open_places, by_category=len(rows) > 1)
    return replace(selection, groups=(group,), explained=selection.explained | open_places, factor=CHANCES.by_meaning)


def is_name(table: DocumentTable, row: TableRow, n: int) -> bool:
    """Whether a cell is text of some length."""
    return bool(re.search(r"[^\W\d_]{2}|[\u4e00-\u9fff]", row.cells[n])) and table.value(row, n).is_text


def header_places(selection: Selection) -> Places:
    """Words that any header says."""
    return frozenset().union(*selection.cover.headers)


def unexplained_places(question: TableQuestion, explained: Places) -> Places:
    """Words that neither are free nor explained."""
    return frozenset(range(len(question.words.tokens))) - question.words.free - explained


def weigh_word(question: TableQuestion, n: int) -> float:
    """How much it counts that a word is not explained: numbers, weekdays and months twice."""
    token, named = question.words.tokens[n], question.words.concepts[n]
    exact = token.stem[:1].isdigit() or bool(named & CALENDAR)
    return (0.5 if token.is_chinese else 1.0) * (2 if exact else 1)


def kind_places(question: TableQuestion, table: DocumentTable) -> Places:
    """Single Chinese letters that say what the rows are: in a header, or at the end of most names."""
    names = [row.cells[n] for row in table.rows for n in range(len(row.cells)) if is_name(table, row, n)]
    tokens = question.words.tokens
    return frozenset(
        n
        for n, token in enumerate(tokens)
        if token.is_chinese
        and (
            any(token.text in header for header in table.header)
            or sum(name.endswith(token.text) for name in names) >= max(2, len(table.rows) / 2)
        )
    )


def weigh_explanation(question: TableQuestion, selection: Selection, explained: Places) -> float:
    """The probability that the selection is what the question means."""
    known = selection.explained | explained
    by_context = unexplained_places(question, known) & selection.cover.context
    missing = unexplained_places(question, known | selection.cover.context)
    named = frozenset().union(*(concepts_of(name, of_columns=True) for name in selection.table.header))
    verbs = frozenset(n for n, roles in question.words.roles.items() if roles & named & TOLD_BY_HEADERS)
    missing -= verbs | kind_places(question, selection.table)
    elsewhere = missing & question.words.cover(selection.table.prose) if missing else NO_PLACES
    weight = sum(weigh_word(question, n) for n in missing - elsewhere)
    chance = CHANCES.start * selection.factor * CHANCES.unexplained**weight * CHANCES.elsewhere ** len(elsewhere)
    chance *= CHANCES.whole if weight and not selection.groups else 1.0
    return chance * (CHANCES.context if by_context else 1.0)
