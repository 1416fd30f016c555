"""The people of the house and what was done, in the Settings tab of those who manage accounts."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from deepseek_mm import Caller
from ui import edges
from ui.accounts.account_handlers import PeopleHandlers
from ui.accounts.account_html import ROLES, name_role, render_audit, render_people
from ui.edges import ActionResult
from ui.gateway.events import QUIET, Press, Updates, caller_of, needs_right
from ui.html import hint, line, notice, piece
from ui.words import UiTexts

ASKS = ("remove", "password")  # presses after which something is still to be said


@dataclass(frozen=True, kw_only=True)
class PeoplePart:
    """Components of the part and their events."""

    handlers: PeopleHandlers
    parts: dict[str, Any]  # components by name

    @classmethod
    def place(cls, handlers: PeopleHandlers) -> "PeoplePart":
        """Put the part on the page that is being built."""
        words = handlers.words
        parts: dict[str, Any] = {}
        with gr.Column(visible=False, elem_classes="people-part") as parts["box"]:
            parts["people"] = piece()
            parts["said"] = piece(listens="", visible=False)
            parts |= _place_new_person(words)
            with gr.Accordion(words.audit_title, open=False):
                piece(hint(words.audit_hint), listens="")
                parts["whose"] = gr.Textbox(
                    label=words.audit_of, max_lines=1, html_attributes=gr.InputHTMLAttributes(autocomplete="off")
                )
                parts["audit"] = piece()
        return cls(handlers=handlers, parts=parts)

    def join(self, tab: gr.Tab) -> None:
        """Connect the components with the handlers."""
        parts, everything = self.parts, list(self.parts.values())
        tab.select(self._show, None, everything, **QUIET)
        parts["people"].click(self._press, parts["whose"], everything, trigger_mode="multiple", **QUIET)
        typed = [parts[name] for name in ("name", "role", "password", "whose")]
        gr.on([parts["add"].click, parts["password"].submit], self._add, typed, everything, **QUIET)
        parts["whose"].submit(self._list, parts["whose"], parts["audit"], **QUIET)
        parts["audit"].click(self._turn, parts["whose"], parts["audit"], trigger_mode="multiple", **QUIET)

    @needs_right("settings")
    def _show(self, request: gr.Request) -> Updates:
        return self.show(caller_of(request))

    def show(self, caller: Caller, *, opened: str = "", asks: str = "", whose: object = "") -> Updates:
        """Updates for a part that shows everything as it stands; nothing where there are no accounts to manage."""
        words, parts = self.handlers.words, self.parts
        try:
            view = self.handlers.look(caller, opened=opened, asks=asks)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            edges.sentence(error, words)
            return {parts["box"]: gr.Column(visible=False)}
        people, audit = render_people(view, words), self._audit(caller, whose)
        return {parts["box"]: gr.Column(visible=True), parts["people"]: people, parts["audit"]: audit}

    @needs_right("settings")
    def _press(self, request: gr.Request, event: Press, whose: object) -> Updates:
        """A button of a person; some ask first."""
        caller, act, what = caller_of(request), event.act, event.what
        if act in ASKS:
            return {**self.show(caller, opened=what, asks=act, whose=whose), self.parts["said"]: line(None)}
        said = self.handlers.press(caller, act, what, event.text)
        again = {"opened": what, "asks": "password"} if act == "set_password" and said and said.wrong else {}
        return {**self.show(caller, whose=whose, **again), self.parts["said"]: line(said)}

    @needs_right("settings")
    def _add(self, request: gr.Request, *typed: object) -> Updates:
        """A new account; what was typed stays where it is to be mended."""
        caller, (name, role, password, whose) = caller_of(request), typed
        said: ActionResult = self.handlers.add(caller, name, role, password)
        emptied = {} if said.wrong else {self.parts[part]: "" for part in ("name", "password")}
        return {**self.show(caller, whose=whose), **emptied, self.parts["said_add"]: line(said)}

    @needs_right("settings")
    def _list(self, request: gr.Request, whose: object) -> str:
        return self._audit(caller_of(request), whose)

    @needs_right("settings")
    def _turn(self, request: gr.Request, event: Press, whose: object) -> str:
        return self._audit(caller_of(request), whose, edges.number(event.what))

    def _audit(self, caller: Caller, whose: object, first: int = 0) -> str:
        words = self.handlers.words
        try:
            return render_audit(self.handlers.list_audit(caller, whose, first), words)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            return notice(edges.sentence(error, words))


def _place_new_person(words: UiTexts) -> dict[str, Any]:
    """Where somebody is given an account."""
    hints = {"owner": words.role_owner_hint, "member": words.role_member_hint, "guest": words.role_guest_hint}
    roles = [(f"{name_role(role, words)} ({hints[role]})", role) for role in ROLES]
    parts: dict[str, Any] = {}
    with gr.Accordion(words.person_add, open=False):
        parts["name"] = gr.Textbox(
            label=words.person_name, max_lines=1, html_attributes=gr.InputHTMLAttributes(autocomplete="off")
        )
        parts["role"] = gr.Radio(roles, value="member", label=words.person_their_role)
        parts["password"] = gr.Textbox(
            label=words.person_first_password, info=words.password_hint, type="password", max_lines=1,
            html_attributes=gr.InputHTMLAttributes(autocomplete="new-password"),
        )  # fmt: skip
        parts["add"] = gr.Button(words.person_add_do, variant="primary", size="sm")
        parts["said_add"] = piece(listens="", visible=False)
    return parts
