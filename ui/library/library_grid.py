"""The list of what is in the library: its filters, its grid, its collections, and what is chosen there.

A list grows at its end, up to a limit that keeps the page quick; from there one turns to what comes after it.

The tiles are those of the search, so they are used alike. Everything from outside is escaped.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import Any, get_args

import gradio as gr

from deepseek_mm import Caller, Citation, OwnedCollection, SearchFilter, describe_collections
from index import LIBRARY, Region, Source
from index.region import Order, current_viewer
from ui import edges
from ui.edges import Handlers
from ui.gateway.events import QUIET, Updates, needs_right
from ui.html import button, copier, hint, notice, piece
from ui.library.library_report import in_bytes
from ui.photos.photo_groups import read_badges
from ui.pictures import PagePictures
from ui.region_html import EvidenceItem, Tile, bar, find_file_time, tile
from ui.viewer import Viewer
from ui.words import UiTexts, count_noun

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
    total: int = 0  # files that the filters allows, of those that belong together one
    beside: int = 0  # files that the filters allows and that belong to these
    collections: tuple[tuple[str, int], ...] = ()  # name and number of files, by name
    access: OwnedCollection | None = None  # who sees the collection that is shown; None where there are no accounts
    holding: tuple[int, int] | None = None  # files and parts that the library held when the list was made
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
class LibraryLister(Handlers):
    """Makes lists. Every error becomes a sentence in place of the list."""

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
        """Every path of these files and of what belongs to them: one may lie at several."""
        store, ids = self.assistant.store, [region.source.id for region in regions]
        ids += [other.id for others in store.companions(ids).values() for other in others]
        places = store.places_of(list(dict.fromkeys(ids)))
        return [path for paths in places.values() for path in paths]

    def _fill(self, listing: LibraryListing, num: int) -> LibraryListing:
        store = self.assistant.store
        try:
            counts = store.counts()  # before the list is read: a list may be newer than it says, never older
            where = replace(listing.filters.where(), grouped=True)
            total = sum(store.kinds(where=where).values())
            beside = sum(store.kinds(where=replace(where, grouped=False)).values()) - total
            start = listing.start if listing.start < total else 0
            sources = store.sources(where, order=listing.order, limit=min(num, MOST), offset=start)
            leading = store.leading([source.id for source in sources])
            names = tuple((name, count) for name, count in store.collections().items() if name != LIBRARY)
            access = self._read_access(listing.filters.collection, dict(names))
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            return replace(listing, regions=(), total=0, notice=edges.sentence(error, self.words))
        regions = tuple(leading.get(source.id) or bare(source) for source in sources)
        held = (counts.sources, counts.regions)
        more: dict[str, Any] = {"start": start, "total": total, "beside": beside, "collections": names}
        more["access"] = access
        return replace(listing, regions=regions, holding=held, notice="", **more)

    def _read_access(self, name: str, counts: Mapping[str, int]) -> OwnedCollection | None:
        """Who sees a collection, for whoever looks; None without accounts, and of what is no collection."""
        accounts = self.assistant.accounts
        if accounts is None or name not in counts:
            return None
        return describe_collections(accounts, {name: counts[name]}, current_viewer())[0]


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


def browse(listing: LibraryListing, pictures: PagePictures, words: UiTexts, *, offer: bool) -> str:
    """The list as HTML; `offer` puts a button into an empty library that adds the bundled photos."""
    if listing.notice:
        return notice(listing.notice)
    if not listing.total:
        chips = collections(listing, words) if listing.filters != SearchFilter() else ""
        return f'{chips}<div class="nothing">{_nothing(listing, words, offer=offer)}</div>'
    badges = read_badges((region.source for region in listing.regions), pictures, words)
    items = "".join(_item(n, region, pictures, words, badges) for n, region in enumerate(listing.regions))
    count = escape(_describe_count(listing, words))
    return (
        f'{collections(listing, words)}<div class="above"><span class="hint">{count}</span>'
        f"{button('all', '', words.select_all)}</div>"
        f'<p class="hint keys" id="list-keys">{escape(words.results_keys)}</p>'
        f'<ul class="grid" data-search="{listing.token}" aria-label="{escape(words.state)}" '
        f'aria-describedby="list-keys">{items}</ul><div class="end">{_end(listing, words)}</div>{_bar(listing, words)}'
    )


def collections(listing: LibraryListing, words: UiTexts) -> str:
    """A button for each, with its number of files; the one that is shown can be renamed."""
    if not listing.collections:
        return ""
    chosen = listing.filters.collection
    buttons = [button("collection", "", words.list_all, pressed=not chosen)]
    buttons += [
        button("collection", name, f"{name} ({count:,})", pressed=name == chosen) for name, count in listing.collections
    ]
    there = any(name == chosen for name, _ in listing.collections)
    return (
        f'<div class="collection-choice" role="group" aria-label="{escape(words.collections)}">{"".join(buttons)}</div>'
        f"{_renaming(chosen, words) if there else ''}{_access(listing.access, words) if listing.access else ''}"
    )


def _access(access: OwnedCollection, words: UiTexts) -> str:
    """Who sees the collection that is shown, and buttons for whoever may say so."""
    if not access.is_own:
        return hint(words.access_of.format(owner=access.owner)) if access.owner else ""
    label, names = escape(words.access_names), escape(", ".join(access.readers))
    is_house = access.visibility == "house"
    return (
        f'<div class="typed access" data-of="{escape(access.name)}" role="group" aria-label="{escape(words.access)}">'
        f"<span>{escape(words.access)}</span>{button('open_all', access.name, words.access_house, pressed=is_house)}"
        f"{button('close', access.name, words.access_private, pressed=access.visibility == 'private')}"
        f'<input type="text" maxlength="400" value="{names}" placeholder="{label}" aria-label="{label}">'
        f"{button('share_with', access.name, words.access_share, pressed=access.visibility == 'shared')}</div>"
    )


def _renaming(name: str, words: UiTexts) -> str:
    """A field that holds the name; another name, another field, so that what was typed does not stay."""
    label = escape(words.collection_name)
    return (
        f'<div class="typed" data-of="{escape(name)}"><input type="text" maxlength="120" value="{escape(name)}" '
        f'aria-label="{label}">{button("rename", name, words.collection_rename)}</div>'
    )


def _nothing(listing: LibraryListing, words: UiTexts, *, offer: bool) -> str:
    if listing.filters != SearchFilter():
        return hint(words.list_none) + button("unfilter", "", words.filters_clear)
    first = button("bundled", "", words.add_bundled, look="small go") if offer else ""
    return hint(words.list_empty) + first


def _describe_count(listing: LibraryListing, words: UiTexts) -> str:
    """How many there are; and where the list stands, once it does not hold them all."""
    files = count_noun(words.files, listing.total)
    if listing.beside:
        files = words.list_beside.format(files=files, count=f"{listing.beside:,}")
    if not listing.start and listing.total <= MOST:
        return files
    return words.list_part.format(first=f"{listing.start + 1:,}", last=f"{listing.end:,}", files=files)


def _item(index: int, region: Region, pictures: PagePictures, words: UiTexts, badges: Mapping[int, str]) -> str:
    source = region.source
    shown = Tile(
        index=index, number=source.id, region=region, name=source.name, caption=source.name, why=facts(region, words),
        badge=badges.get(source.id, ""),
    )  # fmt: skip
    return tile(shown, pictures, words)


def facts(region: Region, words: UiTexts) -> str:
    """When, how large, and in which collection: "2024-05-31 · 3.2 MB · Holidays"; of a photo the file's day is none."""
    source, parts = region.source, []
    if source.taken_at is not None:
        parts.append(f"{source.taken_at:%Y-%m-%d}")
    elif source.kind == "photo":
        parts.append(words.no_date)
    elif changed := find_file_time(source):
        parts.append(words.file_of.format(date=f"{changed:%Y-%m-%d}"))
    if source.size_bytes:
        parts.append(in_bytes(source.size_bytes).replace(" ", "\u00a0"))
    if source.collection != LIBRARY:
        parts.append(source.collection)
    return " · ".join(parts)


