"""How fast photos and code go into the library, against the bare tower; and whether memory stays flat meanwhile.

Photos are cut out of the bundled ones at random, in sizes as collections have them: each has its own bytes, costs a
decoder what a real one does, and shows things that are named and boxed. The bare tower gets the same pictures decoded
and shrunk to its own size beforehand; the two take turns, three times. `bench code` copies files in the order of their
names until they hold as many functions as are wanted, indexes them, again without a change, and after one, and then
watches the folder as the library does it. Functions and methods are counted; classes, modules and further parts of
long functions go in beside them and cost the same.
"""

import os
import shutil
import statistics
import sysconfig
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from threading import Event

import numpy as np
from PIL import Image

from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, TableLine
from deepseek_mm.benchmarks.servers import own_mb
from deepseek_mm.config import ParseConfig
from deepseek_mm.embeddings import open_space
from deepseek_mm.embeddings.default import PackagedSpace
from deepseek_mm.embeddings.space import EmbeddingModel
from deepseek_mm.embeddings.towers import SIDE_PX
from deepseek_mm.errors import BadFile, NothingThere
from deepseek_mm.factory import open_detector
from deepseek_mm.ingest import Hooks, Intake, Report
from deepseek_mm.jobs import Jobs, Task, Worker
from deepseek_mm.library.folder_watcher import WATCH, Watch
from deepseek_mm.machine import ROOT
from deepseek_mm.parse.document import open_file, parse_file
from deepseek_mm.parse.folder import find_files
from deepseek_mm.parse.repository import why_content
from deepseek_mm.runtime.hardware import probe
from deepseek_mm.runtime.machine_plan import fit
from deepseek_mm.threads import one_for_blas
from deepseek_mm.vision.ocr import TextReader
from deepseek_mm.vision.pipeline import VisionModels, VisionPipeline
from index.store import RegionStore

BUNDLED = ROOT / "examples" / "photos"
TURNS = 3
SIZES_PX = ((640, 480), (480, 640), (1024, 683), (500, 375), (800, 600))  # as in collections of photos
READ = 8  # photos whose text is read for the figure of OCR
GROWTH_PX = (320, 240)
PHOTOS_A_LOOK = 50  # photos between two looks at the memory
WARM = 0.1  # share of the photos after which memory should have settled


def measure_intake_speed(setting: BenchSetting) -> BenchResult:
    """Photos a second through the whole intake and through the bare tower, and what reading their text costs."""
    eyes = open_eyes(setting)
    space = eyes.space
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
            "photos in: read, decode, tower, regions, store",
            f"{ratio:.2f} of the bare tower",
            beside=f"{statistics.median(ours):.1f} photos/s, tower {statistics.median(bare):.1f}",
            bar="0.5 with a detector, 0.8 without (aim 0.7)",
        ),
        TableLine("  text in pictures, a second pass", f"{1 / read_s:.1f} photos/s"),
    )
    numbers = {
        "ingest_vs_tower": ratio,
        "photos_per_s": statistics.median(ours),
        "tower_per_s": statistics.median(bare),
    }
    return BenchResult(lines=lines, numbers=numbers | {"ocr_per_s": 1 / read_s})


def open_eyes(setting: BenchSetting) -> VisionPipeline:
    """The space, and the detector unless a setting does without it, on the engines of the plan."""
    one_for_blas()  # as the product has it
    space, config, detector = open_space(setting.config.encoder), setting.config, None
    if isinstance(space, PackagedSpace):
        planned = fit(space, config, cache=setting.cache, say=setting.note, hardware=probe())
        detector = open_detector(config, planned, setting.note) if config.see.detector else None
    return VisionPipeline(space, config.see, models=VisionModels(detector=detector))


def measure_memory_growth(setting: BenchSetting) -> BenchResult:
    """Megabytes that the process grows by while photos go in, after the first tenth of them."""
    count = setting.sizes.many_photos if setting.full else setting.sizes.some_photos
    setting.note(f"{count:,} photos in, watching the memory")
    folder = setting.folder / "many"
    for _ in make_photos(folder, count, (GROWTH_PX,)):
        pass
    seen: list[float] = []

    def look(done: int, total: int, path: str) -> None:
        if done % PHOTOS_A_LOOK == 0:
            seen.append(own_mb(os.getpid()))

    ingest_folder(setting, open_eyes(setting), folder, "many", Hooks(progress=look))
    grown = max(seen[int(WARM * len(seen)) :], default=0.0) - seen[int(WARM * len(seen))]
    line = TableLine(
        f"memory while {count:,} photos go in",
        f"{grown:+.0f} MB",
        beside=f"{seen[-1]:.0f} MB in all",
        bar="< 200 MB, over 20,000 (--full)",
    )
    return BenchResult(lines=(line,), numbers={"growth_mb": grown, "growth_photos": count})


def ingest_folder(
    setting: BenchSetting, eyes: VisionPipeline, folder: Path, name: object, hooks: Hooks | None = None
) -> None:
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


def bundled_photos() -> list[Path]:
    """The photos that come along, by name. NothingThere outside of a clone, which has them."""
    if paths := sorted(BUNDLED.glob("*.jpg")):
        return paths
    raise NothingThere(f"no photos in {BUNDLED}. Run this from a clone of the repository")


