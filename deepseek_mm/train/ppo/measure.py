"""Pass rates on problems that nothing was learned from.

pass@1 is the share of drawn answers that pass every test, at the policy's temperature; of several it is the unbiased
estimate that `evaluation.code` has. Beside it stand the likeliest answer, the one that the model itself would pick of
those it drew (best of n, no test is looked at), and the puzzles that any of them solved.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

import torch

from deepseek_mm.train.ppo.judge import Judge
from deepseek_mm.train.ppo.problems import Puzzle
from deepseek_mm.train.ppo.rollouts import Rollout, Writer

DRAWN = 10  # answers of a puzzle
SEED = 20_261_128


@dataclass(frozen=True, kw_only=True, slots=True)
class Solved:
    """One puzzle's outcome."""

    name: str
    level: int
    drawn: int  # of DRAWN answers that pass
    greedy: bool
    picked: bool  # the likeliest of the drawn ones passes
    shown: str  # the first one that was drawn


def measure(writer: Writer, judge: Judge, puzzles: Sequence[Puzzle]) -> list[Solved]:
    """Every puzzle's outcome, in order."""
    rollouts = writer.write(puzzles, DRAWN + 1, seed=SEED, greedy=True)
    judge.judge([(rollout.puzzle, text) for rollout in rollouts for text in rollout.texts])  # all in one; remembered
    return [solved(writer, judge, rollout) for rollout in rollouts]


def solved(writer: Writer, judge: Judge, some: Rollout) -> Solved:
    """Of one puzzle; the last of its answers is the likeliest one and was not drawn."""
    puzzle = some.puzzle
    right = [verdict.right for verdict in judge.judge([(puzzle, text) for text in some.texts])]
    return Solved(
        name=puzzle.name,
        level=puzzle.level,
        drawn=sum(right[:-1]),
        greedy=right[-1],
        picked=right[picked(writer, some)],
        shown=some.texts[0],
    )


@torch.no_grad()
def picked(writer: Writer, some: Rollout) -> int:
    """The number of the drawn answer with the highest probability a token."""
    logprobs = writer.policy.said([some.group]).logprob_A
    means = [float(each.mean()) for each in logprobs.split([len(answer) for answer in some.group.answers])]
    return max(range(DRAWN), key=lambda n: means[n])


def rates(outcomes: Sequence[Solved]) -> dict[str, float]:
    """Percent."""
    told = {
        "pass_rate": mean(each.drawn / DRAWN for each in outcomes),
        "greedy": mean(each.greedy for each in outcomes),
        "best_of_n": mean(each.picked for each in outcomes),
        "pass_at_n": mean(each.drawn > 0 for each in outcomes),
    }
    for level in sorted({each.level for each in outcomes}):
        told[f"pass_rate_level_{level}"] = mean(each.drawn / DRAWN for each in outcomes if each.level == level)
    return {name: 100 * value for name, value in told.items()}