def _end(listing: LibraryListing, words: UiTexts) -> str:
    """More of them; or, where the list is as long as it gets, what comes before and after it."""
    if listing.is_growing:
        return button("more", len(listing.regions), words.results_more, look="small more")
    buttons = [button("earlier", "", words.list_earlier.format(count=MOST))] if listing.start else []
    if left := listing.total - listing.end:
        buttons.append(button("later", "", words.list_later.format(count=min(MOST, left))))
    return " ".join(buttons)


def _bar(listing: LibraryListing, words: UiTexts) -> str:
    names = "".join(f'<option value="{escape(name)}"></option>' for name, _ in listing.collections)
    label = escape(words.collection_into)
    into = (
        f'<span class="typed"><input type="text" maxlength="120" list="collection-names" placeholder="{label}" '
        f'aria-label="{label}"><datalist id="collection-names">{names}</datalist>'
        f"{button('assign', '', words.collection_put)}</span>"
    )
    leave = button("leave", "", words.collection_leave) if listing.filters.collection else ""
    out = button("take_out", "", words.take_out_selected)
    return bar(words, out, into, leave, copier("", words.copy_paths, words.copied_paths))


WAYS = {"earlier": -1, "later": 1}  # of turning to other files
SHOWING = ("open", "more", "collection", "unfilter", *WAYS)  # what a press can ask for that changes nothing


