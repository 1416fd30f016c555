"""How far confidence can be trusted, over people's questions and over whether things are there, together.

The calibration error in one figure, and two pictures: how often answers are right that were so and so sure, and how
many go wrong where only the surest questions are answered.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepseek_mm.evaluation.vqa import (
    PRECISE,
    AnswerDecider,
    QuestionRow,
    ScoredQuestions,
    ask_all,
    calibration_error,
    coverage,
    measure_accuracy,
    split_bins,
    surest_right,
)

PICTURES = ("reliability.png", "risk_coverage.png")


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """Of each set of questions, how sure and how right each answer was."""

    asked: Mapping[str, ScoredQuestions]

    @property
    def together(self) -> ScoredQuestions:
        """All sets as one."""
        return sum(self.asked.values(), ScoredQuestions((), ()))

    def table(self) -> str:
        """For people."""
        lines = [f"{'questions':<12}{'n':>7}{'right, %':>10}{'calibration error':>20}{f'at {PRECISE} % right, %':>22}"]
        for name, each in [*self.asked.items(), ("together", self.together)]:
            told = summarize(each)
            lines.append(
                f"{name:<12}{told['n']:>7}{told['accuracy']:>10.1f}{told['ece']:>20.3f}{told['coverage']:>22.1f}"
            )
        return "\n".join(lines)

    def json(self) -> str:
        """One line."""
        return json.dumps(
            summarize(self.together) | {"sets": {name: summarize(one) for name, one in self.asked.items()}}
        )

    def draw(self, folder: Path) -> list[Path]:
        """Both pictures; returns their files."""
        folder.mkdir(parents=True, exist_ok=True)
        return [draw_reliability(self.asked, folder / PICTURES[0]), draw_risk(self.asked, folder / PICTURES[1])]


def evaluate_calibration(
    decider: AnswerDecider, sets: Mapping[str, tuple[Sequence[QuestionRow], Path]]
) -> CalibrationReport:
    """Ask every set; each is rows, and the folder of their pictures."""
    return CalibrationReport({name: ask_all(decider, rows, images) for name, (rows, images) in sets.items()})


def summarize(asked: ScoredQuestions) -> dict[str, Any]:
    """Figures of some questions."""
    part = measure_accuracy(asked.right_N)
    return {
        "ece": calibration_error(asked.chance_N, asked.right_N),
        "n": part.n,
        "accuracy": part.accuracy,
        "coverage": coverage(asked.chance_N, asked.right_N),
    }


def draw_reliability(asked: Mapping[str, ScoredQuestions], file: Path) -> Path:
    """Share that is right against confidence, ten bins of equally many questions a set."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#888888", linestyle=":", label="as it should be")
    for name, each in asked.items():
        bins = split_bins(each.chance_N, each.right_N)
        axes.plot([one.chance for one in bins], [one.right for one in bins], marker="o", label=name)
    axes.set(xlabel="how sure it was", ylabel="share that was right", xlim=(0, 1), ylim=(0, 1))
    axes.legend()
    figure.savefig(file, dpi=110)
    return file


def draw_risk(asked: Mapping[str, ScoredQuestions], file: Path) -> Path:
    """Share that is wrong against the share of questions that are answered, the surest first."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.axhline(1 - PRECISE / 100, color="#888888", linestyle=":", label=f"{PRECISE} % right")
    for name, each in asked.items():
        share_N = surest_right(each.chance_N, each.right_N)
        axes.plot([(n + 1) / len(share_N) for n in range(len(share_N))], 1 - share_N, label=name)
    axes.set(xlabel="share of the questions that are answered", ylabel="share of them that is wrong", xlim=(0, 1))
    axes.set_ylim(0, 0.6)
    axes.legend()
    figure.savefig(file, dpi=110)
    return file
