"""The dialog that shows a photo, a page or a text large: its boxes, why it matched, and what can be done with it.

Values and HTML only, no Gradio; what comes from files or visitors is escaped here.

One for the whole page: every tab hands it what it shows, and which of it was chosen.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from html import escape
from itertools import count
from typing import Any

import gradio as gr

from deepseek_mm import Assistant, Caller, PhotoFacts, Query, hit_spans
from index import Region, Source
from index.region import WRITTEN
from ui.code_html import Opened, is_listed, listing
from ui.gateway.events import Updates
from ui.html import button, piece
from ui.photo_info import list_marks, render_description, render_info, render_rating, render_switches
from ui.pictures import LARGE_PX, PagePictures
from ui.region_html import EvidenceItem, chosen, evidence, is_brought, marks_of, passage, player, shot, sides_of
from ui.search.search_handlers import Results, verdict
from ui.words import UiTexts


@dataclass(frozen=True, kw_only=True, slots=True)
class MatchReason:
    """What is the same for every result of a search."""

    query: Query
    verdict: str  # how sure the search is, against what it needs
    means: str = ""  # how often that is wrong, where it was measured
    sure: float = 0.0  # certainty and threshold, 0 to 1
    needed: float = 0.0


def why_of(results: Results, assistant: Assistant, words: UiTexts) -> MatchReason | None:
    """Of a search; None before the first one."""
    if results.query is None:
        return None
    found, means = results.found, ""
    measured = assistant.retriever.search.measured_errors if results.query.text else None
    if measured is not None:
        claimed, missed = measured.false_answers(found.threshold), measured.false_refusals(found.threshold)
        means = words.threshold_means.format(needed=100 * found.threshold, claimed=claimed, missed=missed)
    return MatchReason(
        query=results.query, verdict=verdict(found, words), means=means, sure=found.certainty, needed=found.threshold
    )


def heat(why: MatchReason | None, region: Region, pictures: PagePictures) -> str:
    """The heat map to be laid over the photo; nothing for a text, or where nothing was looked for."""
    if why is None or pictures.heats is None or not is_hot(region):
        return ""
    return f'<img class="heat" src="{pictures.heats.address(why.query, region)}" alt="">'


def is_hot(region: Region) -> bool:
    """Whether a heat map says something about it: a photo that stands still, but not words that were read in one."""
    return region.source.kind == "photo" and not region.source.is_video and region.kind not in WRITTEN


def section(why: MatchReason | None, each: EvidenceItem, words: UiTexts) -> str:
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


def mark_hits(text: str, why: MatchReason | None) -> str:
    """The text as HTML, the words that were looked for marked."""
    if why is None:
        return escape(text)
    parts, at = [], 0
    for first, end in hit_spans(text, why.query.text):
        parts += [escape(text[at:first]), "<mark>", escape(text[first:end]), "</mark>"]
        at = end
    return "".join([*parts, escape(text[at:])])


def _legend(words: UiTexts) -> str:
    return (
        f'<p class="legend"><button type="button" class="small" data-heat aria-pressed="true">{escape(words.heat)}'
        f'</button><span>{escape(words.heat_cold)}</span><i aria-hidden="true"></i>'
        f"<span>{escape(words.heat_hot)}</span></p>"
    )


ReadFacts = Callable[[Caller, Source], PhotoFacts]


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewerState:
    """What the dialog shows, and what it can turn to."""

    exhibits: tuple[EvidenceItem, ...] = ()
    index: int = 0
    turn: int = 0  # of the answer that cites them; 0 for results of a search: then no box can be corrected
    said: str = ""  # one line above the photo
    why: MatchReason | None = None  # what was looked for, and how sure the search was; None where nothing was
    sought: Results | None = None  # what was found for the picture, if it came with a search
    showing: int = field(default=0, compare=False)  # the page shows a number once, and may be told it twice

    @property
    def at(self) -> EvidenceItem | None:
        """The one in view."""
        return self.exhibits[self.index] if self.index < len(self.exhibits) else None


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """The component, and the state behind it."""

    pictures: PagePictures
    words: UiTexts
    html: gr.HTML
    viewed: gr.State
    read_facts: ReadFacts  # what is known of a photo
    opened: Opened | None = None  # the lines of a file of code around those that are cited
    showings: Iterator[int] = field(default_factory=lambda: count(1))

    @classmethod
    def place(
        cls, pictures: PagePictures, words: UiTexts, read_facts: ReadFacts, opened: Opened | None = None
    ) -> "Viewer":
        """Put it on the page that is being built; it is not seen until it shows something."""
        html = piece(listens="zoom viewer", html_template="", elem_classes="viewer-source")
        state = gr.State(ViewerState())
        return cls(pictures=pictures, words=words, html=html, viewed=state, read_facts=read_facts, opened=opened)

    @property
    def parts(self) -> list[Any]:
        """Every component that `show` updates."""
        return [self.html, self.viewed]

    def show(self, caller: Caller, viewed: ViewerState) -> Updates:
        """Updates that open the dialog, or turn it to something else."""
        viewed = replace(viewed, showing=next(self.showings))
        region, lines = viewed.at.citation.region if viewed.at else None, ""
        if region is not None and self.opened is not None and is_listed(region):
            lines = listing(region, self.opened(region), self.words)
        facts = self.read_facts(caller, region.source) if region is not None else PhotoFacts()
        html = content(viewed, self.pictures, self.words, facts, lines=lines)
        return {self.html: html, self.viewed: viewed}

    def open(
        self,
        caller: Caller,
        exhibits: Sequence[EvidenceItem],
        what: object,
        *,
        turn: int = 0,
        why: MatchReason | None = None,
    ) -> Updates:
        """Updates for a press on one of the exhibits, by its index; nothing happens if there is no such one."""
        index = chosen(exhibits, what)
        if index is None:
            return {self.html: gr.skip()}
        return self.show(caller, ViewerState(exhibits=tuple(exhibits), index=index, turn=turn, why=why))


def content(viewed: ViewerState, pictures: PagePictures, words: UiTexts, facts: PhotoFacts, *, lines: str = "") -> str:
    """The dialog's HTML; `lines` is a file of code, where it shows one."""
    each = viewed.at
    if each is None:
        return ""
    title = escape(" - ".join(each.caption.splitlines()[:1] if viewed.why else each.caption.splitlines()))
    said = f'<p class="hint said" role="status">{escape(viewed.said)}</p>' if viewed.said else ""
    seen, panel = _render_seen(viewed, each, pictures, words, facts, lines)
    name = words.photo_info if each.citation.region.source.kind == "photo" else words.file_info
    return (
        f'<header data-showing="{viewed.showing}" data-at="{viewed.index}"><h2>{title}</h2>'
        f'<button type="button" class="small" data-act="close" autofocus>{escape(words.close)}</button></header>'
        f'{said}<div class="view"><div class="seen">{seen}{_tools(viewed, each, words)}'
        f"{_correction(each, words) if viewed.turn else ''}{_cutting(words)}"
        f'<nav class="acts">{_buttons(viewed, each, words)}</nav></div>'
        f'<aside class="info" aria-label="{escape(name)}" tabindex="0">'
        f"{render_rating(each.citation.region.source, facts.rating, words)}"
        f"{render_description(each.citation.region.source, facts.said, words)}{section(viewed.why, each, words)}"
        f"{_evidence(each, words)}{panel}{render_info(each, facts, words)}</aside></div>"
    )


