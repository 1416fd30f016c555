"""Questions over the library: the photos that are meant are found, listed, counted, compared, or looked at.

What people wrote about a photo answers before anybody looks; then what is read in it; then the one-photo skill looks at
the best photo, and the answer names the file. What is not there is said in the words of whoever asks.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from deepseek_mm.answering.skills.notes import COLOURLESS, MONEY, answer_from, head_of
from deepseek_mm.config import Config
from deepseek_mm.language.kinds import is_kind_of
from deepseek_mm.language.words import (
    NUMBERS,
    clean,
    content,
    is_negated,
    join_words,
    plural,
    quote_title,
    singular,
    tokens,
)
from deepseek_mm.retrieval.evidence import MAX_NAME, WRITTEN, pieces, renumber_claim
from deepseek_mm.retrieval.photo_finder import BELIEVED, BESIDES, PhotoFinder, PhotoMatch, SoughtSubject
from deepseek_mm.types import Act, Claim, Draft, Evidence
from index import Region, Source

Look = Callable[[Act, Source], Draft]  # answers an act about one photo, and names its file
MOST_LISTED, WITH_NOTES = 30, 10  # photos of one answer, and as many of them with what is written about them
MOST_FOUND = 60  # photos that are weighed for a list
MOST_MEANT, ALIKE = 3, 0.8  # photos that a look may mean, and of the best one's relevance what the others need
MOST_OF_LOOKS, SURE_OF_COUNT = 0.9, 0.97  # probabilities that are told at most
ABOUT = 0.12  # relevance from which the best photo is taken for the one that is meant
NEARLY = 0.2  # relevance from which the nearest photo is worth naming where none fits
SURE_OF_NOTE, SURE_OF_READING, SURE_OF_PRICE = 0.85, 0.7, 0.6  # how often such an answer is right
UNFOUND, UNTOLD = 0.7, 0.5  # probability that a refusal is right
IN_THE_ROW = re.compile(  # what no picture shows, and a row of a document may say
    r"\b(?:took|taken by|photographed|author|photographer|credit|painted|drew|brand|licen[cs]e|source|copyright|owns?)\b",
    re.I,
)
RELATIVE = re.compile(
    r"\bmy\s+(?:\w+\s+)?(?:grand\w+|mother|father|mum|mom|dad|parents?|wife|husband|son|daughter|sister|brother|aunt|uncle|"
    r"cousin|friends?|boss|colleagues?|family|neighbou?rs?|girlfriend|boyfriend|baby|kids?|children|teacher)\b",
    re.I,
)
UNMEASURED = re.compile(
    r"\b(?:most|least)\s+(?:expensive|popular|famous|valuable|beautiful|interesting|important)\b|\b(?:cheapest|prettiest|"
    r"nicest|priciest|funniest|best|worst)\b",
    re.I,
)
GROUPS = re.compile(r"\b(?:into|in|by)\s+([\w' -]+?)\s+(?:and|or|vs\.?)\s+([\w' -]+?)(?:\s+ones)?\W*$", re.I)
LIMIT = re.compile(
    rf"\b(?:name|list|show|find|give|get|tell)\b(?:\s+(?:me|us|only|just|the|any|my|at least))*\s+(\d{{1,2}}|{'|'.join(NUMBERS)})\b",
    re.I,
)
THOSE = re.compile(r"\bof (?:those|these|them|the two)\b|\bwhich (?:one|ones|of|photo|picture)\b", re.I)


@dataclass
class EvidenceList:
    """Evidence as it is used, numbered from 1."""

    entries: list[Evidence] = field(default_factory=list)

    def add(self, region: Region, *, siblings: Sequence[Region] = (), score: float = 0.0) -> int:
        """The number of this region; one that is there keeps its own."""
        known = next((e.number for e in self.entries if e.region.id == region.id and region.id), 0)
        if known:
            return known
        self.entries.append(
            Evidence(number=len(self.entries) + 1, region=region, score=score, siblings=tuple(siblings))
        )
        return len(self.entries)

    def add_photo(self, match: PhotoMatch) -> int:
        """The number of the whole picture."""
        return self.add(match.regions[0], siblings=match.regions, score=match.relevance)

    def add_draft(self, draft: Draft) -> list[Claim]:
        """The claims of another draft, with its evidence numbered on."""
        numbers = {}
        for entry in draft.evidence:
            self.entries.append(replace(entry, number=len(self.entries) + 1))
            numbers[entry.number] = len(self.entries)
        return [renumber_claim(claim, numbers) for claim in draft.claims]


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
            return refuse(unmeasured(act), UNTOLD)
        if act.kind == "find":
            return self._find(act, among)
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
        fitting = [match for match in found if match.relevance >= least]
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
        if not act.other:
            return self._meant(act, among)[:2]
        asked = [replace(act, subject=subject, other="", text=subject) for subject in (act.subject, act.other)]
        return [match for one in asked for match in self._meant(one, among)[:1]]

    def _choose(self, act: Act, among: Sequence[int]) -> Draft:
        """Which of the photos that were found fits best."""
        words = act.subject or act.text
        best = self.finder.find_photos(replace(act, subject=" ".join(content(words)) or words), 1, among=among)
        numbered = EvidenceList()
        claims = [Claim(f"{title(m)} fits best{note_of(m)}", (numbered.add_photo(m),), UNTOLD) for m in best]
        return Draft(claims=tuple(claims), evidence=tuple(numbered.entries), chance=UNTOLD, grounds="named")

    def _meant(self, act: Act, among: Sequence[int]) -> list[PhotoMatch]:
        """The photos that may be meant, best first; none where none is near."""
        ranked = self.finder.find_meant(act, among=among)
        if not among and (not ranked or ranked[0].relevance < ABOUT):
            return []
        return [match for match in ranked if match.relevance >= ALIKE * ranked[0].relevance][:MOST_MEANT]

    def _look(self, act: Act, among: Sequence[int]) -> Draft:
        """What is known of the photos that may be meant: by notes, by what is written in them, by looking at the best."""
        meant = self._meant(act, among)
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
        """CREDITS.md says of it: "a red bowl"; the file's name says so."""
        if note == match.words:
            return f"the name of {title(match)} says so"
        told = [region for region, line in self.finder.passages_about(match.source) if line.text == note]
        by = told[0].source.name if told else "its description"
        return f'{by} says of {title(match)}: "{clean(note, 200)}"'

    def _by_reading(self, act: Act, match: PhotoMatch) -> Draft | None:
        """What is written in the photo, where that is asked for or answers."""
        if act.attribute == "price" and (price := price_in(match.read)):
            said, region = price
            numbered = EvidenceList()
            numbers = (numbered.add_photo(match), numbered.add(region, siblings=match.regions))
            claim = Claim(f'The price in {title(match)} is {said}: it says "{quoted(region)}"', numbers, SURE_OF_PRICE)
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


