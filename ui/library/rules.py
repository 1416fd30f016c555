"""The rules of the Library tab: a field for them, a check of the photos, and the photos in which each rule holds.

The tiles are those of the search, so they are used alike, but none can be chosen. Everything from outside is escaped.
"""

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from html import escape
from typing import Any

import gradio as gr

from deepseek_mm import Caller, Checked, Citation, Held, Rule, rules_of
from index import LIBRARY, Filter, Region
from ui import edges
from ui.edges import Handlers
from ui.gateway.events import QUIET, Press, Updates, caller_of, needs_right
from ui.html import hint, piece
from ui.library.library_grid import LibraryListing
from ui.pictures import PagePictures
from ui.region_html import EvidenceItem, Mark, Tile, caption, chosen, sure, tile
from ui.viewer import Viewer
from ui.words import UiTexts, count_noun

MOST = 24  # photos that are shown of each rule
EVERY_S = 0.5  # between two views of a check that takes long


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleCase:
    """A photo in which a rule holds."""

    photo: Region  # the whole of it
    held: Held


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleResults:
    """What the rules found, as far as the photos were looked at."""

    rules: tuple[Rule, ...] = ()
    counts: tuple[int, ...] = ()  # of photos in which each rule holds
    cases: tuple[tuple[RuleCase, ...], ...] = ()  # of each rule, the first MOST
    collection: str = ""  # empty is the whole library
    done: int = 0
    total: int = 0
    ended: bool = False
    trouble: str = ""  # why nothing was checked
    token: str = field(default_factory=lambda: secrets.token_hex(4))  # another check, another token

    @property
    def all_cases(self) -> tuple[RuleCase, ...]:
        """Every case that can be opened, in the order of the rules."""
        return tuple(case for cases in self.cases for case in cases)


@dataclass(frozen=True, kw_only=True)
class RuleHandlers(Handlers):
    """Checks rules. Every error becomes a sentence in place of the results."""

    def text(self, caller: Caller) -> str:
        """The rules that were checked last; where there are none, some that hold on the bundled photos."""
        return self.services.rules.read(caller) or self.words.rules_example

    def check(self, caller: Caller, text: str, collection: str) -> Iterator[RuleResults]:
        """What was found until now, now and then, and at the end.

        The text is kept once it is understood, for callers who may change the library.
        """
        try:
            rules = rules_of(text.splitlines())
            if "library" in caller.rights:
                self.services.rules.write(caller, text)
            yield from self._check(caller, rules, collection)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            yield RuleResults(trouble=edges.sentence(error, self.words), ended=True)

    def _check(self, caller: Caller, rules: tuple[Rule, ...], collection: str) -> Iterator[RuleResults]:
        where = collection or LIBRARY
        every = self.services.rules.check(caller, rules, collection=where)
        total = self.assistant.store.counts(where=Filter(collection=where, source_kinds=("photo",))).sources
        nothing = RuleResults(rules=rules, counts=(0,) * len(rules), cases=((),) * len(rules))
        found, shown_s = replace(nothing, collection=collection, total=total), time.monotonic()
        for checked in every:
            found = grown(found, checked)
            if time.monotonic() - shown_s > EVERY_S:
                shown_s = time.monotonic()
                yield found
        yield replace(found, ended=True)


def grown(found: RuleResults, checked: Checked) -> RuleResults:
    """With one more photo."""
    found = replace(found, done=found.done + 1)
    if not checked.held:
        return found
    new = {held.rule: (RuleCase(photo=checked.photo, held=held),) for held in checked.held}
    each = list(zip(found.rules, found.counts, found.cases, strict=True))
    return replace(
        found,
        counts=tuple(count + (rule in new) for rule, count, _ in each),
        cases=tuple((cases + new.get(rule, ()))[:MOST] for rule, _, cases in each),
    )


def render_rules(found: RuleResults, pictures: PagePictures, words: UiTexts) -> str:
    """The results of all rules as HTML; empty before the first check."""
    if found.trouble:
        return f'<pre class="notice wrong" role="alert">{escape(found.trouble)}</pre>'
    parts, first = [hint(_describe_check(found, words))], 0
    for rule, count, cases in zip(found.rules, found.counts, found.cases, strict=True):
        tiles = "".join(_tile(first + n, case, pictures, words) for n, case in enumerate(cases))
        grid = f'<ul class="grid" data-search="{found.token}" aria-label="{escape(rule.text)}">{tiles}</ul>'
        more = hint(words.rules_first.format(most=MOST)) if count > len(cases) else ""
        parts.append(f"<section>{_title(rule, count, words)}{grid if tiles else ''}{more}</section>")
        first += len(cases)
    return "".join(parts) if found.rules else ""


def exhibits(case: RuleCase, words: UiTexts) -> tuple[EvidenceItem, ...]:
    """The boxes that a rule rests on, for the large view; where it rests on none, the photo."""
    rule = _name_rule(case.held.rule, words)
    if not case.held.regions:
        return (EvidenceItem(citation=_cite(0, case.photo), caption=f"{case.photo.source.name}\n{rule}"),)
    cited = [_cite(number, region) for number, region in enumerate(case.held.regions, start=1)]
    return tuple(EvidenceItem(citation=each, caption=f"{caption(each, words)}\n{rule}") for each in cited)


