"""The layout of the page, and what leads from one tab to another."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from deepseek_mm import (
    Assistant,
    Caller,
    Corrected,
    DeepSeekMMError,
    Listing,
    Notice,
    Services,
    cut,
    listing_of,
)
from index import Box, Region
from ui import edges
from ui.ask.ask_handlers import AskHandlers, Entry, View
from ui.ask.ask_tab import AskTab, CodeTab, PageFields
from ui.ask.chat import Talk
from ui.ask.model_offer import ModelOffer
from ui.code_html import is_listed
from ui.gateway.events import QUIET, GuardedBlocks, Press, Updates, caller_of, end_unchanged, needs_right
from ui.history.history_handlers import HistoryHandlers
from ui.history.history_tab import HistoryTab
from ui.html import choices, notice, piece
from ui.learning_tab import LearningHandlers, LearningTab
from ui.library.library_grid import exhibits
from ui.library.library_handlers import LibraryHandlers
from ui.library.library_tab import LibraryTab
from ui.model_handlers import ModelHandlers
from ui.photos.photos_tab import PhotosHandlers, PhotosTab
from ui.pictures import PagePictures
from ui.region_html import MOST, EvidenceItem
from ui.search.search_handlers import Results, SearchHandlers
from ui.search.search_tab import ALL_OF_THEM, SavedPart, SearchTab
from ui.settings_handlers import SettingsHandlers
from ui.settings_tab import SettingsTab
from ui.viewer import Viewer, ViewerState
from ui.words import TextsOfCode, UiTexts, count_noun


def entry_about(assistant: Assistant, regions: Sequence[Region], folder: Path) -> Entry:
    """What the question box holds when these are asked about; copies lie in `folder`, which Gradio may serve from.

    Pictures that cannot be read any more are left out.
    """
    files = [str(path) for region in regions[:MOST] if (path := _copy(assistant, region, folder)) is not None]
    named = next((region.source.name for region in regions if not region.is_drawn), "")
    return {"text": f"{named}: " if named and not files else "", "files": files}


def question_about(regions: Sequence[Region]) -> str:
    """A question about pieces of code, by their names and files."""
    named = [f"`{each.symbol.path}` @{each.source.name}" if each.symbol else f"@{each.source.name}" for each in regions]
    return f"Explain {', '.join(dict.fromkeys(named[:MOST]))}"


def _copy(assistant: Assistant, region: Region, folder: Path) -> Path | None:
    if not region.is_drawn:
        return None
    source, is_drawn = region.source, bool(region.page) or region.source.is_video  # not its own bytes: a picture of it
    key = hashlib.sha256(f"{source.path}\0{source.digest}\0{region.view}".encode("utf-8", "surrogateescape"))
    target = (
        folder
        / key.hexdigest()[:24]
        / (f"{Path(source.name).stem}.png" if is_drawn else source.name.replace("..", "_"))
    )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not is_drawn and (Path(source.path).is_file() or assistant.files):
            target.write_bytes(assistant.original(source))  # with its date and place
        else:
            assistant.picture(source, region.view).save(target, "PNG")
    except (DeepSeekMMError, OSError, ValueError):  # gone or damaged since it was indexed
        return None
    return target


LEAST_PX = 2  # sides of a box that was drawn


@dataclass(frozen=True, kw_only=True)
class TabNavigation:
    """The tabs, and the dialog above them."""

    services: Services
    tabs: gr.Tabs
    ask: AskTab
    code: AskTab
    search: SearchTab
    photos: PhotosTab
    library: LibraryTab
    viewer: Viewer

    def join(self, visit: PageFields, emptied: Any, settings: SettingsTab) -> None:
        """Connect the dialog, and the event after which the library may be empty."""
        outputs = [*self.viewer.parts, *self.ask.parts, self.code.box, *self.search.parts, self.tabs]
        inputs = [self.search.sent_ms, self.viewer.viewed, self.ask.talk, visit.kept, self.search.newest]
        self.viewer.html.click(self._press, inputs, outputs, **ALL_OF_THEM)
        for tab in (self.search, self.photos, self.library):
            tab.join_ask(self.ask_about, self.ask.talk, [*self.ask.parts, self.code.box, self.tabs])
        parts = [*self.ask.parts, *self.code.parts, *self.search.parts, self.search.newest]
        emptied.then(self._forget, settings.parts["emptied"], parts, **QUIET)

    def ask_about(self, regions: Sequence[Region], talk: Talk) -> Updates:
        """Updates that open the Ask tab with these in its box; of code the Code tab, with their names in it."""
        if regions and all(is_listed(region) for region in regions):
            asked = {"text": question_about(regions), "files": []}
            return {self.code.box: asked, self.tabs: gr.Tabs(selected=self.code.id)}
        folder = Path(os.environ.get("GRADIO_TEMP_DIR", "")) / "taken"
        entry = entry_about(self.ask.handlers.assistant, regions, folder)
        return {**self.ask.render(View(talk=talk, entry=entry)), self.tabs: gr.Tabs(selected="ask")}

    @needs_right("ask", dict.fromkeys(("describe", "undescribe", "favourite", "stars"), "library"))
    def _press(self, request: gr.Request, event: Press, *held: Any) -> Iterator[Updates]:
        """A button in the dialog; what it says comes from the browser, and may be anything. See `join` for `held`."""
        sent, viewed, talk, kept, newest = held
        caller, act, each, search = caller_of(request), event.act, viewed.at, self.search
        if each is not None and act == "like":
            yield self._to_search(caller)
            yield from search.run(newest, lambda: search.handlers.like(each), sent)
        elif each is not None and act == "part":
            yield from self._part(caller, viewed, each, event, newest, sent)
        else:
            yield from end_unchanged([self._answer(caller, viewed, talk, kept, event)], self.viewer.html)

    def _to_search(self, caller: Caller) -> Updates:
        """Updates that close the dialog and open the Search tab."""
        return {**self.viewer.show(caller, ViewerState()), self.tabs: gr.Tabs(selected="search")}

    def _answer(self, caller: Caller, viewed: ViewerState, talk: Talk, kept: object, event: Press) -> Updates:
        """What a button does that searches nothing."""
        act, each = event.act, viewed.at
        if each is None or act == "closed":
            return {self.viewer.viewed: ViewerState()}
        if act in ("back", "on"):
            step = 1 if act == "on" else -1
            index = (viewed.index + step) % len(viewed.exhibits)
            return self.viewer.show(caller, replace(viewed, index=index, said=""))
        if act == "companion":
            return self._turn_to(caller, viewed, edges.number(event.what))
        if act == "ask":
            return {**self.viewer.show(caller, ViewerState()), **self.ask_about([each.citation.region], talk)}
        if act in ("right", "describe", "undescribe", "favourite", "stars"):
            try:
                if act == "right":
                    said = self._correct(caller, viewed, each, kept, event)
                elif act in ("favourite", "stars"):
                    said = self._rate(caller, each, event)
                else:
                    said = self._describe(caller, each, event)
            except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
                said = edges.sentence(error, self.viewer.words)
            return self.viewer.show(caller, replace(viewed, said=said))
        return {self.viewer.html: gr.skip()}

    def _turn_to(self, caller: Caller, viewed: ViewerState, source: int) -> Updates:
        """Show a file that belongs to the one in view, in its place; nothing happens if it is gone."""
        found = self.services.photos.find_photos(caller, [source])
        if not found:
            return {self.viewer.html: gr.skip()}
        (shown,) = exhibits(self.photos.handlers.find_regions(list(found.values())))
        others = (*viewed.exhibits[: viewed.index], shown, *viewed.exhibits[viewed.index + 1 :])
        return self.viewer.show(caller, replace(viewed, exhibits=others, said=""))

    def _part(
        self, caller: Caller, viewed: ViewerState, each: EvidenceItem, event: Press, *search: Any
    ) -> Iterator[Updates]:
        """Search for what lies in the box that was drawn, or say why that cannot be; `search` as in `_press`."""
        (newest, sent), source, page = search, each.citation.region.source, each.citation.region.view
        try:
            size = self.viewer.pictures.size(source, page)
            box = box_from_shares(getattr(event, "box", None), size, self.viewer.words)
            part = cut(self.ask.handlers.assistant.picture(source, page), box, size)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            yield self.viewer.show(caller, replace(viewed, said=edges.sentence(error, self.viewer.words)))
            return
        before = viewed.sought or Results()
        yield self._to_search(caller)
        yield from self.search.run(newest, lambda: self.search.handlers.part(each, part, before), sent)

    def _describe(self, caller: Caller, each: EvidenceItem, event: Press) -> str:
        """Keep somebody's own description of a photo, or take the last one back, and say so."""
        library, source, words = self.services.library, each.citation.region.source.id, self.viewer.words
        if event.act == "undescribe":
            library.undo_description(caller, source)
            return words.description_undone
        library.describe(caller, source, event.text)
        return words.description_saved

    def _rate(self, caller: Caller, each: EvidenceItem, event: Press) -> str:
        """Keep whether a photo is a favourite, or its stars; the buttons show it."""
        number = edges.number(event.what)
        said: dict[str, Any] = {"is_favourite": bool(number)} if event.act == "favourite" else {"stars": number}
        self.services.photos.rate(caller, [each.citation.region.source.id], **said)
        return ""

    def _correct(self, caller: Caller, viewed: ViewerState, each: EvidenceItem, kept: object, event: Press) -> str:
        """Keep a corrected box, and say so."""
        words, region, number = self.viewer.words, each.citation.region, each.citation.number
        size = self.viewer.pictures.size(region.source, region.view)
        box = box_from_shares(getattr(event, "box", None), size, words)
        label = str(getattr(event, "label", ""))[:80].strip()
        label = "" if label == region.label else label
        corrected = Corrected(number=number, box_px=box, label=label, made_at=datetime.now(UTC))
        self.services.history.correct(edges.owner(caller, kept, words), viewed.turn, corrected)
        return words.box_saved

    @needs_right("ask")
    def _forget(self, emptied: bool) -> Updates:
        """When the library has been emptied, the other tabs forget what they show of it."""
        if not emptied:
            return {self.ask.talk: gr.skip()}
        return {**self.ask.clear(), **self.code.clear(), **self.search.clear()}


