"""Tiles of a grid that is used by mouse, touch and keys (scripts/grid.js): results of a search, files of the library.

Which ones are chosen is known to the browser alone: it says so with each press in the bar below them.
"""

from dataclasses import dataclass
from html import escape

from index import Region
from ui.exhibits import is_drawn
from ui.html import button
from ui.marks import Mark, shot, sides_of
from ui.pictures import PagePictures
from ui.taking import MOST
from ui.words import Words

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


def tile(each: Tile, pictures: PagePictures, words: Words) -> str:
    """A photo or a card that opens, a box to choose it, its caption and a quiet line."""
    region, name = each.region, escape(each.name)
    return (
        f'<li style="--ratio:{ratio(region, pictures):.3f}" data-path="{escape(region.source.path)}">'
        f'<button type="button" class="look" data-act="open" data-what="{each.index}" aria-label="{name}" '
        f'tabindex="{-1 if each.index else 0}">{shot(pictures, region, each.marks, words)}</button>'
        f'{_pick(each, words)}<p class="caption">{escape(each.caption)}</p>'
        f'<p class="hint why">{escape(each.why)}</p></li>'
    )


def _pick(each: Tile, words: Words) -> str:
    """The box that chooses it, where it can be chosen."""
    name = escape(words.select.format(name=each.name))
    box = f'<input type="checkbox" class="pick" tabindex="-1" data-number="{each.number}" aria-label="{name}">'
    return box if each.number else ""


def ratio(region: Region, pictures: PagePictures) -> float:
    """Width over height of its tile."""
    width, height = sides_of(pictures, region) if is_drawn(region) else (0, 0)
    return min(WIDEST, max(NARROWEST, width / height)) if width and height else SHEET


def bar(words: Words, *pieces: str) -> str:
    """Count, "ask about these" and further pieces; hidden until something is chosen, the script fills the count in."""
    ask, over = escape(words.ask_selected), escape(words.ask_at_most.format(most=MOST))
    return (
        f'<div class="picked" role="group" aria-label="{escape(words.selection)}" hidden>'
        f'<span class="count" role="status" data-text="{escape(words.selected)}"></span>'
        f'<button type="button" class="small" data-act="ask" data-most="{MOST}" data-text="{ask}" '
        f'data-over="{over}">{ask}</button>{"".join(pieces)}{button("none", "", words.unselect)}</div>'
    )
