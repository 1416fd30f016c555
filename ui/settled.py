"""How a closed question about a photo was settled, as HTML: how sure, what else it could be, who said what, and where
the reader looked.

The map of looks lies over the photo cell by cell; the more a cell was looked at, the less of a veil covers it.
"""

from html import escape

from deepseek_mm import Answer, Verdict
from ui.draw import THUMB_PX
from ui.exhibits import is_drawn
from ui.html import hint
from ui.pictures import Pictures
from ui.words import Words

VEIL = 0.75  # opacity over a cell that nobody looked at


def settled(answer: Answer, pictures: Pictures, words: Words) -> str:
    """The whole piece; nothing for an answer that was not settled so."""
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
        f"<ul>{rows}</ul>{looked(answer, verdict, pictures, words)}</section>"
    )


def bar(verdict: Verdict, words: Words) -> str:
    """The answer with its probability, in words and as a bar."""
    outcome = getattr(words, f"is_{verdict.outcome}")
    said = f"{verdict.answer}: {outcome} ({100 * verdict.chance:.0f} %)"
    return (
        f'<p class="told"><span>{escape(said)}</span>'
        f'<meter min="0" max="1" value="{verdict.chance:.3f}" aria-label="{escape(said)}"></meter></p>'
    )


def looked(answer: Answer, verdict: Verdict, pictures: Pictures, words: Words) -> str:
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
