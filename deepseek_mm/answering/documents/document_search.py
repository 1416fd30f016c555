"""Which documents words name: by their files' names, their kind ("the minutes", "both offers"), and what they say.

A word counts most in a file's name, less in the title and the first lines, least further below. A letter that mentions
an offer is no offer: what kind a document is, its name, its format or its first lines say.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from deepseek_mm.answering.documents.question_words import (
    document_words,
    is_wide,
    kinds_in,
    share_said,
    topic_words,
    without,
)
from deepseek_mm.retrieval.passages import split_file_name
from index import Filter, Hit, Region, Source
from index.store import RegionStore

DOCUMENTS = Filter(source_kinds=("document",))
MOST, FOUND = 500, 60  # documents whose names are compared, and passages that are found by words
HEAD = 160  # letters of a document's beginning that say what it is
IN_NAME, IN_HEAD, IN_TEXT = 1.0, 0.8, 0.4
ALIKE = 0.25  # worth of being in Chinese where that is asked in, or not where it is not
BEGINNING = 1_000  # letters that tell how a document is written
KIND = 0.7  # worth from which a document is of a kind


BOOK = 400  # passages above which a document is not read whole to see whether it is meant


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentMatch:
    """A document, and how surely words name it."""

    source: Source
    regions: tuple[Region, ...]  # its passages in order
    kind: float = 0.0  # it is of the kind that is named
    words: float = 0.0  # share of the other words that it says, as far as they count there
    called: frozenset[str] = frozenset()  # words that its name or its beginning says
    by_file: bool = False  # its file's name stands there
    script: float = 0.0  # it is written as whoever asks writes

    def is_of(self, kind: str) -> bool:
        """Whether it is of this kind."""
        head = self.regions[0].text[:HEAD] if self.regions else ""
        return kind_of(kind, self.source, split_file_name(self.source), head) >= KIND

    @property
    def worth(self) -> float:
        """All together."""
        return self.kind + self.words + self.script


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentFinder:
    """Finds documents of a library by what they are called."""

    store: RegionStore

    def find_named(self, text: str) -> list[DocumentMatch]:
        """Those that the words name, best first: by a file's name alone, else by kind and words; none where they name
        none. A document of another kind than is named is none of them, and a book is named by its file alone.
        """
        sources = self.store.sources(DOCUMENTS, limit=MOST)
        if files := [source for source in sources if source.name.lower() in text.lower()]:
            ordered = sorted(files, key=lambda source: text.lower().index(source.name.lower()))
            return [DocumentMatch(source=each, regions=self.read(each), by_file=True) for each in ordered]
        kinds = [kind for kind in kinds_in(text) if kind != "document"]
        topic = topic_words(without(text, *document_words().kinds.values(), *document_words().asks.values()))
        if not kinds and not topic:
            return []
        found = self._candidates(text, sources, kinds, topic)
        short = [source for source in found if self._is_short(source)]
        named = [self.weigh(source, kinds, topic, wide=is_wide(text)) for source in short]
        fitting = [each for each in named if (each.kind >= KIND if kinds else each.words > 0)]
        return sorted(fitting, key=lambda each: (-each.worth, each.source.name))

    def _is_short(self, source: Source) -> bool:
        return self.store.counts(where=Filter(source_ids=(source.id,))).regions <= BOOK

    def read(self, source: Source) -> tuple[Region, ...]:
        """The passages of a document."""
        regions = self.store.regions_of([source.id]).get(source.id, ())
        return tuple(region for region in regions if region.kind == "text")

    def weigh(self, source: Source, kinds: Sequence[str], topic: frozenset[str], *, wide: bool) -> DocumentMatch:
        """How surely a document is meant."""
        regions = self.read(source)
        text = "\n".join(region.text for region in regions)
        head, name = regions[0].text[:HEAD] if regions else "", split_file_name(source)
        kind = max((kind_of(each, source, name, head) for each in kinds), default=0.0)
        worths = ((IN_NAME, name), (IN_HEAD, head), (IN_TEXT, text))
        said = [max((worth * share_said(frozenset([word]), part) for worth, part in worths)) for word in topic]
        called = frozenset(word for word in topic if share_said(frozenset([word]), f"{name} {head}"))
        share, script = sum(said) / len(topic) if topic else 0.0, ALIKE * (is_wide(text[:BEGINNING]) == wide)
        return DocumentMatch(source=source, regions=regions, kind=kind, words=share, called=called, script=script)

    def _candidates(
        self, text: str, sources: Sequence[Source], kinds: Sequence[str], topic: frozenset[str]
    ) -> list[Source]:
        """Those whose name says it, and those that words of the text stand in."""
        found = {hit.region.source.id: hit.region.source for hit in self._search(text, kinds)}
        for source in sources:
            name = split_file_name(source)
            if share_said(topic, name) or any(kind_of(kind, source, name, "") for kind in kinds):
                found.setdefault(source.id, source)
        return list(found.values())

    def _search(self, text: str, kinds: Sequence[str]) -> list[Hit]:
        words = [text, *(document_words().names[kind] for kind in kinds)]
        return [hit for each in words for hit in self.store.search_words(each, k=FOUND, where=DOCUMENTS)]


def kind_of(kind: str, source: Source, name: str, head: str) -> float:
    """How surely a document is of a kind: by its name or format, or by its first lines."""
    words = document_words()
    if words.kinds[kind].search(name) or source.format in words.formats.get(kind, ()):
        return IN_NAME
    return IN_HEAD if words.kinds[kind].search(head) else 0.0
