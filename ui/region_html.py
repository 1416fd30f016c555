"""Regions as HTML: names and reasons, photos with boxes over them, and tiles of a grid.

Values and HTML only, no Gradio. What a file says about itself (names, text, labels) is escaped where it becomes HTML.

A box stands over its photo in per cent of the sides, so it fits at any size. Everything from outside is escaped.

Which ones are chosen is known to the browser alone: it says so with each press in the bar below them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from textwrap import dedent

from deepseek_mm import Citation
from index import Box, Label, Region, Source
from index.region import UPLOADS, WRITTEN, as_clock, at_lines
from ui.html import button
from ui.photos.photo_groups import render_badge
from ui.pictures import LARGE_PX, THUMB_PX, TINY_PX, PagePictures, ink, shares
from ui.videos import video_address
from ui.words import UiTexts

QUOTED = 40  # letters of a text in a caption
PASSAGE = 4000  # letters of a text that is shown
LABELS = 4  # of a region, best first


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidenceItem:
    """One numbered region that is shown."""

    citation: Citation
    caption: str
    twins: tuple[Region, ...] = ()  # near duplicates that it stands for


def exhibit(citation: Citation, words: UiTexts) -> EvidenceItem:
    """What an answer cites."""
    return EvidenceItem(citation=citation, caption=caption(citation, words))


def caption(citation: Citation, words: UiTexts) -> str:
    """What stands under a thumbnail: "[1] dog - beach.jpg", or "[2] "Total due" - bill.pdf, page 2"."""
    what = _what(citation.region, words)
    return f"[{citation.number}] {what + ' - ' if what else ''}{name_region(citation.region, words)}"


def name_region(region: Region, words: UiTexts) -> str:
    """The file, and where in it: "bill.pdf, page 2", of code as editors write it: "app.py:3-9"."""
    if region.kind == "code" and region.lines[0]:
        return at_lines(region.source.name, region.lines)
    return ", ".join([region.source.name, *filter(None, name_place(region, words))])


def name_place(region: Region, words: UiTexts) -> list[str]:
    """Where in its file: a page, a slide, a chapter, lines; whose mail, or what is attached to it."""
    symbol, first, last = region.symbol, *region.lines
    pages = {"page": words.on_page, "slide": words.on_slide, "chapter": words.on_chapter, "sheet": words.on_sheet}
    page = pages[region.page_name].format(page=region.page) if region.page else ""
    page = words.at_time.format(time=as_clock(region.at_ms)) if region.at_ms else page
    if symbol is not None and symbol.kind in ("mail", "attachment"):
        return [symbol.signature] if symbol.kind == "mail" else [symbol.signature, symbol.name, page]
    if symbol is not None and symbol.kind in ("chapter", "sheet"):
        return [symbol.signature]
    return [page or (words.on_lines.format(first=first, last=last) if first else "")]


def evidence(each: EvidenceItem, words: UiTexts) -> str:
    """One line of what speaks for it: "score 0.31 - kite 93 %, sky 40 % - red, blue"; 0 and 1 are no scores."""
    region = each.citation.region
    score = words.score.format(score=each.citation.score) if 0 < abs(each.citation.score) < 1 else ""
    labels = words.join(sure(label, words) for label in region.labels[:LABELS])
    parts = [score, labels, words.join(map(words.name, region.colours))]
    return " - ".join(filter(None, parts))


def sure(label: Label, words: UiTexts) -> str:
    """A label and how sure it is: "kite 93 %"."""
    return f"{words.name(label.name)} {label.score:.0%}".replace("%", " %")


def passage(each: EvidenceItem, words: UiTexts, marked: Callable[[str], str] = escape) -> str:
    """HTML: what is written there; `marked` makes the text HTML: it may mark words that were looked for."""
    region = each.citation.region
    if not region.text:
        return ""
    text = region.text[:PASSAGE] + (" ..." if len(region.text) > PASSAGE else "")
    machine = f'<p class="hint">{escape(words.description_machine)}</p>' if region.machine_made else ""
    name = escape(words.written)
    return f'<pre class="passage" dir="auto" tabindex="0" aria-label="{name}">{marked(text)}</pre>{machine}'


def find_file_time(source: Source) -> datetime | None:
    """When its file was last changed, in this machine's time; None if that is not known."""
    return datetime.fromtimestamp(source.modified_ns / 1e9) if source.modified_ns else None


def chosen(shown: Sequence[object], what: object) -> int | None:
    """The index that a press on an exhibit sent, if it is one."""
    text = str(what)
    index = int(text) if text.isdecimal() and len(text) < 9 else -1
    return index if 0 <= index < len(shown) else None


