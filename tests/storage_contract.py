"""The same tests over PostgreSQL: with STORAGE_URL set, what they would keep in a file lies in a schema of its own.

A test that is about files themselves says so with `only_files`.
"""

import hashlib
import os
from pathlib import Path

import pytest

from deepseek_mm.storage.places import Place, ServerPlace, open_database

URL = os.environ.get("STORAGE_URL", "")
MODULES = ("deepseek_mm.history.log", "deepseek_mm.jobs.table", "deepseek_mm.accounts.accounts")
only_files = pytest.mark.skipif(bool(URL), reason="this is about files")


def place_of(path: Path) -> ServerPlace | None:
    """Where the database lies that would be at this path; None where files are tested."""
    name = f"test_{hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:24]}"
    return ServerPlace(url=URL, name=name) if URL else None


def open_anywhere(place: Place, schema, **more):
    return open_database(place_of(place) or place if isinstance(place, Path) else place, schema, **more)


@pytest.fixture(autouse=True)
def keep_on_server(monkeypatch):
    if URL:
        for module in MODULES:
            monkeypatch.setattr(f"{module}.open_database", open_anywhere)
