"""The evidence of a question: its context on the way to an answer, photos with their regions, and passages.

Boxes are left, top, right, bottom in pixels of the upright original.

Probabilities come from two witnesses: the labels of the regions, and the presence of the thing in the whole photo.

Vectors tell what a passage is about. Thirty pages of one book are all about the same; a name that stands on one of
them tells them apart. So a word counts the more, the fewer of the passages have it (Spärck Jones 1972).
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from deepseek_mm.embeddings.space import area
from deepseek_mm.history import Turn
from deepseek_mm.language.parser import PhotoQuestion, ThingPhrase
from deepseek_mm.language.words import content, names_the_same, quotable, quote_title
from deepseek_mm.retrieval.sentences import split_sentences
from deepseek_mm.stage_clock import AnswerTimeline
from deepseek_mm.types import Act, Claim, Draft, Evidence, Offer, Question, ReaderLook, Request, Verdict, Worked
from deepseek_mm.vision.pipeline import ImageAnalysis
from deepseek_mm.vision.regions import overlap
from index import Box, Label, Region, Source, Symbol
from index.region import WRITTEN

AWAY = 0.12  # of the picture's side: centres that are closer are neither left nor right, above nor below
LARGER = 1.25  # times the area, before one box counts as bigger


def centre(box: Box) -> tuple[float, float]:
    """Its middle, x and y."""
    left, top, right, bottom = box
    return (left + right) / 2, (top + bottom) / 2


def position(box: Box, width: int, height: int) -> str:
    """Which ninth of the picture its middle lies in: "top left", "left", "centre", ..."""
    x, y = centre(box)
    column = ("left", "", "right")[min(2, int(3 * x / max(width, 1)))]
    row = ("top", "", "bottom")[min(2, int(3 * y / max(height, 1)))]
    return f"{row} {column}".strip() or "centre"


def at(place: str) -> str:
    """As a sentence says it: "in the centre", "on the left", "at the top left"."""
    word = {"centre": "in", "left": "on", "right": "on"}.get(place, "at")
    return f"{word} the {place}"


def lies(one: Box, relation: str, other: Box, *, width: int, height: int) -> bool | None:
    """Does `one` lie left, right, above or below of `other`, or is it bigger or smaller? None is too close to call."""
    if relation in ("bigger", "smaller"):
        ratio = area(one) / max(area(other), 1)
        return None if 1 / LARGER < ratio < LARGER else (ratio > 1) == (relation == "bigger")
    (x, y), (other_x, other_y) = centre(one), centre(other)
    ahead, side = (other_x - x, width) if relation in ("left", "right") else (other_y - y, height)
    return None if abs(ahead) < AWAY * side else (ahead > 0) == (relation in ("left", "above"))


MAX_NAME = 60  # characters of a file name in a sentence
SAME_THING = 0.6  # overlap of two boxes (IoU) above which they point at one thing
COLOUR_SEEN = 0.8  # presence of "red car" that outweighs a box in which no red was measured

NARROWER = 0.8  # of the wider name's probability that a narrower one needs to be preferred


@dataclass(frozen=True, slots=True)
class PhotoEvidence:
    """One photo's evidence."""

    evidence: tuple[Evidence, ...]  # of one source, at least one
    min_label: float  # probability from which a label counts
    title: str = ""  # what an answer calls it, where the file's name does not do

    @property
    def source(self) -> Source:
        return self.evidence[0].region.source

    @property
    def name(self) -> str:
        """What a sentence calls it: the file's name."""
        return self.title or quote_title(self.source.name, MAX_NAME)

    @property
    def regions(self) -> tuple[Region, ...]:
        """Of the whole photo, the whole picture first."""
        return self.evidence[0].siblings or tuple(entry.region for entry in self.evidence)

    @property
    def whole(self) -> int:
        """The number that stands for the complete picture, or else for the photo's first entry."""
        return next((e.number for e in self.evidence if e.region.kind == "whole"), self.evidence[0].number)

    def number(self, region: Region) -> int:
        """The number that points at this region, or else at its photo."""
        same = (e.number for e in self.evidence if (e.region.kind, e.region.box_px) == (region.kind, region.box_px))
        return next(same, self.whole)

    def parts(self, thing: ThingPhrase) -> list[Region]:
        """The boxes that are labelled as this thing, best first; boxes that overlap much count once."""
        scored = [(score_of(region, thing), region) for region in self.regions if region.kind == "part"]
        kept: list[Region] = []
        for score, region in sorted(scored, key=lambda pair: -pair[0]):
            if score >= self.min_label and all(overlap(region.box_px, k.box_px) < SAME_THING for k in kept):
                kept.append(region)
        return kept

    def parts_with_colour(self, thing: ThingPhrase) -> list[Region]:
        """Of these boxes, those in which the colour that was asked for is measured."""
        return [region for region in self.parts(thing) if not thing.colour or thing.colour in region.colours]

    def chance(self, thing: ThingPhrase) -> float:
        """Probability that this photo shows the thing, in its colour if one was asked for."""
        if (judged := self.judged_chance(thing)) is not None:
            return judged
        seen = max((p for phrase, p in self.evidence[0].presence if phrase == thing.phrase), default=0.0)
        if thing.colour and self.parts(thing) and not self.parts_with_colour(thing):
            return seen if seen >= COLOUR_SEEN else 0.0
        named = [
            score_of(region, thing) for region in (self.parts_with_colour(thing) if thing.colour else self.regions)
        ]
        return max([seen, *(score for score in named if score >= self.min_label)])

    def judged_chance(self, thing: ThingPhrase) -> float | None:
        """The same as witnesses that look settled it, where they were asked."""
        return next((p for phrase, p in self.evidence[0].judged if phrase == thing.phrase), None)

    def labels(self) -> list[tuple[Label, Region]]:
        """Every name that is likely enough, best first, with a part that carries it or else the whole picture.

        Of names for one kind of thing (fruit, banana) one stays: the surer, or the narrower if it is nearly as sure.
        """
        best: dict[str, tuple[Label, Region]] = {}
        for region in sorted(self.regions, key=lambda region: region.kind != "part"):
            for label in region.labels:
                if label.score >= self.min_label:
                    best.setdefault(label.name, (label, region))
        kept: list[tuple[Label, Region]] = []
        for label, region in sorted(best.values(), key=lambda pair: -pair[0].score):
            twin = next((n for n, (k, _) in enumerate(kept) if same_kind(label.name, k.name)), None)
            if twin is None:
                kept.append((label, region))
            elif names_the_same(label.name, kept[twin][0].name) and label.score >= NARROWER * kept[twin][0].score:
                kept[twin] = (label, region)
        return kept

    def has_names(self, things: Sequence[ThingPhrase], *, any_of: bool) -> bool:
        """Do labels name all of the things, or with `any_of` one of them?"""
        found = [any(score_of(region, thing) >= self.min_label for region in self.regions) for thing in things]
        return any(found) if any_of else bool(found) and all(found)


