"""One's own account in the Settings tab: places the components, and turns what its handlers say into updates."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from deepseek_mm import Caller
from ui import edges
from ui.accounts.account_handlers import AccountHandlers
from ui.accounts.account_html import AccountView, render_keys, render_logins, render_me, rights_in_words
from ui.edges import ActionResult
from ui.gateway.events import QUIET, Press, Updates, caller_of, needs_right
from ui.html import line, notice, piece
from ui.words import UiTexts

OFFERED = ("ask", "page")  # rights that a new key begins with


@dataclass(frozen=True, kw_only=True)
class AccountPart:
    """Components of the part and their events."""

    handlers: AccountHandlers
    parts: dict[str, Any]  # components by name

    @classmethod
    def place(cls, handlers: AccountHandlers) -> "AccountPart":
        """Put the part on the page that is being built."""
        words = handlers.words
        parts: dict[str, Any] = {"me": piece(listens="", visible=False)}
        with gr.Column(visible=False, elem_classes="account-part") as parts["own"], gr.Row(elem_classes="halves"):
            with gr.Column(scale=1, min_width=300):
                parts["logins"] = piece()
                parts["said"] = piece(listens="", visible=False)
                parts |= _place_password(words)
            with gr.Column(scale=1, min_width=300):
                parts["keys"] = piece()
                parts["said_key"] = piece(listens="", visible=False)
                parts |= _place_new_key(words)
        return cls(handlers=handlers, parts=parts)

    def join(self, tab: gr.Tab, others: Any) -> None:
        """Connect the components with the handlers; `others` is what only those see who may change settings."""
        parts, everything = self.parts, [*self.parts.values(), others]

        @needs_right("ask")
        def show(request: gr.Request) -> Updates:
            caller = caller_of(request)
            hidden = {others: gr.Column(visible="settings" in caller.rights), self.parts["made"]: line(None)}
            return {**self.show(caller), **hidden}

        tab.select(show, None, everything, **QUIET)
        for name in ("logins", "keys"):
            parts[name].click(self._press, None, everything, trigger_mode="multiple", **QUIET)
        passwords = [parts["current"], parts["new"]]
        gr.on([parts["change"].click, parts["new"].submit], self._change, passwords, everything, **QUIET)
        new_key = [parts["key_name"], parts["key_rights"], parts["key_days"]]
        parts["make"].click(self._make_key, new_key, everything, **QUIET)

    def show(self, caller: Caller) -> Updates:
        """Updates for a part that shows everything as it stands."""
        words, parts = self.handlers.words, self.parts
        try:
            view = self.handlers.look(caller)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            return {parts["me"]: gr.HTML(notice(edges.sentence(error, words)), visible=True)}
        is_alone = caller.local and not view.me.user
        me = render_me(view, words, may_settings="settings" in caller.rights)
        shown = {parts["me"]: gr.HTML(me, visible=not is_alone), parts["own"]: gr.Column(visible=bool(view.me.user))}
        return {**shown, **self._render(view)}

    def _render(self, view: AccountView) -> Updates:
        words, parts = self.handlers.words, self.parts
        names = rights_in_words(words)
        choices = [(names[right], right) for right in view.me.rights]
        return {
            parts["logins"]: render_logins(view, words),
            parts["keys"]: render_keys(view.keys, words),
            parts["key_rights"]: gr.CheckboxGroup(choices=choices, value=[each for each in OFFERED if each in names]),
        }

    @needs_right("ask")
    def _press(self, request: gr.Request, event: Press) -> Updates:
        """A button of a login or a key."""
        caller = caller_of(request)
        said = self.handlers.press(caller, event.act, event.what)
        where = "said_key" if event.act == "remove_key" else "said"
        return {**self.show(caller), **self._say(where, said)}

    @needs_right("ask")
    def _change(self, request: gr.Request, current: object, new: object) -> Updates:
        """Another password; what was typed stays only where it is to be mended."""
        caller = caller_of(request)
        said = self.handlers.change_password(caller, current, new)
        emptied = {} if said.wrong else {self.parts[name]: "" for name in ("current", "new")}
        return {**self.show(caller), **emptied, **self._say("said_password", said)}

    @needs_right("ask")
    def _make_key(self, request: gr.Request, name: object, rights: Any, days: object) -> Updates:
        """A key that is shown once."""
        caller = caller_of(request)
        wrong, made = self.handlers.make_key(caller, name, rights or (), days)
        shown = {} if wrong else {**self.show(caller), self.parts["key_name"]: ""}
        secret = gr.HTML(made, visible=bool(made))
        return {**shown, **self._say("said_key", wrong), self.parts["made"]: secret}

    def _say(self, where: str, said: ActionResult | None) -> Updates:
        """What was said, in its place alone."""
        places = {self.parts[name]: line(None) for name in ("said", "said_key", "said_password")}
        return {**places, self.parts[where]: line(said)}


def _place_password(words: UiTexts) -> dict[str, Any]:
    """Where one's password is changed."""
    parts: dict[str, Any] = {}
    with gr.Accordion(words.password_title, open=False):
        parts["current"] = gr.Textbox(
            label=words.password_current,
            type="password",
            max_lines=1,
            html_attributes=gr.InputHTMLAttributes(autocomplete="current-password"),
        )
        parts["new"] = gr.Textbox(
            label=words.password_new, info=words.password_hint, type="password", max_lines=1,
            html_attributes=gr.InputHTMLAttributes(autocomplete="new-password"),
        )  # fmt: skip
        parts["change"] = gr.Button(words.password_save, variant="primary", size="sm")
        parts["said_password"] = piece(listens="", visible=False)
    return parts


def _place_new_key(words: UiTexts) -> dict[str, Any]:
    """Where a key is made and shown once."""
    days = [(words.key_month, "30"), (words.key_quarter, "90"), (words.key_year, "365"), (words.key_never, "0")]
    parts: dict[str, Any] = {}
    parts["made"] = piece(listens="", visible=False)
    with gr.Accordion(words.key_new, open=False):
        parts["key_name"] = gr.Textbox(
            label=words.key_name, max_lines=1, html_attributes=gr.InputHTMLAttributes(autocomplete="off")
        )
        rights = [(name, right) for right, name in rights_in_words(words).items()]
        parts["key_rights"] = gr.CheckboxGroup(rights, value=list(OFFERED), label=words.key_rights)
        parts["key_days"] = gr.Radio(days, value="90", label=words.key_until)
        parts["make"] = gr.Button(words.key_new, variant="primary", size="sm")
    return parts
