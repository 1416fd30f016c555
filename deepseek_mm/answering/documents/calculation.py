"""What programs work out of the documents that were found, as claims that show the operation and quote its rows."""

import re
from collections.abc import Sequence

from deepseek_mm.answering.table_programs.answers import TableAnswer
from deepseek_mm.answering.table_programs.programs import answer_from_tables
from deepseek_mm.answering.table_programs.prose import answer_from_passages
from deepseek_mm.language.own_sentences import translate_own
from deepseek_mm.language.wording import say
from deepseek_mm.language.words import quotable
from deepseek_mm.retrieval.evidence import place
from deepseek_mm.retrieval.tables import find_tables
from deepseek_mm.types import Act, Claim, Draft, Evidence
from index import Filter, Region, Source
from index.store import RegionStore

MOST_SOURCES, NEAR = 3, 0.3  # documents that are calculated with, and how much worse than the best a passage may be
WHOLE = 60  # passages of a document that is taken whole; of a longer one those that were found
MOST, MOST_ROWS = 300, 6  # letters and rows of a quotation
LOOKED_UP = ("lookup", "list")  # kinds of answers that stand there as they are


def gather_regions(store: RegionStore, passages: Sequence[Evidence]) -> list[Region]:
    """The texts of the documents that the best passages stand in, in reading order."""
    near = [entry for entry in passages if entry.score >= passages[0].score - NEAR]
    documents = [entry.region.source for entry in near if entry.region.source.kind == "document"]
    sources = list({source.id: source for source in documents}.values())[:MOST_SOURCES]
    return [region for source in sources for region in texts_of(store, source, passages)]


def texts_of(store: RegionStore, source: Source, passages: Sequence[Evidence]) -> list[Region]:
    """All of a document, or of a long one the passages that were found."""
    if store.counts(where=Filter(source_ids=(source.id,))).regions <= WHOLE:
        return [region for region in store.regions_of([source.id]).get(source.id, ()) if region.kind == "text"]
    own = [entry.region for entry in passages if entry.region.source.id == source.id]
    return sorted(own, key=lambda region: region.id)


def calculate(act: Act, language: str, regions: Sequence[Region], *, trust: float = 1.0) -> TableAnswer | None:
    """The surest answer of a program over tables or sentences; `trust` is an exponent of tables' probabilities."""
    tables = answer_from_tables(act, language, find_tables(regions), trust=trust)
    told = [tables, answer_from_passages(act, language, regions)]
    return max((each for each in told if each is not None), key=lambda each: each.chance, default=None)


def draft_calculation(answer: TableAnswer, language: str) -> Draft:
    """The value with its operation, and the rows or sentences that it rests on."""
    regions = answer.regions
    evidence = tuple(
        Evidence(number=n, region=region, score=answer.chance) for n, region in enumerate(regions, start=1)
    )
    numbers = tuple(entry.number for entry in evidence)
    quoted = quote_rows(answer)
    said = translate_own(f'{place(regions[0], named=False)} says: "{quoted}"', language) if regions else ""
    colon = say("count.colon", language)
    if answer.kind in LOOKED_UP and said:
        claims = [Claim(f"{answer.text}{colon}{said}", numbers, answer.chance)]
    else:
        labels = f" ({', '.join(answer.labels)})" if 1 < len(answer.labels) <= MOST_ROWS else ""
        claims = [Claim(f"{answer.text}{colon}{answer.operation}{labels}", numbers, answer.chance)]
        claims += [Claim(said, numbers[:1], answer.chance)] if said and quoted else []
    return Draft(claims=tuple(claims), evidence=tuple(evidence), chance=answer.chance, grounds="read")


def quote_rows(answer: TableAnswer) -> str:
    """The rows that were used, or the passage."""
    rows = [row.text for row in answer.rows[:MOST_ROWS]]
    said = next((label for label in answer.labels for region in answer.passages[:1] if label in region.text), "")
    text = " / ".join(rows) or said or (answer.passages[0].text if answer.passages else "")
    return quotable(re.sub(r"^#+ ", "", text, flags=re.MULTILINE), MOST)
