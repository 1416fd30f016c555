"""The History tab: this browser's conversations, newest first; read one, go on with it, or delete it."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from deepseek_mm import Assistant, Conversation
from ui import edges
from ui.ask import QUIET, AskTab, Visit
from ui.asking import Asking, View
from ui.chat import Chat
from ui.html import hint, notice
from ui.pictures import Pictures
from ui.piece import piece
from ui.talk import Talk
from ui.words import Words

PAGE = 20  # conversations shown at first, and added by "older"

Choices = list[tuple[str, int]]


@dataclass(frozen=True, kw_only=True)
class Remembering:
    """What happens in the History tab."""

    assistant: Assistant
    asking: Asking
    words: Words

    def choices(self, kept: object, limit: int) -> tuple[Choices, bool]:
        """Texts and ids for the list, newest first, and whether there are older ones."""
        session = edges.session_of(kept)
        found = self.assistant.history.conversations(session=session, limit=limit + 1) if session else []
        return [(line(each, self.words), each.id) for each in found[:limit]], len(found) > limit

    def read(self, conversation: int | None, kept: object) -> View:
        """A conversation to read. An error becomes a sentence."""
        if conversation is None:
            return View(talk=Talk())
        try:
            return self.asking.resume(conversation, kept)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            return View(talk=Talk(), notice=edges.sentence(error, self.words))

    def delete(self, conversation: int, kept: object) -> str:
        """Delete it, and say so; or say why not."""
        try:
            session = edges.require_session(kept, self.words)
            self.assistant.history.delete(conversation, session=session)
        except Exception as error:  # noqa: BLE001 - as above
            return edges.sentence(error, self.words)
        return self.words.deleted


def line(conversation: Conversation, words: Words) -> str:
    """One line of the list: "Is there a dog? (2026-05-01 14:03)", in this machine's local time."""
    when = conversation.last_at.astimezone().strftime("%Y-%m-%d %H:%M")
    return words.turns.format(title=conversation.title, when=when)


@dataclass(frozen=True, kw_only=True)
class HistoryTab:
    """Where things are in the tab, and which handler each one calls."""

    remembering: Remembering
    chatting: Chat
    limit: gr.State
    listed: gr.Radio
    older: gr.Button
    hint: gr.HTML
    chat: gr.HTML
    resume: gr.Button
    delete: gr.Button
    sure: gr.Group
    yes: gr.Button
    no: gr.Button

    @classmethod
    def place(cls, remembering: Remembering, pictures: Pictures) -> "HistoryTab":
        """Put the tab on the page that is being built."""
        words = remembering.words
        with gr.Row(elem_classes="halves"):
            with gr.Column(scale=2, min_width=300):
                limit = gr.State(PAGE)
                listed = gr.Radio([], label=words.conversations, elem_classes="listed")
                older = gr.Button(words.older, size="sm", visible=False)
            with gr.Column(scale=3, min_width=300):
                right = _place_reading(words)
        chatting = Chat(pictures=pictures, words=words, acts=False)
        return cls(remembering=remembering, chatting=chatting, limit=limit, listed=listed, older=older, **right)

    def join(self, tab: gr.Tab, tabs: gr.Tabs, ask: AskTab, visit: Visit) -> None:
        """Connect the components with the handlers, and "continue" with the Ask tab."""
        parts = [self.listed, self.older, self.hint, self.chat, self.resume, self.delete, self.sure]

        kept = visit.kept

        def refresh(secret: object, limit: int) -> dict[Any, Any]:
            return self._list(secret, limit)

        def more(secret: object, limit: int) -> dict[Any, Any]:
            return {**self._list(secret, limit + PAGE), self.limit: limit + PAGE}

        def read(conversation: int | None, secret: object) -> dict[Any, Any]:
            return self._reading(self.remembering.read(conversation, secret))

        def delete(conversation: int, secret: object, limit: int) -> dict[Any, Any]:
            said = self.remembering.delete(conversation, secret)
            return self._list(secret, limit, said=said)

        def resume(conversation: int, secret: object) -> dict[Any, Any]:
            return {**ask.render(self.remembering.read(conversation, secret)), tabs: gr.Tabs(selected="ask")}

        tab.select(refresh, [kept, self.limit], parts, **QUIET)
        self.older.click(more, [kept, self.limit], [*parts, self.limit], **QUIET)
        self.listed.input(read, [self.listed, kept], parts, **QUIET)
        self.delete.click(lambda: gr.Group(visible=True), None, self.sure, **QUIET)
        self.no.click(lambda: gr.Group(visible=False), None, self.sure, **QUIET)
        self.yes.click(delete, [self.listed, kept, self.limit], parts, **QUIET)
        self.resume.click(ask.asking.quiet, visit.page, None, **QUIET).then(
            resume, [self.listed, kept], [*ask.parts, tabs], **QUIET
        )

    def _list(self, secret: object, limit: int, said: str = "") -> dict[Any, Any]:
        words = self.remembering.words
        choices, more = self.remembering.choices(secret, limit)
        said = said or (words.history_idle if choices else words.history_none)
        return {
            **self._reading(View(talk=Talk())),
            self.listed: gr.Radio(choices, value=None, visible=bool(choices)),
            self.older: gr.Button(visible=more),
            self.hint: gr.HTML(hint(said), visible=True),
        }

    def _reading(self, view: View) -> dict[Any, Any]:
        words, open_one = self.remembering.words, bool(view.talk.exchanges)
        return {
            self.hint: gr.HTML(notice(view.notice) or hint(words.history_idle), visible=not open_one),
            self.chat: gr.HTML(self.chatting.html(view.talk), visible=open_one),
            self.resume: gr.Button(visible=open_one),
            self.delete: gr.Button(visible=open_one),
            self.sure: gr.Group(visible=False),
        }


def _place_reading(words: Words) -> dict[str, Any]:
    """The right half: the conversation that is read, and what can be done with it."""
    parts: dict[str, Any] = {
        "hint": piece(hint(words.history_idle), listens=""),
        "chat": piece(visible=False, elem_classes="chat"),
    }  # fmt: skip
    with gr.Row():
        parts["resume"] = gr.Button(words.resume, variant="primary", size="sm", visible=False)
        parts["delete"] = gr.Button(words.delete, size="sm", visible=False)
    with gr.Group(visible=False) as parts["sure"]:
        gr.HTML(hint(words.delete_sure), padding=True)
        with gr.Row():
            parts["yes"] = gr.Button(words.delete_yes, variant="stop", size="sm")
            parts["no"] = gr.Button(words.delete_no, size="sm")
    return parts
