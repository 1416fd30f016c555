"""The rules of the Library tab: a field for them, a button that checks the photos, and what was found.

It places the components, and turns what its handlers (`ruling`) find into updates.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui.ask import QUIET
from ui.exhibits import chosen
from ui.gateway.rights import needs_right
from ui.gateway.visitor import caller_of
from ui.html import hint
from ui.listing import LibraryListing
from ui.pictures import PagePictures
from ui.piece import piece
from ui.ruled import exhibits, render_rules
from ui.ruling import RuleHandlers, RuleResults
from ui.viewer import Viewer

MOST_LETTERS = 50_000  # of the rules that the field takes
AT_ONCE = 4  # checks, each for a page of its own

Updates = dict[Any, Any]


@dataclass(frozen=True, kw_only=True)
class RulesPart:
    """Where things are in it."""

    handlers: RuleHandlers
    pictures: PagePictures
    viewer: Viewer
    text: gr.Textbox
    check: gr.Button
    stop: gr.Button
    html: gr.HTML
    found: gr.State

    @classmethod
    def place(cls, ruling: RuleHandlers, pictures: PagePictures, viewer: Viewer) -> "RulesPart":
        """Put it on the page that is being built, folded."""
        words = ruling.words
        with gr.Accordion(words.rules, open=False, elem_classes="rules"):
            text = gr.Textbox(
                label=words.rules_label, lines=4, max_lines=14, max_length=MOST_LETTERS,
                elem_classes="rules-text",
            )  # fmt: skip
            piece(hint(words.rules_hint.format(file="rules.txt")), listens="")
            with gr.Row():
                check = gr.Button(words.rules_check, variant="primary", size="sm", min_width=120)
                stop = gr.Button(words.stop, size="sm", min_width=120)
            html = piece(listens="grid", elem_classes="results ruled")
        return cls(
            handlers=ruling, pictures=pictures, viewer=viewer, text=text, check=check, stop=stop, html=html,
            found=gr.State(RuleResults()),
        )  # fmt: skip

    def join(self, listing: gr.State) -> None:
        """Connect it; what is checked is the collection that the list shows."""
        begun = self.check.click(
            self._check, [self.text, listing], [self.html, self.found], concurrency_limit=AT_ONCE, **QUIET
        )
        self.stop.click(None, None, None, cancels=[begun], **QUIET)
        self.html.click(self._press, self.found, self.viewer.parts, **QUIET)

    @needs_right("ask")
    def _check(self, request: gr.Request, text: str, listing: LibraryListing) -> Iterator[Updates]:
        """Results as they come; what is typed comes from the browser, and may be anything."""
        for found in self.handlers.check(
            caller_of(request), str(text or "")[:MOST_LETTERS], listing.filters.collection
        ):
            yield {self.html: render_rules(found, self.pictures, self.handlers.words), self.found: found}

    @needs_right("ask")
    def _press(self, request: gr.Request, found: RuleResults, event: gr.EventData) -> Updates:
        """A photo was pressed: it opens with the boxes that the rule rests on."""
        index = chosen(found.all_cases, getattr(event, "what", ""))
        if getattr(event, "act", "") != "open" or index is None:
            return {self.viewer.html: gr.skip()}
        return self.viewer.open(caller_of(request), exhibits(found.all_cases[index], self.handlers.words), 0)
