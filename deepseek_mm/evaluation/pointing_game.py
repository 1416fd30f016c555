"""`eval regions`, `eval pointing`, `eval placed`: whether regions and citations hold the thing that was asked for.

`regions` is the pointing game (arXiv:1608.00507, section 4.1) for people: of each photo's parts the surest one that is
called a person, or a kind of person, is taken; the photo counts as a hit if the middle of that region lies in one of
the boxes that people drew. A photo without such a region counts by its own middle, which is also what the result is
compared with.

Every row names a thing in a photo and the boxes that somebody drew around all of its kind. The `Assistant` is asked
"Where is the cup?" and "Is there a cup in the photo?", and the region that its answer cites first is taken. It is a
hit if the answer does not deny the thing, the middle of the cited box lies in one of the drawn boxes, edges included,
and the cited box is not nearly the whole photo (more than 0.8 of its area), unless one of the drawn boxes is so too.
`overlap` asks for an intersection over union of 0.3. The error is one standard error; questions about one photo count
as one draw. `placed` asks how two things of one photo stand to each other where that is clear, and how many there
are: *without* programs the reader answers alone, *with* them the program of the question runs, and where it does not
apply the answer of the reader stands.
"""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_mm.evaluation.retrieval import find_pictures, percent, read_picture, read_pictures, read_rows
from deepseek_mm.language.words import is_or_are, normalize_answer, plural, tokens, with_article
from deepseek_mm.types import Answer, Question
from deepseek_mm.vision.people import PEOPLE
from deepseek_mm.vision.pipeline import ImageAnalysis, VisionPipeline
from index import Region, Source

if TYPE_CHECKING:
    from deepseek_mm.assistant import Assistant


BoxShares = tuple[float, float, float, float]  # left, top, right, bottom as shares of a picture's width and height
Point = tuple[float, float]  # across and down, as shares of the picture
MIDDLE: Point = (0.5, 0.5)
SPLITS = "qa.jsonl"  # beside the boxes: rows {image, split}, for boxes that name no split


