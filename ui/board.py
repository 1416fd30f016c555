"""The evidence board: numbered thumbnails, the photo behind each, why the answer says what it says.

The upper half makes values (pictures, captions, escaped HTML) and knows no Gradio; the lower half places them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr
from PIL.Image import Image

from deepseek_mm import Answer, Check, Citation, DeepSeekMMError
from index import Box, Source
from ui.draw import Mark, blank, mark, thumb
from ui.words import Words

Picture = Callable[[Source], Image]  # Assistant.picture: upright, perhaps reduced


def caption(citation: Citation, words: Words) -> str:
    """What stands under a thumbnail: "[1] dog - beach.jpg"."""
    region = citation.region
    what = region.label or (words.whole if region.kind == "whole" else "")
    return f"[{citation.number}] {what + ' - ' if what else ''}{region.source.name}"


def scored(citation: Citation, words: Words) -> str:
    """A caption with how well it matched: "[1] dog - beach.jpg - 0.31"."""
    return f"{caption(citation, words)} - {citation.score:.2f}"


def thumbs(picture: Picture, citations: Sequence[Citation], words: Words) -> list[Image]:
    """One small picture per citation, in order; a quiet plate where the photo is gone."""
    return [_thumb(picture, citation, words) for citation in citations]


def whole(picture: Picture, citations: Sequence[Citation], chosen: int, words: Words) -> Image:
    """The photo behind citation `chosen`, with its box, and with thin boxes for the photo's other citations."""
    source = citations[chosen].region.source
    try:
        image = picture(source)
    except (DeepSeekMMError, OSError):  # moved, deleted or damaged since it was indexed
        return blank(words.photo_gone)
    marks = [
        Mark(number=c.number, box_px=fitted(c.region.box_px, source, image), strong=n == chosen)
        for n, c in enumerate(citations)
        if c.region.source.path == source.path
    ]
    return mark(image, marks)


def fitted(box: Box, source: Source, image: Image) -> Box:
    """A box in pixels of the original, in those of `image`, which may have been reduced."""
    across, down = image.width / (source.width_px or image.width), image.height / (source.height_px or image.height)
    left, top, right, bottom = box
    return round(left * across), round(top * down), round(right * across), round(bottom * down)


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


def _thumb(picture: Picture, citation: Citation, words: Words) -> Image:
    region = citation.region
    try:
        image = picture(region.source)
    except (DeepSeekMMError, OSError):  # as above
        return blank(words.photo_gone)
    return thumb(image, Mark(number=citation.number, box_px=fitted(region.box_px, region.source, image)))


def _row(check: Check, words: Words) -> str:
    verdict, style = (words.kept, "kept") if check.kept else (words.dropped, "dropped")
    cells = "".join(f"<td>{escape(text)}</td>" for text in (check.claim, verdict, check.reason))
    return f'<tr class="{style}">{cells}</tr>'


@dataclass(frozen=True, kw_only=True)
class Board:
    """A hint, the photo that was chosen, and the gallery to choose from; `cited` keeps what the gallery shows."""

    picture: Picture
    words: Words
    hint: gr.HTML
    name: gr.HTML
    photo: gr.Image
    gallery: gr.Gallery
    cited: gr.State

    @classmethod
    def place(cls, picture: Picture, words: Words, *, title: str, idle: str, columns: int) -> "Board":
        """Put the parts on the page that is being built, and join the click to the large photo."""
        board = cls(
            picture=picture,
            words=words,
            hint=gr.HTML(hint(idle), padding=False),
            name=gr.HTML(visible=False, padding=False),
            photo=gr.Image(
                label=words.photo, show_label=False, format="jpeg", interactive=False, visible=False,
                buttons=["fullscreen"], elem_classes="photo", height="auto",
            ),
            gallery=gr.Gallery(
                label=title, show_label=False, columns=columns, object_fit="contain", format="jpeg", height="auto",
                allow_preview=False, interactive=False, buttons=[], visible=False, elem_classes="thumbs",
                fit_columns=False,
            ),
            cited=gr.State(()),
        )  # fmt: skip
        outputs = [board.name, board.photo]
        board.gallery.select(
            board.choose, board.cited, outputs, api_visibility="private", show_progress="hidden", scroll_to_output=True
        )
        return board

    def choose(self, citations: Sequence[Citation], event: gr.SelectData) -> Any:
        """Show the photo behind the thumbnail that was clicked."""
        if not 0 <= event.index < len(citations):
            return gr.skip(), gr.skip()
        name = caption(citations[event.index], self.words)
        shown = whole(self.picture, citations, event.index, self.words)
        return gr.HTML(hint(name), visible=True), gr.Image(shown, alt_text=name, visible=True)

    def show(self, citations: Sequence[Citation], text: str, *, scores: bool = False) -> dict[Any, Any]:
        """Updates that put these citations on the board and put the large photo away."""
        name = scored if scores else caption
        pictures = thumbs(self.picture, citations, self.words)
        items = [(image, name(c, self.words)) for image, c in zip(pictures, citations, strict=True)]
        return {
            self.hint: hint(text),
            self.name: gr.HTML(visible=False),
            self.photo: gr.Image(None, visible=False),
            self.gallery: gr.Gallery(items, visible=bool(items), selected_index=None),
            self.cited: tuple(citations),
        }

    @property
    def parts(self) -> list[Any]:
        """Every component that `show` updates."""
        return [self.hint, self.name, self.photo, self.gallery, self.cited]


def hint(text: str) -> str:
    """A quiet line that is read out when it changes."""
    return f'<p class="hint" role="status">{escape(text)}</p>'
