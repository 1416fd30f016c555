"""Handlers of the Search tab, tested without a browser, and what they find as a grid of photos.

A search always shows what is nearest, and says whether that is what was looked for. It looks for a few at first and
farther as the end of what is shown comes near; what was shown keeps its number and its place.
"""

import math
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

from PIL.Image import Image

from deepseek_mm import Caller, Citation, Found, Match, Packed, Query, pack_chosen
from index import LIBRARY
from ui import edges
from ui.ask.ask_handlers import Entry
from ui.edges import BadPath, Handlers
from ui.gateway.events import NO_TICKET, EventSequence, Ticket
from ui.html import button, copier
from ui.photos.photo_changes import render_album_field
from ui.photos.photo_groups import read_badges
from ui.pictures import PagePictures, Picture
from ui.region_html import (
    EvidenceItem,
    Mark,
    Tile,
    bar,
    caption,
    find_file_time,
    is_brought,
    name_region,
    sure,
    tile,
)
from ui.search.search_controls import bounds_in
from ui.words import UiTexts

STEP = 24  # photos and documents that are shown at first, and each time more
FEW = 6  # that are shown at first where none is likely
REACH = (STEP, 6 * STEP, 18 * STEP)  # how many are looked for, one after the other: at first what is shown
SORTED = 200  # the nearest ones that are sorted otherwise than best first
ORDERS = ("", "newest", "oldest", "name")  # "" is best first


@dataclass(frozen=True, kw_only=True, slots=True)
class Results:
    """What the tab shall show, and what is needed to show more of it."""

    query: Query | None = None  # None before the first search
    like: str = ""  # the name of what they are like, if they are
    brought: str = ""  # file of the picture that came with the search, if one did
    order: str = ""  # one of ORDERS
    exhibits: tuple[EvidenceItem, ...] = ()  # all that were found until now, best first, numbered from 1
    found: Found = Found()  # by the last look
    reach: int = 0  # how many were looked for
    is_all: bool = False  # looking farther has brought nothing more
    num: int = 0  # how many are shown
    notice: str = ""
    token: str = field(default_factory=lambda: new_token())  # another search, another token

    @property
    def certain(self) -> bool:
        """False: what is shown is only the nearest."""
        return self.found.found or not self.exhibits

    @property
    def is_bounded(self) -> bool:
        """Whether operators in the box leave something out."""
        return self.query is not None and bool(bounds_in(self.query.text))

    @property
    def weighs(self) -> bool:
        """Whether words and a picture were looked for, so that one may count more than the other."""
        return self.query is not None and bool(self.query.text) and self.query.image is not None

    @property
    def num_likely(self) -> int:
        """How many are likely what was looked for; they come first."""
        return min(len(self.exhibits), sum(match.likely for match in self.found.matches))

    @property
    def num_first(self) -> int:
        """How many are shown before anybody asks for more: results end where relevance ends."""
        return min(STEP, self.num_likely or FEW, len(self.exhibits))

    @property
    def pool(self) -> tuple[EvidenceItem, ...]:
        """Those that may be shown: sorted otherwise than best first only the likely ones, where there are some."""
        return self.exhibits[: self.num_likely or None] if self.order else self.exhibits

    @property
    def num_unlikely(self) -> int:
        """How many that are known stand behind those in view and are unlikely, if all that are likely are in view."""
        return 0 if self.order or self.num < self.num_likely else len(self.exhibits) - self.num

    @property
    def visible(self) -> tuple[EvidenceItem, ...]:
        """Those in view, in their order; each kind of file together."""
        return tuple(each for _, group in group_kinds(in_order(self.pool, self.order)[: self.num]) for each in group)

    @property
    def is_end(self) -> bool:
        """Nothing more can be shown."""
        if self.order:
            return self.num >= min(SORTED, len(self.pool))
        return self.num >= len(self.exhibits) and (self.is_all or self.reach >= REACH[-1])

    def next_reach(self) -> int | None:
        """How far to look now; None if enough is known, or all."""
        wanted, steps = (SORTED, (SORTED,)) if self.order else (self.num, REACH)
        is_short = len(self.found.matches) < self.reach  # many regions of few photos, or the library has no more
        if self.reach and (self.is_all or (len(self.exhibits) >= wanted and not is_short)):
            return None
        return next((step for step in steps if step > self.reach), None)


def new_token() -> str:
    """A name for a search, by which the browser knows that it is another one."""
    return secrets.token_hex(4)


