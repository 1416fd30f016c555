"""Whole SQLite files, copied and exchanged while others use them, and opened where nothing can be written.

SQLite's own backup copies a file page by page as of one moment, and it can fill a file that is open elsewhere: the
exchange is one transaction there, so everybody sees the old content or the new, and after a kill it is the one or the
other. What the old content was is gone from the file and from its log afterwards.

On a read-only disk, or in a folder of somebody else's, SQLite's log (WAL) asks even readers to write beside the file.
Where another process has the file open, its -shm is there, and reading takes part in the locks (`mode=ro`). Where none
has, and no log waits to be merged, nothing can change under our eyes, and SQLite may leave locks and log alone
(`immutable=1`). A log that waits and cannot be read along with the file is an error: without it, the latest changes
would be silently missing.
"""

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from deepseek_mm.storage.errors import StoreBusy, StoreFull, StoreUnmerged

PATIENCE_S = 30.0  # how long we wait for readers and writers to be done
SPARE_BYTES = 50_000_000  # that others may need of the disk while a copy is made
STEP_PAGES = 1024  # copied between two looks at who else wants the file


def create_database(path: Path, fill: Callable[[Path], None]) -> None:
    """A new file at `path`, filled by `fill` beside it: whole, or not there. What another process has put there stays.

    So a file without content was never one of ours: it is damage, not a beginning.
    """
    with draft_beside(path) as draft:
        fill(draft)
        try:
            os.link(draft, path)
        except FileExistsError:
            return
        except OSError:  # a disk that knows no second names
            if not path.exists():
                os.replace(draft, path)


def missing_content(path: Path) -> str:
    """What shows that the database at `path` has lost its content, as the end of a sentence; empty if nothing does."""
    log = path.with_name(path.name + "-wal")
    has_log = log.exists() and log.stat().st_size > 0  # before the file, which whoever makes it makes first
    if path.exists():
        return "it is empty: 0 bytes" if path.stat().st_size == 0 else ""
    return f"it is gone, and its log {log.name} is still there" if has_log else ""


def copy_database(live: Path, to: Path) -> None:
    """The content of `live` as of one moment, as a new file at `to`, on the disk when this returns: SQLite syncs it.

    StoreBusy, sqlite3.Error or OSError say why not; then there is no file at `to`.
    """
    try:
        with closing(_open(live, PATIENCE_S)) as source, closing(sqlite3.connect(to)) as target:
            source.backup(target, pages=STEP_PAGES, progress=_patience(live))
    except BaseException:
        to.unlink(missing_ok=True)
        raise


@contextmanager
def scratch_copy(live: Path) -> Iterator[Path]:
    """A private copy of all pages of `live` as of one moment, those in no use too, that may be read as plain bytes.

    It lies beside `live` and is gone at the end, and swept as a draft after a kill. StoreFull, StoreBusy, sqlite3.Error
    say why there is none.
    """
    if shutil.disk_usage(live.parent).free < live.stat().st_size + SPARE_BYTES:
        raise StoreFull(live)
    with draft_beside(live) as draft:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        copy_database(live, draft)
        yield draft


def exchange_database(live: Path, by: Path) -> None:
    """The content of `by` in place of that of `live`, at once for everybody who has `live` open.

    Nothing of the old content remains in the file or its log. StoreBusy or sqlite3.Error say why not; then nothing was
    changed.
    """
    with closing(_open(by, PATIENCE_S)) as source, closing(_open(live, PATIENCE_S)) as target:
        source.backup(target, progress=_patience(live))
        _empty_log(target, live, PATIENCE_S)


def empty_log(live: Path, *, patience_s: float | None = None) -> None:
    """Write what the log holds into the file and cut the log to nothing, as soon as no reader needs it.

    StoreBusy if one needs it for longer than we are patient.
    """
    patience_s = PATIENCE_S if patience_s is None else patience_s
    with closing(_open(live, patience_s)) as connection:
        _empty_log(connection, live, patience_s)


@contextmanager
def draft_beside(path: Path) -> Iterator[Path]:
    """A free name in the same folder; whatever is there in the end, its logs too, is removed."""
    draft = path.with_name(f"{path.name}.{os.getpid()}-{time.monotonic_ns()}.draft")
    try:
        yield draft
    finally:
        for ending in ("", "-wal", "-shm", "-journal"):
            draft.with_name(draft.name + ending).unlink(missing_ok=True)


def _open(path: Path, patience_s: float) -> sqlite3.Connection:
    """An existing file; sqlite3 would make an absent one."""
    connection = sqlite3.connect(f"{plain_address(path)}?mode=rw", uri=True, timeout=patience_s)
    connection.isolation_level = None
    return connection


def _patience(path: Path) -> Callable[[int, int, int], None]:
    """Called after each step; SQLite itself would wait for a lock for ever."""
    began = time.monotonic()

    def look(status: int, left: int, total: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > began + PATIENCE_S:
            raise StoreBusy(path, timeout_s=PATIENCE_S)

    return look


def _empty_log(connection: sqlite3.Connection, path: Path, patience_s: float) -> None:
    until = time.monotonic() + patience_s
    while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:  # 1: somebody still reads the old
        if time.monotonic() > until:
            raise StoreBusy(path, timeout_s=patience_s)
        time.sleep(0.05)


TIMEOUT_S = 30.0  # how long a reader waits for a lock


def is_read_only(path: Path) -> bool:
    """Whether this process may read a database there, and may not write both it and beside it."""
    return os.access(path, os.R_OK) and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def plain_address(path: Path) -> str:
    """How SQLite names the file, made if it is absent; options may follow."""
    return f"file:{quote(str(path.absolute()))}"


def address_of(path: Path) -> str:
    """How SQLite opens it. StoreUnmerged if its log cannot be read along."""
    plain = plain_address(path)
    log, index = (path.with_name(path.name + ending) for ending in ("-wal", "-shm"))
    if not log.exists() or not (index.exists() or log.stat().st_size):
        return f"{plain}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(f"{plain}?mode=ro", uri=True, timeout=TIMEOUT_S)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        if log.stat().st_size:
            raise StoreUnmerged(path) from error
        return f"{plain}?mode=ro&immutable=1"
    return f"{plain}?mode=ro"


def copy_read_only(path: Path, target: Path) -> None:
    """A copy of what a database holds that cannot be written. sqlite3.Error or StoreUnmerged says why there is none."""
    with closing(sqlite3.connect(address_of(path), uri=True)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