def title(match: PhotoMatch) -> str:
    """The file's name in a sentence."""
    return quote_title(match.name, MAX_NAME)


def note_of(match: PhotoMatch) -> str:
    """What people wrote, in brackets behind the name; "" where nobody did."""
    return f' ("{clean(match.notes[0], 120)}")' if match.notes else ""


def no_note(match: PhotoMatch) -> str:
    """In a long list names alone are told."""
    return ""


def refuse(text: str, chance: float) -> Draft:
    """An answer that says why there is none."""
    return Draft(text=text, chance=chance, refused=True)


def not_found(subject: str) -> str:
    """Nothing there, in the words of whoever asks."""
    return f'I found no photo for "{clean(subject, MAX_NAME)}". Try other words for it, or add photos of it to the library.'


def not_told(match: PhotoMatch) -> str:
    """A photo is there, and does not answer."""
    return f"I found {title(match)}, but I cannot tell that from it."


def unknown_person(act: Act) -> str:
    """People whom only the asker knows."""
    who = RELATIVE.search(act.subject)
    name = re.sub(r"^my ", "your ", who[0], flags=re.IGNORECASE) if who else "that"
    return f"I do not know who {name} is, and no photo is named after anyone so called. Give one a name or a description, and I can find it."


def unmeasured(act: Act) -> str:
    """What no photo records."""
    what = UNMEASURED.search(act.subject or act.text)
    return f'I cannot tell: no photo records what is "{what[0].lower() if what else "best"}".'


def nothing_found(act: Act, found: Sequence[PhotoMatch], total: int) -> Draft:
    """No photo fits; the nearest is named where it is near."""
    subject = clean(act.subject or act.text, MAX_NAME)
    lead = "No, I" if act.form == "yes_no" else "I"
    text = f'{lead} found no photo for "{subject}" among your {total} photos.'
    near = [match for match in found[:1] if match.relevance >= NEARLY]
    if not near:
        return refuse(text, UNFOUND)
    numbered = EvidenceList()
    number = numbered.add_photo(near[0])
    claims = (
        Claim(text.rstrip("."), (), UNTOLD),
        Claim(f"The nearest is {title(near[0])}{note_of(near[0])}", (number,), UNTOLD),
    )
    return Draft(claims=claims, evidence=tuple(numbered.entries), chance=UNTOLD, grounds="seen", refused=True)


def list_photos(act: Act, fitting: Sequence[PhotoMatch], most: int) -> Draft:
    """The photos by their names, after a yes or a number where the question wants one."""
    numbered, shown = EvidenceList(), fitting[:most]
    entries = [(match, numbered.add_photo(match)) for match in shown]
    told = note_of if len(shown) <= WITH_NOTES else no_note
    claims = [Claim(f"{title(match)}{told(match)}", (number,), match.relevance) for match, number in entries]
    total, chance = len(fitting), min(match.relevance for match in shown)
    numbers = tuple(number for _, number in entries)
    head = f'{total} photo{"s fit" if total > 1 else " fits"} "{clean(act.subject or act.text, MAX_NAME)}"'
    if act.form == "yes_no":
        claims.insert(0, Claim(f"Yes, {head}", numbers, shown[0].relevance))
    elif total > 1 and act.form != "name":
        more = f"; here are {len(shown)}" if total > len(shown) else ""
        claims.insert(0, Claim(f"{head}{more}", numbers, chance))
    mean = sum(match.relevance for match in shown) / len(shown)
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
        names = join_words([title(match) for match in part]) or "none"
        claims.append(Claim(f"{group[0].upper()}{group[1:]}: {names}", numbers, UNTOLD))
    return Draft(claims=tuple(claims), evidence=tuple(numbered.entries), chance=UNTOLD, grounds="named")