def grown(before: tuple[EvidenceItem, ...], matches: Sequence[Match], words: UiTexts) -> tuple[EvidenceItem, ...]:
    """What was there, and after it those matches that are new; numbers go on."""
    there = {twin.source.path for each in before for twin in (each.citation.region, *each.twins)}
    fresh = [match for match in matches if match.region.source.path not in there]
    return (*before, *(exhibit(n, match, words) for n, match in enumerate(fresh, start=len(before) + 1)))


def in_order(exhibits: Sequence[EvidenceItem], order: str) -> tuple[EvidenceItem, ...]:
    """Best first as they come; or the nearest by date, or by name. What has no date comes last."""
    if not order:
        return tuple(exhibits)
    nearest = exhibits[:SORTED]
    if order == "name":
        return tuple(sorted(nearest, key=lambda each: each.citation.region.source.name.casefold()))
    dated = [each for each in nearest if when(each) is not None]
    dated.sort(key=lambda each: when(each) or datetime.min, reverse=order == "newest")
    return (*dated, *(each for each in nearest if when(each) is None))


def group_kinds(exhibits: Sequence[EvidenceItem]) -> list[tuple[str, list[EvidenceItem]]]:
    """Photos, documents and code apart, in their order; the kind of the first comes first."""
    groups: dict[str, list[EvidenceItem]] = {}
    for each in exhibits:
        groups.setdefault(each.citation.region.source.kind, []).append(each)
    return list(groups.items())


def when(each: EvidenceItem) -> datetime | None:
    """When it was taken; of what is no photo when the file was last changed. None if that is not known."""
    source = each.citation.region.source
    return source.taken_at if source.taken_at or source.kind == "photo" else find_file_time(source)


def describe_results(results: Results, words: UiTexts) -> str:
    """One line above the grid: like what, how much, how sure, and whether filters are at work."""
    if results.query is None:
        return ""
    like = words.results_like.format(name=results.like) if results.like else ""
    filtered = words.results_filtered if results.is_bounded else ""
    if results.found.bounds:
        filtered = words.results_bound.format(words=", ".join(results.found.bounds))
    return _sentences(words, (like, verdict(results.found, words, _describe_order(results, words)), filtered))


def verdict(found: Found, words: UiTexts, many: str = "") -> str:
    """How much was found, and how sure that is; a rounded number never seems to reach what it does not."""
    if not found.matches:
        return words.results_none
    sure, needed = math.floor(100 * found.certainty + 1e-9), math.ceil(100 * found.threshold - 1e-9)
    if not found.found:
        return words.results_unsure.format(sure=min(sure, needed - 1), needed=needed)
    count = words.results_one if len(found.matches) == 1 else many or words.results_many
    return _sentences(words, (count, words.results_sure.format(sure=sure, needed=min(sure, needed))))


def exhibit(number: int, match: Match, words: UiTexts) -> EvidenceItem:
    """A match on the board: what and where it is, and under it why it is there."""
    citation = Citation(number=number, region=match.region, score=match.score)
    reasons = [words.relevance.format(chance=round(100 * match.relevance))]
    if match.why:
        reasons.append(words.because.format(why=words.join(map(words.name, match.why))))
    if match.twins:
        reasons.append(words.twins.format(count=len(match.twins)))
    return EvidenceItem(citation=citation, caption="\n".join([caption(citation, words), *reasons]), twins=match.twins)


def _describe_order(results: Results, words: UiTexts) -> str:
    names = {"newest": words.sort_newest, "oldest": words.sort_oldest, "name": words.sort_name}
    if results.order not in names:
        return ""
    count = min(SORTED, len(results.pool))
    return words.results_sorted.format(count=count, order=names[results.order].lower())


def _sentences(words: UiTexts, sentences: Sequence[str]) -> str:
    """One after the other, as the language sets them."""
    return ("" if words.language == "zh" else " ").join(filter(None, sentences))


def grid(results: Results, pictures: PagePictures, words: UiTexts) -> str:
    """All that is shown, paler if it is only the nearest; then more of it, or the end; then the bar."""
    shown = results.visible
    if not shown:
        return ""
    badges = read_badges((each.citation.region.source for each in shown), pictures, words)
    items = {each.citation.number: _item(n, each, pictures, words, badges) for n, each in enumerate(shown)}
    groups = group_kinds(shown)
    names = {"photo": words.photos, "document": words.documents, "code": words.code}
    lists = []
    for kind, group in groups:
        label = words.results if len(groups) == 1 else names.get(kind, words.results)
        head = "" if len(groups) == 1 else f'<h3 class="of-kind">{escape(label)}</h3>'
        lists.append(
            f'{head}<ul class="grid{"" if results.certain else " dim"}" data-search="{results.token}" '
            f'aria-label="{escape(label)}" aria-describedby="grid-keys">'
            f"{''.join(items[each.citation.number] for each in group)}</ul>"
        )
    return (
        f'<p class="hint keys" id="grid-keys">{escape(words.results_keys)}</p>{"".join(lists)}'
        f'<div class="end">{_end(results, len(shown), words)}</div>{_bar(words)}'
    )


