"""Amounts in prose, with the words around them as their labels: added up, the rest of a whole, and what is missing.

"The rent is 1,180 euros and the service charges are 205 euros" has two labelled amounts. They are added up where a
total is asked for and all of them are of one kind: the same unit, the same period, no limits and no deposit.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from deepseek_mm.answering.table_programs.answers import TIMES, TableAnswer, places_of, show_sum
from deepseek_mm.answering.table_programs.prose_dates import ProseResult, give
from deepseek_mm.answering.table_programs.questions import TableQuestion
from deepseek_mm.answering.table_programs.sentences import DocumentSentence
from deepseek_mm.answering.table_programs.words import pattern
from deepseek_mm.retrieval.quantities import MONEY_UNITS, Quantity, read_numbers, show_number

Sentences = Sequence[DocumentSentence]
TOTAL = pattern("total")
LIMIT = pattern("limit")
PERIODS = {
    "month": re.compile(
        r"\b(?:a|per|each|every) month\b|\bmonthly\b|/\s?month|\u6bcf\u4e2a?\u6708|\u6708\u79df", re.IGNORECASE
    ),
    "year": re.compile(r"\b(?:a|per|each|every) year\b|\b(?:yearly|annually|annual)\b|\u6bcf\u5e74", re.IGNORECASE),
    "week": re.compile(r"\b(?:a|per|each|every) week\b|\bweekly\b|\u6bcf\u5468", re.IGNORECASE),
    "day": re.compile(
        r"\b(?:a|per|each|every) (?:day|night)\b|\bdaily\b|\u6bcf(?:\u5929|\u665a|\u65e5)", re.IGNORECASE
    ),
}
REST = pattern("rest")
WHOLE = pattern("whole")
COST = pattern("cost")
HAVE = pattern("have")
PER_PIECE = pattern("per_piece")
PIECES = {
    **{"night": "nights", "hour": "hours", "day": "days", "person": "people", "month": "months", "week": "weeks"},
    **{
        "year": "years",
        "adult": "people",
        "\u665a": "nights",
        "\u5c0f\u65f6": "hours",
        "\u5929": "days",
        "\u4eba": "people",
    },
    **{"\u4f4d": "people", "\u6708": "months", "\u5468": "weeks"},
}
MOST_AMOUNTS = 6  # of a sum


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledAmount:
    """An amount of money in a sentence and the words around it, from the amount before to the one after."""

    number: Quantity
    label: str
    sentence: DocumentSentence

    @property
    def period(self) -> str:
        """For how long it is: "month"; empty where nothing says so."""
        return period_of(self.label) or period_of(self.sentence.text)


def period_of(text: str) -> str:
    """The one period that a text names."""
    named = [name for name, pattern in PERIODS.items() if pattern.search(text)]
    return named[0] if len(named) == 1 else ""


def amounts_of(sentence: DocumentSentence) -> list[LabelledAmount]:
    """The amounts of money of a sentence with their labels."""
    numbers = [number for number in read_numbers(sentence.text, sentence.reading) if number.unit in MONEY_UNITS]
    starts = [0, *(number.span[1] for number in numbers)]
    ends = [*(number.span[0] for number in numbers[1:]), len(sentence.text)]
    return [
        LabelledAmount(number=number, label=label_around(sentence.text, start, number.span, end), sentence=sentence)
        for number, start, end in zip(numbers, starts, ends, strict=False)
    ]


def label_around(text: str, start: int, span: tuple[int, int], end: int) -> str:
    """The words before an amount, and those after it up to the next comma or "and"."""
    after = re.split(r"[,;\uff0c\uff1b]|\band\b|\u548c", text[span[1] : end])[0]
    return f"{text[start : span[0]]} {after}".strip(" ,;\uff0c\uff1b.")


def find_total(question: TableQuestion, sentences: Sentences) -> TableAnswer | None:
    """The total that a sentence states, or the sum of its amounts; of a paragraph where all are for one period."""
    groups = [amounts_of(sentence) for sentence in sentences]
    paragraphs: dict[int, list[LabelledAmount]] = {}
    for amounts in groups:
        for amount in amounts:
            paragraphs.setdefault(amount.sentence.paragraph, []).append(amount)
    candidates = [amounts for amounts in groups if len(amounts) > 1]
    candidates += [
        amounts
        for amounts in paragraphs.values()
        if len(amounts) > 1 and amounts not in candidates and asked_period(question)
    ]
    fitting = [kept for amounts in candidates if len(kept := fit_amounts(question, amounts)) > 1]
    said = [len(cover_amounts(question, amounts)) for amounts in fitting]
    best = max(said, default=0)
    chosen = [amounts for amounts, n in zip(fitting, said, strict=True) if n == best]
    if len(chosen) > 1 and all(set(a) <= set(chosen[-1]) for a in chosen):
        chosen = chosen[-1:]
    if len(chosen) != 1 or not (best or len(fitting) == 1):
        return None
    return tell_sum(question, chosen[0], sentences)


def asked_period(question: TableQuestion) -> str:
    """The period that the question names."""
    return period_of(question.text)


def cover_amounts(question: TableQuestion, amounts: Sequence[LabelledAmount]) -> frozenset[int]:
    """The question's own words that the labels say."""
    said = frozenset().union(*(question.words.cover(amount.label) for amount in amounts))
    return said - question.words.free


