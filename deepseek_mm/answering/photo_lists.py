"""Lists of photos as answers: what was found, in groups, how many there are, and that nothing was found."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from deepseek_mm.answering.evidence_list import EvidenceList
from deepseek_mm.answering.library_sentences import (
    counted_files,
    first_in_order,
    heading,
    lacking,
    nearest,
    no_note,
    no_order,
    note_of,
    only_written,
    title,
)
from deepseek_mm.language.kinds import is_kind_of
from deepseek_mm.language.words import NUMBERS, join_words, singular
from deepseek_mm.retrieval.photo_finder import BELIEVED, PhotoMatch
from deepseek_mm.types import Act, Claim, Draft
from index import Source

SURE_OF_COUNT = 0.97  # probability that is told at most
POSSIBLE = 0.28  # relevance from which it is told as a guess, where a photo was asked for and not whether there is one
NEARLY = 0.2  # relevance from which the nearest photo is worth naming where none fits
UNFOUND, UNTOLD = 0.7, 0.5  # probability that a refusal is right
SEEN_THERE = 0.5  # presence from which the eyes see it as well
MOST_WRITTEN = 3  # photos that are told in which words are only written
WITH_NOTES = 10  # photos of one answer with what is written about them
LIMIT = re.compile(
    r"\b(?:name|list|show|find|give|get|tell)\b(?:\s+(?:me|us|only|just|the|any|my|at least))*\s+"
    rf"(\d{{1,2}}|{'|'.join(NUMBERS)})\b",
    re.I,
)


def join_drafts(drafts: Sequence[Draft]) -> Draft:
    """What several photos answer, one after the other."""
    if len(drafts) == 1:
        return drafts[0]
    numbered = EvidenceList()
    claims = tuple(claim for draft in drafts for claim in numbered.add_draft(draft))
    return replace(drafts[0], claims=claims, evidence=tuple(numbered.entries))


def count_all(total: int, within: str = "") -> Draft:
    """How many photos there are; `within` says which of them were counted."""
    noun, within = counted_files(within)
    there = f"There is 1 {noun}" if total == 1 else f"There are {total} {noun}s"
    claim = Claim(f"{there} {within or 'in the library'}", (), 1.0)
    return Draft(claims=(claim,), chance=SURE_OF_COUNT, grounds="measured")


def refuse(text: str, chance: float, grounds: str = "none") -> Draft:
    """An answer that says why there is none; grounds "measured" where the store itself says so."""
    return Draft(text=text, chance=chance, refused=True, grounds=grounds)


def nothing_found(act: Act, found: Sequence[PhotoMatch], total: int, within: str = "") -> Draft:
    """No photo fits; the nearest is named where it is near."""
    near = [match for match in found[:1] if match.relevance >= NEARLY]
    if not near:
        return refuse(f"{lacking(act, total, within)}.", UNFOUND)
    numbered = EvidenceList()
    number = numbered.add_photo(near[0])
    if act.form != "yes_no" and near[0].relevance >= POSSIBLE:
        guess = Claim(f"Perhaps {title(near[0])}{note_of(near[0])}; nothing else is near", (number,), near[0].relevance)
        return Draft(claims=(guess,), evidence=tuple(numbered.entries), chance=near[0].relevance, grounds="seen")
    claims = (Claim(lacking(act, total, within), (), UNTOLD), Claim(nearest(near[0]), (number,), UNTOLD))
    return Draft(claims=claims, evidence=tuple(numbered.entries), chance=UNTOLD, grounds="seen", refused=True)


def are_only_written(fitting: Sequence[PhotoMatch]) -> bool:
    """Whether all that speaks for these photos is that the words are read in them: a page that mentions a bicycle."""
    told = [match.witnesses for match in fitting]
    return all(
        each.read and not (each.named or each.label or each.labels or each.presence >= SEEN_THERE) for each in told
    )


def tell_written(act: Act, fitting: Sequence[PhotoMatch], total: int, within: str = "") -> Draft:
    """That no photo shows it, and in which the words are written."""
    numbered = EvidenceList()
    claims = [Claim(only_written(match), (numbered.add_shown(match),), UNTOLD) for match in fitting[:MOST_WRITTEN]]
    claims.insert(0, Claim(lacking(act, total, within), (), UNTOLD))
    return Draft(claims=tuple(claims), evidence=tuple(numbered.entries), chance=UNTOLD, grounds="read", refused=True)


def list_photos(act: Act, fitting: Sequence[PhotoMatch], most: int, within: str = "", *, total: int = 0) -> Draft:
    """The photos by their names, after a yes or a number where the question wants one; `total` if there are more."""
    numbered, shown = EvidenceList(), fitting[:most]
    numbers = tuple(numbered.add_shown(match) for match in shown)
    told = note_of if len(shown) <= WITH_NOTES else no_note
    claims = [
        Claim(f"{title(match)}{told(match)}", (number,), match.relevance)
        for match, number in zip(shown, numbers, strict=True)
    ]
    mean = sum(match.relevance for match in shown) / len(shown)
    if act.form == "yes_no" or act.form == "number" or (len(fitting) > 1 and act.form != "name"):
        claims.insert(0, Claim(heading(act, total or len(fitting), len(shown), within), numbers, shown[0].relevance))
    return Draft(claims=tuple(claims), evidence=tuple(numbered.entries), chance=mean, grounds=grounds_of(shown[0]))


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotoOrder:
    """By what photos can be put in order, and which end is asked for."""

    asked: re.Pattern[str]
    name: str  # "the newest"
    key: Callable[[Source], float | None]  # None where a file does not say it
    tell: Callable[[Source], str]
    lacks: str  # what no file says


def time_of(source: Source) -> float | None:
    """When it was taken, in seconds."""
    return source.taken_at.timestamp() if source.taken_at else None


def tell_date(source: Source) -> str:
    """The day on which it was taken."""
    return f"taken on {source.taken_at:%Y-%m-%d}" if source.taken_at else ""


def tell_pixels(source: Source) -> str:
    """Its width and height."""
    return f"{source.width_px} x {source.height_px} pixels"


PICTURE = r"(?:photos?|pictures?|pics?|images?|shots?|files?)"
WHEN, BIG = "when it was taken", "how large it is"
ORDERS = (
    PhotoOrder(
        asked=re.compile(
            rf"\b(?:newest|latest|most recent)\b|\blast {PICTURE}\b|\b(?:take|taken|shoot) last\b"
            r"|\u6700\u65b0",
            re.I,
        ),
        name="newest",
        key=time_of,
        tell=tell_date,
        lacks=WHEN,
    ),
    PhotoOrder(
        asked=re.compile(
            rf"\b(?:oldest|earliest) {PICTURE}\b|\bfirst {PICTURE} (?:i|we)\b"
            r"|\b(?:take|taken) first\b",
            re.I,
        ),
        name="oldest",
        key=lambda source: None if (time := time_of(source)) is None else -time,
        tell=tell_date,
        lacks=WHEN,
    ),
    PhotoOrder(
        asked=re.compile(rf"\b(?:largest|biggest) {PICTURE}\b", re.I),
        name="largest",
        key=lambda source: float(source.width_px * source.height_px) or None,
        tell=tell_pixels,
        lacks=BIG,
    ),
    PhotoOrder(
        asked=re.compile(rf"\bsmallest {PICTURE}\b", re.I),
        name="smallest",
        key=lambda source: -float(source.width_px * source.height_px) or None,
        tell=tell_pixels,
        lacks=BIG,
    ),
)


def order_of(text: str) -> PhotoOrder | None:
    """By what the photos that a question asks for are to be put in order: the newest, the largest."""
    return next((order for order in ORDERS if order.asked.search(text)), None)


def pick_first(order: PhotoOrder, among: Sequence[PhotoMatch]) -> Draft:
    """The photo that comes first in this order; that no file says so, where none does."""
    known = [(key, match) for match in among if (key := order.key(match.source)) is not None]
    if not known:
        return refuse(no_order(order.name, order.lacks), UNTOLD, "measured")
    best = max(known, key=lambda each: each[0])[1]
    numbered = EvidenceList()
    number = numbered.add_photo(best)
    claim = Claim(first_in_order(best, order.name, order.tell(best.source), len(known), len(among)), (number,), 1.0)
    return Draft(claims=(claim,), evidence=tuple(numbered.entries), chance=SURE_OF_COUNT, grounds="measured")


def grounds_of(match: PhotoMatch) -> str:
    """What a find rests on."""
    return "named" if match.witnesses.named >= BELIEVED else "read" if match.witnesses.read >= BELIEVED else "seen"


GROUPS = re.compile(  # "photos by the lake and the mountains" sorts nothing
    r"^(?P<what>.*\b(?:sort|group|divide|split|separate|put)\b.*)\b(?:into|by|in)\s+"
    r"(?P<one>[\w' -]+?)\s+(?:and|or|vs\.?)\s+(?P<other>[\w' -]+?)(?:\s+ones)?\W*$",
    re.I,
)


def split_groups(text: str) -> tuple[str, tuple[str, str] | None]:
    """What a question sorts, and the two groups: "into pets and wild ones"; all of the text, where it sorts nothing."""
    found = GROUPS.search(text)
    return (found["what"].strip(), (found["one"], found["other"])) if found else (text, None)


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
