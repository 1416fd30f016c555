"""The History tab: this browser's conversations by date, what is in them, and what can be done with one.

It places the components, and turns what its handlers (`history_handlers`) return into updates.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

import gradio as gr

from deepseek_mm import Caller, Conversation
from ui.ask.ask_tab import AskTab, PageFields
from ui.ask.chat import Chat
from ui.ask.evidence_board import exhibits
from ui.gateway.events import QUIET, Press, Updates, Visitor, caller_of, end_unchanged, needs_right, visitor_of
from ui.history.history_handlers import KINDS, PAGE, ConversationList, HistoryHandlers, HistoryState
from ui.history.replay_view import render_offer, render_replay
from ui.html import button, hint, link, notice, piece
from ui.pictures import PagePictures
from ui.viewer import Viewer
from ui.words import UiTexts, count_noun

NAMES = {"markdown": "Markdown", "html": "HTML", "json": "JSON"}  # of kinds of files: the same in every language
LOOK_S = 1.0  # between two looks while a conversation is answered again
PIN = "M5 1h6l-1 1v4l3 3v1H9v5l-1 1-1-1v-5H3V9l3-3V2z"
BRANCH = "M4 3a1.5 1.5 0 1 1 1 0v4c1-1 5-.5 5.5-3a1.5 1.5 0 1 1 1 0C11 8 6 7 5 9.5V11a1.5 1.5 0 1 1-1 0z"


def rows(listing: ConversationList, chosen: int, words: UiTexts, now: datetime) -> str:
    """The list under its dates, `chosen` marked; or what to do where there is nothing to list."""
    if not listing.rows:
        return _nothing(listing, words)
    focus = chosen if any(each.id == chosen for each in listing.rows) else listing.rows[0].id
    parts = [f'<nav class="past" aria-label="{escape(words.past_list)}">']
    for name, group in groupby(listing.rows, key=lambda each: group_of(each, now, words)):
        items = "".join(_row(each, chosen, focus, now, words) for each in group)
        parts.append(f"<section><h2>{escape(name)}</h2><ul>{items}</ul></section>")
    more = button("more", "", words.past_older) if listing.total > len(listing.rows) else ""
    return "".join((*parts, more, "</nav>"))


def above(listing: ConversationList, past: HistoryState, words: UiTexts) -> str:
    """What stands above the list: how many there are, what has just happened, and the way back from a deletion."""
    parts = []
    if listing.total:
        parts.append(hint(count_noun(words.past_found if listing.text else words.past_total, listing.total)))
    if past.said:
        parts.append(hint(past.said))
    if past.gone is not None:
        said = words.past_deleted.format(title=title_of(past.gone.about, words))
        parts.append(f'<div class="undo">{hint(said)}{button("undo", "", words.undo)}</div>')
    return "".join((*parts, notice(past.notice or listing.notice)))


def heading(past: HistoryState, words: UiTexts) -> str:
    """Title of the open conversation and what can be done with it; one quiet line where none is open."""
    about = past.about
    if about is None:
        return hint(words.history_idle)
    return (
        f'<header class="past-head"><button type="button" class="small back" data-act="back" data-what="">'
        f"&larr; {escape(words.past_back)}</button>{_title(past, about, words)}"
        f'<p class="hint">{_facts(about, words, f"{about.last_at.astimezone():%Y-%m-%d %H:%M}")}</p>'
        f"{_acts(past, about, words)}</header>"
    )


def group_of(each: Conversation, now: datetime, words: UiTexts) -> str:
    """Under which heading of the list it stands; `now` and the answer are in this machine's time."""
    if each.pinned:
        return words.past_pinned
    today, day = now.date(), each.last_at.astimezone().date()
    if day >= today:
        return words.past_today
    if day == today - timedelta(days=1):
        return words.past_yesterday
    if day >= today - timedelta(days=today.weekday()):
        return words.past_this_week
    return words.past_in_month.format(month=words.past_months[day.month - 1], year=day.year)


def title_of(about: Conversation, words: UiTexts) -> str:
    """Its title, or that it has none."""
    return about.title or words.past_untitled


def _row(each: Conversation, chosen: int, focus: int, now: datetime, words: UiTexts) -> str:
    at = each.last_at.astimezone()
    near = at.date() == now.date() or (not each.pinned and at.date() == now.date() - timedelta(days=1))
    current = ' aria-current="true"' if each.id == chosen else ""
    return (
        f'<li><button type="button" class="row" data-act="open" data-what="{each.id}"{current} '
        f'tabindex="{0 if each.id == focus else -1}"><span class="title">{escape(title_of(each, words))}</span> '
        f'<span class="foot">{_facts(each, words, f"{at:%H:%M}" if near else f"{at:%Y-%m-%d}")}</span></button></li>'
    )


