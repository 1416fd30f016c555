"""Photos on paper: what the vision pipeline could have found in a photo, made up from what people said of it.

Training and scoring a reader of evidence needs thousands of photos whose contents are known. People's captions name
the things, their colours and often their number; how sure the labels are follows from how many people said them. Where
a thing stands, what the file is called and when it was taken is drawn, always alike for one photo: a reader learns to
read what is written, and nothing of it can be guessed.
"""

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from deepseek_mm.evaluation.retrieval import CaptionRow
from deepseek_mm.language.words import COLOURS, NUMBERS, singular
from deepseek_mm.retrieval.evidence import same_kind
from index import Box, Label, Region, Source


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


LABELS_FILE = Path(__file__).parent.parent / "see" / "labels.txt"
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


def read_names(file: Path = LABELS_FILE) -> frozenset[str]:
    """The things that the vision pipeline can name."""
    lines = (line.strip().lower() for line in file.read_text(encoding="utf-8").splitlines())
    return frozenset(line for line in lines if line and not line.startswith("#")) - VERBS


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