def _what(region: Region, words: UiTexts) -> str:
    if region.kind == "code" and region.symbol:
        return region.symbol.path
    if region.kind in WRITTEN and region.text:
        text = " ".join(region.text.split())
        return f'"{text[:QUOTED].rstrip()}{"..." if len(text) > QUOTED else ""}"'
    return words.name(region.label) or (words.whole if region.kind == "whole" else "")


AROUND = 0.35  # of a box's size, kept around it where only the part of the photo is shown
EXCERPT = 220  # letters of a text on a card
WHOLE = 0.98  # a box that covers more of the sides than this says nothing: it is not drawn


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """One box over a photo."""

    number: int
    box_px: Box
    strong: bool = True  # False is a thin line: it is there, but not what was asked for
    name: str = ""  # in the place of the number, of a box that nothing cites
    switch: int = -1  # by which the viewer shows and hides it; -1 is always shown
    shown: bool = True


def shot(
    pictures: PagePictures,
    region: Region,
    marks: Sequence[Mark],
    words: UiTexts,
    *,
    large: bool = False,
    over: str = "",
) -> str:
    """The photo or page with its boxes, and HTML `over` it; or a card with the text, where there is no picture."""
    away = f'<span class="away">{escape(words.offline)}</span>' if pictures.is_offline(region.source) else ""
    look = "shot offline" if away else "shot"
    if not region.is_drawn:
        return card(region, away)
    size = sides_of(pictures, region)
    address = pictures.address(region.source, region.view, px=LARGE_PX if large else THUMB_PX)
    sides = f' width="{size[0]}" height="{size[1]}"' if all(size) else ""
    length = as_clock(region.source.duration_ms) if region.source.is_video else ""
    said = (
        words.name(region.label),
        name_region(region, words),
        words.video_play.format(time=length) if length else "",
    )
    name = escape(", ".join(filter(None, said)))
    over += f'<span class="clip-length" aria-hidden="true">\u25b6 {length}</span>' if length else ""
    boxes = "".join(box(mark, size) for mark in marks)
    lazy, room = ("", room_of(size)) if large else (' loading="lazy"', "")
    photo = f'<img src="{address}" alt="{name}"{sides}{lazy} decoding="async">'
    return f'<span class="{look}"{room}>{photo}{over}{boxes}{away}</span>'


def player(pictures: PagePictures, region: Region, words: UiTexts) -> str:
    """The video itself, which begins where the region was found; until it plays its picture is seen."""
    source, size = region.source, sides_of(pictures, region)
    start = f"#t={region.at_ms / 1000:.3f}" if region.at_ms else ""
    name = escape(name_region(region, words))
    poster = pictures.address(source, region.view, px=LARGE_PX)
    return (
        f'<span class="shot clip"{room_of(size)}><video controls playsinline preload="metadata" poster="{poster}" '
        f'src="{video_address(pictures, source)}{start}" aria-label="{name}"></video></span>'
        f'<p class="hint unplayable" role="status" hidden>{escape(words.video_unplayable)}</p>'
    )


def room_of(size: tuple[int, int]) -> str:
    """The sides of the large picture as a style attribute: its place is kept before it has come."""
    if not all(size):
        return ""
    scale = min(1.0, LARGE_PX / max(size))
    return f' style="--wide:{max(1, round(size[0] * scale))};--high:{max(1, round(size[1] * scale))}"'


def sides_of(pictures: PagePictures, region: Region) -> tuple[int, int]:
    """Width and height of the photo or page; one that is a region of its own is not opened for that."""
    left, top, *sides = region.box_px
    if region.kind in ("whole", "page") and (left, top) == (0, 0) and all(sides):
        return sides[0], sides[1]
    return pictures.size(region.source, region.view)


def box(mark: Mark, size: tuple[int, int]) -> str:
    """One box in per cent of a picture's sides; nothing where it covers all of it, or none."""
    part = shares(mark.box_px, size)
    if part is None or (part[2] - part[0] > WHOLE and part[3] - part[1] > WHOLE):
        return ""
    left, top, right, bottom = (100 * share for share in part)
    place = f"left:{left:.2f}%;top:{top:.2f}%;width:{right - left:.2f}%;height:{bottom - top:.2f}%"
    look = "box" if mark.strong else "box faint"
    number = "" if mark.name else f' data-number="{mark.number}"'
    switch = f' data-box="{mark.switch}"{"" if mark.shown else " hidden"}' if mark.switch >= 0 else ""
    return (
        f'<span class="{look}"{number}{switch} style="{place};--ink:{ink(mark.number)}" aria-hidden="true">'
        f"<b>{escape(mark.name) or mark.number}</b></span>"
    )


