"""As what a question was understood, in plain words, and a small form that says what was meant instead."""

import json
from dataclasses import replace
from html import escape
from typing import get_args

from deepseek_mm import Act, ActKind, ActScope, Answer, Request
from ui import edges
from ui.html import button, hint
from ui.words import UiTexts

KINDS, SCOPES = get_args(ActKind), get_args(ActScope)
FORMS = {"find": "list", "count": "number"}  # of the answer to a kind, where somebody chose that kind; else a sentence
LEFT_OUT = ""  # the kind of a part that nobody asked for
MOST_CHARS = 200  # of a subject


def render_understanding(answer: Answer, words: UiTexts) -> str:
    """A line for each act, and the form; empty where nobody noted it."""
    request = answer.request
    if request is None:
        return ""
    lines = "".join(hint(tell_act(act, request, words)) for act in request.acts)
    parts = "".join(_fields(act, words, lonely=len(request.acts) == 1) for act in request.acts)
    form = f'<div data-fields class="meant">{parts}{button("mean", answer.turn, words.meant_ask)}</div>'
    editor = f"<details><summary>{escape(words.meant)}</summary>{hint(words.meant_hint)}{form}</details>"
    return lines + (editor if answer.turn else "")


def tell_act(act: Act, request: Request, words: UiTexts) -> str:
    """One line: what is done, where, and about what; how likely that is right, where a model understood it."""
    named = {"kind": getattr(words, f"act_{act.kind}"), "scope": getattr(words, f"scope_{act.scope}")}
    subject = act.subject or act.text
    if request.by == "person":
        return words.understood_by_person.format(**named, subject=subject)
    if request.by == "rules":
        return words.understood_by_rules.format(**named, subject=subject)
    return words.understood.format(**named, subject=subject, percent=100 * act.chance)


def read_meant(request: Request, sent: str, words: UiTexts) -> Request:
    """What the form says, as a Request of a person's. BadMeaning for what the form cannot say, or for nothing."""
    rows = read_rows(sent)
    if len(rows) != len(request.acts):
        raise edges.BadMeaning(words.gone)
    acts = [correct_act(act, *row) for act, row in zip(request.acts, rows, strict=True) if row[0] != LEFT_OUT]
    if not acts:
        raise edges.BadMeaning(words.meant_none)
    return replace(request, acts=tuple(acts), chance=1.0, by="person")


def read_rows(sent: str) -> list[tuple[str, str, str]]:
    """Kind, scope and subject of each part; none where that was not sent by the form."""
    try:
        told = json.loads(sent)
    except ValueError:
        return []
    if not isinstance(told, list) or len(told) % 3 or not all(isinstance(each, str) for each in told):
        return []
    rows = list(zip(told[::3], told[1::3], told[2::3], strict=True))
    return rows if all(kind in (*KINDS, LEFT_OUT) and scope in SCOPES for kind, scope, _ in rows) else []


def correct_act(act: Act, kind: str, scope: str, subject: str) -> Act:
    """The act with these; what went with another kind or scope is let go of."""
    chosen = {"kind": kind, "scope": scope, "subject": " ".join(subject.split())[:MOST_CHARS]}
    chosen |= {} if kind == act.kind else {"form": FORMS.get(kind, "sentence"), "attribute": ""}
    chosen |= {} if scope == act.scope else {"reference": ""}
    return replace(act, **chosen, chance=1.0)  # type: ignore[arg-type]  # kind and scope are known ones


def _fields(act: Act, words: UiTexts, *, lonely: bool) -> str:
    """Two lists and a field; a part that is not the only one can be left out."""
    kinds = {kind: getattr(words, f"act_{kind}") for kind in KINDS} | ({} if lonely else {LEFT_OUT: words.meant_left})
    scopes = {scope: getattr(words, f"scope_{scope}") for scope in SCOPES}
    return (
        f"<fieldset><legend>{escape(act.text)}</legend>{_choice(words.meant_kind, kinds, act.kind)}"
        f"{_choice(words.meant_scope, scopes, act.scope)}"
        f'<label><span class="hint">{escape(words.meant_subject)}</span><input type="text" maxlength="{MOST_CHARS}" '
        f'value="{escape(act.subject)}"></label></fieldset>'
    )


def _choice(name: str, named: dict[str, str], chosen: str) -> str:
    options = "".join(
        f'<option value="{value}"{" selected" if value == chosen else ""}>{escape(text)}</option>'
        for value, text in named.items()
    )
    return f'<label><span class="hint">{escape(name)}</span><select>{options}</select></label>'
