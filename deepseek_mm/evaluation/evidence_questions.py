"""Questions about photos on paper, with the evidence that the product would hand to its language model.

A question is a form of `question_forms.json` with its gaps filled: `{t}` is a thing ("dog"), `{a}` the same with its
article, `{s}` several of it, `{u}` and `{b}` are a second thing without and with an article, `{c}` is a colour. It is
read by the real program and answered by the real facts over entries that are ranked and numbered as the retriever does
it. What is nowhere in the evidence has claims too, one a photo, so that an honest "I found none" can be weighed like
any other sentence.

Photos on paper are what the vision pipeline could have found in a photo, made up from what people said of it. Captions
name the things, their colours and often their number; how sure the labels are follows from how many people said them.
Where a thing stands, what the file is called and when it was taken is drawn, always alike for one photo: a reader
learns to read what is written, and nothing of it can be guessed.
"""

import json
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from deepseek_mm.answering.claims import build_claims
from deepseek_mm.config import Config
from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.retrieval import CaptionRow
from deepseek_mm.language.parser import PhotoQuestion, parse, parse_several
from deepseek_mm.language.words import COLOURS, NUMBERS, content, is_negated, lead, plural, singular, with_article
from deepseek_mm.retrieval.evidence import PhotoEvidence, QuestionContext, same_kind
from deepseek_mm.retrieval.retriever import foremost, number_evidence, pointing, rank_photos
from deepseek_mm.types import Claim, Evidence, Question
from deepseek_mm.vision import vocabulary
from index import Box, Label, Region, Source


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


