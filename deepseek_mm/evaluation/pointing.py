"""Does what an answer cites hold the thing that was asked for? The pointing game through the whole application.

Every row names a thing in a photo and the boxes that somebody drew around all of its kind. The `Assistant` is asked
twice, "Where is the cup?" and "Is there a cup in the photo?", with the photo at hand, and the region that its answer
cites first is taken. It is a hit if

- the answer does not deny the thing ("I see no cup"), and
- the middle of the cited box lies in one of the drawn boxes, edges included, and
- the cited box is not nearly the whole photo (more than 0.8 of its area), unless one of the drawn boxes is so too.

`overlap` is stricter: the cited box and one of the drawn ones share at least 0.3 of what they cover together (IoU), and
the answer does not deny. What the middle of the photo would hit is told beside them. The error is one standard error;
questions about one photo count as one draw.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from PIL.Image import Image

from deepseek_mm.evaluation.regions import MIDDLE, BoxShares, is_inside, parse_box
from deepseek_mm.evaluation.retrieval import find_pictures, percent, read_picture
from deepseek_mm.evaluation.rows import read_rows
from deepseek_mm.rag.program.words import is_or_are, tokens, with_article
from deepseek_mm.records import Answer, Question

WHOLE = 0.8  # share of the photo's area above which a box points at nothing
SHARED = 0.3  # intersection over union from which two boxes are of one thing
ALL: BoxShares = (0.0, 0.0, 1.0, 1.0)


class PhotoAnswerer(Protocol):
    """The product."""

    def ask_many(self, questions: Sequence[Question]) -> Sequence[Answer]:
        """One answer a question, in order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PointRow:
    """A photo, a thing in it, and every box of such a thing."""

    image: str  # file name
    thing: str  # as a person would ask for it, singular: "cup"
    boxes: tuple[BoxShares, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CitedBox:
    """Where one answer pointed."""

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
        """See the module."""
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
    """Rows `{image, thing, boxes}` of a JSONL file, those of one split where `split` is given.

    Raises what `read_rows` raises.
    """

    def make_row(row: Any) -> PointRow | None:
        if split and row.get("split") != split:
            return None
        boxes = tuple(parse_box(box) for box in row["boxes"])
        return PointRow(image=row["image"], thing=str(row["thing"]), boxes=boxes)

    return read_rows(file, make_row, shape="{image, thing, boxes}", split=split)


def make_questions(thing: str) -> tuple[str, str]:
    """Where is the cup? Is there a cup in the photo? Of scissors they are asked in the plural."""
    be = is_or_are(thing)
    return f"Where {be} the {thing}?", f"{be.capitalize()} there {with_article(thing)} in the photo?"


def evaluate_pointing(assistant: PhotoAnswerer, rows: Sequence[PointRow], images: Path) -> CitedBoxReport:
    """Ask both questions about every row, photo by photo."""
    names = list(dict.fromkeys(row.image for row in rows))
    pictures = dict(zip(names, map(read_picture, find_pictures(images, names)), strict=True))
    asked = [(row, text) for name in names for row in rows if row.image == name for text in make_questions(row.thing)]
    answers = assistant.ask_many([make_question(row, text, pictures) for row, text in asked])
    return score_boxes([locate_citation(row, text, answer) for (row, text), answer in zip(asked, answers, strict=True)])


def make_question(row: PointRow, text: str, pictures: Mapping[str, Image]) -> Question:
    """With the photo at hand, and without its name, which may tell what it shows."""
    return Question(text=text, image=pictures[row.image])


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
    """Share of the photo, 0 to 1."""
    return (box[2] - box[0]) * (box[3] - box[1])


def box_iou(one: BoxShares, other: BoxShares) -> float:
    """Intersection over union, 0 to 1."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    both = max(0.0, wide) * max(0.0, high)
    return both / (box_area(one) + box_area(other) - both)
