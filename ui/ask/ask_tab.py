"""The Ask tab: a conversation whose words stream, beside the evidence that the answer rests on; and the Code tab.

They place the components, and turn the views that their handlers (`ask_handlers`) yield into updates. The Code tab is
the Ask tab for questions about code: answers cite path and lines, and code in them can be run, by the browser's own
request to POST /run (`scripts/code.js`), which stops it by hanging up: so the rights, the limits and the walls are
those of the API.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from typing import Any, Self

import gradio as gr

from deepseek_mm import Answer, Caller, questions_to_try
from ui import edges
from ui.ask.ask_handlers import CLEAR, AskHandlers, Entry, View
from ui.ask.chat import KEPT, Chat, Talk
from ui.ask.code_edits_part import CodeEditsPart
from ui.ask.evidence_board import board, exhibits
from ui.ask.inspection_panel import render_inspection
from ui.ask.offers import AGREE
from ui.ask.starters_part import StartersPart
from ui.gateway.events import QUIET, Press, Updates, caller_of, end_unchanged, needs_right
from ui.help import render_help
from ui.html import button, hint, notice, piece
from ui.pictures import PagePictures
from ui.viewer import Viewer
from ui.words import UiTexts


@dataclass(frozen=True, kw_only=True)
class PageFields:
    """Hidden fields that say who looks at which page; `page.js` fills them when the page loads."""

    kept: gr.Textbox  # the browser's secret
    page: gr.Textbox  # the name of this open page
    at: gr.Textbox  # the conversation that it shows, or showed before it was loaded anew


@dataclass(frozen=True, kw_only=True)
class AskTab:
    """Components of the tab, and the handler that each one calls."""

    handlers: AskHandlers
    words: UiTexts
    chat_html: Chat
    viewer: Viewer
    fields: PageFields
    talk: gr.State
    shown: gr.State  # the answer whose evidence is on the board
    parts_by_name: dict[str, Any]
    starters: StartersPart | None  # of the Ask tab
    edits: CodeEditsPart | None  # of the Code tab

    @property
    def id(self) -> str:
        """Of the tab."""
        return "code" if self.handlers.about == "code" else "ask"

    @classmethod
    def place(cls, handlers: AskHandlers, pictures: PagePictures, viewer: Viewer, fields: PageFields) -> Self:
        """Put the tab on the page that is being built; that of code has no camera, and runs programs."""
        words, code = handlers.words, handlers.about == "code"
        chat = Chat(pictures=pictures, words=words, code=code, runs=code, kept=f"{KEPT}-code" if code else KEPT)
        with gr.Row(elem_classes="halves"):
            with gr.Column(scale=3, min_width=300):
                starters = None if code else StartersPart(services=handlers.services, words=words)
                edits = CodeEditsPart.place(handlers.services, words) if code else None
                parts = place_chat(chat.html(Talk()), words, starters)
                if not code:
                    parts["camera"] = _place_camera(words)
                    _place_help(words)
            with gr.Column(scale=2, min_width=300):
                look = "side code-side" if code else "side"
                parts["board"] = piece(board(None, pictures, words), listens="acts inside", elem_classes=look)
        return cls(
            handlers=handlers, words=words, chat_html=chat, viewer=viewer, fields=fields, talk=gr.State(Talk()),
            shown=gr.State(None), parts_by_name=parts, starters=starters, edits=edits,
        )  # fmt: skip

    def respond(self, caller: Caller, entry: Entry, talk: Talk, kept: object, page: str) -> Iterator[Updates]:
        """What becomes of what was typed."""
        yield from map(self.render, self.handlers.ask(caller, entry, talk, kept, page))

    def render(self, view: View) -> Updates:
        """A View as updates of components."""
        named, words = self.parts_by_name, self.words
        said = notice(view.notice) or (hint(view.told) if view.told else "")
        editing = hint(words.editing) + button("unedit", "", words.edit_end) if view.talk.editing else ""
        editing = button("bring_back", view.deleted, words.undo) if view.deleted else editing
        updates: Updates = {
            self.talk: view.talk,
            self.fields.at: str(view.talk.conversation or ""),
            named["chat"]: self.chat(view.talk),
            named["notice"]: gr.HTML(said, visible=bool(said)),
            named["stop"]: gr.Button(visible=view.busy),
            named["editing"]: gr.HTML(editing, visible=bool(editing)),
        }
        if view.entry is not None:
            updates[named["box"]] = dict(view.entry)
        if view.shown is not None or view.deleted:
            updates |= self.evidence(view.shown, view.before)
        return updates

    def chat(self, talk: Talk) -> str:
        """The conversation as HTML."""
        return self.chat_html.html(talk)

    def evidence(self, answer: Answer | None, before: Answer | None = None) -> Updates:
        """Updates that put an answer's evidence on the board, with what differs from the one before it."""
        shown = board(answer, self.chat_html.pictures, self.words, before=before)
        return {self.parts_by_name["board"]: shown, self.shown: answer}

    @property
    def box(self) -> Any:
        """Where a question is typed."""
        return self.parts_by_name["box"]

    @property
    def parts(self) -> list[Any]:
        """Every component that `render` may update."""
        named = self.parts_by_name
        names = ("chat", "notice", "editing", "box", "stop", "board")
        return [self.talk, self.fields.at, self.shown, *(named[name] for name in names)]

    def join(self, tab: gr.Tab | None = None, page: gr.Blocks | None = None) -> None:
        """Connect the components with the handlers; questions to begin with are looked for when they are opened."""
        named, asking, visit = self.parts_by_name, self.handlers, self.fields
        who = [self.talk, visit.kept, visit.page, visit.at]

        @needs_right("ask")
        def ask(request: gr.Request, entry: Entry, *held: Any) -> Iterator[Updates]:
            caller, (talk, kept, page, at) = caller_of(request), held
            talk = asking.recover_talk(caller, talk, at, kept, page)
            yield from self.respond(caller, entry, talk, kept, page)

        @needs_right("ask")
        def begin(request: gr.Request, event: Press, *held: Any) -> Iterator[Updates]:
            yield from ask(request, {"text": event.what, "files": []}, *held)

        @needs_right("ask")
        def clear(page: str) -> Updates:
            return self.clear() if asking.is_still_new(page) else {self.talk: gr.skip()}

        @needs_right("ask")
        def leave(request: gr.Request, event: Press, talk: Talk, kept: object) -> Updates:
            if event.act == "bring_back":
                return self.render(asking.bring_back(caller_of(request), edges.number(event.what), talk, kept))
            return self.render(View(talk=talk.before(10**18), entry=CLEAR))

        sent: dict[str, Any] = {"outputs": self.parts, "concurrency_limit": 8}
        # what is sent too early is asked next
        named["box"].submit(ask, [named["box"], *who], **sent, **QUIET, trigger_mode="always_last")
        pressed: dict[str, Any] = {
            **sent, "outputs": [*self.parts, *self.viewer.parts], "trigger_mode": "multiple"  # no press is lost
        }  # fmt: skip
        named["chat"].click(self._press, who, **pressed, **QUIET)
        named["board"].click(self._press_board, [self.shown, *who], **pressed, **QUIET)
        named["editing"].click(leave, [self.talk, visit.kept], self.parts, **QUIET)
        named["stop"].click(self._stop, visit.page, None, queue=False, **QUIET)
        named["new"].click(self._begin_anew, visit.page, None, queue=False, **QUIET).then(
            clear, visit.page, self.parts, **QUIET
        )
        if self.starters is not None:
            named["starters"].click(begin, who, **sent, **QUIET)
        if self.starters is not None and tab is not None and page is not None:
            self.starters.join(page, tab, named)
        if "camera" in named:
            both = [named["camera"], named["box"]]
            named["camera"].change(_add_photo, both, both[::-1], **QUIET)

    @needs_right("ask")
    def _stop(self, request: gr.Request, page: str) -> None:
        self.handlers.stop(caller_of(request), page)

    @needs_right("ask")
    def _begin_anew(self, request: gr.Request, page: str) -> None:
        self.handlers.begin_anew(caller_of(request), page)

    @needs_right("ask")
    def _press_board(self, request: gr.Request, event: Press, answer: Answer | None, *held: Any) -> Iterator[Updates]:
        """A button beside the evidence; see `join` for `held`."""
        caller, (talk, kept, page, at) = caller_of(request), held
        yield {self.talk: gr.skip()}  # a generator that says nothing would empty every part
        if answer is None:
            return
        if event.act == "mean":
            talk = self.handlers.recover_talk(caller, talk, at, kept, page)
            meant = self.handlers.ask_as_meant(caller, answer.turn, event.text, talk, kept, page)
            yield from map(self.render, meant)
        elif event.act == "work":
            yield from end_unchanged([self._render_program(caller, answer, event.text)], self.talk)
        else:
            opened = self.viewer.open(caller, exhibits(answer, self.words), event.what, turn=answer.turn)
            yield from end_unchanged([opened], self.talk)

    def _render_program(self, caller: Caller, answer: Answer, program: str) -> Updates:
        """Updates for a program that the reader wrote: what it gives, or what is wrong with it."""
        again, trouble = self.handlers.work_out(caller, answer, program)
        shown = board(again, self.chat_html.pictures, self.words, before=answer, trouble=trouble)
        return {self.parts_by_name["board"]: shown, self.shown: answer if trouble else again}

    @needs_right("ask")
    def restore(self, request: gr.Request, secret: object, at: str) -> Iterator[Updates]:
        """Show again what the page had shown before it was loaded anew."""
        yield {self.talk: gr.skip()}  # a generator that says nothing would empty every part
        yield from map(self.render, self.handlers.restore(caller_of(request), at, secret))

    def clear(self) -> Updates:
        """Updates for a tab as it was at first. The box stays: somebody may be typing already."""
        return {**self.render(View(talk=Talk())), **self.evidence(None)}

    @needs_right("ask", {"try": "run", "agree_delete": "library", "agree_move": "library"})
    def _press(self, request: gr.Request, event: Press, *held: Any) -> Iterator[Updates]:
        """A button in the conversation; see `join` for `held`."""
        caller, (talk, kept, page, at) = caller_of(request), held
        talk = self.handlers.recover_talk(caller, talk, at, kept, page)
        if event.act == "cite":
            yield self._show_citation(caller, event.what, talk)
        elif event.act == "evidence":
            exchange = talk.find(edges.number(event.what))
            yield self.evidence(exchange.answer) if exchange else {self.talk: gr.skip()}
        elif event.act == "inside":
            yield self._show_inside(caller, edges.number(event.what), talk, kept)
        else:
            yield {self.talk: gr.skip()}  # a generator that says nothing would empty every part
            shown = map(self.render, self._views(caller, event, talk, kept, page))
            yield from end_unchanged(shown, self.talk) if event.act in ("edit", "branch") else shown

    def _show_inside(self, caller: Caller, turn: int, talk: Talk, kept: object) -> Updates:
        """What happened inside an answer, above its evidence; or what is wrong."""
        try:
            told, drawing = self.handlers.inspect(caller, turn, talk, kept)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            return self.render(View(talk=talk, notice=edges.sentence(error, self.words)))
        exchange, pictures = talk.find(turn), self.chat_html.pictures
        answer = exchange.answer if exchange else None
        unmapped = replace(answer, verdict=replace(answer.verdict, heat=())) if answer and answer.verdict else answer
        panel = render_inspection(told, pictures, self.words, drawing)
        return {self.parts_by_name["board"]: panel + board(unmapped, pictures, self.words), self.shown: answer}

    def _views(self, caller: Caller, event: Press, talk: Talk, kept: object, page: str) -> Iterator[View]:
        asking, act, turn = self.handlers, event.act, edges.number(event.what)
        several = {"retry": asking.again, "try": asking.try_test}
        if act in several:
            return several[act](caller, turn, talk, kept, page)
        one = {
            "edit": lambda: asking.edit(turn, talk),
            "branch": lambda: asking.branch(caller, turn, talk, kept),
            "up": lambda: asking.rate(caller, turn, "up", talk, kept),
            "down": lambda: asking.rate(caller, turn, "down", talk, kept),
            "right": lambda: asking.put_right(caller, turn, event.text, talk, kept),
            "earlier": lambda: asking.earlier(caller, talk, kept),
            "offer": lambda: asking.offer(event.what, talk),
            "decline": lambda: asking.offer(event.what.partition(":")[0], talk),
        }.get(act)
        if act == "example":
            return self._try_example(turn, talk)
        if act.startswith(AGREE):
            return iter([asking.agree(caller, act, event.what, talk, kept)])
        return iter([one()] if one else [])

    def _try_example(self, number: int, talk: Talk) -> Iterator[View]:
        """What a question to begin with does; only code has some within the conversation."""
        return iter(())

    def _show_citation(self, caller: Caller, what: str, talk: Talk) -> Updates:
        """A citation in the text: its photo large, and its answer's evidence on the board."""
        if (found := talk.find_citation(what)) is None:
            return {self.talk: gr.skip()}
        answer, index = found
        shown = self.viewer.open(caller, exhibits(answer, self.words), index, turn=answer.turn)
        return {**shown, **self.evidence(answer)}


