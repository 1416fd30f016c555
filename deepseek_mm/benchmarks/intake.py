"""How fast photos go in, against the bare tower; and whether memory stays flat while many do.

Photos are cut out of the bundled ones at random, in sizes as collections have them: each has its own bytes, costs a
decoder what a real one does, and shows things that are named and boxed. The bare tower gets the same pictures decoded
and squeezed to its own size beforehand: what is missing from its speed to ours is reading, hashing, decoding, regions,
colours and the store. The two take turns, three times.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, TableLine
from deepseek_mm.benchmarks.servers import own_mb
from deepseek_mm.encoders import open_space
from deepseek_mm.encoders.image import SIDE_PX
from deepseek_mm.encoders.space import EmbeddingModel
from deepseek_mm.errors import NothingThere
from deepseek_mm.ingest import Hooks, Intake
from deepseek_mm.machine import ROOT
from deepseek_mm.see.ocr import TextReader
from deepseek_mm.see.pipeline import VisionPipeline
from index.store import RegionStore

BUNDLED = ROOT / "examples" / "photos"
TURNS = 3
SIZES_PX = ((640, 480), (480, 640), (1024, 683), (500, 375), (800, 600))  # as in collections of photos
READ = 8  # photos whose text is read for the figure of OCR
GROWTH_PX = (320, 240)
EVERY = 50  # photos between two looks at the memory
WARM = 0.1  # share of the photos after which memory should have settled


def measure_intake_speed(setting: BenchSetting) -> BenchResult:
    """Photos a second through the whole intake and through the bare tower, and what reading their text costs."""
    space = open_space(setting.config.encoder)
    eyes = VisionPipeline(space, setting.config.see)
    count = setting.sizes.photos
    setting.note(f"making {count} photos")
    folder = setting.folder / "photos"
    paths = list(make_photos(folder, count, SIZES_PX))
    decoded = [shrink_photo(path) for path in paths]
    setting.note("photos in, and the bare tower, taking turns")
    bare, ours = [], []
    for turn in range(TURNS):
        bare.append(count / time_call(lambda: sum(1 for _ in space.look_many(decoded))))
        ours.append(count / time_call(lambda turn=turn: ingest_folder(setting, eyes, folder, turn)))  # type: ignore[misc]
    ratio = statistics.median(mine / its for mine, its in zip(ours, bare, strict=True))
    read_s = time_reading(paths[:READ])
    lines = (
        TableLine(
            what="photos in: read, decode, tower, regions, store",
            value=f"{ratio:.2f} of the bare tower",
            beside=f"{statistics.median(ours):.1f} photos/s, tower {statistics.median(bare):.1f}",
            bar="0.6 (aim 0.8)",
        ),
        TableLine(what="  text in pictures, a second pass", value=f"{1 / read_s:.1f} photos/s"),
    )
    numbers = {
        "ingest_vs_tower": ratio,
        "photos_per_s": statistics.median(ours),
        "tower_per_s": statistics.median(bare),
    }
    return BenchResult(lines=lines, numbers=numbers | {"ocr_per_s": 1 / read_s})


def measure_memory_growth(setting: BenchSetting) -> BenchResult:
    """Megabytes that the process grows by while photos go in, after the first tenth of them."""
    count = setting.sizes.many_photos if setting.full else setting.sizes.some_photos
    setting.note(f"{count:,} photos in, watching the memory")
    space = open_space(setting.config.encoder)
    folder = setting.folder / "many"
    for _ in make_photos(folder, count, (GROWTH_PX,)):
        pass
    seen: list[float] = []

    def look(done: int, total: int, path: str) -> None:
        if done % EVERY == 0:
            seen.append(own_mb(os.getpid()))

    ingest_folder(setting, VisionPipeline(space, setting.config.see), folder, "many", Hooks(progress=look))
    grown = max(seen[int(WARM * len(seen)) :], default=0.0) - seen[int(WARM * len(seen))]
    line = TableLine(
        what=f"memory while {count:,} photos go in",
        value=f"{grown:+.0f} MB",
        beside=f"{seen[-1]:.0f} MB in all",
        bar="< 200 MB, over 20,000 (--full)",
    )
    return BenchResult(lines=(line,), numbers={"growth_mb": grown, "growth_photos": count})


def ingest_folder(setting: BenchSetting, eyes: VisionPipeline, folder: Path, name: object, hooks: Hooks | None = None) -> None:
    """Everything in the folder into a new store."""
    space: EmbeddingModel = eyes.space
    store = RegionStore(
        setting.folder / f"store-{name}",
        space_name=space.name,
        fingerprint=space.fingerprint,
        dim=space.dim,
        config=setting.config.index,
    )
    with store:
        report = Intake(eyes=eyes, store=store, config=setting.config.parse).take([folder], hooks=hooks)
    assert not report.failed, report.failed[0]


def make_photos(folder: Path, count: int, sizes_px: tuple[tuple[int, int], ...]) -> Iterator[Path]:
    """JPEG files, each with bytes of its own. NothingThere outside of a clone, which has the bundled photos."""
    folder.mkdir(parents=True)
    originals = [Image.open(path).convert("RGB") for path in sorted(BUNDLED.glob("*.jpg"))]
    if not originals:
        raise NothingThere(f"no photos in {BUNDLED}. Run this from a clone of the repository")
    random = np.random.default_rng(0)
    for n in range(count):
        original = originals[n % len(originals)]
        left, top = (int(random.uniform(0, 0.3) * side) for side in original.size)
        right, bottom = (int(random.uniform(0.7, 1) * side) for side in original.size)
        path = folder / f"{n:06}.jpg"
        original.resize(sizes_px[n % len(sizes_px)], box=(left, top, right, bottom)).save(path, quality=90)
        yield path


def shrink_photo(path: Path) -> Image.Image:
    """The picture decoded, at the tower's own size."""
    with Image.open(path) as image:
        return image.convert("RGB").resize((SIDE_PX, SIDE_PX))


def time_reading(paths: list[Path]) -> float:
    """Seconds to read the text of one photo."""
    reader, images = TextReader(), [Image.open(path).convert("RGB") for path in paths]
    reader.read(images[0])  # the model is opened
    return time_call(lambda: [reader.read(image) for image in images]) / len(images)


def time_call(work: Callable[[], object]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