@dataclass(frozen=True, kw_only=True)
class LibraryGrid:
    """Components of the list and their events."""

    lister: LibraryLister
    pictures: PagePictures
    viewer: Viewer
    offer: bool  # whether an empty library can be filled with the bundled photos
    fields: dict[str, Any]  # kind, order and folder
    html: gr.HTML
    listing: gr.State

    @classmethod
    def place(cls, lister: LibraryLister, pictures: PagePictures, viewer: Viewer, *, offer: bool) -> "LibraryGrid":
        """Put it on the page that is being built."""
        with gr.Row(elem_classes="above-list"):
            fields = _place_fields(lister.words)
        html = piece(listens="grid", elem_classes="results shelf")
        return cls(
            lister=lister, pictures=pictures, viewer=viewer, offer=offer, fields=fields, html=html,
            listing=gr.State(LibraryListing()),
        )  # fmt: skip

    @property
    def parts(self) -> list[Any]:
        """Every component that `render` may update."""
        return [self.html, self.listing]

    def join(self) -> None:
        """Connect the filters; whatever grid is drawn last is that of the last choice."""

        @needs_right("ask")
        def filter_list(listing: LibraryListing, kind: str, order: str, folder: str) -> Updates:
            filters = replace(listing.filters, kind=kind or "", folder=(folder or "").strip())
            return self.render(self.lister.first(filters, order))

        inputs = [self.listing, *self.fields.values()]
        for name, each in self.fields.items():
            event = each.submit if name == "folder" else each.input
            event(filter_list, inputs, self.parts, trigger_mode="always_last", **QUIET)

    def render(self, listing: LibraryListing) -> Updates:
        """A list as updates of components."""
        html = browse(listing, self.pictures, self.lister.words, offer=self.offer)
        return {self.html: html, self.listing: listing}

    def renew(self, before: LibraryListing) -> Updates:
        """Updates for what has changed since this list was made, if anything."""
        now = self.lister.renew(before)
        return {} if now == before and before.total else self.render(now)

    def press(self, caller: Caller, act: str, what: object, listing: LibraryListing) -> Updates:
        """Updates for a press that asks to be shown something; what it says comes from the browser."""
        if act == "open":
            return self.viewer.open(caller, exhibits(listing.regions), what)
        if act == "more":
            more = self.lister.more(listing, what)
            return {self.html: gr.skip()} if more is listing else self.render(more)
        if act in WAYS:
            return self.render(self.lister.turn(listing, WAYS[act]))
        if act == "collection":
            return self.render(self.lister.first(replace(listing.filters, collection=str(what)), listing.order))
        emptied = {self.fields["kind"]: "", self.fields["folder"]: ""}
        return {**self.render(self.lister.first(SearchFilter(), listing.order)), **emptied}


def _place_fields(words: UiTexts) -> dict[str, Any]:
    kinds = [
        (words.any, ""), (words.kind_photos, "photos"), (words.kind_videos, "videos"),
        (words.kind_documents, "documents"), (words.kind_code, "code"),
    ]  # fmt: skip
    orders = [
        (words.sort_added, "added"), (words.sort_newest, "newest"), (words.sort_oldest, "oldest"),
        (words.sort_name, "name"), (words.sort_size, "size"),
    ]  # fmt: skip
    return {
        "kind": gr.Dropdown(kinds, value="", label=words.kind, min_width=130),
        "order": gr.Dropdown(orders, value="added", label=words.sort, min_width=130),
        "folder": gr.Textbox(label=words.folder, placeholder=words.folder_hint, max_lines=1, min_width=160, scale=2),
    }
