"""How alike are two sentences? By the runs of one to four words that they share (as CIDEr-D compares them).

Vedantam et al. 2015, eq. 2 to 4: a run counts no more often than the other has it, and another length takes off.
"""

import math
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence

LONGEST = 4  # words of a run
SPREAD = 6.0  # standard deviation of the penalty for another length

Run = tuple[Hashable, ...]
Runs = Counter[Run]
BySize = Sequence[Mapping[Run, float]]  # the weights of runs of one word, of two, ...


def runs_of(words: Sequence[Hashable]) -> Runs:
    """How often each run of one to four words comes."""
    return Counter(
        tuple(words[start : start + size]) for size in range(1, LONGEST + 1) for start in range(len(words) - size + 1)
    )


def count_weighted(runs: Runs, weight: Callable[[Run], float] = lambda run: 1.0) -> BySize:
    """By size, each run's count times its weight."""
    found: list[dict[Run, float]] = [{} for _ in range(LONGEST)]
    for run, count in runs.items():
        found[len(run) - 1][run] = count * weight(run)
    return found


def alike(mine: BySize, theirs: BySize, *, longer: int) -> float:
    """0 to 1: the mean over the sizes of runs. `longer` is by how many words the first is longer than the second."""
    cosines = [cosine(one, other) for one, other in zip(mine, theirs, strict=True)]
    return math.exp(-(longer**2) / (2 * SPREAD**2)) * sum(cosines) / LONGEST


def cosine(mine: Mapping[Run, float], theirs: Mapping[Run, float]) -> float:
    """Of two weighed sets, the first clipped to the second."""
    shared = sum(min(weight, theirs.get(run, 0.0)) * theirs.get(run, 0.0) for run, weight in mine.items())
    long = math.sqrt(sum(w * w for w in mine.values())) * math.sqrt(sum(w * w for w in theirs.values()))
    return shared / long if long else shared


def most_alike(sentences: Sequence[Sequence[Hashable]]) -> int:
    """The number of the sentence that all are most like: what most of them say, nearly as they say it."""
    told = [count_weighted(runs_of(words)) for words in sentences]
    totals = [
        sum(alike(mine, theirs, longer=len(words) - len(other)) for theirs, other in zip(told, sentences, strict=True))
        for mine, words in zip(told, sentences, strict=True)
    ]
    return totals.index(max(totals))
