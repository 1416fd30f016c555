"""Questions to begin with, above the question box while nothing was asked: one click asks.

They are made of the library and tried before they are shown; while that goes on a timer looks whether it is done.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from deepseek_mm import Caller, Services
from ui import edges
from ui.gateway.events import QUIET, Updates, caller_of, needs_right
from ui.html import button, hint, piece
from ui.words import UiTexts

LOOK_S = 2.0  # between two looks while they are tried


@dataclass(frozen=True, kw_only=True)
class StartersPart:
    """The piece of the Ask tab that offers them, and its events."""

    services: Services
    words: UiTexts

    def place(self) -> dict[str, Any]:
        """Components by name, on the page that is being built."""
        return {
            "starters": piece(visible=False, elem_classes="starters"),
            "starters_timer": gr.Timer(LOOK_S, active=False),
        }

    def join(self, page: gr.Blocks, tab: gr.Tab, named: Mapping[str, Any]) -> None:
        """Look for them when the page arrives and whenever the tab opens."""
        html, timer = named["starters"], named["starters_timer"]

        @needs_right("ask")
        def show_starters(request: gr.Request) -> Updates:
            text, is_trying = self.show(caller_of(request))
            return {html: gr.HTML(text, visible=bool(text)), timer: gr.Timer(active=is_trying)}

        for event in (page.load, tab.select, timer.tick):
            event(show_starters, None, [html, timer], **QUIET)

    def show(self, caller: Caller) -> tuple[str, bool]:
        """The part as it stands, and whether others are tried."""
        words = self.words
        try:
            found = self.services.starters.find_starters(caller, words.language)
        except Exception as error:  # noqa: BLE001 - the page's edge: nobody asked for them
            edges.sentence(error, words)
            return "", False
        making = hint(words.welcome_making) if found.is_trying else ""
        return render_starters(found.questions, words) or making, found.is_trying


def render_starters(questions: tuple[str, ...], words: UiTexts) -> str:
    """A button for each; empty where there are none."""
    if not questions:
        return ""
    buttons = "".join(button("ask", text, text, look="offer") for text in questions)
    label = escape(words.welcome_try)
    return f'{hint(words.welcome_try)}<div class="offers" role="group" aria-label="{label}">{buttons}</div>'
