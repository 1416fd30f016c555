"""Do programs help with photographs? How things stand to each other, and how many there are, with programs and without.

Rows are those of the pointing game: things in photos, with every box that somebody drew around one. Of two things in
one photo whose middles differ clearly, four or eight questions follow, "Is the cup to the left of the lamp?", half of
them right. Of each thing that has a countable number of boxes follows "How many cups are there?". Every question is
asked with the photo at hand. *Without* programs the reader answers alone; *with* them the question's program runs over
the parts of the photo that the answer rests on, and where it does not apply the reader's answer stands.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import permutations
from pathlib import Path
from typing import Protocol

from PIL.Image import Image

from deepseek_mm.evaluation.pointing import PointRow, clustered_error
from deepseek_mm.evaluation.retrieval import find_pictures, percent, read_picture
from deepseek_mm.rag.program.answers import normal
from deepseek_mm.rag.program.words import plural
from deepseek_mm.records import Answer, Question, Verdict

APART = 0.15  # of the photo's side, between two middles, from which it is clear how they stand
MOST = 10  # things that anybody counts
SIDES = (("to the left of", 0, -1), ("to the right of", 0, 1), ("above", 1, -1), ("below", 1, 1))
KINDS = ("spatial", "count")


class PhotoDecider(Protocol):
    """The product, and the step of it that settles questions by looking alone."""

    def ask_many(self, questions: Sequence[Question]) -> Sequence[Answer]:
        """One answer a question, in order."""

    def decide_many(self, asked: Sequence[tuple[str, Image]]) -> list[Verdict]:
        """How each is settled without a program."""


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
        """One line."""
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


def evaluate_placement(assistant: PhotoDecider, rows: Sequence[PointRow], images: Path) -> PlacementReport:
    """Ask every question both ways."""
    names = list(dict.fromkeys(row.image for row in rows))
    pictures = dict(zip(names, map(read_picture, find_pictures(images, names)), strict=True))
    asked = make_placement_questions(rows)
    alone = assistant.decide_many([(one.text, pictures[one.image]) for one in asked])
    answers = assistant.ask_many([Question(text=one.text, image=pictures[one.image]) for one in asked])
    by_program = [program_answer(answer) for answer in answers]
    helped = [program or verdict.answer for program, verdict in zip(by_program, alone, strict=True)]
    rights = [
        (one, normal(verdict.answer) == normal(one.right), normal(said) == normal(one.right), bool(program))
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
