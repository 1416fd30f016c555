"""Which files do the stores of a library know? Asked when one of them is made anew, so it must not need a whole store.

A store is read as it is: it is not opened for writing, not upgraded, and one that cannot be read knows nothing.
"""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from index.region import UPLOADS

KNOWN = "SELECT path FROM sources WHERE collection != ? ORDER BY id"
COPIES = "SELECT p.path FROM places p JOIN sources s ON s.id = p.source_id WHERE s.collection != ? ORDER BY p.path"
TABLES = "SELECT name FROM sqlite_master WHERE name = 'places'"  # a store of the first version has none


def known_paths(stores: Iterable[Path]) -> list[str]:
    """Paths of the files that any of these store.db files holds, each once, in the order in which they were added."""
    found: dict[str, None] = {}
    for store in stores:
        found.update(dict.fromkeys(_paths(store)))
    return list(found)


def paths_through(store: Path, part: str) -> list[str]:
    """Every path that a store.db knows, of whatever collection, in which `part` occurs. sqlite3.Error says why not."""
    with closing(_open(store)) as connection:
        tables = ("sources", "places") if connection.execute(TABLES).fetchone() else ("sources",)
        query = "SELECT path FROM {} WHERE instr(path, ?)"
        return [path for table in tables for (path,) in connection.execute(query.format(table), (part,))]


def _paths(store: Path) -> list[str]:
    try:
        with closing(_open(store)) as connection:
            wanted = (KNOWN, COPIES) if connection.execute(TABLES).fetchone() else (KNOWN,)
            return [path for query in wanted for (path,) in connection.execute(query, (UPLOADS,))]
    except sqlite3.Error:  # torn, or of another kind; the other stores may still know
        return []


def _open(store: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{store.absolute().as_uri()}?mode=ro", uri=True)
