"""Questions over the library: the photos that are meant are found, listed, counted, compared, or looked at.

What people wrote about a photo answers before anybody looks; then what is read in it; then the one-photo skill looks at
the best photo, and the answer names the file. What is not there is said in the words of whoever asks.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from deepseek_mm.answering.evidence_list import EvidenceList
from deepseek_mm.answering.library_sentences import (
    RELATIVE,
    UNMEASURED,
    ask_which,
    no_other,
    no_sound,
    none_within,
    not_found,
    not_told,
    quote_text,
    refuse_unmeasured,
    say_fact,
    title,
    told_by,
    unknown_person,
    without,
)
from deepseek_mm.answering.notes import answer_from
from deepseek_mm.answering.photo_comparison import COSTS, PhotoComparison
from deepseek_mm.answering.photo_lists import (
    UNFOUND,
    UNTOLD,
    PhotoOrder,
    are_only_written,
    count_all,
    group_photos,
    join_drafts,
    limit_of,
    list_photos,
    nothing_found,
    order_of,
    pick_first,
    refuse,
    split_groups,
    tell_written,
)
from deepseek_mm.answering.photo_rows import answer_from_row, asks_for_row
from deepseek_mm.answering.skills.named_faces import NamedFaces
from deepseek_mm.answering.skills.photo_text import (
    SURE_OF_PRICE,
    SURE_OF_READING,
    price_in,
    quote_sentence,
    quote_texts,
    sentence_for,
)
from deepseek_mm.config import Config
from deepseek_mm.language.kinds import is_known_name
from deepseek_mm.language.words import COLOURS, tokens
from deepseek_mm.retrieval.act_filters import read_bounds, with_subject_of_words
from deepseek_mm.retrieval.photo_finder import (
    BELIEVED,
    MOST_UNLIKELY,
    PHOTOS,
    PhotoFinder,
    PhotoMatch,
    keep_believed,
    note_unlikely,
)
from deepseek_mm.retrieval.subject import (
    POINTS_AT,
    SoughtSubject,
    are_nested,
    extend,
    fit_of,
    split_excluded,
    split_subject,
    subject_of,
    unmarked_words,
    with_measured,
)
from deepseek_mm.retrieval.witnesses import colours_of
from deepseek_mm.stage_clock import note_left_out
from deepseek_mm.types import Act, Claim, Draft
from index import Filter, Source

Look = Callable[[Act, Source], Draft]  # answers an act about one photo, and names its file
COUNTS_PHOTOS = re.compile(
    r"\bhow many (?:of (?:my|the|these|those) )?(?:photos?|pics?|pictures?|images?|shots?|files?)\b"
    r"|\b(?:photograph|take pictures? of)\b|\u51e0\u5f20|\u591a\u5c11\u5f20|\bwie viele (?:fotos?|bilder)\b",
    re.I,
)
IS_THERE = re.compile(  # of any photo, not of one
    r"\b(?:in|on|among|of) (?:any|all|one|some)?(?: of)? ?(?:my|our|the|these|your) "
    r"(?:photos?|pics?|pictures?|images?|library)\b"
    r"|^\W*(?:and |or )?any\b|\b(?:do|did|have) (?:i|we) (?:have|own|got|ever)\b|\bin any (?:of|photo|pic)",
    re.I,
)
FILE_NAME = re.compile(r"[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{3,4}\b")
THERE_IS = re.compile(r"\W*(?:is|are) there\b|\W*gibt es\b", re.I)
OR = re.compile(r"\bor an? ", re.I)  # between two things that either of may be there
ANOTHER = re.compile(r"\b(?:another|second one|others?|more of|any more|else)\b|\u522b\u7684|\u5176\u4ed6", re.I)
SEVERAL = re.compile(
    r"\b(?:those|these|them|they|their|all|both|each)\b"
    r"|\u4eec|\u4e9b|\b(?:sie|diese|alle|beide)\b",
    re.I,
)
ORDER_WORDS = frozenset("last latest newest recent first oldest earliest largest biggest smallest".split())  # noqa: SIM905
SOUND = re.compile(r"^\W*(?:my |any |the |all )?(?:audios?|songs?|recordings?)\W*$", re.I)
NAMED = re.compile(r"(?<!^)(?<![.!?] )\b[A-Z][\w-]+")  # a name in a question
SHORT_NAME = 4  # letters of words that are no names
BY_DOCUMENTS = "by what documents say of them"
MOST_LEFT = 300  # photos of which those without something are told
MOST_ORDERED = 10_000  # photos of which the newest is told
MOST_LISTED = 30  # photos of one answer
MOST_FOUND = 60  # photos that are weighed for a list
MOST_MEANT, ALIKE = 3, 0.8  # photos that a look may mean, and of the best one's relevance what the others need
MOST_TOLD = 6  # photos of which something is told, where all that were found are asked about
MOST_OF_LOOKS = 0.9  # probability that is told at most
ABOUT = 0.12  # relevance from which the best photo is taken for the one that is meant
FULLY_NAMED = 0.5  # share of the words that names and notes say, from which a photo is called so
WRITTEN_ON = re.compile(
    r"\bwrit|\bsa(?:y|id)|\btext\b|\bwords?\b|\breads?\b|\u5199|\u5b57|\bsteht\b", re.IGNORECASE
)  # on a photo
SURE_OF_NOTE = 0.85  # how often such an answer is right


class LibrarySkill:
    """Answers acts over the library, or over the photos that were found last."""

    def __init__(self, finder: PhotoFinder, look: Look, config: Config) -> None:
        self.finder, self.look, self.config = finder, look, config
        self.faces = NamedFaces(finder.store.people)
        self.comparison = PhotoComparison(finder, self._find_meant)

    def answer(self, act: Act, *, among: Sequence[int] = ()) -> Draft:
        """Claims with citations, or an honest refusal. `among` are ids of the sources that are spoken of."""
        if act.filters.file and (not among or act.kind == "compare"):
            files = FILE_NAME.findall(act.text) or [act.filters.file]
            among = [source.id for name in files for source in self.finder.find_named(name)]
        bounds = read_bounds(act if among else self.faces.find_photos_instead(act), self.finder.store, datetime.now())
        act, where = bounds.act, replace(bounds.where, source_ids=tuple(among))
        if bounds.told and not self.finder.store.has_sources(where):
            return refuse(none_within(bounds.phrase, self.finder.num_photos(), act), UNFOUND, "measured")
        if act.kind == "find" and SOUND.search(act.subject or " ".join(unmarked_words(act))):
            return refuse(no_sound(), UNFOUND)
        if RELATIVE.search(act.subject) and not self._named_people(act):
            return refuse(unknown_person(act), UNFOUND)
        extreme = self.comparison.find_extreme(act, where)
        if not extreme and act.kind == "find" and UNMEASURED.search(act.subject or act.text):
            return refuse(refuse_unmeasured(act), UNTOLD)
        if act.kind == "find" and among and not (act.reference and len(among) == 1) and ANOTHER.search(act.text):
            return self._find_others(act, among)
        return extreme or self._answer(act, where, bounds.phrase)

    def _answer(self, act: Act, where: Filter, within: str) -> Draft:
        """`within` are the words of the filters that were followed."""
        if act.kind in ("look", "read") and not act.attribute.replace("text", "") and COSTS.search(act.text):
            act = replace(act, attribute="price")
        if act.kind != "find" and not where.source_ids and is_search(act):
            act = replace(act, form="yes_no" if THERE_IS.match(act.text) else act.form, kind="find")
        if act.kind == "find":
            return self._find(act, where, within)
        if act.kind == "count":
            return self._count(act, where, within)
        if act.kind == "compare":
            return self.comparison.answer(act, where)
        if len(where.source_ids) > 1 and (chosen := self.comparison.choose(act, where)):
            return chosen
        return self._look(act, where)

    def _named_people(self, act: Act) -> bool:
        """Does any name, note or label say so?"""
        best = self.finder.find_photos(act, 1)
        return bool(best) and best[0].witnesses.named >= BELIEVED

    def _find(self, act: Act, where: Filter, within: str = "") -> Draft:
        text, groups = split_groups(act.text)
        asked, excluded = split_excluded(replace(act, kind="find", text=text))
        asked = with_subject_of_words(asked)
        if order := order_of(act.text):
            return self._pick_first(asked, order, where)
        left = f"{within} {without(excluded)}".strip() if excluded else within
        if names_nothing(asked) and (left or where.source_ids):
            return self._list_all(act, where, excluded, left)
        found = self.finder.find_photos(asked, MOST_FOUND, where=where)
        fitting = self._leave_out(excluded, self._fitting(asked, found, where))
        note_unlikely(found, fitting)
        if not fitting and (told := self.finder.find_in_rows(asked, names=names_in(asked))):
            fitting, left = told, f"{left} {BY_DOCUMENTS}".strip()
        if not fitting:
            return nothing_found(act, found, self.finder.num_photos(), within)
        if act.form in ("yes_no", "number") and not WRITTEN_ON.search(act.text) and are_only_written(fitting):
            return tell_written(act, fitting, self.finder.num_photos(), within)
        if groups:
            return group_photos(act, fitting, groups)
        wanted = limit_of(act.text) or (1 if act.form == "name" else MOST_LISTED)
        subject = extend(with_measured(asked.subject, act.text), act.text)
        return list_photos(replace(act, subject=subject), fitting, wanted, left)

    def _list_all(self, act: Act, where: Filter, excluded: str, within: str) -> Draft:
        """All photos that the filters allow, but those with what is not wanted."""
        if excluded:
            kept = self._leave_out(excluded, self.finder.list_photos(where, MOST_LEFT))
            return (
                list_photos(replace(act, subject=""), kept, MOST_LISTED, within)
                if kept
                else refuse(no_other(act), UNFOUND)
            )
        total = self.finder.num_within(where)
        return list_photos(act, self.finder.list_photos(where, MOST_LISTED), MOST_LISTED, within, total=total)

    def _pick_first(self, act: Act, order: PhotoOrder, where: Filter) -> Draft:
        """The newest or the largest of all, or of those that show what is named."""
        words = [word for word in SoughtSubject(act.subject).words if word not in ORDER_WORDS]
        if not words:
            return pick_first(order, self.finder.list_photos(where, MOST_ORDERED))
        asked = replace(act, subject=" ".join(words))
        return pick_first(order, self._fitting(asked, self.finder.find_photos(asked, MOST_FOUND, where=where), where))

    def _leave_out(self, excluded: str, fitting: list[PhotoMatch]) -> list[PhotoMatch]:
        """Those without what is not wanted: a colour, or a thing."""
        if not excluded or not fitting:
            return fitting
        subject, ids = SoughtSubject(excluded), tuple(match.source.id for match in fitting)
        if subject.colours and not subject.things:
            return [match for match in fitting if not colours_of(match.regions) & set(subject.colours)]
        unwanted = keep_believed(self.finder.find_subject(excluded, MOST_FOUND, where=Filter(source_ids=ids)))
        return [match for match in fitting if match.source.id not in {each.source.id for each in unwanted}]

    def _fitting(self, act: Act, found: Sequence[PhotoMatch], where: Filter) -> list[PhotoMatch]:
        """Those that count as found; of "a cat and a panda" those of both, unless a photo has all of it."""
        fitting = keep_believed(found)
        parts = split_subject(subject_of(act))
        whole = any(match.witnesses.fully for match in fitting) and not are_nested(parts)
        if len(parts) > 1 and not whole:
            each = [self.finder.find_subject(part, MOST_FOUND, where=where) for part in parts]
            fitting = list({match.source.id: match for some in each for match in keep_believed(some)}.values())
        sought = SoughtSubject(subject_of(act)).words
        return narrow_by_words(
            fitting, [*(word for word in unmarked_words(act) if word not in sought), *shades_in(act)]
        )

    def _find_others(self, act: Act, among: Sequence[int]) -> Draft:
        """What fits as well as the photos that were found before."""
        found = self.finder.find_photos(act, MOST_FOUND)
        fitting = self._fitting(act, found, PHOTOS)
        others = [match for match in fitting if match.source.id not in among]
        return list_photos(act, others, MOST_LISTED) if others else refuse(no_other(act), UNTOLD)

    def _count(self, act: Act, where: Filter, within: str) -> Draft:
        """Photos, where several show it or photos are counted; else things in the one that is meant."""
        everything = not SoughtSubject(act.subject).words and not act.other
        if everything and not where.source_ids:
            return count_all(self.finder.num_within(where), within)
        fitting = self._fitting(replace(act, kind="find"), self.finder.find_photos(act, MOST_FOUND, where=where), where)
        if COUNTS_PHOTOS.search(act.text) or (len(fitting) > 1 and not act.other and not where.source_ids):
            return self._find(replace(act, form="number"), where, within)
        return self._look(act, where)

    def _find_meant(self, act: Act, where: Filter) -> list[PhotoMatch]:
        """The photos that may be meant, best first; none where none is near."""
        ranked = self.finder.find_meant(act, where=where)
        if not where.source_ids and (not ranked or ranked[0].relevance < ABOUT):
            note_left_out([(match.name, match.relevance) for match in ranked[:MOST_UNLIKELY]], ABOUT)
            return self.finder.find_in_rows(act)[:1]
        if where.source_ids and (not act.subject or SEVERAL.search(act.reference)):
            return ranked[:MOST_TOLD]
        near = [match for match in ranked if match.relevance >= ALIKE * ranked[0].relevance]
        return narrow_by_words(near, unmarked_words(act))[:MOST_MEANT]

    def _look(self, act: Act, where: Filter) -> Draft:
        """What is known of the photos that may be meant: by notes, by what is written in them, by a look."""
        points = act.reference or POINTS_AT.search(act.text)
        if not where.source_ids and points and not act.subject and not self._names_any(act):
            return refuse(ask_which(), UNTOLD)
        meant = self._find_meant(act, where)
        if not meant:
            return refuse(not_found(act.subject or act.text), UNFOUND)
        for way in (self._by_faces, self._by_notes, self._by_row, self._by_reading):
            if drafts := [draft for match in meant if (draft := way(act, match))]:
                return join_drafts(drafts)
        if act.attribute in ("reason", "person") and (act.attribute == "person" or not act.subject):
            return self._tell_notes(meant if act.attribute == "reason" else meant[:1])
        if where.source_ids and 1 < len(meant) <= MOST_MEANT and act.attribute and not act.subject:
            return join_drafts([self._by_looking(act, match) for match in meant])
        draft = self._by_looking(act, meant[0])
        return replace(draft, refused=False) if draft.claims and meant[0].witnesses.fully else draft

    def _names_any(self, act: Act) -> bool:
        """Do other words of the question name what a photo is called?"""
        words = " ".join([*unmarked_words(act), act.other]).strip()
        best = self.finder.find_subject(words, 1) if words else []
        return bool(best) and best[0].witnesses.named >= FULLY_NAMED

    def _tell_notes(self, meant: Sequence[PhotoMatch]) -> Draft:
        """What people wrote of each; nothing more is known: why it fits, or who is in it."""
        numbered = EvidenceList()
        claims = [self._note_claim(match, note, numbered) for match in meant for note in match.notes[:1]]
        if not claims:
            return refuse(not_told(meant[0]), UNTOLD)
        last = Claim("More than that I cannot tell", (), UNTOLD)
        return Draft(claims=(*claims, last), evidence=tuple(numbered.entries), chance=UNTOLD, grounds="described")

    def _by_faces(self, act: Act, match: PhotoMatch) -> Draft | None:
        """Who is in it, where that is asked and faces in it have names."""
        return self.faces.answer(act.text, match.regions, title(match))

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
        if act.kind == "read" and act.attribute != "price" and match.read:
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
            said = (seen.text or not_told(match)).removesuffix(".")
            claims = [Claim(said, (numbered.add_photo(match),), UNTOLD)]
            return replace(seen, claims=tuple(claims), evidence=tuple(numbered.entries), text="", refused=True)
        chance = min(seen.chance, MOST_OF_LOOKS) if told else UNTOLD
        return replace(seen, claims=tuple(claims), evidence=tuple(numbered.entries), text="", chance=chance)

    def _note_claim(self, match: PhotoMatch, note: str, numbered: EvidenceList) -> Claim:
        number = numbered.add_photo(match)
        return Claim(self._told_by(match, note), (number, *self._cite_note(match, note, numbered)), SURE_OF_READING)

    def _by_row(self, act: Act, match: PhotoMatch) -> Draft | None:
        """Who took it, under which licence, which brand: no picture says so, but perhaps the row of a document."""
        if not asks_for_row(act):
            return None
        rows = self.finder.passages_about(match.source)[:1]
        header = self.finder.header_of(rows[0][0].source) if rows else ()
        return answer_from_row(act, match, rows, header)


def shades_in(act: Act) -> list[str]:
    """Colours that the eyes count to another one, as they are said: turquoise, which is blue to them."""
    said = tokens(f"{act.filters.colour} {act.subject} {act.reference}")
    return [word for word in said if word in COLOURS and (COLOURS[word] != word or word in tokens(act.reference))]


def names_in(act: Act) -> list[str]:
    """Names in a search: words with a capital, and those of the subject that are no known thing: "oatly"."""
    words = [
        word for word in SoughtSubject(subject_of(act)).words if not is_known_name(word) and len(word) > SHORT_NAME
    ]
    return [*NAMED.findall(act.text), *(word for word in words if word not in COLOURS)]


def names_nothing(act: Act) -> bool:
    """Is no thing, place or colour named that photos would have to show?"""
    return not SoughtSubject(f"{act.filters.colour} {act.filters.place} {act.subject}").words


def is_search(act: Act) -> bool:
    """Does it ask for photos though it was taken for a look: is there one, which ones are there?"""
    if act.kind == "look" and order_of(act.text):
        return True
    if THERE_IS.match(act.text) and (act.form == "yes_no" and not act.other or OR.search(act.text)):
        return True
    if act.kind != "look" or act.attribute not in ("", "kind"):
        return act.form == "yes_no" and bool(IS_THERE.search(act.text))
    return act.form == "list" or (act.form == "yes_no" and bool(IS_THERE.search(act.text)))


def narrow_by_words(fitting: list[PhotoMatch], words: Sequence[str]) -> list[PhotoMatch]:
    """Those of the photos that other words of the question fit, where they fit some and not all: "which is knitted"."""
    for word in words:
        some = [match for match in fitting if fit_of(word, match.vocabulary) == 1.0]
        fitting = some if some else fitting
    return fitting


def is_told(draft: Draft) -> bool:
    """Has the one-photo skill an answer, rather than a guess?"""
    unknown = draft.verdict is not None and draft.verdict.outcome == "unknown"
    silent = all(" not say " in claim.text or claim.text.startswith("I find no text") for claim in draft.claims)
    return bool(draft.claims) and not draft.refused and not unknown and not silent
