"""Results as a grid of photos in rows of one height, more of it at its end, and a bar for those that are chosen."""

from collections.abc import Sequence
from html import escape

from ui.exhibits import EvidenceItem, name_region, sure
from ui.html import button, copier
from ui.marks import Mark
from ui.pictures import PagePictures
from ui.results import SORTED, Results
from ui.tiles import Tile, bar, tile
from ui.words import Words


def grid(results: Results, pictures: PagePictures, words: Words) -> str:
    """All that is shown, paler if it is only the nearest; then more of it, or the end; then the bar."""
    shown = results.visible
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


def select_items(exhibits: Sequence[EvidenceItem], what: object) -> list[EvidenceItem]:
    """Those whose numbers the browser sent, "3,1,8", in the grid's order; what is no number of theirs is left out."""
    numbers = set(str(what).split(","))
    return [each for each in exhibits if str(each.citation.number) in numbers]


def _item(index: int, each: EvidenceItem, pictures: PagePictures, words: Words) -> str:
    region, number = each.citation.region, each.citation.number
    title, *reasons = each.caption.splitlines()
    label = sure(region.labels[0]) if region.labels else ""
    shown = Tile(
        index=index,
        number=number,
        region=region,
        name=title,
        caption=name_region(region, words),
        why=" · ".join(filter(None, (label, *reasons))),
        marks=(Mark(number=number, box_px=region.box_px),),
    )
    return tile(shown, pictures, words)


def _end(results: Results, num: int, words: Words) -> str:
    if not results.is_end:
        return button("more", num, words.results_more, look="small more")
    enough = len(results.exhibits) >= SORTED if results.order else not results.is_all
    text = words.results_enough if enough else words.results_all
    return f'<p class="hint">{escape(text.format(count=num))}</p>'


def _bar(words: Words) -> str:
    paths = copier("", words.copy_paths, words.copied_paths)
    return bar(words, button("export", "", words.export), paths, button("all", "", words.select_all))
