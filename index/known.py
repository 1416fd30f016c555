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


def _paths(store: Path) -> list[str]:
    try:
        with closing(sqlite3.connect(f"{store.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            wanted = (KNOWN, COPIES) if connection.execute(TABLES).fetchone() else (KNOWN,)
            return [path for query in wanted for (path,) in connection.execute(query, (UPLOADS,))]
    except sqlite3.Error:  # torn, or of another kind; the other stores may still know
        return []
