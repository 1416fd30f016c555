"""The Library tab: put files in, see how the work goes, look after what is there.

It places the components, and turns what its handlers (`shelving`) say and see into updates. While the tab is open a
timer looks at the library, every second as long as something runs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui import edges
from ui.ask import QUIET
from ui.html import heading, hint, notice
from ui.piece import piece
from ui.shelving import Look, Said, Shelving
from ui.words import Words

LISTS = ("running", "ended", "watched", "facts")  # parts that a Look fills; the first three have buttons
SOON_S, LATER_S = 1.0, 5.0  # between two looks: while something runs, and otherwise


@dataclass(frozen=True, kw_only=True)
class LibraryTab:
    """Where things are in the tab."""

    shelving: Shelving
    parts: dict[str, Any]  # components by name
    timer: gr.Timer
    seen: gr.State  # the last Look: only what has changed is sent
    top: gr.HTML  # of the page, which counts what is in the library
    head: Callable[[str], str]  # makes the HTML of it

    @classmethod
    def place(cls, shelving: Shelving, *, top: gr.HTML, head: Callable[[str], str]) -> "LibraryTab":
        """Put the tab on the page that is being built."""
        words = shelving.words
        parts: dict[str, Any] = {"said": piece(listens="", visible=False)}
        with gr.Row(elem_classes="halves"):
            with gr.Column(scale=1, min_width=300):
                parts |= _place_add(words)
            with gr.Column(scale=1, min_width=300):
                parts |= _place_state(words)
        with gr.Row(elem_classes="halves"):
            with gr.Column(scale=1, min_width=300):
                piece(heading(words.ended), listens="")
                parts["ended"] = piece(elem_classes="listing")
            with gr.Column(scale=1, min_width=300):
                parts |= _place_care(words)
        timer = gr.Timer(LATER_S, active=False)
        return cls(shelving=shelving, parts=parts, timer=timer, seen=gr.State(Look()), top=top, head=head)

    def join(self, tabs: gr.Tabs) -> None:
        """Connect the components with the handlers."""
        shelving, parts = self.shelving, self.parts
        self.timer.tick(self._look, self.seen, self._shown, **QUIET)
        tabs.select(self._turn, self.seen, self._shown, **QUIET)
        for name in LISTS[:3]:
            parts[name].click(self._listed, self.seen, [*self._shown, parts["said"]], **QUIET)
        self._press("path", shelving.add, "files", "path", "collection", event="submit")
        self._press("index", shelving.add, "files", "path", "collection")
        self._press("watch", shelving.watch, "path")
        self._press("verify", shelving.verify)
        self._press("repair", shelving.repair, "gone")
        self._press("take_out", shelving.take_out, "take_out_path")
        self._press("backup", shelving.backup, "backup_path")
        self._press("restore", shelving.restore, "restore_path")

    @property
    def _shown(self) -> list[Any]:
        """What a look may update."""
        return [self.timer, self.seen, self.top, *(self.parts[name] for name in LISTS)]

    def _press(self, button: str, act: Callable[..., Said], *inputs: str, event: str = "click") -> None:
        """Join a button: it acts on some fields, which are emptied if that went well."""
        fields = [name for name in inputs if name != "gone"]

        def pressed(seen: Look, *values: Any) -> dict[Any, Any]:
            said = act(*values)
            return self._answer(seen, said, fields)

        outputs = [*self._shown, self.parts["said"], *(self.parts[name] for name in inputs)]
        sources = [self.seen, *(self.parts[name] for name in inputs)]
        getattr(self.parts[button], event)(pressed, sources, outputs, **QUIET)

    def _answer(self, seen: Look, said: Said, fields: Sequence[str] = ()) -> dict[Any, Any]:
        """What was said, the fields emptied if it went well, and what has changed."""
        emptied: dict[Any, Any] = {} if said.wrong else {self.parts[name]: None for name in fields}
        return {**self._look(seen), **emptied, self.parts["said"]: _line(said)}

    def _listed(self, seen: Look, event: gr.EventData) -> dict[Any, Any]:
        """A button in one of the lists."""
        return self._answer(seen, self.shelving.act(getattr(event, "act", ""), getattr(event, "what", "")))

    def _turn(self, seen: Look, event: gr.SelectData) -> dict[Any, Any]:
        """Another tab was opened: look only while it is this one."""
        if event.value != self.shelving.words.library:
            return {self.timer: gr.Timer(active=False)}
        updates = self._look(seen)
        return {**updates, self.timer: gr.Timer(SOON_S if updates[self.seen].busy else LATER_S, active=True)}

    def _look(self, seen: Look) -> dict[Any, Any]:
        """Updates for what has changed since `seen`; a library that cannot be read is told, and looked at again."""
        try:
            now = self.shelving.look(seen)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            said = notice(edges.sentence(error, self.shelving.words))
            return {self.parts["running"]: said, self.seen: Look()}
        changed = [name for name in LISTS if getattr(now, name) != getattr(seen, name)]
        updates: dict[Any, Any] = {self.parts[name]: getattr(now, name) for name in changed}
        if now.head != seen.head:
            updates[self.top] = self.head(now.head)
        if now.busy != seen.busy:
            updates[self.timer] = gr.Timer(SOON_S if now.busy else LATER_S, active=True)
        return {self.seen: now, **updates}


def _line(said: Said) -> Any:
    """What was said, as an alert or a quiet line."""
    return gr.HTML(notice(said.text) if said.wrong else hint(said.text), visible=True)


def _place_add(words: Words) -> dict[str, Any]:
    """Where files come in."""
    piece(heading(words.add), listens="")
    parts: dict[str, Any] = {
        "files": gr.File(label=words.add_files, file_count="multiple", height=140),
        "path": gr.Textbox(label=words.add_path, placeholder=words.folder_hint, max_lines=1),
        "collection": gr.Textbox(label=words.add_collection, placeholder=words.add_collection_hint, max_lines=1),
    }
    with gr.Row():
        parts["index"] = gr.Button(words.add_index, variant="primary", size="sm", min_width=120)
        parts["watch"] = gr.Button(words.add_watch, size="sm", min_width=120)
    piece(heading(words.watched), listens="")
    parts["watched"] = piece(elem_classes="listing")
    return parts


def _place_state(words: Words) -> dict[str, Any]:
    """What is being done, and what there is."""
    piece(heading(words.work), listens="")
    parts = {"running": piece(elem_classes="listing")}
    piece(heading(words.state), listens="")
    return parts | {"facts": piece(listens="")}


def _place_care(words: Words) -> dict[str, Any]:
    """What can be done to the library as a whole."""
    piece(heading(words.look_after), listens="")
    parts: dict[str, Any] = {}
    with gr.Accordion(words.care, open=False):
        parts["gone"] = gr.Checkbox(label=words.repair_gone)
        with gr.Row():
            parts["verify"] = gr.Button(words.verify, size="sm", min_width=120)
            parts["repair"] = gr.Button(words.repair, size="sm", min_width=120)
    with gr.Accordion(words.keep, open=False):
        for name, label, button in (
            ("backup", words.backup_path, words.backup),
            ("restore", words.restore_path, words.restore),
        ):
            parts[f"{name}_path"] = gr.Textbox(label=label, max_lines=1)
            parts[name] = gr.Button(button, size="sm")
    with gr.Accordion(words.take_out, open=False):
        parts["take_out_path"] = gr.Textbox(label=words.take_out_path, max_lines=1)
        parts["take_out"] = gr.Button(words.take_out, size="sm")
    return parts
