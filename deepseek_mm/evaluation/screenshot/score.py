"""Does a screenshot find its code? Right file among the first five, by kind of picture.

Each picture is searched for as a user would with the filter "code": it is read here and now, and the library holds
thousands of other files beside the right one.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from PIL import Image

from deepseek_mm.evaluation.screenshot.draw import KINDS, Screenshot
from deepseek_mm.records import Found, Query
from index import Filter

FIRST = 5
CODE = Filter(source_kinds=("code",))


class SearchFunction(Protocol):
    """Searches."""

    def __call__(self, query: Query, *, k: int, where: Filter) -> Found:
        """At most k files, best first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScreenshotScore:
    """How one kind of picture did."""

    shots: int
    top1: float  # share whose file came first
    top5: float  # or among the first five


@dataclass(frozen=True, kw_only=True, slots=True)
class ScreenshotReport:
    """All kinds of pictures."""

    kinds: Mapping[str, ScreenshotScore]
    files: int  # among which they were looked for
    seconds: float  # a picture takes, reading included
    missed: tuple[str, ...]  # pictures whose file is not among the first five

    def table(self) -> str:
        """For people."""
        lines = [f"{name:<10}{way.shots:>6}{way.top1:>8.3f}{way.top5:>8.3f}" for name, way in self.kinds.items()]
        told = [f"not among the first {FIRST}: {name}" for name in self.missed]
        head = f"{'':<10}{'shots':>6}{'top 1':>8}{'top 5':>8}"
        return "\n".join([head, *lines, f"{self.files} files, {self.seconds:.1f} s a picture", *told])

    def json(self) -> str:
        """For machines: one line."""
        kinds = {name: {"shots": way.shots, "top1": way.top1, "top5": way.top5} for name, way in self.kinds.items()}
        told = {"files": self.files, "seconds": round(self.seconds, 2), "missed": list(self.missed), "kinds": kinds}
        return json.dumps({"top1": kinds["all"]["top1"], "top5": kinds["all"]["top5"], **told})


def evaluate_screenshots(
    find: SearchFunction,
    shots: Sequence[tuple[Screenshot, Path]],
    sources: Path,
    files: int,
    note: Callable[[str], None] = lambda text: None,
) -> ScreenshotReport:
    """Search for every picture among the files below `sources`, which are in the library that `find` searches."""
    began, places = time.monotonic(), []
    for shot, picture in shots:
        with Image.open(picture) as opened:
            query = Query(image=opened.convert("RGB"))
        found = [match.region.source.path for match in find(query, k=FIRST, where=CODE).matches]
        wanted = str((sources / shot.file).absolute())
        places.append(found.index(wanted) if wanted in found else FIRST)
        note(f"{shot.name}: {places[-1] + 1 if places[-1] < FIRST else 'missed'}")
    by_kind = {kind: [n for (shot, _), n in zip(shots, places, strict=True) if shot.kind == kind] for kind in KINDS}
    return ScreenshotReport(
        kinds={name: score_places(some) for name, some in (*by_kind.items(), ("all", places)) if some},
        files=files,
        seconds=(time.monotonic() - began) / max(1, len(shots)),
        missed=tuple(shot.name for (shot, _), n in zip(shots, places, strict=True) if n == FIRST),
    )


def score_places(places: Sequence[int]) -> ScreenshotScore:
    """Of places from 0; `FIRST` stands for none."""
    return ScreenshotScore(
        shots=len(places),
        top1=round(sum(n == 0 for n in places) / len(places), 4),
        top5=round(sum(n < FIRST for n in places) / len(places), 4),
    )
