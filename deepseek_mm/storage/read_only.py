"""A database that nobody here may write: on a read-only disk, or in a folder of somebody else's.

SQLite's log (WAL) asks even readers to write beside the file. Where another process has the file open, its -shm is
there, and reading takes part in the locks (`mode=ro`). Where none has, and no log waits to be merged, nothing can
change under our eyes, and SQLite may leave locks and log alone (`immutable=1`). A log that waits and cannot be read
along with the file is an error: without it, the latest changes would be silently missing.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from deepseek_mm.storage.errors import StoreUnmerged

TIMEOUT_S = 30.0  # how long a reader waits for a lock


def is_read_only(path: Path) -> bool:
    """Whether this process may read a database there, and may not write both it and beside it."""
    return os.access(path, os.R_OK) and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def address_of(path: Path) -> str:
    """How SQLite opens it. StoreUnmerged if its log cannot be read along."""
    plain = f"file:{quote(str(path.absolute()))}"
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
