"""The Models part of the Settings tab: places the cards, and turns what its handlers say and show into updates.

While something is downloaded a timer looks how far it is.
"""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from deepseek_mm import Caller
from ui import edges
from ui.edges import ActionResult
from ui.gateway.events import QUIET, Press, Updates, caller_of, needs_right
from ui.html import heading, hint, line, notice, piece
from ui.model_cards import KINDS, render_models
from ui.model_handlers import ModelHandlers

LOOK_S = 1.0  # between two looks while something is downloaded
IN_TURN: dict[str, Any] = {**QUIET, "concurrency_limit": 1, "concurrency_id": "models"}  # no look undoes a later press


@dataclass(frozen=True, kw_only=True)
class ModelsPart:
    """Components of the part and their events."""

    handlers: ModelHandlers
    said: gr.HTML
    cards: gr.HTML
    kind: gr.State  # of the models that are shown
    removing: gr.State  # the model whose removal has to be pressed once more
    timer: gr.Timer

    @classmethod
    def place(cls, handlers: ModelHandlers) -> "ModelsPart":
        """Put the part on the page that is being built."""
        words = handlers.words
        piece(heading(words.models_title) + hint(words.models_hint.format(host=handlers.host)), listens="")
        said = piece(listens="", visible=False)
        return cls(
            handlers=handlers,
            said=said,
            cards=piece(elem_classes="model-cards"),
            kind=gr.State(KINDS[0]),
            removing=gr.State(""),
            timer=gr.Timer(LOOK_S, active=False),
        )

    def join(self, tab: gr.Tab) -> None:
        """Connect the components with the handlers."""
        held, outputs = [self.kind, self.removing], [self.said, self.cards, self.kind, self.removing, self.timer]
        tab.select(self._show, held, outputs, **IN_TURN)
        self.timer.tick(self._show, held, outputs, **IN_TURN)
        self.cards.click(self._press, held, outputs, trigger_mode="multiple", **IN_TURN)

    @needs_right("settings")
    def _show(self, request: gr.Request, kind: str, removing: str) -> Updates:
        return self.show(caller_of(request), kind, removing)

    def show(self, caller: Caller, kind: str, removing: str = "") -> Updates:
        """Updates for a part that shows everything as it stands."""
        try:
            view = self.handlers.look(caller, kind, removing)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            return {self.cards: notice(edges.sentence(error, self.handlers.words)), self.timer: gr.Timer(active=False)}
        over = {} if view.is_busy else {self.said: line(None)}
        return {
            **over,
            self.cards: render_models(view, self.handlers.words),
            self.kind: view.kind,
            self.removing: removing,
            self.timer: gr.Timer(active=view.is_busy),
        }

    @needs_right("settings")
    def _press(self, request: gr.Request, kind: str, removing: str, event: Press) -> Updates:
        """A button of a card, or the choice of what for."""
        caller = caller_of(request)
        if event.act == "kind":
            return {**self.show(caller, event.what), self.said: line(None)}
        if event.act == "remove" and removing != event.what:
            return {**self.show(caller, kind, event.what), self.said: line(None)}
        said = self.handlers.press(caller, event.act, event.what)
        return {**self.show(caller, kind), self.said: self._tell(said)}

    def _tell(self, said: ActionResult) -> Any:
        return line(said if said.text else None)
