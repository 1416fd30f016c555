"""How many questions about scenes on paper are answered right: by the small model alone, and with programs.

Scenes and questions are made up anew for a seed, pictures are painted, the finder looks at them. With programs, a
question is settled as the product settles it: by its program over what was found; where there is none, or where it does
not apply, the small model's answer stands.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from random import Random
from typing import Protocol

from PIL.Image import Image

from deepseek_mm.evaluation.scenes.ask import KINDS, Asked, ask
from deepseek_mm.evaluation.scenes.draw import draw
from deepseek_mm.evaluation.scenes.make import Made, make
from deepseek_mm.rag.on_paper import settled_on_paper
from deepseek_mm.see.scene.finder import SceneFinder, Solids


class Answers(Protocol):
    """Answers about what was found, without a program."""

    def answer_many(self, questions: Sequence[str], solids: Sequence[Solids]) -> list[tuple[str, float]]:
        """Answer and its probability, one a question."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """Percent of questions that were answered right."""

    accuracy: float  # by the small model alone
    accuracy_with_programs: float
    n: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ScenesReport:
    """All questions, and kind by kind."""

    whole: Share
    by_kind: Mapping[str, Share]
    by_program: float  # percent of the questions that a program answered
    things_found: float  # percent of the scenes whose things were all found, and no more
    seed: int

    def table(self) -> str:
        """For people."""
        rows = [*self.by_kind.items(), ("all", self.whole)]
        lines = [f"{'questions about':<16}{'alone':>8}{'with programs':>16}{'n':>8}"]
        for name, share in rows:
            lines.append(f"{name:<16}{share.accuracy:>8.1f}{share.accuracy_with_programs:>16.1f}{share.n:>8}")
        told = (
            f"{self.by_program:.1f} % answered by a program; every thing found in {self.things_found:.1f} % of scenes"
        )
        return "\n".join([*lines, f"{told}; seed {self.seed}"])

    def json(self) -> str:
        """One line."""
        return json.dumps(
            {
                **asdict(self.whole),
                "by_kind": {kind: asdict(share) for kind, share in self.by_kind.items()},
                "by_program": self.by_program,
                "things_found": self.things_found,
                "seed": self.seed,
            }
        )


def evaluate_scenes(finder: SceneFinder, answers: Answers, *, scenes: int, seed: int) -> ScenesReport:
    """One question of every kind about each of so many scenes."""
    chance = Random(seed)
    made = [make(chance) for _ in range(scenes)]
    asked = [[ask(each, kind, chance) for kind in KINDS] for each in made]
    found = list(finder.find_many(pictures(made)))
    alone: list[tuple[Asked, bool]] = []
    helped: list[tuple[Asked, bool]] = []
    by_program = 0
    for questions, solids in zip(asked, found, strict=True):
        said = answers.answer_many([one.question for one in questions], [solids] * len(questions))
        scene = solids.scene
        for one, guess in zip(questions, said, strict=True):
            verdict = settled_on_paper(one.question, scene, guess)
            by_program += verdict.said[0].by == "program"
            alone.append((one, guess[0] == one.answer))
            helped.append((one, verdict.answer == one.answer))
    whole = sum(len(m.things) == len(f) for m, f in zip(made, found, strict=True))
    return ScenesReport(
        whole=share(alone, helped),
        by_kind={kind: share(*(of_kind(pairs, kind) for pairs in (alone, helped))) for kind in KINDS},
        by_program=round(100 * by_program / len(alone), 2),
        things_found=round(100 * whole / len(made), 2),
        seed=seed,
    )


def pictures(made: Sequence[Made]) -> "map[Image]":
    """Painted when they are looked at."""
    return map(draw, made)


def of_kind(pairs: Sequence[tuple[Asked, bool]], kind: str) -> list[tuple[Asked, bool]]:
    return [pair for pair in pairs if pair[0].kind == kind]


def share(alone: Sequence[tuple[Asked, bool]], helped: Sequence[tuple[Asked, bool]]) -> Share:
    """Percents of those that are right."""
    first, second = (round(100 * sum(right for _, right in pairs) / len(pairs), 2) for pairs in (alone, helped))
    return Share(accuracy=first, accuracy_with_programs=second, n=len(alone))
