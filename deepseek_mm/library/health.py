"""Do store, cache and disk agree, how well does the index search, and how large is everything? And if not: repair it.

A check (`check`) compares every byte with the disk and is long work; this looks at the index itself, in seconds.

A check reads everything and changes nothing; each thing that does not agree is one failed item of its job. A repair
checks, then takes every file with a faulty entry, or with other bytes than were indexed, in again, and makes the cache
and a faulty index of words anew; where writes were lost, it looks again at every place that was indexed. What is gone
from the disk is listed, and taken out only if that is wished.
"""

import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from deepseek_mm.code_graph.graph_store import NAME
from deepseek_mm.config import Config
from deepseek_mm.database_places import SPACE
from deepseek_mm.errors import BadFile, Busy, LibraryError, NothingThere
from deepseek_mm.history import History
from deepseek_mm.jobs import Failed, Jobs, Task
from deepseek_mm.library.backup import BACKUPS, PAGE, STORE, files_of
from deepseek_mm.library.index_jobs import INDEX, READ, IndexingHandlers
from deepseek_mm.parse.document import is_gone, open_file
from deepseek_mm.parse.links import open_plain
from deepseek_mm.storage.errors import StoreBusy
from deepseek_mm.storage.exchange import empty_log, scratch_copy
from deepseek_mm.storage.files import ENDINGS
from deepseek_mm.storage.server_schemas import ServerSchemas
from deepseek_mm.storage.stored_files import StoredFiles
from index.health import WORDS, StoreHealth, StoreProblem
from index.region import Stamp
from index.store import RegionStore

LAST_JOBS = 50  # whose failures are looked at
MOST_LISTED = 20  # problems and failures that are told one by one
CHUNK_BYTES = 1 << 22
DATABASES_ON_SERVER = ("history", "jobs", "accounts")  # beside the indexes
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
    offline: int = 0  # files that lie below a folder that is away
    away: tuple[str, ...] = ()  # these folders
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


def examine(config: Config, filling: IndexingHandlers, *, in_trash: int) -> Health:
    """Look at everything."""
    store, jobs, drives = filling.store, filling.jobs, filling.drives
    aside, problems, kept = filling.quarantine.reasons(), store.problems(), list_kept(filling.files) or ()
    known = store.stamps()
    offline = drives.list_offline(known)
    failed = [Failed(item=path, reason=reason) for path, reason in aside.items()]
    failed += [each for each in failures(jobs, known) if each.item not in aside]
    return Health(
        store=store.health(),
        problems=tuple(problems[:MOST_LISTED]),
        num_problems=len(problems),
        gone=sum(is_gone(path) and known[path].digest not in kept for path in known if path not in offline),
        offline=len(offline),
        away=drives.list_away() if offline else (),
        failed=tuple(failed[:MOST_LISTED]),
        num_failed=len(failed),
        sizes=sizes(config),
        in_trash=in_trash,
    )


def list_kept(files: StoredFiles | None) -> set[str] | None:
    """The checksums of all that the store of files has; None without one. TransientError."""
    return None if files is None else {digest for digest, _ in files.store.list_kept()}


def failures(jobs: Jobs, known: Container[str]) -> Iterator[Failed]:
    """What the latest jobs could not read and is not known by now; each file once, the latest first."""
    seen = set[str]()
    for job in jobs.find(kinds=(INDEX, READ), limit=LAST_JOBS):
        for each in jobs.failures(job.id, limit=-1) if job.num_failed else ():
            if each.item not in seen and each.item not in known:
                seen.add(each.item)
                yield each


def sizes(config: Config) -> tuple[FolderPart, ...]:
    """Bytes of each part of the library's folder, and of its databases on a server, the largest first."""
    parts = [(part_of(path.relative_to(config.data)), size) for path, size in files_of(config.data)]
    totals: dict[str, int] = {}
    for name, size in (*parts, *sizes_on_server(config)):
        totals[name] = totals.get(name, 0) + size
    return tuple(
        FolderPart(name=name, size_bytes=size) for name, size in sorted(totals.items(), key=lambda row: -row[1])
    )


def sizes_on_server(config: Config) -> Iterator[tuple[str, int]]:
    """The same of each schema of the library's; none where it keeps files."""
    if not config.storage.url:
        return
    with ServerSchemas(config.storage.url) as schemas:
        for short, name in own_schemas(config, schemas):
            yield (
                {"history": "history"}.get(short, "index" if short.startswith(SPACE) else "other"),
                schemas.size_of(name),
            )


