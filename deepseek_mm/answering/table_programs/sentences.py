"""The sentences of passages as programs read them: with the words of a question that each of them says."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from deepseek_mm.answering.table_programs.questions import TableQuestion
from deepseek_mm.answering.table_programs.selection import CHANCES, Places, unexplained_places, weigh_word
from deepseek_mm.retrieval.quantities import FigureStyle, read_conventions
from deepseek_mm.retrieval.sentences import split_sentences
from deepseek_mm.retrieval.tables import is_row, order_passages
from index import Region

STARTS_A_LINE = re.compile(r"^\s*(?:[-*\u2022]|\d+[.)]\s|#|\|)|^[^.!?]{1,40}[:\uff1a]")


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentSentence:
    """A sentence, the passage that it stands in, and its paragraph there."""

    text: str
    region: Region
    paragraph: int
    reading: FigureStyle


def split_regions(regions: Iterable[Region]) -> list[DocumentSentence]:
    """The sentences of passages, document by document; rows of tables are none."""
    by_source: dict[str, list[Region]] = {}
    for region in regions:
        if region.kind == "text" and region.text.strip():
            by_source.setdefault(region.source.path, []).append(region)
    found: list[DocumentSentence] = []
    for passages in by_source.values():
        reading = read_conventions(region.text for region in passages)
        for region in order_passages(passages):
            for paragraph in paragraphs_of(region.text):
                number = len(found)
                found += [
                    DocumentSentence(text=part, region=region, paragraph=number, reading=reading)
                    for part in split_sentences(paragraph)
                ]
    return found


def paragraphs_of(text: str) -> list[str]:
    """Lines that run on, joined; a label, a heading or an item of a list is one of its own."""
    paragraphs: list[str] = []
    runs_on = False
    for line in text.split("\n"):
        if not line.strip() or is_row(line):
            runs_on = False
            continue
        if runs_on and not STARTS_A_LINE.match(line):
            paragraphs[-1] += f" {line.strip()}"
        else:
            paragraphs.append(line.strip("# *"))
        runs_on = not line.lstrip().startswith("#")
    return paragraphs


def weigh_sentences(
    question: TableQuestion, sentences: Sequence[DocumentSentence], every: Sequence[DocumentSentence], explained: Places
) -> float:
    """The probability that these sentences are meant: less for each word that neither they nor their document say."""
    own = explained.union(*(question.words.cover(sentence.text) for sentence in sentences))
    paths = {sentence.region.source.path for sentence in sentences}
    names = " ".join({re.sub(r"[-_.]+", " ", sentence.region.source.name) for sentence in sentences})
    near = question.words.cover(names)
    for other in every:
        if other.region.source.path in paths:
            near |= question.words.cover(other.text)
    missing = unexplained_places(question, own | near)
    by_document = unexplained_places(question, own) - missing
    weight = sum(weigh_word(question, n) for n in missing)
    chance = CHANCES.start * CHANCES.unexplained**weight
    return chance * CHANCES.context ** (2 * bool(by_document))
