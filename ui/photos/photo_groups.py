"""Photos that belong together as HTML: a badge on the one that stands for them, and a way to each of the others.

Values and HTML only, no Gradio. Names of files are escaped here.
"""

from collections.abc import Iterable, Sequence
from html import escape

from index import Source
from index.companions import tell_kinds
from ui.html import button
from ui.pictures import PagePictures
from ui.words import UiTexts


def read_badges(sources: Iterable[Source], pictures: PagePictures, words: UiTexts) -> dict[int, str]:
    """Id -> what a badge says of a photo; only of those that others belong to."""
    here = {source.id: source for source in sources if source.kind == "photo" and source.id}
    beside = pictures.companions(list(here)) if here else {}
    badges = {each: describe_group([here[each], *others], words) for each, others in beside.items()}
    return {each: badge for each, badge in badges.items() if badge}


def describe_group(members: Sequence[Source], words: UiTexts) -> str:
    """What they are together: "Live", "RAW", "Burst of 5", or several of these."""
    kinds = tell_kinds(members)
    parts = [words.group_live] if kinds.is_live else []
    parts += [words.group_raw] if kinds.has_raw else []
    parts += [words.group_burst.format(count=kinds.shots)] if kinds.shots else []
    return " \u00b7 ".join(parts)


def render_badge(badge: str) -> str:
    """In a corner of the picture; the name of the tile says it too."""
    return f'<span class="group-badge" aria-hidden="true">{escape(badge)}</span>' if badge else ""


def render_companions(source: Source, others: Sequence[Source], words: UiTexts) -> str:
    """The files that belong to the one in view, each of which a press opens."""
    if not others:
        return ""
    said = describe_group([source, *others], words)
    items = "".join(f"<li>{button('companion', each.id, each.name)}</li>" for each in others)
    name = " \u00b7 ".join(filter(None, (words.group_members, said)))
    return f'<h3>{escape(name)}</h3><ul class="companions">{items}</ul>'
