"""What stands on a page, a slide or a sheet of a document: its headings and first sentences, or how many it has."""

import re
from collections.abc import Sequence

from deepseek_mm.answering.documents.document_search import DOCUMENTS, DocumentFinder
from deepseek_mm.answering.documents.evidence import CitedRegions
from deepseek_mm.answering.documents.question_words import (
    asks,
    document_words,
    kinds_in,
    read_count,
    topic_words,
    without,
)
from deepseek_mm.answering.documents.sections import SectionSentence, read_sentences
from deepseek_mm.language.own_sentences import translate_own
from deepseek_mm.language.wording import count_noun_in, join_in, quote_in, say
from deepseek_mm.language.words import quotable, quote_title
from deepseek_mm.retrieval.evidence import place
from deepseek_mm.types import Draft
from index import Region, Source
from index.region import PAGE_NAMES

FORMATS = {"slide": ("pptx", "odp", "key"), "sheet": ("xlsx", "ods"), "chapter": ("epub",)}  # that have such pages
NOUNS = (
    (re.compile(r"slide|foli|\u7247|ppt", re.IGNORECASE), "slide"),
    (re.compile(r"sheet|\u8868", re.IGNORECASE), "sheet"),
    (re.compile(r"chapter|kapitel|\u7ae0", re.IGNORECASE), "chapter"),
)
LAST = re.compile(r"last|final|letzte|\u6700\u540e", re.IGNORECASE)
MOST, MOST_PARTS = 280, 3  # letters of a quotation, and quotations
MAX_NAME, MOST_NAMED, MOST_SOURCES = 60, 6, 500  # letters of names, names, documents that are looked through
SURE = 0.85


def answer_page(text: str, finder: DocumentFinder, before: Sequence[Source], language: str) -> Draft | None:
    """What the page says that the words name; None where they name none, or ask for something on it."""
    match = document_words().asks["page"].search(text)
    if match is None or asks("picture", text) or asks("compare", text):
        return None
    rest = text[: match.start()] + " " + text[match.end() :]
    number = number_in(match)
    found = choose_documents(rest, noun_of(match[0]), number, finder, before)
    if found is None:
        return None
    if len(found) != 1:
        names = join_in([quote_title(source.name, MAX_NAME) for source in found[:MOST_NAMED]], language)
        key = "page.which" if found else "page.no_document"
        return Draft(text=say(key, language, names=names), chance=0.7, refused=not found, grounds="said")
    return tell_page(found[0], number, finder, language)


def noun_of(words: str) -> str:
    """ "page", "slide", "sheet" or "chapter"."""
    return next((noun for pattern, noun in NOUNS if pattern.search(words)), "page")


def number_in(match: re.Match[str]) -> int:
    """The number of the page that is named; -1 for the last one."""
    told = next((match[name] for name in ("n", "nth", "zh", "pn", "last") if match[name]), "")
    return -1 if LAST.search(told) else read_count(told)


def choose_documents(
    text: str, noun: str, number: int, finder: DocumentFinder, before: Sequence[Source]
) -> list[Source] | None:
    """Those whose page may be meant: named, spoken of before, or all with such a page; None where the words that are
    left ask for something else than what stands there.
    """
    named = finder.find_named(text)
    if named and named[0].by_file:
        return [each.source for each in named]
    topic = topic_words(without(text, *document_words().kinds.values(), *document_words().asks.values()))
    certain = [each for each in named if each.called >= topic]
    certain = certain or [each for each in named if each.kind and not each.script]  # in another language
    if topic and not certain:
        return None
    if certain and (topic or any(kind not in ("document", "slides") for kind in kinds_in(text))):
        return [each.source for each in certain if each.worth == certain[0].worth]
    last = [source for source in before if source.kind == "document"]
    if last:
        return last[:1]
    paged = [
        source for source in finder.store.sources(DOCUMENTS, limit=MOST_SOURCES) if has_pages(source, noun, finder)
    ]
    return [source for source in paged if count_pages(source, finder) >= number] or paged


def has_pages(source: Source, noun: str, finder: DocumentFinder) -> bool:
    """Whether a document has such pages."""
    if noun in FORMATS:
        return source.format in FORMATS[noun]
    return source.format not in PAGE_NAMES and count_pages(source, finder) > 0


def count_pages(source: Source, finder: DocumentFinder) -> int:
    """How many pages of a document are known."""
    return max((region.page for region in finder.store.regions_of([source.id]).get(source.id, ())), default=0)


def tell_page(source: Source, number: int, finder: DocumentFinder, language: str) -> Draft:
    """What stands there; that there is no such page, or no text on it."""
    pages, name = count_pages(source, finder), quote_title(source.name, MAX_NAME)
    if not pages:
        return Draft(text=say("page.none", language, name=name), chance=SURE, refused=True)
    number = pages if number < 0 else number
    if not 0 < number <= pages:
        noun = PAGE_NAMES.get(source.format, "page")
        held = count_noun_in(f"count.{noun}", pages, language)
        return Draft(text=say("page.absent", language, name=name, pages=held, n=number), chance=SURE, refused=True)
    regions = [region for region in finder.read(source) if region.page == number]
    sentences = read_sentences(regions)
    if not sentences:
        return Draft(text=say("page.empty", language, name=name, n=number), chance=SURE, refused=True)
    cited = CitedRegions()
    for n, (quoted, region) in enumerate(quote_parts(sentences)):
        first = f'{place(region, named=False)} says: "{quoted}"'
        told = quote_in(quoted, language) if n else translate_own(first, language)
        cited.add(told, region)
    return cited.draft(SURE)


def quote_parts(sentences: Sequence[SectionSentence]) -> list[tuple[str, Region]]:
    """A page's headings and first sentences, in quotations of one passage each."""
    parts: list[tuple[str, Region]] = []
    before = -1
    for sentence in sentences:
        text, goes_on = sentence.text, sentence.paragraph == before and sentence.kind == "sentence"
        apart = "" if goes_on and not text.isascii() else " " if goes_on else " / "
        if parts and parts[-1][1] == sentence.region and len(parts[-1][0]) + len(text) < MOST:
            parts[-1] = (f"{parts[-1][0]}{apart}{text}", sentence.region)
        else:
            parts.append((text, sentence.region))
        before = sentence.paragraph
    return [(quotable(text, MOST), region) for text, region in parts[:MOST_PARTS]]
