"""The evidence board: numbered thumbnails, the photo, page or text behind each, why the answer says what it says.

What a thumbnail shows is made in `exhibits`; here the board is placed on the page, and filled.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from deepseek_mm import Answer, Check
from ui.exhibits import Exhibit, Picture, details, thumbs, whole
from ui.words import Words


def why(checks: Sequence[Check], words: Words) -> str:
    """A table of the answer's claims, what became of them, and why."""
    if not checks:
        return f"<p>{escape(words.why_none)}</p>"
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in (words.claim, words.verdict, words.reason))
    rows = "".join(_row(check, words) for check in checks)
    return f'<table class="why"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def foot(answer: Answer, words: Words) -> str:
    """One small line: how long it took, who phrased it, how sure it is."""
    line = [getattr(words, answer.state).format(seconds=answer.seconds)]
    if answer.model:
        line.append(words.phrased.format(model=answer.model))
    if answer.confidence is not None:
        line.append(words.sure.format(percent=100 * answer.confidence))
    return f'<p class="foot">{escape(" - ".join(line))}</p>'


def _row(check: Check, words: Words) -> str:
    verdict, style = (words.kept, "kept") if check.kept else (words.dropped, "dropped")
    cells = "".join(f"<td>{escape(text)}</td>" for text in (check.claim, verdict, check.reason))
    return f'<tr class="{style}">{cells}</tr>'


@dataclass(frozen=True, kw_only=True)
class Board:
    """A hint, what was chosen, and the gallery to choose from; `shown` keeps what the gallery shows."""

    picture: Picture
    words: Words
    hint: gr.HTML
    name: gr.HTML
    photo: gr.Image
    details: gr.HTML
    like: gr.Button  # "more like this"; whoever places the board joins it, or leaves it out
    gallery: gr.Gallery
    shown: gr.State
    chosen: gr.State  # the number of the exhibit that was chosen last, from 0
    offers_like: bool

    @classmethod
    def place(
        cls, picture: Picture, words: Words, *, title: str, idle: str, columns: int, offers_like: bool = False
    ) -> "Board":
        """Put the parts on the page that is being built, and join the click to what is behind a thumbnail."""
        board = cls(
            picture=picture,
            words=words,
            hint=gr.HTML(hint(idle), padding=False),
            name=gr.HTML(visible=False, padding=False),
            photo=gr.Image(
                label=words.photo, show_label=False, format="jpeg", interactive=False, visible=False,
                buttons=["fullscreen"], elem_classes="photo", height="auto",
            ),
            details=gr.HTML(visible=False, padding=False),
            like=gr.Button(words.more_like, size="sm", visible=False),
            gallery=gr.Gallery(
                label=title, show_label=False, columns=columns, object_fit="contain", format="jpeg", height="auto",
                allow_preview=False, interactive=False, buttons=[], visible=False, elem_classes="thumbs",
                fit_columns=False,
            ),
            shown=gr.State(()),
            chosen=gr.State(0),
            offers_like=offers_like,
        )  # fmt: skip
        outputs = [board.name, board.photo, board.details, board.like, board.chosen]
        board.gallery.select(
            board.choose, board.shown, outputs, api_visibility="private", show_progress="hidden", scroll_to_output=True
        )
        return board

    def choose(self, shown: Sequence[Exhibit], event: gr.SelectData) -> Any:
        """Show what is behind the thumbnail that was clicked."""
        if not 0 <= event.index < len(shown):
            return (gr.skip(),) * 5
        each = shown[event.index]
        name = " - ".join(each.caption.splitlines())
        image = whole(self.picture, [other.citation for other in shown], event.index, self.words)
        return (
            gr.HTML(hint(name), visible=True),
            gr.Image(image, alt_text=name, visible=image is not None),
            gr.HTML(details(each, self.words), visible=True),
            gr.Button(visible=self.offers_like),
            event.index,
        )

    def show(self, shown: Sequence[Exhibit], text: str, *, dim: bool = False) -> dict[Any, Any]:
        """Updates that put these on the board, paler if `dim`, and put away what was chosen before."""
        pictures = thumbs(self.picture, [each.citation for each in shown], self.words)
        items = [(image, each.caption) for image, each in zip(pictures, shown, strict=True)]
        look = ["thumbs", "dim"] if dim else ["thumbs"]
        return {
            self.hint: hint(text),
            self.name: gr.HTML(visible=False),
            self.photo: gr.Image(None, visible=False),
            self.details: gr.HTML(visible=False),
            self.like: gr.Button(visible=False),
            self.gallery: gr.Gallery(items, visible=bool(items), selected_index=None, elem_classes=look),
            self.shown: tuple(shown),
            self.chosen: 0,
        }

    @property
    def parts(self) -> list[Any]:
        """Every component that `show` updates."""
        return [
            self.hint, self.name, self.photo, self.details, self.like, self.gallery, self.shown, self.chosen
        ]  # fmt: skip


def hint(text: str) -> str:
    """A quiet line that is read out when it changes."""
    return f'<p class="hint" role="status">{escape(text)}</p>'