def box_from_shares(shares: object, size: tuple[int, int], words: UiTexts) -> Box:
    """A box in pixels from shares of a picture's sides. BadBox if it is none, or too small to be one."""
    if not (isinstance(shares, list) and [type(share) in (int, float) for share in shares] == [True] * 4):
        raise edges.BadBox(words.box_none)
    left, top, right, bottom = (
        round(min(1.0, max(0.0, share)) * side) for share, side in zip(shares, size * 2, strict=True)
    )
    if right - left < LEAST_PX or bottom - top < LEAST_PX:
        raise edges.BadBox(words.box_none)
    return left, top, right, bottom


AROUND = 1_000  # lines before and behind those that are cited


def build_ui(services: Services, pictures: PagePictures, words: UiTexts) -> GuardedBlocks:
    """The whole page in one language."""
    assistant = services.library.assistant
    asking, shelving = AskHandlers(services=services, words=words), LibraryHandlers(services=services, words=words)
    about_code = AskHandlers(services=services, words=TextsOfCode(words.language), about="code")

    def heading(caller: Caller, state: str) -> str:
        return head_for(words, caller, state, notices=assistant.notices)  # they may be put right meanwhile

    page = GuardedBlocks(words=words, title=words.title, analytics_enabled=False, delete_cache=(3600, 7 * 86400))
    with page:
        visit, code_visit = visits(words)
        top = piece(head("", words), listens="")
        viewer = place_viewer(services, pictures, words)
        with gr.Tabs() as tabs:
            with gr.Tab(words.ask, id="ask") as ask_tab:
                offer = ModelOffer.place(ModelHandlers(services=services, words=words))
                ask = AskTab.place(asking, pictures, viewer, visit)
            with gr.Tab(words.code_tab, id="code") as code_tab:
                code = CodeTab.place(about_code, pictures, viewer, code_visit)
            with gr.Tab(words.search, id="search") as search_tab:
                search = SearchTab.place(SearchHandlers(services=services, words=words), pictures, viewer)
            with gr.Tab(words.photos_tab, id="photos") as photos_tab:
                photos = PhotosTab.place(PhotosHandlers.over(services, words, pictures), viewer)
            with gr.Tab(words.library, id="library"):
                library = LibraryTab.place(shelving, pictures, viewer, top=top, head=heading)
            with gr.Tab(words.history, id="history") as history_tab:
                past = HistoryHandlers(services=services, ask_handlers=asking, words=words)
                history = HistoryTab.place(past, pictures, viewer)
            with gr.Tab(words.learning, id="learning") as learning_tab:
                learning = LearningTab.place(LearningHandlers(services=services, words=words))
            with gr.Tab(words.settings, id="settings") as settings_tab:
                settings = SettingsTab.place(SettingsHandlers(services=services, words=words), shelving)
        ask.join(ask_tab, page)
        offer.join(page, ask_tab)
        code.join(code_tab)
        search.offer(search_tab)
        SavedPart(tab=search, services=services).join(visit.kept, search_tab)
        history.join(history_tab, tabs, (ask, code), visit)
        photos.join(photos_tab)
        library.join(tabs)
        learning.join(learning_tab)
        emptied = settings.join(settings_tab)
        emptied.then(counter(assistant, words), None, top, **QUIET)
        TabNavigation(
            services=services, tabs=tabs, ask=ask, code=code, search=search, photos=photos, library=library,
            viewer=viewer,
        ).join(visit, emptied, settings)  # fmt: skip
        _load(page, assistant, (ask, code), library)
    return page


