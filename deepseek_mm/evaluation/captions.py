"""Sentences about photos scored against the captions of people: BLEU-4 and CIDEr-D, equal to those of pycocoevalcap.

BLEU (Papineni et al. 2002, eq. 1 to 3) counts the runs of up to four words that some reference has, over all captions
together, and takes off for captions that are too short. CIDEr-D (Vedantam et al. 2015, eq. 2 to 4) compares runs
weighed by how few photos have them in their references, counts a run no more often than the reference does, and takes
off for another length. Both see words in lower case and no punctuation.
"""

import json
import math
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from deepseek_mm.evaluation.retrieval import CaptionRow, find_pictures, read_picture
from deepseek_mm.vision.captioner import LONGEST, Captioner, Run, Runs, alike, count_weighted, runs_of

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
            count_weighted(mine, self.weight),
            count_weighted(theirs, self.weight),
            longer=count_pairs(mine) - count_pairs(theirs),
        )

    def weight(self, run: Run) -> float:
        """The logarithm of how few photos have it."""
        return math.log(self.photos / max(1, self.photos_with.get(run, 0)))


def count_pairs(runs: Runs) -> int:
    """Runs of two words, which is how the reference scorer measures length."""
    return sum(count for run, count in runs.items() if len(run) == 2)


EXAMPLES = 5  # sentences that the table shows


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptionReport:
    """Scores over all photos."""

    bleu4: float  # percent
    cider: float  # percent: 100 is what CIDEr-D calls 1
    n: int
    seconds_per_photo: float
    said: tuple[str, ...]

    def table(self) -> str:
        """A table for people."""
        scores = f"BLEU-4 {self.bleu4:.1f}, CIDEr {self.cider:.1f}"
        speed = f"{self.n} photos, {self.seconds_per_photo:.3f} s each"
        return "\n".join([f"{scores}; {speed}", *(f"  {text}" for text in self.said[:EXAMPLES])])

    def json(self) -> str:
        """The figures as one line of JSON."""
        return json.dumps({name: value for name, value in asdict(self).items() if name != "said"})


def evaluate_captions(captioner: Captioner, rows: Sequence[CaptionRow], images: Path) -> CaptionReport:
    """Describe every photo."""
    paths = find_pictures(images, [row.image for row in rows])
    began = time.perf_counter()
    said = [described.text for described in captioner.describe_many(map(read_picture, paths))]
    seconds = time.perf_counter() - began
    references = [row.captions for row in rows]
    return CaptionReport(
        bleu4=round(bleu4(said, references), 2),
        cider=round(cider(said, references), 2),
        n=len(rows),
        seconds_per_photo=round(seconds / len(rows), 4),
        said=tuple(said),
    )
