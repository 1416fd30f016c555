"""The Learning tab: what was corrected, a button that learns from it, and every version with what it changed.

It places the components, and turns what its handlers (`lessons`) say and show into updates. While something is learned
a timer looks whether it is done.
"""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui.ask import QUIET
from ui.html import heading, hint, notice
from ui.lessons import Lessons
from ui.piece import piece
from ui.shelving import Said

LOOK_S = 1.0  # between two looks while something is learned
Updates = dict[Any, Any]


@dataclass(frozen=True, kw_only=True)
class LearningTab:
    """Where things are in the tab."""

    lessons: Lessons
    said: gr.HTML
    state: gr.HTML
    learn: gr.Button
    back: gr.Button
    versions: gr.HTML
    insisted: gr.State  # number of the version that was refused last: pressed again, it is taken
    timer: gr.Timer

    @classmethod
    def place(cls, lessons: Lessons) -> "LearningTab":
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
            lessons=lessons, said=said, state=state, learn=learn, back=back, versions=versions, insisted=gr.State(0),
            timer=gr.Timer(LOOK_S, active=False),
        )  # fmt: skip

    def join(self, tab: gr.Tab) -> None:
        """Connect the components with the handlers."""
        outputs = [self.said, self.state, self.versions, self.insisted, self.timer]
        tab.select(self.show, None, outputs, **QUIET)
        self.timer.tick(self.show, None, outputs, **QUIET)
        self.learn.click(self._learn, None, outputs, **QUIET)
        self.back.click(self._back, None, outputs, **QUIET)
        self.versions.click(self._pressed, self.insisted, outputs, **QUIET)

    def show(self) -> Updates:
        """Updates for a tab that shows everything as it stands."""
        look = self.lessons.look()
        return {self.state: look.state, self.versions: look.versions, self.timer: gr.Timer(active=look.running)}

    def _learn(self) -> Updates:
        return self._told(self.lessons.learn())

    def _back(self) -> Updates:
        return self._told(self.lessons.back())

    def _pressed(self, insisted: int, event: gr.EventData) -> Updates:
        """A version's button; both words come from the browser, and may be anything."""
        if str(getattr(event, "act", "")) != "accept":
            return {self.said: gr.skip()}
        said, refused = self.lessons.accept(str(getattr(event, "what", "")), insisted)
        return {**self._told(said), self.insisted: refused}

    def _told(self, said: Said) -> Updates:
        html = notice(said.text) if said.wrong else hint(said.text)
        return {**self.show(), self.said: gr.HTML(html, visible=True)}