def place_viewer(services: Services, pictures: PagePictures, words: UiTexts) -> Viewer:
    """The large view; of code it shows the lines around those that are cited."""
    assistant = services.library.assistant

    def list_code(region: Region) -> Listing:
        return listing_of(region, store=assistant.store, config=assistant.config.parse, around=AROUND)

    return Viewer.place(pictures, words, services.library.read_facts, list_code)


def visits(words: UiTexts) -> tuple[PageFields, PageFields]:
    """The hidden fields, for questions about photos and about code: one browser, one page, two conversations."""
    kept, page, at, code_at = (
        gr.Textbox(visible="hidden", label=label) for label in (words.browser, words.this_page, words.at, words.at)
    )
    return PageFields(kept=kept, page=page, at=at), PageFields(kept=kept, page=page, at=code_at)


def _load(page: gr.Blocks, assistant: Assistant, asks: Sequence[AskTab], library: LibraryTab) -> None:
    """What happens when the page has arrived in the browser: it says who it is, and shows again what it had shown."""
    words = library.rules.handlers.words

    @needs_right("page")
    def pass_on(*sent: Any) -> tuple[Any, ...]:
        return sent

    @needs_right("page")
    def identify(request: gr.Request, secret: object) -> tuple[Any, ...]:
        caller = caller_of(request)
        session = edges.session_of(secret) or edges.new_session()
        if "ask" not in caller.rights:
            return session, head_for(words, caller, ""), gr.skip(), gr.skip()
        state = head_for(words, caller, status(assistant, words), notices=assistant.notices)
        return session, state, library.wake(caller), library.rules.handlers.text(caller)

    kept = asks[0].fields.kept
    who = [kept, asks[0].fields.page, *(ask.fields.at for ask in asks)]
    shown = page.load(pass_on, who, who, js="() => arrive()", **QUIET).then(
        identify, kept, [kept, library.top, library.timer, library.rules.text], **QUIET
    )
    for ask in asks:
        shown.then(ask.restore, [kept, ask.fields.at], ask.parts, **QUIET)


