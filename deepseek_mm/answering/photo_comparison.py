"""Photos beside each other: what is known of each, which costs more, which there are more of, which fits."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from deepseek_mm.answering.evidence_list import EvidenceList
from deepseek_mm.answering.library_sentences import (
    ask_which,
    fits_best,
    not_found,
    note_of,
    say_costlier,
    say_counts,
    say_extreme,
    say_unpriced,
    title,
)
from deepseek_mm.answering.notes import price_told
from deepseek_mm.answering.photo_lists import UNFOUND, UNTOLD, refuse
from deepseek_mm.answering.skills.photo_text import SURE_OF_PRICE, SURE_OF_READING, price_in
from deepseek_mm.language.words import content, join_words
from deepseek_mm.retrieval.photo_finder import PHOTOS, PhotoFinder, PhotoMatch, keep_believed
from deepseek_mm.retrieval.subject import unmarked_words
from deepseek_mm.types import Act, Claim, Draft
from index import Filter

FindMeant = Callable[[Act, Filter], list[PhotoMatch]]
MOST_FOUND = 60
MORE_PHOTOS = re.compile(r"\bmore (?:photos?|pics?|pictures?|images?|shots?)\b|\bmore often\b", re.I)
COSTS = re.compile(
    r"\b(?:cheap(?:er|est)?|expensive|costs?|dear(?:er)?|prices?|priced|pricier)\b|\u8d35|\u4fbf\u5b9c|\bteurer|\bbilliger",
    re.I,
)
CHEAP = re.compile(
    r"\b(?:cheap(?:er|est)?|(?:less|least) expensive|costs? (?:the )?le(?:ss|ast)|lowest|billig(?:er|ste))"
    r"|\u4fbf\u5b9c",
    re.I,
)
PAIR = re.compile(r"([^\W\d_][\w-]+)\s+(?:or|and|vs\.?|versus|oder)\s+(?:(?:an?|the|my)\s+)?([^\W\d_][\w-]+)", re.I)
EXTREME = re.compile(
    r"\b(?:(?:most|least) expensive|cheapest|priciest|dearest|(?:highest|lowest) price)\b"
    r"|\bcosts? (?:the )?(?:most|least)\b"
    r"|\u6700\u8d35|\u6700\u4fbf\u5b9c|\b(?:teuerste|billigste)",
    re.I,
)
NO_THING = re.compile(r"expensive|cheap|pric|tag|dear|cost|least|most|high|low", re.I)
MOST_PRICED = 300  # photos that are looked through for prices
COLOUR = re.compile(r"\bcolou?r", re.I)
UNDECIDED = "Which of them that is I cannot tell from the photos"
THOSE = re.compile(
    r"\b(?:of|from) (?:those|these|them|the two)\b|\bwhich (?:one|ones|of|photo|picture)\b"
    r"|\bwelche[sr]? (?:davon|von)\b|\u54ea",
    re.I,
)


class PhotoComparison:
    """Compares photos of the library."""

    def __init__(self, finder: PhotoFinder, find_meant: FindMeant) -> None:
        self.finder, self.find_meant = finder, find_meant

    def answer(self, act: Act, where: Filter) -> Draft:
        """Each of the two as far as it is known, and how they differ in what is asked."""
        act = with_pair(act)
        if len(where.source_ids) == 2:
            act = replace(act, subject="", other="")
        if len(where.source_ids) > 1 and not act.other and (chosen := self.choose(act, where)):
            return chosen
        if MORE_PHOTOS.search(act.text) and act.other:
            return self._count_both(act, where)
        pair = self._pair(act, where)
        if len(pair) < 2 and not pair and act.reference and not where.source_ids:
            return refuse(ask_which(), UNTOLD)
        if len(pair) < 2:
            missing = act.subject if not pair else act.other or act.subject
            return refuse(not_found(missing or act.text), UNFOUND)
        if COSTS.search(act.text):
            return compare_prices(act, pair)
        told = describe_pair(act, pair)
        if act.form != "name" or COLOUR.search(act.text):
            return told
        return replace(told, claims=(Claim(UNDECIDED, (), UNTOLD), *told.claims), chance=UNTOLD)

    def find_extreme(self, act: Act, where: Filter) -> Draft | None:
        """The one with the highest or lowest price of all that are known; None where that is not asked for."""
        asked = EXTREME.search(act.text)
        if not asked:
            return None
        words = [word for word in unmarked_words(replace(act, subject="", other="")) if not NO_THING.search(word)]
        found = keep_believed(self.finder.find_subject(" ".join(words), MOST_FOUND, where=where)) if words else []
        among = found if words else self.finder.list_photos(where, MOST_PRICED)
        known = [(price_of(match), match) for match in among]
        priced = sorted(
            ((amount_of(said), n) for n, (said, _) in enumerate(known) if said), reverse=not CHEAP.search(act.text)
        )
        if len(priced) < 2:
            return None
        numbered = EvidenceList()
        best, *others = [known[n] for _, n in priced]
        first = Claim(
            say_extreme(*best, cheap=bool(CHEAP.search(act.text))), (numbered.add_photo(best[1]),), SURE_OF_PRICE
        )
        rest = [Claim(f"{title(match)}: {said}", (numbered.add_photo(match),), SURE_OF_PRICE) for said, match in others]
        return Draft(claims=(first, *rest), evidence=tuple(numbered.entries), chance=SURE_OF_PRICE, grounds="read")

    def choose(self, act: Act, where: Filter) -> Draft | None:
        """Which of the photos that were found fits best; None where none is asked for."""
        if not (act.form == "name" or act.kind == "compare") or not THOSE.search(act.text):
            return None
        words = " ".join(content(act.subject)) or " ".join(unmarked_words(act)) or act.text
        best = self.finder.find_subject(words, 1, where=where)
        numbered = EvidenceList()
        claims = [Claim(fits_best(m), (numbered.add_photo(m),), UNTOLD) for m in best]
        return Draft(claims=tuple(claims), evidence=tuple(numbered.entries), chance=UNTOLD, grounds="named")

    def _pair(self, act: Act, where: Filter) -> list[PhotoMatch]:
        """The best photo of each of the two subjects; of one subject ("the two sweaters") its two best."""
        if not act.other:
            called = keep_believed(self.finder.find_subject(act.subject, 2, where=where)) if act.subject else []
            return called if len(called) == 2 else self.find_meant(act, where)[:2]
        asked = [replace(act, subject=subject, other="", text=subject) for subject in (act.subject, act.other)]
        return [match for one in asked for match in self.find_meant(one, replace(where, source_ids=()))[:1]]

    def _count_both(self, act: Act, where: Filter) -> Draft:
        """Of which there are more photos."""
        numbered = EvidenceList()
        both = [
            (name, keep_believed(self.finder.find_subject(name, MOST_FOUND, where=PHOTOS)))
            for name in (act.subject, act.other)
        ]
        claims = [Claim(say_counts([(name, len(some)) for name, some in both]), (), SURE_OF_READING)]
        for name, some in both:
            numbers = tuple(numbered.add_photo(match) for match in some)
            if some:
                claims.append(
                    Claim(f"{name}: {join_words([title(match) for match in some])}", numbers, SURE_OF_READING)
                )
        return Draft(claims=tuple(claims), evidence=tuple(numbered.entries), chance=SURE_OF_READING, grounds="named")


def with_pair(act: Act) -> Act:
    """With the two that its words put beside each other, where not both were marked: "cat or dog, which ...?"."""
    found = None if act.subject != act.other else PAIR.search(act.text)
    return replace(act, subject=found[1], other=found[2]) if found else act


def describe_pair(act: Act, pair: Sequence[PhotoMatch]) -> Draft:
    """What is written of each and its colours; which has more of these, where colours are asked for."""
    numbered, claims, colours = EvidenceList(), [], []
    for match in pair:
        number = numbered.add_photo(match)
        shown = match.regions[0].colours
        colours.append((len(shown), match, number))
        told = f"; its main colours are {join_words(list(shown))}" if shown else ""
        claims.append(Claim(f"{title(match)}{note_of(match)}{told}", (number,), SURE_OF_READING))
    if COLOUR.search(act.text):
        most = max(colours, key=lambda each: each[0])
        claims.insert(0, Claim(f"{title(most[1])} shows more colours", (most[2],), SURE_OF_PRICE))
    chance = min(claim.certainty for claim in claims)
    return Draft(claims=tuple(claims), evidence=tuple(numbered.entries), chance=chance, grounds="measured")


def compare_prices(act: Act, pair: Sequence[PhotoMatch]) -> Draft:
    """Which of them costs more, or less; where a price is not known that is said."""
    numbered, claims, priced = EvidenceList(), [], []
    names = (act.subject, act.other) if act.other else ("", "")
    for match, name in zip(pair, names, strict=True):
        number = numbered.add_photo(match)
        said = price_of(match)
        priced += [(amount_of(said), match, number, name)] if said else []
        known = f"{title(match)}{note_of(match)}: {said}" if said else say_unpriced(match)
        claims.append(Claim(known, (number,), SURE_OF_PRICE))
    if len(priced) == len(pair) and priced[0][0] != priced[1][0]:
        cheap = bool(CHEAP.search(act.text))
        best = (min if cheap else max)(priced, key=lambda each: each[0])
        claims.insert(0, Claim(say_costlier(best[1], best[3], cheap=cheap), (best[2],), SURE_OF_PRICE))
    known_all = len(priced) == len(pair)
    return Draft(
        claims=tuple(claims),
        evidence=tuple(numbered.entries),
        chance=SURE_OF_PRICE if known_all else UNTOLD,
        grounds="read",
    )


def amount_of(price: str) -> float:
    """The number in a price; 0 where there is none."""
    return float(re.sub(r"[^\d.,]", "", price).replace(",", ".") or 0)


def price_of(match: PhotoMatch) -> str:
    """The price that a note tells, or else that is read in the photo; "" where neither does."""
    told = next((said for note in match.notes if (said := price_told(note))), "")
    read = None if told else price_in(match.read)
    return told or (read[0] if read else "")
