"""Bills and recipes: the amount before tax, and what a recipe needs for another number of people."""

from collections.abc import Sequence
from decimal import Decimal

from deepseek_mm.answering.table_programs.answers import TIMES, TableAnswer, places_of, round_to, tidy
from deepseek_mm.answering.table_programs.columns import COUNTED, is_money, is_numeric, label_of, numbers_of
from deepseek_mm.answering.table_programs.lookups import shown_unit
from deepseek_mm.answering.table_programs.questions import PEOPLE, TableQuestion, people_of
from deepseek_mm.answering.table_programs.selection import NO_PLACES, Selection, weigh_explanation
from deepseek_mm.answering.table_programs.words import concepts_of, pattern
from deepseek_mm.retrieval.quantities import Quantity, show_number
from deepseek_mm.retrieval.tables import DocumentTable, TableRow

NET = pattern("net")
TAX = pattern("tax")
GROSS = pattern("gross")
NOT_GROSS = pattern("not_gross")
ROUNDING = 3  # decimals of an amount that is scaled
MOST_SCALED = 12  # ingredients that are told

Amount = tuple[TableRow, Quantity]


def run_net(question: TableQuestion, selection: Selection) -> TableAnswer | None:
    """The line that says so, or the total less the tax; nothing where the two contradict each other."""
    table = selection.table
    column = max((n for n in range(len(table.header)) if is_numeric(table, n, last_rows(table))), default=-1)
    if column < 0:
        return None
    named = [(label_of(table, row, column), (row, number)) for row, number in numbers_of(table, table.rows, column)]
    nets = [amount for label, amount in named if NET.search(label)]
    taxes = [
        amount for label, amount in named if TAX.search(label) and not NET.search(label) and not GROSS.search(label)
    ]
    totals = [amount for label, amount in named if GROSS.search(label) and not NOT_GROSS.search(label)]
    net, tax, total = (group[-1] if group else None for group in (nets, taxes, totals))
    worked = total[1].value - tax[1].value if total and tax else None
    if net is None and worked is None:
        return None
    if net is not None and worked is not None and net[1].value != worked:
        return None
    used = [amount for amount in ((total, tax) if worked is not None else (net,)) if amount is not None]
    rows = [*([net[0]] if net else []), *(row for row, _ in used if net is None or row is not net[0])]
    return tell_net(question, selection, column, used, rows)


def last_rows(table: DocumentTable) -> list[TableRow]:
    """The rows that are called totals or taxes."""
    return [row for row in table.rows if any(GROSS.search(c) or NET.search(c) or TAX.search(c) for c in row.cells)]


def tell_net(
    question: TableQuestion, selection: Selection, n: int, used: Sequence[Amount], rows: Sequence[TableRow]
) -> TableAnswer:
    """The amount before tax, with how it is worked out."""
    table, numbers = selection.table, [number for _, number in used]
    places = places_of(numbers)
    shown = [show_number(number.value, places=places) for number in numbers]
    worked = numbers[0].value - (numbers[1].value if len(numbers) > 1 else 0)
    value = show_number(worked, places=places)
    operation = f"{shown[0]} - {shown[1]} = {value}" if len(shown) > 1 else f"{label_of(table, rows[0], n)}: {value}"
    explained = frozenset(
        p for p, names in question.words.roles.items() if names & {"tax", "net", "total", "money"}
    ) | frozenset(p for p, names in question.words.concepts.items() if "tax" in names)
    return TableAnswer(
        kind="net",
        value=value,
        unit=shown_unit(table, [row for row, _ in used[:1]], n, numbers[:1]),
        operation=operation,
        rows=tuple(rows),
        labels=tuple(label_of(table, row, n) for row in rows),
        column=table.header[n],
        chance=weigh_explanation(question, selection, explained),
    )


