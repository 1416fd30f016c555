"""Why a result matched: what the search was sure of, the words that hit, and a heat map over the photo.

Values and HTML only, no Gradio; what comes from files or visitors is escaped here.
"""

from dataclasses import dataclass
from html import escape

from deepseek_mm import Assistant, Query, hit_spans
from index import Region
from ui.exhibits import WRITTEN, Exhibit
from ui.pictures import Pictures
from ui.results import Results, verdict
from ui.words import Words


@dataclass(frozen=True, kw_only=True, slots=True)
class Why:
    """What is the same for every result of a search."""

    query: Query
    verdict: str  # how sure the search is, against what it needs
    means: str = ""  # how often that is wrong, where it was measured
    sure: float = 0.0  # certainty and threshold, 0 to 1
    needed: float = 0.0


def why_of(results: Results, assistant: Assistant, words: Words) -> Why | None:
    """Of a search; None before the first one."""
    if results.query is None:
        return None
    found, means = results.found, ""
    measured = assistant.retriever.search.measured_errors if results.query.text else None
    if measured is not None:
        claimed, missed = measured.false_answers(found.threshold), measured.false_refusals(found.threshold)
        means = words.threshold_means.format(needed=100 * found.threshold, claimed=claimed, missed=missed)
    return Why(
        query=results.query, verdict=verdict(found, words), means=means, sure=found.certainty, needed=found.threshold
    )


def heat(why: Why | None, region: Region, pictures: Pictures) -> str:
    """The heat map to be laid over the photo; nothing for a text, or where nothing was looked for."""
    if why is None or pictures.heats is None or not is_hot(region):
        return ""
    return f'<img class="heat" src="{pictures.heats.address(why.query, region)}" alt="">'


def is_hot(region: Region) -> bool:
    """Whether a heat map says something about it: a photo, but not words that were read in one."""
    return region.source.kind == "photo" and region.kind not in WRITTEN


def section(why: Why | None, each: Exhibit, words: Words) -> str:
    """What stands below the photo: the reasons, the meter, and the heat map's legend with its switch."""
    if why is None:
        return ""
    reasons = " - ".join(each.caption.splitlines()[1:])
    legend = _legend(words) if is_hot(each.citation.region) else ""
    return (
        f'<section class="why-matched" aria-label="{escape(words.why_matched)}"><h3>{escape(words.why_matched)}</h3>'
        f'{legend}<p class="hint">{escape(reasons)}</p><p class="hint">{meter(why.sure, why.needed)}'
        f"{escape(' '.join(filter(None, (why.verdict, why.means))))}</p></section>"
    )


def meter(sure: float, needed: float) -> str:
    """A small bar with a mark where it is enough; the words beside it say the same."""
    return f'<span class="meter" style="--sure:{sure:.2f};--needed:{needed:.2f}" aria-hidden="true"></span>'


def highlighted(text: str, why: Why | None) -> str:
    """The text as HTML, the words that were looked for marked."""
    if why is None:
        return escape(text)
    parts, at = [], 0
    for first, end in hit_spans(text, why.query.text):
        parts += [escape(text[at:first]), "<mark>", escape(text[first:end]), "</mark>"]
        at = end
    return "".join([*parts, escape(text[at:])])


def _legend(words: Words) -> str:
    return (
        f'<p class="legend"><button type="button" class="small" data-heat aria-pressed="true">{escape(words.heat)}'
        f'</button><span>{escape(words.heat_cold)}</span><i aria-hidden="true"></i>'
        f"<span>{escape(words.heat_hot)}</span></p>"
    )
