"""Real pictures and texts for setting scales and for comparing engines: the bundled photos, and what one asks of them.

The photos come with a clone of the repository. Every second one sets scales, the others compare, so that no engine is
judged by what it was made with.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from deepseek_mm.embeddings.image import SIDE_PX, squeeze, to_pixels
from deepseek_mm.errors import NothingThere
from deepseek_mm.runtime.towers.parts import Batch

PHOTOS = Path(__file__).parents[3] / "examples" / "photos"
ROWS = 16  # of a batch
FORMS = ("{}", "a photo of a {} that somebody took outside", "Is there a {} in the photo?", "What colour is the {}?")
LONG = "Two people sit at a long wooden table under a tree and share a meal, while a small dog watches them from below."


@dataclass(frozen=True, kw_only=True, slots=True)
class Samples:
    """Where they come from."""

    folder: Path = PHOTOS
    most: int = 48  # photos

    def files(self) -> list[Path]:
        """NothingThere without any."""
        found = sorted(self.folder.glob("*.jpg"))[: self.most]
        if len(found) < 2:
            raise NothingThere(
                f"no photos in {self.folder} to compare engines with. Run this from a clone of the repository"
            )
        return found

    def pictures(self) -> list[Image.Image]:
        """Those that compare, squeezed to what the tower sees."""
        return [Image.fromarray(squeeze(Image.open(file))) for file in self.files()[1::2]]

    def texts(self, files: Sequence[Path] | None = None) -> list[str]:
        """Those that compare: short and long ones, the longest last."""
        names = [file.stem.replace("-", " ") for file in files or self.files()[1::2]]
        return [*(FORMS[n % len(FORMS)].format(name) for n, name in enumerate(names)), LONG]

    def pixels(self, side_px: int = SIDE_PX) -> list[Batch]:
        """Batches of those that set scales."""
        squares = [squeeze(Image.open(file), side_px) for file in self.files()[::2]]
        return [(to_pixels(squares[at : at + ROWS]),) for at in range(0, len(squares), ROWS)]

    def tokens(self, tokenizer: Any) -> list[Batch]:
        """The same of texts, one a batch: none is padded."""
        told = [tokenizer([text], return_tensors="pt") for text in self.texts(self.files()[::2])]
        return [(one["input_ids"], one["attention_mask"]) for one in told]
