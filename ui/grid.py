"""Results as a grid of photos in rows of one height, and a bar for those that are chosen.

Which ones are chosen is known to the browser alone (scripts/grid.js): it says so with each press in the bar.
"""

from collections.abc import Sequence
from html import escape

from index import Region
from ui.exhibits import Exhibit, is_drawn, named
from ui.html import button, copier
from ui.marks import Mark, shot, sides_of
from ui.pictures import Pictures
from ui.results import SORTED, Results
from ui.taking import MOST
from ui.words import Words

NARROWEST, WIDEST, SHEET = 0.62, 2.4, 1.1  # width over height of a tile; a text's


def grid(results: Results, pictures: Pictures, words: Words) -> str:
    """All that is shown, paler if it is only the nearest; then more of it, or the end; then the bar."""
    shown = results.shown
    if not shown:
        return ""
    items = "".join(_item(n, each, pictures, words) for n, each in enumerate(shown))
    return (
        f'<p class="hint keys" id="grid-keys">{escape(words.results_keys)}</p>'
        f'<ul class="grid{"" if results.certain else " dim"}" data-search="{results.token}" '
        f'aria-label="{escape(words.results)}" aria-describedby="grid-keys">{items}</ul>'
        f'<div class="end">{_end(results, len(shown), words)}</div>{_bar(words)}'
    )


def idle(words: Words, *, empty: bool) -> str:
    """What stands in the grid's place before the first search: examples that one click tries."""
    if empty:
        return ""
    offers = "".join(button("try", n, text, look="offer") for n, text in enumerate(words.search_examples))
    return f'<div class="offers">{offers}</div>'


def picked(exhibits: Sequence[Exhibit], what: object) -> list[Exhibit]:
    """Those whose numbers the browser sent, "3,1,8", in the grid's order; what is no number of theirs is left out."""
    numbers = set(str(what).split(","))
    return [each for each in exhibits if str(each.citation.number) in numbers]


def _item(index: int, each: Exhibit, pictures: Pictures, words: Words) -> str:
    region, number = each.citation.region, each.citation.number
    photo = shot(pictures, region, [Mark(number=number, box_px=region.box_px)], words)
    title, *reasons = each.caption.splitlines()
    label = f"{region.labels[0].name} {region.labels[0].score:.0%}".replace("%", " %") if region.labels else ""
    why = " · ".join(filter(None, (label, *reasons)))
    name = words.select.format(name=title)
    return (
        f'<li style="--ratio:{ratio(region, pictures):.3f}" data-path="{escape(region.source.path)}">'
        f'<button type="button" class="look" data-act="open" data-what="{index}" aria-label="{escape(title)}" '
        f'tabindex="{-1 if index else 0}">{photo}</button>'
        f'<input type="checkbox" class="pick" tabindex="-1" data-number="{number}" aria-label="{escape(name)}">'
        f'<p class="caption">{escape(named(region, words))}</p><p class="hint why">{escape(why)}</p></li>'
    )


def ratio(region: Region, pictures: Pictures) -> float:
    """Width over height of its tile."""
    width, height = sides_of(pictures, region) if is_drawn(region) else (0, 0)
    return min(WIDEST, max(NARROWEST, width / height)) if width and height else SHEET


def _end(results: Results, num: int, words: Words) -> str:
    if not results.is_end:
        return button("more", num, words.results_more, look="small more")
    enough = len(results.exhibits) >= SORTED if results.order else not results.is_all
    text = words.results_enough if enough else words.results_all
    return f'<p class="hint">{escape(text.format(count=num))}</p>'


def _bar(words: Words) -> str:
    """Hidden until something is chosen; the script fills the count in."""
    ask, over = escape(words.ask_selected), escape(words.ask_at_most.format(most=MOST))
    return (
        f'<div class="picked" role="group" aria-label="{escape(words.selection)}" hidden>'
        f'<span class="count" role="status" data-text="{escape(words.selected)}"></span>'
        f'<button type="button" class="small" data-act="ask" data-most="{MOST}" data-text="{ask}" '
        f'data-over="{over}">{ask}</button>'
        f"{button('export', '', words.export)}{copier('', words.copy_paths, words.copied_paths)}"
        f"{button('all', '', words.select_all)}{button('none', '', words.unselect)}</div>"
    )