def idle(examples: Sequence[str]) -> str:
    """What stands in the grid's place before the first search: searches of this library that one click tries."""
    offers = "".join(button("try", n, text, look="offer") for n, text in enumerate(examples))
    return f'<div class="offers">{offers}</div>' if offers else ""


def select_items(exhibits: Sequence[EvidenceItem], what: object) -> list[EvidenceItem]:
    """Those whose numbers the browser sent, "3,1,8", in the grid's order; what is no number of theirs is left out."""
    numbers = set(str(what).split(","))
    return [each for each in exhibits if str(each.citation.number) in numbers]


def _item(index: int, each: EvidenceItem, pictures: PagePictures, words: UiTexts, badges: Mapping[int, str]) -> str:
    region, number = each.citation.region, each.citation.number
    title, *reasons = each.caption.splitlines()
    label = sure(region.labels[0], words) if region.labels else ""
    shown = Tile(
        index=index,
        number=number,
        region=region,
        name=title,
        caption=name_region(region, words),
        why=" · ".join(filter(None, (label, *reasons))),
        marks=(Mark(number=number, box_px=region.box_px),),
        badge=badges.get(region.source.id, ""),
    )
    return tile(shown, pictures, words)


def _end(results: Results, num: int, words: UiTexts) -> str:
    if not results.is_end:
        unlikely = words.results_unlikely.format(count=results.num_unlikely) if results.num_unlikely else ""
        look = "small more unlikely" if unlikely else "small more"  # pressed by hand only, see scripts/grid.js
        return button("more", num, unlikely or words.results_more, look=look)
    enough = len(results.exhibits) >= SORTED if results.order else not results.is_all
    text = words.results_enough if enough else words.results_all
    return f'<p class="hint">{escape(text.format(count=num))}</p>'


def _bar(words: UiTexts) -> str:
    paths = copier("", words.copy_paths, words.copied_paths)
    kept = button("favourite", "", words.photos_favourite) + render_album_field((), words)
    return bar(words, button("export", "", words.export), paths, kept, button("all", "", words.select_all))


LABELS = 200  # the commonest, to choose from
ANEW: dict[str, Any] = {"exhibits": (), "reach": 0, "is_all": False, "notice": ""}  # before the same is looked for anew

Choices = list[tuple[str, str]]


class SearchSequence(EventSequence):
    """Which of a page's searches was sent last, and what it found."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: Results | None = None  # what the newest one found, once it is shown
        self.says_empty = False  # what the page says of the library while nothing is searched
        self.examples: tuple[str, ...] = ()  # searches that it offers meanwhile

    @property
    def is_idle(self) -> bool:
        """Nothing is shown and nothing is on its way."""
        return self.ticket == NO_TICKET if self.shown is None else self.shown.query is None

    def take(self, sent: float | None = None) -> Ticket:
        """As of any event; what the one before found is not shown any more."""
        ticket = super().take(sent)
        if ticket == self.ticket:
            self.shown = None
        return ticket


@dataclass(frozen=True, kw_only=True)
class SearchHandlers(Handlers):
    """Handlers of the Search tab. Every error becomes a sentence."""

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
        labels = [(f"{self.words.name(label.name)} ({label.sources})", label.name) for label in store.labels(LABELS)]
        formats = [(f"{name} ({count})", name) for name, count in store.formats().items()]
        collections = [(f"{name} ({count})", name) for name, count in store.collections().items() if name != LIBRARY]
        return none + labels, none + formats, none + collections

    def find_examples(self, caller: Caller) -> tuple[str, ...]:
        """Searches that were tried on this library; none where nobody can tell."""
        try:
            return self.services.starters.find_starters(caller, self.words.language).searches
        except Exception as error:  # noqa: BLE001 - the page's edge: nobody asked for them
            edges.sentence(error, self.words)
            return ()

    def is_empty(self) -> bool:
        """Is there nothing to search yet?"""
        return self.assistant.store.counts().sources == 0

    def _begin(self, results: Results) -> Results:
        found = self._enough(replace(results, num=STEP, token=new_token()))
        return replace(found, num=found.num if found.order else found.num_first)

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
