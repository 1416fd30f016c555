"""The Search tab: words, a picture or both in; a grid of regions out, best first, each with its score and box."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from deepseek_mm import Assistant, Citation, Query
from index import EVERYTHING, Hit
from ui import edges
from ui.asking import Entry
from ui.board import Board
from ui.words import Words

RESULTS = 12  # regions in the grid


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What the tab shall show."""

    hits: tuple[Citation, ...] = ()  # numbered from 1, best first
    said: str = ""  # one line above the grid
    notice: str = ""


@dataclass(frozen=True, kw_only=True)
class Searching:
    """What happens when a search is sent."""

    assistant: Assistant
    words: Words

    def search(self, entry: Entry | None) -> Found:
        """The regions nearest to what is in the box. An error becomes a sentence."""
        try:
            text, path = edges.split_entry(entry)
            if not text and path is None:
                return Found(said=self.words.results_idle, notice=self.words.search_empty)
            image = edges.read_upload(path, max_pixels=self.assistant.config.parse.max_pixels) if path else None
            hits = self.assistant.search(Query(text=text, image=image), k=RESULTS, where=EVERYTHING)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            return Found(said=self.words.results_idle, notice=edges.sentence(error, self.words))
        return Found(hits=numbered(hits), said=self._count(len(hits)))

    def _count(self, count: int) -> str:
        texts = {0: self.words.results_none, 1: self.words.results_one}
        return texts.get(count, self.words.results_many.format(count=count))


def numbered(hits: list[Hit]) -> tuple[Citation, ...]:
    """Hits as the board takes them."""
    return tuple(Citation(number=n, region=hit.region, score=hit.score) for n, hit in enumerate(hits, start=1))


def place_search(searching: Searching) -> None:
    """Put the tab on the page that is being built."""
    words = searching.words
    box = gr.MultimodalTextbox(
        label=words.search_label, show_label=False, placeholder=words.search_hint, file_types=["image"],
        sources=["upload"], max_plain_text_length=1_000_000, elem_classes="box",
    )  # fmt: skip
    notice = gr.HTML(visible=False, padding=False)
    board = Board.place(searching.assistant.picture, words, title=words.results, idle=words.results_idle, columns=4)

    def search(entry: Entry) -> dict[Any, Any]:
        found = searching.search(entry)
        return {
            **board.show(found.hits, found.said, scores=True),
            notice: gr.HTML(edges.notice(found.notice), visible=bool(found.notice)),
        }

    box.submit(search, box, [notice, *board.parts], api_visibility="private", concurrency_limit=4)
