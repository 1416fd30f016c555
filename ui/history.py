"""The History tab: this browser's conversations by date, what is in them, and what can be done with one.

It places the components, and turns what its handlers (`remembering`) return into updates.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import gradio as gr

from deepseek_mm import Caller
from ui.ask import QUIET, AskTab, PageFields
from ui.board import exhibits
from ui.chat import Chat
from ui.gateway.rights import needs_right
from ui.gateway.visitor import Visitor, caller_of, visitor_of
from ui.html import link
from ui.past import above, heading, rows
from ui.pictures import PagePictures
from ui.piece import piece
from ui.remembering import PAGE, HistoryHandlers, HistoryState, find_citation
from ui.viewer import Viewer
from ui.whole_news import end_unchanged
from ui.words import Words

# Each press is handled, one after the other: Gradio's "always_last" would repeat the first press in place of the last.
PRESSED: dict[str, Any] = {**QUIET, "trigger_mode": "multiple", "concurrency_limit": 1, "concurrency_id": "past"}


@dataclass(frozen=True, kw_only=True)
class HistoryTab:
    """Where things are in the tab, and which handler each one calls."""

    handlers: HistoryHandlers
    chat_html: Chat
    viewer: Viewer
    past: gr.State
    limit: gr.State
    find: gr.Textbox
    take: gr.UploadButton
    pieces: dict[str, gr.HTML]  # above, listed, head, chat, file

    @classmethod
    def place(cls, handlers: HistoryHandlers, pictures: PagePictures, viewer: Viewer) -> "HistoryTab":
        """Put the tab on the page that is being built."""
        words, pieces = handlers.words, dict[str, gr.HTML]()
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
            handlers=handlers, chat_html=chatting, viewer=viewer, past=gr.State(HistoryState()), limit=gr.State(PAGE),
            find=find, take=take, pieces=pieces,
        )  # fmt: skip

    @property
    def parts(self) -> list[Any]:
        """Every component that `render` may update."""
        return [self.past, *self.pieces.values()]

    def render(self, visitor: Visitor, past: HistoryState, text: str, limit: int, kept: object) -> dict[Any, Any]:
        """What the tab shows, as updates of components."""
        file = visitor.keep(Path(past.file)) if past.file else None
        return {
            **self._list(visitor.caller, past, text, limit, kept),
            self.past: past,
            self.pieces["head"]: heading(past, self._words),
            self.pieces["chat"]: gr.HTML(self.chat_html.html(past.talk), visible=bool(past.talk.exchanges)),
            self.pieces["file"]: link(file.id, file.name) if file else "",
        }

    def join(self, tab: gr.Tab, tabs: gr.Tabs, asks: Sequence[AskTab], visit: PageFields) -> None:
        """Connect the components with the handlers, and "continue" with the tab that asks about the same."""
        pieces, limit, parts = self.pieces, self.limit, [part for ask in asks for part in ask.parts]
        state = [self.past, self.find, limit, visit.kept]

        @needs_right("ask")
        def act_in_list(
            request: gr.Request, past: HistoryState, text: str, most: int, kept: object, event: gr.EventData
        ) -> dict[Any, Any]:
            act, _ = read_press(event)
            if act == "more":
                return {**self._list(caller_of(request), past, text, most + PAGE, kept), limit: most + PAGE}
            if act == "ask":
                return {tabs: gr.Tabs(selected="ask")}
            if act == "all":
                return {**self._list(caller_of(request), past, "", PAGE, kept), limit: PAGE, self.find: ""}
            return self._act(request, past, text, most, kept, event)

        @needs_right("ask")
        def head(request: gr.Request, event: gr.EventData, *held: Any) -> Iterator[dict[Any, Any]]:
            past, text, most, kept, page = held
            if read_press(event)[0] != "resume":
                yield self._act(request, past, text, most, kept, event)
                return
            yield {limit: gr.skip()}
            ask = next((ask for ask in asks if ask.handlers.about == past.talk.about), asks[0])
            yield from end_unchanged(
                [self._resume(caller_of(request), past, kept, page, ask) | {tabs: gr.Tabs(selected=ask.id)}], limit
            )

        tab.select(self._refresh, state, self.parts, **QUIET)
        self.find.change(self._search, [self.past, self.find, visit.kept], [*self.parts, limit], **QUIET,
                         trigger_mode="always_last")  # fmt: skip
        pieces["above"].click(self._act, state, self.parts, **PRESSED)
        pieces["listed"].click(act_in_list, state, [*self.parts, limit, self.find, tabs], **PRESSED)
        pieces["head"].click(head, [*state, visit.page], [*self.parts, limit, *parts, tabs], **PRESSED)
        pieces["chat"].click(self._read, state, [*self.parts, *self.viewer.parts], **PRESSED)
        self.take.upload(self._take, [*state, self.take], [*self.parts, self.take], **QUIET)

    @needs_right("ask")
    def _refresh(self, request: gr.Request, past: HistoryState, text: str, limit: int, kept: object) -> dict[Any, Any]:
        visitor = visitor_of(request)
        return self.render(visitor, self.handlers.refresh(visitor.caller, past, kept), text, limit, kept)

    @needs_right("ask")
    def _search(self, request: gr.Request, past: HistoryState, text: str, kept: object) -> dict[Any, Any]:
        return {**self._list(caller_of(request), past, text, PAGE, kept), self.limit: PAGE}

    @needs_right("ask")
    def _take(
        self, request: gr.Request, past: HistoryState, text: str, limit: int, kept: object, file: str
    ) -> dict[Any, Any]:
        """A file that was exported is taken in; the upload has done its work."""
        visitor = visitor_of(request)
        after = self.handlers.act(visitor.caller, past, ("import", file), kept)
        Path(file).unlink(missing_ok=True)
        return {**self.render(visitor, after, text, limit, kept), self.take: None}

    @property
    def _words(self) -> Words:
        return self.handlers.words

    def _list(self, caller: Caller, past: HistoryState, text: str, limit: int, kept: object) -> dict[Any, Any]:
        listing = self.handlers.listing(caller, text, limit, kept)
        chosen = past.about.id if past.about else 0
        return {
            self.pieces["above"]: above(listing, past, self._words),
            self.pieces["listed"]: rows(listing, chosen, self._words, datetime.now().astimezone()),
        }

    @needs_right("ask")
    def _act(
        self, request: gr.Request, past: HistoryState, text: str, limit: int, kept: object, event: gr.EventData
    ) -> dict[Any, Any]:
        visitor = visitor_of(request)
        return self.render(visitor, self.handlers.act(visitor.caller, past, read_press(event), kept), text, limit, kept)

    @needs_right("ask")
    def _read(
        self, request: gr.Request, past: HistoryState, text: str, limit: int, kept: object, event: gr.EventData
    ) -> dict[Any, Any]:
        """A press in the conversation: a citation is shown large."""
        act, what = read_press(event)
        if act != "cite":
            return self._act(request, past, text, limit, kept, event)
        found = find_citation(what, past.talk)
        if found is None:
            return {self.past: gr.skip()}
        answer, index = found
        return self.viewer.open(caller_of(request), exhibits(answer, self._words), index, turn=answer.turn)

    def _resume(self, caller: Caller, past: HistoryState, kept: object, page: str, ask: AskTab) -> dict[Any, Any]:
        """The open conversation in its tab, once nothing else is being answered there."""
        ask.handlers.quiet(caller, page)
        return ask.render(self.handlers.resume(caller, past, kept))


def read_press(event: gr.EventData) -> tuple[str, str]:
    """What a button sent; it comes from the browser, and may be anything."""
    return str(getattr(event, "act", "")), str(getattr(event, "what", ""))
