"""Filling the shelves: files become regions and vectors in the store.

First the files are sorted out: what the store knows with the same size and time, or with the same bytes, is left alone
without being decoded. The rest is decoded in the tower's drawing thread while the tower works on the pictures before,
and each photo is one transaction. So an end at any moment (Ctrl-C, a kill, a power cut) leaves every photo either whole
in the store or not in it, and the next run goes on from there. A file that cannot be read is listed with the reason.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL.Image import Image

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadPicture, NothingThere
from deepseek_mm.parse.folder import Failure, find_pictures
from deepseek_mm.parse.photo import absolute, read_photo
from deepseek_mm.see.eyes import Eyes
from index import Source
from index.store import RegionStore


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far it has come."""

    done: int  # files, whatever became of them
    total: int
    path: str  # the file just finished
    per_second: float  # photos that were seen, on average; 0 before the first
    seconds_left: float | None  # None before the first photo was seen


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What became of the files."""

    added: int = 0
    replaced: int = 0  # known before, and changed since
    unchanged: int = 0
    failed: tuple[Failure, ...] = ()  # (path, reason), in the order they were met; a reason is a whole sentence
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Sorted:
    """Files by what there is to do."""

    fresh: tuple[Path, ...]  # to be read: new or changed
    known: frozenset[str]  # those of them that the store has an older version of
    unchanged: int


def ingest(
    paths: Sequence[Path],
    *,
    eyes: Eyes,
    store: RegionStore,
    config: ParseConfig,
    progress: Callable[[Progress], None] = lambda _: None,
    anew: bool = False,
) -> Report:
    """Bring the store up to date with these files and folders; `anew` reads unchanged files again as well.

    Raises NothingThere if a path does not exist or none has a picture, and whatever the store raises (IndexProblem).
    """
    start = time.monotonic()
    found = find_pictures(paths)
    total = len(found.files)
    todo = sort_out(found.files, store, progress, anew=anew)
    unreadable: list[Failure] = []
    added = replaced = 0
    start_seeing = time.monotonic()
    for sight in eyes.see_many(readable(todo.fresh, config, unreadable)):
        source = store.add(sight.regions[0].source, sight.regions, sight.vectors_ND)
        replaced += source.path in todo.known
        added += source.path not in todo.known
        done = todo.unchanged + added + replaced + len(unreadable)
        progress(pace(done, total, source.path, seen=added + replaced, seconds=time.monotonic() - start_seeing))
    return Report(
        added=added,
        replaced=replaced,
        unchanged=todo.unchanged,
        failed=(*found.failed, *unreadable),
        seconds=time.monotonic() - start,
    )


def sort_out(files: Sequence[Path], store: RegionStore, progress: Callable[[Progress], None], *, anew: bool) -> Sorted:
    """Which files need reading. Nothing is decoded."""
    fresh: list[Path] = []
    known: set[str] = set()
    unchanged = 0
    for path in files:
        before = known_source(path, store)
        if before is not None and not anew and is_unchanged(path, before):
            unchanged += 1
            progress(pace(unchanged, len(files), str(path), seen=0, seconds=0))
            continue
        fresh.append(path)
        known |= {before.path} if before is not None else set()
    return Sorted(fresh=tuple(fresh), known=frozenset(known), unchanged=unchanged)


def known_source(path: Path, store: RegionStore) -> Source | None:
    """What the store has of this file; nothing if no store can hold its name, which reading it will say."""
    try:
        return store.source_at(absolute(path))
    except BadPicture:
        return None


def is_unchanged(path: Path, before: Source) -> bool:
    """True if the file has the same size and time, or the same bytes. What cannot be looked at counts as changed."""
    try:
        now = path.stat()
        if (now.st_size, now.st_mtime_ns) == (before.size_bytes, before.modified_ns):
            return True
        if now.st_size != before.size_bytes:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == before.digest
    except OSError:
        return False


def readable(files: Sequence[Path], config: ParseConfig, unreadable: list[Failure]) -> Iterator[tuple[Source, Image]]:
    """The pictures that can be read, in order; the others go to `unreadable`."""
    for path in files:
        try:
            photo = read_photo(path, max_pixels=config.max_pixels)
        except (BadPicture, NothingThere) as error:
            unreadable.append((str(path), str(error)))
            continue
        yield photo.source, photo.image


def pace(done: int, total: int, path: str, *, seen: int, seconds: float) -> Progress:
    """Progress, with the rate of the photos seen so far and the time that the rest takes at that rate."""
    per_second = seen / seconds if seen and seconds > 0 else 0.0
    left = (total - done) / per_second if per_second else None
    return Progress(done=done, total=total, path=path, per_second=per_second, seconds_left=left)
