"""The evidence beside an answer, as HTML: each cited region on its photo, what speaks for it, and why it was said.

The map of looks lies over the photo cell by cell; the more a cell was looked at, the less of a veil covers it. What
happened inside the model stands above, where somebody asked for it (`inspection_panel`).
"""

from html import escape

from deepseek_mm import Answer, AttentionMap, Check, Verdict
from ui.ask.request_form import render_understanding
from ui.code_html import is_listed
from ui.html import button, hint
from ui.pictures import THUMB_PX, PagePictures
from ui.region_html import EvidenceItem, Mark, evidence, exhibit, shot
from ui.words import UiTexts

VEIL = 0.75  # opacity over a cell that nobody looked at


def render_verdict(answer: Answer, pictures: PagePictures, words: UiTexts) -> str:
    """The verdict on a closed question as HTML; empty for an answer without one."""
    verdict = answer.verdict
    if verdict is None:
        return ""
    else_ = [words.else_.format(answer=words.name(verdict.runner_up), percent=100 * verdict.runner_chance)]
    lines = [words.witness.format(by=getattr(words, f"by_{one.by}"), answer=words.name(one.answer),
                                  percent=100 * one.chance)
             for one in verdict.said]  # fmt: skip
    if verdict.disputed:
        lines.append(words.disputed)
    rows = "".join(f"<li>{escape(line)}</li>" for line in [*(else_ if verdict.runner_up else ()), *lines])
    return (
        f'<section class="settled {verdict.outcome}"><h3>{escape(words.settled)}</h3>{bar(verdict, words)}'
        f"<ul>{rows}</ul>{render_heat(answer, verdict, pictures, words)}</section>"
    )


def program(answer: Answer, words: UiTexts, *, trouble: str = "") -> str:
    """The question as a program, to be read, changed and run again; what it gave, and whether that agrees.

    `trouble` says what is wrong with what was written.
    """
    worked = answer.worked
    if worked is None:
        return ""
    agreement = {
        "agrees": words.agrees,
        "contradicts": words.contradicts,
        "not covered": words.not_covered,
    }[worked.agrees]
    gave = words.gave.format(answer=words.name(worked.answer)) if worked.answer else words.say(worked.missing)
    steps = "".join(f"<li><code>{escape(call)}</code> {escape(told)}</li>" for call, told in worked.steps)
    wrong = f'<pre class="wrong" role="alert">{escape(trouble)}</pre>' if trouble else ""
    title = words.program_by_model if worked.by_model else words.program
    return (
        f'<section class="program" data-form><h3>{escape(title)}</h3>'
        f'<textarea rows="2" maxlength="2000" spellcheck="false" aria-label="{escape(words.program)}">'
        f"{escape(worked.program)}</textarea>{button('work', answer.turn, words.run)}{wrong}"
        f'<p class="told {worked.agrees.replace(" ", "-")}">{escape(gave)} <b>{escape(agreement)}</b></p>'
        f"<details><summary>{escape(words.steps)}</summary><ol>{steps}</ol></details></section>"
    )


def bar(verdict: Verdict, words: UiTexts) -> str:
    """The answer with its probability, in words and as a bar."""
    outcome = getattr(words, f"is_{verdict.outcome}")
    said = f"{words.name(verdict.answer)}: {outcome} ({100 * verdict.chance:.0f} %)"
    return (
        f'<p class="told"><span>{escape(said)}</span>'
        f'<meter min="0" max="1" value="{verdict.chance:.3f}" aria-label="{escape(said)}"></meter></p>'
    )


def render_heat(answer: Answer, verdict: Verdict, pictures: PagePictures, words: UiTexts) -> str:
    """The photo under its veil."""
    region = next((c.region for c in answer.citations if c.region.is_drawn), None)
    if region is None or not verdict.heat:
        return ""
    shine, high, wide = AttentionMap.of(verdict.heat).shine(), len(verdict.heat), len(verdict.heat[0])
    veil = "".join(
        f'<rect x="{x}" y="{y}" width="1" height="1" opacity="{VEIL * (1 - shine[y, x]):.2f}"/>'
        for y in range(high)
        for x in range(wide)
    )
    address = pictures.address(region.source, region.page, px=THUMB_PX)
    return (
        f'<figure class="looked"><img src="{address}" alt="" loading="lazy" decoding="async">'
        f'<svg viewBox="0 0 {wide} {high}" preserveAspectRatio="none" shape-rendering="crispEdges" '
        f'aria-hidden="true">{veil}</svg></figure>'
        f"{hint(words.looked)}"
    )


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
    """As what the question was understood, and a table of the answer's claims and what became of them, behind one line.

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
    body = render_understanding(answer, words) + body
    return f'<details class="why"><summary>{escape(words.why)}</summary>{body}</details>'


def _row(check: Check, words: UiTexts) -> str:
    verdict, style = (words.kept, "kept") if check.kept else (words.dropped, "dropped")
    cells = "".join(f"<td>{escape(text)}</td>" for text in (words.say(check.claim), verdict, words.say(check.reason)))
    return f'<tr class="{style}">{cells}</tr>'
