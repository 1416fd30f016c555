"""Files that were dropped on the page or uploaded lie in DATA/added/DATE/NAME, until nothing knows them any more.

Whoever has moved a library, or restored it elsewhere, has a store that knows its dropped files by their old paths. So
DATE/NAME alone tells whether a file is known. A file that is on its way in, or could not be read, is named by a job.
When anything that may know a file cannot be read, all files stay.

They lie in DATA/added/DATE/NAME. The same file dropped twice on a day is kept once; another one of the same name gets a
number. With a store of files (`storage.files`) they lie in DATA/added/CHECKSUM/NAME, and in the store before that.
"""

import filecmp
import hashlib
import itertools
import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import date
from functools import partial
from pathlib import Path

from deepseek_mm.config import Config
from deepseek_mm.database_places import space_places
from deepseek_mm.dates import Ages
from deepseek_mm.errors import LibraryError, TransientError
from deepseek_mm.jobs import Jobs, State
from deepseek_mm.library.index_jobs import INDEX
from deepseek_mm.storage.absent_files import AbsentFile, add_bringer, remove_bringer
from deepseek_mm.storage.errors import IndexProblem
from deepseek_mm.storage.file_store import DIGEST, FileStore
from deepseek_mm.storage.places import Place
from deepseek_mm.storage.stored_files import ADDED, StoredFiles
from index.places import known_digests, paths_through
from index.store import RegionStore

FOLDER = ADDED
GB = 10**9
MEMBER = "!/"  # between an archive and a file in it
UNREADABLE = (sqlite3.Error, LibraryError, IndexProblem)  # what reading a file or a server may raise
UNDONE: tuple[State, ...] = ("waiting", "running", "cancelled", "failed")


def tidy(config: Config, jobs: Jobs, *, older_s: float, ages: Ages, stored: StoredFiles | None = None) -> int:
    """Delete the dropped files that nothing has known for that long, `stored` ones there too; returns how many."""
    if stored is not None:
        stored.expire()
    old = [file for file, came_s in dropped_files(config.data) if ages.ago_s(came_s) > older_s]
    if not old:
        return 0
    try:
        known = known_to(list_stores(config)) | known_to_jobs(jobs)
    except UNREADABLE:
        return 0
    lost = [file for file in old if tail(str(file)) not in known]
    for file in lost:
        with suppress(OSError):
            file.unlink(missing_ok=True)
            file.parent.rmdir()  # refused while something is in it
    if stored is not None:
        stored.drop_unused({file.parent.name for file in lost if DIGEST.fullmatch(file.parent.name)})
    return len(lost)


def dropped_files(data: Path) -> Iterator[tuple[Path, float]]:
    """Every file that was dropped, and when it was put there; not what a link leads to."""
    for file in sorted((data / FOLDER).glob("*/*")):
        with suppress(OSError):
            status = os.lstat(file)
            if stat.S_ISREG(status.st_mode) and not file.parent.is_symlink():
                yield file, status.st_ctime


def taken_out(config: Config) -> set[str]:
    """DATE/NAME of the dropped files that only the trash knows; none if that cannot be said."""
    try:
        return known_to(config.data.glob("trash/*.db")) - known_to(each.place for each in space_places(config))
    except UNREADABLE:
        return set()


def list_stores(config: Config) -> list[Place]:
    """Every database that may know a dropped file. LibraryError where a server cannot say."""
    return [*(each.place for each in space_places(config)), *config.data.glob("trash/*.db")]


def known_to(databases: Iterable[Place]) -> set[str]:
    """DATE/NAME of the dropped files that these know. One of UNREADABLE if one cannot be read."""
    return {tail(path) for database in databases for path in paths_through(database, f"{os.sep}{FOLDER}{os.sep}")}


def known_to_jobs(jobs: Jobs) -> set[str]:
    """DATE/NAME of all that a job is to take in, or could not read."""
    found = jobs.find(kinds=(INDEX,), limit=-1)
    paths = [str(path) for job in found if job.state in UNDONE for path in job.payload.get("paths", ())]
    paths += [failed.item for job in found if job.num_failed for failed in jobs.failures(job.id, limit=-1)]
    return {tail(path) for path in paths}