def _evidence(each: EvidenceItem, words: UiTexts) -> str:
    """What speaks for it, where something does; its colours are among the facts."""
    region = each.citation.region
    said = evidence(replace(each, citation=replace(each.citation, region=replace(region, colours=()))), words)
    return f'<p class="hint">{escape(said)}</p>' if said else ""


def _render_seen(
    viewed: ViewerState, each: EvidenceItem, pictures: PagePictures, words: UiTexts, facts: PhotoFacts, lines: str
) -> tuple[str, str]:
    """What is looked at: a photo, a page, a text or lines of code; and what of it stands in the panel."""
    region, text = each.citation.region, passage(each, words, partial(mark_hits, why=viewed.why))
    if not region.is_drawn:
        return lines or text, ""
    ahead = _address_ahead(viewed, pictures)
    if region.source.is_video:
        return f'<div class="stage" data-ahead="{escape(ahead)}">{player(pictures, region, words)}</div>', text
    cited = marks_of([other.citation for other in viewed.exhibits], viewed.index)
    marks = list_marks(region, cited, facts, sides_of(pictures, region), words)
    photo = shot(pictures, region, marks, words, large=True, over=heat(viewed.why, region, pictures))
    known = [*(other.citation.region for other in viewed.exhibits), *facts.parts]
    switches = render_switches(marks, [other for other in known if other.source.path == region.source.path], words)
    return f'<div class="stage" data-ahead="{escape(ahead)}">{photo}</div>', f"{switches}{text}"


