"""Model servers of this machine in the Settings tab: places the cards, and turns presses into updates.

While a model is opened beside the one that answers a timer looks how far it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import gradio as gr

from deepseek_mm import Caller
from ui import edges
from ui.edges import ActionResult
from ui.gateway.events import QUIET, Press, Updates, caller_of, needs_right
from ui.html import heading, hint, line, notice, piece
from ui.server_cards import render_servers
from ui.server_handlers import ServerHandlers

LOOK_S = 1.0  # between two looks while a model is opened


@dataclass(frozen=True, kw_only=True)
class ServersPart:
    """Components of the part and their events."""

    handlers: ServerHandlers
    said: gr.HTML
    cards: gr.HTML
    timer: gr.Timer

    @classmethod
    def place(cls, handlers: ServerHandlers) -> "ServersPart":
        """Put the part on the page that is being built."""
        words = handlers.words
        piece(heading(words.servers_title) + hint(words.servers_hint), listens="")
        said, cards = piece(listens="", visible=False), piece(elem_classes="model-servers")
        return cls(handlers=handlers, said=said, cards=cards, timer=gr.Timer(LOOK_S, active=False))

    def join(self, tab: gr.Tab) -> None:
        """Connect the components with the handlers."""
        outputs = [self.said, self.cards, self.timer]
        tab.select(self._show, None, outputs, **QUIET)
        self.timer.tick(self._show, None, outputs, **QUIET)
        self.cards.click(self._press, None, outputs, trigger_mode="multiple", **QUIET)

    @needs_right("settings")
    def _show(self, request: gr.Request) -> Updates:
        return self.show(caller_of(request))

    def show(self, caller: Caller) -> Updates:
        """Updates for a part that shows everything as it stands."""
        try:
            view = self.handlers.look(caller)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            return {self.cards: notice(edges.sentence(error, self.handlers.words)), self.timer: gr.Timer(active=False)}
        return {self.cards: render_servers(view, self.handlers.words), self.timer: gr.Timer(active=view.is_busy)}

    @needs_right("settings")
    def _press(self, request: gr.Request, event: Press) -> Iterator[Updates]:
        """A button of a card, or the one that looks again; a trial says first that it may take a while."""
        yield from self.press(caller_of(request), event.act, event.what)

    def press(self, caller: Caller, act: str, what: str) -> Iterator[Updates]:
        """Both come from the browser."""
        said: ActionResult | None = None
        if act == "try":
            name = what.partition(" ")[2]
            yield {self.said: line(ActionResult(text=self.handlers.words.server_trying.format(name=name)))}
            said = self.handlers.attempt(caller, what)
        elif act == "use":
            said = self.handlers.use(caller, what)
        yield {**self.show(caller), self.said: line(said)}
