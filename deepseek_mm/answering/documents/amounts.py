"""Amounts of all documents of a kind: which are above or below a number, and what they come to together.

"Which receipts are over 50 euros", "how much do all receipts come to". The amount of a document is its total, or else
its price. Every one that passes is told with it, the one farthest from the number first; a document that tells no
amount is counted, and never taken for one that does not pass.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from deepseek_mm.answering.documents.document_search import DocumentFinder, DocumentMatch
from deepseek_mm.answering.documents.evidence import CitedRegions
from deepseek_mm.answering.documents.facts import DocumentFact, read_facts
from deepseek_mm.answering.documents.question_words import document_words, kinds_in
from deepseek_mm.language.wording import say
from deepseek_mm.language.words import quote_title
from deepseek_mm.retrieval.quantities import MONEY_UNITS, read_conventions, read_numbers, show_number
from deepseek_mm.types import Draft

ABOVE = re.compile(
    r"\b(?:above|over|more than|greater than|higher than|at least|exceed(?:s|ing)?|(?:\u00fc|ue)ber|mehr als)\b"
    r"|\u8d85\u8fc7|\u9ad8\u4e8e|\u5927\u4e8e|\u591a\u4e8e|\u4ee5\u4e0a",
    re.IGNORECASE,
)
BELOW = re.compile(
    r"\b(?:below|under|less than|lower than|cheaper than|at most|unter|weniger als)\b"
    r"|\u4f4e\u4e8e|\u5c11\u4e8e|\u5c0f\u4e8e|\u4e0d\u5230|\u4ee5\u4e0b|\u4e0d\u8d85\u8fc7",
    re.IGNORECASE,
)
INCLUSIVE = re.compile(r"\bat (?:least|most)\b|\u4ee5\u4e0a|\u4ee5\u4e0b|\u4e0d\u8d85\u8fc7", re.IGNORECASE)
TOGETHER = re.compile(
    r"\b(?:in total|altogether|all together|in all|total of all|sum of (?:all|my|the)|add(?:ed)? up|insgesamt)\b"
    r"|\u603b\u5171|\u4e00\u5171|\u5408\u8ba1|\u52a0\u8d77\u6765",
    re.IGNORECASE,
)
AMOUNTS = ("total", "price", "net")  # keys of facts, the first that a document has
MOST_TOLD, MAX_NAME = 12, 60
SURE, NONE_SURE = 0.9, 0.8  # chances that the ones told are right, and that there are none


@dataclass(frozen=True, kw_only=True, slots=True)
class AmountLimit:
    """What an amount is held against."""

    value: Decimal
    unit: str  # "EUR"; empty where none is said
    below: bool
    inclusive: bool

    def passes(self, amount: Decimal) -> bool:
        """Whether an amount is on the asked side."""
        if amount == self.value:
            return self.inclusive
        return (amount < self.value) == self.below


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentAmount:
    """A document with what it comes to."""

    document: DocumentMatch
    fact: DocumentFact
    amount: Decimal
    unit: str  # "EUR"; empty where none is said

    @property
    def sentence(self) -> str:
        """As a sentence has it."""
        return f"{quote_title(self.document.source.name, MAX_NAME)}: {self.fact.shown_value}"


def read_limit(text: str) -> AmountLimit | None:
    """The limit that a question names; None where it names none, or is not about documents of some kind."""
    below = BELOW.search(text)
    side = below or ABOVE.search(text)
    if side is None or not [kind for kind in kinds_in(text) if kind != "document"]:
        return None
    numbers = [number for number in read_numbers(text) if not number.unit or number.unit in MONEY_UNITS]
    if len(numbers) != 1:
        return None
    inclusive = INCLUSIVE.search(text) is not None
    return AmountLimit(value=numbers[0].value, unit=numbers[0].unit, below=below is not None, inclusive=inclusive)


def answer_limit(text: str, finder: DocumentFinder, language: str) -> Draft | None:
    """Every document of the named kind whose amount passes; None where no limit is asked for, or none has an amount."""
    limit = read_limit(text)
    if limit is None:
        return None
    amounts, num_silent = read_amounts(text, finder, limit.unit)
    if not amounts:
        return None
    passing = sorted((each for each in amounts if limit.passes(each.amount)), key=lambda each: each.amount)
    ordered = passing if limit.below else passing[::-1]
    return tell_amounts(ordered, amounts, num_silent, language)


def answer_sum(text: str, finder: DocumentFinder, language: str) -> Draft | None:
    """What all documents of the named kind come to; None where that is not asked, or their amounts have no one unit."""
    if not TOGETHER.search(text) or not document_words().plurals.search(text) or read_limit(text):
        return None
    amounts, num_silent = read_amounts(text, finder, "")
    if len(amounts) < 2 or len({each.unit for each in amounts}) > 1:
        return None
    places = max(max(0, -int(each.amount.as_tuple().exponent)) for each in amounts)
    total = show_number(sum((each.amount for each in amounts), Decimal(0)), places=places)
    cited = CitedRegions()
    lead = say("limit.sum", language, total=f"{total} {amounts[0].unit}".strip(), of=len(amounts))
    cited.join(lead, [each.fact.region for each in amounts])
    return tell_each(cited, amounts, num_silent, language).draft(SURE)


def read_amounts(text: str, finder: DocumentFinder, unit: str) -> tuple[list[DocumentAmount], int]:
    """What each document of the named kind comes to, and how many do not say it."""
    documents = [match for match in finder.find_named(text) if match.kind]
    amounts = [found for match in documents if (found := read_amount(match, unit)) is not None]
    return amounts, len(documents) - len(amounts)


def read_amount(match: DocumentMatch, unit: str) -> DocumentAmount | None:
    """What a document comes to, in this unit where one is asked for; None where it does not say.

    A label or a row says it, or a line that ends in it, or else a sentence.
    """
    by_key = {fact.key: fact for fact in read_facts(match.regions)}
    facts = [by_key[key] for key in AMOUNTS if key in by_key]
    labelled = (read_fact_amount(match, fact, unit) for fact in facts if not fact.is_sentence)
    told = (read_fact_amount(match, fact, unit) for fact in facts if fact.is_sentence)
    return next(filter(None, labelled), None) or read_total_line(match, unit) or next(filter(None, told), None)


def read_fact_amount(match: DocumentMatch, fact: DocumentFact, unit: str) -> DocumentAmount | None:
    """The amount of a fact, if it is one in this unit."""
    measure = fact.measure
    if measure is None or measure[0] in ("date", "days") or (unit and measure[0] not in ("", unit)):
        return None
    return DocumentAmount(document=match, fact=fact, amount=measure[1], unit=measure[0])


def read_total_line(match: DocumentMatch, unit: str) -> DocumentAmount | None:
    """The last line that speaks of a total and ends in an amount: "Total  63.20 EUR", as tills print it."""
    style = read_conventions(region.text for region in match.regions)
    total = document_words().facts["total"]
    lines = [(region, line.strip()) for region in match.regions for line in region.text.splitlines()]
    for region, line in reversed(lines):
        numbers = [number for number in read_numbers(line, style) if number.unit in ("", *MONEY_UNITS)]
        if not total.search(line) or not numbers or (unit and numbers[-1].unit not in ("", unit)):
            continue
        number = numbers[-1]
        fact = DocumentFact(key="total", label=line.split()[0], value=number.text, region=region, style=style)
        return DocumentAmount(document=match, fact=fact, amount=number.value, unit=number.unit)
    return None


def tell_amounts(
    passing: Sequence[DocumentAmount], amounts: Sequence[DocumentAmount], num_silent: int, language: str
) -> Draft:
    """How many of how many, and each with its amount; where none passes, all that were compared."""
    cited = CitedRegions()
    names = {"n": len(passing), "of": len(amounts)}
    told = passing or amounts
    lead = say("limit.some" if passing else "limit.none", language, **names)
    cited.join(lead, [each.fact.region for each in told[:MOST_TOLD]])
    return tell_each(cited, told, num_silent, language).draft(SURE if passing else NONE_SURE)


def tell_each(cited: CitedRegions, told: Sequence[DocumentAmount], num_silent: int, language: str) -> CitedRegions:
    """With each document and its amount, and how many say none."""
    for each in told[:MOST_TOLD]:
        cited.add(each.sentence, each.fact.region)
    if num_silent:
        cited.state(say("limit.silent", language, n=num_silent))
    return cited
