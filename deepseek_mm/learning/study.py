"""One training of the reader's last layer, from rows to rows: no photo, no file, no conversation.

It goes on from the layer that answers now, with a row for each answer that is new. Beside the corrections it learns
what was accepted earlier again, and the shipped layer's own opinions of the built-in sample (their right answers would
pull it towards those few); and an anchor holds it at the shipped weights, as stiffly as the
built-in questions need them.

Shape key:  N questions, W width of what is seen, V answers
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from deepseek_mm.config import LearningConfig
from deepseek_mm.learning.anchor import Anchor, weights_of
from deepseek_mm.learning.builtin import Builtin
from deepseek_mm.learning.fit import FitConfig, Opinions, fit
from deepseek_mm.learning.memory import Asked, Remembered, both
from deepseek_mm.learning.outcome import (
    BUILTIN,
    EARLIER,
    HELD_OUT,
    NEAR,
    TRAINED,
    Score,
    compared,
    nearest,
    objections,
    surprise,
)
from deepseek_mm.learning.rows import joined
from deepseek_mm.vision.vqa import AnswerHead

NEVER = -1e9


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """All that a training needs."""

    now: AnswerHead  # that answers now
    shipped: AnswerHead
    new_answers: tuple[str, ...]  # that it does not know yet
    trained: Asked
    held_out: Asked
    earlier: Remembered  # accepted before
    builtin: Builtin


@dataclass(frozen=True, kw_only=True, slots=True)
class Studied:
    """What came out."""

    out: nn.Linear
    answers: tuple[str, ...]
    scores: tuple[Score, ...]
    objections: tuple[str, ...]
    seconds: float


def study(material: Material, config: LearningConfig) -> Studied:
    """Learn, and measure what changed. The same material gives the same layer."""
    began_s = time.monotonic()
    before = widened(material.now.out, len(material.new_answers))
    out = widened(before, 0).requires_grad_(True)
    anchor = Anchor(weights_of(widened(material.shipped.out, 0)), material.builtin.stiff)
    told = FitConfig(steps=config.steps, rate=config.rate, hold=config.hold, again=config.again)
    old, seen_NW = material.earlier.asked.at(~material.earlier.held_N).rows, material.builtin.replay.x_NW
    as_shipped = widened(material.shipped.out, out.out_features - material.shipped.out.out_features)
    opinions = Opinions(seen_NW, as_shipped(seen_NW).softmax(-1))
    fit(out, material.trained.rows, told, old=old, anchor=anchor, opinions=opinions)
    out.requires_grad_(False)
    answers = (*material.now.answers, *material.new_answers)
    scores = scored(before, out, material, answers)
    strange = strangeness(before, material, answers)
    return Studied(
        out=out,
        answers=answers,
        scores=tuple(scores),
        objections=tuple(objections(scores, strange, config)),
        seconds=time.monotonic() - began_s,
    )


def widened(out: nn.Linear, more: int) -> nn.Linear:
    """A copy in float32 with so many more answers: rows of zeros, and less likely than most."""
    weight_VW, bias_V = out.weight.detach().float(), out.bias.detach().float()
    wide = nn.Linear(weight_VW.shape[1], len(weight_VW) + more)
    rows_XW, low_X = torch.zeros(more, weight_VW.shape[1]), bias_V.mean().expand(more)
    wide.load_state_dict({"weight": torch.cat([weight_VW, rows_XW]), "bias": torch.cat([bias_V, low_X])})
    return wide.requires_grad_(False)


def scored(before: nn.Linear, after: nn.Linear, material: Material, answers: Sequence[str]) -> list[Score]:
    """Every set before and after; sets without a question are left out."""
    builtin = material.builtin
    dev = Asked(rows=builtin.dev, closed_N=builtin.closed_N, asks_N=torch.zeros(len(builtin.dev), dtype=torch.int64))
    sets: dict[str, Asked] = {TRAINED: material.trained, HELD_OUT: material.held_out, EARLIER: material.earlier.asked}
    sets[BUILTIN] = dev
    corrected = joined([material.trained.rows, material.held_out.rows])
    if len(corrected):
        sets[NEAR] = dev.at(nearest(corrected.x_NW, builtin.dev.x_NW))
    for name in dict.fromkeys(builtin.sets):
        sets[name] = dev.at(torch.tensor([each == name for each in builtin.sets]))
    return [
        compared(name, rightly(before, asked, answers), rightly(after, asked, answers))
        for name, asked in sets.items()
        if len(asked.rows)
    ]


@torch.inference_mode()
def chances_of(out: nn.Linear, asked: Asked, answers: Sequence[str]) -> Tensor:
    """(N, V): probabilities; of yes and no alone where that is asked."""
    scores_NV, other_V = out(asked.rows.x_NW), torch.ones(len(answers), dtype=torch.bool)
    other_V[[answers.index("yes"), answers.index("no")]] = False
    ruled_out_NV = asked.closed_N[:, None] & other_V
    chance_NV: Tensor = scores_NV.masked_fill(ruled_out_NV, NEVER).softmax(-1)
    return chance_NV


def rightly(out: nn.Linear, asked: Asked, answers: Sequence[str]) -> Tensor:
    """(N,) bool: is the likeliest answer the right one, or not the wrong one?"""
    likeliest_N = chances_of(out, asked, answers).argmax(-1)
    same_N: Tensor = likeliest_N == asked.rows.right_N
    return same_N ^ asked.rows.wrong_N


def strangeness(before: nn.Linear, material: Material, answers: Sequence[str]) -> float:
    """Share of the right answers given, known ones, that were as good as ruled out before they were given."""
    asked = both([material.trained, material.held_out])
    told = asked.at(~asked.rows.wrong_N & (asked.rows.right_N < len(material.now.answers)))
    return surprise(chances_of(before, told, answers), told.rows.right_N)


def head_of(
    shipped: AnswerHead, answers: Sequence[str], saved: Mapping[str, Tensor]
) -> tuple[tuple[str, ...], nn.Linear]:
    """Answers and layer of a version, out of what `changes` gave."""
    out = widened(shipped.out, len(answers))
    out.load_state_dict({name: getattr(out, name) + saved[name] for name in ("weight", "bias")})
    return (*shipped.answers, *answers), out


def changes(shipped: AnswerHead, studied: Studied) -> dict[str, Tensor]:
    """What differs from the shipped layer, in half a float."""
    base = widened(shipped.out, len(studied.answers) - len(shipped.answers))
    return {name: (getattr(studied.out, name) - getattr(base, name)).half() for name in ("weight", "bias")}
