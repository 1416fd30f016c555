"""How like people's captions is a caption? BLEU-4 and CIDEr-D over a whole set, equal to pycocoevalcap's.

BLEU (Papineni et al. 2002, eq. 1 to 3) asks how many of the runs of up to four words some reference has, over all
captions together, and takes off for captions that are too short. CIDEr-D (Vedantam et al. 2015, eq. 2 to 4) compares
runs weighed by how few photos' references have them, counts a run no more often than the reference does, and takes off
for another length. Both see words in lower case and no punctuation.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from deepseek_mm.see.caption.alike import LONGEST, Run, Runs, alike, counted, runs_of

SMALL, TINY = 1e-9, 1e-15  # so that nothing found is no division by zero


def split_caption(caption: str) -> list[str]:
    """Lower-case words; it's is two words, and what joins them is left out."""
    return re.findall(r"[a-z0-9]+(?:[.,]\d+)*|'[a-z]+", caption.lower().replace("\u2019", "'"))


def bleu4(said: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Percent. Every caption has at least one reference."""
    right, possible = [0.0] * LONGEST, [0.0] * LONGEST
    length, nearest = 0, 0
    for caption, refs in zip(said, references, strict=True):
        words, theirs = split_caption(caption), [split_caption(ref) for ref in refs]
        length += len(words)
        nearest += min((abs(len(ref) - len(words)), len(ref)) for ref in theirs)[1]
        most: Runs = Counter()
        for ref in theirs:
            most |= runs_of(ref)
        for run, count in runs_of(words).items():
            right[len(run) - 1] += min(count, most[run])
            possible[len(run) - 1] += count
    precisions = [(hit + TINY) / (total + SMALL) for hit, total in zip(right, possible, strict=True)]
    mean = math.prod(precisions) ** (1 / LONGEST)
    ratio = (length + TINY) / (nearest + SMALL)
    return 100 * mean * (math.exp(1 - 1 / ratio) if ratio < 1 else 1.0)


def cider(said: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Percent: 100 is what CIDEr-D calls 1. How rare a run is, is counted over the photos' references."""
    theirs = [[runs_of(split_caption(ref)) for ref in refs] for refs in references]
    rare = RunWeights.among(theirs)
    scores = [rare.worth(runs_of(split_caption(caption)), refs) for caption, refs in zip(said, theirs, strict=True)]
    return 100 * 10 * sum(scores) / len(scores)


class RunWeights:
    """Runs weighed by how rare they are among the photos' references."""

    def __init__(self, photos_with: Mapping[Run, int], photos: int) -> None:
        self.photos_with, self.photos = photos_with, photos

    @classmethod
    def among(cls, references: Sequence[Sequence[Runs]]) -> "RunWeights":
        """Counted over the references of each photo."""
        return cls(Counter(run for refs in references for run in set().union(*refs)), len(references))

    def worth(self, mine: Runs, references: Sequence[Runs]) -> float:
        """0 to 1: the mean over a photo's references."""
        return sum(self.likeness(mine, ref) for ref in references) / len(references)

    def likeness(self, mine: Runs, theirs: Runs) -> float:
        """0 to 1: the mean over the sizes of runs."""
        return alike(
            counted(mine, self.weight), counted(theirs, self.weight), longer=count_pairs(mine) - count_pairs(theirs)
        )

    def weight(self, run: Run) -> float:
        """The logarithm of how few photos have it."""
        return math.log(self.photos / max(1, self.photos_with.get(run, 0)))


def count_pairs(runs: Runs) -> int:
    """Runs of two words, which is how the reference scorer measures length."""
    return sum(count for run, count in runs.items() if len(run) == 2)
