"""Where things are on the page. Each tab joins its own handlers, and `passing` joins the tabs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from deepseek_mm import Answer, Assistant, SettingsFile, listing_of
from ui import edges
from ui.ask import QUIET, AskTab, Visit
from ui.asking import Asking, Leave, nobody
from ui.code import CodeTab
from ui.history import HistoryTab
from ui.html import choices
from ui.learning import LearningTab
from ui.lessons import Lessons
from ui.library import LibraryTab
from ui.lines import Opened
from ui.passing import Passing
from ui.pictures import Pictures
from ui.piece import piece
from ui.remembering import Remembering
from ui.running import Running
from ui.saved import SavedPart
from ui.search import SearchTab
from ui.searching import Searching
from ui.setting import Setting
from ui.settings import SettingsTab
from ui.shelving import Shelving
from ui.viewer import Viewer
from ui.words import Words, WordsOfCode
from ui.work import holding

AROUND = 1_000  # lines before and behind those that are cited
HUSH_S = 5.0  # how long answers under way may take to end before the library is emptied


@dataclass(frozen=True, kw_only=True)
class Means:
    """What a page is built from, in whichever language."""

    assistant: Assistant
    running: Running[Answer]
    pictures: Pictures
    file: SettingsFile
    photos: Path | None = None  # a folder of photos that an empty library can begin with
    leave: Leave = nobody  # says whether a visitor may have programs run


def build_ui(means: Means, words: Words) -> gr.Blocks:
    """The whole page in one language."""
    assistant, running, pictures = means.assistant, means.running, means.pictures
    asks = partial(Asking, assistant=assistant, running=running, leave=means.leave)
    asking = asks(words=words)
    hush = partial(running.stop_all, wait_s=HUSH_S)
    shelving = Shelving(assistant=assistant, words=words, hush=hush, photos=means.photos)
    page: gr.Blocks
    with gr.Blocks(title=words.title, analytics_enabled=False, delete_cache=(3600, 7 * 86400)) as page:
        visit, code_visit = visits(words)
        top = piece(head("", words), listens="")
        viewer = Viewer.place(pictures, words, assistant.library.described, opener(assistant))
        with gr.Tabs() as tabs:
            with gr.Tab(words.ask, id="ask"):
                ask = AskTab.place(asking, pictures, viewer, visit)
            with gr.Tab(words.code_tab, id="code") as code_tab:
                code = CodeTab.place(
                    asks(words=WordsOfCode(words.language), about="code"), pictures, viewer, code_visit
                )
            with gr.Tab(words.search, id="search") as search_tab:
                search = SearchTab.place(Searching(assistant=assistant, words=words), pictures, viewer)
            with gr.Tab(words.library, id="library"):
                library = LibraryTab.place(shelving, pictures, viewer, top=top, head=partial(head, words=words))
            with gr.Tab(words.history, id="history") as history_tab:
                remembering = Remembering(assistant=assistant, asking=asking, words=words)
                history = HistoryTab.place(remembering, pictures, viewer)
            with gr.Tab(words.learning, id="learning") as learning_tab:
                learning = LearningTab.place(Lessons(assistant=assistant, words=words))
            with gr.Tab(words.settings, id="settings") as settings_tab:
                settings = SettingsTab.place(Setting(assistant=assistant, file=means.file, words=words), shelving)
        ask.join()
        code.join(code_tab)
        search.offer(search_tab)
        SavedPart(tab=search).join(visit.kept, search_tab)
        history.join(history_tab, tabs, (ask, code), visit)
        library.join(tabs)
        learning.join(learning_tab)
        emptied = settings.join(settings_tab)
        emptied.then(lambda: head(status(assistant, words), words), None, top, **QUIET)
        passing = Passing(
            assistant=assistant, tabs=tabs, ask=ask, code=code, search=search, library=library, viewer=viewer
        )
        passing.join(visit, emptied, settings)
        _load(page, assistant, (ask, code), library)
    return page


def visits(words: Words) -> tuple[Visit, Visit]:
    """The hidden fields, for questions about photos and about code: one browser, one page, two conversations."""
    kept, page, at, code_at = (
        gr.Textbox(visible="hidden", label=label) for label in (words.browser, words.this_page, words.at, words.at)
    )
    return Visit(kept=kept, page=page, at=at), Visit(kept=kept, page=page, at=code_at)


def _load(page: gr.Blocks, assistant: Assistant, asks: Sequence[AskTab], library: LibraryTab) -> None:
    """What happens when the page has arrived in the browser: it says who it is, and shows again what it had shown."""
    words = library.rules.ruling.words

    def known(secret: object) -> tuple[str, str, Any, str]:
        session = edges.session_of(secret) or edges.new_session()
        return session, head(status(assistant, words), words), library.wake(), library.rules.ruling.text()

    def restore(ask: AskTab, secret: object, at: str) -> Iterator[dict[Any, Any]]:
        yield {ask.talk: gr.skip()}  # a generator that says nothing would empty every part
        for view in ask.asking.restore(at, secret):
            yield ask.render(view)

    kept = asks[0].visit.kept
    who = [kept, asks[0].visit.page, *(ask.visit.at for ask in asks)]
    arrived = page.load(lambda *sent: sent, who, who, js="() => arrive()", **QUIET).then(
        known, kept, [kept, library.top, library.timer, library.rules.text], **QUIET
    )
    for ask in asks:
        arrived.then(partial(restore, ask), [kept, ask.visit.at], ask.parts, **QUIET)


def opener(assistant: Assistant) -> Opened:
    """How the dialog opens a file of code."""
    return partial(listing_of, store=assistant.store, config=assistant.config.parse, around=AROUND)


def status(assistant: Assistant, words: Words) -> str:
    """How much there is to ask about."""
    counts = assistant.store.counts()
    return holding(counts.sources, counts.regions, words)


def head(state: str, words: Words) -> str:
    """Title, one sentence, the state of the library; and the choice of theme and language."""
    ready = " data-ready" if state else ""  # it counts what is there: the page has arrived
    return (
        f'<header class="head"{ready}><div><h1>{escape(words.title)}</h1>'
        f'<p><span class="tagline">{escape(words.tagline)}</span> {escape(state)}</p></div>'
        f"{choices(words)}</header>"
    )