def counter(assistant: Assistant, words: UiTexts) -> Callable[[gr.Request], str]:
    """What counts again what is in the library, for the top of the page."""

    @needs_right("ask")
    def count(request: gr.Request) -> str:
        return head_for(words, caller_of(request), status(assistant, words), notices=assistant.notices)

    return count


def status(assistant: Assistant, words: UiTexts) -> str:
    """How much there is to ask about."""
    return count_noun(words.files, assistant.store.counts().sources)


def head_for(words: UiTexts, caller: Caller, state: str, *, notices: Sequence[Notice] = ()) -> str:
    """The head of the page for this caller: who is logged in and, in one sentence, what they may not do."""
    told = {"ask": words.may_ask, "library": words.may_library, "settings": words.may_settings}
    lacks = [text for right, text in told.items() if right not in caller.rights]
    may_not = words.you_may_not if caller.user else words.key_may_not
    said = may_not.format(what=words.may_and.join(lacks)) if lacks else ""
    seen = notices if "ask" in caller.rights else ()
    return head(state, words, seen, lacks=said, who="" if caller.local else caller.name)


def head(state: str, words: UiTexts, notices: Sequence[Notice] = (), *, lacks: str = "", who: str = "") -> str:
    """Title, one sentence, the state of the library, what cannot be done, who is logged in; and the choice of theme and
    language.
    """
    ready = " data-ready" if state or lacks else ""  # it counts what is there: the page has arrived
    return (
        f'<header class="head"{ready}><div><h1>{escape(words.title)}</h1>'
        f'<p class="tagline">{escape(words.tagline)}</p><p class="state">{escape(state)}</p>'
        f"{f'<p>{escape(lacks)}</p>' if lacks else ''}"
        f"{''.join(notice(words.say(each.short)) for each in notices)}</div>"
        f"<div>{show_login(who, words)}{choices(words)}</div></header>"
    )


def show_login(who: str, words: UiTexts) -> str:
    """Who is logged in, and a button that logs them out, which `page.js` does; nothing where nobody logs in."""
    if not who:
        return ""
    title = escape(words.head_who.format(name=who))
    return (
        f'<div class="who"><span title="{title}">{escape(who)}</span>'
        f'<button type="button" class="small" data-log-out>{escape(words.log_out)}</button></div>'
    )
