"""Changes to code in the Code tab: what the model does step by step, the diff, its checks, and the buttons.

A wish that is typed into the question box comes here where a larger model is chosen; a timer shows how it stands, so
the box stays free meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from deepseek_mm import Caller, CodeEdit, EditCheck, EditStep, Services, asks_for_change, strip_mark
from ui import edges
from ui.gateway.events import QUIET, Press, Updates, caller_of, needs_right
from ui.html import button, copier, hint, notice, piece, progress
from ui.words import UiTexts

LOOK_S = 1.0  # between two looks while the model is at work
MOST_EARLIER = 10  # that are listed
KINDS = (("+++", "head"), ("---", "head"), ("@@", "hunk"), ("+", "added"), ("-", "gone"))  # of a diff's lines
STATES = ("running", "proposed", "nothing", "failed", "stopped", "applied", "undone")  # as the words name them
TOOLS = ("search", "read", "grep", "run_tests", "apply_patch", "unknown", "says")
CHECKS, VERDICTS = ("applies", "parses", "lints", "tests", "place"), ("good", "bad", "not checked")
IN_TURN: dict[str, Any] = {**QUIET, "concurrency_limit": 1, "concurrency_id": "edits"}  # no look undoes a later press


@dataclass(frozen=True, kw_only=True)
class CodeEditsPart:
    """The piece of the Code tab, and its events."""

    services: Services
    words: UiTexts
    html: gr.HTML
    timer: gr.Timer
    shown: gr.State  # id of the change that is shown; "" is none

    @classmethod
    def place(cls, services: Services, words: UiTexts) -> "CodeEditsPart":
        """Put it on the page that is being built."""
        html, timer = (
            piece(listens="acts edits", elem_classes="code-edits", visible=False),
            gr.Timer(LOOK_S, active=False),
        )
        return cls(services=services, words=words, html=html, timer=timer, shown=gr.State(""))

    @property
    def parts(self) -> list[Any]:
        """Every component that changes."""
        return [self.html, self.timer, self.shown]

    def join(self, tab: gr.Tab, kept: gr.Textbox) -> None:
        """Connect the components."""
        held = [self.shown, kept]
        self.html.click(self._press, held, self.parts, **IN_TURN)
        self.timer.tick(self._look, held, self.parts, **IN_TURN)
        tab.select(self._look, held, self.parts, **IN_TURN)

    def is_wish(self, caller: Caller, text: str) -> bool:
        """Whether what was typed is to be worked on here; without a larger model it is a question like any other,
        unless it says itself that it is a wish, which is refused then.
        """
        is_marked = strip_mark(text) != text.strip()
        return is_marked or (asks_for_change(text) and not self.services.edits.explain_refusal(caller))

    def tell_lack(self, caller: Caller, text: str) -> Updates:
        """That a larger model could do what was wished for; nothing where none was, or one is chosen."""
        why = self.services.edits.explain_refusal(caller) if asks_for_change(text) else ""
        return {self.html: gr.HTML(hint(self.words.say(why)), visible=True)} if why else {}

    def begin(self, caller: Caller, text: str, kept: object, page: str) -> Updates:
        """Have a wish worked on."""
        try:
            owner = edges.owner(caller, kept, self.words)
            run = self.services.edits.start(owner, strip_mark(text), page=page)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            return self.show(caller, "", kept, trouble=edges.sentence(error, self.words))
        return self.show(caller, run.token, kept)

    @needs_right("ask")
    def _look(self, request: gr.Request, shown: str, kept: object) -> Updates:
        """How it stands, when the tab opens and while the model is at work."""
        return self.show(caller_of(request), shown, kept)

    @needs_right("ask", {"edit_apply": "run", "edit_undo": "run"})
    def _press(self, request: gr.Request, event: Press, shown: str, kept: object) -> Updates:
        """A button; what it says comes from the browser, and may be anything."""
        return self.press(caller_of(request), event.act, event.what, shown, kept)

    def press(self, caller: Caller, act: str, token: str, shown: str, kept: object) -> Updates:
        """What a button does."""
        edits = self.services.edits
        deeds = {"edit_apply": edits.apply_edit, "edit_undo": edits.undo_edit, "edit_stop": edits.stop_edit}
        try:
            if act in deeds:
                deeds[act](edges.owner(caller, kept, self.words), token)
            shown = {"edit_close": "", "edit_open": token}.get(act, shown)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            return self.show(caller, shown, kept, trouble=edges.sentence(error, self.words))
        return self.show(caller, shown, kept)

    def show(self, caller: Caller, shown: str, kept: object, *, trouble: str = "") -> Updates:
        """Updates for a change as it stands, and those before it."""
        edit, all_of_them = None, list[CodeEdit]()
        try:
            owner = edges.owner(caller, kept, self.words)
            all_of_them = self.services.edits.list_edits(owner)
            if any(each.id == shown for each in all_of_them):
                edit = self.services.edits.find_edit(owner, shown)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            trouble = trouble or edges.sentence(error, self.words)
        html = render_edit(edit, self.words) if edit else self._render_hint(caller)
        html = notice(trouble) + html + render_earlier([each for each in all_of_them if each.id != shown], self.words)
        is_running = edit is not None and not edit.is_ended
        return {
            self.html: gr.HTML(html, visible=bool(html)),
            self.timer: gr.Timer(active=is_running),
            self.shown: edit.id if edit else "",
        }

    def _render_hint(self, caller: Caller) -> str:
        """That a larger model can be told to change code; nothing where none is chosen."""
        if self.services.edits.explain_refusal(caller):
            return ""
        return hint(self.words.edits_hint.format(model=self.services.edits.assistant.lm.name))


def render_edit(edit: CodeEdit, words: UiTexts) -> str:
    """The wish, how it stands, the steps, the diff, the checks and the buttons."""
    state = tell_state(edit, words)
    by = words.edits_by.format(model=edit.model)
    message = notice(words.say(edit.message)) if edit.message else ""
    working = "" if edit.is_ended else progress(words.edits_working)
    said = f'<p class="say">{escape(edit.text)}</p>' if edit.text and edit.is_ended else ""
    return (
        f'<section class="edit" data-id="{escape(edit.id)}" aria-label="{escape(words.edits_title)}">'
        f"<h3>{escape(edit.request)}</h3>"
        f'<p class="hint" role="status"><b>{escape(state)}</b>, {escape(by)}</p>{working}{message}{said}'
        f"{render_diff(edit.diff, words)}{render_checks(edit.checks, words)}"
        f'<div class="acts">{"".join(list_buttons(edit, words))}</div>{render_steps(edit, words)}</section>'
    )


def list_buttons(edit: CodeEdit, words: UiTexts) -> list[str]:
    """What can be done with it as it stands."""
    if not edit.is_ended:
        return [button("edit_stop", edit.id, words.edits_stop)]
    first = {
        "proposed": [button("edit_apply", edit.id, words.edits_apply, look="small foremost")],
        "applied": [button("edit_undo", edit.id, words.edits_undo, look="small foremost")],
    }.get(edit.state, [])
    copy = [copier(edit.diff, words.copy, words.copied)] if edit.diff else []
    rest = [button("edit_close", edit.id, words.edits_close), button("edit_stop", edit.id, words.edits_forget)]
    return [*first, *copy, *rest]


def render_steps(edit: CodeEdit, words: UiTexts) -> str:
    """What the model did, in order; open while it is at work."""
    if not edit.steps:
        return ""
    rows = "".join(render_step(each, words) for each in edit.steps)
    title = words.edits_steps.format(count=len(edit.steps))
    is_open = "" if edit.is_ended else " open"
    return f"<details{is_open}><summary>{escape(title)}</summary><ol>{rows}</ol></details>"


def render_step(step: EditStep, words: UiTexts) -> str:
    """One step, with what it was told behind a press."""
    refused = f' <b class="bad">{escape(words.edits_refused)}</b>' if step.refused else ""
    about = f" <code>{escape(step.about)}</code>" if step.about else ""
    said = words.say(step.said.removeprefix("refused: ")) if step.refused else step.said
    head = f"{escape(words.edits_tools[TOOLS.index(step.tool)])}{about}{refused}"
    return f"<li><details><summary>{head}</summary><pre>{escape(said)}</pre></details></li>"


def render_checks(checks: Sequence[EditCheck], words: UiTexts) -> str:
    """What each check found, in words: colour never stands alone."""
    if not checks:
        return ""
    rows = "".join(render_check(each, words) for each in checks)
    return f'<h4>{escape(words.edits_checks)}</h4><dl class="facts">{rows}</dl>'


def render_check(check: EditCheck, words: UiTexts) -> str:
    """One row."""
    name, verdict = words.edits_names[CHECKS.index(check.name)], words.edits_verdicts[VERDICTS.index(check.verdict)]
    look = "bad" if check.verdict == "bad" else ""
    told = escape(words.say(check.words))
    return f'<dt>{escape(name)}: <b class="{look}">{escape(verdict)}</b></dt><dd>{told}</dd>'


def render_diff(diff: str, words: UiTexts) -> str:
    """The lines of a unified diff, each marked by its first letter and a colour."""
    if not diff:
        return ""
    rows = "".join(f'<span class="{kind_of(line)}">{escape(line)}\n</span>' for line in diff.rstrip("\n").split("\n"))
    return f'<pre class="listing diff" tabindex="0" aria-label="{escape(words.edits_diff)}"><code>{rows}</code></pre>'


def kind_of(line: str) -> str:
    """What a line of a diff is."""
    return next((kind for begin, kind in KINDS if line.startswith(begin)), "same")


def render_earlier(edits: Sequence[CodeEdit], words: UiTexts) -> str:
    """Those that are kept, newest first."""
    if not edits:
        return ""
    rows = "".join(render_earlier_one(each, words) for each in edits[:MOST_EARLIER])
    title = words.edits_earlier.format(count=len(edits))
    return f"<details><summary>{escape(title)}</summary><ul>{rows}</ul></details>"


def render_earlier_one(edit: CodeEdit, words: UiTexts) -> str:
    """One line, and a button that shows it."""
    show = button("edit_open", edit.id, words.edits_open, label=f"{words.edits_open}: {edit.request[:80]}")
    state = escape(tell_state(edit, words))
    return f'<li>{show} {escape(edit.request[:120])} <span class="hint">{state}</span></li>'


def tell_state(edit: CodeEdit, words: UiTexts) -> str:
    """How it stands."""
    return words.edits_states[STATES.index(edit.state)]
