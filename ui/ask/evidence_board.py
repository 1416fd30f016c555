"""The evidence beside an answer, as HTML: each cited region on its photo, what speaks for it, and why it was said."""

from html import escape

from deepseek_mm import Answer, Check
from ui.ask.vqa_panel import program, render_verdict
from ui.code.code_html import is_listed
from ui.html import hint
from ui.pictures import PagePictures
from ui.region_html import EvidenceItem, Mark, evidence, exhibit, shot
from ui.words import UiTexts

BUSIEST = 3  # experts that are named


def exhibits(answer: Answer, words: UiTexts) -> tuple[EvidenceItem, ...]:
    """What the answer cites, in the order in which it is cited."""
    return tuple(exhibit(citation, words) for citation in answer.citations)


def board(answer: Answer | None, pictures: PagePictures, words: UiTexts, *, trouble: str = "") -> str:
    """The panel for an answer, or what will be there; `trouble` is what is wrong with a program of the reader's."""
    if answer is None:
        return f'<section class="evidence"><h2>{escape(words.evidence)}</h2>{hint(words.evidence_idle)}</section>'
    line = words.evidence_hint if answer.citations else words.evidence_none
    said = words.looking if answer.state == "running" and not answer.citations else line
    items = "".join(_item(n, each, pictures, words) for n, each in enumerate(exhibits(answer, words)))
    rows = f'<ol class="shots">{items}</ol>' if items else ""
    over = answer.state != "running"
    return (
        f'<section class="evidence" data-turn="{answer.turn}"><h2>{escape(words.evidence)}</h2>{hint(said)}{rows}'
        f"{under(answer, pictures, words, trouble) if over else ''}</section>"
    )


def under(answer: Answer, pictures: PagePictures, words: UiTexts, trouble: str) -> str:
    """How it came about."""
    return render_verdict(answer, pictures, words) + program(answer, words, trouble=trouble) + why(answer, words)


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


def why(answer: Answer, words: UiTexts) -> str:
    """A table of the answer's claims, what became of them, and why, behind one line.

    Below it: what of the conversation was not read, and which experts of the model worked most.
    """
    checks, trace = answer.checks, answer.trace
    body = f"<p>{escape(words.why_none)}</p>"
    if checks:
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in (words.claim, words.verdict, words.reason))
        rows = "".join(_row(check, words) for check in checks)
        body = f'<table class="why"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    if answer.unread:
        body += hint(words.unread.format(count=answer.unread))
    if trace is not None and len(trace):
        busiest = list(trace.shares().items())[:BUSIEST]
        shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in busiest)
        body += hint(words.experts.format(shares=shares))
    return f'<details class="why"><summary>{escape(words.why)}</summary>{body}</details>'


def _row(check: Check, words: UiTexts) -> str:
    verdict, style = (words.kept, "kept") if check.kept else (words.dropped, "dropped")
    cells = "".join(f"<td>{escape(text)}</td>" for text in (check.claim, verdict, check.reason))
    return f'<tr class="{style}">{cells}</tr>'
