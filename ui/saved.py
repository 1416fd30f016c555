"""Saved searches above the results: a press searches again, a field keeps the search at hand under a name.

HTML and the joining of its buttons; what is saved belongs to the browser that saved it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

import gradio as gr

from deepseek_mm import Saved
from ui import edges
from ui.ask import QUIET
from ui.asking import Entry
from ui.html import button
from ui.results import Results
from ui.search import ALL_OF_THEM, SearchTab
from ui.searching import Newest
from ui.steering import Updates, box_of
from ui.words import Words


@dataclass(frozen=True, kw_only=True)
class SavedPart:
    """The searches that a browser saved, on the Search tab."""

    tab: SearchTab

    def join(self, kept: gr.Textbox, opened: gr.Tab) -> None:
        """Connect it; `kept` is the browser's secret, `opened` the tab that shows them."""
        tab = self.tab
        inputs = [tab.sent_ms, kept, tab.results, tab.newest]
        outputs = [tab.saved, *tab.parts, tab.box, *tab.steering.parts]
        tab.saved.click(self._pressed, inputs, outputs, **ALL_OF_THEM)
        for event in (tab.grid.change, opened.select):  # a state's own change would hash it, with its pictures
            event(self.html, [kept, tab.results], tab.saved, **QUIET)

    def html(self, kept: object, results: Results) -> str:
        """Those saved, and the field; a browser without a secret has none."""
        session = edges.session_of(kept)
        saved = self.tab.searching.assistant.history.saved_searches(session=session) if session else []
        return listed(saved, results, self.tab.searching.words)

    def _pressed(
        self, sent: float | None, kept: object, results: Results, newest: Newest, event: gr.EventData
    ) -> Iterator[Updates]:
        """A button; what it says comes from the browser, and may be anything."""
        tab, words = self.tab, self.tab.searching.words
        act, what, text = (str(getattr(event, name, "")) for name in ("act", "what", "text"))
        history = tab.searching.assistant.history
        yield {tab.notice: gr.skip()}  # a generator that says nothing would empty every part
        try:
            session = edges.require_session(kept, words)
            if act == "save" and results.query is not None:
                history.save_search(text, results.query.text, {}, session=session)
            elif act == "forget":
                history.forget_search(edges.number(what), session=session)
            elif act == "again":
                saved = [each for each in history.saved_searches(session=session) if str(each.id) == what]
                for each in saved:
                    yield from self._again(each, newest, sent)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            yield tab.noticed(edges.sentence(error, words))
        if act in ("save", "forget"):
            yield {tab.saved: self.html(kept, results)}

    def _again(self, saved: Saved, newest: Newest, sent: float | None) -> Iterator[Updates]:
        """The box as it was, and what is found now."""
        tab = self.tab
        entry: Entry = {"text": text_of(saved, tab.searching.words), "files": []}
        yield {tab.box: entry, **tab.steering.mirror(entry["text"])}
        yield from tab.run(newest, lambda: tab.searching.search(entry), sent)


def text_of(saved: Saved, words: Words) -> str:
    """What stood in the box; filters that were saved beside it, as pages once did, stand in it now."""
    return box_of(saved.text, dict(saved.filters), words)


def listed(saved: list[Saved], results: Results, words: Words) -> str:
    """A button for each, one that deletes it beside it, and the field where there is something to save."""
    chips = "".join(
        f'<span class="kept">{button("again", each.id, each.name)}'
        f"{button('forget', each.id, 'x', label=words.saved_forget.format(name=each.name))}</span>"
        for each in saved
    )
    known = {text_of(each, words) for each in saved}
    field = _field(words) if is_new(results, known) else ""
    return (
        f'<div class="saved" role="group" aria-label="{escape(words.saved)}">{chips}{field}</div>'
        if chips + field
        else ""
    )


def is_new(results: Results, known: set[str]) -> bool:
    """Whether the search at hand has words or operators, and is not saved yet."""
    text = results.query.text if results.query else ""
    return bool(text) and text not in known


def _field(words: Words) -> str:
    name = escape(words.saved_name)
    return (
        f'<span class="typed"><input type="text" maxlength="80" placeholder="{name}" aria-label="{name}">'
        f"{button('save', '', words.saved_save)}</span>"
    )
