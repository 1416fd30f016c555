"""Which documents a question names: by words of a file's name or of its first line, as far as few others have them.

"How much is the deposit in the lease?" means lease-contract.pdf, and what it does not say is not looked for elsewhere.
A word that half of the documents carry in their names tells nothing.
"""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from deepseek_mm.retrieval.passages import file_words, name_words
from deepseek_mm.types import Evidence
from index import Source

TITLE = 40  # letters of a document's first line that count as its name
NUMBER = re.compile(r"\d{3,}")
COMMON = 0.34  # share of the documents that have a word from which it names none of them
NAMED = 0.2  # worth of a passage of a document that is named, in cosines
INSIDE = re.compile(  # what is asked of the document alone: "in the lease", "the invoice says"
    r"\b(?:in|on|of|from|per|according to) (?:the|my|our|this|that|her|his|their) (?P<en>[\w-]+(?: [\w-]+){0,2})"
    r"|(?P<zh>[\u4e00-\u9fff]{2,8}?)(?:\u91cc|\u4e0a|\u4e2d)(?:\u9762|\u8fb9|\u5934)?(?![\u5468\u6b21\u4e2a\u5348\u95f4\u4ecb\u65ac])"
)


class NamedDocuments(NamedTuple):
    """What a question calls by name."""

    sources: tuple[Source, ...]
    alone: bool = False  # it asks of what these say and of nothing else


class DocumentNames:
    """The words by which some documents are called."""

    def __init__(self, titles: Mapping[Source, str]) -> None:
        """`titles` holds the first text of each document."""
        self.words = {source: words_of(source, title) for source, title in titles.items()}
        self.counts = Counter(word for words in self.words.values() for word in words)

    def find(self, text: str) -> tuple[Source, ...]:
        """Those that these words name best; none where they name none."""
        asked = name_words(text) | set(NUMBER.findall(text))
        worths = {source: self._weigh(words & asked) for source, words in self.words.items()}
        best = max(worths.values(), default=0.0)
        return tuple(source for source, worth in worths.items() if worth == best) if best else ()

    def _weigh(self, words: Iterable[str]) -> float:
        most = max(1.0, COMMON * len(self.words))
        return sum(math.log(1 + len(self.words) / self.counts[word]) for word in words if self.counts[word] <= most)


def find_named_documents(question: str, titles: Mapping[Source, str]) -> NamedDocuments:
    """Those that a question asks of alone ("in the lease"), or that it names."""
    names = DocumentNames(titles)
    for match in INSIDE.finditer(question):
        found = names.find(match["en"] or match["zh"])
        if len(found) == 1:
            return NamedDocuments(found, alone=True)
    return NamedDocuments(names.find(question))


def words_of(source: Source, title: str) -> frozenset[str]:
    """Words of a file's name and of its first line."""
    line = next((line.strip(" #") for line in title.splitlines() if line.strip(" #")), "")[:TITLE]
    return frozenset(file_words(source) | name_words(line) | set(NUMBER.findall(source.name)))


def lift_documents(passages: Sequence[Evidence], ids: Collection[int], worth: float = NAMED) -> list[Evidence]:
    """Best first, those of some documents above others by this worth."""
    lifted = [replace(entry, score=entry.score + worth * (entry.region.source.id in ids)) for entry in passages]
    return sorted(lifted, key=lambda entry: -entry.score)
