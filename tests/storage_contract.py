"""The same tests over PostgreSQL: with STORAGE_URL set, what they would keep in a file lies in a schema of its own.

A test that is about files themselves says so with `only_files`.
"""

import hashlib
import importlib
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from deepseek_mm.storage.places import Place, ServerPlace, open_database

URL = os.environ.get("STORAGE_URL", "")
MODULES = ("deepseek_mm.history.log", "deepseek_mm.jobs.table", "deepseek_mm.accounts.accounts")
CLOSE = 1e-3 if URL else 1e-6  # how near a vector comes to what was stored: a server keeps 16 bits of each number
CHILD = "import sys; sys.path.insert(0, 'tests'); from storage_contract import *; keep_on_server()\n" if URL else ""
only_files = pytest.mark.skipif(bool(URL), reason="this is about files")


def place_of(path: Path) -> ServerPlace | None:
    """Where the database lies that would be at this path; None where files are tested."""
    name = f"test_{hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:24]}"
    return ServerPlace(url=URL, name=name) if URL else None


def as_sought(query):
    """A query as the store compares it."""
    return query.astype("f2").astype("f4") if URL else query


def open_anywhere(place: Place, schema, **more):
    return open_database(place_of(place) or place if isinstance(place, Path) else place, schema, **more)


def keep_on_server(patch: Callable[[object, str, object], None] = setattr) -> None:
    """What would be kept in files lies on the server from now on; in another process its code begins with `CHILD`."""
    for module in MODULES:
        patch(importlib.import_module(module), "open_database", open_anywhere)


def run_sql(path: Path, sql: str, *values: object) -> list[tuple]:
    """The rows that a statement gives, written down if it writes."""
    place = place_of(path)
    if place is None:
        with closing(sqlite3.connect(path)) as connection, connection:
            return connection.execute(sql, values).fetchall()
    with psycopg.connect(place.url, options=f"-c search_path={place.name}") as connection:
        found = connection.execute(sql.replace("?", "%s"), values)
        return found.fetchall() if found.description else []
