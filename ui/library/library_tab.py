"""The Library tab: put files in, see how the work goes, look after what is there, and see what there is.

It places the components, and turns what its handlers (`library_handlers`, `library_state`) say and see into updates;
the list of what is in the library is a `library_grid`. While the tab is open, or something is being done, a timer looks
at the library.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import gradio as gr

from deepseek_mm import Caller, Right
from index import Region
from ui import edges
from ui.ask.ask_tab import QUIET
from ui.ask.chat import Talk
from ui.assets import piece
from ui.edges import ActionResult
from ui.gateway.rights import needs_right
from ui.gateway.visitor import caller_of
from ui.html import for_ears, heading, hint, notice
from ui.library import library_maintenance
from ui.library.duplicates import DuplicateHandlers, TwinsPart
from ui.library.library_grid import SHOWING, LibraryGrid, Updates
from ui.library.library_handlers import LibraryHandlers
from ui.library.library_list import LibraryLister, LibraryListing
from ui.library.library_maintenance import place_add, place_care, place_state
from ui.library.library_state import LibraryState, look
from ui.library.rules import RuleHandlers, RulesPart
from ui.pictures import PagePictures
from ui.viewer import Viewer

LISTS = ("running", "news", "ended", "watched", "taken", "backups", "facts")  # parts that a Look fills
CHANGING: Mapping[str, Right] = dict.fromkeys(
    ("take_out", "assign", "leave", "rename", "bundled"), "library"
)  # what a press in the list changes the library by
PRESSED = ("running", "ended", "watched", "taken", "backups")  # those that have buttons
LIST = "library-list"  # name of the place where the list of files begins
SOON_S, LATER_S = 1.0, 5.0  # between two looks: while something runs and the tab is open, and otherwise


@dataclass(frozen=True, kw_only=True)
class LibraryTab:
    """Components of the tab and their events."""

    handlers: LibraryHandlers
    shelf: LibraryGrid
    rules: RulesPart
    twins: TwinsPart
    parts: dict[str, Any]  # components by name
    timer: gr.Timer
    seen: gr.State  # the last Look: only what has changed is sent
    opened: gr.State  # whether the tab is in view
    top: gr.HTML  # of the page, which counts what is in the library
    head: Callable[[Caller, str], str]  # makes the HTML of it

    @classmethod
    def place(
        cls,
        handlers: LibraryHandlers,
        pictures: PagePictures,
        viewer: Viewer,
        *,
        top: gr.HTML,
        head: Callable[[Caller, str], str],
    ) -> "LibraryTab":
        """Put the tab on the page that is being built."""
        words = handlers.words
        parts: dict[str, Any] = {}
        with gr.Column(elem_classes="library-said"):
            parts |= {"said": piece(listens="", visible=False), "taken": piece(elem_classes="takings")}
        piece(f'<a class="to-list" href="#{LIST}">{escape(words.state)} &darr;</a>', listens="")  # in a narrow window
        with gr.Row(elem_classes="library"):
            with gr.Column(scale=1, min_width=300, elem_classes="library-side"):
                parts |= place_add(words) | place_state(words) | place_care(words)
            with gr.Column(scale=3, min_width=300):
                rules = RulesPart.place(
                    RuleHandlers(assistant=handlers.assistant, services=handlers.services, words=words),
                    pictures,
                    viewer,
                )
                twins = TwinsPart.place(DuplicateHandlers(library_handlers=handlers), pictures)
                piece(heading(words.state), listens="", elem_id=LIST)
                lister = LibraryLister(assistant=handlers.assistant, words=words)
                shelf = LibraryGrid.place(lister, pictures, viewer, offer=handlers.services.library.photos is not None)
        return cls(
            handlers=handlers, shelf=shelf, rules=rules, twins=twins, parts=parts, top=top, head=head,
            timer=gr.Timer(LATER_S, active=False), seen=gr.State(LibraryState()), opened=gr.State(False),
        )  # fmt: skip

    def join(self, tabs: gr.Tabs) -> None:
        """Connect the components with the handlers."""
        shelving, parts = self.handlers, self.parts
        self.shelf.join()
        self.rules.join(self.shelf.listing)
        self.twins.join(self._answer, self._inputs, [*self._outputs, self.parts["said"]])
        self.twins.renew(self.timer)
        self.timer.tick(self._tick, self._inputs, self._outputs, **QUIET)
        turned = [*self._outputs, self.parts["said"], self.opened]
        tabs.select(self._turn, self._inputs[:2], turned, **QUIET, trigger_mode="multiple")  # no quick one is lost
        for name in PRESSED:
            outputs = [*self._outputs, parts["said"], parts["restore_path"]]
            parts[name].click(self._act, self._inputs, outputs, **QUIET)
        self._press("path", shelving.add, "files", "path", "collection", event="submit")
        self._press("index", shelving.add, "files", "path", "collection")
        self._press("watch", shelving.watch, "path")
        self._press("verify", shelving.verify)
        self._press("repair", shelving.repair, "gone")
        for event in (parts["measure"].click, parts["gone_text"].submit):
            event(self._measure, parts["gone_text"], parts["health"], **QUIET)
        self._press("take_out", shelving.take_out, "take_out_path")
        self._press("backup", shelving.backup, "backup_path")
        self._press("restore", shelving.restore, "restore_path", right="settings")

    def join_ask(self, ask_about: Callable[[Sequence[Region], Talk], Updates], talk: gr.State, also: list[Any]) -> None:
        """Connect the list. `ask_about` opens the Ask tab with the chosen files; `also` is what else it updates."""
        shelf = self.shelf
        outputs = [*self._outputs, self.parts["said"], *shelf.fields.values(), *shelf.viewer.parts, *also]

        @needs_right("ask", CHANGING)
        def press(
            request: gr.Request,
            seen: LibraryState,
            listing: LibraryListing,
            opened: bool,
            talk: Talk,
            event: gr.EventData,
        ) -> Updates:
            caller = caller_of(request)
            act, what = str(getattr(event, "act", "")), getattr(event, "what", "")
            if act == "ask" and (regions := shelf.select(what, listing)):
                return ask_about(regions, talk)
            if act in SHOWING:
                return shelf.press(caller, act, what, listing)
            return self._change(caller, (act, what), str(getattr(event, "text", "")), (seen, listing))

        sent: dict[str, Any] = {"trigger_mode": "multiple", "concurrency_limit": 8}  # no press is lost
        shelf.html.click(press, [*self._inputs, talk], outputs, **sent, **QUIET)

    def wake(self, caller: Caller) -> Any:
        """The timer as it should be for a page that has just arrived: it looks where something is being done."""
        return gr.Timer(LATER_S, active=self.handlers.is_busy(caller))

    @property
    def _inputs(self) -> list[Any]:
        """What a look needs to know of the page."""
        return [self.seen, self.shelf.listing, self.opened]

    @property
    def _outputs(self) -> list[Any]:
        """What a look may update."""
        return [self.timer, self.seen, self.top, *(self.parts[name] for name in LISTS), *self.shelf.parts]

    def _press(
        self,
        button: str,
        act: Callable[..., ActionResult],
        *inputs: str,
        event: str = "click",
        right: Right = "library",
    ) -> None:
        """Join a button: it acts on some fields, which are emptied if that went well."""
        fields = [name for name in inputs if name != "gone"]

        @needs_right(right)
        def press(
            request: gr.Request, seen: LibraryState, listing: LibraryListing, opened: bool, *values: Any
        ) -> Updates:
            caller = caller_of(request)
            return self._answer(caller, act(caller, *values), seen, listing, fields)

        outputs = [*self._outputs, self.parts["said"], *(self.parts[name] for name in inputs)]
        sources = [*self._inputs, *(self.parts[name] for name in inputs)]
        getattr(self.parts[button], event)(press, sources, outputs, **QUIET)

    def _change(
        self, caller: Caller, press: tuple[str, object], text: str, now: tuple[LibraryState, LibraryListing]
    ) -> Updates:
        """Something was pressed in the list that changes the library; all words come from the browser."""
        (act, what), (seen, listing) = press, now
        shelving, words, collection = self.handlers, self.handlers.words, listing.filters.collection
        if act == "bundled":
            return self._answer(caller, shelving.add_bundled(caller), seen, listing)
        if act == "rename":
            said = shelving.rename(caller, str(what), text)
            updates = self._answer(caller, said, seen, listing)
            filters = replace(listing.filters, collection=" ".join(text.split()))
            return (
                updates if said.wrong else updates | self.shelf.render(self.shelf.lister.first(filters, listing.order))
            )
        paths = self.shelf.lister.paths(self.shelf.select(what, listing))
        acts: dict[str, Callable[[], ActionResult]] = {
            "take_out": lambda: shelving.take_out_all(caller, paths, otherwise=words.list_gone),
            "assign": lambda: shelving.collect(caller, paths, text),
            "leave": lambda: shelving.release(caller, paths, collection),
        }
        if act not in acts or not paths:
            return self._answer(
                caller, ActionResult(text=words.list_gone if act in acts else words.bug, wrong=True), seen, listing
            )
        said = acts[act]()
        return self._answer(
            caller, said, seen, listing if said.wrong else replace(listing, token=LibraryListing().token)
        )

    def _answer(
        self,
        caller: Caller,
        said: ActionResult,
        seen: LibraryState,
        listing: LibraryListing,
        fields: Sequence[str] = (),
    ) -> Updates:
        """What was said, the fields emptied if it went well, and what has changed for callers who may see it."""
        emptied: Updates = {} if said.wrong else {self.parts[name]: None for name in fields}
        if "ask" not in caller.rights:
            return {**emptied, self.parts["said"]: line(said)}
        now = self._look(caller, seen, listing, True)
        shown = self.shelf.renew(listing) if not said.wrong else {}
        return {**now, **shown, **emptied, self.parts["said"]: line(said)}

    @needs_right("library")
    def _measure(self, request: gr.Request, gone: str) -> str:
        """How well the index does."""
        return library_maintenance.look(
            self.handlers.services, caller_of(request), str(gone or ""), self.handlers.words
        )

    @needs_right("library")
    def _act(
        self, request: gr.Request, seen: LibraryState, listing: LibraryListing, opened: bool, event: gr.EventData
    ) -> Updates:
        """A button in one of the lists at the side."""
        act, what = getattr(event, "act", ""), getattr(event, "what", "")
        if act == "choose":
            return {self.parts["restore_path"]: str(what)}
        caller = caller_of(request)
        return self._answer(caller, self.handlers.act(caller, act, what), seen, listing)

    @needs_right("ask")
    def _turn(self, request: gr.Request, seen: LibraryState, listing: LibraryListing, event: gr.SelectData) -> Updates:
        """A tab was opened: look at once if it is this one, and go on looking."""
        opened = event.value == self.handlers.words.library
        if not opened:
            timer, said = gr.Timer(LATER_S, active=seen.busy), gr.HTML(visible=False)
            return {self.opened: False, self.timer: timer, self.parts["said"]: said}
        updates = self._look(caller_of(request), seen, listing, True)
        busy = updates[self.seen].busy
        timer = gr.Timer(SOON_S if busy else LATER_S, active=True)
        return {**self.shelf.renew(listing), **updates, self.timer: timer, self.opened: True}

    @needs_right("ask")
    def _tick(self, request: gr.Request, seen: LibraryState, listing: LibraryListing, opened: bool) -> Updates:
        return self._look(caller_of(request), seen, listing, opened)

    def _look(self, caller: Caller, seen: LibraryState, listing: LibraryListing, opened: bool) -> Updates:
        """Updates for what has changed since `seen`; a library that cannot be read is told, and looked at again."""
        words = self.handlers.words
        try:
            now = look(self.handlers.services, caller, words, seen)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            return {self.parts["running"]: notice(edges.sentence(error, words)), self.seen: LibraryState()}
        updates: Updates = {self.parts[name]: getattr(now, name) for name in _changes(seen, now)}
        if now.head != seen.head:
            updates[self.top] = self.head(caller, now.head)
        if now.counted.holding != listing.holding and opened and listing.is_short:
            updates |= self.shelf.renew(listing)
        if now.busy != seen.busy or not (opened or now.busy):
            updates[self.timer] = gr.Timer(SOON_S if now.busy and opened else LATER_S, active=opened or now.busy)
        return {self.seen: now, **updates}


def _changes(seen: LibraryState, now: LibraryState) -> Iterator[str]:
    """Names of the lists that have changed."""
    return (name for name in LISTS if getattr(now, name) != getattr(seen, name))


def line(said: ActionResult) -> Any:
    """What was said, as an alert or a quiet line; or for ears only."""
    quiet = hint(said.text) if said.shown else for_ears(said.text)
    return gr.HTML(notice(said.text) if said.wrong else quiet, visible=True)
