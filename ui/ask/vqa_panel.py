"""The verdict on a closed question about a photo as HTML: its probability, its witnesses, and where the model looked.

The map of looks lies over the photo cell by cell; the more a cell was looked at, the less of a veil covers it.
"""

from html import escape

from deepseek_mm import Answer, Verdict
from ui.html import button, hint
from ui.pictures import THUMB_PX, PagePictures
from ui.region_html import is_drawn
from ui.words import UiTexts

VEIL = 0.75  # opacity over a cell that nobody looked at


def render_verdict(answer: Answer, pictures: PagePictures, words: UiTexts) -> str:
    """The verdict on a closed question as HTML; empty for an answer without one."""
    verdict = answer.verdict
    if verdict is None:
        return ""
    else_ = [words.else_.format(answer=verdict.runner_up, percent=100 * verdict.runner_chance)]
    lines = [words.witness.format(by=getattr(words, f"by_{one.by}"), answer=one.answer, percent=100 * one.chance)
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
    gave = words.gave.format(answer=worked.answer) if worked.answer else worked.missing
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
    said = f"{verdict.answer}: {outcome} ({100 * verdict.chance:.0f} %)"
    return (
        f'<p class="told"><span>{escape(said)}</span>'
        f'<meter min="0" max="1" value="{verdict.chance:.3f}" aria-label="{escape(said)}"></meter></p>'
    )


def render_heat(answer: Answer, verdict: Verdict, pictures: PagePictures, words: UiTexts) -> str:
    """The photo under its veil."""
    region = next((c.region for c in answer.citations if is_drawn(c.region)), None)
    if region is None or not verdict.heat:
        return ""
    most, high, wide = max(map(max, verdict.heat)), len(verdict.heat), len(verdict.heat[0])
    veil = "".join(
        f'<rect x="{x}" y="{y}" width="1.02" height="1.02" opacity="{VEIL * (1 - share / most):.2f}"/>'
        for y, row in enumerate(verdict.heat)
        for x, share in enumerate(row)
    )
    address = pictures.address(region.source, region.page, px=THUMB_PX)
    return (
        f'<figure class="looked"><img src="{address}" alt="" loading="lazy" decoding="async">'
        f'<svg viewBox="0 0 {wide} {high}" preserveAspectRatio="none" aria-hidden="true">{veil}</svg></figure>'
        f"{hint(words.looked)}"
    )
