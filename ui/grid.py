"""Results as a grid of photos and cards that fits the window."""

from collections.abc import Sequence
from html import escape

from ui.exhibits import Exhibit
from ui.marks import Mark, shot
from ui.pictures import Pictures
from ui.words import Words


def grid(shown: Sequence[Exhibit], pictures: Pictures, words: Words, *, dim: bool = False) -> str:
    """All of them, paler if `dim`."""
    items = "".join(_item(n, each, pictures, words) for n, each in enumerate(shown))
    return f'<ul class="grid{" dim" if dim else ""}">{items}</ul>' if items else ""


def _item(index: int, each: Exhibit, pictures: Pictures, words: Words) -> str:
    citation = each.citation
    photo = shot(pictures, citation.region, [Mark(number=citation.number, box_px=citation.region.box_px)], words)
    title, *reasons = each.caption.splitlines()
    lines = "".join(f'<p class="hint">{escape(line)}</p>' for line in reasons)
    return (
        f'<li><button type="button" class="look" data-act="open" data-what="{index}" aria-label="{escape(title)}">'
        f'{photo}</button><p class="caption">{escape(title)}</p>{lines}</li>'
    )
