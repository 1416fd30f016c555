"""A file of code as it is read in an editor: numbered lines, those that are cited marked. HTML only."""

from collections.abc import Callable
from html import escape

from deepseek_mm import Listing
from index import Region
from ui.colours import highlight_code
from ui.html import hint
from ui.words import Words

MOST_CHARS = 2_000  # of one line that is shown
Opened = Callable[[Region], Listing]


def is_listed(region: Region) -> bool:
    """Whether it is lines of a file of code."""
    return region.kind == "code" and region.lines[0] > 0 and not region.page


def listing(region: Region, opened: Listing, words: Words) -> str:
    """The lines; above them what is to be known of them. `viewer.js` scrolls to those that are marked."""
    first, last = opened.cited
    shown = [line if len(line) <= MOST_CHARS else f"{line[:MOST_CHARS]} ..." for line in opened.lines]
    rows = "".join(
        f'<span class="line{" hit" if first <= n <= last else ""}" data-n="{n}">{line}\n</span>'
        for n, line in enumerate(highlight_code("\n".join(shown), region.source.format), start=opened.first)
    )
    end = opened.first + len(shown) - 1
    said = {"changed": words.code_changed, "gone": words.code_gone}.get(opened.state, "")
    if not said and len(shown) < opened.total:
        said = words.code_shown.format(first=opened.first, last=end, total=opened.total)
    look = f'class="listing" style="--wide:{len(str(end))}ch"'
    return (
        f"{hint(said) if said else ''}"
        f'<pre {look} tabindex="0" aria-label="{escape(words.written)}"><code>{rows}</code></pre>'
    )
