"""The Photos tab: its handlers, its component, and the events between them."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from deepseek_mm import Caller, Right, Services, quote_value
from index import Region, Source
from ui import edges
from ui.ask.chat import Talk
from ui.edges import ActionResult, Handlers
from ui.gateway.events import (
    QUIET,
    EventSequence,
    Press,
    Ticket,
    Updates,
    Visitor,
    caller_of,
    needs_right,
    visitor_of,
)
from ui.history.history_handlers import exports
from ui.html import line, link, notice, piece
from ui.library.library_grid import bare, exhibits
from ui.photos.people_changes import change_people, open_person
from ui.photos.people_views import render_people
from ui.photos.photo_changes import put_into_album, rate_photos, write_sidecars
from ui.photos.photo_tiles import PhotoTiles
from ui.photos.photo_views import (
    BOUNDS,
    GROUPS,
    KINDS,
    TOGETHER,
    PhotosView,
    ViewKind,
    make_album_cards,
    make_cards,
    render_cards,
    render_kinds,
    render_photos,
)
from ui.pictures import PagePictures
from ui.viewer import Viewer
from ui.words import UiTexts, count_noun

AROUND = 60  # photos before and behind the one that is opened, which the large view can turn to
MOST_CHOSEN = 10_000  # photos of one press
OPERATOR = {"places": "place", "things": "label"}  # of the search box, by which a group is bound
CHANGING: Mapping[str, Right] = {
    **{
        act: "library"
        for act in ("favourite", "unfavourite", "stars", "put", "out", "cover", "first", "rename", "delete", "sidecars")
    },
    **{act: "library" for act in ("name_person", "merge_person", "remove_person", "not_person")},
    "people_on": "settings",
    "people_off": "settings",
}
OF_PEOPLE = frozenset(act for act in CHANGING if act.startswith("people_") or act.endswith("_person"))


@dataclass(frozen=True, kw_only=True)
class PhotosHandlers(Handlers):
    """Shows views, and does what is pressed in them."""

    tiles: PhotoTiles

    @classmethod
    def over(cls, services: Services, words: UiTexts, pictures: PagePictures) -> "PhotosHandlers":
        """With tiles of these pictures."""
        tiles = PhotoTiles(services=services, words=words, pictures=pictures)
        return cls(services=services, words=words, tiles=tiles)

    def render(self, caller: Caller, view: PhotosView) -> str:
        """A view as HTML; an error becomes a sentence in its place."""
        photos, words = self.services.photos, self.words
        try:
            if view.kind in GROUPS and not view.title:
                return self._render_groups(caller, view)
            where = photos.read_view(caller, view.operators)
            first = photos.list_photos(caller, where, order=view.order, limit=TOGETHER)
            tiles = self.tiles.list_items(caller, first)
            names = self.services.people.list_names if view.person else photos.list_album_names
            return render_photos(view, photos.count_months(caller, where), tiles, names(caller), words)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            return notice(edges.sentence(error, words))

    def _render_groups(self, caller: Caller, view: PhotosView) -> str:
        photos = self.services.photos
        if view.kind == "albums":
            return render_cards(view, make_album_cards(photos.list_albums(caller)), self.tiles.pictures, self.words)
        if view.kind == "people":
            state = self.services.people.describe_state(caller)
            cards = render_people(state, self.tiles.pictures, self.words, sure=view.sure)
            return render_kinds(view, self.words) + cards
        count = photos.count_places if view.kind == "places" else photos.count_things
        groups = count(caller)
        covers = photos.find_photos(caller, [group.cover for group in groups])
        return render_cards(view, make_cards(groups, covers, self.words), self.tiles.pictures, self.words)

    def turn(self, caller: Caller, view: PhotosView, act: str, what: str) -> PhotosView:
        """The view that a press on a kind, on a card or on the way back leads to."""
        if act == "view":
            kind: ViewKind = next((each for each in KINDS if each == what), "timeline")
            return PhotosView(kind=kind, operators=BOUNDS.get(kind, ""))
        if act == "back" or view.kind not in GROUPS:
            return PhotosView(kind=view.kind)
        if view.kind == "albums":
            album = self.services.photos.find_album(caller, edges.number(what))
            return self._open_album(album.id, album.name)
        if view.kind == "people":
            return open_person(self.services, caller, self.words, edges.number(what))
        operators = f"{OPERATOR[view.kind]}:{quote_value(what)}"
        return PhotosView(kind=view.kind, operators=operators, title=self.words.name(what))

    def _open_album(self, album: int, name: str) -> PhotosView:
        return PhotosView(kind="albums", operators=f"album:{quote_value(name)}", title=name, album=album)

    def list_around(self, caller: Caller, view: PhotosView, at: int) -> tuple[list[Region], int]:
        """The photos around a place of a view, and at which of them it is."""
        photos, start = self.services.photos, max(0, at - AROUND)
        where = photos.read_view(caller, view.operators)
        sources = photos.list_photos(caller, where, order=view.order, start=start, limit=2 * AROUND + 1)
        return self.find_regions(sources), at - start

    def find_regions(self, sources: Sequence[Source]) -> list[Region]:
        """The whole of each photo."""
        leading = self.assistant.store.leading([source.id for source in sources])
        return [leading.get(source.id) or bare(source) for source in sources]

    def change(self, caller: Caller, view: PhotosView, event: Press) -> tuple[ActionResult, PhotosView]:
        """What a press changes: what is said of it, and the view afterwards, in which nothing is chosen."""
        chosen = [edges.number(each) for each in str(event.what).split(",")[:MOST_CHOSEN] if each]
        who = (self.services, caller, self.words)
        after = [replace(view, sure=False, token=PhotosView().token)]

        def change_person() -> str:
            said, after[0] = change_people(*who, view, (event.act, event.text, chosen))
            return said

        acts: dict[str, Callable[[], str]] = {
            "favourite": lambda: rate_photos(*who, chosen, is_favourite=True),
            "unfavourite": lambda: rate_photos(*who, chosen, is_favourite=False),
            "stars": lambda: rate_photos(*who, chosen, stars=edges.number(event.text)),
            "put": lambda: put_into_album(*who, chosen, event.text),
            "out": lambda: self._take(caller, view, chosen),
            "first": lambda: self._move(caller, view, chosen),
            "cover": lambda: self._set_cover(caller, view, chosen),
            "rename": lambda: self._rename(caller, view, event.text, after),
            "delete": lambda: self._delete(caller, view, after),
            "sidecars": lambda: write_sidecars(*who, chosen),
        }
        act = change_person if event.act in OF_PEOPLE else acts.get(event.act, lambda: "")
        said = self.say(act, otherwise=self.words.bug)
        return said, view if said.wrong else after[0]

    def share(self, caller: Caller, view: PhotosView, event: Press) -> Path:
        """The chosen photos as one file that the page may hand out."""
        photos, language, places = self.services.photos, self.words.language, event.text == "places"
        chosen = [edges.number(each) for each in str(event.what).split(",") if each]
        if event.act == "share_zip":
            return photos.pack_files(caller, chosen, coordinates=places)
        page = photos.share_page(caller, chosen, title=view.title, language=language, places=places)
        file = exports() / secrets.token_urlsafe(24) / page.name
        file.parent.mkdir(parents=True)
        file.write_bytes(page.data)
        return file

    def count(self, num: int) -> str:
        """So many photos."""
        return count_noun(self.words.photos_count, num)

    def _take(self, caller: Caller, view: PhotosView, chosen: Sequence[int]) -> str:
        num = self.services.photos.take_from_album(caller, view.album, chosen)
        return self.words.photos_album_left.format(photos=self.count(num))

    def _move(self, caller: Caller, view: PhotosView, chosen: Sequence[int]) -> str:
        num = self.services.photos.order_album(caller, view.album, chosen)
        return self.words.photos_album_moved.format(photos=self.count(num))

    def _set_cover(self, caller: Caller, view: PhotosView, chosen: Sequence[int]) -> str:
        if len(chosen) != 1:
            raise edges.NoName(self.words.photos_album_one)
        self.services.photos.change_album(caller, view.album, cover=chosen[0])
        return self.words.photos_album_covered

    def _rename(self, caller: Caller, view: PhotosView, name: str, after: list[PhotosView]) -> str:
        album = self.services.photos.change_album(caller, view.album, name=name)
        after[0] = self._open_album(album.id, album.name)
        return self.words.photos_album_has.format(name=album.name, photos=self.count(album.sources))

    def _delete(self, caller: Caller, view: PhotosView, after: list[PhotosView]) -> str:
        if not view.sure:
            after[0] = replace(view, sure=True)
            return self.words.photos_album_sure
        self.services.photos.delete_album(caller, view.album)
        after[0] = PhotosView(kind="albums")
        return self.words.photos_album_deleted


@dataclass(frozen=True, kw_only=True)
class PhotosTab:
    """Components of the tab and their events."""

    handlers: PhotosHandlers
    viewer: Viewer
    html: gr.HTML
    said: gr.HTML
    packed: gr.HTML  # a link to what was shared
    view: gr.State
    sequence: gr.State  # of the presses that show something else

    @classmethod
    def place(cls, handlers: PhotosHandlers, viewer: Viewer) -> "PhotosTab":
        """Put the tab on the page that is being built."""
        said = piece(listens="", visible=False)
        html = piece(listens="photos", elem_classes="photos")
        packed = piece(listens="download", elem_classes="packed-file")
        states = {"view": gr.State(PhotosView()), "sequence": gr.State(EventSequence())}
        return cls(handlers=handlers, viewer=viewer, html=html, said=said, packed=packed, **states)

    @property
    def parts(self) -> list[Any]:
        """Every component that `render` may update."""
        return [self.html, self.said, self.view]

    def join(self, tab: gr.Tab) -> None:
        """What is shown is looked up anew whenever the tab opens."""

        @needs_right("ask")
        def open_tab(request: gr.Request, view: PhotosView, sequence: EventSequence) -> Updates:
            ticket = sequence.take()
            shown = self.render(caller_of(request), replace(view, sure=False), None)
            return self._keep_newest(shown, ticket, sequence)

        tab.select(open_tab, [self.view, self.sequence], self.parts, **QUIET)

    def join_ask(self, ask_about: Callable[[Sequence[Region], Talk], Updates], talk: gr.State, also: list[Any]) -> None:
        """Connect the presses. `ask_about` opens the Ask tab with the chosen photos; `also` is what else it updates."""

        @needs_right("ask", CHANGING)
        def press(request: gr.Request, event: Press, view: PhotosView, sequence: EventSequence, talk: Talk) -> Updates:
            caller = caller_of(request)
            if event.act == "ask":
                return self._ask(caller, event, talk, ask_about)
            if event.act == "open":
                return self._open(caller, view, event.what)
            if event.act in ("share_page", "share_zip"):
                return self._share(visitor_of(request), view, event)
            return self.show(caller, event, view, sequence)

        asked = [self.view, self.sequence, talk]
        outputs = [*self.parts, self.packed, *self.viewer.parts, *also]
        self.html.click(press, asked, outputs, **QUIET, trigger_mode="multiple", concurrency_limit=8)

    def render(self, caller: Caller, view: PhotosView, said: ActionResult | None) -> Updates:
        """Updates that show a view, and what was said."""
        return {self.html: self.handlers.render(caller, view), self.view: view, self.said: line(said)}

    def show(self, caller: Caller, event: Press, view: PhotosView, sequence: EventSequence) -> Updates:
        """What is shown after a press; without the view, if the page asked for another one meanwhile."""
        ticket = sequence.take(event.sent_ms)
        if event.act in CHANGING:
            said, after = self.handlers.change(caller, view, event)
            return self._keep_newest(self.render(caller, after, said), ticket, sequence)
        return self._keep_newest(self._turn(caller, view, event), ticket, sequence)

    def _keep_newest(self, shown: Updates, ticket: Ticket, sequence: EventSequence) -> Updates:
        """Without the view, where another was asked for meanwhile: that one is shown, whichever comes first."""
        return shown if ticket == sequence.ticket else {self.said: shown.get(self.said, gr.skip())}

    def _share(self, visitor: Visitor, view: PhotosView, event: Press) -> Updates:
        """A link to the file, which the browser saves at once; or why there is none."""
        handlers = self.handlers
        try:
            file = visitor.keep(handlers.share(visitor.caller, view, event))
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            return {self.said: line(ActionResult(text=edges.sentence(error, handlers.words), wrong=True))}
        count = handlers.count(len(event.what.split(",")))
        said = handlers.words.photos_shared.format(photos=count, name=file.name)
        return {self.said: line(ActionResult(text=said)), self.packed: link(file.id, file.name)}

    def _ask(
        self, caller: Caller, event: Press, talk: Talk, ask_about: Callable[[Sequence[Region], Talk], Updates]
    ) -> Updates:
        chosen = [edges.number(each) for each in str(event.what).split(",")]
        sources = self.handlers.services.photos.find_photos(caller, chosen)
        regions = self.handlers.find_regions([sources[each] for each in chosen if each in sources])
        return ask_about(regions, talk) if regions else {self.said: gr.skip()}

    def _open(self, caller: Caller, view: PhotosView, what: object) -> Updates:
        regions, at = self.handlers.list_around(caller, view, edges.number(what))
        return self.viewer.open(caller, exhibits(regions), str(at))

    def _turn(self, caller: Caller, view: PhotosView, event: Press) -> Updates:
        """Another view; or why there is none, such as an album that was deleted meanwhile."""
        try:
            return self.render(caller, self.handlers.turn(caller, view, event.act, str(event.what)), None)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            return {self.said: line(ActionResult(text=edges.sentence(error, self.handlers.words), wrong=True))}