def limit_of(text: str) -> int:
    """How many photos are wanted: "name four"; 0 where that is not said."""
    found = LIMIT.search(text)
    return int(NUMBERS.get(found[1].lower(), found[1])) if found else 0


def say_fact(act: Act, said: str, match: PhotoMatch, told_by: str) -> str:
    """The answer first, then who says so."""
    head = head_of(act.subject)
    if act.kind == "count" and head in {singular(word) for word in tokens(f"{' '.join(match.notes)} {match.words}")}:
        return f"{said} {plural(head) if said != '1' else head}: {told_by}"
    return f"{said[0].upper()}{said[1:]}: {told_by}"


def quoted(region: Region) -> str:
    """What is written there, on one line."""
    return clean(region.text, 120).replace('"', "'")


MOST_TEXTS = 6  # texts of a photo that are quoted
SMALL_COINS = re.compile(
    r"(?<!\d)(\d{1,3})(\d[05])(?!\d)"
)  # a price whose small digits are printed small: 3490 is 34.90
TWO_DIGITS = re.compile(r"\d{1,3}")


def price_in(texts: Sequence[Region]) -> tuple[str, Region] | None:
    """The amount of money that is written in a photo, and where."""
    for region in texts:
        if found := MONEY.search(region.text):
            return found[0], region
    for one, other in zip(texts, texts[1:], strict=False):
        if TWO_DIGITS.fullmatch(one.text.strip()) and re.fullmatch(r"\d[05]", other.text.strip()):
            return f"{one.text.strip()}.{other.text.strip()}", one
    for region in texts:
        if found := SMALL_COINS.search(region.text):
            return f"{found[1]}.{found[2]}", region
    return None


def quote_texts(act: Act, match: PhotoMatch) -> Draft:
    """What is written in the photo; where a number is asked for, the texts that have one."""
    numbered = EvidenceList()
    texts = [region for region in match.read if act.form != "number" or re.search(r"\d", region.text)] or list(
        match.read
    )
    numbers = tuple(numbered.add(region, siblings=match.regions) for region in texts[:MOST_TEXTS])
    words = "; ".join(dict.fromkeys(quoted(region) for region in texts[:MOST_TEXTS]))
    claim = Claim(f'{title(match)} says: "{words}"', numbers, SURE_OF_READING)
    return Draft(claims=(claim,), evidence=tuple(numbered.entries), chance=SURE_OF_READING, grounds="read")


LONG_TEXT = 4  # words from which a text can answer a question
LEAST_SHARE = 0.3  # of the question's words that a sentence must carry
ASKED_FOR = {  # attribute -> what its answer looks like
    "place": re.compile(r"\b\d{1,4}[a-z]? [A-Z]\w+|\b[A-Z]\w+ (?:street|road|lane|avenue|square|stra\u00dfe)\b", re.I),
    "person": re.compile(r"(?<!^)(?<![.!?] )\b[A-Z][a-z]+\b"),
    "price": MONEY,
    "date": re.compile(r"\b\d{4}\b|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b", re.I),
    "time": re.compile(r"\b\d{1,2}[:.]\d{2}\b"),
    "number": re.compile(r"\d"),
}


def sentence_for(act: Act, texts: Sequence[Region]) -> tuple[str, Region] | None:
    """The sentence of a photo's text that answers: it has words of the question, and looks like what is asked for."""
    wanted = {word for word in content(act.text)}
    shape = ASKED_FOR.get(act.attribute)
    best, most = None, LEAST_SHARE
    for region in texts:
        for sentence in pieces(region.text, region.kind):
            if len(sentence.split()) < LONG_TEXT:
                continue
            share = len(wanted & set(content(sentence))) / max(1, len(wanted))
            share += 0.3 if shape and shape.search(sentence) else 0.0
            if share > most:
                best, most = (sentence, region), share
    return best


def quote_sentence(act: Act, match: PhotoMatch, sentence: str, region: Region) -> Draft:
    """The sentence, after a no where it denies what was asked."""
    numbered = EvidenceList()
    number = numbered.add(region, siblings=match.regions)
    lead = "No: " if act.form == "yes_no" and is_negated(sentence) else ""
    text = clean(sentence, 300).replace('"', "'").rstrip(".")
    claim = Claim(f'{lead}{title(match)} says: "{text}"', (number,), SURE_OF_READING)
    return Draft(claims=(claim,), evidence=tuple(numbered.entries), chance=SURE_OF_READING, grounds="read")