def own_schemas(config: Config, schemas: ServerSchemas) -> Iterator[tuple[str, str]]:
    """Each database of the library's on a server, by its short name and that of its schema."""
    begin = f"{config.storage.prefix}_"
    for name in schemas.list_names(begin):
        short = name.removeprefix(begin)
        if short in DATABASES_ON_SERVER or short.startswith(SPACE):
            yield short, name


def part_of(path: Path) -> str:
    """What a file of the library's folder belongs to."""
    if path.parts[0] == "spaces":
        ends = {".faiss": "vectors", "-wal": "log", "-shm": "log", ".db": "index"}
        return next((name for end, name in ends.items() if path.name.endswith(end)), "other")
    if path.name.startswith("history.db"):
        return "history"
    if path.name.startswith(NAME):
        return "index"
    folders = {"uploads": "uploads", "added": "uploads", "trash": "trash", BACKUPS: "backups", PAGE: "page"}
    return folders.get(path.parts[0], "other")


def search_traces(text: str, config: Config, store: RegionStore) -> list[LeftoverText]:
    """Where a text (a path, a name, a sentence) still stands in the library's own files, letter by letter, and in the
    rows of its tables on a server, whose own log and backups nobody can look into from here.

    The index of words holds no text but words: it is asked whether a region has all of them, one after the other.
    BadFile if the text is too short to mean anything.
    """
    if len(text.strip()) < SHORTEST:
        raise BadFile(
            f"{text!r} is too short to be looked for: it stands anywhere by chance. Give a path or a sentence"
        )
    store.renew_cache()
    needle, data = text.encode(), Path(os.path.realpath(config.data))
    databases = databases_of(data, None if config.storage.url else store)
    own = {f"{path}{ending}" for path in databases for ending in ENDINGS}
    counts = {path: count_in_database(path, needle) for path in databases}
    counts |= {path: count_in(path, needle) for path, _ in files_of(data) if str(path) not in own}
    found = [LeftoverText(path=str(path), count=count) for path, count in counts.items() if count]
    found += find_on_server(text, config)
    hits = store.count_phrase(text)
    return found + ([LeftoverText(path="words", count=hits)] if hits else [])


def find_on_server(text: str, config: Config) -> list[LeftoverText]:
    """Tables of a server in whose rows the text stands; none where the library keeps files."""
    if not config.storage.url:
        return []
    with ServerSchemas(config.storage.url) as schemas:
        counts = {
            f"{name}.{table}": count
            for _, name in own_schemas(config, schemas)
            for table, count in schemas.count_text(name, text).items()
        }
    return [LeftoverText(path=path, count=count) for path, count in counts.items() if count]


def databases_of(data: Path, store: RegionStore | None) -> list[Path]:
    """Every database of the library's folder, that of the open store among them wherever it lies."""
    found = [path for pattern in DATABASES for path in sorted(data.glob(pattern))]
    opened = [] if store is None else [Path(os.path.realpath(store.folder / STORE))]
    return list(dict.fromkeys([*found, *opened]))


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


VERIFY, REPAIR = "verify", "repair"  # kinds of jobs
CACHE = "the cache"  # what a fault of the cache file is listed under
HISTORY, JOBS = "the history", "the table of jobs"  # what a problem of these files is listed under
WHOLE_INDEX = "the index"  # what a problem of the store as a whole is listed under
FROM_BACKUP = "What is gone is only in a backup; what is there now is taken as it is"
COMES_BACK = "They stay known until it is back; to take them out, forget that folder"
UNSENT = "The store of files does not have it: on other machines it cannot be read. Repair sends it there."
ANEW = "Make it anew with: python -m deepseek_mm index --rebuild"


