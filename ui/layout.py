"""Where things are on the page. No logic: each tab joins its own handlers."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from deepseek_mm import Answer, Assistant
from ui import edges
from ui.ask import QUIET, AskTab
from ui.asking import Asking
from ui.history import HistoryTab, Remembering
from ui.library import LibraryTab
from ui.running import Running
from ui.search import SearchTab
from ui.searching import Searching
from ui.shelving import Shelving
from ui.words import ENGLISH, Words

COUNTED = ("photos", "regions")  # the head counts them, as they are now
HUSH_S = 5.0  # how long answers under way may take to end before the library is emptied

# The browser draws its own secret and keeps it. (gr.BrowserState does so too, but reads its storage when its part of
# the page has arrived: on a slow machine that is after the load event, and the kept secret is overwritten.)
KEEP_JS = """() => {
  const name = "deepseek-mm-session", drawn = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))));
  let kept = drawn.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  try {
    const old = localStorage.getItem(name);
    if (/^[A-Za-z0-9_-]{43}$/.test(old)) kept = old; else localStorage.setItem(name, kept);
  } catch { /* a browser that keeps nothing: the secret lasts as long as the page */ }
  return [kept];
}"""


def build_ui(assistant: Assistant, *, running: Running[Answer], pictures: Path, words: Words = ENGLISH) -> gr.Blocks:
    """The whole page; small copies of pictures go to the folder `pictures`."""
    asking = Asking(assistant=assistant, running=running, thumbs=edges.Thumbs(pictures), words=words)
    shelving = Shelving(assistant=assistant, words=words, hush=lambda: running.stop_all(wait_s=HUSH_S))
    page: gr.Blocks
    with gr.Blocks(title=words.title, analytics_enabled=False, delete_cache=(3600, 7 * 86400)) as page:
        kept = gr.Textbox(visible="hidden", label=words.browser)  # the browser's secret
        top = gr.HTML(head("", words), padding=False)
        with gr.Tabs() as tabs:
            with gr.Tab(words.ask, id="ask"):
                ask = AskTab.place(asking, kept)
            with gr.Tab(words.search, id="search") as search_tab:
                search = SearchTab.place(Searching(assistant=assistant, words=words))
            with gr.Tab(words.library, id="library"):
                library = LibraryTab.place(shelving, top=top, head=lambda state: head(state, words))
            with gr.Tab(words.history, id="history") as history_tab:
                history = HistoryTab.place(Remembering(assistant=assistant, asking=asking, words=words))
        search.offer(search_tab)
        history.join(history_tab, tabs, ask, kept)
        _forget(library, tabs, ask, search)
        gr.HTML(foot({name: what for name, what in assistant.about().items() if name not in COUNTED}), padding=False)

        def load(secret: object) -> tuple[str, str]:
            return edges.session_of(secret) or edges.new_session(), head(status(assistant, words), words)

        page.load(load, kept, [kept, top], js=KEEP_JS, **QUIET)
    return page


def _forget(library: LibraryTab, tabs: gr.Tabs, ask: AskTab, search: SearchTab) -> None:
    """When the library has been emptied, the other tabs forget what they show of it."""

    def forget(emptied: bool) -> dict[Any, Any]:
        return {**ask.clear(), **search.clear()} if emptied else {ask.notice: gr.skip()}

    library.join(tabs).then(forget, library.parts["emptied"], [*ask.parts, *search.parts], **QUIET)


def status(assistant: Assistant, words: Words) -> str:
    """How much there is to ask about, and who phrases the answers."""
    counts = assistant.store.counts()
    return words.counts.format(sources=counts.sources, regions=counts.regions)


def head(state: str, words: Words) -> str:
    """Title, one sentence, and the state of the library."""
    lines = [f"<h1>{escape(words.title)}</h1>", f"<p>{escape(words.tagline)} {escape(state)}</p>"]
    return f'<header class="head">{"".join(lines)}</header>'


def foot(about: Mapping[str, object]) -> str:
    """One small line: which parts answer here."""
    line = " - ".join(f"{name}: {value}" for name, value in about.items())
    return f'<footer class="foot">{escape(line)}</footer>'
