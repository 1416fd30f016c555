"""What rules found as HTML: under each rule the photos in which it holds, with their boxes; or where a rule goes wrong.

The tiles are those of the search, so they are used alike, but none can be chosen. Everything from outside is escaped.
"""

from html import escape

from deepseek_mm import Citation, Rule
from index import Region
from ui.exhibits import EvidenceItem, caption, sure
from ui.html import hint
from ui.marks import Mark
from ui.pictures import PagePictures
from ui.ruling import MOST, RuleCase, RuleResults
from ui.tiles import Tile, tile
from ui.words import Words, count_noun


def render_rules(found: RuleResults, pictures: PagePictures, words: Words) -> str:
    """All of it; nothing before the first check."""
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


def exhibits(case: RuleCase, words: Words) -> tuple[EvidenceItem, ...]:
    """The boxes that a rule rests on, for the large view; where it rests on none, the photo."""
    rule = _name_rule(case.held.rule, words)
    if not case.held.regions:
        return (EvidenceItem(citation=_cite(0, case.photo), caption=f"{case.photo.source.name}\n{rule}"),)
    cited = [_cite(number, region) for number, region in enumerate(case.held.regions, start=1)]
    return tuple(EvidenceItem(citation=each, caption=f"{caption(each, words)}\n{rule}") for each in cited)


def _cite(number: int, region: Region) -> Citation:
    """A box with its number; nothing was searched for, so there is no score."""
    return Citation(number=number, region=region, score=0.0)


def _describe_check(found: RuleResults, words: Words) -> str:
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


def _title(rule: Rule, count: int, words: Words) -> str:
    parts = [count_noun(words.rules_photos, count), *([words.rules_boxes] if rule.by_absence else [])]
    kind = words.rules_warn if rule.kind == "warn" else words.rules_note
    return (
        f'<h3><span class="kind {rule.kind}">{escape(kind)}</span> {escape(rule.text)} '
        f'<span class="hint">{escape(" · ".join(parts))}</span></h3>'
    )


def _name_rule(rule: Rule, words: Words) -> str:
    """A rule's words, and what they are worth: for the title of the large view."""
    return f"{rule.text} ({words.rules_boxes})" if rule.by_absence else rule.text


def _tile(index: int, case: RuleCase, pictures: PagePictures, words: Words) -> str:
    regions, name = case.held.regions, case.photo.source.name
    marks = tuple(Mark(number=number, box_px=region.box_px) for number, region in enumerate(regions, start=1))
    labels = ", ".join(sure(region.labels[0]) for region in regions if region.labels)
    shown = Tile(
        index=index,
        region=case.photo,
        name=f"{name}: {case.held.rule.text}",
        caption=name,
        why=labels,
        marks=marks,
    )
    return tile(shown, pictures, words)
