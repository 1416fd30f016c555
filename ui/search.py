"""The Search tab: words, a picture or both in; photos, pages and texts out, best first, each with its reasons.

It places the components and joins them with the handlers of `searching`.
"""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui import edges
from ui.ask import QUIET
from ui.asking import Entry
from ui.board import Board
from ui.exhibits import Exhibit
from ui.filters import wish_of
from ui.searching import Results, Searching
from ui.words import Words


@dataclass(frozen=True, kw_only=True)
class SearchTab:
    """Where things are in the tab."""

    searching: Searching
    box: gr.MultimodalTextbox
    filters: dict[str, Any]  # by the fields of a Wish
    notice: gr.HTML
    board: Board

    @classmethod
    def place(cls, searching: Searching) -> "SearchTab":
        """Put the tab on the page that is being built."""
        words = searching.words
        box = gr.MultimodalTextbox(
            label=words.search_label, show_label=False, placeholder=words.search_hint, file_types=["image"],
            sources=["upload"], max_plain_text_length=1_000_000, elem_classes="box",
        )  # fmt: skip
        with gr.Accordion(words.filters, open=False):
            filters = _place_filters(words)
        notice = gr.HTML(visible=False, padding=False)
        board = Board.place(
            searching.assistant.picture, words, title=words.results, idle=words.results_idle, columns=4,
            offers_like=True,
        )  # fmt: skip
        tab = cls(searching=searching, box=box, filters=filters, notice=notice, board=board)
        tab._join()
        return tab

    def render(self, results: Results) -> dict[Any, Any]:
        """Results as updates of components."""
        return {
            **self.board.show(results.shown, results.said, dim=not results.certain),
            self.notice: gr.HTML(edges.notice(results.notice), visible=bool(results.notice)),
        }

    def clear(self) -> dict[Any, Any]:
        """Updates for a tab as it was at first."""
        return self.render(Results(said=self.searching.words.results_idle))

    @property
    def parts(self) -> list[Any]:
        """Every component that `render` may update."""
        return [self.notice, *self.board.parts]

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
            empty = edges.split_entry(entry) == ("", None)
            return {self.notice: gr.skip()} if empty else search(entry, *values)

        def like(shown: tuple[Exhibit, ...], chosen: int, *values: str | None) -> dict[Any, Any]:
            if not 0 <= chosen < len(shown):
                return {self.notice: gr.skip()}
            return self.render(self.searching.like(shown[chosen], wish_of(*values)))

        joined: dict[str, Any] = {"outputs": self.parts, "api_visibility": "private", "concurrency_limit": 4}
        self.box.submit(search, [self.box, *filters], **joined)
        self.board.like.click(like, [self.board.shown, self.board.chosen, *filters], **joined)
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