def same_kind(one: str, other: str) -> bool:
    """Is one of two names a kind of the other?"""
    return names_the_same(one, other) or names_the_same(other, one)


def score_of(region: Region, thing: ThingPhrase) -> float:
    """The best score of a label that names the thing; 0 without one."""
    return max((label.score for label in region.labels if names_the_same(label.name, thing.name)), default=0.0)


def spot(region: Region) -> str:
    """Where a region lies in its photo: "top left"."""
    return position(region.box_px, region.source.width_px, region.source.height_px)


def shots_of(evidence: Iterable[Evidence], min_label: float) -> list[PhotoEvidence]:
    """Photo by photo, in the order of their first entries."""
    groups: dict[str, list[Evidence]] = {}
    for entry in evidence:
        groups.setdefault(entry.region.source.path, []).append(entry)
    ordered = sorted(groups.values(), key=lambda group: group[0].number)
    return [PhotoEvidence(tuple(sorted(group, key=lambda entry: entry.number)), min_label) for group in ordered]


def shows(shot: PhotoEvidence, things: Sequence[ThingPhrase], *, any_of: bool) -> float:
    """Probability that a photo shows all of the things (its weakest), or with `any_of` one of them (its strongest)."""
    return (max if any_of else min)(shot.chance(thing) for thing in things)


