"""Handlers of the Search tab, tested without a browser: searching, sorting, showing more, packing results as a ZIP.

A search always shows what is nearest, and says whether that is what was looked for. It looks for a few at first and
farther as the end of what is shown comes near; what was shown keeps its number and its place.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from PIL.Image import Image

from deepseek_mm import Assistant, Packed, Query, pack_chosen
from index import LIBRARY
from ui import edges
from ui.ask.ask_handlers import Entry
from ui.edges import BadPath
from ui.pictures import Picture
from ui.region_html import EvidenceItem
from ui.search.search_controls import bounds_in
from ui.search.search_results import ORDERS, STEP, Results, grown, new_token
from ui.viewer import is_brought
from ui.words import UiTexts

LABELS = 200  # the commonest, to choose from
ANEW: dict[str, Any] = {"exhibits": (), "reach": 0, "is_all": False, "notice": ""}  # before the same is looked for anew

Choices = list[tuple[str, str]]


Ticket = tuple[float, int]
NO_SEARCH: Ticket = (0.0, 0)  # before the first


class SearchSequence:
    """Which of a page's searches was sent last: only its results are shown, whichever arrives or ends first.

    The browser says when it sent each, in milliseconds: on a busy machine the server may begin them in another order.
    """

    def __init__(self) -> None:
        self._taken: deque[Ticket] = deque([NO_SEARCH], maxlen=64)  # of searches that may still be running
        self._arrivals = count(1)
        self.shown: Results | None = None  # what the newest one found, once it is shown
        self.says_empty = False  # what the page says of the library while nothing is searched

    @property
    def ticket(self) -> Ticket:
        return max(self._taken)

    @property
    def is_idle(self) -> bool:
        """Nothing is shown and nothing is on its way."""
        return self.ticket == NO_SEARCH if self.shown is None else self.shown.query is None

    def take(self, sent: float | None = None) -> Ticket:
        """One for a search sent at that time, or now; if it is the newest, all others are void."""
        ticket = (self.ticket[0] if sent is None else float(sent), next(self._arrivals))
        self._taken.append(ticket)
        if ticket == self.ticket:
            self.shown = None
        return ticket


@dataclass(frozen=True, kw_only=True)
class SearchHandlers:
    """Handlers of the Search tab. Every error becomes a sentence."""

    assistant: Assistant
    words: UiTexts

    def search(self, entry: Entry | None, order: str = "", weight: float = 1.0) -> Results:
        """What is nearest to what is in the box; a picture counts `weight` times as much as the words."""
        try:
            text, paths = edges.split_entry(entry)
            path = paths[-1] if paths else None
            if not text and path is None:
                return Results(notice=self.words.search_empty)
            picture = edges.read_upload(path, max_pixels=self.assistant.config.parse.max_pixels) if path else None
            query = Query(text=text, image=picture.image if picture else None, image_weight=weight if text else 1.0)
            return self._begin(Results(query=query, order=order, brought=str(path or "")))
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            return Results(notice=edges.sentence(error, self.words))

    def like(self, each: EvidenceItem) -> Results:
        """More like one of the results."""
        try:
            name = each.caption.splitlines()[0]
            return self._begin(Results(query=Query(like=each.citation.region.id), like=name))
        except Exception as error:  # noqa: BLE001 - as above
            return Results(notice=edges.sentence(error, self.words))

    def part(self, each: EvidenceItem, image: Image, before: Results) -> Results:
        """More of what somebody drew a box around: in a result, or in the picture that came with the search before."""
        try:
            region, name = each.citation.region, self.words.part_of.format(name=each.citation.region.source.name)
            if is_brought(region) and before.query is not None:
                return self._begin(replace(before, query=replace(before.query, image=image), **ANEW, like=name))
            return self._begin(Results(query=Query(image=image, besides=region.source.id), like=name))
        except Exception as error:  # noqa: BLE001 - as above
            return Results(notice=edges.sentence(error, self.words))

    def weigh(self, before: Results, weight: float) -> Results:
        """The same words and picture, the picture counting this many times as much."""
        try:
            if before.query is None or not before.weighs:
                return before
            return self._begin(replace(before, query=replace(before.query, image_weight=float(weight)), **ANEW))
        except Exception as error:  # noqa: BLE001 - as above
            return replace(before, notice=edges.sentence(error, self.words))

    def steer(self, entry: Entry, before: Results, weight: float = 1.0) -> Results:
        """What the box says after a control has written into it; what was shown stays when that cannot be understood.

        Of a search for more like a result the box only bounds where.
        """
        if before.query is not None and before.like:
            return self._change_bounds(before, entry["text"])
        if not entry["text"] and not entry["files"]:
            return Results()
        found = self.search(entry, before.order, weight)
        return found if found.query is not None else replace(before, notice=found.notice)

    def _change_bounds(self, before: Results, text: str) -> Results:
        try:
            query = before.query or Query()
            has_words = query.text != bounds_in(query.text)  # beside the part of a picture that somebody brought
            said = text if has_words else bounds_in(text)
            return self._begin(replace(before, query=replace(query, text=said), **ANEW))
        except Exception as error:  # noqa: BLE001 - as above
            return replace(before, notice=edges.sentence(error, self.words))

    def sort(self, before: Results, order: object) -> Results:
        """The same results in another order, from their beginning."""
        chosen = order if order in ORDERS else ""
        results = replace(before, order=str(chosen), num=min(STEP, len(before.exhibits)), notice="")
        try:
            return results if before.query is None else self._enough(results)
        except Exception as error:  # noqa: BLE001 - as above
            return replace(before, notice=edges.sentence(error, self.words))

    def more(self, before: Results, num: object) -> Results:
        """Some more of them; nothing, if not `num` are shown any more, for then the browser has asked twice."""
        if before.query is None or before.is_end or str(num) != str(before.num):
            return before
        try:
            return self._enough(replace(before, num=before.num + STEP, notice=""))
        except Exception as error:  # noqa: BLE001 - as above
            return replace(before, notice=edges.sentence(error, self.words))

    def choices(self) -> tuple[Choices, Choices, Choices]:
        """Labels and file types of the library, the commonest first, and its collections by name, each after "any"."""
        store, none = self.assistant.store, [(self.words.any, "")]
        labels = [(f"{label.name} ({label.sources})", label.name) for label in store.labels(LABELS)]
        formats = [(f"{name} ({count})", name) for name, count in store.formats().items()]
        collections = [(f"{name} ({count})", name) for name, count in store.collections().items() if name != LIBRARY]
        return none + labels, none + formats, none + collections

    def is_empty(self) -> bool:
        """Is there nothing to search yet?"""
        return self.assistant.store.counts().sources == 0

    def _begin(self, results: Results) -> Results:
        return self._enough(replace(results, num=STEP, token=new_token()))

    def _enough(self, results: Results) -> Results:
        """Look farther until there are as many as shall be shown, or no more."""
        while (reach := results.next_reach()) is not None:
            found = self.assistant.find(results.query or Query(), k=reach)
            exhibits = grown(results.exhibits, found.matches, self.words)
            is_all = len(exhibits) == len(results.exhibits) and len(found.matches) < reach
            results = replace(results, found=found, exhibits=exhibits, reach=reach, is_all=is_all)
        return replace(results, num=min(results.num, len(results.exhibits)))


def pack(chosen: Sequence[EvidenceItem], folder: Path, *, picture: Picture, words: UiTexts) -> Iterator[Packed]:
    """Write them into a new file below `folder`, one after the other. BadPath if the disk does not take it."""
    try:
        cited = [each.citation for each in chosen]
        yield from pack_chosen(cited, folder, picture=picture, gone=words.export_gone)
    except OSError as error:
        raise BadPath(words.export_failed.format(error=error.strerror or error)) from error
