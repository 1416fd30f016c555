"""Questions over the library: the photos that are meant are found, listed, counted, compared, or looked at.

What people wrote about a photo answers before anybody looks; then what is read in it; then the one-photo skill looks at
the best photo, and the answer names the file. What is not there is said in the words of whoever asks.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from deepseek_mm.answering.evidence_list import EvidenceList
from deepseek_mm.answering.library_sentences import (
    RELATIVE,
    UNMEASURED,
    heading,
    lacking,
    nearest,
    no_note,
    not_found,
    not_told,
    note_of,
    quote_text,
    refuse_unmeasured,
    say_fact,
    title,
    told_by,
    unknown_person,
)
from deepseek_mm.answering.notes import answer_from
from deepseek_mm.answering.skills.photo_text import (
    SURE_OF_PRICE,
    SURE_OF_READING,
    price_in,
    quote_sentence,
    quote_texts,
    sentence_for,
)
from deepseek_mm.config import Config
from deepseek_mm.language.kinds import is_kind_of
from deepseek_mm.language.words import (
    NUMBERS,
    clean,
    content,
    join_words,
    singular,
)
from deepseek_mm.retrieval.photo_finder import BELIEVED, BESIDES, PhotoFinder, PhotoMatch
from deepseek_mm.retrieval.subject import SoughtSubject
from deepseek_mm.types import Act, Claim, Draft
from index import Source

Look = Callable[[Act, Source], Draft]  # answers an act about one photo, and names its file
COUNTS_PHOTOS = re.compile(
    r"\bhow many (?:of (?:my|the|these|those) )?(?:photos?|pics?|pictures?|images?|shots?|files?)\b"
    r"|\b(?:photograph|take pictures? of)\b|\u51e0\u5f20|\u591a\u5c11\u5f20",
    re.I,
)
MOST_LISTED, WITH_NOTES = 30, 10  # photos of one answer, and as many of them with what is written about them
MOST_FOUND = 60  # photos that are weighed for a list
MOST_MEANT, ALIKE = 3, 0.8  # photos that a look may mean, and of the best one's relevance what the others need
MOST_OF_LOOKS, SURE_OF_COUNT = 0.9, 0.97  # probabilities that are told at most
ABOUT = 0.12  # relevance from which the best photo is taken for the one that is meant
POSSIBLE = 0.28  # relevance from which it is told as a guess, where a photo was asked for and not whether there is one
NEARLY = 0.2  # relevance from which the nearest photo is worth naming where none fits
SURE_OF_NOTE = 0.85  # how often such an answer is right
UNFOUND, UNTOLD = 0.7, 0.5  # probability that a refusal is right
IN_THE_ROW = re.compile(  # what no picture shows, and a row of a document may say
    r"\b(?:took|taken by|photographed|author|photographer|credit|painted|drew|brand|licen[cs]e|source|copyright)\b",
    re.I,
)
GROUPS = re.compile(r"\b(?:into|in|by)\s+([\w' -]+?)\s+(?:and|or|vs\.?)\s+([\w' -]+?)(?:\s+ones)?\W*$", re.I)
LIMIT = re.compile(
    r"\b(?:name|list|show|find|give|get|tell)\b(?:\s+(?:me|us|only|just|the|any|my|at least))*\s+"
    rf"(\d{{1,2}}|{'|'.join(NUMBERS)})\b",
    re.I,
)
THOSE = re.compile(r"\bof (?:those|these|them|the two)\b|\bwhich (?:one|ones|of|photo|picture)\b", re.I)


class LibrarySkill:
    """Answers acts over the library, or over the photos that were found last."""

    def __init__(self, finder: PhotoFinder, look: Look, config: Config) -> None:
        self.finder, self.look, self.config = finder, look, config

    def answer(self, act: Act, *, among: Sequence[int] = ()) -> Draft:
        """Claims with citations, or an honest refusal. `among` are ids of the sources that are spoken of."""
        if act.filters.file and not among:
            among = [source.id for source in self.finder.find_named(act.filters.file)]
        if RELATIVE.search(act.subject) and not self._named_people(act):
            return refuse(unknown_person(act), UNFOUND)
        if act.kind == "find" and UNMEASURED.search(act.subject or act.text):
            return refuse(refuse_unmeasured(act), UNTOLD)
        if act.kind == "find":
            return self._find(act, among)
        if act.kind == "count" and COUNTS_PHOTOS.search(act.text):
            everything = not SoughtSubject(act.subject).words and not act.other
            return count_all(self.finder.num_photos()) if everything else self._find(replace(act, kind="find"), among)
        if act.kind == "count" and not SoughtSubject(act.subject or act.text).words:
            return count_all(self.finder.num_photos())
        if act.kind == "compare":
            return self._compare(act, among)
        if len(among) > 1 and (act.form == "name" and THOSE.search(act.text)):
            return self._choose(act, among)
        return self._look(act, among)

    def _named_people(self, act: Act) -> bool:
        """Does any name, note or label say so?"""
        best = self.finder.find_photos(act, 1)
        return bool(best) and best[0].witnesses.named >= BELIEVED

    def _find(self, act: Act, among: Sequence[int]) -> Draft:
        found = self.finder.find_photos(act, MOST_FOUND, among=among)
        least = max(BELIEVED, BESIDES * found[0].relevance) if found else BELIEVED
        pointed = len(among) == 1 and bool(act.reference) and not SoughtSubject(act.subject).words
        fitting = found if pointed else [match for match in found if match.relevance >= least]
        if not fitting:
            return nothing_found(act, found, self.finder.num_photos())
        if groups := GROUPS.search(act.text):
            return group_photos(act, fitting, (groups[1], groups[2]))
        wanted = limit_of(act.text) or (1 if act.form == "name" else MOST_LISTED)
        return list_photos(act, fitting, wanted)

    def _compare(self, act: Act, among: Sequence[int]) -> Draft:
        """Each of the two as far as it is known, and which has more colours where that is asked."""
        numbered, claims, colours = EvidenceList(), [], []
        pair = self._pair(act, among)
        if len(pair) < 2:
            return refuse(not_found(act.subject if not pair else act.other or act.subject), UNFOUND)
        for match in pair:
            number = numbered.add_photo(match)
            shown = match.regions[0].colours
            colours.append((len(shown), match, number))
            told = f"; its main colours are {join_words(list(shown))}" if shown else ""
            claims.append(Claim(f"{title(match)}{note_of(match)}{told}", (number,), SURE_OF_READING))
        if re.search(r"\bcolou?r", act.text, re.I):
            most = max(colours, key=lambda each: each[0])
            claims.insert(0, Claim(f"{title(most[1])} shows more colours", (most[2],), SURE_OF_PRICE))
        chance = min(claim.certainty for claim in claims)
        return Draft(claims=tuple(claims), evidence=tuple(numbered.entries), chance=chance, grounds="measured")

    def _pair(self, act: Act, among: Sequence[int]) -> list[PhotoMatch]:
        """The best photo of each of the two subjects; of one subject ("the two sweaters") its two best."""
        if len(among) == 2 and not act.other:
            return self.finder.find_meant(act, among=among)
        if not act.other:
            return self._find_meant(act, among)[:2]
        asked = [replace(act, subject=subject, other="", text=subject) for subject in (act.subject, act.other)]
        return [match for one in asked for match in self._find_meant(one, among)[:1]]

    def _choose(self, act: Act, among: Sequence[int]) -> Draft:
        """Which of the photos that were found fits best."""
        words = act.subject or act.text
        best = self.finder.find_photos(replace(act, subject=" ".join(content(words)) or words), 1, among=among)
        numbered = EvidenceList()
        claims = [Claim(f"{title(m)} fits best{note_of(m)}", (numbered.add_photo(m),), UNTOLD) for m in best]
        return Draft(claims=tuple(claims), evidence=tuple(numbered.entries), chance=UNTOLD, grounds="named")

    def _find_meant(self, act: Act, among: Sequence[int]) -> list[PhotoMatch]:
        """The photos that may be meant, best first; none where none is near."""
        ranked = self.finder.find_meant(act, among=among)
        if not among and (not ranked or ranked[0].relevance < ABOUT):
            return []
        return [match for match in ranked if match.relevance >= ALIKE * ranked[0].relevance][:MOST_MEANT]

    def _look(self, act: Act, among: Sequence[int]) -> Draft:
        """What is known of the photos that may be meant: by notes, by what is written in them, by a look."""
        meant = self._find_meant(act, among)
        if not meant:
            return refuse(not_found(act.subject or act.text), UNFOUND)
        for way in (self._by_notes, self._by_row, self._by_reading):
            if drafts := [draft for match in meant if (draft := way(act, match))]:
                return join_drafts(drafts)
        return self._by_looking(act, meant[0])

    def _by_notes(self, act: Act, match: PhotoMatch) -> Draft | None:
        said, note = answer_from(act, [*match.notes, match.words])
        if not said:
            return None
        numbered = EvidenceList()
        numbers = (numbered.add_photo(match), *self._cite_note(match, note, numbered))
        claim = Claim(say_fact(act, said, match, self._told_by(match, note)), numbers, SURE_OF_NOTE)
        return Draft(claims=(claim,), evidence=tuple(numbered.entries), chance=SURE_OF_NOTE, grounds="described")

    def _cite_note(self, match: PhotoMatch, note: str, numbered: EvidenceList) -> list[int]:
        """The number of the passage that says it, if a document does."""
        told = [region for region, line in self.finder.passages_about(match.source) if line.text == note]
        return [numbered.add(region) for region in told[:1]]

    def _told_by(self, match: PhotoMatch, note: str) -> str:
        told = [region for region, line in self.finder.passages_about(match.source) if line.text == note]
        return told_by(told[0].source.name if told else "", match, note)

    def _by_reading(self, act: Act, match: PhotoMatch) -> Draft | None:
        """What is written in the photo, where that is asked for or answers."""
        if act.attribute == "price" and (price := price_in(match.read)):
            said, region = price
            numbered = EvidenceList()
            numbers = (numbered.add_photo(match), numbered.add(region, siblings=match.regions))
            claim = Claim(
                f'The price in {title(match)} is {said}: it says "{quote_text(region)}"', numbers, SURE_OF_PRICE
            )
            return Draft(claims=(claim,), evidence=tuple(numbered.entries), chance=SURE_OF_PRICE, grounds="read")
        if act.kind == "read" and match.read:
            return quote_texts(act, match)
        found = sentence_for(act, match.read)
        return quote_sentence(act, match, *found) if found else None

    def _by_looking(self, act: Act, match: PhotoMatch) -> Draft:
        """What the one-photo skill sees; and what people wrote, which may say it better."""
        numbered = EvidenceList()
        asked = replace(act, subject="", other="") if act.kind == "describe" else act
        seen = self.look(replace(asked, scope="picture"), match.source)
        notes = [self._note_claim(match, note, numbered) for note in match.notes[:2]]
        told = numbered.add_draft(seen) if is_told(seen) else []
        rest = [Claim("More than that I cannot tell", (), UNTOLD)] if notes and not told else []
        first = [*notes, *told] if act.kind == "describe" else [*told, *notes]
        claims = [*first, *rest] or numbered.add_draft(seen)
        if not claims:
            return replace(seen, text=seen.text or not_told(match))
        chance = min(seen.chance, MOST_OF_LOOKS) if told else UNTOLD
        return replace(seen, claims=tuple(claims), evidence=tuple(numbered.entries), text="", chance=chance)

    def _note_claim(self, match: PhotoMatch, note: str, numbered: EvidenceList) -> Claim:
        number = numbered.add_photo(match)
        return Claim(self._told_by(match, note), (number, *self._cite_note(match, note, numbered)), SURE_OF_READING)

    def _by_row(self, act: Act, match: PhotoMatch) -> Draft | None:
        """Who took it, which brand: no picture says so; what is read in it, and the row of a document beside it."""
        if not IN_THE_ROW.search(act.text):
            return None
        numbered = EvidenceList()
        number = numbered.add_photo(match)
        head = Claim(f"{title(match)} itself does not say that", (number,), 1.0)
        rows = [
            Claim(
                f'{region.source.name} says of it: "{clean(" | ".join(line.cells), 200)}"', (numbered.add(region),), 1.0
            )
            for region, line in self.finder.passages_about(match.source)[:1]
        ]
        texts = quote_texts(act, match) if act.kind == "read" and match.read else None
        first = numbered.add_draft(texts) if texts else [head]
        return Draft(
            claims=(*first, *rows),
            evidence=tuple(numbered.entries),
            chance=UNTOLD,
            grounds="described",
            refused=not rows,
        )


def is_told(draft: Draft) -> bool:
    """Has the one-photo skill an answer, rather than a guess?"""
    unknown = draft.verdict is not None and draft.verdict.outcome == "unknown"
    silent = all(" not say " in claim.text or claim.text.startswith("I find no text") for claim in draft.claims)
    return bool(draft.claims) and not draft.refused and not unknown and not silent


def join_drafts(drafts: Sequence[Draft]) -> Draft:
    """What several photos answer, one after the other."""
    if len(drafts) == 1:
        return drafts[0]
    numbered = EvidenceList()
    claims = tuple(claim for draft in drafts for claim in numbered.add_draft(draft))
    return replace(drafts[0], claims=claims, evidence=tuple(numbered.entries))


def count_all(total: int) -> Draft:
    """How many photos there are."""
    return Draft(
        claims=(Claim(f"There are {total} photos in the library", (), 1.0),), chance=SURE_OF_COUNT, grounds="measured"
    )


def refuse(text: str, chance: float) -> Draft:
    """An answer that says why there is none."""
    return Draft(text=text, chance=chance, refused=True)


def nothing_found(act: Act, found: Sequence[PhotoMatch], total: int) -> Draft:
    """No photo fits; the nearest is named where it is near."""
    near = [match for match in found[:1] if match.relevance >= NEARLY]
    if not near:
        return refuse(f"{lacking(act, total)}.", UNFOUND)
    numbered = EvidenceList()
    number = numbered.add_photo(near[0])
    if act.form != "yes_no" and near[0].relevance >= POSSIBLE:
        guess = Claim(f"Perhaps {title(near[0])}{note_of(near[0])}; nothing else is near", (number,), near[0].relevance)
        return Draft(claims=(guess,), evidence=tuple(numbered.entries), chance=near[0].relevance, grounds="seen")
    claims = (Claim(lacking(act, total), (), UNTOLD), Claim(nearest(near[0]), (number,), UNTOLD))
    return Draft(claims=claims, evidence=tuple(numbered.entries), chance=UNTOLD, grounds="seen", refused=True)


def list_photos(act: Act, fitting: Sequence[PhotoMatch], most: int) -> Draft:
    """The photos by their names, after a yes or a number where the question wants one."""
    numbered, shown = EvidenceList(), fitting[:most]
    numbers = tuple(numbered.add_shown(match) for match in shown)
    told = note_of if len(shown) <= WITH_NOTES else no_note
    claims = [
        Claim(f"{title(match)}{told(match)}", (number,), match.relevance)
        for match, number in zip(shown, numbers, strict=True)
    ]
    mean = sum(match.relevance for match in shown) / len(shown)
    if act.form == "yes_no" or act.form == "number" or (len(fitting) > 1 and act.form != "name"):
        claims.insert(0, Claim(heading(act, len(fitting), len(shown)), numbers, shown[0].relevance))
    return Draft(claims=tuple(claims), evidence=tuple(numbered.entries), chance=mean, grounds=grounds_of(shown[0]))


def grounds_of(match: PhotoMatch) -> str:
    """What a find rests on."""
    return "named" if match.witnesses.named >= BELIEVED else "read" if match.witnesses.read >= BELIEVED else "seen"


def group_photos(act: Act, fitting: Sequence[PhotoMatch], groups: tuple[str, str]) -> Draft:
    """The photos in the two groups that the question names: what is known to be one of the first, and the others."""
    numbered = EvidenceList()
    kinds = [singular(group.lower().removesuffix(" ones").split()[-1]) for group in groups]
    parts: tuple[list[PhotoMatch], list[PhotoMatch]] = ([], [])
    for match in fitting:
        names = [word for why in match.why for word in (why, why.split(" ")[-1])]
        first, second = (any(is_kind_of(name, kind) for name in names) for kind in kinds)
        parts[0 if first and not second else 1].append(match)
    claims = []
    for group, part in zip(groups, parts, strict=True):
        numbers = tuple(numbered.add_photo(match) for match in part)
        titles = join_words([title(match) for match in part]) or "none"
        claims.append(Claim(f"{group[0].upper()}{group[1:]}: {titles}", numbers, UNTOLD))
    return Draft(claims=tuple(claims), evidence=tuple(numbered.entries), chance=UNTOLD, grounds="named")


def limit_of(text: str) -> int:
    """How many photos are wanted: "name four"; 0 where that is not said."""
    found = LIMIT.search(text)
    return int(NUMBERS.get(found[1].lower(), found[1])) if found else 0