Words = frozenset[str]  # that claim something
PARAGRAPH = re.compile(r"\n\s*\n")
ENOUGH = 100  # letters, from which a quotation can stand alone
STANDS_OUT = 0.6  # share of the question's weight that one sentence carries, before it is quoted without the others
LEAST_WORDS = 2  # of a question, before a sentence that has them all is taken for its answer


def weigh(question: str, had: Sequence[Words]) -> dict[str, float]:
    """Each word of the question that claims something and that any of these texts has, with its weight among them."""
    counts = {word: sum(word in words for words in had) for word in content(question)}
    return {word: math.log1p(len(had) / count) for word, count in counts.items() if count}


def share(words: Words, weights: Mapping[str, float]) -> float:
    """How much of the weight these words carry, 0 to 1."""
    whole = sum(weights.values())
    return sum(weight for word, weight in weights.items() if word in words) / whole if whole else 0.0


def worths(passages: Sequence[Region], question: str) -> list[float]:
    """How much of the question's words each passage carries, 0 to 1, half of it for what stands in one sentence."""
    wholes = [frozenset[str]().union(*words_of(passage.text, passage.kind)) for passage in passages]
    weights = weigh(question, wholes)
    return [
        (share(whole, weights) + max((share(w, weights) for w in words_of(each.text, each.kind)), default=0.0)) / 2
        for whole, each in zip(wholes, passages, strict=True)
    ]


def pieces(text: str, kind: str) -> list[str]:
    """The sentences of a passage, each on one line; of code, its lines. A sentence ends where its paragraph does."""
    blocks = [re.sub(r"\s+", " ", block) for block in PARAGRAPH.split(text)]
    lines = text.splitlines() if kind == "code" else [line for block in blocks for line in split_sentences(block)]
    return [line.strip() for line in lines if line.strip()]


@lru_cache(maxsize=1_000)
def words_of(text: str, kind: str) -> tuple[Words, ...]:
    """Of each of its pieces; a question looks through a hundred passages, and the next one through much the same."""
    return tuple(frozenset(content(piece)) for piece in pieces(text, kind))


def excerpt(passage: Region, question: str, most: int, *, whole: bool = False) -> str:
    """The sentence that carries most of the question's words, and what follows while that is short: `most` letters.

    The passage from its beginning, where no sentence has any of the words, or where all of it fits and none stands out,
    or it is wanted `whole`. What stands beside an answer was not asked for, and may say anything.
    """
    parts, words = pieces(passage.text, passage.kind), words_of(passage.text, passage.kind)
    weights = weigh(question, words)
    shares = [share(each, weights) for each in words]
    stands_out = not whole and len(weights) >= LEAST_WORDS and max(shares, default=0.0) >= STANDS_OUT
    if not any(shares) or (len(passage.text) <= most and not stands_out):
        return passage.text
    first = max(range(len(parts)), key=shares.__getitem__)
    chosen = parts[first]
    for part in parts[first + 1 :]:
        if len(chosen) >= ENOUGH or len(chosen) + 1 + len(part) > most:
            break
        chosen += f" {part}"
    return chosen


def answers(passage: Region, question: str) -> bool:
    """Has one sentence every word of the question that claims something, and are those more than one?"""
    wanted = set(content(question))
    return len(wanted) >= LEAST_WORDS and any(wanted <= words for words in words_of(passage.text, passage.kind))


MAX_QUOTE = 300  # characters of one quotation
MAX_QUOTED = 3  # passages of one answer
SENDER = re.compile(r"[\w.'@+-]+(?:,? [\w.'@+-]+){0,3}(?:, \d{1,2} \w+ \d{4})?")  # a name, and a day
SEEN = ("describe", "exist", "which", "count")  # kinds of questions that photos answer first


def is_written(entry: Evidence) -> bool:
    """Is it a passage rather than something to look at?"""
    return entry.region.kind in WRITTEN