@dataclass(frozen=True, kw_only=True, slots=True)
class BoxRow:
    """One photo and the people in it, as far as somebody drew boxes around them."""

    image: str  # file name
    boxes: tuple[BoxShares, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class RegionReport:
    """Percent of photos that were pointed at rightly, and that their middle points at rightly."""

    pointing: float
    centre_baseline: float
    n: int  # photos

    def table(self) -> str:
        """A table for people."""
        return (
            f"the best region for a person   {self.pointing:5.1f} %\n"
            f"the middle of the photo        {self.centre_baseline:5.1f} %\n{self.n} photos"
        )

    def json(self) -> str:
        """The figures as one line of JSON."""
        return json.dumps(asdict(self))


def read_box_rows(file: Path, *, split: str = "") -> list[BoxRow]:
    """Rows `{image, person_boxes}` of a JSONL file, those of one split where `split` is given.

    A row's split is its field `split`, else what `qa.jsonl` beside the file says of its image; a row of which nobody
    says it belongs to every split. Raises NothingThere for an absent file, a row of another shape, and no row at all.
    """
    splits = read_splits(file) if split else {}
    return read_rows(
        file,
        lambda row: BoxRow(image=row["image"], boxes=tuple(parse_box(box) for box in row["person_boxes"])),
        shape="{image, person_boxes}",
        split=split,
        split_of=lambda row: row.get("split", splits.get(row["image"], split)),
    )


def parse_box(box: Sequence[float]) -> BoxShares:
    """Four numbers from 0 to 1, left before right and top before bottom; ValueError for others."""
    left, top, right, bottom = (float(side) for side in box)
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise ValueError(f"{list(box)} is no box [left, top, right, bottom] in shares of the picture")
    return (left, top, right, bottom)


def read_splits(file: Path) -> dict[str, str]:
    """Image to split, from the questions that lie beside the boxes; empty where there are none."""
    questions = file.with_name(SPLITS)
    if not questions.is_file():
        return {}
    rows = map(json.loads, questions.read_text(encoding="utf-8").splitlines())
    return {row["image"]: row["split"] for row in rows if "image" in row and "split" in row}


def evaluate_regions(
    eyes: VisionPipeline, rows: Sequence[BoxRow], images: Path, *, told: Callable[[int], None] = lambda done: None
) -> RegionReport:
    """See every photo and play the game; `told` is called with the number of photos done."""
    points = []
    for sight in eyes.see_many(open_sources(find_pictures(images, [row.image for row in rows]))):
        points.append(point_at_person(sight))
        told(len(points))
    return score_points(points, rows)


def score_points(points: Sequence[Point], rows: Sequence[BoxRow]) -> RegionReport:
    """Hits in percent; point n belongs to row n."""
    hits = [is_inside(point, row.boxes) for point, row in zip(points, rows, strict=True)]
    middles = [is_inside(MIDDLE, row.boxes) for row in rows]
    return RegionReport(pointing=percent(hits), centre_baseline=percent(middles), n=len(rows))


def open_sources(paths: Sequence[Path]) -> Iterator[ImageAnalysis]:
    """What `VisionPipeline.see_many` takes."""
    for path in paths:
        image = read_picture(path)
        source = Source(path=str(path.absolute()), width_px=image.width, height_px=image.height)
        yield ImageAnalysis(image, source)


def point_at_person(sight: ImageAnalysis) -> Point:
    """The middle of the part that is surest to be a person, or of the picture; the smaller of two equally sure."""
    parts = [region for region in sight.regions if region.kind == "part" and person_score(region)]
    if not parts:
        return MIDDLE
    best = max(parts, key=lambda region: (person_score(region), -area_px(region)))
    left, top, right, bottom = best.box_px
    return ((left + right) / 2 / best.source.width_px, (top + bottom) / 2 / best.source.height_px)


def person_score(region: Region) -> float:
    """The best score of a label that means a person, 0 if none does."""
    return max((label.score for label in region.labels if label.name in PEOPLE), default=0.0)


def area_px(region: Region) -> int:
    """The area of a region in square pixels."""
    left, top, right, bottom = region.box_px
    return (right - left) * (bottom - top)


def is_inside(point: Point, boxes: Sequence[BoxShares]) -> bool:
    """Whether a point lies in one of the boxes, edges included."""
    across, down = point
    return any(left <= across <= right and top <= down <= bottom for left, top, right, bottom in boxes)


WHOLE = 0.8  # share of the photo's area above which a box points at nothing
SHARED = 0.3  # intersection over union from which two boxes are of one thing
ALL: BoxShares = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class PointRow:
    """A photo, a thing in it, and every box of such a thing."""

    image: str  # file name
    thing: str  # as a person would ask for it, singular: "cup"
    boxes: tuple[BoxShares, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CitedBox:
    """The box that one answer cites first."""

    row: PointRow
    question: str
    text: str  # the answer
    box: BoxShares  # cited first; the whole photo where nothing is cited

    @property
    def is_denial(self) -> bool:
        """Does the answer say that it is not there?"""
        return "no" in tokens(self.text.split(". ")[0])

    @property
    def hit(self) -> bool:
        """Whether the cited box points at the thing, by the rule of the module."""
        if self.is_denial or (box_area(self.box) > WHOLE and all(box_area(drawn) <= WHOLE for drawn in self.row.boxes)):
            return False
        left, top, right, bottom = self.box
        return is_inside(((left + right) / 2, (top + bottom) / 2), self.row.boxes)

    @property
    def close(self) -> bool:
        """Is the cited box about as large as what it should point at, and in its place?"""
        return not self.is_denial and any(box_iou(self.box, drawn) >= SHARED for drawn in self.row.boxes)

    def line(self) -> str:
        """For people who look for what went wrong."""
        box = " ".join(f"{side:.2f}" for side in self.box)
        return f"{self.row.image}: {self.question} [{box}] {self.text}"


@dataclass(frozen=True, kw_only=True, slots=True)
class CitedBoxReport:
    """Percent of answers; `missed` are those that do not point at the thing."""

    pointing: float
    error: float
    where: float  # of those that were asked where it is
    there: float  # and of those that were asked whether it is there
    overlap: float
    denied: float
    centre_baseline: float
    n: int  # questions
    photos: int
    missed: tuple[str, ...]

    def table(self) -> str:
        """For people, what was missed first."""
        return "\n".join(
            [
                *self.missed,
                f"the cited region holds the thing   {self.pointing:5.1f} % +- {self.error:.1f}",
                f"... asked where it is              {self.where:5.1f} %",
                f"... asked whether it is there      {self.there:5.1f} %",
                f"... and is about its size          {self.overlap:5.1f} %",
                f"the thing is denied                {self.denied:5.1f} %",
                f"the middle of the photo            {self.centre_baseline:5.1f} %",
                f"{self.n} questions about {self.photos} photos",
            ]
        )

    def json(self) -> str:
        """For machines: one line, without what was missed."""
        return json.dumps({name: value for name, value in asdict(self).items() if name != "missed"})


def read_point_rows(file: Path, *, split: str = "") -> list[PointRow]:
    """Rows `{image, thing, boxes}` of a JSONL file. Raises what `read_rows` raises."""
    return read_rows(
        file,
        lambda row: PointRow(image=row["image"], thing=str(row["thing"]), boxes=tuple(map(parse_box, row["boxes"]))),
        shape="{image, thing, boxes}",
        split=split,
    )


def make_questions(thing: str) -> tuple[str, str]:
    """Where is the cup? Is there a cup in the photo? Of scissors they are asked in the plural."""
    be = is_or_are(thing)
    return f"Where {be} the {thing}?", f"{be.capitalize()} there {with_article(thing)} in the photo?"


def evaluate_pointing(assistant: "Assistant", rows: Sequence[PointRow], images: Path) -> CitedBoxReport:
    """Ask both questions about every row, photo by photo."""
    pictures = read_pictures(images, [row.image for row in rows])
    asked = [
        (row, text) for name in pictures for row in rows if row.image == name for text in make_questions(row.thing)
    ]
    # without the photo's name, which may tell what it shows
    answers = assistant.ask_many([Question(text=text, image=pictures[row.image]) for row, text in asked])
    return score_boxes([locate_citation(row, text, answer) for (row, text), answer in zip(asked, answers, strict=True)])


def locate_citation(row: PointRow, text: str, answer: Answer) -> CitedBox:
    """Where the answer's first citation lies."""
    box = ALL
    if answer.citations:
        region = answer.citations[0].region
        wide, high = region.source.width_px, region.source.height_px
        left, top, right, bottom = region.box_px
        box = (left / wide, top / high, right / wide, bottom / high)
    return CitedBox(row=row, question=text, text=answer.text, box=box)


def score_boxes(told: Sequence[CitedBox]) -> CitedBoxReport:
    """Hits in percent."""
    hits = [one.hit for one in told]
    return CitedBoxReport(
        pointing=percent(hits),
        error=round(100 * clustered_error([(one.row.image, one.hit) for one in told]), 2),
        where=percent([one.hit for one in told if one.question.startswith("Where")]),
        there=percent([one.hit for one in told if not one.question.startswith("Where")]),
        overlap=percent([one.close for one in told]),
        denied=percent([one.is_denial for one in told]),
        centre_baseline=percent([is_inside(MIDDLE, one.row.boxes) for one in told]),
        n=len(told),
        photos=len({one.row.image for one in told}),
        missed=tuple(one.line() for one in told if not one.hit),
    )


def clustered_error(hits: Sequence[tuple[str, float]]) -> float:
    """One standard error of the mean of hits (1 or 0) or gains, by photo; those of one stand or fall together."""
    mean = sum(hit for _, hit in hits) / len(hits)
    apart: dict[str, float] = {}
    for photo, hit in hits:
        apart[photo] = apart.get(photo, 0.0) + hit - mean
    return math.sqrt(sum(each**2 for each in apart.values())) / len(hits)


def box_area(box: BoxShares) -> float:
    """The area of a box as a share of the photo, 0 to 1."""
    return (box[2] - box[0]) * (box[3] - box[1])


def box_iou(one: BoxShares, other: BoxShares) -> float:
    """Intersection over union, 0 to 1."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    both = max(0.0, wide) * max(0.0, high)
    return both / (box_area(one) + box_area(other) - both)


APART = 0.15  # of the photo's side, between two middles, from which it is clear how they stand
MOST = 10  # things that anybody counts
SIDES = (("to the left of", 0, -1), ("to the right of", 0, 1), ("above", 1, -1), ("below", 1, 1))
KINDS = ("spatial", "count")


@dataclass(frozen=True, kw_only=True, slots=True)
class PlacementQuestion:
    """A question about a photo."""

    image: str
    text: str
    right: str
    kind: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ProgramGain:
    """Percent of the questions of one kind; each error is one standard error, a photo counts as one draw."""

    without_programs: float
    with_programs: float
    error: float  # of the difference
    by_program: float  # percent that a program answered
    n: int

    @property
    def gain(self) -> float:
        """In points."""
        return self.with_programs - self.without_programs


@dataclass(frozen=True, slots=True)
class PlacementReport:
    """Kind by kind."""

    by_kind: dict[str, ProgramGain]
    wrong: tuple[str, ...]  # with programs

    def table(self) -> str:
        """For people, what went wrong first."""
        head = f"{'kind':<10}{'without':>10}{'with':>10}{'difference':>14}{'by program':>13}{'n':>7}"
        lines = [
            f"{name:<10}{part.without_programs:>10.1f}{part.with_programs:>10.1f}"
            f"{part.gain:>7.1f} +- {part.error:<4.1f}{part.by_program:>12.1f}{part.n:>7}"
            for name, part in self.by_kind.items()
        ]
        return "\n".join([*self.wrong, head, *lines])

    def json(self) -> str:
        """The figures as one line of JSON."""
        return json.dumps({name: asdict(part) for name, part in self.by_kind.items()})


def make_placement_questions(rows: Sequence[PointRow]) -> list[PlacementQuestion]:
    """All questions about the photos of these rows."""
    found = []
    for image in dict.fromkeys(row.image for row in rows):
        own = [row for row in rows if row.image == image]
        single = [row for row in own if len(row.boxes) == 1]
        found += [question for one, other in permutations(single, 2) for question in ask_between(one, other)]
        found += [ask_count(row) for row in own if len(row.boxes) <= MOST]
    return found


def ask_between(one: PointRow, other: PointRow) -> list[PlacementQuestion]:
    """How two things of one photo stand to each other, where that is clear."""
    off = [mine - its for mine, its in zip(box_middle(one), box_middle(other), strict=True)]
    return [
        PlacementQuestion(
            image=one.image,
            text=f"Is the {one.thing} {words} the {other.thing}?",
            right="yes" if off[axis] * sign > 0 else "no",
            kind="spatial",
        )
        for words, axis, sign in SIDES
        if abs(off[axis]) >= APART
    ]


def ask_count(row: PointRow) -> PlacementQuestion:
    """Of one kind of things."""
    text = f"How many {plural(row.thing)} are there?"
    return PlacementQuestion(image=row.image, text=text, right=str(len(row.boxes)), kind="count")


def box_middle(row: PointRow) -> tuple[float, float]:
    """Of its only box."""
    left, top, right, bottom = row.boxes[0]
    return (left + right) / 2, (top + bottom) / 2


def evaluate_placement(assistant: "Assistant", rows: Sequence[PointRow], images: Path) -> PlacementReport:
    """Ask every question both ways."""
    pictures = read_pictures(images, [row.image for row in rows])
    asked = make_placement_questions(rows)
    alone = assistant.decide_many([(one.text, pictures[one.image]) for one in asked])
    answers = assistant.ask_many([Question(text=one.text, image=pictures[one.image]) for one in asked])
    by_program = [program_answer(answer) for answer in answers]
    helped = [program or verdict.answer for program, verdict in zip(by_program, alone, strict=True)]
    rights = [
        (
            one,
            normalize_answer(verdict.answer) == normalize_answer(one.right),
            normalize_answer(said) == normalize_answer(one.right),
            bool(program),
        )
        for one, verdict, said, program in zip(asked, alone, helped, by_program, strict=True)
    ]
    parts = {kind: summarize_gain([each for each in rights if each[0].kind == kind]) for kind in KINDS}
    wrong = tuple(
        f"{one.image}: {one.text} {said or 'nothing'} for {one.right}"
        for (one, _, right, _), said in zip(rights, helped, strict=True)
        if not right
    )
    return PlacementReport({kind: part for kind, part in parts.items() if part.n}, wrong)


def program_answer(answer: Answer) -> str:
    """What the question's program gave, where it applies."""
    worked = answer.worked
    return worked.answer if worked and worked.agrees != "not covered" else ""


def summarize_gain(rights: Sequence[tuple[PlacementQuestion, bool, bool, bool]]) -> ProgramGain:
    """Of questions with, for each, whether it was right without and with programs, and whether one applied."""
    if not rights:
        return ProgramGain(without_programs=0.0, with_programs=0.0, error=0.0, by_program=0.0, n=0)
    gains = [(one.image, helped - alone) for one, alone, helped, _ in rights]
    return ProgramGain(
        without_programs=percent([alone for _, alone, _, _ in rights]),
        with_programs=percent([helped for _, _, helped, _ in rights]),
        error=round(100 * clustered_error(gains), 2),
        by_program=percent([applies for *_, applies in rights]),
        n=len(rights),
    )
