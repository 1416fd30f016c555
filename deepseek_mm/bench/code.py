"""`bench code`: how long a repository takes to go in, to be looked through again without a change, and after one.

Then the folder is watched, as the library does it, and files change in it.

Files are copied in the order of their names until they hold as many functions as are wanted, so that the measurement
has a folder of its own. Functions and methods are counted; classes, modules and further parts of long functions go in
beside them and cost the same.
"""

import shutil
import statistics
import sysconfig
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from threading import Event

from deepseek_mm.bench.intake import seconds_of
from deepseek_mm.bench.result import Line, Result, Setting
from deepseek_mm.config import ParseConfig
from deepseek_mm.encoders import open_space
from deepseek_mm.errors import BadFile, NothingThere
from deepseek_mm.ingest import Hooks, Intake, Report
from deepseek_mm.jobs import Jobs, Task, Worker
from deepseek_mm.library.folder_watcher import WATCH, Watch
from deepseek_mm.parse.document import parse_file
from deepseek_mm.parse.files import open_file
from deepseek_mm.parse.folder import find_files
from deepseek_mm.parse.repository import why_content
from deepseek_mm.see.pipeline import VisionPipeline
from index.store import RegionStore

FUNCTIONS = ("function", "method")
EVERY = 100  # files between two lines of progress
CHANGES = 3  # of a watched folder
PATIENCE_S = 60.0
LOOK_S = 0.01
CHANGE = "\n\ndef added_by_the_bench():\n    return 1\n"


def code(setting: Setting) -> Result:
    """Seconds, and functions a second. NothingThere if the folder holds no function."""
    origin = setting.code or Path(sysconfig.get_path("stdlib"))
    folder = setting.folder / "repository"
    setting.note(f"copying code from {origin}")
    kinds: Counter[str] = Counter()
    split_s = seconds_of(lambda: kinds.update(copied(origin, folder, setting.sizes.functions, setting.config.parse)))
    functions = sum(kinds[kind] for kind in FUNCTIONS)
    if not functions:
        raise NothingThere(f"no function in the code below {origin}. Name another folder with --code FOLDER")
    space = open_space(setting.config.encoder)
    place = {"space_name": space.name, "fingerprint": space.fingerprint, "dim": space.dim}
    with RegionStore(setting.folder / "store", **place, config=setting.config.index) as store:  # type: ignore[arg-type]
        intake = Intake(eyes=VisionPipeline(space, setting.config.see), store=store, config=setting.config.parse)
        reports: list[Report] = [intake.take([folder], hooks=told(setting)), intake.take([folder])]
        with next(iter(sorted(folder.rglob("*.py"))), folder / "added.py").open("a") as file:
            file.write(CHANGE)
        reports.append(intake.take([folder]))
        assert store.symbols("added_by_the_bench"), "what changed is found"
        setting.note("changing files of a watched folder")
        watch_s = watched(intake, folder, setting.folder / "jobs.db")
    first_s, again_s, changed_s = (report.seconds for report in reports)
    line = Line(
        what=f"{functions:,} functions in ({sum(kinds.values()):,} pieces of {reports[0].added:,} files)",
        value=f"{first_s:.0f} s",
        beside=f"{functions / first_s:.0f} functions/s; copying and splitting alone {split_s:.0f} s",
        bar="20,000 in 600 s",
    )
    again = Line(what="  again, nothing changed", value=f"{again_s:.2f} s", bar="5 s")
    changed = Line(what="  again, one file changed", value=f"{changed_s:.2f} s")
    found = Line(what="  a changed file of a watched folder is found", value=f"{watch_s:.2f} s", bar="2 s")
    numbers = {"functions": functions, "pieces": sum(kinds.values()), "files": reports[0].added, "index_s": first_s}
    numbers |= {"functions_per_s": functions / first_s, "again_s": again_s, "changed_s": changed_s}
    return Result(lines=(line, again, changed, found), numbers=numbers | {"split_s": split_s, "watch_s": watch_s})


def watched(intake: Intake, folder: Path, jobs_file: Path) -> float:
    """Seconds from the change of a file until a name in it is found, the median of some changes."""
    began = Event()

    def changed(task: Task, paths: Sequence[str]) -> None:
        intake.take(paths)
        began.set()

    jobs = Jobs(jobs_file)
    worker = Worker(jobs, {WATCH: Watch(changed=changed).run})
    jobs.add(WATCH, {"folder": str(folder)})
    worker.start()
    try:
        assert began.wait(PATIENCE_S), "the folder itself is told first"
        times_s = [seconds_of(partial(found_after, intake, folder / f"watched_{n}.py")) for n in range(CHANGES)]
    finally:
        worker.stop(PATIENCE_S)
        jobs.close()
    return statistics.median(times_s)


def found_after(intake: Intake, file: Path) -> None:
    """Writes a function into the file, and waits until the store knows its name."""
    file.write_text(f"def {file.stem}():\n    return 1\n")
    until_s = time.monotonic() + PATIENCE_S
    while not intake.store.symbols(f"{file.stem}.{file.stem}"):
        assert time.monotonic() < until_s, "a watch tells what changed"
        time.sleep(LOOK_S)


def told(setting: Setting) -> Hooks:
    """Says now and then how far it is."""

    def progress(done: int, total: int, path: str) -> None:
        if done % EVERY == 0:
            setting.note(f"{done:,} of {total:,} files")

    return Hooks(progress=progress)


def copied(origin: Path, folder: Path, functions: int, config: ParseConfig) -> Counter[str]:
    """Copies files until they hold so many functions; how many pieces of each kind they have."""
    kinds: Counter[str] = Counter()
    for path in find_files([origin], config).files:
        if sum(kinds[kind] for kind in FUNCTIONS) >= functions:
            break
        kinds.update(kinds_of(path, config))
        target = folder / Path(path).relative_to(origin.absolute())
        if Path(path).is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    return kinds


def kinds_of(path: str, config: ParseConfig) -> Counter[str]:
    """The pieces of one file of code by the kinds of their symbols; nothing of what is not read."""
    try:
        file = open_file(path, config)
        if file.format.kind != "code" or why_content(file) is not None:
            return Counter()
        return Counter(piece.symbol.kind if piece.symbol else "lines" for piece in parse_file(file, config).pieces)
    except (BadFile, NothingThere):
        return Counter()
