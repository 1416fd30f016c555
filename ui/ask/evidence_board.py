"""The evidence beside an answer, as HTML: each cited region on its photo, what speaks for it, and how it came about.

What happened inside the model stands above, where somebody asked for it (`inspection_panel`); the stages of the answer
stand below, behind one line (`answer_timeline`).
"""

from html import escape

from deepseek_mm import Answer
from ui.ask.answer_timeline import render_timeline
from ui.ask.difference_html import render_difference
from ui.code_html import is_listed
from ui.html import hint
from ui.pictures import PagePictures
from ui.region_html import EvidenceItem, Mark, evidence, exhibit, shot
from ui.words import UiTexts


def exhibits(answer: Answer, words: UiTexts) -> tuple[EvidenceItem, ...]:
    """What the answer cites, in the order in which it is cited."""
    return tuple(exhibit(citation, words) for citation in answer.citations)


def board(
    answer: Answer | None, pictures: PagePictures, words: UiTexts, *, before: Answer | None = None, trouble: str = ""
) -> str:
    """The panel for an answer, or what will be there; `before` is the answer in whose place it came, if one was asked
    again, `trouble` what is wrong with a program of the reader's.
    """
    if answer is None:
        return f'<section class="evidence"><h2>{escape(words.evidence)}</h2>{hint(words.evidence_idle)}</section>'
    line = words.evidence_hint if answer.citations else words.evidence_none
    said = words.looking if answer.state == "running" and not answer.citations else line
    items = "".join(_item(n, each, pictures, words) for n, each in enumerate(exhibits(answer, words)))
    rows = f'<ol class="shots">{items}</ol>' if items else ""
    over = answer.state != "running"
    how = render_timeline(answer, pictures, words, before=before, trouble=trouble) if over else ""
    return (
        f'<section class="evidence" data-turn="{answer.turn}"><h2>{escape(words.evidence)}</h2>'
        f"{render_difference(before, answer, words)}{hint(said)}{rows}{how}</section>"
    )


def _item(index: int, each: EvidenceItem, pictures: PagePictures, words: UiTexts) -> str:
    citation = each.citation
    photo = shot(pictures, citation.region, [Mark(number=citation.number, box_px=citation.region.box_px)], words)
    return (
        f'<li data-number="{citation.number}"><button type="button" class="look" data-act="open" data-what="{index}" '
        f'aria-label="{escape(each.caption)}">{photo}</button><p class="caption">{escape(each.caption)}</p>'
        f"{_describe_source(each, words)}</li>"
    )


def _describe_source(each: EvidenceItem, words: UiTexts) -> str:
    """What speaks for it; of code where its file lies."""
    region = each.citation.region
    if is_listed(region):
        return f'<p class="hint path">{escape(region.source.path)}</p>'
    return f'<p class="hint">{escape(evidence(each, words))}</p>'
