"""Where things are on the page. No logic: each tab joins its own handlers."""

from collections.abc import Mapping
from html import escape
from pathlib import Path

import gradio as gr

from deepseek_mm import Answer, Assistant
from ui import edges
from ui.ask import QUIET, AskTab
from ui.asking import Asking
from ui.history import HistoryTab, Remembering
from ui.running import Running
from ui.search import Searching, place_search
from ui.words import ENGLISH, Words

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
    page: gr.Blocks
    with gr.Blocks(title=words.title, analytics_enabled=False, delete_cache=(3600, 7 * 86400)) as page:
        kept = gr.Textbox(visible="hidden", label=words.browser)  # the browser's secret
        top = gr.HTML(head("", words), padding=False)
        with gr.Tabs() as tabs:
            with gr.Tab(words.ask, id="ask"):
                ask = AskTab.place(asking, kept)
            with gr.Tab(words.search, id="search"):
                place_search(Searching(assistant=assistant, words=words))
            with gr.Tab(words.history, id="history") as tab:
                history = HistoryTab.place(Remembering(assistant=assistant, asking=asking, words=words))
        history.join(tab, tabs, ask, kept)
        gr.HTML(foot(assistant.about()), padding=False)

        def load(secret: object) -> tuple[str, str]:
            return edges.session_of(secret) or edges.new_session(), head(status(assistant, words), words)

        page.load(load, kept, [kept, top], js=KEEP_JS, **QUIET)
    return page


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
