"""Saved searches above the results: a press searches again, a field keeps the search at hand under a name.

HTML and the joining of its buttons; what is saved belongs to the browser that saved it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

import gradio as gr

from deepseek_mm import Caller, Saved, Services
from ui import edges
from ui.ask.ask_handlers import Entry
from ui.gateway.events import QUIET, Updates, caller_of, needs_right
from ui.html import button
from ui.search.search_controls import box_of
from ui.search.search_handlers import Results, SearchSequence
from ui.search.search_tab import ALL_OF_THEM, SearchTab
from ui.words import UiTexts


@dataclass(frozen=True, kw_only=True)
class SavedPart:
    """The searches that a browser saved, on the Search tab."""

    tab: SearchTab
    services: Services

    def join(self, kept: gr.Textbox, opened: gr.Tab) -> None:
        """Connect it; `kept` is the browser's secret, `opened` the tab that shows them."""
        tab = self.tab
        inputs = [tab.sent_ms, kept, tab.results, tab.newest]
        outputs = [tab.saved, *tab.parts, tab.box, *tab.controls.parts]
        tab.saved.click(self._press, inputs, outputs, **ALL_OF_THEM)
        for event in (tab.grid.change, opened.select):  # a state's own change would hash it, with its pictures
            event(self.html, [kept, tab.results], tab.saved, **QUIET)

    @needs_right("ask")
    def html(self, request: gr.Request, kept: object, results: Results) -> str:
        """Those saved, and the field; a browser without a secret has none."""
        return self._render(caller_of(request), kept, results)

    def _render(self, caller: Caller, kept: object, results: Results) -> str:
        words = self.tab.handlers.words
        owns = edges.session_of(kept) is not None
        saved = self.services.history.list_searches(edges.owner(caller, kept, words)) if owns else []
        return list_searches(saved, results, words)

    @needs_right("ask")
    def _press(
        self,
        request: gr.Request,
        sent: float | None,
        kept: object,
        results: Results,
        newest: SearchSequence,
        event: gr.EventData,
    ) -> Iterator[Updates]:
        """A button; what it says comes from the browser, and may be anything."""
        tab, words = self.tab, self.tab.handlers.words
        act, what, text = (str(getattr(event, name, "")) for name in ("act", "what", "text"))
        history, caller = self.services.history, caller_of(request)
        yield {tab.notice: gr.skip()}  # a generator that says nothing would empty every part
        try:
            owner = edges.owner(caller, kept, words)
            if act == "save" and results.query is not None:
                history.save_search(owner, text, results.query.text, {})
            elif act == "forget":
                history.forget_search(owner, edges.number(what))
            elif act == "again":
                saved = [each for each in history.list_searches(owner) if str(each.id) == what]
                for each in saved:
                    yield from self._again(each, newest, sent)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            yield tab.show_notice(edges.sentence(error, words))
        if act in ("save", "forget"):
            yield {tab.saved: self._render(caller, kept, results)}

    def _again(self, saved: Saved, newest: SearchSequence, sent: float | None) -> Iterator[Updates]:
        """The box as it was, and what is found now."""
        tab = self.tab
        entry: Entry = {"text": text_of(saved), "files": []}
        yield {tab.box: entry, **tab.controls.mirror(entry["text"])}
        yield from tab.run(newest, lambda: tab.handlers.search(entry), sent)


def text_of(saved: Saved) -> str:
    """What stood in the box; filters that were saved beside it, as pages once did, stand in it now."""
    return box_of(saved.text, dict(saved.filters))


def list_searches(saved: list[Saved], results: Results, words: UiTexts) -> str:
    """A button for each, one that deletes it beside it, and the field where there is something to save."""
    chips = "".join(
        f'<span class="kept">{button("again", each.id, each.name)}'
        f"{button('forget', each.id, 'x', label=words.saved_forget.format(name=each.name))}</span>"
        for each in saved
    )
    known = {text_of(each) for each in saved}
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


def _field(words: UiTexts) -> str:
    name = escape(words.saved_name)
    return (
        f'<span class="typed"><input type="text" maxlength="80" placeholder="{name}" aria-label="{name}">'
        f"{button('save', '', words.saved_save)}</span>"
    )
