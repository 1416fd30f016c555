"""What happens in the Search tab: plain functions, tested without a browser.

A search always shows what is nearest, and says whether that is what was looked for.
"""

import math
from dataclasses import dataclass

from deepseek_mm import Assistant, Citation, Found, Match, Query
from index import LIBRARY
from ui import edges
from ui.asking import Entry
from ui.exhibits import Exhibit, caption
from ui.filters import Wish, allowed
from ui.words import Words

RESULTS = 12  # photos and documents in the grid
LABELS = 200  # the commonest, to choose from

Choices = list[tuple[str, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Results:
    """What the tab shall show."""

    shown: tuple[Exhibit, ...] = ()  # numbered from 1, best first
    said: str = ""  # one line above the grid
    notice: str = ""
    certain: bool = True  # False: what is shown is only the nearest


@dataclass(frozen=True, kw_only=True)
class Searching:
    """What happens when a search is sent."""

    assistant: Assistant
    words: Words

    def search(self, entry: Entry | None, wish: Wish) -> Results:
        """What is nearest to what is in the box. An error becomes a sentence."""
        try:
            text, paths = edges.split_entry(entry)
            path = paths[-1] if paths else None
            if not text and path is None:
                return Results(said=self.words.results_idle, notice=self.words.search_empty)
            image = edges.read_upload(path, max_pixels=self.assistant.config.parse.max_pixels) if path else None
            return self._find(Query(text=text, image=image), wish)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            return Results(said=self.words.results_idle, notice=edges.sentence(error, self.words))

    def like(self, each: Exhibit, wish: Wish) -> Results:
        """More like one of the results."""
        try:
            name = each.caption.splitlines()[0]
            return self._find(Query(like=each.citation.region.id), wish, self.words.results_like.format(name=name))
        except Exception as error:  # noqa: BLE001 - as above
            return Results(said=self.words.results_idle, notice=edges.sentence(error, self.words))

    def choices(self) -> tuple[Choices, Choices, Choices]:
        """Labels and file types of the library, the commonest first, and its collections by name, each after "any"."""
        store, none = self.assistant.store, [(self.words.any, "")]
        labels = [(f"{label.name} ({label.sources})", label.name) for label in store.labels(LABELS)]
        formats = [(f"{name} ({count})", name) for name, count in store.formats().items()]
        collections = [(f"{name} ({count})", name) for name, count in store.collections().items() if name != LIBRARY]
        return none + labels, none + formats, none + collections

    def _find(self, query: Query, wish: Wish, *said: str) -> Results:
        found = self.assistant.find(query, k=RESULTS, where=allowed(wish, self.words))
        shown = tuple(exhibit(n, match, self.words) for n, match in enumerate(found.matches, start=1))
        lines = [*said, verdict(found, self.words), *([self.words.results_filtered] if wish != Wish() else [])]
        return Results(shown=shown, said=" ".join(lines), certain=found.found)


def verdict(found: Found, words: Words) -> str:
    """How much was found, and how sure that is; a rounded number never seems to reach what it does not."""
    if not found.matches:
        return words.results_none
    sure, needed = math.floor(100 * found.certainty + 1e-9), math.ceil(100 * found.threshold - 1e-9)
    if not found.found:
        return words.results_unsure.format(sure=min(sure, needed - 1), needed=needed)
    count = words.results_one if len(found.matches) == 1 else words.results_many.format(count=len(found.matches))
    return f"{count} {words.results_sure.format(sure=sure, needed=min(sure, needed))}"


def exhibit(number: int, match: Match, words: Words) -> Exhibit:
    """A match on the board: what and where it is, and under it why it is there."""
    citation = Citation(number=number, region=match.region, score=match.score)
    reasons = [words.likeness.format(score=match.score)]
    if match.why:
        reasons.append(words.because.format(why=", ".join(match.why)))
    if match.twins:
        reasons.append(words.twins.format(count=len(match.twins)))
    return Exhibit(citation=citation, caption="\n".join([caption(citation, words), *reasons]), twins=match.twins)
