"""store.db as a kind of SQLite database: its tables, how it is kept, and what can be wrong with an index on disk.

Each error says what, shows where, and names the next step.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from deepseek_mm.storage import sqlite_database
from deepseek_mm.storage.errors import LAST_UPGRADER, IndexProblem, StoreBusy, StoreFull
from deepseek_mm.storage.schema import LibraryErrors, Migration, Schema
from index.companions import group_older
from index.server import server_words
from index.server.column_types import NO_ZERO, pack_vectors, round_vector
from index.server.server_finder import build_vector_index
from index.tables import (
    COUNTED,
    LibraryRow,
    StoreBase,
    VectorRow,
    add_curation,
    add_owners,
    add_people,
    add_statements,
    create_tables,
    undate_photos,
)
from index.words import teach

REBUILD = "python -m deepseek_mm index --rebuild"


class SpaceMismatch(IndexProblem):
    """The index holds vectors of another space; comparing the two would mean nothing."""

    def __init__(self, path: Path, *, stored: str, given: str) -> None:
        self.path = path
        super().__init__(
            f"the index at {path} was made by the space {stored}, not by {given}, and two spaces never mix. "
            f"Rebuild it with: {REBUILD}"
        )


class StoreDamaged(IndexProblem):
    """The database cannot be read."""

    def __init__(self, path: Path, why: str) -> None:
        self.path = path
        super().__init__(
            f"the index at {path} is damaged ({why}); nothing was changed. Your pictures are not in it: "
            f"rebuild it from them with: {REBUILD}"
        )


class StoreTooNew(IndexProblem):
    """The database was written by a later version of this program."""

    def __init__(self, path: Path, *, version: str, newest: str) -> None:
        super().__init__(
            f"the index at {path} has schema version {version}, this program knows up to {newest}; nothing was "
            f"changed. Update the program, or choose another folder with --data"
        )


class StoreTooOld(IndexProblem):
    """The database was written by a version that is not upgraded any more."""

    def __init__(self, path: Path, *, version: str, oldest: str) -> None:
        self.path = path
        super().__init__(
            f"the index at {path} has schema version {version}, this program knows {oldest} and later; nothing was "
            f"changed. Open it once with the version that upgrades it (git checkout {LAST_UPGRADER}), or make it anew "
            f"from your pictures with: {REBUILD}"
        )


class StoreReadOnly(IndexProblem):
    """The folder cannot be written to, and SQLite needs to write even for readers."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"the index at {path} cannot be written. Give yourself the right to write there (chmod u+w), "
            f"or choose another folder with --data"
        )


class VectorDamaged(IndexProblem):
    """A vector is not what was written, so it is not copied to where nobody could tell any more."""

    def __init__(self, region_id: int) -> None:
        super().__init__(
            f"the vector of region {region_id} is not what was written, so the index is not copied. "
            "Repair it first, with: python -m deepseek_mm library repair"
        )


class NotStored(IndexProblem, LookupError):
    """A region that was asked for by its id is no longer there."""

    def __init__(self, region_id: int) -> None:
        super().__init__(f"no region {region_id} in the index: its file was removed or read anew. Search again")


