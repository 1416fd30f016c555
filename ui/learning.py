"""The Learning tab: what was corrected, a button that learns from it, and every version with what it changed.

It places the components, and turns what its handlers (`lessons`) say and show into updates. While something is learned
a timer looks whether it is done.
"""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from deepseek_mm import Caller
from ui.ask import QUIET
from ui.gateway.rights import needs_right
from ui.gateway.visitor import caller_of
from ui.html import heading, hint, notice
from ui.lessons import LearningHandlers
from ui.piece import piece
from ui.shelving import ActionResult

LOOK_S = 1.0  # between two looks while something is learned
Updates = dict[Any, Any]


@dataclass(frozen=True, kw_only=True)
class LearningTab:
    """Where things are in the tab."""

    handlers: LearningHandlers
    said: gr.HTML
    state: gr.HTML
    learn: gr.Button
    back: gr.Button
    versions: gr.HTML
    insisted: gr.State  # number of the version that was refused last: pressed again, it is taken
    timer: gr.Timer

    @classmethod
    def place(cls, lessons: LearningHandlers) -> "LearningTab":
        """Put the tab on the page that is being built."""
        words = lessons.words
        piece(heading(words.learn_title) + hint(words.learn_hint), listens="")
        state = piece(listens="")
        with gr.Row():
            learn = gr.Button(words.learn_now, variant="primary", size="sm", min_width=120)
            back = gr.Button(words.learn_back, size="sm", min_width=120)
        said = piece(listens="", visible=False)
        versions = piece(elem_classes="lessons")
        return cls(
            handlers=lessons, said=said, state=state, learn=learn, back=back, versions=versions, insisted=gr.State(0),
            timer=gr.Timer(LOOK_S, active=False),
        )  # fmt: skip

    def join(self, tab: gr.Tab) -> None:
        """Connect the components with the handlers."""
        outputs = [self.said, self.state, self.versions, self.insisted, self.timer]
        tab.select(self._show, None, outputs, **QUIET)
        self.timer.tick(self._show, None, outputs, **QUIET)
        self.learn.click(self._learn, None, outputs, **QUIET)
        self.back.click(self._back, None, outputs, **QUIET)
        self.versions.click(self._press, self.insisted, outputs, **QUIET)

    @needs_right("settings")
    def _show(self, request: gr.Request) -> Updates:
        return self.show(caller_of(request))

    def show(self, caller: Caller) -> Updates:
        """Updates for a tab that shows everything as it stands."""
        look = self.handlers.look(caller)
        return {self.state: look.state, self.versions: look.versions, self.timer: gr.Timer(active=look.running)}

    @needs_right("settings")
    def _learn(self, request: gr.Request) -> Updates:
        caller = caller_of(request)
        return self._report(caller, self.handlers.learn(caller))

    @needs_right("settings")
    def _back(self, request: gr.Request) -> Updates:
        caller = caller_of(request)
        return self._report(caller, self.handlers.back(caller))

    @needs_right("settings")
    def _press(self, request: gr.Request, insisted: int, event: gr.EventData) -> Updates:
        """A version's button; both words come from the browser, and may be anything."""
        if str(getattr(event, "act", "")) != "accept":
            return {self.said: gr.skip()}
        caller = caller_of(request)
        said, refused = self.handlers.accept(caller, str(getattr(event, "what", "")), insisted)
        return {**self._report(caller, said), self.insisted: refused}

    def _report(self, caller: Caller, said: ActionResult) -> Updates:
        html = notice(said.text) if said.wrong else hint(said.text)
        return {**self.show(caller), self.said: gr.HTML(html, visible=True)}