@dataclass(frozen=True, kw_only=True, slots=True)
class LibraryCheck:
    """Checks one library, and repairs it."""

    filling: IndexingHandlers
    history: History
    config: Config
    then: Callable[[], object] = tuple  # what else is to be done once files were taken out

    def verify(self, task: Task) -> str:
        """No payload. Every problem becomes a failed item."""
        count = 0
        for problem in self._problems(task):
            task.fail(problem.path or f"{WHOLE_INDEX} ({count + 1})", problem.detail)
            count += 1
        if task.stopping:
            return "stopped before everything was looked at"
        return "everything agrees" if not count else f"{count} things do not agree; repair mends them"

    def repair(self, task: Task) -> str:
        """Payload: forget (what is gone). What cannot be mended here stays a failed item."""
        anew: list[str] = []
        gone: list[str] = []
        for number, problem in enumerate(self._problems(task), start=1):
            if not problem.path:
                task.fail(f"{WHOLE_INDEX} ({number})", f"{problem.detail} {ANEW}")
            elif problem.path in (HISTORY, JOBS):
                task.fail(problem.path, f"{problem.detail} {FROM_BACKUP}")
            elif problem.path in (CACHE, WORDS):
                continue
            elif problem.path in self.filling.drives.list_away():
                task.fail(problem.path, f"{problem.detail} {COMES_BACK}")
            elif problem.detail == UNSENT:
                self._send(problem.path, task)
            elif is_gone(problem.path):
                gone.append(problem.path)
            else:
                anew.append(problem.path)
        if task.stopping:
            return "stopped; nothing was changed"
        self.filling.store.renew_cache()
        if self.filling.files:
            self.filling.files.sweep()
        if self.filling.store.num_lost():
            self._index_again()
        for file in (self.filling.store, self.history, self.filling.jobs):
            file.accept()
        again = sorted(set(anew))
        if again:
            self.filling.jobs.add(
                INDEX, {"paths": again, "anew": True}, title=f"Read {len(again)} files anew", unique=True
            )
        return f"the cache is new, {len(again)} files are read again{self._dispose(gone, task)}"

    def _send(self, path: str, task: Task) -> None:
        """Have a file in the store that has its bytes nowhere else than here."""
        if not self.filling.send([path]):
            task.fail(path, UNSENT)

    def _index_again(self) -> None:
        """Look again at all that is known to have been indexed, for what the index has lost; the rest is left alone."""
        paths = {
            str(path)
            for job in self.filling.jobs.find(kinds=(INDEX,), limit=-1)
            for path in job.payload.get("paths", ())
        }
        there = sorted(filter(os.path.lexists, paths))
        if there:
            self.filling.jobs.add(
                INDEX, {"paths": there, "forget": False}, title=f"Index {len(there)} paths again", unique=True
            )

    def _dispose(self, gone: list[str], task: Task) -> str:
        """Take out what is gone, if that is wished; else list it."""
        if task.job.payload.get("forget"):
            count = self.filling.store.remove_places(gone)
            self.then()
            return f", {count} that are gone were taken out"
        for path in gone:
            task.fail(path, "It is not there any more. Repair with --forget takes it out")
        return ""

    def _problems(self, task: Task) -> Iterator[StoreProblem]:
        """The store, then its cache, then every file on the disk."""
        task.report(0, None, "the index")
        inside = self.filling.store.problems()
        yield from inside
        for name, file in ((HISTORY, self.history), (JOBS, self.filling.jobs)):
            yield from (StoreProblem(path=name, detail=detail) for detail in file.problems())
        fault = "" if inside else self.filling.store.cache_fault()  # it is compared with a sound store only
        if fault:
            yield StoreProblem(path=CACHE, detail=fault)
        stamps = self.filling.store.stamps()
        kept = list_kept(self.filling.files)
        offline = self.filling.drives.list_offline(stamps)
        yield from self._describe_offline(offline)
        for done, (path, stamp) in enumerate(sorted(stamps.items())):
            if task.stopping:
                return
            task.report(done, len(stamps), path)
            detail = "" if path in offline else self._difference(path, stamp, kept)
            if detail:
                yield StoreProblem(path=path, detail=detail)
        task.report(len(stamps), len(stamps), "")

    def _describe_offline(self, offline: Collection[str]) -> Iterator[StoreProblem]:
        """One problem for each folder that is away: what it holds cannot be compared, and is not gone."""
        counts = Counter(self.filling.drives.find_away(path) for path in offline)
        for folder, count in sorted(counts.items()):
            yield StoreProblem(path=folder, detail=f"It is not there now: {count} files below it are offline.")

    def _difference(self, path: str, stamp: Stamp, kept: Container[str] | None) -> str:
        """How the file differs from what was indexed; empty if it does not, or if another machine's is `kept`."""
        if is_gone(path):
            return "" if kept is not None and stamp.digest in kept else "It is not there any more."
        try:
            file = open_file(path, self.config.parse)
        except (BadFile, NothingThere) as error:
            return str(error)
        if file.digest != stamp.digest:
            return "It has changed since it was indexed."
        return UNSENT if kept is not None and stamp.digest not in kept else ""
