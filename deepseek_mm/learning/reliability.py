"""How sure answers were, against how often they were right: by the thumbs and corrections of whoever asked.

The error is the expected calibration error (Naeini et al. 2015): the distance between what was said and what came true,
averaged over groups of answers that were about as sure. Its interval is a bootstrap's, that of a share is Wilson's
(1927), both of 95 %.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_mm.history import Turn
from deepseek_mm.language.words import normalize_answer

EDGES = (0.0, 0.5, 0.7, 0.8, 0.9, 1.0)  # of the groups, as probabilities
FEWEST = 20  # judged answers from which the error is told
DRAWS, SEED = 500, 7  # of the bootstrap
Z95 = 1.96  # standard deviations on either side that hold 95 %


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgedAnswer:
    """An answer that somebody judged."""

    chance: float  # that it is right, as it was said
    is_right: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ReliabilityGroup:
    """Answers that were about as sure."""

    low: float  # of the chances
    high: float
    count: int
    said: float  # their mean chance
    right: float  # the share that was right
    interval: tuple[float, float]  # of that share


@dataclass(frozen=True, kw_only=True, slots=True)
class Reliability:
    """How far chances can be believed here."""

    count: int = 0  # of judged answers
    groups: tuple[ReliabilityGroup, ...] = ()  # that have any, the least sure first
    right: float = 0.0  # the share of all that was right
    said: float = 0.0  # their mean chance
    error: float | None = None  # expected calibration error, 0 to 1; None below FEWEST
    interval: tuple[float, float] = (0.0, 0.0)  # of the error

    @property
    def num_lacking(self) -> int:
        """Judged answers that are missing until the error is told."""
        return max(0, FEWEST - self.count)


def measure_reliability(turns: Iterable[Turn]) -> Reliability:
    """Of all turns that somebody judged and that said how sure they were."""
    judged = [found for turn in turns if (found := judge_turn(turn)) is not None]
    if not judged:
        return Reliability()
    chance_N = np.array([each.chance for each in judged])
    right_N = np.array([each.is_right for each in judged], dtype=float)
    known = len(judged) >= FEWEST
    return Reliability(
        count=len(judged),
        groups=tuple(group_answers(judged)),
        right=float(right_N.mean()),
        said=float(chance_N.mean()),
        error=measure_error(chance_N, right_N) if known else None,
        interval=bound_error(chance_N, right_N) if known else (0.0, 0.0),
    )


def judge_turn(turn: Turn) -> JudgedAnswer | None:
    """What the asker thinks of it; None where nothing was said of it, or it did not say how sure it was.

    What somebody would rather have had said is right if the answer says it; a question that was understood otherwise
    than it was meant is answered wrongly.
    """
    chance = turn.answer.confidence
    if chance is None:
        return None
    if turn.right:
        right = f" {normalize_answer(turn.right)} " in f" {normalize_answer(turn.answer.text)} "
    elif turn.meant is not None:
        right = False
    elif turn.rating:
        right = turn.rating == "up"
    else:
        return None
    return JudgedAnswer(chance=chance, is_right=right)


def group_answers(judged: Sequence[JudgedAnswer]) -> list[ReliabilityGroup]:
    """Those that are about as sure together."""
    groups = []
    for low, high in zip(EDGES, EDGES[1:], strict=False):
        inside = [each for each in judged if low <= each.chance < high or (high == 1.0 and each.chance >= high)]
        if inside:
            num_right = sum(each.is_right for each in inside)
            groups.append(
                ReliabilityGroup(
                    low=low,
                    high=high,
                    count=len(inside),
                    said=sum(each.chance for each in inside) / len(inside),
                    right=num_right / len(inside),
                    interval=bound_share(num_right, len(inside)),
                )
            )
    return groups


def measure_error(chance_N: np.ndarray, right_N: np.ndarray) -> float:
    """The expected calibration error, 0 to 1."""
    group_N = np.clip(np.searchsorted(EDGES, chance_N, side="right") - 1, 0, len(EDGES) - 2)
    gaps = [abs(float((chance_N - right_N)[group_N == group].sum())) for group in range(len(EDGES) - 1)]
    return sum(gaps) / len(chance_N)


def bound_error(chance_N: np.ndarray, right_N: np.ndarray) -> tuple[float, float]:
    """Its interval, by drawing the answers anew."""
    random = np.random.default_rng(SEED)
    rows_DN = random.integers(0, len(chance_N), (DRAWS, len(chance_N)))
    errors = [measure_error(chance_N[row_N], right_N[row_N]) for row_N in rows_DN]
    low, high = np.quantile(errors, (0.025, 0.975))
    return float(low), float(high)


def bound_share(num_right: int, count: int) -> tuple[float, float]:
    """The interval of a share."""
    share, z2 = num_right / count, Z95**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = Z95 / (1 + z2 / count) * (share * (1 - share) / count + z2 / (4 * count**2)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)
