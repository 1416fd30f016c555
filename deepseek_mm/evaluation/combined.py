"""Do pluses and minuses find what words alone do not? Written cases over photos, judged by their captions.

A case names what shall be seen and what not (`combined.jsonl`), each with words that mean it in captions: the first
one is asked for. A photo is right if captions mention all of the one and none of the other. `dog + water - ball` is
ranked beside "dog water ball" and beside "dog and water without ball", by average precision.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepseek_mm.encoders.space import EmbeddingModel, Floats
from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.retrieval import CaptionRow, open_pictures, read_picture
from deepseek_mm.evaluation.rows import read_rows
from deepseek_mm.rag.program.words import singular, tokens
from deepseek_mm.rag.query import read_box
from deepseek_mm.rag.search.combined import Texts
from deepseek_mm.records import Query

CASES = Path(__file__).with_name("combined.jsonl")
Things = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """What is wanted, and what is not."""

    plus: Things  # each with other words for it
    minus: Things

    @property
    def box(self) -> str:
        """As the search box takes it."""
        return " + ".join(thing[0] for thing in self.plus) + "".join(f" - {thing[0]}" for thing in self.minus)

    @property
    def plain(self) -> str:
        """The same words."""
        return " ".join(thing[0] for thing in (*self.plus, *self.minus))

    @property
    def sentence(self) -> str:
        """As people would say it."""
        return " and ".join(thing[0] for thing in self.plus) + " without " + " and ".join(x[0] for x in self.minus)

    def fits(self, said: frozenset[str]) -> bool:
        """Do captions with these words show it?"""
        return all(map(said.intersection, self.plus)) and not any(map(said.intersection, self.minus))


@dataclass(frozen=True, kw_only=True, slots=True)
class CombinedReport:
    """Mean average precision of each way, and how often the box is better."""

    combined_map: float
    plain_map: float
    sentence_map: float
    beats_plain: int
    beats_sentence: int
    cases: int
    images: int

    def table(self) -> str:
        """For people."""
        return (
            f"mean average precision over {self.cases} cases, {self.images} photos\n"
            f"a + b - c            {self.combined_map:.3f}\n"
            f"the same words       {self.plain_map:.3f}  (worse in {self.beats_plain} cases)\n"
            f"a and b without c    {self.sentence_map:.3f}  (worse in {self.beats_sentence} cases)"
        )

    def json(self) -> str:
        """For machines: one line."""
        return json.dumps(asdict(self))


def read_cases(file: Path = CASES) -> list[Case]:
    """Rows {plus, minus}, each a list of lists of words."""

    def made(row: Any) -> Case:
        plus, minus = (tuple(tuple(map(singular, thing)) for thing in row[key]) for key in ("plus", "minus"))
        return Case(plus=plus, minus=minus)

    return read_rows(file, made, shape="{plus, minus}", split="")


def evaluate_combined(
    space: EmbeddingModel, rows: Sequence[CaptionRow], images: Path, cases: Sequence[Case]
) -> CombinedReport:
    """Embed every photo once, and rank all for each case. NothingThere if no photo fits a case."""
    paths = open_pictures(images, [row.image for row in rows])
    photos_MD = space.embed_images(read_picture(path) for path in paths)
    said = [frozenset(singular(word) for caption in row.captions for word in tokens(caption)) for row in rows]
    fits_CM = np.array([[case.fits(words) for words in said] for case in cases])
    for case, fits_M in zip(cases, fits_CM, strict=True):
        if not fits_M.any():
            raise NothingThere(f"no photo shows {case.box}. Take more photos, or that case out")
    return score(photos_MD, fits_CM, cases, Texts(space))


def score(photos_MD: Floats, fits_CM: NDArray[np.bool_], cases: Sequence[Case], texts: Texts) -> CombinedReport:
    """From vectors of the photos, and which of them fit each case."""
    boxes = [read_box(case.box) for case in cases]
    ways = (
        texts.words([Query(text=box.text, terms=box.terms) for box in boxes]),
        texts.vectors([case.plain for case in cases]),
        texts.vectors([case.sentence for case in cases]),
    )
    precisions = np.array(
        [[average_precision(photos_MD @ v, fits) for v, fits in zip(way_CD, fits_CM, strict=True)] for way_CD in ways]
    )
    combined_map, plain_map, sentence_map = (round(float(x), 4) for x in precisions.mean(axis=1))
    return CombinedReport(
        combined_map=combined_map,
        plain_map=plain_map,
        sentence_map=sentence_map,
        beats_plain=int((precisions[0] > precisions[1]).sum()),
        beats_sentence=int((precisions[0] > precisions[2]).sum()),
        cases=len(cases),
        images=len(photos_MD),
    )


def average_precision(scores_M: Floats, fits_M: NDArray[np.bool_]) -> float:
    """Mean of the precision at every right one, best scores first; at least one is right."""
    right_M = fits_M[np.argsort(-scores_M, kind="stable")]
    precision_M = np.cumsum(right_M) / np.arange(1, len(right_M) + 1)
    return float(precision_M[right_M].mean())
