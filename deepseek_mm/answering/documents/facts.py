"""What a document says in labels, rows of tables and sentences about money and terms, as facts that can be compared.

A fact's key is what it is about ("total", "warranty"), or the words of its label or row; so "Warranty: 5 years" and
"The warranty is 10 years on tiles" are the same fact of two documents.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from deepseek_mm.answering.documents.question_words import document_words, is_wide
from deepseek_mm.answering.documents.sections import SectionSentence, read_label, read_sentences
from deepseek_mm.answering.table_programs.words import concepts_of, stem, tokens_of
from deepseek_mm.language.words import quotable
from deepseek_mm.retrieval.quantities import FigureStyle, read_conventions, read_dates, read_numbers
from deepseek_mm.retrieval.tables import DocumentTable, TableRow, find_tables
from index import Region

MOST_VALUE = 110  # letters of a value that is shown
LONGEST_LABEL = 40
LONGEST_SENTENCE = 160  # letters of one that tells a fact
DAYS = {"days": 1, "nights": 1, "weeks": 7, "months": 30, "years": 365}
PRICE = re.compile(r"(?<=\s)\d[\d.,]*[.,]\d\d$")  # behind a quantity in one cell
PERSONAL = re.compile(r"^(?:from|to|cc|dear|tel|phone|fax|e-?mail|address|subject|page)\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentFact:
    """One thing that a document says."""

    key: str  # a kind of fact, or the words of its label
    label: str  # as it is written
    value: str
    region: Region
    style: FigureStyle = FigureStyle()

    @property
    def is_sentence(self) -> bool:
        """Whether the value is the sentence that the label was found in."""
        return self.label in self.value

    @property
    def shown_value(self) -> str:
        """The value as it is told."""
        if not self.is_sentence:
            return self.value
        return f"\u201c{self.value}\u201d" if is_wide(self.value) else f'"{self.value}"'

    @property
    def measure(self) -> tuple[str, Decimal] | None:
        """What its value can be compared by with others: an amount by its unit, a time in days, a date."""
        if dates := [each.day for each in read_dates(self.value, self.style) if isinstance(each.day, date)]:
            return "date", Decimal(dates[0].toordinal())
        numbers = read_numbers(self.value, self.style)
        if not numbers:
            return None
        number = next((each for each in numbers if each.unit), numbers[0])
        if number.unit in DAYS:
            return "days", number.value * DAYS[number.unit]
        return number.unit, number.value


def read_facts(regions: Sequence[Region]) -> list[DocumentFact]:
    """Those of one document, each key once, in order."""
    style = read_conventions(region.text for region in regions)
    sentences = read_sentences(regions)
    labelled = [fact for sentence in sentences for fact in read_labelled(sentence, style)]
    rows = [fact for table in find_tables(regions) if not table.labelled for fact in read_rows(table)]
    known = {fact.key for fact in (*labelled, *rows)}
    told = [fact for sentence in sentences for fact in read_told(sentence, style) if fact.key not in known]
    first: dict[str, DocumentFact] = {}
    for fact in (*labelled, *rows, *told):
        first.setdefault(fact.key, fact)
    return list(first.values())


def key_of(label: str) -> str:
    """What a label is about: a kind of fact, or its words whatever their order."""
    if kind := next((name for name, pattern in document_words().facts.items() if pattern.search(label)), ""):
        return kind
    plain = re.sub(r"\(.*?\)|\uff08.*?\uff09", "", label)
    return " ".join(sorted(stem(token.text) for token in tokens_of(plain)))


def read_labelled(sentence: SectionSentence, style: FigureStyle) -> Iterator[DocumentFact]:
    """The fact of a label with its value; who writes to whom is none."""
    told = read_label(sentence.text) if sentence.kind == "label" else None
    if told is None or PERSONAL.match(told[0]):
        return
    label, value = (part.rstrip(" .;,\u3002\uff1b\uff0c") for part in told)
    if key := key_of(label):
        yield DocumentFact(
            key=key,
            label=quotable(label, LONGEST_LABEL),
            value=quotable(value, MOST_VALUE),
            region=sentence.region,
            style=style,
        )


def read_rows(table: DocumentTable) -> Iterator[DocumentFact]:
    """A fact for each row: its first words, and its money, else its last cell."""
    money = next((n for n, name in enumerate(table.header) if n and "money" in concepts_of(name, of_columns=True)), -1)
    unit = re.search(r"[(\uff08]([^\d()\uff08\uff09]{1,6})[)\uff09]", table.header[money]) if money > 0 else None
    for row in table.rows:
        cell = next((cell for cell in row.cells if re.search(r"[^\W\d_]", cell)), "")
        label = re.sub(r"\s+\d+$", "", cell)
        value = value_of(row, cell, money)
        if not label or not value or not re.search(r"\d", value) or len(label) > LONGEST_LABEL:
            continue
        shown = f"{value} {unit[1]}" if unit and re.fullmatch(r"[\d.,\s]+", value) else value
        yield DocumentFact(
            key=key_of(label), label=quotable(label, LONGEST_LABEL), value=shown, region=row.region, style=table.reading
        )


def value_of(row: TableRow, label: str, money: int) -> str:
    """The cell that counts."""
    if money > 0 and row.cells[money]:
        return quotable(row.cells[money], MOST_VALUE)
    others = [cell for cell in row.cells if cell and cell != label]
    last = others[-1] if others else ""
    price = PRICE.search(last)
    return quotable(price[0] if price else last, MOST_VALUE)


def matches_in(text: str) -> Iterator[tuple[str, re.Match[str]]]:
    """The kinds of facts that a text names, and where."""
    for name, pattern in document_words().facts.items():
        if match := pattern.search(text):
            yield name, match


def read_told(sentence: SectionSentence, style: FigureStyle) -> Iterator[DocumentFact]:
    """The fact of a short sentence that names a kind of fact and a number or a date."""
    text = sentence.text
    if sentence.kind not in ("sentence", "row") or "|" in text or len(text) > LONGEST_SENTENCE:
        return
    if not (read_numbers(text, style) or read_dates(text, style)):
        return
    found = [(match.start(), name, match[0]) for name, match in matches_in(text)]
    if found:
        _, name, label = min(found)
        value = quotable(text.rstrip(".\u3002"), MOST_VALUE)
        yield DocumentFact(key=name, label=label, value=value, region=sentence.region, style=style)
