"""What stands beside and under a region wherever it is shown: its name, its place, its reasons, the text read there.

Values and HTML only, no Gradio. What a file says about itself (names, text, labels) is escaped where it becomes HTML.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from deepseek_mm import Citation
from index import Label, Region
from index.region import at_lines
from ui.words import Words

QUOTED = 40  # letters of a text in a caption
PASSAGE = 4000  # letters of a text that is shown
WRITTEN = ("text", "code")  # kinds of regions that are read, not looked at
LABELS = 4  # of a region, best first


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidenceItem:
    """One numbered region that is shown."""

    citation: Citation
    caption: str
    twins: tuple[Region, ...] = ()  # near duplicates that it stands for


def exhibit(citation: Citation, words: Words) -> EvidenceItem:
    """What an answer cites."""
    return EvidenceItem(citation=citation, caption=caption(citation, words))


def caption(citation: Citation, words: Words) -> str:
    """What stands under a thumbnail: "[1] dog - beach.jpg", or "[2] "Total due" - bill.pdf, page 2"."""
    what = _what(citation.region, words)
    return f"[{citation.number}] {what + ' - ' if what else ''}{name_region(citation.region, words)}"


def name_region(region: Region, words: Words) -> str:
    """The file, and where in it: "bill.pdf, page 2", of code as editors write it: "app.py:3-9"."""
    if region.kind == "code" and region.lines[0]:
        return at_lines(region.source.name, region.lines)
    place = ""
    if region.page:
        place = ", " + words.on_page.format(page=region.page)
    elif region.lines[0]:
        place = ", " + words.on_lines.format(first=region.lines[0], last=region.lines[1])
    return region.source.name + place


def is_drawn(region: Region) -> bool:
    """Whether the region lies in a picture; the others are text without one."""
    return region.kind not in WRITTEN or region.page > 0 or region.source.kind == "photo"


def evidence(each: EvidenceItem, words: Words) -> str:
    """One line of what speaks for it: "score 0.31 - kite 93 %, sky 40 % - red, blue"; 0 and 1 are no scores."""
    region = each.citation.region
    score = words.score.format(score=each.citation.score) if 0 < abs(each.citation.score) < 1 else ""
    labels = ", ".join(map(sure, region.labels[:LABELS]))
    parts = [score, labels, ", ".join(region.colours)]
    return " - ".join(filter(None, parts))


def sure(label: Label) -> str:
    """A label and how sure it is: "kite 93 %"."""
    return f"{label.name} {label.score:.0%}".replace("%", " %")


def details(each: EvidenceItem, words: Words, marked: Callable[[str], str] = escape, *, listed: str = "") -> str:
    """HTML: what is written there, what should be known of the file, and which others are much like it.

    `marked` makes the text HTML: it may mark words that were looked for. `listed`: what is shown in its place.
    """
    region = each.citation.region
    parts = [listed]
    if region.text and not listed:
        text = region.text[:PASSAGE] + (" ..." if len(region.text) > PASSAGE else "")
        parts.append(
            f'<pre class="passage" dir="auto" tabindex="0" aria-label="{escape(words.written)}">{marked(text)}</pre>'
        )
    if region.source.note:
        parts.append(f'<p class="hint">{escape(region.source.note)}</p>')
    parts.append(f'<p class="hint path">{escape(region.source.path)}</p>')
    if each.twins:
        rows = "".join(f"<li>{escape(twin.source.path)}</li>" for twin in each.twins)
        parts.append(f'<p class="hint">{escape(words.alike)}:</p><ul class="twins">{rows}</ul>')
    return "".join(parts)


def chosen(shown: Sequence[object], what: object) -> int | None:
    """The index that a press on an exhibit sent, if it is one."""
    text = str(what)
    index = int(text) if text.isdecimal() and len(text) < 9 else -1
    return index if 0 <= index < len(shown) else None


def _what(region: Region, words: Words) -> str:
    if region.kind == "code" and region.symbol:
        return region.symbol.path
    if region.kind in WRITTEN and region.text:
        text = " ".join(region.text.split())
        return f'"{text[:QUOTED].rstrip()}{"..." if len(text) > QUOTED else ""}"'
    return region.label or (words.whole if region.kind == "whole" else "")