def quote_passages(
    entries: Sequence[Evidence], *, named: bool, question: str = "", whole: bool = False
) -> tuple[Claim, ...]:
    """One claim a passage, in the order given: where it stands, unless the question has `named` that, and its words.

    Those that the question asks for; all of them where it wants to read the `whole`, as far as that is short enough.
    """
    return tuple(
        Claim(
            f'{place(entry.region, named=named)} says: "{quote(entry.region, question, whole=whole)}"',
            (entry.number,),
            1.0,
        )
        for entry in entries[:MAX_QUOTED]
    )


def is_told(program: PhotoQuestion, entry: Evidence) -> bool:
    """Does this passage answer the question in one sentence, so that no photo needs to be looked at?"""
    return program.kind not in SEEN and answers(entry.region, program.text)


def place(region: Region, *, named: bool) -> str:
    """notes.md, lines 3 to 9; report.pdf, page 2; talk.pptx, slide 4; in a photo that is at hand just "It"."""
    if named and not region.page and region.source.kind == "photo":
        return "It"
    name, symbol = quote_title(region.source.name, MAX_NAME), region.symbol
    if symbol is not None and symbol.kind == "mail":
        return f"The mail of {tell_sender(symbol)} ({name}),"
    if symbol is not None and symbol.kind == "attachment":
        page = f", page {region.page}," if region.page else ""
        attached = f"{quote_title(symbol.name, MAX_NAME)}{page} attached to the mail of {tell_sender(symbol)}"
        return f"{attached} ({name}),"
    if symbol is not None and symbol.kind in ("chapter", "sheet"):
        title = quotable(symbol.signature, MAX_NAME)
        noun = "" if title.lower().startswith(symbol.kind) else f"{symbol.kind} "
        return f'{name}, {noun}"{title}",'
    if region.page:
        return f"{name}, {region.page_name} {region.page},"
    first, last = region.lines
    return f"{name}, lines {first} to {last}," if last else name


def tell_sender(symbol: Symbol) -> str:
    """Whose mail and of which day, in quotation marks where that is no name: "Anna Example, 3 May 2024"."""
    said = quotable(symbol.signature, MAX_NAME)
    return said if SENDER.fullmatch(said) else f'"{said}"'


def quote(region: Region, question: str = "", *, whole: bool = False) -> str:
    """The passage, or a part of it, on one line, cut where it is long; its own quotation marks are single ones."""
    return quotable(excerpt(region, question, MAX_QUOTE, whole=whole), MAX_QUOTE)


def unread(number: int) -> Claim:
    """What to say of a picture without text."""
    return Claim("I find no text in it", (number,), 1.0)


def nobody(name: str) -> bool:
    """No name is known."""
    return False


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionContext:
    """Grows from left to right in the diagram; every step returns a fuller one."""

    question: Question
    program: PhotoQuestion  # `library` is decided: True searches, False looks at `source`
    source: Source | None = None  # the photo at hand
    pictures: tuple[Source, ...] = ()  # or those at hand, where they are several: looked at, or searched with
    analyses: tuple[ImageAnalysis, ...] = ()  # of `source`, or of `pictures`, in order
    example: ImageAnalysis | None = None  # a picture to search with
    among: tuple[Source, ...] = ()  # files of the library that are spoken of, where it is searched no further
    earlier: tuple[tuple[str, str], ...] = ()  # the conversation so far: question and answer, oldest first
    unread: int = 0  # turns before those
    conversation: int = 0  # ids in the history
    turn: int = 0
    began_s: float = 0.0  # on the monotonic clock
    timeline: AnswerTimeline = AnswerTimeline()  # how long it took so far
    evidence: tuple[Evidence, ...] = ()
    claims: tuple[Claim, ...] = ()
    verdict: Verdict | None = None  # of a closed question about the photo at hand
    worked: Worked | None = None  # the question as a program over that photo
    looked: ReaderLook | None = None  # the last look of the reader at it
    turns: tuple[Turn, ...] = ()  # the same whole, as far as they are remembered
    request: Request | None = None  # as which the turn was understood
    act: Act | None = None  # the part of it that this is
    said: str = ""  # instead of claims: what there is to say about no file
    confidence: float | None = None  # probability that the answer is right; None where claims alone tell
    signals: tuple[tuple[str, float], ...] = ()  # what that rests on
    grounds: str = ""  # kind of evidence, as its Draft says
    refused: bool = False  # it says that it is not there, or cannot be told or done
    offers: tuple[Offer, ...] = ()
    knows: Callable[[str], bool] = nobody  # whether the code of the library defines or calls something of this name


