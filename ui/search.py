"""The Search tab: words, a picture or both in; photos, pages and texts out, best first, each with its reasons.

It places the components and joins them with the handlers of `searching`.
"""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui import grid
from ui.ask import QUIET
from ui.asking import Entry
from ui.exhibits import Exhibit
from ui.filters import wish_of
from ui.html import hint, notice
from ui.pictures import Pictures
from ui.piece import piece
from ui.searching import Results, Searching
from ui.viewer import Viewer
from ui.words import Words


@dataclass(frozen=True, kw_only=True)
class SearchTab:
    """Where things are in the tab."""

    searching: Searching
    pictures: Pictures
    viewer: Viewer
    box: gr.MultimodalTextbox
    filters: dict[str, Any]  # by the fields of a Wish
    notice: gr.HTML
    said: gr.HTML
    grid: gr.HTML
    shown: gr.State  # the exhibits in the grid

    @classmethod
    def place(cls, searching: Searching, pictures: Pictures, viewer: Viewer) -> "SearchTab":
        """Put the tab on the page that is being built."""
        words = searching.words
        box = gr.MultimodalTextbox(
            label=words.search_label, show_label=False, placeholder=words.search_hint, file_types=["image"],
            sources=["upload"], max_plain_text_length=1_000_000, elem_classes=["box", "search-box"],
        )  # fmt: skip
        with gr.Accordion(words.filters, open=False):
            filters = _place_filters(words)
        tab = cls(
            searching=searching,
            pictures=pictures,
            viewer=viewer,
            box=box,
            filters=filters,
            notice=piece(listens="", visible=False),
            said=piece(hint(words.results_idle), listens=""),
            grid=piece(elem_classes="results"),
            shown=gr.State(()),
        )
        tab._join()
        return tab

    def render(self, results: Results) -> dict[Any, Any]:
        """Results as updates of components."""
        return {
            self.said: hint(results.said),
            self.grid: grid.grid(results.shown, self.pictures, self.searching.words, dim=not results.certain),
            self.shown: results.shown,
            self.notice: gr.HTML(notice(results.notice), visible=bool(results.notice)),
        }

    def clear(self) -> dict[Any, Any]:
        """Updates for a tab as it was at first."""
        return self.render(Results(said=self.searching.words.results_idle))

    def like(self, each: Exhibit) -> dict[Any, Any]:
        """Updates that show more like this one."""
        return self.render(self.searching.like(each, wish_of(*[""] * len(self.filters))))

    @property
    def parts(self) -> list[Any]:
        """Every component that `render` may update."""
        return [self.notice, self.said, self.grid, self.shown]

    def offer(self, tab: gr.Tab) -> None:
        """Fill the lists of labels, file types and collections whenever the tab is opened."""

        def offered() -> list[Any]:
            return [gr.Dropdown(choices) for choices in self.searching.choices()]

        tab.select(offered, None, [self.filters[name] for name in ("label", "format", "collection")], **QUIET)

    def _join(self) -> None:
        """Connect the components with the handlers."""
        filters = list(self.filters.values())

        def search(entry: Entry, *values: str | None) -> dict[Any, Any]:
            return self.render(self.searching.search(entry, wish_of(*values)))

        def again(entry: Entry, *values: str | None) -> dict[Any, Any]:
            empty = not entry or not (entry["text"].strip() or entry["files"])
            return {self.notice: gr.skip()} if empty else search(entry, *values)

        def pressed(shown: tuple[Exhibit, ...], event: gr.EventData) -> dict[Any, Any]:
            return self.viewer.open(shown, getattr(event, "what", ""))

        joined: dict[str, Any] = {"outputs": self.parts, "api_visibility": "private", "concurrency_limit": 4}
        self.box.submit(search, [self.box, *filters], **joined)
        self.grid.click(pressed, self.shown, self.viewer.parts, **QUIET)
        for name, each in self.filters.items():
            changed = each.submit if name in ("since", "until", "folder") else each.input
            changed(again, [self.box, *filters], **joined)


def _place_filters(words: Words) -> dict[str, Any]:
    """One component for each field of a Wish, in the same order."""
    kinds = [
        (words.any, ""), (words.kind_photos, "photos"), (words.kind_documents, "documents"),
        (words.kind_code, "code"), (words.kind_written, "written"),
    ]  # fmt: skip
    any_one = [(words.any, "")]
    with gr.Row():
        first = {
            "kind": gr.Dropdown(kinds, value="", label=words.kind, min_width=150),
            "label": gr.Dropdown(any_one, value="", label=words.label, allow_custom_value=True, min_width=150),
            "format": gr.Dropdown(any_one, value="", label=words.format, allow_custom_value=True, min_width=150),
            "collection": gr.Dropdown(
                any_one, value="", label=words.collection, allow_custom_value=True, min_width=150
            ),
        }
    with gr.Row():
        return first | {
            "since": gr.Textbox(label=words.since, placeholder=words.date_hint, max_lines=1, min_width=150),
            "until": gr.Textbox(label=words.until, placeholder=words.date_hint, max_lines=1, min_width=150),
            "folder": gr.Textbox(label=words.folder, placeholder=words.folder_hint, max_lines=1, min_width=150),
        }
