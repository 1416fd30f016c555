"""Which files do the stores of a library know? Asked when one of them is made anew, so it must not need a whole store.

A store is read as it is: it is not opened for writing, not upgraded, and one that cannot be read knows nothing.
"""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

KNOWN = "SELECT path FROM sources WHERE collection = ? ORDER BY id"


def known_paths(stores: Iterable[Path], *, collection: str = "library") -> list[str]:
    """Paths of the files that any of these store.db files holds, each once, in the order in which they were added."""
    found: dict[str, None] = {}
    for store in stores:
        found.update(dict.fromkeys(_paths(store, collection)))
    return list(found)


def _paths(store: Path, collection: str) -> list[str]:
    try:
        with closing(sqlite3.connect(f"{store.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return [path for (path,) in connection.execute(KNOWN, (collection,))]
    except sqlite3.Error:  # torn, or of another kind; the other stores may still know
        return []
