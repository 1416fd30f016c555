"""What a board shows of a region: its picture with the box, or a card with its text; and what stands under it.

Values only, no Gradio. Whatever a file says about itself (names, text, labels) is escaped where it becomes HTML.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from PIL.Image import Image

from deepseek_mm import Citation, DeepSeekMMError
from index import Box, Region, Source
from ui.draw import Mark, blank, card, mark, thumb
from ui.words import Words

Picture = Callable[[Source, int], Image]  # Assistant.picture: upright, perhaps reduced; the number is a page, or 0
QUOTED = 40  # letters of a text in a caption
PASSAGE = 4000  # letters of a text that is shown
WRITTEN = ("text", "code")  # kinds of regions that are read, not looked at


@dataclass(frozen=True, kw_only=True, slots=True)
class Exhibit:
    """One numbered region on a board."""

    citation: Citation
    caption: str
    twins: tuple[Region, ...] = ()  # near duplicates that it stands for


def exhibit(citation: Citation, words: Words) -> Exhibit:
    """What an answer cites."""
    return Exhibit(citation=citation, caption=caption(citation, words))


def caption(citation: Citation, words: Words) -> str:
    """What stands under a thumbnail: "[1] dog - beach.jpg", or "[2] "Total due" - bill.pdf, page 2"."""
    what = _what(citation.region, words)
    return f"[{citation.number}] {what + ' - ' if what else ''}{named(citation.region, words)}"


def named(region: Region, words: Words) -> str:
    """The file, and where in it: "bill.pdf, page 2"."""
    place = ""
    if region.page:
        place = ", " + words.on_page.format(page=region.page)
    elif region.lines[0]:
        place = ", " + words.on_lines.format(first=region.lines[0], last=region.lines[1])
    return region.source.name + place


def is_drawn(region: Region) -> bool:
    """Whether the region lies in a picture; the others are text without one."""
    return region.kind not in WRITTEN or region.page > 0 or region.source.kind == "photo"


def thumbs(picture: Picture, citations: Sequence[Citation], words: Words) -> list[Image]:
    """One small picture per citation, in order; a quiet plate where the file is gone."""
    return [_thumb(picture, citation, words) for citation in citations]


def whole(picture: Picture, citations: Sequence[Citation], chosen: int, words: Words) -> Image | None:
    """The photo or page behind citation `chosen`, with its box, and thin boxes for the others there.

    None where there is nothing but text.
    """
    region = citations[chosen].region
    if not is_drawn(region):
        return None
    try:
        image = picture(region.source, region.page)
    except (DeepSeekMMError, OSError):  # moved, deleted or damaged since it was indexed
        return blank(words.file_gone)
    marks = [
        _mark(c, image, strong=n == chosen)
        for n, c in enumerate(citations)
        if (c.region.source.path, c.region.page) == (region.source.path, region.page)
    ]
    return mark(image, marks)


def fitted(region: Region, image: Image) -> Box:
    """The region's box in pixels of `image`. A page's box is so already; a photo may have been reduced on the way."""
    source = region.source
    if region.page:
        return region.box_px
    across, down = image.width / (source.width_px or image.width), image.height / (source.height_px or image.height)
    left, top, right, bottom = region.box_px
    return round(left * across), round(top * down), round(right * across), round(bottom * down)


def details(each: Exhibit, words: Words) -> str:
    """HTML: what is written there, what should be known of the file, and which others are much like it."""
    region = each.citation.region
    parts = []
    if region.text:
        text = region.text[:PASSAGE] + (" ..." if len(region.text) > PASSAGE else "")
        parts.append(f'<pre class="passage" tabindex="0" aria-label="{escape(words.written)}">{escape(text)}</pre>')
    if region.source.note:
        parts.append(f'<p class="hint">{escape(region.source.note)}</p>')
    parts.append(f'<p class="hint path">{escape(region.source.path)}</p>')
    if each.twins:
        rows = "".join(f"<li>{escape(twin.source.path)}</li>" for twin in each.twins)
        parts.append(f'<p class="hint">{escape(words.alike)}:</p><ul class="twins">{rows}</ul>')
    return "".join(parts)


def _what(region: Region, words: Words) -> str:
    if region.kind in WRITTEN and region.text:
        text = " ".join(region.text.split())
        return f'"{text[:QUOTED].rstrip()}{"..." if len(text) > QUOTED else ""}"'
    return region.label or (words.whole if region.kind == "whole" else "")


def _thumb(picture: Picture, citation: Citation, words: Words) -> Image:
    region = citation.region
    if not is_drawn(region):
        return card(region.text, citation.number)
    try:
        image = picture(region.source, region.page)
    except (DeepSeekMMError, OSError):  # as above
        return blank(words.file_gone)
    return thumb(image, _mark(citation, image))


def _mark(citation: Citation, image: Image, *, strong: bool = True) -> Mark:
    region = citation.region
    box = fitted(region, image)
    return Mark(number=citation.number, box_px=box, strong=strong, beside=region.kind in WRITTEN)
