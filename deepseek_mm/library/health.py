"""Is the index well? Recall on the user's own data, what belongs to nothing, what failed, how large it is, and whether
what was deleted is gone.

A check (`check`) compares every byte with the disk and is long work; this looks at the index itself, in seconds.
"""

import os
import sqlite3
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from deepseek_mm.errors import BadFile, Busy, LibraryError
from deepseek_mm.jobs import Failed, Jobs
from deepseek_mm.library.backup import STORE
from deepseek_mm.library.holding import BACKUPS, PAGE
from deepseek_mm.library.index_jobs import INDEX, READ
from deepseek_mm.parse.files import is_gone
from deepseek_mm.parse.links import open_plain
from deepseek_mm.storage.errors import StoreBusy
from deepseek_mm.storage.exchange import empty_log, scratch_copy
from deepseek_mm.storage.open_files import ENDINGS
from index.check import StoreProblem
from index.health import StoreHealth
from index.store import RegionStore

LAST_JOBS = 50  # whose failures are looked at
MOST_LISTED = 20  # problems and failures that are told one by one
CHUNK_BYTES = 1 << 22
DATABASES = ("*.db", "spaces/*/*.db", "trash/*.db")  # which are read through SQLite alone
RETRY_S = 30
SHORTEST = 4  # letters of a text that is looked for in files: shorter ones are anywhere by chance


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderPart:
    """A part of the library's folder, and how large it is."""

    name: str  # "index", "log", "vectors", "history", "uploads", "trash", "backups", "page", "other"
    size_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftoverText:
    """Where a text that should be gone still stands."""

    path: str  # a file in the library's folder; "words" for the index of words
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """What was looked at, as values."""

    store: StoreHealth
    problems: tuple[StoreProblem, ...]  # what does not fit together, the first of them
    num_problems: int
    gone: int  # files that are known and not there any more
    failed: tuple[Failed, ...]  # files that are set aside, or could not be read and are not known, the latest
    num_failed: int
    sizes: tuple[FolderPart, ...]  # the largest first
    in_trash: int  # takings that can still be put back: what they hold is not gone yet

    @property
    def is_well(self) -> bool:
        """Whether nothing needs doing; free pages and an undo that is still possible do not."""
        left = self.store.traces
        clean = not (left.dirty_pages or left.cached or left.words) and left.overwrites
        return self.store.recall >= 0.99 and not self.num_problems and clean


def examine(data: Path, store: RegionStore, jobs: Jobs, *, in_trash: int, aside: Mapping[str, str]) -> Health:
    """Look at everything; `aside` says why which files are passed over."""
    problems = store.problems()
    known = store.stamps()
    failed = [Failed(item=path, reason=reason) for path, reason in aside.items()]
    failed += [each for each in failures(jobs, known) if each.item not in aside]
    return Health(
        store=store.health(),
        problems=tuple(problems[:MOST_LISTED]),
        num_problems=len(problems),
        gone=sum(map(is_gone, known)),
        failed=tuple(failed[:MOST_LISTED]),
        num_failed=len(failed),
        sizes=sizes(data),
        in_trash=in_trash,
    )


def failures(jobs: Jobs, known: Container[str]) -> Iterator[Failed]:
    """What the latest jobs could not read and is not known by now; each file once, the latest first."""
    seen = set[str]()
    for job in jobs.find(kinds=(INDEX, READ), limit=LAST_JOBS):
        for each in jobs.failures(job.id, limit=-1) if job.num_failed else ():
            if each.item not in seen and each.item not in known:
                seen.add(each.item)
                yield each


def sizes(data: Path) -> tuple[FolderPart, ...]:
    """Bytes of each part of the library's folder, the largest first."""
    totals: dict[str, int] = {}
    for path, size in files_of(data):
        name = part_of(path.relative_to(data))
        totals[name] = totals.get(name, 0) + size
    return tuple(
        FolderPart(name=name, size_bytes=size) for name, size in sorted(totals.items(), key=lambda row: -row[1])
    )


def part_of(path: Path) -> str:
    """What a file of the library's folder belongs to."""
    if path.parts[0] == "spaces":
        ends = {".faiss": "vectors", "-wal": "log", "-shm": "log", ".db": "index"}
        return next((name for end, name in ends.items() if path.name.endswith(end)), "other")
    if path.name.startswith("history.db"):
        return "history"
    folders = {"uploads": "uploads", "added": "uploads", "trash": "trash", BACKUPS: "backups", PAGE: "page"}
    return folders.get(path.parts[0], "other")


def files_of(data: Path) -> Iterator[tuple[Path, int]]:
    """Every file below, with its size; one that goes meanwhile is passed over."""
    for here, _, names in os.walk(data):
        for name in names:
            path = Path(here, name)
            try:
                yield path, path.lstat().st_size
            except OSError:
                continue


def search_traces(text: str, data: Path, store: RegionStore) -> list[LeftoverText]:
    """Where a text (a path, a name, a sentence) still stands in the library's own files, letter by letter.

    The index of words holds no text but words: it is asked whether a region has all of them, one after the other.
    BadFile if the text is too short to mean anything.
    """
    if len(text.strip()) < SHORTEST:
        raise BadFile(
            f"{text!r} is too short to be looked for: it stands anywhere by chance. Give a path or a sentence"
        )
    store.renew_cache()
    needle, data = text.encode(), Path(os.path.realpath(data))
    databases = databases_of(data, store)
    own = {f"{path}{ending}" for path in databases for ending in ENDINGS}
    counts = {path: count_in_database(path, needle) for path in databases}
    counts |= {path: count_in(path, needle) for path, _ in files_of(data) if str(path) not in own}
    found = [LeftoverText(path=str(path), count=count) for path, count in counts.items() if count]
    hits = store.count_phrase(text)
    return found + ([LeftoverText(path="words", count=hits)] if hits else [])


def databases_of(data: Path, store: RegionStore) -> list[Path]:
    """Every database of the library, that of the open store among them wherever it lies."""
    found = [path for pattern in DATABASES for path in sorted(data.glob(pattern))]
    return list(dict.fromkeys([*found, Path(os.path.realpath(store.folder / STORE))]))


def count_in_database(path: Path, needle: bytes) -> int:
    """How often the bytes stand in a database, on pages in no use too. Its log is emptied first, through SQLite, so
    nothing is left there; Busy if somebody reads it all the time, for then nobody can say.
    """
    try:
        empty_log(path)
        with scratch_copy(path) as copy:
            return count_in(copy, needle)
    except FileNotFoundError:  # it went while we looked
        return 0
    except StoreBusy as error:
        raise Busy(
            f"{path} is in use all the time, so what its log holds cannot be said. Try again in {RETRY_S} s",
            retry_after_s=RETRY_S,
        ) from error
    except sqlite3.Error as error:
        raise LibraryError(f"{path} cannot be looked into: {error}. Check the library, and its disk") from error


def count_in(path: Path, needle: bytes) -> int:
    """How often the bytes stand in the file, whichever piece they begin in; a live database is not opened."""
    count, rest = 0, b""
    try:
        with open_plain(str(path)) as stream:
            while piece := stream.read(CHUNK_BYTES):
                whole = rest + piece
                count += whole.count(needle)
                rest = whole[len(whole) - len(needle) + 1 :] if len(needle) > 1 else b""
    except (OSError, BadFile):  # it went, or leads elsewhere, or nobody may read it: then nothing of ours is in it
        return 0
    return count