def _cite(number: int, region: Region) -> Citation:
    """A box with its number; nothing was searched for, so there is no score."""
    return Citation(number=number, region=region, score=0.0)


def _describe_check(found: RuleResults, words: UiTexts) -> str:
    """How far it is, or how many were checked; then whether anything holds, and what that is worth."""
    total = count_noun(words.rules_photos, found.total)
    if not found.ended:
        return words.rules_far.format(done=f"{found.done:,}", photos=total)
    done = count_noun(words.rules_photos, found.done)
    form = words.rules_done_in if found.collection else words.rules_done
    parts = [form.format(photos=done, collection=found.collection)]
    if not any(found.counts):
        parts.append(words.rules_none)
    if any(rule.by_absence for rule, count in zip(found.rules, found.counts, strict=True) if count):
        parts.append(words.rules_caveat)
    return " ".join(parts)


def _title(rule: Rule, count: int, words: UiTexts) -> str:
    parts = [count_noun(words.rules_photos, count), *([words.rules_boxes] if rule.by_absence else [])]
    kind = words.rules_warn if rule.kind == "warn" else words.rules_note
    return (
        f'<h3><span class="kind {rule.kind}">{escape(kind)}</span> {escape(rule.text)} '
        f'<span class="hint">{escape(" · ".join(parts))}</span></h3>'
    )


def _name_rule(rule: Rule, words: UiTexts) -> str:
    """A rule's words, and what they are worth: for the title of the large view."""
    return f"{rule.text} ({words.rules_boxes})" if rule.by_absence else rule.text


def _tile(index: int, case: RuleCase, pictures: PagePictures, words: UiTexts) -> str:
    regions, name = case.held.regions, case.photo.source.name
    marks = tuple(Mark(number=number, box_px=region.box_px) for number, region in enumerate(regions, start=1))
    labels = words.join(sure(region.labels[0], words) for region in regions if region.labels)
    named = f"{name}: {case.held.rule.text}"
    shown = Tile(index=index, region=case.photo, name=named, caption=name, why=labels, marks=marks)
    return tile(shown, pictures, words)


MOST_LETTERS = 50_000  # of the rules that the field takes
AT_ONCE = 4  # checks, each for a page of its own


@dataclass(frozen=True, kw_only=True)
class RulesPart:
    """Components of this part and their events."""

    handlers: RuleHandlers
    pictures: PagePictures
    viewer: Viewer
    text: gr.Textbox
    check: gr.Button
    stop: gr.Button
    html: gr.HTML
    found: gr.State

    @classmethod
    def place(cls, ruling: RuleHandlers, pictures: PagePictures, viewer: Viewer) -> "RulesPart":
        """Put it on the page that is being built, folded."""
        words = ruling.words
        with gr.Accordion(words.rules, open=False, elem_classes="rules"):
            text = gr.Textbox(
                label=words.rules_label, lines=4, max_lines=14, max_length=MOST_LETTERS,
                elem_classes="rules-text",
            )  # fmt: skip
            piece(hint(words.rules_hint.format(file="rules.txt")), listens="")
            with gr.Row():
                check = gr.Button(words.rules_check, variant="primary", size="sm", min_width=120)
                stop = gr.Button(words.stop, size="sm", min_width=120, interactive=False)
            html = piece(listens="grid", elem_classes="results ruled")
        return cls(
            handlers=ruling, pictures=pictures, viewer=viewer, text=text, check=check, stop=stop, html=html,
            found=gr.State(RuleResults()),
        )  # fmt: skip

    def join(self, listing: gr.State) -> None:
        """Connect it; what is checked is the collection that the list shows."""
        begun = self.check.click(
            self._check, [self.text, listing], [self.html, self.found, self.stop], concurrency_limit=AT_ONCE, **QUIET
        )
        self.stop.click(self._rest, None, self.stop, cancels=[begun], **QUIET)
        self.html.click(self._press, self.found, self.viewer.parts, **QUIET)

    @needs_right("ask")
    def _check(self, request: gr.Request, text: str, listing: LibraryListing) -> Iterator[Updates]:
        """Results as they come; what is typed comes from the browser, and may be anything."""
        typed, collection = str(text or "")[:MOST_LETTERS], listing.filters.collection
        yield {self.stop: gr.Button(interactive=True)}
        for found in self.handlers.check(caller_of(request), typed, collection):
            stop = gr.Button(interactive=not found.ended)
            yield {
                self.html: render_rules(found, self.pictures, self.handlers.words),
                self.found: found,
                self.stop: stop,
            }

    @needs_right("ask")
    def _rest(self) -> Any:
        """Nothing runs any more."""
        return gr.Button(interactive=False)

    @needs_right("ask")
    def _press(self, request: gr.Request, found: RuleResults, event: Press) -> Updates:
        """A photo was pressed: it opens with the boxes that the rule rests on."""
        index = chosen(found.all_cases, event.what)
        if event.act != "open" or index is None:
            return {self.viewer.html: gr.skip()}
        return self.viewer.open(caller_of(request), exhibits(found.all_cases[index], self.handlers.words), 0)