def fit_amounts(question: TableQuestion, amounts: Sequence[LabelledAmount]) -> list[LabelledAmount]:
    """The amounts that can be added up; none where they are of different kinds, or a total is among them."""
    if any(TOTAL.search(amount.label) or REST.search(amount.label) or WHOLE.search(amount.label) for amount in amounts):
        return []
    kept = [amount for amount in amounts if not LIMIT.search(amount.label)]
    named = [amount for amount in kept if question.words.cover(amount.label) - question.words.free]
    if len(named) > 1 and len(named) < len(kept):
        kept = named
    wanted = asked_period(question)
    periods = {amount.period for amount in kept}
    units = {amount.number.unit for amount in kept}
    one_kind = len(units) == 1 and len(periods) == 1 and not (wanted and periods - {wanted, ""})
    return kept if one_kind and 1 < len(kept) <= MOST_AMOUNTS else []


def tell_sum(question: TableQuestion, amounts: Sequence[LabelledAmount], every: Sentences) -> TableAnswer:
    """The amounts added up."""
    numbers = [amount.number for amount in amounts]
    total = sum((number.value for number in numbers), Decimal(0))
    used = list(dict.fromkeys(amount.sentence for amount in amounts))
    value = show_number(total, places=places_of(numbers))
    period = question.places_of(*(m.span() for pattern in PERIODS.values() for m in pattern.finditer(question.text)))
    return give(
        question,
        ProseResult(kind="sum", value=value, operation=show_sum(numbers, total), used=used, unit=numbers[0].shown_unit),
        every,
        period,
    )


def find_product(question: TableQuestion, sentences: Sentences) -> TableAnswer | None:
    """A price for each night or hour times their number, where one sentence says both."""
    found = [(sentence, told) for sentence in sentences if (told := multiply(sentence)) is not None]
    if len(found) != 1:
        return None
    sentence, (many, price) = found[0]
    value = show_number(many.value * price.value, places=places_of([price]))
    shown = [show_number(many.value), show_number(price.value, places=places_of([price]))]
    return give(
        question,
        ProseResult(
            kind="sum",
            value=value,
            operation=f"{shown[0]} {TIMES} {shown[1]} = {value}",
            used=[sentence],
            unit=price.shown_unit,
        ),
        sentences,
    )


def multiply(sentence: DocumentSentence) -> tuple[Quantity, Quantity] | None:
    """The number of pieces and the price of one."""
    if TOTAL.search(sentence.text):
        return None
    each = PER_PIECE.search(sentence.text)
    numbers = read_numbers(sentence.text, sentence.reading)
    prices = [number for number in numbers if number.unit in MONEY_UNITS]
    unit = PIECES.get((each["en"] or each["zh"]).lower(), "") if each else ""
    pieces = [number for number in numbers if number.unit == unit]
    return (pieces[0], prices[0]) if unit and len(pieces) == len(prices) == 1 else None


