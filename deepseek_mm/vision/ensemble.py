"""The judge: witnesses of one picture say what they think, and how sure they are; one answer comes of it, with reasons.

Every witness's probabilities are calibrated by itself. Where two speak of the same yes or no, their log-odds are added
with weights that were fitted on photos that were held out. What is sure is told, what is likely is told with its doubt
and the runner-up, and where guessing would do as well nothing is told. No model and no picture is needed here.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deepseek_mm.types import Outcome, Said, Verdict

SURE = 0.8  # probability from which an answer is told without its doubt
TOLD_CLOSED, TOLD_OPEN = 0.58, 0.2  # from which it is told at all: yes or no is right half of the time unseen
DISPUTE = 0.75  # witnesses that are so sure of different answers contradict each other
EDGE = 1e-4
YES, NO = CLOSED = ("yes", "no")


@dataclass(frozen=True, slots=True)
class Weights:
    """Of the log-odds of yes, by witness, and what is added."""

    by: Mapping[str, float]
    offset: float = 0.0


EVEN = Weights(by={"reader": 0.5, "likeness": 0.5, "labels": 0.5})
GLANCED = 0.2  # weight of a language model's glance beside the reader: best on photos that were held out, docs/log/
TINTED = 0.4  # weight of the colours that are measured where the reader looked, likewise
FAINT = 0.03  # share of a colour that may be there unmeasured
UNFITTED = 0.5  # weight of a witness that somebody plugged in: how often it is right was measured by nobody


def combine(
    chances: Mapping[str, float],
    there: Mapping[str, float],
    *,
    weights: Weights = EVEN,
    why: str = "",
    glanced: Mapping[str, float] | None = None,
    colours: Mapping[str, float] | None = None,
) -> Verdict:
    """The reader's probabilities of its likeliest answers, and how probable others find the thing that is asked for.

    `there` is empty where the question does not ask whether one thing is there. Without a reader `chances` is empty.
    `glanced` are a language model's probabilities of the reader's answers, where it looked; `colours` are the shares of
    those that are measured, where one is asked for.
    """
    closed = bool(there) or set(chances) <= {YES, NO}
    glanced, colours = glanced or {}, colours or {}
    said = [
        *likeliest_answer("reader", chances),
        *likeliest_answer("glance", glanced),
        *likeliest_answer("colours", colours),
    ]
    chances = blend_colours(blend_glance(chances, glanced), colours)
    if there:
        said += [one for by, p in there.items() for one in likeliest_answer(by, {YES: p, NO: 1 - p}, why=why)]
        read = chances.get(YES, 1 - chances[NO] if NO in chances else None)
        p_yes = add_log_odds({"reader": read, **there}, weights)
        chances = {YES: p_yes, NO: 1 - p_yes}
    if not chances:
        return Verdict(answer="", chance=0.0, outcome="unknown")
    (answer, chance), *others = sorted(chances.items(), key=lambda item: -item[1])
    runner_up, runner_chance = others[0] if others else ("", 0.0)
    return Verdict(
        answer=answer,
        chance=chance,
        outcome=outcome_of(chance, closed=closed),
        runner_up=runner_up,
        runner_chance=runner_chance,
        said=tuple(said),
        disputed=is_disputed(said),
    )


def blend_glance(chances: Mapping[str, float], glanced: Mapping[str, float]) -> dict[str, float]:
    """The reader's answers with what a glance makes of them; together they stay as probable as they were."""
    if not chances or not all(glanced.get(answer) for answer in chances):
        return dict(chances)
    both = {a: max(p, EDGE) ** (1 - GLANCED) * max(glanced[a], EDGE) ** GLANCED for a, p in chances.items()}
    return as_probable(both, chances)


def blend_colours(chances: Mapping[str, float], colours: Mapping[str, float]) -> dict[str, float]:
    """Answers of colours, with what is measured; together they stay as probable as they were."""
    if not chances or not colours:
        return dict(chances)
    both = {answer: p * (colours.get(answer, 0.0) + FAINT) ** TINTED for answer, p in chances.items()}
    return as_probable(both, chances)


def as_probable(both: Mapping[str, float], chances: Mapping[str, float]) -> dict[str, float]:
    """The same shares, together as probable as these."""
    scale = sum(chances.values()) / sum(both.values())
    return {answer: scale * each for answer, each in both.items()}


def likeliest_answer(by: str, chances: Mapping[str, float], *, why: str = "") -> list[Said]:
    """The likeliest answer of a witness; nothing from one that is silent."""
    if not chances:
        return []
    answer, chance = max(chances.items(), key=lambda item: item[1])
    return [Said(by=by, answer=answer, chance=chance, why=why)]


def add_log_odds(p_yes: Mapping[str, float | None], weights: Weights) -> float:
    """Probability of yes from several; one alone counts as it is."""
    there = {by: p for by, p in p_yes.items() if p is not None}
    if len(there) == 1:
        return next(iter(there.values()))
    total = weights.offset + sum(weights.by.get(by, UNFITTED) * log_odds(p) for by, p in there.items())
    return 1 / (1 + math.exp(-total))


def log_odds(p: float) -> float:
    """Of a probability, which is kept off 0 and 1."""
    p = min(1 - EDGE, max(EDGE, p))
    return math.log(p / (1 - p))


def outcome_of(chance: float, *, closed: bool) -> Outcome:
    """Told, told with its doubt, or not told."""
    if chance >= SURE:
        return "sure"
    return "unsure" if chance >= (TOLD_CLOSED if closed else TOLD_OPEN) else "unknown"


def is_disputed(said: Sequence[Said]) -> bool:
    """Are two witnesses sure of different answers?"""
    return len({one.answer for one in said if one.chance >= DISPUTE}) > 1
