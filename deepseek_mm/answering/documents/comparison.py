"""Two or more documents side by side: what differs first, then what is the same, then what only one of them says.

"Which offer is cheaper" is answered by the fact that the question means, with its value in each document.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import combinations

from deepseek_mm.answering.documents.document_search import DocumentFinder, DocumentMatch
from deepseek_mm.answering.documents.evidence import CitedRegions
from deepseek_mm.answering.documents.facts import DocumentFact, read_facts
from deepseek_mm.answering.documents.question_words import asks, document_words, kinds_in
from deepseek_mm.language.wording import join_in, say
from deepseek_mm.language.words import quote_title
from deepseek_mm.retrieval.quantities import read_numbers, show_number
from deepseek_mm.types import Draft
from index import Source

MOST_COMPARED, MOST_ROWS, MOST_ONLY = 4, 14, 8  # documents, facts that differ, and facts that only one has
MOST_RANKED = 12  # documents of which the cheapest is looked for
MAX_NAME = 60
SURE, SO_SO = 0.85, 0.7
FIRST = ("total", "price", "net", "warranty", "delivery", "duration", "valid", "deposit", "payment")


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedDocument:
    """A document with its facts by their keys."""

    source: Source
    facts: Mapping[str, DocumentFact]

    @property
    def name(self) -> str:
        """As a sentence has it."""
        return quote_title(self.source.name, MAX_NAME)


def is_comparison(text: str) -> bool:
    """Whether documents may be compared: by a word for it, or by what is cheaper, longer, better."""
    ranks = asks("which", text) and (asks("less", text) or asks("more", text) or asks("better", text))
    return not asks("picture", text) and (asks("compare", text) or asks("gap", text) or ranks)


def compare_documents(text: str, finder: DocumentFinder, before: Sequence[Source], language: str) -> Draft | None:
    """The documents that the words name, or those of the last answer, side by side; None where none are meant."""
    if not is_comparison(text):
        return None
    named = choose_documents(text, finder, before)
    if named is None:
        return None
    if len(named) < 2:
        return tell_lonely(named, language)
    compared = [ComparedDocument(source=each.source, facts=facts_of(each)) for each in named[:MOST_RANKED]]
    chosen = pick_alike(text, compared)
    others = [each.name for each in compared if each not in chosen]
    only = [name for name, pattern in document_words().facts.items() if pattern.search(text)]
    return rank_documents(text, compared, language) or lay_out(narrow_to(chosen, only), others, language)


def choose_documents(text: str, finder: DocumentFinder, before: Sequence[Source]) -> list[DocumentMatch] | None:
    """Those that are meant; None where the words speak of no documents, or of one thing in one document."""
    found, documents = finder.find_named(text), [source for source in before if source.kind == "document"]
    kinds = [kind for kind in kinds_in(text) if kind != "document"]
    if not kinds and len(documents) > 1 and not any(each.kind for each in found):
        return [DocumentMatch(source=source, regions=finder.read(source)) for source in documents]
    if found and found[0].by_file and (len(found) > 1 or asks("compare", text)):
        return found
    if len(kinds) > 1 and not document_words().plurals.search(text):  # "the contract and the invoice"
        best = [next((each for each in found if each.is_of(kind)), None) for kind in kinds]
        meant = {each.source.id: each for each in best if each is not None}
        return sorted(meant.values(), key=lambda each: kind_at(each, kinds, text))
    several = document_words().plurals.search(text) or any(asks(way, text) for way in ("several", "which", "gap"))
    called = [each for each in found if each.called]
    apart = any(one.called - other.called and other.called - one.called for one, other in combinations(called, 2))
    if kinds and (several or apart):
        return narrow_by_script(called if len(called) > 1 else found)
    return called if apart and not kinds and not asks("several", text) else None


def kind_at(document: DocumentMatch, kinds: Sequence[str], text: str) -> int:
    """Where a text names what kind of document it is."""
    places = [
        match.start() for kind in kinds if (match := document_words().kinds[kind].search(text)) and document.is_of(kind)
    ]
    return min(places, default=0)


def narrow_by_script(named: Sequence[DocumentMatch]) -> list[DocumentMatch]:
    """Those that are written as whoever asks writes, where these are several."""
    alike = [each for each in named if each.script]
    return alike if len(alike) > 1 else list(named)


def facts_of(document: DocumentMatch) -> dict[str, DocumentFact]:
    """By their keys."""
    return {fact.key: fact for fact in read_facts(document.regions)}


def pick_alike(text: str, compared: Sequence[ComparedDocument]) -> list[ComparedDocument]:
    """Of more than are laid side by side the two that have most in common."""
    if len(compared) <= 2 or (len(compared) <= MOST_COMPARED and not asks("several", text)):
        return list(compared)
    pairs = [(one, other) for n, one in enumerate(compared) for other in compared[n + 1 :]]
    best = max(pairs, key=lambda pair: len(set(pair[0].facts) & set(pair[1].facts)))
    return [*best]


def rank_documents(text: str, compared: Sequence[ComparedDocument], language: str) -> Draft | None:
    """Which one is cheaper, or has the longer warranty: the first of those that say it, with the values of all."""
    key, least = asked_fact(text)
    if not key or (asks("compare", text) and not asks("gap", text)):
        return None
    keys = ("total", "price", "net") if key == "total" else ("delivery", "duration") if key == "delivery" else (key,)
    having = next((pairs for each in keys if len(pairs := comparable(each, compared)) > 1), [])
    if not having:
        return None
    ordered = sorted(having, key=lambda pair: pair[2] if least else -pair[2])
    (first, fact, best), (_, _, second) = ordered[:2]
    cited = CitedRegions()
    kind = fact.measure[0] if fact.measure else ""
    word = "same" if best == second else word_of(key, kind, least=least, many=len(ordered) > 2)
    label = fact.label if key != "total" else ""
    told = say(f"compare.{word}", language, name=first.name, label=label[:1].upper() + label[1:])
    cited.add(f"{told}{say('count.colon', language)}{fact.shown_value}", fact.region)
    for document, other, _ in ordered[1:]:
        cited.add(f"{document.name} {other.shown_value}", other.region)
    if kind not in ("date", "days") and len(ordered) == 2 and best != second:
        between = show_difference(fact, best, second)
        cited.join(say("compare.between", language, n=between), (fact.region, ordered[1][1].region))
    return cited.draft(SURE)


def asked_fact(text: str) -> tuple[str, bool]:
    """The kind of fact that is ranked by, and whether the least is looked for."""
    words = document_words()
    least = asks("less", text) and not (asks("more", text) and "less" not in text)
    facts = [name for name, pattern in words.facts.items() if pattern.search(text) and name not in ("date", "price")]
    if facts:
        wanted = facts[0]
        better_less = wanted in ("total", "net", "tax", "delivery", "duration", "deposit")
        return wanted, least if asks("less", text) or asks("more", text) else better_less
    if asks("gap", text):
        return "total", True
    if not (asks("less", text) or asks("more", text)):
        return "", False
    quick = words.asks["quick"].search(text)
    return ("delivery", least) if quick else ("total", least)


def comparable(key: str, compared: Sequence[ComparedDocument]) -> list[tuple[ComparedDocument, DocumentFact, Decimal]]:
    """The documents that say it, in one unit."""
    having = [(document, document.facts[key]) for document in compared if key in document.facts]
    measured = [(document, fact, fact.measure) for document, fact in having]
    units = {measure[0] for _, _, measure in measured if measure}
    return [(document, fact, measure[1]) for document, fact, measure in measured if measure] if len(units) == 1 else []


def show_difference(fact: DocumentFact, one: Decimal, other: Decimal) -> str:
    """Between two numbers, with the unit as it is written there."""
    places = max(max(0, -int(value.as_tuple().exponent)) for value in (one, other))
    number = next((each for each in read_numbers(fact.value, fact.style) if each.unit), None)
    unit = (number.shown_unit or number.unit) if number else ""
    return f"{show_number(abs(one - other), places=places)} {unit}".strip()


def word_of(key: str, kind: str, *, least: bool, many: bool) -> str:
    """How the first differs from the others."""
    if key in ("total", "price", "net"):
        return ("cheapest" if many else "cheaper") if least else "dearest" if many else "dearer"
    if kind == "date":
        return "earlier" if least else "later"
    if kind == "days":
        return "shorter" if least else "longer"
    return "lower" if least else "higher"


def narrow_to(compared: Sequence[ComparedDocument], kinds: Sequence[str]) -> list[ComparedDocument]:
    """With the facts that are asked for alone, where all have one of them: "compare the delivery times"."""
    wanted = {*kinds, *(("total", "net") if "price" in kinds else ())}
    narrowed = [replace(each, facts={k: fact for k, fact in each.facts.items() if k in wanted}) for each in compared]
    return narrowed if all(each.facts for each in narrowed) else list(compared)


def lay_out(compared: Sequence[ComparedDocument], others: Sequence[str], language: str) -> Draft:
    """What differs, what is the same and what only one says; `others` are called so as well."""
    shared = [key for key in compared[0].facts if all(key in each.facts for each in compared)]
    ordered = sorted(shared, key=lambda key: FIRST.index(key) if key in FIRST else len(FIRST))
    differ = [key for key in ordered if not is_same([each.facts[key] for each in compared])]
    cited = CitedRegions()
    names = join_in([each.name for each in compared], language)
    cited.state(say("compare.lead" if shared else "compare.nothing", language, names=names))
    for key in differ[:MOST_ROWS]:
        add_row(cited, key, compared, language)
    if same := [key for key in ordered if key not in differ]:
        told = tell_values([compared[0].facts[key] for key in same], language)
        regions = [each.facts[key].region for key in same for each in compared]
        cited.join(f"\n{say('compare.same_in', language)}{say('count.colon', language)}{told}", regions)
    for document in compared:
        add_own(cited, document, [each for each in compared if each is not document], language)
    if others:
        cited.state(f"\n{say('compare.others', language, names=join_in(others, language))}")
    return cited.draft(SURE if len(shared) > 1 else SO_SO)


def add_row(cited: CitedRegions, key: str, compared: Sequence[ComparedDocument], language: str) -> None:
    """One fact of all documents, each cited."""
    for n, document in enumerate(compared):
        fact = document.facts[key]
        label = fact.label[:1].upper() + fact.label[1:]
        lead = "" if n else f"\n{label}{say('count.colon', language)}"
        cited.add(f"{lead}{document.name} {fact.shown_value}", fact.region)


def add_own(cited: CitedRegions, document: ComparedDocument, others: Sequence[ComparedDocument], language: str) -> None:
    """What only this one says."""
    own = [fact for key, fact in document.facts.items() if not any(key in each.facts for each in others)][:MOST_ONLY]
    if own:
        lead = f"\n{say('compare.only', language, name=document.name)}{say('count.colon', language)}"
        cited.join(f"{lead}{tell_values(own, language)}", [fact.region for fact in own])


def is_same(facts: Sequence[DocumentFact]) -> bool:
    """Whether all say the same, whatever they write behind the number."""
    values = [fact.measure for fact in facts]
    if len({fact.value.casefold() for fact in facts}) == 1:
        return True
    short = all(len(fact.value) < 24 for fact in facts)
    known = [value for value in values if value is not None]
    units = {unit for unit, _ in known if unit}
    return short and len(known) == len(values) and len({number for _, number in known}) == 1 and len(units) <= 1


def tell_values(facts: Sequence[DocumentFact], language: str) -> str:
    """Labels with their values, one after the other."""
    parts = [fact.shown_value if fact.is_sentence else f"{fact.label} {fact.value}" for fact in facts]
    return say("compare.semicolon", language).join(parts)


def tell_lonely(named: Sequence[DocumentMatch], language: str) -> Draft:
    """That there is only one of them, or none."""
    if not named:
        return Draft(text=say("compare.none", language), chance=SO_SO, refused=True)
    only, cited = named[0], CitedRegions()
    name = quote_title(only.source.name, MAX_NAME)
    if only.regions:
        cited.join(say("compare.one", language, name=name), only.regions[:1])
    return replace(cited.draft(SO_SO), refused=True)
