"""Days in prose: ages from a birth date, when a bill is due, weekdays, and how long something lasts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from deepseek_mm.answering.table_programs.answers import ProgramKind, TableAnswer
from deepseek_mm.answering.table_programs.questions import (
    TableQuestion,
    asked_span,
    operation_places,
    read_moment,
    read_year,
)
from deepseek_mm.answering.table_programs.selection import NO_PLACES, Places
from deepseek_mm.answering.table_programs.sentences import DocumentSentence, weigh_sentences
from deepseek_mm.answering.table_programs.spans import (
    BETWEEN_DAYS,
    days_between,
    explained_places,
    time_between,
    weekday_name,
)
from deepseek_mm.answering.table_programs.words import pattern
from deepseek_mm.retrieval.quantities import DateInText, read_dates, read_small_number, read_times

Sentences = Sequence[DocumentSentence]
BIRTH = pattern("birth")
TERMS = pattern("terms")
PAYING = pattern("paying")
BY = pattern("by")
DATED = pattern("dated")
WORKING = pattern("working")
YEARS = pattern("years")
RANGE = pattern("range")
MONTHS_EN = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProseResult:
    """What was worked out from sentences."""

    kind: ProgramKind
    value: str
    operation: str
    used: Sentences
    unit: str = ""


def find_age(question: TableQuestion, sentences: Sentences) -> TableAnswer | None:
    """How old somebody is on a day, from the birth date that a document gives; of two people the one who is named."""
    births = [
        (sentence, days[0])
        for sentence in sentences
        if BIRTH.search(sentence.text) and len(days := full_dates(sentence)) == 1
    ]
    births = named_best(question, births)
    if len(births) != 1:
        return None
    sentence, born = births[0]
    moment, year = read_moment(question), read_year(question)
    if moment is None and year:
        moment = date(year, 12, 31)
    at = moment or question.today or date.today()
    if at < born.day:
        return None
    had = (at.month, at.day) >= (born.day.month, born.day.day)
    age = at.year - born.day.year - (not had)
    less = "" if had else " - 1"
    told = f"{at.year} - {born.day.year}{less} = {age}"
    spans = [match.span() for match in re.finditer(r"(?:19|20)\d\d(?:\u5e74[\u5e95\u672b\u521d]?)?", question.text)]
    return give(
        question,
        ProseResult(
            kind="age", value=str(age), operation=f"{told} ({born.text} \u2192 {at.isoformat()})", used=[sentence]
        ),
        sentences,
        question.places_of(*spans, *(day.span for day in question.dates)),
    )


def named_best(
    question: TableQuestion, found: list[tuple[DocumentSentence, DateInText]]
) -> list[tuple[DocumentSentence, DateInText]]:
    """Those whose sentence says most of the question's own words, where there are several."""
    if len(found) < 2:
        return found
    said = [len(question.words.cover(sentence.text) - question.words.free) for sentence, _ in found]
    return [each for each, n in zip(found, said, strict=True) if n == max(said)] if max(said) else []


def full_dates(sentence: DocumentSentence) -> list[DateInText]:
    """The days of a sentence that are written with their year and cannot be meant otherwise."""
    return [day for day in read_dates(sentence.text) if day.certain and day.day.year > 1]


def known_dates(sentence: DocumentSentence) -> list[DateInText]:
    """The days of a sentence, those without a year in the document's."""
    return [day for day in read_dates(sentence.text, sentence.reading) if day.certain and day.day.year > 1]


def find_due(question: TableQuestion, sentences: Sentences) -> TableAnswer | None:
    """When a bill has to be paid: the day that is written, or the bill's day and the days that it allows."""
    paying = [sentence for sentence in sentences if PAYING.search(sentence.text)]
    stated = [
        (sentence, days[-1])
        for sentence in paying
        if BY.search(sentence.text) and len(days := known_dates(sentence)) == 1
    ]
    terms = [
        (sentence, match)
        for sentence in paying
        if (match := TERMS.search(sentence.text)) and not WORKING.search(sentence.text)
    ]
    if len(stated) == 1 and not terms:
        sentence, day = stated[0]
        return give(
            question,
            ProseResult(
                kind="due", value=show_day(day.day, question.language), operation=sentence.text, used=[sentence]
            ),
            sentences,
        )
    if len(terms) != 1:
        return None
    sentence, match = terms[0]
    path = sentence.region.source.path
    dated = [
        (other, days[0])
        for other in sentences
        if other.region.source.path == path and DATED.search(other.text) and (days := full_dates(other))
    ]
    allowed = read_days(match)
    if not dated or not allowed or len({day.day for _, day in dated}) != 1:
        return None
    other, day = dated[0]
    due = day.day + timedelta(days=allowed)
    operation = f"{day.text} + {allowed} days = {show_day(due, question.language)}"
    return give(
        question,
        ProseResult(kind="due", value=show_day(due, question.language), operation=operation, used=[other, sentence]),
        sentences,
    )


