"""The layout of the page. Each tab joins its own handlers, and `tab_navigation` joins the tabs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any

import gradio as gr

from deepseek_mm import Assistant, Caller, Notice, Services, listing_of
from ui import edges
from ui.ask.ask_handlers import AskHandlers
from ui.ask.ask_tab import QUIET, AskTab, PageFields
from ui.assets import piece
from ui.code.code_html import Opened
from ui.code.code_tab import CodeTab
from ui.gateway.blocks import GuardedBlocks
from ui.gateway.rights import needs_right
from ui.gateway.visitor import caller_of
from ui.history.history_handlers import HistoryHandlers
from ui.history.history_tab import HistoryTab
from ui.html import choices, notice
from ui.learning.learning_tab import LearningHandlers, LearningTab
from ui.library.library_handlers import LibraryHandlers
from ui.library.library_report import holding
from ui.library.library_tab import LibraryTab
from ui.pictures import PagePictures
from ui.search.saved_searches import SavedPart
from ui.search.search_handlers import SearchHandlers
from ui.search.search_tab import SearchTab
from ui.settings.settings_handlers import SettingsHandlers
from ui.settings.settings_tab import SettingsTab
from ui.tab_navigation import TabNavigation
from ui.viewer import Viewer
from ui.words import TextsOfCode, UiTexts

AROUND = 1_000  # lines before and behind those that are cited


@dataclass(frozen=True, kw_only=True)
class PageContext:
    """What a page is built from, in whichever language."""

    assistant: Assistant
    pictures: PagePictures
    services: Services


def build_ui(means: PageContext, words: UiTexts) -> GuardedBlocks:
    """The whole page in one language."""
    assistant, pictures = means.assistant, means.pictures
    asks = partial(AskHandlers, assistant=assistant, services=means.services)
    asking = asks(words=words)
    shelving = LibraryHandlers(services=means.services, words=words)
    page = GuardedBlocks(words=words, title=words.title, analytics_enabled=False, delete_cache=(3600, 7 * 86400))
    with page:
        visit, code_visit = visits(words)
        heading = partial(head_for, words, notices=assistant.notices)
        top = piece(head("", words), listens="")
        viewer = Viewer.place(pictures, words, means.services.library.read_description, opener(assistant))
        with gr.Tabs() as tabs:
            with gr.Tab(words.ask, id="ask"):
                ask = AskTab.place(asking, pictures, viewer, visit)
            with gr.Tab(words.code_tab, id="code") as code_tab:
                code = CodeTab.place(
                    asks(words=TextsOfCode(words.language), about="code"), pictures, viewer, code_visit
                )
            with gr.Tab(words.search, id="search") as search_tab:
                search = SearchTab.place(SearchHandlers(assistant=assistant, words=words), pictures, viewer)
            with gr.Tab(words.library, id="library"):
                library = LibraryTab.place(shelving, pictures, viewer, top=top, head=heading)
            with gr.Tab(words.history, id="history") as history_tab:
                remembering = HistoryHandlers(services=means.services, ask_handlers=asking, words=words)
                history = HistoryTab.place(remembering, pictures, viewer)
            with gr.Tab(words.learning, id="learning") as learning_tab:
                learning = LearningTab.place(LearningHandlers(services=means.services, words=words))
            with gr.Tab(words.settings, id="settings") as settings_tab:
                settings = SettingsTab.place(SettingsHandlers(services=means.services, words=words), shelving)
        ask.join()
        code.join(code_tab)
        search.offer(search_tab)
        SavedPart(tab=search, services=means.services).join(visit.kept, search_tab)
        history.join(history_tab, tabs, (ask, code), visit)
        library.join(tabs)
        learning.join(learning_tab)
        emptied = settings.join(settings_tab)
        emptied.then(counter(assistant, words), None, top, **QUIET)
        passing = TabNavigation(
            assistant=assistant, services=means.services, tabs=tabs, ask=ask, code=code, search=search,
            library=library, viewer=viewer,
        )  # fmt: skip
        passing.join(visit, emptied, settings)
        _load(page, assistant, (ask, code), library)
    return page


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
        shown.then(restorer(ask), [kept, ask.fields.at], ask.parts, **QUIET)


def counter(assistant: Assistant, words: UiTexts) -> Callable[[gr.Request], str]:
    """What counts again what is in the library, for the top of the page."""

    @needs_right("ask")
    def count(request: gr.Request) -> str:
        return head_for(words, caller_of(request), status(assistant, words), notices=assistant.notices)

    return count


def restorer(ask: AskTab) -> Callable[..., Iterator[dict[Any, Any]]]:
    """What shows again in a tab what its page had shown."""

    @needs_right("ask")
    def restore(request: gr.Request, secret: object, at: str) -> Iterator[dict[Any, Any]]:
        yield {ask.talk: gr.skip()}  # a generator that says nothing would empty every part
        for view in ask.handlers.restore(caller_of(request), at, secret):
            yield ask.render(view)

    return restore


def opener(assistant: Assistant) -> Opened:
    """How the dialog opens a file of code."""
    return partial(listing_of, store=assistant.store, config=assistant.config.parse, around=AROUND)


def status(assistant: Assistant, words: UiTexts) -> str:
    """How much there is to ask about."""
    counts = assistant.store.counts()
    return holding(counts.sources, counts.regions, words)


def head_for(words: UiTexts, caller: Caller, state: str, *, notices: Sequence[Notice] = ()) -> str:
    """The head of the page for this caller: it says too, in one sentence, what the caller's key may not do."""
    told = {"ask": words.may_ask, "library": words.may_library, "settings": words.may_settings}
    lacks = [text for right, text in told.items() if right not in caller.rights]
    said = words.key_may_not.format(what=words.may_and.join(lacks)) if lacks else ""
    seen = notices if "ask" in caller.rights else ()
    return head(" ".join(filter(None, (state, said))), words, seen)


def head(state: str, words: UiTexts, notices: Sequence[Notice] = ()) -> str:
    """Title, one sentence, the state of the library, what cannot be done; and the choice of theme and language."""
    ready = " data-ready" if state else ""  # it counts what is there: the page has arrived
    return (
        f'<header class="head"{ready}><div><h1>{escape(words.title)}</h1>'
        f'<p><span class="tagline">{escape(words.tagline)}</span> {escape(state)}</p>'
        f"{''.join(notice(each.short) for each in notices)}</div>"
        f"{choices(words)}</header>"
    )
