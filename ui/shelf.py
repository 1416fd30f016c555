"""The list of what is in the library: its filters, its grid, and what is chosen there; `library` has it on its tab."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from deepseek_mm import Caller, SearchFilter
from index import Region
from ui.ask import QUIET
from ui.browse import browse
from ui.gateway.rights import needs_right
from ui.listing import LibraryLister, LibraryListing, exhibits, select_regions
from ui.pictures import PagePictures
from ui.piece import piece
from ui.viewer import Viewer
from ui.words import Words

Updates = dict[Any, Any]
WAYS = {"earlier": -1, "later": 1}  # of turning to other files
SHOWING = (
    "open",
    "more",
    "collection",
    "unfilter",
    *WAYS,
)  # what a press can ask for that changes nothing in the library


@dataclass(frozen=True, kw_only=True)
class LibraryGrid:
    """Where things are in the list."""

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
        for name, field in self.fields.items():
            event = field.submit if name == "folder" else field.input
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

    def select(self, what: object, listing: LibraryListing) -> Sequence[Region]:
        """The files that were chosen."""
        return select_regions(listing.regions, what)


def _place_fields(words: Words) -> dict[str, Any]:
    kinds = [
        (words.any, ""), (words.kind_photos, "photos"), (words.kind_documents, "documents"), (words.kind_code, "code"),
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
