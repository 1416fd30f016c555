"""Questions about photos on paper, with the evidence that the product would hand to its language model.

A question is a form with its gaps filled: `{t}` is a thing ("dog"), `{a}` the same with its article, `{s}` several of
it, `{u}` and `{b}` are a second thing without and with an article, `{c}` is a colour. It is read by the real program
and answered by the real facts over entries that are ranked and numbered as the retriever does it. What is nowhere in
the evidence has claims too, one a photo, so that an honest "I found none" can be weighed like any other sentence.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from deepseek_mm.answering.claims import build_claims
from deepseek_mm.config import Config
from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.paper_photos import PaperPhoto
from deepseek_mm.language.parser import Act, Claim, parse, parse_several
from deepseek_mm.language.words import content, is_negated, lead, plural, with_article
from deepseek_mm.retrieval.evidence import PhotoEvidence, QuestionContext, same_kind
from deepseek_mm.retrieval.retriever import foremost, number_evidence, pointing, rank_photos
from deepseek_mm.types import Evidence, Question
from index import Region

Kind = Literal["answerable", "unanswerable", "counting", "which"]
Where = Literal["photo", "row", "library"]
KINDS: tuple[Kind, ...] = ("answerable", "unanswerable", "counting", "which")


@dataclass(frozen=True, slots=True)
class QuestionForm:
    """One form of a question, with gaps for things and colours."""

    kind: Kind
    where: Where
    programs: tuple[str, ...]  # kinds of the program that the words must have
    text: str
    absent: bool = False  # its things are in none of the photos

    @property
    def needs_thing(self) -> bool:
        return "{" in self.text

    @property
    def needs_box(self) -> bool:
        """Only things with a box of their own have a colour and a place, and can be counted."""
        return bool({"colour", "where", "compare", "count"} & set(self.programs)) or "{c}" in self.text


EXIST = (
    "Is there {a} in this photo?",
    "Can you see {a} here?",
    "Do you see any {s}?",
    "Does this picture show {a}?",
    "Are there any {s} in this image?",
    "Does the photo have {a} in it?",
    "Is there {a} in the picture?",
    "Do you see {a}?",
    "is there {a}",
    "any {s} in this photo?",
    "Could you tell me, is there {a} in this photo?",
)
COLOUR = (
    "What colour is the {t}?",
    "What color is the {t}?",
    "Which colour does the {t} have?",
    "what colour is the {t} in this photo",
    "Tell me the colour of the {t}.",
    "Is the {t} {c}?",
    "What colours does the {t} have?",
)
WHERE = (
    "Where is the {t}?",
    "Where in this photo is the {t}?",
    "On which side is the {t}?",
    "Where can I see the {t}?",
    "Is the {t} on the left?",
    "Is the {t} at the top?",
    "where is the {t} in the picture?",
)
COMPARE = (
    "Is the {t} to the left of the {u}?",
    "Is the {t} to the right of the {u}?",
    "Is the {t} above the {u}?",
    "Is the {t} below the {u}?",
)
DESCRIBE = (
    "What is in this photo?",
    "What can you see in this picture?",
    "Describe this photo.",
    "What does this photo show?",
    "What do you see?",
    "Tell me about this picture.",
    "What is this?",
    "what is in the image",
    "Describe the picture, please.",
    "What things are in this photo?",
)
WHEN = ("When was this photo taken?", "When was it taken?", "What date is this picture from?")
COUNT = (
    "How many {s} are in this photo?",
    "How many {s} can you see?",
    "How many {s} are there?",
    "Count the {s}.",
    "What is the number of {s} in this picture?",
    "how many {s} do you see",
    "Please count the {s} in the photo.",
)
COUNT_PHOTOS = (
    "How many photos show {a}?",
    "How many of my photos show {a}?",
    "How many pictures with {s} do I have?",
    "How many photos have {s}?",
    "In how many photos can you see {a}?",
)
COUNT_ROW = (
    "How many of these pictures show {a}?",
    "How many of these photos have {a}?",
    "How many {s} are in these photos?",
    "How many of them show {a}?",
)
WHICH = (
    "Which photos show {a}?",
    "Which photo shows {a}?",
    "Find photos of {s}.",
    "Show me pictures with {a}.",
    "Which pictures have {a} in them?",
    "Find me a photo with {a} and {b}.",
    "Which photos show {a} and {b}?",
    "Which photos show a {c} {t}?",
    "Show me photos of a {c} {t}.",
    "Search for pictures of {s}",
    "photos with {s}",
    "Which of my photos have {a}?",
)
WHICH_ROW = (
    "Which of these photos shows {a}?",
    "Which of these pictures has {a}?",
    "Which one shows {a}?",
    "Which of them show {s}?",
    "In which one can you see {a}?",
    "Which of these shows {a} and {b}?",
)
LIBRARY = (
    "Is there {a} in my photos?",
    "Do I have any photos of {s}?",
    "Do any of my photos show {a}?",
    "Have I got a picture with {a}?",
    "Are there any pictures of {s} in my library?",
    "Do my photos show {a}?",
)
ROW = (
    "Is there {a} in these photos?",
    "Do any of these pictures show {a}?",
    "Does one of these photos have {a}?",
    "Do all of these pictures show {a}?",
    "What colour is the {t} in these pictures?",
)

DESCRIBE_ROW = ("What is in these photos?", "What do these pictures show?", "Describe these photos.")


def _forms(
    kind: Kind, where: Where, programs: str, texts: Sequence[str], *, absent: bool = False
) -> list[QuestionForm]:
    return [QuestionForm(kind, where, tuple(programs.split()), text, absent) for text in texts]


FORMS: tuple[QuestionForm, ...] = (
    *_forms("answerable", "photo", "exist", EXIST),
    *_forms("answerable", "photo", "colour", COLOUR),
    *_forms("answerable", "photo", "where", WHERE),
    *_forms("answerable", "photo", "compare", COMPARE),
    *_forms("answerable", "photo", "describe", DESCRIBE),
    *_forms("answerable", "photo", "when", WHEN),
    *_forms("answerable", "library", "exist", LIBRARY),
    *_forms("answerable", "row", "exist colour", ROW),
    *_forms("answerable", "row", "describe", DESCRIBE_ROW),
    *_forms("unanswerable", "photo", "exist", EXIST, absent=True),
    *_forms("unanswerable", "photo", "colour", COLOUR[:5], absent=True),
    *_forms("unanswerable", "photo", "where", WHERE[:4], absent=True),
    *_forms("unanswerable", "photo", "count", COUNT, absent=True),
    *_forms("unanswerable", "library", "exist", LIBRARY, absent=True),
    *_forms("unanswerable", "library", "which", [text for text in WHICH if "{c}" not in text], absent=True),
    *_forms("unanswerable", "library", "count", COUNT_PHOTOS, absent=True),
    *_forms("unanswerable", "row", "exist", ROW[:3], absent=True),
    *_forms("unanswerable", "row", "which", WHICH_ROW[:4], absent=True),
    *_forms("counting", "photo", "count", COUNT),
    *_forms("counting", "library", "count", COUNT_PHOTOS),
    *_forms("counting", "row", "count", COUNT_ROW),
    *_forms("which", "library", "which", WHICH),
    *_forms("which", "row", "which", WHICH_ROW),
)


def fill_form(form: QuestionForm, things: Sequence[str], colour: str, draw: random.Random) -> str:
    """The form filled in; empty where it needs something that is not given."""
    thing, other = things
    if ("{c}" in form.text and not colour) or ("{b}" in form.text or "{u}" in form.text) and not other:
        return ""
    if form.needs_thing and not thing:
        return ""
    filled = form.text.format(t=thing, a=with_article(thing), s=plural(thing), u=other, b=with_article(other), c=colour)
    return filled if draw.random() < 0.9 else filled.rstrip("?.").lower()


MOST_TRIES = 200  # draws for one question, before the photos are said to be too few
POOL = 24  # photos of a library among which a question is searched
MOST_CLAIMS = 4
PLACES: tuple[Where, ...] = ("photo", "row", "library")


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidenceQuestion:
    """A question with its evidence and everything that a right answer needs."""

    kind: Kind
    case: QuestionContext  # with evidence and claims; no claims where the product would say that it found nothing
    truth: tuple[Claim, ...]  # the claims, or that each photo lacks what was asked for
    keys: tuple[str, ...]  # the real photos behind the evidence

    @property
    def numbers(self) -> frozenset[int]:
        """Entries that a right answer rests on."""
        return frozenset(number for claim in self.truth for number in claim.numbers)

    @property
    def words(self) -> frozenset[str]:
        """Normalised words of the direct answer, without the names of files."""
        names = {word for entry in self.case.evidence for word in content(entry.region.source.name)}
        return frozenset(content(self.truth[0].text)) - names


class QuestionGenerator:
    """Draws questions about photos on paper."""

    def __init__(self, photos: Sequence[PaperPhoto], absent: Sequence[str], config: Config) -> None:
        self.photos, self.absent, self.config = tuple(photos), tuple(absent), config

    def ask(self, kind: Kind, draw: random.Random) -> EvidenceQuestion:
        """One question of this kind, about one photo, a row or the library. NothingThere if the photos are too few."""
        for _ in range(MOST_TRIES):
            place = draw.choices(PLACES, (5, 2, 4))[0]
            if asked := self.attempt(kind, draw, where=place):
                return asked
        raise NothingThere(
            f"no question of kind {kind!r} fits {len(self.photos)} photos ({MOST_TRIES} were tried). Give more photos"
        )

    def attempt(self, kind: Kind, draw: random.Random, *, where: Where) -> EvidenceQuestion | None:
        """None where the draw does not fit: the things are not there, or the program reads something else."""
        forms = [form for form in FORMS if form.kind == kind and form.where == where]
        if not forms:
            return None
        form = draw.choice(forms)
        count = {"photo": 1, "row": draw.choice((2, 2, 3, 4)), "library": min(POOL, len(self.photos))}[form.where]
        photos = draw.sample(self.photos, min(count, len(self.photos)))
        text = self._fill(form, photos, draw)
        program = text and parse_form(text, form, photos)
        if not program:
            return None
        evidence = gather_evidence(program, photos, draw, k=draw.randint(3, self.config.rag.num_regions))
        claims = build_claims(program, evidence, self.config)
        if not evidence or bool(form.absent) != lacks_things(program, evidence):
            return None
        if not form.absent and (not claims or is_denial(claims[0].text)):
            return None  # a denial would count as a refusal
        if len(claims) > MOST_CLAIMS:
            return None
        case = QuestionContext(
            question=Question(text=text), program=program, evidence=tuple(evidence), claims=tuple(claims)
        )
        paths = {entry.region.source.path for entry in evidence}
        keys = tuple(photo.key for photo in photos if photo.source.path in paths)
        return EvidenceQuestion(
            kind=form.kind, case=case, truth=claims or tuple(make_absence_claims(program, evidence)), keys=keys
        )

    def _fill(self, form: QuestionForm, photos: Sequence[PaperPhoto], draw: random.Random) -> str:
        """The form with things of these photos, or with things that none of them shows; empty where there are none."""
        regions = [region for photo in photos for region in photo.regions]
        pool = [region for region in regions if region.kind == "part"] if form.needs_box else regions
        if form.absent:
            return fill_form(form, self._missing(photos, draw), "", draw)
        if not pool:
            return ""
        region = draw.choice(pool)
        others = [other for other in pool if other.source.path == region.source.path and other.label != region.label]
        things = [region.label, draw.choice(others).label if others else ""]
        colour = draw.choice(region.colours) if region.kind == "part" and region.colours else ""
        return fill_form(form, things, colour, draw)

    def _missing(self, photos: Sequence[PaperPhoto], draw: random.Random) -> list[str]:
        """Two names that nothing in these photos answers to: half the time names that other photos show."""
        shown = {name for photo in photos for name in photo.names}
        common = [name for photo in draw.sample(self.photos, min(8, len(self.photos))) for name in sorted(photo.names)]
        names = draw.sample(self.absent, min(6, len(self.absent))) if draw.random() < 0.5 else common
        fitting = [name for name in names if not any(same_kind(name, other) for other in shown)]
        return (fitting + ["", ""])[:2]


def parse_form(text: str, form: QuestionForm, photos: Sequence[PaperPhoto]) -> Act | None:
    """The program of the words; None where it is of another kind than the form means, or its things are lost."""
    if form.where == "row":
        names = [photo.source.name for photo in photos]
        meant = parse_several(text, names) if len(set(names)) == len(names) else None
        if not meant or meant.program.library or not meant.program.given:
            return None
        program = replace(meant.program, places=meant.picks)
    else:
        program = parse(text)
        if program.library and form.where == "photo":
            return None
        program = replace(program, library=form.where == "library")
    fits = program.kind in form.programs and bool(program.things) == form.needs_thing
    return program if fits else None


def gather_evidence(program: Act, photos: Sequence[PaperPhoto], draw: random.Random, *, k: int) -> list[Evidence]:
    """Numbered entries as the retriever would return them; claims can rest on nothing that is not among them."""
    shots = [_shot(photo, program, draw) for photo in photos]
    if program.library:
        chosen = [entry for shot in rank_photos(shots, program) for entry in pointing(shot, program)][:k]
    elif program.given:
        picked = [shots[n - 1] for n in program.places]
        parts = [entry for shot in picked for entry in foremost(shot, program)[: max(2, 2 * k // len(picked))]]
        chosen = [*(shot.evidence[0] for shot in picked), *parts]
    else:
        whole, *parts = shots[0].evidence
        chosen = [whole, *sorted(parts, key=lambda entry: -entry.score)[:k]]
    return number_evidence(replace(entry, siblings=()) for entry in chosen)


def _shot(photo: PaperPhoto, program: Act, draw: random.Random) -> PhotoEvidence:
    """The photo's regions with a likeness each: higher where a label names a thing of the question."""
    entries = tuple(
        Evidence(number=n, region=region, score=_likeness(region, program, draw), siblings=photo.regions)
        for n, region in enumerate(photo.regions, start=1)
    )
    return PhotoEvidence(entries, min_label=0.0)


def _likeness(region: Region, program: Act, draw: random.Random) -> float:
    named = any(same_kind(label.name, thing.name) for label in region.labels for thing in program.things)
    return round(draw.uniform(0.1, 0.22) + 0.08 * named, 3)


def is_denial(text: str) -> bool:
    """Is it a no, or does it say that something is not there?"""
    return is_negated(text) or lead(text) == "no"


def lacks_things(program: Act, evidence: Sequence[Evidence]) -> bool:
    """Does no entry name any thing of the question?"""
    labels = {label.name for entry in evidence for label in entry.region.labels}
    things = [thing.name for thing in program.things]
    return bool(things) and not any(same_kind(name, label) for name in things for label in labels)


def make_absence_claims(program: Act, evidence: Sequence[Evidence]) -> list[Claim]:
    """I see no zebra in beach.jpg, for every entry."""
    wanted = " or ".join(program.thing_phrases)
    return [Claim(f"I see no {wanted} in {entry.region.source.name}", (entry.number,), 1.0) for entry in evidence]
