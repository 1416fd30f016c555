"""Questions that sentences answer by a calculation: ages, due days, weekdays, lengths of time, and amounts."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date

from deepseek_mm.answering.table_programs.answers import TableAnswer
from deepseek_mm.answering.table_programs.prose_amounts import find_missing, find_product, find_rest, find_total
from deepseek_mm.answering.table_programs.prose_dates import find_age, find_due, find_span, find_weekday
from deepseek_mm.answering.table_programs.prose_years import find_held
from deepseek_mm.answering.table_programs.questions import TableQuestion, read_question
from deepseek_mm.answering.table_programs.selection import CHANCES
from deepseek_mm.answering.table_programs.sentences import DocumentSentence, split_regions
from deepseek_mm.answering.table_programs.words import pattern
from deepseek_mm.types import Act
from index import Region

RESTS = pattern("rests")  # asks for a part of an amount
ProseProgram = Callable[[TableQuestion, Sequence[DocumentSentence]], TableAnswer | None]
PROSE_PROGRAMS: dict[str, ProseProgram] = {  # by the operation that asks for them, in the order in which they try
    "age": find_age,
    "due": find_due,
    "weekday": find_weekday,
    "missing": find_missing,
    "span": find_span,
    "sum": find_total,
}


def answer_from_passages(
    act: Act, language: str, regions: Iterable[Region], *, today: date | None = None
) -> TableAnswer | None:
    """What is worked out from the sentences of passages; None where nothing is, or it is not sure."""
    sentences = split_regions(regions)
    if not sentences:
        return None
    question = read_question(act, language, sentences[0].reading, today)
    answer = next((told for told in try_programs(question, sentences) if told is not None), None)
    return answer if answer is not None and answer.chance >= CHANCES.least else None


def try_programs(question: TableQuestion, sentences: Sequence[DocumentSentence]) -> Iterable[TableAnswer | None]:
    """What each program that the question asks for says."""
    for name, program in PROSE_PROGRAMS.items():
        if name in question.operations:
            yield program(question, sentences)
            if name == "sum":
                yield find_product(question, sentences)
    yield find_held(question, sentences)
    if RESTS.search(question.text) and ("money" in question.asks or "share" in question.operations):
        yield find_rest(question, sentences)