class OtherStore(IndexProblem, LookupError):
    """What was set aside belongs to a content of the store that was exchanged or emptied since."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} was taken out of an index that is gone by now; nothing was changed. Add the files")


class BadFileName(IndexProblem, ValueError):
    """A file name that is not valid Unicode cannot be kept as text."""

    def __init__(self, path: str) -> None:
        super().__init__(f"the file name {path!r} is not valid UTF-8. Rename the file and add it again")


class CacheUnusable(IndexProblem):
    """A file of vectors that cannot be trusted: torn, of another store, or no such file."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} cannot be used: {why}. Delete it; it is made again from the store")


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreErrors(LibraryErrors):
    """The errors of a store's database, told apart by SQLite's error codes; what is our own fault passes as it is."""

    noun: str = "index"

    def of(self, path: Path, error: BaseException) -> IndexProblem | None:
        """One that a user can act on, or None."""
        if isinstance(error, UnicodeDecodeError):  # SQLite names what is damaged by the damaged bytes
            return StoreDamaged(path, error.object.decode(errors="replace"))
        code = str(getattr(error, "sqlite_errorname", "")).removeprefix("SQLITE_").partition("_")[0]
        if code in ("CORRUPT", "NOTADB", "IOERR"):
            return StoreDamaged(path, str(error))
        if code in ("READONLY", "CANTOPEN", "PERM"):
            return StoreReadOnly(path)
        if code in ("BUSY", "LOCKED"):
            return StoreBusy(path, timeout_s=sqlite_database.TIMEOUT_S)
        return StoreFull(path) if code == "FULL" else None

    def damage(self, path: Path, reason: str) -> IndexProblem:
        """StoreDamaged."""
        return StoreDamaged(path, reason)

    def read_only(self, path: Path, reason: str) -> IndexProblem:
        """StoreReadOnly."""
        return StoreReadOnly(path)

    def too_new(self, path: Path, revision: str, newest: str) -> IndexProblem:
        """StoreTooNew."""
        return StoreTooNew(path, version=revision, newest=newest)

    def too_old(self, path: Path, revision: str, oldest: str) -> IndexProblem:
        """StoreTooOld."""
        return StoreTooOld(path, version=revision, oldest=oldest)

    def foreign(self, path: Path, tables: list[str]) -> IndexProblem:
        """StoreDamaged."""
        return StoreDamaged(path, "it holds tables of another program")


def adapt_row(table: str, row: dict[str, Any], dialect: str) -> dict[str, Any]:
    """A row that is copied: a server sees to its own bytes, and a file gets a checksum of those that it has."""
    if table != VectorRow.__tablename__:
        return row
    if dialect == "sqlite":
        return row | {"checksum": zlib.crc32(row["data"])}
    if row["checksum"] not in (None, zlib.crc32(row["data"])):
        raise VectorDamaged(row["region_id"])
    return row | {"checksum": None}


def align_row(table: str, row: dict[str, Any]) -> dict[str, Any]:
    """A row as files and servers have it alike: 16 bits for each number of a vector, and no zero byte in a text."""
    if table == VectorRow.__tablename__:
        return {"region_id": row["region_id"], "data": round_vector(row["data"])}
    return {name: value.replace("\0", NO_ZERO) if isinstance(value, str) else value for name, value in row.items()}


def pack_rows(table: str, rows: Sequence[dict[str, Any]]) -> bytes:
    """Rows of vectors as a server takes them fastest; b"" of other tables."""
    if table != VectorRow.__tablename__:
        return b""
    return pack_vectors([row["region_id"] for row in rows], [row["data"] for row in rows])


def settle_words(connection: Connection, after: int) -> int | None:
    """Rows were copied to a server: the words of some regions behind this id are indexed there; the last of them."""
    with Session(connection, join_transaction_mode="rollback_only") as session:
        last = server_words.index_some(session, after=after)
        session.flush()
    return last


def finish_vectors(connection: Connection) -> None:
    """All vectors are there: a server makes the index for searching them."""
    dim = connection.scalar(select(LibraryRow.dim))
    if dim is not None:
        build_vector_index(connection, dim)


STORE = Schema(
    create=create_tables,
    metadata=StoreBase.metadata,
    on_server=True,
    adapt=adapt_row,
    pack=pack_rows,
    alike=align_row,
    settle=settle_words,
    finish=finish_vectors,
    oldest="0007",
    errors=StoreErrors(),
    migrations=(
        Migration(revision="0008", apply=undate_photos),
        Migration(revision="0009", apply=add_curation),
        Migration(revision="0010", apply=add_people),
        Migration(revision="0011", apply=add_statements),
        Migration(revision="0012", apply=group_older),
        Migration(revision="0013", apply=add_owners),
    ),
    counted=COUNTED,
    synced=False,  # a power cut may undo the last transactions, but never tear one
    checked=False,  # of a large library this takes long
    page_bytes=8192,  # three vectors of 512 fit, where only one fits SQLite's usual 4096
    cache_kb=8000,  # of a large library, what leads to its rows
    connections=16,  # with fewer, many readers at once would open theirs each time
    prepare=teach,
)