def read_days(match: re.Match[str]) -> int:
    """How many days a term gives."""
    many = read_small_number(match["en"] or match["after"] or match["zh"] or "") or 0
    weeks = (match["unit"] or match["unit2"] or "").lower() == "weeks" or match["zhunit"] == "\u5468"
    return many * (7 if weeks else 1)


def show_day(day: date, language: str) -> str:
    """As it is written in English or Chinese."""
    if language == "zh":
        return f"{day.year}\u5e74{day.month}\u6708{day.day}\u65e5"
    return f"{day.day} {MONTHS_EN[day.month - 1]} {day.year}"


def find_weekday(question: TableQuestion, sentences: Sentences) -> TableAnswer | None:
    """The weekday of the question's own day, or of the one day in the sentence that says its words."""
    own = [day for day in question.dates if day.certain and day.day.year > 1]
    if own:
        day = own[0]
        value = weekday_name(day.day, question.language)
        near = [s for s in sentences if any(other.day == day.day for other in known_dates(s))][:1] or sentences[:1]
        return give(
            question,
            ProseResult(kind="weekday", value=value, operation=f"{day.day.isoformat()} = {value}", used=near),
            sentences,
            question.places_of(day.span),
        )
    dated = named_only(question, [s for s in sentences if len(known_dates(s)) == 1])
    if dated is None:
        return None
    day = known_dates(dated)[0]
    value = weekday_name(day.day, question.language)
    return give(
        question,
        ProseResult(
            kind="weekday", value=value, operation=f"{day.text} ({day.day.isoformat()}) = {value}", used=[dated]
        ),
        sentences,
    )


def named_only(question: TableQuestion, sentences: Sentences) -> DocumentSentence | None:
    """The one sentence that says most of the question's words; None where two do, or none does."""
    said = [(len(question.words.cover(sentence.text) - question.words.free), n) for n, sentence in enumerate(sentences)]
    best = max(said, default=(0, 0))
    if not best[0]:
        return (
            sentences[0]
            if len(sentences) == 1 and not set(range(len(question.words.tokens))) - question.words.free
            else None
        )
    return sentences[best[1]] if sum(count == best[0] for count, _ in said) == 1 else None


def find_span(question: TableQuestion, sentences: Sentences) -> TableAnswer | None:
    """How long it is from the one day, time or year of a sentence to the other."""
    unit = asked_span(question.text)
    spans = [sentence for sentence in sentences if RANGE.search(sentence.text) and has_span(sentence, unit)]
    chosen = named_only(question, spans)
    if chosen is None and len(spans) == 1 and unit == "nights":
        chosen = spans[0]
    if chosen is None:
        return None
    told = measure_span(chosen, unit)
    if told is None or (unit == "days" and not BETWEEN_DAYS.search(question.text)):
        return None
    value, shown, operation = told
    return give(
        question,
        ProseResult(kind="span", value=value, operation=operation, used=[chosen], unit=shown),
        sentences,
        explained_places(question),
    )


def has_span(sentence: DocumentSentence, unit: str) -> bool:
    """Whether a sentence holds two ends of what is asked for."""
    return measure_span(sentence, unit) is not None


def measure_span(sentence: DocumentSentence, unit: str) -> tuple[str, str, str] | None:
    """Number, unit and operation."""
    days, times = known_dates(sentence), read_times(sentence.text)
    if len(days) == 2 and unit in ("", "nights", "days", "weeks", "months", "years"):
        return days_between(days[0], days[1], unit)
    if len(times) == 2 and len(days) <= 1 and unit in ("", "hours", "minutes"):
        return time_between(times[0].minutes, times[1].minutes, unit, (times[0].text, times[1].text))
    years = YEARS.search(sentence.text)
    if years and not days and unit in ("", "years"):
        first, last = int(years[1]), int(years[2])
        return (str(last - first), "years", f"{last} - {first} = {last - first}") if last > first else None
    return None


def give(question: TableQuestion, worked: ProseResult, every: Sentences, explained: Places = NO_PLACES) -> TableAnswer:
    """An answer from sentences."""
    known = explained | operation_places(question, worked.kind)
    return TableAnswer(
        kind=worked.kind,
        value=worked.value,
        unit=worked.unit,
        operation=worked.operation,
        passages=tuple(sentence.region for sentence in worked.used),
        labels=tuple(sentence.text for sentence in worked.used),
        chance=weigh_sentences(question, worked.used, every, known),
    )