def find_rest(question: TableQuestion, sentences: Sentences) -> TableAnswer | None:
    """What remains of a whole for what is asked for: "900 go to the food bank and the rest to the frame"."""
    found = [(sentence, told) for sentence in sentences if (told := read_rest(sentence)) is not None]
    fitting = [
        (s, told)
        for s, told in found
        if question.words.cover(told[2]) - question.words.free or REST.search(question.text)
    ]
    if len(fitting) != 1:
        return None
    sentence, (numbers, rest, label) = fitting[0]
    parts = [amount for amount in amounts_of(sentence)[1:]]
    label_words = question.words.cover(label) - question.words.free
    others = frozenset().union(*(question.words.cover(amount.label) for amount in parts)) if parts else frozenset()
    if not label_words - others and not REST.search(question.text):
        return None
    return give(
        question,
        ProseResult(kind="rest", value=rest[0], operation=rest[1], used=[sentence], unit=numbers[0].shown_unit),
        sentences,
    )


def read_rest(sentence: DocumentSentence) -> tuple[list[Quantity], tuple[str, str], str] | None:
    """The amounts of a sentence that names a whole, its parts and a rest; the rest with its operation; its label."""
    mark = REST.search(sentence.text)
    numbers = [amount.number for amount in amounts_of(sentence)]
    if mark is None or len(numbers) < 2 or len({number.unit for number in numbers}) != 1:
        return None
    whole, *parts = numbers
    if numbers[-1].span[0] > mark.start():
        return None  # the rest is told
    rest = whole.value - sum((part.value for part in parts), Decimal(0))
    if rest < 0:
        return None
    places = places_of(numbers)
    shown = [show_number(number.value, places=places) for number in numbers]
    value = show_number(rest, places=places)
    return numbers, (value, f"{' - '.join(shown)} = {value}"), sentence.text[mark.end() :]


def find_missing(question: TableQuestion, sentences: Sentences) -> TableAnswer | None:
    """What a thing costs less what there is for it."""
    costs = [
        amount
        for s in sentences
        for amount in amounts_of(s)
        if COST.search(amount.label) and not HAVE.search(amount.label)
    ]
    costs = best_named(question, costs)
    if len(costs) != 1:
        return None
    cost = costs[0]
    near = [s for s in sentences if s.region.source.path == cost.sentence.region.source.path]
    rests = [(s, told) for s in near if (told := read_rest(s)) is not None]
    if len(rests) == 1:
        sentence, (numbers, (value, operation), _) = rests[0]
        have, steps = Decimal(value), f"{operation}; "
    else:
        raised = [a for s in near for a in amounts_of(s) if HAVE.search(a.label) and a.number != cost.number]
        if len(raised) != 1:
            return None
        sentence, numbers, steps = raised[0].sentence, [raised[0].number], ""
        have = raised[0].number.value
    if numbers[0].unit != cost.number.unit or have >= cost.number.value:
        return None
    places = places_of([*numbers, cost.number])
    shown = [show_number(each, places=places) for each in (cost.number.value, have, cost.number.value - have)]
    operation = f"{steps}{shown[0]} - {shown[1]} = {shown[2]}"
    used = list(dict.fromkeys((sentence, cost.sentence)))
    return give(
        question,
        ProseResult(kind="missing", value=shown[2], operation=operation, used=used, unit=cost.number.shown_unit),
        sentences,
    )


def best_named(question: TableQuestion, amounts: Sequence[LabelledAmount]) -> list[LabelledAmount]:
    """Those whose sentence says most of the question's own words."""
    said = [len(question.words.cover(amount.sentence.text) - question.words.free) for amount in amounts]
    return [amount for amount, n in zip(amounts, said, strict=True) if n == max(said)]
