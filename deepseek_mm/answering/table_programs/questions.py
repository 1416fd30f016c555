"""What a question asks of a table: the operation, the kind of answer, and its numbers, dates and times."""

import re
from dataclasses import dataclass
from datetime import date

from deepseek_mm.answering.table_programs.words import AskedWords, pattern, word_tables
from deepseek_mm.retrieval.quantities import (
    UNITS,
    DateInText,
    FigureStyle,
    Quantity,
    TimeInText,
    read_dates,
    read_numbers,
    read_small_number,
    read_times,
)
from deepseek_mm.types import Act

MOST_OPERATION_WORDS = 6  # by which one is asked for; Chinese letters count as words
PEOPLE = pattern("people")
COUNTED = pattern("counted")
COINS = pattern("coins")
YEAR_END = pattern("year_end")
YEAR_START = pattern("year_start")
SPAN_UNIT = pattern("span_unit")
YEAR = re.compile(r"(?<![\d.,])(?:19|20)\d\d(?!\d)")


@dataclass(frozen=True, kw_only=True, slots=True)
class TableQuestion:
    """A question as the programs read it."""

    words: AskedWords
    language: str
    operations: frozenset[str]  # names of [operations] whose pattern is found
    filters: frozenset[str]
    asks: frozenset[str]
    numbers: tuple[Quantity, ...] = ()
    dates: tuple[DateInText, ...] = ()
    times: tuple[TimeInText, ...] = ()
    people: int = 0  # for how many a recipe is to be scaled
    today: date | None = None
    attribute: str = ""

    @property
    def text(self) -> str:
        """Its words."""
        return self.words.text

    def has(self, *operations: str) -> bool:
        """Whether one of these is asked for."""
        return not self.operations.isdisjoint(operations)

    def places_of(self, *spans: tuple[int, int]) -> frozenset[int]:
        """Places of the tokens within spans of letters."""
        return frozenset(n for span in spans for n in self.words.within(*span))


def read_question(act: Act, language: str, reading: FigureStyle, today: date | None) -> TableQuestion:
    """The question of an act, read as its document writes figures."""
    text = act.text.strip()
    tables = word_tables()
    dates = read_dates(text, reading)
    people = PEOPLE.search(text)
    return TableQuestion(
        words=AskedWords(text),
        language=language,
        operations=frozenset(name for name, pattern in tables.operations.items() if pattern.search(text)),
        filters=frozenset(name for name, pattern in tables.filters.items() if pattern.search(text)),
        asks=read_asks(act, text),
        numbers=tuple(read_numbers(text)),
        dates=tuple(dates),
        times=tuple(read_times(text)),
        people=people_of(people) if people else 0,
        today=today,
        attribute=act.attribute,
    )


def read_asks(act: Act, text: str) -> frozenset[str]:
    """What kind of answer is wanted: of pieces that are counted no amount of money, whatever they cost."""
    asks = frozenset(name for name, words in word_tables().asks.items() if words.search(text)) | asks_of(act)
    pieces = COUNTED.search(text) and not COINS.search(text)
    return (asks - {"money", "price"}) | {"number"} if pieces else asks


def operation_places(question: TableQuestion, name: str) -> frozenset[int]:
    """The words by which an operation is asked for, where they are few."""
    words = word_tables().operations.get(name)
    spans = [found.span() for found in words.finditer(question.text)] if words else []
    places = question.places_of(*spans)
    return places if len(places) <= MOST_OPERATION_WORDS else frozenset()


def people_of(match: re.Match[str]) -> int:
    """How many people were found; 0 where it was no number."""
    return read_small_number(next((group for group in match.groups() if group), "")) or 0


def asked_span(text: str) -> str:
    """The unit of time that is asked for: "nights"; empty for "how long"."""
    match = SPAN_UNIT.search(text)
    return UNITS.get((match["en"] or match["zh"]).lower(), "") if match else ""


def asks_of(act: Act) -> frozenset[str]:
    """What the understanding of a turn says that is asked for."""
    kinds = {"price": "money", "person": "who", "date": "when", "time": "when", "place": "where", "number": "number"}
    return frozenset([kinds[act.attribute]] if act.attribute in kinds else [])


def read_moment(question: TableQuestion) -> date | None:
    """The day that a question speaks of: a day, or the end or the beginning of a year."""
    for words, month, day in ((YEAR_END, 12, 31), (YEAR_START, 1, 1)):
        match = words.search(question.text)
        if match:
            return date(int(match["en"] or match["zh"]), month, day)
    return question.dates[0].day if question.dates else None


def read_year(question: TableQuestion) -> int:
    """A year that stands alone; 0 where none does."""
    found = YEAR.search(question.text)
    return int(found[0]) if found else 0
