"""Questions over tables, each answered by a program that is shown; nothing where it is not sure what is meant.

`answer_from_tables` reads the question once for each table, lets the programs that it asks for try in turn, and gives
the surest answer; where two tables answer differently and alike surely, nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date

from deepseek_mm.answering.table_programs.answers import TableAnswer
from deepseek_mm.answering.table_programs.bills import run_net, run_product, run_scale
from deepseek_mm.answering.table_programs.extremes import run_largest, run_ranked, run_smallest
from deepseek_mm.answering.table_programs.filters import direct_rows, filter_rows, list_rows
from deepseek_mm.answering.table_programs.lookups import run_lookup
from deepseek_mm.answering.table_programs.questions import TableQuestion, operation_places, read_question
from deepseek_mm.answering.table_programs.selection import CHANCES, NO_PLACES, Selection, select_rows
from deepseek_mm.answering.table_programs.spans import run_span, run_weekday
from deepseek_mm.answering.table_programs.sums import (
    is_grand_total,
    run_average,
    run_count,
    run_difference,
    run_share,
    run_sum,
)
from deepseek_mm.answering.table_programs.words import pattern, word_tables
from deepseek_mm.embeddings.space import Encode
from deepseek_mm.retrieval.quantities import read_numbers
from deepseek_mm.retrieval.tables import DocumentTable
from deepseek_mm.types import Act

Program = Callable[[TableQuestion, Selection], TableAnswer | None]


def run_bill(question: TableQuestion, selection: Selection) -> TableAnswer | None:
    """Prices times pieces where a table has these alone, else a column added up."""
    return run_product(question, selection) or run_sum(question, selection)


PROGRAMS: dict[str, Program] = {  # in the order in which they try; a question's own words choose
    "weekday": run_weekday,
    "net": run_net,
    "share": run_share,
    "difference": run_difference,
    "scale": run_scale,
    "average": run_average,
    "ranked": run_ranked,
    "smallest": run_smallest,
    "largest": run_largest,
    "span": run_span,
    "count": run_count,
    "sum": run_bill,
}
ALONE = frozenset(("weekday", "net", "share", "difference", "scale", "average", "missing"))  # or nothing
MEASURE = pattern("measure")  # what "how long" is answered by
LASTING = pattern("lasting")  # a length of time
WHICH_NOUN = pattern("which_noun")  # what the answer has to be, where Chinese says "which university"
AMOUNT = pattern("amount")  # no year alone
ALIKE = 0.06  # of probability, within which two tables that differ answer nothing


def answer_from_tables(
    act: Act,
    language: str,
    tables: Sequence[DocumentTable],
    encode: Encode | None = None,
    *,
    today: date | None = None,
    trust: float = 1.0,
) -> TableAnswer | None:
    """The surest answer of any table; None where none is sure enough, or two are that differ. `trust` is an exponent of
    probabilities: below 1 where the document is known to be meant. Lines with a label have nothing but it to go by.
    """
    answers = [
        replace(answer, chance=answer.chance ** (1.0 if table.labelled else trust))
        for table in tables
        for answer in answers_of(act, language, table, encode, today)
    ]
    ranked = sorted(answers, key=lambda answer: -answer.chance)
    if not ranked or ranked[0].chance < CHANCES.least:
        return None
    best = next((answer for answer in ranked if is_grand_total(answer)), ranked[0])
    rivals = [other for other in ranked if other.text != best.text and best.chance - other.chance < ALIKE]
    return None if rivals and not is_grand_total(best) else best


def answers_of(
    act: Act, language: str, table: DocumentTable, encode: Encode | None, today: date | None
) -> Iterator[TableAnswer]:
    """What one table answers: at most one answer, by the first program that has one."""
    question = read_question(act, language, table.reading, today)
    if not question.words.tokens:
        return
    filtered, places = filter_rows(question, direct_rows(question, table))
    question = replace(question, numbers=()) if places else question  # what filtered selects nothing
    selection = select_rows(question, filtered, encode)
    selection = replace(selection, explained=selection.explained | places)
    if places and "which" in question.asks and not question.operations and not selection.groups:
        yield list_rows(question, selection)
        return
    asked = [name for name in PROGRAMS if name in question.operations or (name == "scale" and question.people)]
    for name in asked:
        own = selection.explained | operation_places(question, name)
        answer = PROGRAMS[name](question, replace(selection, explained=own))
        if answer is not None:
            yield answer
            return
        if name in ALONE:
            return
    if ALONE.isdisjoint(question.operations):
        answer = run_lookup(question, with_superlatives(question, selection))
        whole = answer is not None and answer.kind == "list" and is_spending(question, selection)
        answer = run_sum(question, selection) if whole else answer
        if answer is not None and is_fit(question, answer):
            yield answer


def is_fit(question: TableQuestion, answer: TableAnswer) -> bool:
    """Whether what was looked up can be how long something is, or a total, where that is asked for."""
    if question.has("span") and not (MEASURE.search(answer.value) and LASTING.search(f"{answer.text} {answer.column}")):
        return False
    if "money" in question.asks and not AMOUNT.search(answer.text):
        return False
    noun = WHICH_NOUN.search(question.text)
    if noun and noun[1] not in f"{answer.text} {answer.column} {' '.join(answer.labels)}":
        return False
    return not question.has("sum") or bool(read_numbers(answer.value))


def is_spending(question: TableQuestion, selection: Selection) -> bool:
    """Whether the money of a category or a person is asked for, which several rows make up."""
    return "money" in question.asks and len(selection.groups) == 1 and selection.groups[0].by_category


def with_superlatives(question: TableQuestion, selection: Selection) -> Selection:
    """The selection, less sure where the question's superlative is nothing that its rows say."""
    if not question.has("largest", "smallest", "average", "count"):
        return selection
    patterns = [word_tables().operations[name] for name in ("largest", "smallest") if name in question.operations]
    spans = [found.span() for pattern in patterns for found in pattern.finditer(question.text)]
    said = (
        frozenset().union(*(question.words.cover(row.text) for row in selection.rows)) if selection.rows else NO_PLACES
    )
    doubted = question.places_of(*spans) - said
    return replace(selection, factor=selection.factor * CHANCES.unexplained ** bool(doubted))
