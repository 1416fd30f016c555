"""What bounds a search, shown and set: a chip for each part of the box, and controls that write operators into it.

The box alone says what is searched. A control writes its operator there and is set by what stands there, so no two
places can say different things. A press on a chip takes its part out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from deepseek_mm import SearchFilter, search_parts, search_with, search_without
from ui.gateway.events import Updates
from ui.html import button, piece
from ui.words import ENGLISH, UiTexts

AWAY, EXACT, COLOUR = "away", "exact", "colour"  # parts by their names
TYPED = ("after", "before", "path")  # controls that count when Enter is pressed
WRITTEN = {"is": ("photo",), "kind": ("text",)}  # operators of "text in pictures"
IS = {
    "photos": "photo",
    "videos": "video",
    "documents": "document",
    "code": "code",
}  # a choice of the page -> behind is:


@dataclass(frozen=True, kw_only=True)
class SearchControls:
    """Where the chips and the controls are."""

    words: UiTexts
    chips: gr.HTML
    colours: gr.HTML
    fields: dict[str, Any]  # by the operator that each writes; "is" writes kind: as well
    clear: gr.Button
    shown: gr.State  # the parts of the box that chips and controls show

    @classmethod
    def place(cls, words: UiTexts) -> "SearchControls":
        """Put the chips, and below them the controls, on the page that is being built."""
        kinds = [
            (words.any, ""), (words.kind_photos, "photos"), (words.kind_videos, "videos"),
            (words.kind_documents, "documents"), (words.kind_code, "code"), (words.kind_written, "written"),
        ]  # fmt: skip
        chips = piece(chips_of("", words), elem_classes="parts-of-search")
        with gr.Accordion(words.filters, open=False, elem_classes="filters"):
            with gr.Row():
                fields: dict[str, Any] = {
                    "is": gr.Dropdown(kinds, value="", label=words.kind, min_width=150),
                    "label": _list(words.label, words),
                    "type": _list(words.format, words),
                    "in": _list(words.collection, words),
                }
            with gr.Row():
                fields |= {
                    "after": _line(words.since, words.date_hint),
                    "before": _line(words.before, words.date_hint),
                    "path": _line(words.path, words.path_hint),
                }
            colours = piece(swatches("", words), elem_classes="colours")
            clear = gr.Button(words.filters_clear, size="sm", elem_classes="unfilter")
        return cls(words=words, chips=chips, colours=colours, fields=fields, clear=clear, shown=gr.State(""))

    @property
    def parts(self) -> list[Any]:
        """Every component that `mirror` updates."""
        return [self.shown, self.chips, self.colours, *self.fields.values()]

    def mirror(self, text: str) -> Updates:
        """Updates that show what stands in the box."""
        shown = values_in(text)
        return {
            self.shown: key_of(text),
            self.chips: chips_of(text, self.words),
            self.colours: swatches(text, self.words),
            **{each: shown.get(name, "") for name, each in self.fields.items()},
        }

    def follow(self, text: str, before: str) -> Updates:
        """The same while somebody types, of what is not shown yet: in another control something may be half written."""
        if key_of(text) == before:
            return {self.shown: gr.skip()}
        now, shown = values_in(text), values_in(before)
        same = {each for name, each in self.fields.items() if now.get(name, "") == shown.get(name, "")}
        return {part: value for part, value in self.mirror(text).items() if part not in same}


def key_of(text: str) -> str:
    """The parts of a box, told from all others."""
    return " ".join(part.text for part in search_parts(text))


def write_operator(text: str, name: str, value: object) -> str:
    """The box after a control was set: to a choice, or to something typed; empty takes the operator out."""
    said = " ".join(str(value or "").replace('"', " ").split())
    if name != "is":
        return search_with(text, name, [said] if said else [])
    bare = search_with(search_with(text, "is", []), "kind", [])
    wanted = WRITTEN if said == "written" else {"is": (IS[said],)} if said in IS else {}
    for operator, values in wanted.items():
        bare = search_with(bare, operator, values)
    return bare


def apply_press(text: str, act: str, what: str) -> str:
    """The box after a press on a chip or a swatch; as it was after one that makes no sense."""
    if act == "drop":
        return search_without(text, what)
    if act == "colour" and what in ENGLISH.colours:
        shown = colours_in(text)
        wanted = [each for each in shown if each != what] if what in shown else [*shown, what]
        return search_with(text, COLOUR, wanted)
    return text


def bounds_in(text: str) -> str:
    """The operators of the box alone."""
    return " ".join(part.text for part in search_parts(text) if part.name not in (AWAY, EXACT))


def without_operators(text: str) -> str:
    """The box without its operators."""
    for part in search_parts(bounds_in(text)):
        text = search_without(text, part.text)
    return text


def values_in(text: str) -> dict[str, str]:
    """What the controls show, by operator; of several values the last one counts."""
    shown = {part.name: part.value for part in search_parts(text)}
    kinds = {part.value for part in search_parts(text) if part.name == "kind"}
    if shown.get("is") == "photo" and kinds == {"text"}:
        return shown | {"is": "written"}
    return shown | {"is": next((choice for choice, said in IS.items() if said == shown.get("is", "").rstrip("s")), "")}


def colours_in(text: str) -> list[str]:
    """Colours that the box asks for, each once."""
    return list(dict.fromkeys(part.value.lower() for part in search_parts(text) if part.name == COLOUR))


def box_of(text: str, filters: Mapping[str, str]) -> str:
    """A box for words and filters as they were saved before filters stood in the box. BadDate for a bad date."""
    old = SearchFilter.of(filters)
    where = old.where()
    text = write_operator(text, "is", old.kind) if where.source_kinds else text
    until = where.taken_before  # a filter has its last day, an operator the first one that is too late
    said = {"label": old.label, "type": old.format, "in": old.collection, "after": old.since, "path": old.folder}
    for name, value in (said | {"before": f"{until:%Y-%m-%d}" if until else ""}).items():
        text = write_operator(text, name, value) if value else text
    return text


def chips_of(text: str, words: UiTexts) -> str:
    """A button for each part of the box, which takes it out; nothing where there is none."""
    chips = "".join(f"<li>{_chip(part.name, part.value, part.text, words)}</li>" for part in search_parts(text))
    return f'<ul class="chips" aria-label="{escape(words.parts)}">{chips}</ul>' if chips else ""


def swatches(text: str, words: UiTexts) -> str:
    """A button for each colour, pressed where the box asks for it."""
    shown = colours_in(text)
    buttons = "".join(
        f'<button type="button" class="swatch" style="--ink:{name}" data-act="colour" data-what="{name}" '
        f'aria-pressed="{str(name in shown).lower()}" aria-label="{escape(said)}" title="{escape(said)}"></button>'
        for name, said in zip(ENGLISH.colours, words.colours, strict=True)
    )
    name = escape(words.colour)
    return f'<div class="swatches" role="group" aria-label="{name}"><span>{name}</span>{buttons}</div>'


def _chip(name: str, value: str, text: str, words: UiTexts) -> str:
    shown = words.part_away.format(what=value) if name == AWAY else text
    return button("drop", text, f"{shown} \u00d7", label=words.part_out.format(part=text), look="small chip")


def _list(name: str, words: UiTexts) -> gr.Dropdown:
    return gr.Dropdown([(words.any, "")], value="", label=name, allow_custom_value=True, min_width=150)


def _line(name: str, example: str) -> gr.Textbox:
    return gr.Textbox(label=name, placeholder=example, max_lines=1, min_width=150)
