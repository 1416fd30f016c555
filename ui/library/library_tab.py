"""The Library tab: put files in, see how the work goes, look after what is there, and see what there is.

It places the components, and turns what its handlers (`library_handlers`, `library_report`) say and see into updates;
the list of what is in the library is a `library_grid`. While the tab is open, or something is being done, a timer looks
at the library.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import gradio as gr

from deepseek_mm import Caller, Health, Right, Services
from index import Region
from ui import edges
from ui.ask.chat import Talk
from ui.edges import ActionResult
from ui.gateway.events import QUIET, Press, Updates, caller_of, needs_right
from ui.html import heading, hint, line, notice, piece
from ui.library.duplicates import DuplicateHandlers, TwinsPart
from ui.library.imports_part import place_import, show_preview
from ui.library.library_grid import SHOWING, LibraryGrid, LibraryLister, LibraryListing, select_regions
from ui.library.library_handlers import ACCESS, LibraryHandlers, parse_path
from ui.library.library_report import LibraryState, failure, in_bytes, look, say_marked
from ui.library.rules import RuleHandlers, RulesPart
from ui.pictures import PagePictures
from ui.viewer import Viewer
from ui.words import UiTexts


def fold(name: str, title: str, *, is_open: bool = True) -> gr.Accordion:
    """A section that folds, by a name under which the page remembers whether it is open."""
    return gr.Accordion(title, open=is_open, elem_id=f"fold-{name}", elem_classes="fold")


def place_add(words: UiTexts) -> dict[str, Any]:
    """Where files come in."""
    with fold("add", words.add):
        parts: dict[str, Any] = {
            "files": gr.File(label=words.add_files, file_count="multiple", height=120, elem_classes="drop"),
            "path": gr.Textbox(label=words.add_path, placeholder=words.folder_hint, max_lines=1),
            "collection": gr.Textbox(
                label=words.add_collection,
                placeholder=words.add_collection_hint,
                max_lines=1,
                elem_classes="dropped-into",  # takes the name of a folder that was dropped
            ),
        }
        with gr.Row():
            parts["index"] = gr.Button(words.add_index, variant="primary", size="sm", min_width=120)
            parts["watch"] = gr.Button(words.add_watch, size="sm", min_width=120)
    return parts


def place_state(words: UiTexts) -> dict[str, Any]:
    """What is being done, which folders are watched, and how much there is."""
    with fold("work", words.work):
        parts = {"running": piece(elem_classes="work-list"), "news": piece(listens="")}
        parts["processes"] = piece(listens="")
    with fold("ended", words.ended):
        parts["ended"] = piece(elem_classes="work-list")
    with fold("watched", words.watched):
        parts["watched"] = piece(elem_classes="work-list")
    with fold("held", words.held):
        parts["facts"] = piece(listens="")
    return parts


def place_care(words: UiTexts) -> dict[str, Any]:
    """What can be done to the library as a whole."""
    piece(heading(words.look_after), listens="")
    parts: dict[str, Any] = {}
    with fold("care", words.care, is_open=False):
        parts["gone"] = gr.Checkbox(label=words.repair_gone)
        with gr.Row():
            parts["verify"] = gr.Button(words.verify, size="sm", min_width=120)
            parts["repair"] = gr.Button(words.repair, size="sm", min_width=120)
    with fold("health", words.health, is_open=False):
        parts["gone_text"] = gr.Textbox(label=words.health_gone_text, placeholder=words.health_gone_hint, max_lines=1)
        parts["measure"] = gr.Button(words.health_measure, size="sm")
        parts["health"] = piece(listens="")
    with fold("keep", words.keep, is_open=False):
        parts["backup_path"] = gr.Textbox(label=words.backup_path, max_lines=1)
        with gr.Row():
            parts["backup"] = gr.Button(words.backup, size="sm", min_width=120)
            parts["check_backup"] = gr.Button(words.backup_check, size="sm", min_width=120)
        parts["backups"] = piece(elem_classes="work-list")
        parts["restore_path"] = gr.Textbox(label=words.restore_path, max_lines=1)
        parts["restore"] = gr.Button(words.restore, size="sm")
    with fold("leave", words.leave, is_open=False):
        piece(hint(words.leave_told), listens="")
        parts["leave_path"] = gr.Textbox(label=words.leave_path, max_lines=1)
        parts["leave"] = gr.Button(words.leave_begin, size="sm")
    with fold("take-out", words.take_out, is_open=False):
        parts["take_out_path"] = gr.Textbox(label=words.take_out_path, max_lines=1)
        parts["take_out"] = gr.Button(words.take_out_selected, size="sm")
    return parts


LEAST_RECALL = 0.99  # below it a search misses one of a hundred


def measure_health(services: Services, caller: Caller, gone: str, words: UiTexts) -> str:
    """Measure, and look for a text that should be gone; whatever goes wrong ends as a sentence."""
    try:
        panel = health(services.library.measure_health(caller), words)
        return panel + (traces(services, caller, gone.strip(), words) if gone.strip() else "")
    except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
        return notice(edges.sentence(error, words))


def health(told: Health, words: UiTexts) -> str:
    """The list, with what does not fit and what failed below it."""
    rows = "".join(_health_row(good, text, words) for good, text in lines(told, words))
    sizes = " · ".join(f"{getattr(words, f'part_{each.name}')} {in_bytes(each.size_bytes)}" for each in told.sizes)
    listed = [say_marked(each.detail, words, words.say(each.path)) for each in told.problems]
    more = "".join(f"<li>{each}</li>" for each in [*listed, *(failure(each, words) for each in told.failed)])
    below = f"<details><summary>{escape(words.health_listed)}</summary><ul>{more}</ul></details>" if more else ""
    return f'<ul class="health" role="status">{rows}</ul>{below}{hint(sizes)}'


def _health_row(good: bool, text: str, words: UiTexts) -> str:
    look, sign, name = ("good", "&#10003;", words.is_well) if good else ("bad", "&#10007;", words.is_not_well)
    return f'<li class="{look}"><span role="img" aria-label="{escape(name)}">{sign}</span> {escape(text)}</li>'


def lines(told: Health, words: UiTexts) -> Iterator[tuple[bool, str]]:
    """Whether it is as it should be, and what it is."""
    left = told.store.traces
    share, sampled = f"{100 * told.store.recall:.1f}", told.store.sampled
    yield told.store.recall >= LEAST_RECALL, words.health_recall.format(share=share, sampled=sampled)
    yield not told.num_problems, words.health_orphans.format(count=told.num_problems)
    yield not told.gone, words.health_gone.format(count=told.gone)
    if told.offline:
        yield True, words.health_offline.format(count=told.offline, folders=words.join(told.away))
    yield not told.num_failed, words.health_failed.format(count=told.num_failed)
    clean = left.overwrites and not (left.dirty_pages or left.cached or left.words)
    text = words.health_clean if clean else words.health_traces
    yield clean, text.format(free=left.free_pages, dirty=left.dirty_pages, cached=left.cached, words=left.words)
    if told.in_trash:
        yield True, words.health_trash.format(count=told.in_trash)


def traces(services: Services, caller: Caller, gone: str, words: UiTexts) -> str:
    """Where the text still stands, or that it stands nowhere."""
    found = services.library.find_traces(caller, gone)
    if not found:
        return hint(words.health_is_gone.format(text=gone))
    rows = "".join(f"<li>{escape(each.path)} ({each.count})</li>" for each in found)
    return f"{hint(words.health_still.format(text=gone))}<ul>{rows}</ul>"


LISTS = ("running", "news", "processes", "ended", "watched", "taken", "backups", "facts")  # parts that a Look fills
CHANGING: Mapping[str, Right] = dict.fromkeys(
    ("take_out", "assign", "leave", "rename", "bundled", *ACCESS), "library"
)  # what a press in the list changes the library by
PRESSED = ("running", "ended", "watched", "taken", "backups")  # those that have buttons
CARE = "library-care"  # name of the place where the list of files ends and what is done to the library begins
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
        piece(f'<a class="to-care" href="#{CARE}">{escape(words.to_care)} &darr;</a>', listens="")  # in a narrow window
        services = handlers.services
        with gr.Row(elem_classes="library"):  # photos come first, for eyes on a phone and for whoever goes by Tab
            with gr.Column(scale=3, min_width=300, elem_classes="library-list"):
                piece(heading(words.state), listens="")
                lister = LibraryLister(services=services, words=words)
                shelf = LibraryGrid.place(lister, pictures, viewer, offer=services.library.photos is not None)
            with gr.Column(scale=1, min_width=300, elem_classes="library-side", elem_id=CARE):
                parts |= place_add(words)
                parts |= place_import(words, fold("import", words.import_title, is_open=False))
                parts |= place_state(words)
                twins = TwinsPart.place(DuplicateHandlers(services=services, words=words), pictures)
                rules = RulesPart.place(RuleHandlers(services=services, words=words), pictures, viewer)
                parts |= place_care(words)
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
        self._press("import_begin", shelving.begin_import, "import_path")
        for event in (parts["import_look"].click, parts["import_path"].submit):
            event(self._preview_import, parts["import_path"], parts["import_seen"], **QUIET)
        self._press("verify", shelving.verify)
        self._press("repair", shelving.repair, "gone")
        for event in (parts["measure"].click, parts["gone_text"].submit):
            event(self._measure, parts["gone_text"], parts["health"], **QUIET)
        self._press("take_out", shelving.take_out, "take_out_path")
        self._press("backup", shelving.backup, "backup_path")
        self._press("check_backup", shelving.check_backup)
        self._press("leave", shelving.export_everything, "leave_path")
        self._press("restore", shelving.restore, "restore_path", right="settings")

    def join_ask(self, ask_about: Callable[[Sequence[Region], Talk], Updates], talk: gr.State, also: list[Any]) -> None:
        """Connect the list. `ask_about` opens the Ask tab with the chosen files; `also` is what else it updates."""
        shelf = self.shelf
        outputs = [*self._outputs, self.parts["said"], *shelf.fields.values(), *shelf.viewer.parts, *also]

        @needs_right("ask", CHANGING)
        def press(request: gr.Request, event: Press, *held: Any) -> Updates:
            caller, (seen, listing, _, talk) = caller_of(request), held
            if event.act == "ask" and (regions := select_regions(listing.regions, event.what)):
                return ask_about(regions, talk)
            if event.act in SHOWING:
                return shelf.press(caller, event.act, event.what, listing)
            return self._change(caller, event, seen, listing)

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

    def _change(self, caller: Caller, event: Press, seen: LibraryState, listing: LibraryListing) -> Updates:
        """Something was pressed in the list that changes the library."""
        said, after = self._do(caller, event, listing)
        shown = self._answer(caller, said, seen, after)
        if event.act != "rename" or said.wrong:
            return shown
        filters = replace(listing.filters, collection=" ".join(event.text.split()))
        return shown | self.shelf.render(self.shelf.lister.first(filters, listing.order))

    def _do(self, caller: Caller, event: Press, listing: LibraryListing) -> tuple[ActionResult, LibraryListing]:
        """What is said, and the list, in which nothing is chosen any more where its files were changed."""
        shelving, words = self.handlers, self.handlers.words
        if event.act == "bundled":
            return shelving.add_bundled(caller), listing
        if event.act == "rename":
            return shelving.rename(caller, event.what, event.text), listing
        if event.act in ACCESS:
            return shelving.change_access(caller, event.what, event.act, event.text), listing
        paths = self.shelf.lister.paths(select_regions(listing.regions, event.what))
        acts: dict[str, Callable[[], ActionResult]] = {
            "take_out": lambda: shelving.take_out_all(caller, paths, otherwise=words.list_gone),
            "assign": lambda: shelving.collect(caller, paths, event.text),
            "leave": lambda: shelving.release(caller, paths, listing.filters.collection),
        }
        if event.act not in acts or not paths:
            return ActionResult(text=words.list_gone if event.act in acts else words.bug, wrong=True), listing
        said = acts[event.act]()
        return said, listing if said.wrong else replace(listing, token=LibraryListing().token)

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
        return measure_health(self.handlers.services, caller_of(request), str(gone or ""), self.handlers.words)

    @needs_right("library")
    def _preview_import(self, request: gr.Request, path: str) -> str:
        """What an import would do."""
        caller, words = caller_of(request), self.handlers.words
        typed = parse_path(path, caller) if str(path or "").strip() else ""
        return show_preview(self.handlers.services, caller, typed, words)

    @needs_right("library")
    def _act(
        self, request: gr.Request, seen: LibraryState, listing: LibraryListing, opened: bool, event: Press
    ) -> Updates:
        """A button in one of the lists at the side."""
        if event.act == "choose":
            return {self.parts["restore_path"]: event.what}
        caller = caller_of(request)
        return self._answer(caller, self.handlers.act(caller, event.act, event.what), seen, listing)

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
        updates: Updates = {
            self.parts[name]: getattr(now, name) for name in LISTS if getattr(now, name) != getattr(seen, name)
        }
        if now.head != seen.head:
            updates[self.top] = self.head(caller, now.head)
        if now.counted.holding != listing.holding and opened and listing.is_short:
            updates |= self.shelf.renew(listing)
        if now.busy != seen.busy or not (opened or now.busy):
            updates[self.timer] = gr.Timer(SOON_S if now.busy and opened else LATER_S, active=opened or now.busy)
        return {self.seen: now, **updates}