@needs_right("ask")
def _add_photo(photo: str | None, entry: Entry | None) -> Any:
    """A photo from the camera goes into the box, beside what is there."""
    entry = entry or CLEAR
    files = [*entry["files"], *([photo] if photo else [])]
    return {"text": entry["text"], "files": files}, None


def place_chat(html: str, words: UiTexts, starters: StartersPart | None) -> dict[str, Any]:
    """The left half: the chat, questions to begin with, what went wrong, the box, two buttons."""
    parts: dict[str, Any] = {
        "chat": piece(html, listens="chat" if starters else "chat code", elem_classes="chat"),
        **(starters.place() if starters else {}),
        "notice": piece(listens="", visible=False),
        "editing": piece(visible=False, elem_classes="editing"),
        "box": gr.MultimodalTextbox(
            label=words.question, show_label=False, placeholder=words.question_hint, file_types=["image"],
            file_count="multiple", sources=["upload"], max_plain_text_length=1_000_000,
            elem_classes="box" if starters else "box code-box", autofocus=starters is not None,
        ),
    }  # fmt: skip
    with gr.Row(elem_classes="under-box"):
        parts["stop"] = gr.Button(words.stop, variant="stop", size="sm", visible=False, elem_classes="stop-answer")
        parts["new"] = gr.Button(words.new, variant="secondary", size="sm")
    return parts