def run_scale(question: TableQuestion, selection: Selection) -> TableAnswer | None:
    """The amounts of a recipe for the number of people that is asked for."""
    table = selection.table
    base, said = base_people(table)
    if not question.people or not base:
        return None
    rows = [row for row in selection.rows or table.rows]
    column = next((n for n in reversed(range(len(table.header))) if is_measured(table, n, rows)), -1)
    found = [(row, number) for row, number in numbers_of(table, rows, column)] if column >= 0 else []
    if not found or len(found) > MOST_SCALED or (not selection.groups and len(found) < 2):
        return None
    told = [scale_amount(number, question.people, base) for _, number in found]
    labels = [label_of(table, row, column) for row, _ in found]
    steps = [
        f"{number.text} {TIMES} {question.people} / {base} = {shown}"
        for (_, number), (_, shown) in zip(found, told, strict=True)
    ]
    single = len(found) == 1
    unit = found[0][1].shown_unit if single else ""
    people = question.places_of(*(match.span() for match in PEOPLE.finditer(question.text)))
    return TableAnswer(
        kind="scale",
        value=told[0][0]
        if single
        else "; ".join(f"{label}: {shown}" for label, (_, shown) in zip(labels, told, strict=True)),
        unit=unit,
        operation="; ".join(steps) if single else f"{TIMES} {question.people} / {base} ({said}): " + "; ".join(steps),
        rows=tuple(row for row, _ in found),
        labels=tuple(labels),
        column=table.header[column],
        chance=weigh_explanation(question, selection, people | question.words.cover(table.header[column])),
    )


def run_product(question: TableQuestion, selection: Selection) -> TableAnswer | None:
    """Pieces times the price of one, added up, of a table that has no column of amounts."""
    table = selection.table
    rows = selection.entries
    pieces, prices = (
        [
            n
            for n in range(len(table.header))
            if role in concepts_of(table.header[n], of_columns=True) and is_numeric(table, n)
        ]
        for role in ("quantity", "each")
    )
    amounts = [n for n in range(len(table.header)) if is_money(table, n) and n not in prices]
    if COUNTED.search(question.text) or len(pieces) != 1 or len(prices) != 1 or amounts or pieces == prices or not rows:
        return None
    counts, costs = (numbers_of(table, rows, n) for n in (pieces[0], prices[0]))
    if len(counts) != len(rows) or len(costs) != len(rows):
        return None
    pairs = [(many, price) for (_, many), (_, price) in zip(counts, costs, strict=True)]
    places = places_of([price for _, price in pairs])
    total = sum((many.value * price.value for many, price in pairs), Decimal(0))
    steps = [f"{show_number(many.value)} {TIMES} {show_number(price.value, places=places)}" for many, price in pairs]
    return TableAnswer(
        kind="sum",
        value=show_number(total, places=places),
        unit=shown_unit(table, rows, prices[0], [price for _, price in pairs]),
        operation=f"{' + '.join(steps)} = {show_number(total, places=places)}",
        rows=tuple(rows),
        labels=tuple(label_of(table, row) for row in rows),
        column=table.header[prices[0]],
        chance=weigh_explanation(question, selection, NO_PLACES),
    )


def is_measured(table: DocumentTable, n: int, rows: Sequence[TableRow]) -> bool:
    """Whether a column holds amounts."""
    return is_numeric(table, n, rows)


def base_people(table: DocumentTable) -> tuple[int, str]:
    """For how many a recipe is, and the words that say so; 0 where nothing does."""
    for text in (
        table.title,
        table.context,
        *(f"{row.cells[0]} {row.cells[-1]}" for row in table.rows if table.labelled),
    ):
        for match in PEOPLE.finditer(text):
            if many := people_of(match):
                return many, match[0]
    return 0, ""


def scale_amount(number: Quantity, people: int, base: int) -> tuple[str, str]:
    """The scaled number, and with its unit."""
    scaled = tidy(round_to(number.value * people / Decimal(base), ROUNDING))
    apart = " " if number.shown_unit.isascii() and number.shown_unit else ""
    return scaled, f"{scaled}{apart}{number.shown_unit}"