def _address_ahead(viewed: ViewerState, pictures: PagePictures) -> str:
    """Of the picture that comes next, so that the browser has it already; empty where none comes."""
    after = viewed.exhibits[(viewed.index + 1) % len(viewed.exhibits)].citation.region
    drawn = len(viewed.exhibits) > 1 and after.is_drawn
    return pictures.address(after.source, after.view, px=LARGE_PX) if drawn else ""


PAUSES_S = (3, 5, 10, 30)  # for which a slideshow shows each


def _tools(viewed: ViewerState, each: EvidenceItem, words: UiTexts) -> str:
    """What turns, zooms and plays; viewer.js and zoom.js act on what says data-do."""
    parts = []
    if len(viewed.exhibits) > 1:
        parts += [button("back", "", words.previous), button("on", "", words.following)]
        parts.append(f'<span class="hint">{viewed.index + 1} / {len(viewed.exhibits)}</span>')
    if is_zoomed(each.citation.region):
        signs = (
            ("out", "\u2212", words.zoom_out),
            ("in", "+", words.zoom_in),
            ("fit", escape(words.fit), words.zoom_fit),
        )
        parts += [_tool(what, sign, name) for what, sign, name in signs]
        parts.append('<span class="hint level" aria-live="polite"></span>')
    if len(viewed.exhibits) > 1:
        pauses = "".join(
            f'<option value="{pause}">{escape(words.slideshow_seconds.format(seconds=pause))}</option>'
            for pause in PAUSES_S
        )
        parts.append(
            f'<button type="button" class="small" data-do="play" aria-pressed="false" data-stop="'
            f'{escape(words.slideshow_stop)}">{escape(words.slideshow)}</button>'
            f'<select class="pause" aria-label="{escape(words.slideshow_pause)}">{pauses}</select>'
        )
    return f'<div class="tools" role="group" aria-label="{escape(words.viewer_tools)}">{"".join(parts)}</div>'


def is_zoomed(region: Region) -> bool:
    """Whether one can go near and draw on it: a picture that stands still."""
    return region.is_drawn and not region.source.is_video


def _tool(what: str, sign: str, name: str) -> str:
    return (
        f'<button type="button" class="small" data-do="{what}" aria-label="{escape(name)}" title="{escape(name)}">'
        f"{sign}</button>"
    )


def _buttons(viewed: ViewerState, each: EvidenceItem, words: UiTexts) -> str:
    parts, region = [], each.citation.region
    if not is_brought(region):
        parts.append(button("like", viewed.index, words.more_like))
    if is_zoomed(region):
        parts.append(button("cut", viewed.index, words.part_search))
    parts.append(button("ask", viewed.index, words.ask_about))
    if viewed.turn and not region.source.is_video and region.kind not in ("text", "code", "page"):
        parts.append(button("wrong", viewed.index, words.box_wrong))
    return "".join(parts)


def _cutting(words: UiTexts) -> str:
    """What appears when a part shall be looked for."""
    return (
        f'<div class="correct" data-for="cut" hidden><p class="hint">{escape(words.part_draw)}</p>'
        f"{button('part', '', words.part_go)}{_cancel(words)}</div>"
    )


def _correction(each: EvidenceItem, words: UiTexts) -> str:
    """What appears when "the box is wrong" is pressed."""
    name = escape(each.citation.region.label)
    return (
        f'<div class="correct" data-for="wrong" hidden><p class="hint">{escape(words.box_draw)}</p>'
        f'<label>{escape(words.box_label)} <input type="text" maxlength="80" value="{name}"></label>'
        f"{button('right', each.citation.number, words.box_save)}{_cancel(words)}</div>"
    )


def _cancel(words: UiTexts) -> str:
    """A button that ends drawing."""
    return f'<button type="button" class="small" data-do="cancel">{escape(words.cancel)}</button>'
