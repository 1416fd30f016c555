"""What is in the library, as a list: plain functions, tested without a browser. Only one page is ever asked for.

A list grows at its end, up to a limit that keeps the page quick; from there one turns to what comes after it.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import get_args

from deepseek_mm import Assistant, Citation, SearchFilter
from index import LIBRARY, Region, Source
from index.region import Order
from ui import edges
from ui.library import library_report
from ui.region_html import EvidenceItem
from ui.words import UiTexts

PAGE = 48  # files that are shown at first, and each time more
MOST = 10 * PAGE  # files that are shown at once
ORDERS: tuple[Order, ...] = get_args(Order)
KIND_OF_CARD = {"photo": "whole", "document": "text", "code": "code"}  # of a file in which nothing was found


@dataclass(frozen=True, kw_only=True, slots=True)
class LibraryListing:
    """The files that are shown, and what is needed to show others."""

    filters: SearchFilter = SearchFilter()
    order: Order = "added"
    regions: tuple[Region, ...] = ()  # one for each file: the whole of it
    start: int = 0  # files before these
    total: int = 0  # files that the filters allows
    collections: tuple[tuple[str, int], ...] = ()  # name and number of files, by name
    holding: str = ""  # what the library held when the list was made; another holding, and the list is old
    notice: str = ""  # why they are not shown
    token: str = field(default_factory=lambda: secrets.token_hex(4))  # another list, another token

    @property
    def end(self) -> int:
        """Files before the first that is not shown any more."""
        return self.start + len(self.regions)

    @property
    def is_short(self) -> bool:
        """Whether it may be drawn anew under its reader's eyes: nobody has gone down in it."""
        return not self.start and len(self.regions) <= PAGE

    @property
    def is_growing(self) -> bool:
        """Whether more can be shown below these."""
        return len(self.regions) < MOST and self.end < self.total


@dataclass(frozen=True, kw_only=True)
class LibraryLister:
    """Makes lists. Every error becomes a sentence in place of the list."""

    assistant: Assistant
    words: UiTexts

    def first(self, filters: SearchFilter, order: str = "added", *, start: int = 0) -> LibraryListing:
        """The first page of what the filters allows."""
        chosen: Order = next((each for each in ORDERS if each == order), "added")
        return self._fill(LibraryListing(filters=filters, order=chosen, start=start), PAGE)

    def more(self, before: LibraryListing, num: object) -> LibraryListing:
        """The next page below; nothing, if not `num` are shown any more, for then the browser has asked twice."""
        if not before.is_growing or str(num) != str(len(before.regions)):
            return before
        return self._fill(before, len(before.regions) + PAGE)

    def turn(self, before: LibraryListing, way: int) -> LibraryListing:
        """What comes after the list, or before it."""
        start = before.start + way * MOST
        return self.first(before.filters, before.order, start=start) if 0 <= start < before.total else before

    def renew(self, before: LibraryListing) -> LibraryListing:
        """The same list as it stands now: what was chosen in it stays so."""
        return self._fill(before, max(PAGE, len(before.regions)))

    def paths(self, regions: Sequence[Region]) -> list[str]:
        """Every path of these files: one may lie at several."""
        places = self.assistant.store.places_of([region.source.id for region in regions])
        return [path for paths in places.values() for path in paths]

    def _fill(self, listing: LibraryListing, num: int) -> LibraryListing:
        store = self.assistant.store
        try:
            counts = store.counts()  # before the list is read: a list may be newer than it says, never older
            where = listing.filters.where()
            total = sum(store.kinds(where=where).values())
            start = listing.start if listing.start < total else 0
            sources = store.sources(where, order=listing.order, limit=min(num, MOST), offset=start)
            leading = store.leading([source.id for source in sources])
            names = tuple((name, count) for name, count in store.collections().items() if name != LIBRARY)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            return replace(listing, regions=(), total=0, notice=edges.sentence(error, self.words))
        regions = tuple(leading.get(source.id) or bare(source) for source in sources)
        holding = library_report.holding(counts.sources, counts.regions, self.words)
        return replace(
            listing, regions=regions, start=start, total=total, collections=names, holding=holding, notice=""
        )


def bare(source: Source) -> Region:
    """What stands for a file in which nothing was found."""
    sides = source.width_px, source.height_px
    return Region(source=source, kind=KIND_OF_CARD.get(source.kind, "whole"), box_px=(0, 0, *sides))


def select_regions(regions: Sequence[Region], what: object) -> list[Region]:
    """Those files whose numbers the browser sent, "31,12", in the list's order; other numbers are left out."""
    numbers = set(str(what).split(","))
    return [region for region in regions if str(region.source.id) in numbers]


def exhibits(regions: Sequence[Region]) -> tuple[EvidenceItem, ...]:
    """The same for the large view, under the files' names; without numbers, for nothing is cited."""
    return tuple(
        EvidenceItem(citation=Citation(number=0, region=region, score=0.0), caption=region.source.name)
        for region in regions
    )
