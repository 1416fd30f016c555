"""What was so in a year: "where did she work in 2018" is answered by "2015 to 2021: engineer at Pontis AG"."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from deepseek_mm.answering.table_programs.answers import TableAnswer
from deepseek_mm.answering.table_programs.questions import TableQuestion
from deepseek_mm.answering.table_programs.sentences import DocumentSentence
from deepseek_mm.answering.table_programs.words import pattern

ASKED = pattern("held")  # what or where somebody was, or did
STANDS = pattern("period")  # two years, or one and a word for today
SINCE = pattern("since")
YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
NOW = 9999
SURE, ALIKE = 0.96, 0.6  # probability of the only period that has the year, and of one whose document has several


@dataclass(frozen=True, slots=True)
class Period:
    """The years in which a sentence holds."""

    first: int
    last: int
    sentence: DocumentSentence


def find_held(question: TableQuestion, sentences: Sequence[DocumentSentence]) -> TableAnswer | None:
    """The sentence whose years have the one that is asked for inside; None where two have it."""
    asked = YEAR.findall(question.text)
    if len(set(asked)) != 1 or not ASKED.search(question.text):
        return None
    year = int(asked[0])
    inside = [period for each in sentences if (period := read_period(each)) and period.first <= year <= period.last]
    within = [period for period in inside if period.first < year < period.last] or inside
    if len(within) != 1:
        return None
    (period,) = within
    last = "" if period.last == NOW else str(period.last)
    return TableAnswer(
        kind="lookup",
        value=period.sentence.text.rstrip(" .\u3002"),
        operation=f"{period.first} <= {year} <= {last}".removesuffix(" <= "),
        passages=(period.sentence.region,),
        labels=(period.sentence.text,),
        chance=SURE if len(inside) == 1 else ALIKE,
    )


def read_period(sentence: DocumentSentence) -> Period | None:
    """The years of a sentence that begins or ends with them."""
    found = STANDS.search(sentence.text)
    if found:
        return Period(int(found[1]), int(found[2]) if found[2] else NOW, sentence)
    since = SINCE.search(sentence.text)
    return Period(int(since[1]), NOW, sentence) if since else None
