"""How sure may an answer be? Scores to probabilities that hold: of so many answers told at 80 %, 80 % are right.

A question belongs to a family by its words; whether a thing is there that was asked for often is a family of its own.
Of each family a temperature, and for yes or no a weight towards yes, were fitted on photos that were held out.

Shape key:  Q questions, V answers
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from deepseek_mm.rag.judge import EVEN, Weights
from deepseek_mm.rag.program.words import singular

CLOSED = re.compile(r"(is|are|was|were|do|does|did|can|could|has|have|will|would|should|am)\b(?!.*\bor\b)")
INSIDE = re.compile(r" (in|visible in) (the|this) (photo|picture|image)$")
THERE = "there"  # the family of questions whether a thing is there that was asked for often
COLOUR = "colour"
FAMILIES = (THERE, "closed", "count", COLOUR, "open")
YES_NO = ("yes", "no")
MOST_BEFORE = 5  # words before the thing that a question asks for: "does the photo show a dog"
STEPS, RATE = 200, 0.05


def family_of(question: str, nouns: Collection[str] = ()) -> str:
    """By its words; `nouns` are the things that were asked for often."""
    line = question.strip(" ?.!").lower()
    if CLOSED.match(line):
        *before, last = INSIDE.sub("", line).split()
        return THERE if before and singular(last) in nouns and len(before) <= MOST_BEFORE else "closed"
    if line.startswith("how many"):
        return "count"
    return COLOUR if re.match(r"(what|which) colou?r", line) else "open"


@dataclass(frozen=True, slots=True)
class AnswerCalibration:
    """Of each family, what its scores are multiplied with, and what is added to yes."""

    told: dict[str, tuple[float, float]]
    nouns: frozenset[str] = frozenset()  # things that were asked for often
    weights: Weights = EVEN  # of the reader's yes or no beside likeness

    def family(self, question: str) -> str:
        """Of a question."""
        return family_of(question, self.nouns)

    def chances(self, scores_V: Tensor, family: str, answers: Sequence[str]) -> Tensor:
        """(V,): probabilities of all answers; of yes and no alone where the question is closed."""
        factor, to_yes = self.told.get(family, (1.0, 0.0))
        return chances_of(scores_V[None], family, answers, torch.tensor(factor), torch.tensor(to_yes))[0]


def chances_of(scores_QV: Tensor, family: str, answers: Sequence[str], factor: Tensor, to_yes: Tensor) -> Tensor:
    """(Q, V)."""
    scores_QV = scores_QV * factor
    yes_no = [answers.index(word) for word in YES_NO]
    if family in (THERE, "closed"):
        fitting = torch.full((scores_QV.shape[1],), -torch.inf)
        fitting[yes_no] = torch.stack([to_yes, torch.zeros(())])
        return (scores_QV + fitting).softmax(-1)
    return scores_QV.softmax(-1)


def fit_calibration(
    families: Sequence[str],
    scores_QV: Tensor,
    right_Q: Tensor,
    answers: Sequence[str],
    *,
    nouns: Collection[str] = (),
) -> AnswerCalibration:
    """By maximum likelihood; a family without questions stays as it is."""
    told = {}
    for family in FAMILIES:
        own = torch.tensor([n for n, name in enumerate(families) if name == family and right_Q[n] >= 0])
        if not len(own):
            continue
        factor, to_yes = torch.ones((), requires_grad=True), torch.zeros((), requires_grad=True)
        optimiser = torch.optim.Adam([factor, to_yes], lr=RATE)
        for _ in range(STEPS):
            chance_QV = chances_of(scores_QV[own], family, answers, factor, to_yes)
            loss = F.nll_loss(chance_QV.clamp_min(1e-9).log(), right_Q[own])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        told[family] = (round(factor.item(), 4), round(to_yes.item(), 4))
    return AnswerCalibration(told, frozenset(nouns))