def make_photos(folder: Path, count: int, sizes_px: tuple[tuple[int, int], ...]) -> Iterator[Path]:
    """JPEG files, each with bytes of its own. NothingThere outside of a clone, which has the bundled photos."""
    folder.mkdir(parents=True)
    originals = [Image.open(path).convert("RGB") for path in bundled_photos()]
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


FUNCTIONS = ("function", "method")
FILES_A_NOTE = 100  # files between two lines of progress
CHANGES = 3  # of a watched folder
PATIENCE_S = 60.0
LOOK_S = 0.01
CHANGE = "\n\ndef added_by_the_bench():\n    return 1\n"


def measure_code(setting: BenchSetting) -> BenchResult:
    """Seconds, and functions a second. NothingThere if the folder holds no function."""
    origin = setting.code or Path(sysconfig.get_path("stdlib"))
    folder = setting.folder / "repository"
    setting.note(f"copying code from {origin}")
    kinds: Counter[str] = Counter()
    split_s = time_call(
        lambda: kinds.update(copy_functions(origin, folder, setting.sizes.functions, setting.config.parse))
    )
    functions = sum(kinds[kind] for kind in FUNCTIONS)
    if not functions:
        raise NothingThere(f"no function in the code below {origin}. Name another folder with --code FOLDER")
    space = open_space(setting.config.encoder)
    place = {"space_name": space.name, "fingerprint": space.fingerprint, "dim": space.dim}
    with RegionStore(setting.folder / "store", **place, config=setting.config.index) as store:  # type: ignore[arg-type]
        intake = Intake(eyes=VisionPipeline(space, setting.config.see), store=store, config=setting.config.parse)
        reports: list[Report] = [intake.take([folder], hooks=report_progress(setting)), intake.take([folder])]
        with next(iter(sorted(folder.rglob("*.py"))), folder / "added.py").open("a") as file:
            file.write(CHANGE)
        reports.append(intake.take([folder]))
        assert store.symbols("added_by_the_bench"), "what changed is found"
        setting.note("changing files of a watched folder")
        watch_s = time_watch(intake, folder, setting.folder / "jobs.db")
    first_s, again_s, changed_s = (report.seconds for report in reports)
    line = TableLine(
        f"{functions:,} functions in ({sum(kinds.values()):,} pieces of {reports[0].added:,} files)",
        f"{first_s:.0f} s",
        beside=f"{functions / first_s:.0f} functions/s; copying and splitting alone {split_s:.0f} s",
        bar="20,000 in 600 s",
    )
    again = TableLine("  again, nothing changed", f"{again_s:.2f} s", bar="5 s")
    changed = TableLine("  again, one file changed", f"{changed_s:.2f} s")
    found = TableLine("  a changed file of a watched folder is found", f"{watch_s:.2f} s", bar="2 s")
    numbers = {"functions": functions, "pieces": sum(kinds.values()), "files": reports[0].added, "index_s": first_s}
    numbers |= {"functions_per_s": functions / first_s, "again_s": again_s, "changed_s": changed_s}
    return BenchResult(lines=(line, again, changed, found), numbers=numbers | {"split_s": split_s, "watch_s": watch_s})


def time_watch(intake: Intake, folder: Path, jobs_file: Path) -> float:
    """Seconds from the change of a file until a name in it is found, the median of some changes."""
    began = Event()

    def on_change(task: Task, paths: Sequence[str]) -> None:
        intake.take(paths)
        began.set()

    jobs = Jobs(jobs_file)
    worker = Worker(jobs, {WATCH: Watch(changed=on_change).run})
    jobs.add(WATCH, {"folder": str(folder)})
    worker.start()
    try:
        assert began.wait(PATIENCE_S), "the folder itself is told first"
        times_s = [time_call(partial(find_after_change, intake, folder / f"watched_{n}.py")) for n in range(CHANGES)]
    finally:
        worker.stop(PATIENCE_S)
        jobs.close()
    return statistics.median(times_s)


def find_after_change(intake: Intake, file: Path) -> None:
    """Writes a function into the file, and waits until the store knows its name."""
    file.write_text(f"def {file.stem}():\n    return 1\n")
    until_s = time.monotonic() + PATIENCE_S
    while not intake.store.symbols(f"{file.stem}.{file.stem}"):
        assert time.monotonic() < until_s, "a watch tells what changed"
        time.sleep(LOOK_S)


def report_progress(setting: BenchSetting) -> Hooks:
    """Hooks that note progress every hundred files."""

    def progress(done: int, total: int, path: str) -> None:
        if done % FILES_A_NOTE == 0:
            setting.note(f"{done:,} of {total:,} files")

    return Hooks(progress=progress)


def copy_functions(origin: Path, folder: Path, functions: int, config: ParseConfig) -> Counter[str]:
    """Copies files until they hold so many functions; how many pieces of each kind they have."""
    kinds: Counter[str] = Counter()
    for path in find_files([origin], config).files:
        if sum(kinds[kind] for kind in FUNCTIONS) >= functions:
            break
        kinds.update(count_kinds(path, config))
        target = folder / Path(path).relative_to(origin.absolute())
        if Path(path).is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    return kinds


def count_kinds(path: str, config: ParseConfig) -> Counter[str]:
    """The pieces of one file of code by the kinds of their symbols; nothing of what is not read."""
    try:
        file = open_file(path, config)
        if file.format.kind != "code" or why_content(file) is not None:
            return Counter()
        return Counter(piece.symbol.kind if piece.symbol else "lines" for piece in parse_file(file, config).pieces)
    except (BadFile, NothingThere):
        return Counter()