def _place_camera(words: UiTexts) -> gr.Image:
    with gr.Accordion(words.webcam, open=False):
        return gr.Image(
            label=words.webcam_label, sources=["webcam"], type="filepath", format="jpeg", image_mode=None, buttons=[],
            height=260,
        )  # fmt: skip


def _place_help(words: UiTexts) -> None:
    with gr.Accordion(words.help, open=False):
        piece(render_help(words), listens="")


@dataclass(frozen=True, kw_only=True)
class CodeTab(AskTab):
    """The Ask tab without a camera, with other words and questions out of the library's own code."""

    def chat(self, talk: Talk) -> str:
        """The conversation as HTML; before it questions to try, or how code comes into a library without any."""
        if talk.exchanges:
            return self.chat_html.html(talk)
        has_code = self.handlers.assistant.store.kinds().get("code", 0) > 0
        return self.chat_html.html(talk, self._examples(), lacks="" if has_code else lacks(self.words))

    @property
    def parts(self) -> list[Any]:
        """Every component that `render` or a wish may update."""
        return [*super().parts, *(self.edits.parts if self.edits else [])]

    def respond(self, caller: Caller, entry: Entry, talk: Talk, kept: object, page: str) -> Iterator[Updates]:
        """A wish for a change goes to the larger model, where one is chosen; all else is a question."""
        text, files = edges.split_entry(entry)
        if self.edits is None or files or not self.edits.is_wish(caller, text):
            yield from super().respond(caller, entry, talk, kept, page)
            if self.edits is not None and (lack := self.edits.tell_lack(caller, text)):
                yield lack
        else:
            yield {**self.edits.begin(caller, text, kept, page), self.box: dict(CLEAR)}

    def join(self, tab: gr.Tab | None = None, page: gr.Blocks | None = None) -> None:
        """Connect the components; what there is to ask about is looked up whenever the tab opens before a question."""
        super().join()
        if tab is not None and self.edits is not None:
            self.edits.join(tab, self.fields.kept)
            tab.select(self._offer, [self.talk, self.fields.page], self.parts_by_name["chat"], **QUIET)

    @needs_right("ask")
    def _offer(self, request: gr.Request, talk: Talk, page: str) -> Any:
        chat = None if talk.exchanges else self.chat(talk)  # takes a while, in which a question may be asked
        return gr.skip() if chat is None or self.handlers.is_answering(caller_of(request), page) else chat

    def _examples(self) -> tuple[str, ...]:
        return questions_to_try(self.handlers.assistant.store)

    def _try_example(self, number: int, talk: Talk) -> Iterator[View]:
        """A question to begin with goes into the box, where it can be changed."""
        tries = self._examples()
        return iter([View(talk=talk, entry={"text": tries[number], "files": []})] if number < len(tries) else [])


def lacks(words: UiTexts) -> str:
    """What is said where there is no code: how some comes in."""
    add = f'<button type="button" class="offer" data-open-tab="library">{escape(words.code_add)}</button>'
    return f'{hint(words.code_none)}<div class="offers">{add}</div>'