def tail(path: str) -> str:
    """The last folder and the name, of an archive for what is in it."""
    return os.sep.join(path.partition(MEMBER)[0].split(os.sep)[-2:])


def open_files(config: Config, jobs: Jobs, store: Callable[[], RegionStore]) -> StoredFiles | None:
    """The library's files in the store that the settings name, which other machines' files are brought from now on;
    None without one.
    """
    shared = FileStore.of(config.storage)
    if shared is None:
        return None
    files = StoredFiles(
        shared,
        config.data,
        most_bytes=config.storage.files_here_gb * GB,
        know=lambda path: know_file(store(), path),
        find_used=partial(find_used, config, jobs),
    )
    add_bringer(files)
    return files


def close_files(files: StoredFiles | None) -> None:
    """Bring nobody any of these files any more."""
    if files is not None:
        remove_bringer(files)


def clear_files(files: StoredFiles | None) -> None:
    """Let go of all that the store has. TransientError if it is away."""
    if files is not None:
        files.clear()


def know_file(store: RegionStore, path: str) -> AbsentFile | None:
    """What an index knows of the file at a path, as far as whoever asks may see it."""
    source = store.source_at(path)
    if source is None or not source.digest:
        return None
    return AbsentFile(digest=source.digest, size_bytes=source.size_bytes, modified_ns=source.modified_ns)


def find_used(config: Config, jobs: Jobs, digests: Collection[str]) -> set[str]:
    """Those of these checksums to which an index, the trash or a job refers. TransientError if nobody can say."""
    try:
        stores = list_stores(config)
        dropped = known_to(stores) | known_to_jobs(jobs)
        used = {digest for each in stores for digest in known_digests(each, digests)}
    except UNREADABLE as error:
        raise TransientError(f"nobody can say now which files are still needed: {error}") from error
    return used | {folder for name in dropped if (folder := name.split(os.sep)[0]) in digests}


def keep_dropped(files: Sequence[str], data: Path, stored: StoredFiles | None = None) -> list[Path]:
    """Where each file now lies, in order; its bytes are `stored` first. LibraryError if disk or store refuses."""
    if stored is not None:
        return [_keep_stored(Path(file), data.absolute() / FOLDER, stored) for file in files]
    folder = data.absolute() / FOLDER / date.today().isoformat()
    try:
        folder.mkdir(parents=True, exist_ok=True) if files else None
        return [_keep(Path(file), folder) for file in files]
    except OSError as error:
        raise LibraryError(
            f"the files cannot be kept in {folder}: {error.strerror or error}. Free some space, or index them "
            "where they lie by typing their path"
        ) from error


def keep_fetched(name: str, data: bytes, library: Path, stored: StoredFiles | None = None) -> Path:
    """Where a file of this name now lies that came as bytes. LibraryError if the disk refuses."""
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / name
        draft.write_bytes(data)
        return keep_dropped([str(draft)], library, stored)[0]


def _keep_stored(file: Path, folder: Path, stored: StoredFiles) -> Path:
    """In the store, and here under its checksum, whether or not another machine has it there."""
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    stored.keep(digest, lambda: file.open("rb"))
    target = folder / digest / file.name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        _place(file, target)
        stored.note_kept(target.stat().st_size)
    return target


def _keep(file: Path, folder: Path) -> Path:
    for target in _names(folder, file.name):
        if not target.exists():
            return _place(file, target)
        if filecmp.cmp(file, target, shallow=False):
            return target
    raise AssertionError("the names never end")


def _names(folder: Path, name: str) -> Iterator[Path]:
    """NAME, then "NAME 2" and so on."""
    yield folder / name
    for n in itertools.count(2):
        yield folder / f"{Path(name).stem} {n}{Path(name).suffix}"


def _place(file: Path, target: Path) -> Path:
    """Copy it, whole or not at all."""
    draft = target.with_name(f".{os.getpid()}-{file.stat().st_ino}.draft")
    try:
        shutil.copyfile(file, draft)
        os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)
    return target
