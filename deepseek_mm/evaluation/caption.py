"""How good are the sentences about photos? BLEU-4 and CIDEr-D against people's captions."""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from PIL.Image import Image

from deepseek_mm.evaluation.caption_scores import bleu4, cider
from deepseek_mm.evaluation.retrieval import CaptionRow, find_pictures, read_picture
from deepseek_mm.see.caption.captioner import Caption

EXAMPLES = 5  # sentences that the table shows


class CaptionModel(Protocol):
    """Turns pictures into sentences."""

    def describe_many(self, images: Iterable[Image]) -> Iterator[Caption]:
        """A sentence for each, in order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptionReport:
    """Over all photos."""

    bleu4: float  # percent
    cider: float  # percent: 100 is what CIDEr-D calls 1
    n: int
    seconds_per_photo: float
    said: tuple[str, ...]

    def table(self) -> str:
        """For people."""
        scores = f"BLEU-4 {self.bleu4:.1f}, CIDEr {self.cider:.1f}"
        speed = f"{self.n} photos, {self.seconds_per_photo:.3f} s each"
        return "\n".join([f"{scores}; {speed}", *(f"  {text}" for text in self.said[:EXAMPLES])])

    def json(self) -> str:
        """One line."""
        return json.dumps({name: value for name, value in asdict(self).items() if name != "said"})


def evaluate_captions(captioner: CaptionModel, rows: Sequence[CaptionRow], images: Path) -> CaptionReport:
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
