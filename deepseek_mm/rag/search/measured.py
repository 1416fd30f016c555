"""What a threshold means: how often a search with it claims what is not there, and misses what is.

`eval abstain --scores FILE` asks for things of which it is known whether they are in the photos, and keeps how certain
the search was of each. From these both rates follow at any threshold. A file belongs to one file of weights.
"""

import hashlib
import json
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path

from deepseek_mm.rag.search.certainty import FILE as WEIGHTS

MEASURED_FILE = WEIGHTS.with_suffix(".json")


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredErrors:
    """Certainties, 0 to 1, in rising order."""

    there: tuple[float, ...]  # of the things that are in some photo
    absent: tuple[float, ...]  # of those that are in none

    def false_answers(self, threshold: float) -> float:
        """Percent of the absent things that are called found at this threshold."""
        return 100 * (1 - bisect_left(self.absent, threshold) / len(self.absent))

    def false_refusals(self, threshold: float) -> float:
        """Percent of the things that are there and are not called found."""
        return 100 * bisect_left(self.there, threshold) / len(self.there)


def read_measured(file: Path = MEASURED_FILE, *, weights: Path = WEIGHTS) -> MeasuredErrors | None:
    """What was measured with these weights, or None."""
    if not (file.is_file() and weights.is_file()):
        return None
    told = json.loads(file.read_text(encoding="utf-8"))
    if told["weights"] != digest(weights):
        return None
    return MeasuredErrors(there=tuple(told["there"]), absent=tuple(told["absent"]))


def save_measured(file: Path, measured: MeasuredErrors, *, weights: Path = WEIGHTS) -> None:
    """Write what `read_measured` reads, beside the file and then in its place."""
    told = {"weights": digest(weights), "there": measured.there, "absent": measured.absent}
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(told) + "\n", encoding="utf-8")
    draft.replace(file)


def digest(weights: Path) -> str:
    """The name of a file of weights."""
    return hashlib.sha256(weights.read_bytes()).hexdigest()[:16]
