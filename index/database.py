"""store.db as a kind of SQLite database: its tables, its errors, and how it is kept."""

from pathlib import Path

from deepseek_mm.storage import database
from deepseek_mm.storage.errors import IndexProblem, StoreBusy, StoreFull
from deepseek_mm.storage.schema import Schema
from index.errors import StoreDamaged, StoreReadOnly, StoreTooNew, StoreTooOld
from index.tables import COUNTED, create_tables
from index.words import teach


class StoreErrors:
    """The errors of a store's database, told apart by SQLite's error codes; what is our own fault passes as it is."""

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
            return StoreBusy(path, timeout_s=database.TIMEOUT_S)
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


STORE = Schema(
    create=create_tables,
    oldest="0007",
    errors=StoreErrors(),
    counted=COUNTED,
    synced=False,  # a power cut may undo the last transactions, but never tear one
    checked=False,  # of a large library this takes long
    page_bytes=8192,  # three vectors of 512 fit, where only one fits SQLite's usual 4096
    cache_kb=8000,  # of a large library, what leads to its rows
    connections=16,  # with fewer, many readers at once would open theirs each time
    prepare=teach,
)
