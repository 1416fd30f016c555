"""The Code tab: the Ask tab for questions about code. Answers cite path and lines, and code in them can be run.

A program is run by the browser's own request to POST /run (`scripts/code.js`), which stops it by hanging up: so the
rights, the limits and the walls are those of the API.
"""

from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from deepseek_mm import Caller, questions_to_try
from ui.ask.ask_handlers import AskHandlers, View
from ui.ask.ask_tab import QUIET, AskTab, PageFields, place_chat
from ui.ask.chat import KEPT, Chat, Talk
from ui.ask.evidence_board import board
from ui.assets import piece
from ui.gateway.rights import needs_right
from ui.gateway.visitor import caller_of
from ui.html import hint
from ui.pictures import PagePictures
from ui.viewer import Viewer
from ui.words import UiTexts

COMMAND = "python -m deepseek_mm index FOLDER"


@dataclass(frozen=True, kw_only=True)
class CodeTab(AskTab):
    """The Ask tab without a camera, with other words and questions out of the library's own code."""

    @classmethod
    def place(cls, handlers: AskHandlers, pictures: PagePictures, viewer: Viewer, fields: PageFields) -> "CodeTab":
        """Put the tab on the page that is being built."""
        words = handlers.words
        chatting = Chat(pictures=pictures, words=words, code=True, runs=True, kept=f"{KEPT}-code")
        with gr.Row(elem_classes="halves"):
            with gr.Column(scale=3, min_width=300):
                html = chatting.html(Talk(), ())
                parts = place_chat(html, words, listens="chat code", look="box code-box")
            with gr.Column(scale=2, min_width=300):
                parts["board"] = piece(board(None, pictures, words), elem_classes="side code-side")
        return cls(
            handlers=handlers, words=words, chat_html=chatting, viewer=viewer, fields=fields, talk=gr.State(Talk()),
            shown=gr.State(None), parts_by_name=parts,
        )  # fmt: skip

    def chat(self, talk: Talk) -> str:
        """The conversation as HTML; before it questions to try, or how code comes into a library without any."""
        if talk.exchanges:
            return self.chat_html.html(talk)
        has_code = self.handlers.assistant.store.kinds().get("code", 0) > 0
        return self.chat_html.html(talk, self._examples(), lacks="" if has_code else lacks(self.words))

    def join(self, tab: gr.Tab | None = None) -> None:
        """Connect the components; what there is to ask about is looked up whenever the tab opens before a question."""
        super().join()
        if tab is not None:
            tab.select(self._offer, [self.talk, self.fields.page], self.parts_by_name["chat"], **QUIET)

    @needs_right("ask")
    def _offer(self, request: gr.Request, talk: Talk, page: str) -> Any:
        chat = None if talk.exchanges else self.chat(talk)  # takes a while, in which a question may be asked
        return gr.skip() if chat is None or self.handlers.is_answering(caller_of(request), page) else chat

    def _examples(self) -> tuple[str, ...]:
        return questions_to_try(self.handlers.assistant.store)

    def _try_example(self, caller: Caller, number: int, talk: Talk, kept: object, page: str) -> Any:
        """A question to begin with goes into the box, where it can be changed."""
        tries = self._examples()
        return iter([View(talk=talk, entry={"text": tries[number], "files": []})] if number < len(tries) else [])


def lacks(words: UiTexts) -> str:
    """What is said where there is no code: how some comes in, by the page and by the command."""
    add = f'<button type="button" class="offer" data-open-tab="library">{escape(words.code_add)}</button>'
    return f'{hint(words.code_none)}<div class="offers">{add}<code>{escape(COMMAND)}</code></div>'
