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

from deepseek_mm.evaluation.scenes.ask import KINDS, SceneQuestion, make_question
from deepseek_mm.evaluation.scenes.draw import draw_scene
from deepseek_mm.evaluation.scenes.make import PaperScene, make_scene
from deepseek_mm.rag.on_paper import settled_on_paper
from deepseek_mm.see.scene.finder import SceneFinder, Solids


class SolidsAnswerer(Protocol):
    """Answers about what was found, without a program."""

    def answer_many(self, questions: Sequence[str], solids: Sequence[Solids]) -> list[tuple[str, float]]:
        """Answer and its probability, one a question."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneAccuracy:
    """Percent of questions that were answered right."""

    accuracy: float  # by the small model alone
    accuracy_with_programs: float
    n: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ScenesReport:
    """All questions, and kind by kind."""

    whole: SceneAccuracy
    by_kind: Mapping[str, SceneAccuracy]
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


def evaluate_scenes(finder: SceneFinder, answers: SolidsAnswerer, *, scenes: int, seed: int) -> ScenesReport:
    """One question of every kind about each of so many scenes."""
    chance = Random(seed)
    made = [make_scene(chance) for _ in range(scenes)]
    asked = [[make_question(each, kind, chance) for kind in KINDS] for each in made]
    found = list(finder.find_many(pictures(made)))
    alone: list[tuple[SceneQuestion, bool]] = []
    helped: list[tuple[SceneQuestion, bool]] = []
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


def pictures(made: Sequence[PaperScene]) -> "map[Image]":
    """Painted when they are looked at."""
    return map(draw_scene, made)


def of_kind(pairs: Sequence[tuple[SceneQuestion, bool]], kind: str) -> list[tuple[SceneQuestion, bool]]:
    return [pair for pair in pairs if pair[0].kind == kind]


def share(alone: Sequence[tuple[SceneQuestion, bool]], helped: Sequence[tuple[SceneQuestion, bool]]) -> SceneAccuracy:
    """Percents of those that are right."""
    first, second = (round(100 * sum(right for _, right in pairs) / len(pairs), 2) for pairs in (alone, helped))
    return SceneAccuracy(accuracy=first, accuracy_with_programs=second, n=len(alone))
