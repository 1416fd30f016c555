"""A program for tests to end at any moment: indexes a folder slowly and says when each photo is in the store.

python tests/slow_ingest.py PHOTOS STORE
"""

import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from fakes import ColourSpace
from PIL.Image import Image

from deepseek_mm.config import IndexConfig, ParseConfig, SeeConfig
from deepseek_mm.embeddings.inference import prefetch_batches
from deepseek_mm.embeddings.space import ImageEmbedding
from deepseek_mm.ingest import Hooks, Intake
from deepseek_mm.vision.pipeline import VisionPipeline
from index.store import RegionStore


class SlowSpace(ColourSpace):
    """Takes its time over each picture, and draws the next ones meanwhile as the real towers do."""

    def __init__(self, *, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.looks = 0

    def look_many(self, images: Iterable[Image]) -> Iterator[ImageEmbedding]:
        for batch in prefetch_batches(images, size=2):
            for look in super().look_many(batch):
                time.sleep(self.seconds)
                self.looks += 1
                yield look


def open_store(folder: Path) -> RegionStore:
    space = ColourSpace
    return RegionStore(
        folder, space_name=space.name, fingerprint=space.fingerprint, dim=space.dim, config=IndexConfig()
    )


def open_eyes(space: ColourSpace) -> VisionPipeline:
    return VisionPipeline(space, SeeConfig())


if __name__ == "__main__":
    with open_store(Path(sys.argv[2])) as store:
        intake = Intake(eyes=open_eyes(SlowSpace(seconds=0.05)), store=store, config=ParseConfig())
        intake.take([Path(sys.argv[1])], hooks=Hooks(progress=lambda done, total, path: print(done, flush=True)))  # noqa: T201