def merge_answers(cases: Sequence[QuestionContext]) -> QuestionContext:
    """The first case with the evidence and the claims of all; evidence that several rest on has one number."""
    first, *others = cases
    evidence, claims = list(first.evidence), list(first.claims)
    for case in others:
        known = {place_of(entry.region): entry.number for entry in evidence}
        number_of: dict[int, int] = {}
        for entry in case.evidence:
            if (place := place_of(entry.region)) not in known:
                known[place] = len(evidence) + 1
                evidence.append(replace(entry, number=known[place]))
            number_of[entry.number] = known[place]
        claims += [
            renumber_claim(claim, number_of) for claim in case.claims if claim.text not in {c.text for c in claims}
        ]
        claims += [said_of(case)] if case.said else []
    if others and first.said:
        claims.insert(0, said_of(first))
    return replace(first, **merge_judgements(cases), evidence=tuple(evidence), claims=tuple(claims))


def said_of(case: QuestionContext) -> Claim:
    """What there is to say about no file, as a claim among others."""
    return Claim(case.said, (), case.confidence if case.confidence is not None else 1.0)


def merge_judgements(cases: Sequence[QuestionContext]) -> dict[str, Any]:
    """As sure as the least sure of them; refused where all are."""
    weakest = min(cases, key=lambda case: 1.0 if case.confidence is None else case.confidence)
    return {
        "confidence": weakest.confidence,
        "signals": weakest.signals,
        "refused": all(case.refused for case in cases),
        "offers": tuple(offer for case in cases for offer in case.offers),
    }


def act_of(case: QuestionContext) -> Act:
    """The act that a case is."""
    assert case.act is not None, "a case of one act"
    return case.act


def number_by_mention(draft: Draft) -> Draft:
    """The same with its evidence numbered in the order in which claims cite it, what none cites last."""
    cited = dict.fromkeys(number for claim in draft.claims for number in claim.numbers)
    entries = {entry.number: entry for entry in draft.evidence}
    order = [*(number for number in cited if number in entries), *(number for number in entries if number not in cited)]
    number_of = {old: new for new, old in enumerate(order, start=1)}
    return replace(
        draft,
        claims=tuple(renumber_claim(claim, number_of) for claim in draft.claims),
        evidence=tuple(replace(entries[old], number=new) for old, new in number_of.items()),
    )


def with_draft(case: QuestionContext, draft: Draft) -> QuestionContext:
    """The case with what a skill has to say."""
    return replace(
        case,
        evidence=draft.evidence,
        claims=draft.claims,
        said=draft.text,
        confidence=draft.chance,
        grounds=draft.grounds,
        refused=draft.refused,
        offers=draft.offers,
        verdict=draft.verdict,
        worked=draft.worked,
        looked=draft.looked,
        knows=draft.knows or case.knows,
    )


def with_timeline(case: QuestionContext, measured: AnswerTimeline) -> QuestionContext:
    """The case with the stages so far, and how much evidence it has in the end."""
    whole = case.timeline.followed_by(measured).with_stage("retrieved", kept=len(case.evidence))
    return replace(case, timeline=whole)


def place_of(region: Region) -> tuple[object, ...]:
    """What makes a region that one."""
    return region.source.path, region.kind, region.box_px, region.view, region.text


def renumber_claim(claim: Claim, number_of: dict[int, int]) -> Claim:
    """Resting on the same evidence by its new numbers; a small model's draft has the old ones, and is left out."""
    numbers = tuple(dict.fromkeys(number_of.get(number, number) for number in claim.numbers))
    return claim if numbers == claim.numbers else replace(claim, numbers=numbers, shape="", draft="")