def _facts(each: Conversation, words: UiTexts, when: str) -> str:
    """When, how many questions, pinned or not, a branch or not."""
    pin = _sign(PIN, words.past_pinned) if each.pinned else ""
    branch = _sign(BRANCH, words.past_branch) if each.parent else ""
    time = f'<time datetime="{each.last_at.isoformat()}">{when}</time>'
    return f"{time} - {escape(count_noun(words.past_questions, each.num_turns))} {pin}{branch}"


def _sign(path: str, name: str) -> str:
    return (
        f'<svg class="sign" viewBox="0 0 16 16" role="img" aria-label="{escape(name)}"><title>{escape(name)}</title>'
        f'<path d="{path}"/></svg>'
    )


def _title(past: HistoryState, about: Conversation, words: UiTexts) -> str:
    if not past.renaming:
        return f"<h2>{escape(title_of(about, words))}</h2>"
    return (
        f'<div class="naming"><input type="text" maxlength="200" value="{escape(about.title)}" '
        f'aria-label="{escape(words.past_name)}"><button type="button" class="small" data-save>{escape(words.save)}'
        f"</button>{button('unname', '', words.cancel)}</div>"
    )


def _acts(past: HistoryState, about: Conversation, words: UiTexts) -> str:
    resume = words.code_resume if past.talk.about == "code" else words.past_resume
    names = NAMES | {"replay": words.replay_export}
    files = "".join(button(kind, "", names[kind], label=f"{words.past_export} {names[kind]}") for kind in KINDS)
    again = "" if past.replay.is_active else button("again", "", words.replay)
    return (
        f'<div class="acts">{button("resume", about.id, resume, look="small go")}'
        f"{button('rename', '', words.past_rename)}"
        f"{button('pin', '', words.past_unpin if about.pinned else words.past_pin)}"
        f"{again}{button('delete', '', words.delete)}"
        f'<span class="files" role="group" aria-label="{escape(words.past_export)}"><span aria-hidden="true">'
        f"{escape(words.past_export)}</span>{files}</span></div>"
    )


def again(past: HistoryState, words: UiTexts) -> str:
    """What there is to say of answering the open conversation again."""
    if past.about is None:
        return ""
    return render_offer(past.bundle, words) if past.bundle else render_replay(past.replay, words)


def _nothing(listing: ConversationList, words: UiTexts) -> str:
    if listing.notice:
        return ""
    if listing.text:
        return f'<div class="nothing">{hint(words.past_not_found)}{button("all", "", words.past_all)}</div>'
    none = words.history_none_person if listing.is_of_person else words.history_none
    return f'<div class="nothing">{hint(none)}{button("ask", "", words.history_ask, look="small go")}</div>'


# Each press is handled, one after the other: Gradio's "always_last" would repeat the first press in place of the last.
IN_TURN: dict[str, Any] = {**QUIET, "concurrency_limit": 1, "concurrency_id": "past"}
PRESSED: dict[str, Any] = {**IN_TURN, "trigger_mode": "multiple"}


