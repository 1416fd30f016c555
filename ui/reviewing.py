"""The near duplicates of the Library tab: a button that looks for them, which to keep, and the groups side by side.

It places the components, and turns what its handlers (`twins`) say into updates.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from deepseek_mm import Caller
from ui.ask import QUIET
from ui.gateway.rights import needs_right
from ui.gateway.visitor import caller_of
from ui.html import hint
from ui.listing import LibraryListing
from ui.looking import LibraryState
from ui.pictures import PagePictures
from ui.piece import piece
from ui.shelving import ActionResult
from ui.twins import KEEPS, DuplicateHandlers, review

Updates = dict[Any, Any]
Answer = Callable[[Caller, ActionResult, LibraryState, LibraryListing], Updates]  # of the whole tab to what was said


@dataclass(frozen=True, kw_only=True)
class TwinsPart:
    """Where things are in it."""

    handlers: DuplicateHandlers
    pictures: PagePictures
    fold: gr.Accordion
    keep: gr.Dropdown
    look: gr.Button
    html: gr.HTML
    shown: gr.State  # which look is shown, so that a new one is shown once

    @classmethod
    def place(cls, comparing: DuplicateHandlers, pictures: PagePictures) -> "TwinsPart":
        """Put it on the page that is being built, folded."""
        words = comparing.library_handlers.words
        keeps = list(zip((words.twins_largest, words.twins_oldest, words.twins_newest), KEEPS, strict=True))
        with gr.Accordion(words.twins_title, open=False, elem_classes="twins-part") as fold:
            piece(hint(words.twins_hint), listens="")
            with gr.Row():
                look = gr.Button(words.twins_look, variant="primary", size="sm", min_width=120)
                keep = gr.Dropdown(keeps, value=KEEPS[0], label=words.twins_keep_which, min_width=150)
            html = piece(elem_classes="twins-review")
        return cls(
            handlers=comparing, pictures=pictures, fold=fold, keep=keep, look=look, html=html, shown=gr.State(-1)
        )

    def join(self, answer: Answer, seen: list[Any], outputs: list[Any]) -> None:
        """Connect it; `answer` says on the tab what was said, from the components `seen` into `outputs`."""

        @needs_right("library")
        def look(request: gr.Request, now: LibraryState, listing: LibraryListing, opened: bool) -> Updates:
            caller = caller_of(request)
            return answer(caller, self.handlers.look(caller), now, listing)

        @needs_right("library")
        def press(
            request: gr.Request,
            now: LibraryState,
            listing: LibraryListing,
            opened: bool,
            keep: object,
            event: gr.EventData,
        ) -> Updates:
            caller = caller_of(request)
            said = self.handlers.act(caller, str(getattr(event, "act", "")), getattr(event, "what", ""), keep)
            shown = self._review(caller, keep) if "ask" in caller.rights else {}
            return {**answer(caller, said, now, listing), **shown}

        self.look.click(look, seen, outputs, **QUIET)
        self.html.click(press, [*seen, self.keep], [*outputs, self.html, self.shown], **QUIET)
        for event in (self.keep.input, self.fold.expand):
            event(self.review, self.keep, [self.html, self.shown], **QUIET)

    def renew(self, timer: gr.Timer) -> None:
        """Show what a look found as soon as it has ended."""

        @needs_right("ask")
        def update(request: gr.Request, shown: int, keep: object) -> Updates:
            caller = caller_of(request)
            now = self.handlers.services.library.last_look(caller)
            return self._review(caller, keep) if shown not in (-1, now) else {self.html: gr.skip()}

        timer.tick(update, [self.shown, self.keep], [self.html, self.shown], **QUIET)

    @needs_right("ask")
    def review(self, request: gr.Request, keep: object) -> Updates:
        """The groups as they stand now."""
        return self._review(caller_of(request), keep)

    def _review(self, caller: Caller, keep: object) -> Updates:
        looked = self.handlers.services.library.last_look(caller)
        groups = self.handlers.groups(caller, keep) if looked else []
        html = review(groups, self.pictures, self.handlers.library_handlers.words, looked=bool(looked))
        return {self.html: html, self.shown: looked}
