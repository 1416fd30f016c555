"""Where a turn is cut into acts: the likeliest ways of cutting it, and which of them gives acts that are surest.

Shape key:  T tokens, C what a token is to the acts
"""

from collections.abc import Sequence
from itertools import combinations
from math import exp, log
from typing import NamedTuple

from torch import Tensor

from deepseek_mm.language.request_network import FIRST, INSIDE_ACT, JOINING

DOUBTFUL, MOST = 0.01, 1  # chance of a border, or of none, that is thought about; borders of a turn that are
SURE, FEWER = 2.0, 1.5  # what the mean logarithm of acts' chances weighs, and what a further act must gain
LEAST = 1e-6


class CutTurn(NamedTuple):
    """Tokens of each act of a turn, and how likely it is cut rightly."""

    parts: list[list[int]]
    chance: float


def list_cuts(cuts_TC: Tensor, tokens: int) -> list[CutTurn]:
    """Ways of cutting a turn of so many tokens, the first and the last of which are no part of the text.

    An act has two tokens at least; the first one has the token before the text.
    """
    chances = cuts_TC[1 : tokens - 1].float().softmax(dim=-1).tolist()
    begins = {token: row[FIRST] for token, row in enumerate(chances[1:], 2) if row[FIRST] > DOUBTFUL}
    doubted = sorted((token for token in begins if begins[token] < 1 - DOUBTFUL), key=lambda t: abs(begins[t] - 0.5))
    doubted = doubted[:MOST]
    given = [token for token in begins if token not in doubted and begins[token] > 0.5]
    return [
        cut_at({*given, *further}, chances)
        for count in range(len(doubted) + 1)
        for further in combinations(doubted, count)
    ]


def cut_at(borders: set[int], chances: Sequence[Sequence[float]]) -> CutTurn:
    """Cut in front of these tokens, and how likely that is; what joins two acts belongs to none."""
    labels = [INSIDE_ACT] * len(chances)
    for border in borders:
        labels[border - 1] = FIRST
        before = border - 2
        while before > 0 and labels[before] != FIRST and chances[before][JOINING] > chances[before][INSIDE_ACT]:
            labels[before] = JOINING
            before -= 1
    parts: list[list[int]] = [[0]]
    for token, label in enumerate(labels, 1):
        if label == FIRST and len(parts[-1]) > 1:
            parts.append([])
        if label != JOINING:
            parts[-1].append(token)
    likely = sum(log(max(LEAST, row[label])) for row, label in zip(chances, labels, strict=True))
    return CutTurn(parts, exp(likely))


def choose_cut(cuts: Sequence[CutTurn], sure: Sequence[Sequence[float]]) -> tuple[int, float]:
    """Which of them, given the chances of the acts of each, and how likely it is among them."""
    scores = [
        log(max(LEAST, cut.chance))
        + SURE * sum(log(max(LEAST, chance)) for chance in acts) / len(acts)
        - FEWER * (len(acts) - 1)
        for cut, acts in zip(cuts, sure, strict=True)
    ]
    best = max(range(len(scores)), key=scores.__getitem__)
    return best, 1 / sum(exp(score - scores[best]) for score in scores)