@dataclass(frozen=True, kw_only=True)
class HistoryTab:
    """Components of the tab, and the handler that each one calls."""

    handlers: HistoryHandlers
    chat_html: Chat
    viewer: Viewer
    past: gr.State
    limit: gr.State
    find: gr.Textbox
    take: gr.UploadButton
    pieces: dict[str, gr.HTML]  # above, listed, head, again, chat, file
    timer: gr.Timer  # ticks while a conversation is answered again

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
                pieces["again"] = piece(elem_classes="past-again")
                pieces["chat"] = piece(listens="acts reading", visible=False, elem_classes="chat")
                pieces["file"] = piece(listens="download", elem_classes="past-file")
        return cls(
            handlers=handlers, chat_html=chatting, viewer=viewer, past=gr.State(HistoryState()), limit=gr.State(PAGE),
            find=find, take=take, pieces=pieces, timer=gr.Timer(LOOK_S, active=False),
        )  # fmt: skip

    @property
    def parts(self) -> list[Any]:
        """Every component that `render` may update."""
        return [self.past, *self.pieces.values(), self.timer]

    def render(self, visitor: Visitor, past: HistoryState, text: str, limit: int, kept: object) -> Updates:
        """What the tab shows, as updates of components."""
        file = visitor.keep(Path(past.file)) if past.file else None
        return {
            **self._list(visitor.caller, past, text, limit, kept),
            self.past: past,
            self.pieces["head"]: heading(past, self.handlers.words),
            self.pieces["chat"]: gr.HTML(self.chat_html.html(past.talk), visible=bool(past.talk.exchanges)),
            self.pieces["file"]: link(file.id, file.name) if file else "",
            **self._show_again(past),
        }

    def join(self, tab: gr.Tab, tabs: gr.Tabs, asks: Sequence[AskTab], visit: PageFields) -> None:
        """Connect the components with the handlers, and "continue" with the tab that asks about the same."""
        pieces, limit, parts = self.pieces, self.limit, [part for ask in asks for part in ask.parts]
        state = [self.past, self.find, limit, visit.kept]

        @needs_right("ask")
        def act_in_list(request: gr.Request, event: Press, *held: Any) -> Updates:
            past, text, most, kept = held
            if event.act == "more":
                return {**self._list(caller_of(request), past, text, most + PAGE, kept), limit: most + PAGE}
            if event.act == "ask":
                return {tabs: gr.Tabs(selected="ask")}
            if event.act == "all":
                return {**self._list(caller_of(request), past, "", PAGE, kept), limit: PAGE, self.find: ""}
            return self._act(request, event, *held)

        @needs_right("ask")
        def head(request: gr.Request, event: Press, *held: Any) -> Iterator[Updates]:
            *state, page = held
            if event.act != "resume":
                yield self._act(request, event, *state)
                return
            past, _, _, kept = state
            yield {limit: gr.skip()}
            ask = next((ask for ask in asks if ask.handlers.about == past.talk.about), asks[0])
            caller = caller_of(request)
            ask.handlers.quiet(caller, page)  # nothing else is being answered there
            shown = ask.render(self.handlers.resume(caller, past, kept)) | {tabs: gr.Tabs(selected=ask.id)}
            yield from end_unchanged([shown], limit)

        tab.select(self._refresh, state, self.parts, **QUIET)
        self.find.change(self._search, [self.past, self.find, visit.kept], [*self.parts, limit], **QUIET,
                         trigger_mode="always_last")  # fmt: skip
        pieces["above"].click(self._act, state, self.parts, **PRESSED)
        pieces["listed"].click(act_in_list, state, [*self.parts, limit, self.find, tabs], **PRESSED)
        pieces["head"].click(head, [*state, visit.page], [*self.parts, limit, *parts, tabs], **PRESSED)
        pieces["chat"].click(self._read, state, [*self.parts, *self.viewer.parts], **PRESSED)
        pieces["again"].click(self._act, state, self.parts, **PRESSED)
        self.timer.tick(self._look, [self.past, visit.kept], [self.past, pieces["head"], pieces["again"], self.timer],
                        **IN_TURN)  # fmt: skip
        self.take.upload(self._take, [*state, self.take], [*self.parts, self.take], **QUIET)

    @needs_right("ask")
    def _refresh(self, request: gr.Request, past: HistoryState, text: str, limit: int, kept: object) -> Updates:
        visitor = visitor_of(request)
        return self.render(visitor, self.handlers.refresh(visitor.caller, past, kept), text, limit, kept)

    @needs_right("ask")
    def _look(self, request: gr.Request, past: HistoryState, kept: object) -> Updates:
        """How far answering again is; the head has its button back when that has ended."""
        after = self.handlers.look(caller_of(request), past, kept)
        ended = {} if after.replay.is_active else {self.pieces["head"]: heading(after, self.handlers.words)}
        return {self.past: after, **self._show_again(after), **ended}

    def _show_again(self, past: HistoryState) -> Updates:
        shown = again(past, self.handlers.words)
        return {self.pieces["again"]: shown, self.timer: gr.Timer(active=past.replay.is_active)}

    @needs_right("ask")
    def _search(self, request: gr.Request, past: HistoryState, text: str, kept: object) -> Updates:
        return {**self._list(caller_of(request), past, text, PAGE, kept), self.limit: PAGE}

    @needs_right("ask")
    def _take(
        self, request: gr.Request, past: HistoryState, text: str, limit: int, kept: object, file: str | None
    ) -> Updates:
        """A file that was exported is taken in; the upload has done its work. Without one nothing changes."""
        if not file:
            return {}
        visitor = visitor_of(request)
        after = self.handlers.act(visitor.caller, past, ("import", file), kept)
        Path(file).unlink(missing_ok=True)
        return {**self.render(visitor, after, text, limit, kept), self.take: None}

    def _list(self, caller: Caller, past: HistoryState, text: str, limit: int, kept: object) -> Updates:
        listing = self.handlers.listing(caller, text, limit, kept)
        chosen = past.about.id if past.about else 0
        return {
            self.pieces["above"]: above(listing, past, self.handlers.words),
            self.pieces["listed"]: rows(listing, chosen, self.handlers.words, datetime.now().astimezone()),
        }

    @needs_right("ask")
    def _act(self, request: gr.Request, event: Press, *held: Any) -> Updates:
        visitor, (past, text, limit, kept) = visitor_of(request), held
        after = self.handlers.act(visitor.caller, past, (event.act, event.what), kept)
        return self.render(visitor, after, text, limit, kept)

    @needs_right("ask")
    def _read(self, request: gr.Request, event: Press, *held: Any) -> Updates:
        """A press in the conversation: a citation is shown large."""
        if event.act != "cite":
            return self._act(request, event, *held)
        found = held[0].talk.find_citation(event.what)
        if found is None or found[1] < 0:
            return {self.past: gr.skip()}
        answer, index = found
        return self.viewer.open(caller_of(request), exhibits(answer, self.handlers.words), index, turn=answer.turn)
