"""The Ask tab: a chat whose words stream, beside the photos that the answer rests on.

It places the components, and turns the views that its handlers (`asking`) yield into updates.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from deepseek_mm import Answer
from ui import edges
from ui.asking import Asking, Entry, View
from ui.board import Board, foot, why
from ui.exhibits import exhibit
from ui.talk import Talk, messages
from ui.words import Words

QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}  # of every event


@dataclass(frozen=True, kw_only=True)
class AskTab:
    """Where things are in the tab, and which handler each one calls."""

    asking: Asking
    words: Words
    talk: gr.State
    chat: gr.Chatbot
    notice: gr.HTML
    box: gr.MultimodalTextbox
    stop: gr.Button
    new: gr.Button
    board: Board
    why: gr.HTML
    reasons: gr.Accordion
    foot: gr.HTML

    @classmethod
    def place(cls, asking: Asking, kept: gr.Textbox) -> "AskTab":
        """Put the tab on the page that is being built. `kept` holds the browser's secret."""
        words = asking.words
        with gr.Row(elem_classes="halves"):
            with gr.Column(scale=3, min_width=300):
                left = _place_chat(words)
            with gr.Column(scale=2, min_width=300):
                board = Board.place(
                    asking.assistant.picture, words, title=words.evidence, idle=words.evidence_idle, columns=2
                )
                foot_line = gr.HTML(visible=False, padding=False)
                with gr.Accordion(words.why, open=False, visible=False) as reasons:
                    table = gr.HTML(padding=True)
        tab = cls(
            asking=asking, words=words, talk=gr.State(Talk()), board=board, why=table, reasons=reasons,
            foot=foot_line, **left,
        )  # fmt: skip
        tab._join(kept)
        return tab

    def render(self, view: View) -> dict[Any, Any]:
        """A View as updates of components."""
        updates: dict[Any, Any] = {
            self.talk: view.talk,
            self.chat: messages(view.talk, self.words),
            self.notice: gr.HTML(edges.notice(view.notice), visible=bool(view.notice)),
            self.stop: gr.Button(visible=view.busy),
        }
        if view.entry is not None:
            updates[self.box] = dict(view.entry)
        if view.shown is not None:
            updates |= self._evidence(view.shown)
        return updates

    @property
    def parts(self) -> list[Any]:
        """Every component that `render` may update."""
        return [
            self.talk, self.chat, self.notice, self.box, self.stop, self.foot, self.why, self.reasons, *self.board.parts
        ]  # fmt: skip

    def _evidence(self, answer: Answer) -> dict[Any, Any]:
        hint = self.words.evidence_hint if answer.citations else self.words.evidence_none
        shown = [exhibit(citation, self.words) for citation in answer.citations]
        updates = self.board.show(shown, self.words.looking if answer.state == "running" else hint)
        over = answer.state != "running"
        updates[self.foot] = gr.HTML(foot(answer, self.words), visible=True)
        updates[self.why] = why(answer.checks, self.words)
        updates[self.reasons] = gr.Accordion(visible=over)
        return updates

    def _join(self, kept: gr.Textbox) -> None:
        """Connect the components with the handlers."""

        def ask(entry: Entry, talk: Talk, secret: object, request: gr.Request) -> Iterator[dict[Any, Any]]:
            for view in self.asking.ask(entry, talk, secret, str(request.session_hash)):
                yield self.render(view)

        def stop(request: gr.Request) -> None:
            self.asking.stop(str(request.session_hash))

        def begin(request: gr.Request) -> None:
            self.asking.begin_anew(str(request.session_hash))

        def cleared(request: gr.Request) -> dict[Any, Any]:
            wanted = self.asking.is_still_new(str(request.session_hash))
            return self.clear() if wanted else {self.notice: gr.skip()}

        def chosen(talk: Talk, event: gr.SelectData) -> dict[Any, Any]:
            message = event.index[0] if isinstance(event.index, (list, tuple)) else event.index
            answer = self.asking.chosen(talk, message)
            return self._evidence(answer) if answer else {self.talk: talk}

        def example(event: gr.SelectData) -> dict[str, Any]:
            return {"text": event.value["text"], "files": []}

        sent: dict[str, Any] = {"inputs": [self.box, self.talk, kept], "outputs": self.parts, "concurrency_limit": 8}
        self.box.submit(ask, **sent, **QUIET, trigger_mode="always_last")  # what is sent too early is asked next
        self.chat.example_select(example, None, self.box, **QUIET).then(ask, **sent, **QUIET)
        self.chat.select(chosen, self.talk, self.parts, **QUIET)
        self.stop.click(stop, None, None, queue=False, **QUIET)
        self.new.click(begin, None, None, queue=False, **QUIET).then(cleared, None, self.parts, **QUIET)

    def hush(self, request: gr.Request) -> None:
        """End the answer under way. What replaces it must be the event after this one: when a generator has ended,
        Gradio sends its last output once more."""
        self.asking.quiet(str(request.session_hash))

    def clear(self) -> dict[Any, Any]:
        """Updates for a tab as it was at first. The box stays: somebody may be typing already."""
        return {
            **self.render(View(talk=Talk())),
            **self.board.show((), self.words.evidence_idle),
            self.foot: gr.HTML(visible=False),
            self.reasons: gr.Accordion(visible=False),
        }


def _place_chat(words: Words) -> dict[str, Any]:
    """The left half: the chat, what went wrong, the box, two buttons."""
    return {
        "chat": gr.Chatbot(
            label=words.conversation, render_markdown=False, sanitize_html=True, buttons=[], layout="bubble",
            height="max(320px, calc(100vh - 300px))", placeholder=words.empty, elem_classes="chat", allow_tags=False,
            examples=[{"text": text} for text in words.examples], latex_delimiters=[], feedback_options=None,
            group_consecutive_messages=False,
        ),
        "notice": gr.HTML(visible=False, padding=False),
        "box": gr.MultimodalTextbox(
            label=words.question, show_label=False, placeholder=words.question_hint, file_types=["image"],
            sources=["upload"], max_plain_text_length=1_000_000, elem_classes="box",
        ),
        **_place_buttons(words),
    }  # fmt: skip


def _place_buttons(words: Words) -> dict[str, Any]:
    with gr.Row():
        return {
            "stop": gr.Button(words.stop, variant="stop", size="sm", visible=False),
            "new": gr.Button(words.new, variant="secondary", size="sm"),
        }