def crop(pictures: PagePictures, citation: Citation) -> str:
    """A tiny picture of the region and a little around it, for the text of an answer; a sign where there is none."""
    region = citation.region
    if not region.is_drawn:
        return '<i class="leaf" aria-hidden="true"></i>'
    left, top, right, bottom = region.box_px
    wide, high = round((right - left) * AROUND), round((bottom - top) * AROUND)
    around = (left - wide, top - high, right + wide, bottom + high)
    return f'<img src="{pictures.address(region.source, region.view, px=TINY_PX, box=around)}" alt="" loading="lazy">'


def card(region: Region, away: str = "") -> str:
    """The beginning of a text on a sheet, and below it what says that its file is offline."""
    text = dedent(region.text) if region.kind == "code" else region.text
    text = text[:EXCERPT] + (" ..." if len(text) > EXCERPT else "")
    look = "shot sheet offline" if away else "shot sheet"
    return f'<span class="{look}" dir="auto">{escape(text)}{away}</span>'


def marks_of(citations: Sequence[Citation], chosen: int) -> list[Mark]:
    """Boxes for the chosen citation's photo or page: its own, and thin ones for the others there."""
    here = citations[chosen].region
    return [
        Mark(number=each.number, box_px=each.region.box_px, strong=n == chosen)
        for n, each in enumerate(citations)
        if (each.region.source.path, each.region.view) == (here.source.path, here.view)
    ]


NARROWEST, WIDEST, SHEET = 0.62, 2.4, 1.1  # width over height of a tile; a text's


@dataclass(frozen=True, kw_only=True, slots=True)
class Tile:
    """One of them."""

    index: int  # where it stands; a press opens it by this
    region: Region
    name: str  # of the whole tile, for ears
    caption: str
    why: str  # one quiet line below
    number: int = 0  # by which it is chosen; 0 cannot be
    marks: tuple[Mark, ...] = ()
    badge: str = ""  # what else belongs to it


def tile(each: Tile, pictures: PagePictures, words: UiTexts) -> str:
    """A photo or a card that opens, a box to choose it, its caption and a quiet line."""
    region, said = each.region, [each.name, *([each.badge] if each.badge else [])]
    said += [words.offline] if pictures.is_offline(each.region.source) else []
    photo = shot(pictures, region, each.marks, words, over=render_badge(each.badge))
    name = escape(words.join(said))
    return (
        f'<li style="--ratio:{ratio(region, pictures):.3f}" data-path="{escape(region.source.path)}">'
        f'<button type="button" class="look" data-act="open" data-what="{each.index}" aria-label="{name}" '
        f'tabindex="{-1 if each.index else 0}">{photo}</button>'
        f'{_pick(each, words)}<p class="caption">{escape(each.caption)}</p>'
        f'<p class="hint why">{escape(each.why)}</p></li>'
    )


def _pick(each: Tile, words: UiTexts) -> str:
    """The box that chooses it, where it can be chosen."""
    name = escape(words.select.format(name=each.name))
    box = f'<input type="checkbox" class="pick" tabindex="-1" data-number="{each.number}" aria-label="{name}">'
    return box if each.number else ""


def ratio(region: Region, pictures: PagePictures) -> float:
    """Width over height of its tile."""
    width, height = sides_of(pictures, region) if region.is_drawn else (0, 0)
    return min(WIDEST, max(NARROWEST, width / height)) if width and height else SHEET


def bar(words: UiTexts, *pieces: str) -> str:
    """Count, "ask about these" and further pieces; hidden until something is chosen, the script fills the count in."""
    ask, over = escape(words.ask_selected), escape(words.ask_at_most.format(most=MOST))
    return (
        f'<div class="picked" role="group" aria-label="{escape(words.selection)}" hidden>'
        f'<span class="count" role="status" data-text="{escape(words.selected)}"></span>'
        f'<button type="button" class="small" data-act="ask" data-most="{MOST}" data-text="{ask}" '
        f'data-over="{over}">{ask}</button>{"".join(pieces)}{button("none", "", words.unselect)}</div>'
    )


MOST = 8  # pictures of one question


def is_brought(region: Region) -> bool:
    """Whether it is a picture that came with a search, and nothing that is stored."""
    return region.source.collection == UPLOADS and not region.id
