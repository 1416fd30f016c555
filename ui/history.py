"""The History tab: this browser's conversations by date, what is in them, and what can be done with one.

It places the components, and turns what its handlers (`remembering`) return into updates.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import gradio as gr

from ui.ask import QUIET, AskTab, Visit
from ui.board import exhibits
from ui.chat import Chat
from ui.html import link
from ui.past import above, heading, rows
from ui.pictures import Pictures
from ui.piece import piece
from ui.remembering import PAGE, Past, Remembering, cited
from ui.viewer import Viewer
from ui.whole_news import told_once
from ui.words import Words

# Each press is handled, one after the other: Gradio's "always_last" would repeat the first press in place of the last.
PRESSED: dict[str, Any] = {**QUIET, "trigger_mode": "multiple", "concurrency_limit": 1, "concurrency_id": "past"}


@dataclass(frozen=True, kw_only=True)
class HistoryTab:
    """Where things are in the tab, and which handler each one calls."""

    remembering: Remembering
    chatting: Chat
    viewer: Viewer
    past: gr.State
    limit: gr.State
    find: gr.Textbox
    take: gr.UploadButton
    pieces: dict[str, gr.HTML]  # above, listed, head, chat, file

    @classmethod
    def place(cls, remembering: Remembering, pictures: Pictures, viewer: Viewer) -> "HistoryTab":
        """Put the tab on the page that is being built."""
        words, pieces = remembering.words, dict[str, gr.HTML]()
        chatting = Chat(pictures=pictures, words=words, acts=False)
        with gr.Row(elem_classes="halves past-halves"):
            with gr.Column(scale=2, min_width=300, elem_classes="past-left"):
                with gr.Row(elem_classes="past-find"):
                    find = gr.Textbox(label=words.past_find, placeholder=words.past_find_hint, max_lines=1,
                                      show_label=False, container=False, scale=1)  # fmt: skip
                    take = gr.UploadButton(words.past_import, size="sm", scale=0, min_width=90)
                pieces["above"] = piece(elem_classes="past-above")
                pieces["listed"] = piece(listens="acts past", elem_classes="past-list")
            with gr.Column(scale=3, min_width=300, elem_classes="past-right"):
                pieces["head"] = piece(listens="acts title")
                pieces["chat"] = piece(listens="acts reading", visible=False, elem_classes="chat")
                pieces["file"] = piece(listens="download", elem_classes="past-file")
        return cls(
            remembering=remembering, chatting=chatting, viewer=viewer, past=gr.State(Past()), limit=gr.State(PAGE),
            find=find, take=take, pieces=pieces,
        )  # fmt: skip

    @property
    def parts(self) -> list[Any]:
        """Every component that `render` may update."""
        return [self.past, *self.pieces.values()]

    def render(self, past: Past, text: str, limit: int, kept: object) -> dict[Any, Any]:
        """What the tab shows, as updates of components."""
        return {
            **self._list(past, text, limit, kept),
            self.past: past,
            self.pieces["head"]: heading(past, self._words),
            self.pieces["chat"]: gr.HTML(self.chatting.html(past.talk), visible=bool(past.talk.exchanges)),
            self.pieces["file"]: link(Path(past.file)) if past.file else "",
        }

    def join(self, tab: gr.Tab, tabs: gr.Tabs, asks: Sequence[AskTab], visit: Visit) -> None:
        """Connect the components with the handlers, and "continue" with the tab that asks about the same."""
        pieces, limit, parts = self.pieces, self.limit, [part for ask in asks for part in ask.parts]
        state = [self.past, self.find, limit, visit.kept]

        def refresh(past: Past, text: str, limit: int, kept: object) -> dict[Any, Any]:
            return self.render(self.remembering.refresh(past, kept), text, limit, kept)

        def search(past: Past, text: str, kept: object) -> dict[Any, Any]:
            return {**self._list(past, text, PAGE, kept), limit: PAGE}

        def listed(past: Past, text: str, most: int, kept: object, event: gr.EventData) -> dict[Any, Any]:
            act, _ = pressed(event)
            if act == "more":
                return {**self._list(past, text, most + PAGE, kept), limit: most + PAGE}
            if act == "ask":
                return {tabs: gr.Tabs(selected="ask")}
            if act == "all":
                return {**self._list(past, "", PAGE, kept), limit: PAGE, self.find: ""}
            return self._acted(past, text, most, kept, event)

        def head(
            past: Past, text: str, most: int, kept: object, page: str, event: gr.EventData
        ) -> Iterator[dict[Any, Any]]:
            if pressed(event)[0] != "resume":
                yield self._acted(past, text, most, kept, event)
                return
            yield {limit: gr.skip()}
            ask = next((ask for ask in asks if ask.asking.about == past.talk.about), asks[0])
            yield from told_once([self._resumed(past, kept, page, ask) | {tabs: gr.Tabs(selected=ask.id)}], limit)

        def take(past: Past, text: str, most: int, kept: object, file: str) -> dict[Any, Any]:
            after = self.remembering.act(past, "import", file, kept)
            Path(file).unlink(missing_ok=True)
            return {**self.render(after, text, most, kept), self.take: None}

        tab.select(refresh, state, self.parts, **QUIET)
        self.find.change(search, [self.past, self.find, visit.kept], [*self.parts, limit], **QUIET,
                         trigger_mode="always_last")  # fmt: skip
        pieces["above"].click(self._acted, state, self.parts, **PRESSED)
        pieces["listed"].click(listed, state, [*self.parts, limit, self.find, tabs], **PRESSED)
        pieces["head"].click(head, [*state, visit.page], [*self.parts, limit, *parts, tabs], **PRESSED)
        pieces["chat"].click(self._read, state, [*self.parts, *self.viewer.parts], **PRESSED)
        self.take.upload(take, [*state, self.take], [*self.parts, self.take], **QUIET)

    @property
    def _words(self) -> Words:
        return self.remembering.words

    def _list(self, past: Past, text: str, limit: int, kept: object) -> dict[Any, Any]:
        listing = self.remembering.listing(text, limit, kept)
        chosen = past.about.id if past.about else 0
        return {
            self.pieces["above"]: above(listing, past, self._words),
            self.pieces["listed"]: rows(listing, chosen, self._words, datetime.now().astimezone()),
        }

    def _acted(self, past: Past, text: str, limit: int, kept: object, event: gr.EventData) -> dict[Any, Any]:
        return self.render(self.remembering.act(past, *pressed(event), kept), text, limit, kept)

    def _read(self, past: Past, text: str, limit: int, kept: object, event: gr.EventData) -> dict[Any, Any]:
        """A press in the conversation: a citation is shown large."""
        act, what = pressed(event)
        if act != "cite":
            return self._acted(past, text, limit, kept, event)
        found = cited(what, past.talk)
        if found is None:
            return {self.past: gr.skip()}
        answer, index = found
        return self.viewer.open(exhibits(answer, self._words), index, turn=answer.turn)

    def _resumed(self, past: Past, kept: object, page: str, ask: AskTab) -> dict[Any, Any]:
        """The open conversation in its tab, once nothing else is being answered there."""
        ask.asking.quiet(page)
        return ask.render(self.remembering.resume(past, kept))


def pressed(event: gr.EventData) -> tuple[str, str]:
    """What a button sent; it comes from the browser, and may be anything."""
    return str(getattr(event, "act", "")), str(getattr(event, "what", ""))