SURE = (0.45, 0.66, 0.84, 0.91, 0.96)  # of a label, by how many of the captions say it
PLAIN = ("white", "black", "grey", "brown", "blue", "green", "red", "yellow", "orange", "pink", "purple", "beige")
SIZES = ((1600, 1200), (1200, 1600), (1280, 853), (1024, 768), (900, 1200), (640, 480), (3000, 2000))
WORDS = _words(
    "holiday summer walk family trip garden morning sunday outing weekend picnic visit festival party village lake "
    "winter spring autumn spain italy norway album old new best test scan favourite saturday home"
)
SCENES = _words(
    "grass water sky snow sand beach street road field park forest mountain crowd city sea ocean river lake"
)
MOST_PARTS, MOST_LABELS = 4, 3  # regions besides the whole, and labels of the whole: as many as a prompt prints
IDS = 100  # more than a photo has regions: each has an id of its own, as in a store
VERBS = frozenset(["watch", "train", "plant"])  # in captions mostly something that people do
FIRST_DAY = datetime(2004, 3, 1, 8, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class PaperPhoto:
    """One photo on paper."""

    key: str  # the real photo's file name
    captions: tuple[str, ...]
    regions: tuple[Region, ...]  # the whole picture first, as the eyes return them

    @property
    def source(self) -> Source:
        return self.regions[0].source

    @property
    def names(self) -> frozenset[str]:
        """Every label of it."""
        return frozenset(label.name for region in self.regions for label in region.labels)


@dataclass(slots=True)
class ThingMentions:
    """What the captions say of one thing."""

    captions: set[int] = field(default_factory=set)  # those that name it
    colours: Counter[str] = field(default_factory=Counter)
    numbers: Counter[int] = field(default_factory=Counter)


def read_names() -> frozenset[str]:
    """The things that the vision pipeline can name."""
    return frozenset(name.lower() for name in vocabulary.read_names()) - VERBS


def make_paper_photos(rows: Iterable[CaptionRow], names: frozenset[str], *, seed: int = 0) -> Iterator[PaperPhoto]:
    """The photos in whose captions something can be named, in order."""
    for place, row in enumerate(rows):
        if seen := collect_mentions(row.captions, names):
            photo = _photo(row, seen, random.Random(f"{seed} {row.image}"))
            regions = [replace(r, id=place * IDS + n) for n, r in enumerate(photo.regions, start=1)]
            yield replace(photo, regions=tuple(regions))


def collect_mentions(captions: Sequence[str], names: frozenset[str]) -> dict[str, ThingMentions]:
    """Thing -> what the captions say of it, the most said first; of two names for one kind the commoner stays."""
    found: dict[str, ThingMentions] = {}
    for number, caption in enumerate(captions):
        for name, colours, count in parse_mentions(caption, names):
            seen = found.setdefault(name, ThingMentions())
            seen.captions.add(number)
            seen.colours.update(colours)
            seen.numbers.update([count])
    ordered = sorted(found, key=lambda name: (-len(found[name].captions), name))
    kept: list[str] = []
    for name in ordered:
        if not any(same_kind(name, other) for other in kept):
            kept.append(name)
    return {name: found[name] for name in kept}


def parse_mentions(caption: str, names: frozenset[str]) -> Iterator[tuple[str, list[str], int]]:
    """(thing, its colours, how many) for each thing that a caption names. "two black dogs" -> dog, black, 2."""
    words = re.findall(r"[a-z]+", caption.lower())
    start = 0  # of the words that may belong to the next thing
    for at, word in enumerate(words):
        pair = f"{words[at - 1]} {singular(word)}" if at > start else ""
        name = pair if pair in names else singular(word)
        if name not in names or name in COLOURS:
            continue
        before = words[max(start, at - 4) : at]
        colours = [COLOURS[w] for w in before if w in COLOURS]
        counts = [int(NUMBERS[w]) for w in before if w in NUMBERS]
        start = at + 1
        yield name, colours, counts[-1] if counts else 2 if singular(word) != word else 1


def _photo(row: CaptionRow, seen: dict[str, ThingMentions], draw: random.Random) -> PaperPhoto:
    source = _source(draw)
    labels = {name: Label(name=name, score=_score(said, draw)) for name, said in seen.items()}
    first = sorted(labels.values(), key=lambda label: -label.score)
    size = (source.width_px, source.height_px)
    colours = [colour for said in seen.values() for colour in said.colours]
    whole = Region(
        source=source,
        kind="whole",
        box_px=(0, 0, *size),
        labels=tuple(first[:MOST_LABELS]),
        colours=_colours(colours, draw),
    )
    parts = [
        Region(source=source, box_px=box, labels=(labels[name],), colours=_colours(_top(seen[name]), draw))
        for name in list(seen)[:MOST_PARTS]
        if name not in SCENES or draw.random() < 0.3
        for box in _boxes(_how_many(seen[name]), size, draw)
    ]
    return PaperPhoto(key=row.image, captions=row.captions, regions=(whole, *parts))


def _score(said: ThingMentions, draw: random.Random) -> float:
    return round(SURE[min(len(said.captions), len(SURE)) - 1] + draw.uniform(-0.04, 0.035), 3)


def _top(said: ThingMentions) -> list[str]:
    return [colour for colour, _ in said.colours.most_common(2)]


def _how_many(said: ThingMentions) -> int:
    """The number that most people give; a plural without a number is two."""
    return max(1, min(4, said.numbers.most_common(1)[0][0]))


def _colours(known: Sequence[str], draw: random.Random) -> tuple[str, ...]:
    """One or two; what nobody told is drawn."""
    wanted = 1 if draw.random() < 0.6 else 2
    drawn = draw.sample(PLAIN, 2)
    return tuple(dict.fromkeys([*known, *(drawn if not known else ())]))[:wanted]


def _boxes(count: int, size: tuple[int, int], draw: random.Random) -> list[Box]:
    """Boxes in different ninths of the picture, so that none hides another."""
    width, height = size
    boxes = []
    for cell in draw.sample(range(9), count):
        x, y = (cell % 3 + draw.uniform(0.35, 0.65)) * width / 3, (cell // 3 + draw.uniform(0.35, 0.65)) * height / 3
        half_x, half_y = draw.uniform(0.06, 0.15) * width, draw.uniform(0.06, 0.15) * height
        boxes.append((round(x - half_x), round(y - half_y), round(x + half_x), round(y + half_y)))
    return boxes


def _source(draw: random.Random) -> Source:
    width, height = draw.choice(SIZES)
    taken = FIRST_DAY + timedelta(minutes=draw.randrange(20 * 365 * 24 * 60))
    return Source(
        path=f"/photos/{_file_name(taken, draw)}",
        format="jpeg",
        size_bytes=draw.randrange(60_000, 6_000_000),
        width_px=width,
        height_px=height,
        taken_at=taken if draw.random() < 0.25 else None,
    )


def _file_name(taken: datetime, draw: random.Random) -> str:
    """As cameras and people call photos; never after what is in them."""
    number = draw.randrange(1, 9999)
    word, other = draw.sample(WORDS, 2)
    return draw.choice(
        (
            f"IMG_{number:04d}.jpg",
            f"DSC{number:05d}.JPG",
            f"{word}.jpg",
            f"{word}-{number % 100}.jpg",
            f"{word}_{other}.jpeg",
            f"{word} {other} {number % 20}.png",
            f"{taken:%Y-%m-%d}.jpg",
            f"{taken:%Y%m%d}_{taken:%H%M%S}.jpg",
        )
    )


Kind = Literal["answerable", "unanswerable", "counting", "which"]
Where = Literal["photo", "row", "library"]
FORMS_FILE = Path(__file__).with_name("question_forms.json")
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


def read_forms(file: Path = FORMS_FILE) -> tuple[QuestionForm, ...]:
    """The forms of a JSON file of rows `{kind, where, programs, absent, texts}`, in order."""
    rows = json.loads(file.read_text(encoding="utf-8"))
    return tuple(
        QuestionForm(row["kind"], row["where"], tuple(row["programs"]), text, row["absent"])
        for row in rows
        for text in row["texts"]
    )


FORMS = read_forms()


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


def parse_form(text: str, form: QuestionForm, photos: Sequence[PaperPhoto]) -> PhotoQuestion | None:
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


def gather_evidence(
    program: PhotoQuestion, photos: Sequence[PaperPhoto], draw: random.Random, *, k: int
) -> list[Evidence]:
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


def _shot(photo: PaperPhoto, program: PhotoQuestion, draw: random.Random) -> PhotoEvidence:
    """The photo's regions with a likeness each: higher where a label names a thing of the question."""
    entries = tuple(
        Evidence(number=n, region=region, score=_likeness(region, program, draw), siblings=photo.regions)
        for n, region in enumerate(photo.regions, start=1)
    )
    return PhotoEvidence(entries, min_label=0.0)


def _likeness(region: Region, program: PhotoQuestion, draw: random.Random) -> float:
    named = any(same_kind(label.name, thing.name) for label in region.labels for thing in program.things)
    return round(draw.uniform(0.1, 0.22) + 0.08 * named, 3)


def is_denial(text: str) -> bool:
    """Is it a no, or does it say that something is not there?"""
    return is_negated(text) or lead(text) == "no"


def lacks_things(program: PhotoQuestion, evidence: Sequence[Evidence]) -> bool:
    """Does no entry name any thing of the question?"""
    labels = {label.name for entry in evidence for label in entry.region.labels}
    things = [thing.name for thing in program.things]
    return bool(things) and not any(same_kind(name, label) for name in things for label in labels)


def make_absence_claims(program: PhotoQuestion, evidence: Sequence[Evidence]) -> list[Claim]:
    """I see no zebra in beach.jpg, for every entry."""
    wanted = " or ".join(program.thing_phrases)
    return [Claim(f"I see no {wanted} in {entry.region.source.name}", (entry.number,), 1.0) for entry in evidence]
