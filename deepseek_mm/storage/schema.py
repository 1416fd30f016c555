"""What a database holds and how it came to its present form: columns, tables, revisions, and the words of its errors.

A new file is made from the tables as they are now and stamped with the newest revision. An older one is brought up by
the migrations after its own revision, in one transaction. The revision stands in the table `alembic_version`, where
earlier versions of this program, which used Alembic, kept it.

Columns come back as they went in: moments with their zone, and text that is not quite Unicode.
"""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import (
    BigInteger,
    Connection,
    DateTime,
    Double,
    Float,
    Integer,
    MetaData,
    Table,
    Text,
    TextClause,
    inspect,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DatabaseError
from sqlalchemy.types import TypeDecorator

from deepseek_mm.errors import LibraryError
from deepseek_mm.storage.errors import LAST_UPGRADER
from deepseek_mm.storage.files import parse_json

REVISIONS = "alembic_version"  # a table of one row
LOST = ("it is empty", "it is gone")  # how reasons begin that `exchange.missing_content` gives


@dataclass(frozen=True, kw_only=True, slots=True)
class Migration:
    """A change of the tables and rows of an older file, and the revision that it leads to."""

    revision: str
    apply: Callable[[Connection], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class LibraryErrors:
    """The errors that are raised for one kind of database: each is a LibraryError with a next step."""

    noun: str  # without an article: "history"
    if_damaged: str = "Move it away and a new one is begun: mv {path} {path}.damaged"
    elsewhere: str = "--data FOLDER"  # how to name another folder

    def of(self, path: Path, error: BaseException) -> Exception | None:
        """What to raise for an error of SQLite's or the system's, told apart by its words; None: that itself."""
        if isinstance(error, UnicodeDecodeError):  # SQLite names what is damaged by the damaged bytes
            return self.damage(path, f"malformed: {error.object.decode(errors='replace')}")
        reason = str(error)
        return self._unusable(path, reason, self._next_step(path, reason))

    def damage(self, path: Path, reason: str) -> Exception:
        """The file cannot be read, or its content is gone: put it back, or begin a new one."""
        first = "Put the file back as it was, or from a backup." if reason.startswith(LOST) else "The file is damaged."
        return self._unusable(path, reason, f"{first} {self.if_damaged.format(path=path)}")

    def read_only(self, path: Path, reason: str) -> Exception:
        """It cannot be written: name another folder, or give the right to write in this one."""
        return self._unusable(path, reason, f"Make the folder writable, or name another with: {self.elsewhere}")

    def too_new(self, path: Path, revision: str, newest: str) -> Exception:
        """The file was written by a later version of this program: update it."""
        return LibraryError(
            f"the {self.noun} at {path} was written by a newer version "
            f"(revision {revision!r}; this one knows up to {newest!r}). "
            f"Update with: pip install -U deepseek-mm, or name another folder with: {self.elsewhere}"
        )

    def too_old(self, path: Path, revision: str, oldest: str) -> Exception:
        """It was written by a version that is not upgraded any more: open it with the last one that upgrades it."""
        return LibraryError(
            f"the {self.noun} at {path} was written by an older version (revision {revision!r}; this one knows "
            f"{oldest!r} and later); nothing was changed. Open the library once with the version that upgrades it: "
            f"git checkout {LAST_UPGRADER}. Or name another folder with: {self.elsewhere}"
        )

    def foreign(self, path: Path, tables: list[str]) -> Exception:
        """The file is a database of another program: move it away."""
        return LibraryError(
            f"{path} is an SQLite file, but no {self.noun} (its tables: {', '.join(tables[:5])}). "
            f"Move it away and a {self.noun} is begun: mv {path} {path}.other"
        )

    def _next_step(self, path: Path, reason: str) -> str:
        if "locked" in reason:
            return "Another process holds it: end that one, or wait"
        if "full" in reason or "No space left" in reason:
            return "Make room on the disk"
        if any(words in reason for words in ("malformed", "not a database", "not decode")):
            return f"The file is damaged. {self.if_damaged.format(path=path)}"
        return f"Make the folder writable, or name another with: {self.elsewhere}"

    def _unusable(self, path: Path, reason: str, next_step: str) -> LibraryError:
        return LibraryError(f"cannot use the {self.noun} at {path}: {reason}. {next_step}")


# What follows once rows were copied to a server, for some of those behind this id; the last of them, None when done.
Settle = Callable[[Connection, int], int | None]
Adapt = Callable[[str, dict[str, Any], str], dict[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Schema:
    """A kind of database: its tables, how it is kept, and its errors."""

    create: Callable[[Connection], None]  # makes the tables of now in an empty file, or an empty schema of a server
    oldest: str  # revision of the oldest file that can be opened
    errors: LibraryErrors
    metadata: MetaData = field(default_factory=MetaData)  # the tables whose rows are copied to another database
    on_server: bool = False  # whether a server can keep it, too
    adapt: Adapt = lambda table, row, dialect: row  # a row of a table that is copied to a database of this dialect
    pack: Callable[[str, Sequence[dict[str, Any]]], bytes] = lambda table, rows: b""  # for a binary COPY; or b""
    alike: Callable[[str, dict[str, Any]], dict[str, Any]] = lambda table, row: (
        row
    )  # as files and servers have it alike
    settle: Settle = lambda connection, after: None
    finish: Callable[[Connection], None] = lambda connection: None  # what a server makes once, when all rows are there
    migrations: tuple[Migration, ...] = ()  # from `oldest` on, in order
    counted: tuple[str, ...] = ()  # tables whose rows are counted with every write
    synced: bool = True  # whether a commit outlives a power cut, where a writer does not say
    checked: bool = True  # whether all pages are looked at when a file is opened
    writable: bool = True  # whether a file that cannot be written is refused, or else opened to be read
    page_bytes: int = 4096
    cache_kb: int = 2000  # of pages, for each connection
    connections: int = 5  # that stay open when nobody uses them
    prepare: Callable[[sqlite3.Connection], None] = lambda connection: None  # e.g. functions that triggers call

    @property
    def revisions(self) -> tuple[str, ...]:
        """Those that can be opened, in order."""
        return (self.oldest, *(migration.revision for migration in self.migrations))

    @property
    def tables(self) -> dict[str, Table]:
        """Name -> table, those first that others refer to."""
        return {table.name: table for table in self.metadata.sorted_tables}


def read_revision(connection: Connection, schema: Schema, path: Path) -> str | None:
    """The file's revision, None for an empty file; raises for one that is too old, too new or a stranger's."""
    tables = inspect(connection).get_table_names()
    found = connection.exec_driver_sql(f"SELECT version_num FROM {REVISIONS}").scalar() if REVISIONS in tables else None
    if found is None:
        if strangers := [name for name in tables if name != REVISIONS]:
            raise schema.errors.foreign(path, strangers)
        return None
    revision, known = str(found), schema.revisions
    if revision not in known:
        older = revision.isdecimal() and int(revision) < int(schema.oldest)
        raise (
            schema.errors.too_old(path, revision, known[0])
            if older
            else schema.errors.too_new(path, revision, known[-1])
        )
    return revision


def upgrade(connection: Connection, schema: Schema, path: Path) -> None:
    """Bring the file to the newest revision, in the transaction given; nothing is done if it is there already."""
    revision, newest = read_revision(connection, schema, path), schema.revisions[-1]
    if revision == newest:
        return
    if revision is None:
        connection.exec_driver_sql(
            f"CREATE TABLE IF NOT EXISTS {REVISIONS} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"
        )
        connection.execute(text(f"INSERT INTO {REVISIONS} VALUES (:newest)"), {"newest": newest})
        schema.create(connection)
        return
    for migration in schema.migrations[schema.revisions.index(revision) :]:
        migration.apply(connection)
    connection.execute(text(f"UPDATE {REVISIONS} SET version_num = :newest"), {"newest": newest})


def unwrap_error(error: BaseException) -> BaseException:
    """SQLite's own error, where SQLAlchemy has put another around it."""
    return (error.orig or error) if isinstance(error, DatabaseError) else error


class Utc(TypeDecorator[datetime]):
    """A moment. It is stored in UTC and without a zone, which SQLite does not keep, and comes back as UTC."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Python -> file."""
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """File -> Python."""
        return value and value.replace(tzinfo=UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """File -> Python; what is no moment is damage, as SQLite would say it."""
        read = super().result_processor(dialect, coltype)

        def process(value: Any) -> datetime | None:
            try:
                return read(value) if read else value
            except (ValueError, TypeError) as error:
                raise sqlite3.DatabaseError(f"malformed moment {value!r:.80}") from error

        return process


def read_stored_json(text: str) -> Any:
    """A column's JSON; what is none is damage, as SQLite would say it."""
    try:
        return parse_json(text)
    except ValueError as error:
        raise sqlite3.DatabaseError(f"malformed JSON {text!r:.80} ({error})") from error


ESCAPED = "\ue0db"  # begins a text that is written with escapes: a private sign, which no text begins with


class AnyText(TypeDecorator[str]):
    """Text that may hold what UTF-8 cannot, as file names on Linux do: a file stores such a value as bytes, a server,
    which cannot keep a zero byte either, with escapes.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:
        """Python -> database."""
        if value is None:
            return None
        if dialect.name == "sqlite":
            return value if _is_utf8(value) else value.encode("utf-8", "surrogatepass")
        plain = _is_utf8(value) and "\0" not in value and not value.startswith(ESCAPED)
        return value if plain else ESCAPED + value.encode("unicode_escape").decode("ascii")

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        """Database -> Python."""
        if isinstance(value, bytes):
            return value.decode("utf-8", "surrogatepass")
        if value and value.startswith(ESCAPED):
            return str(value)[len(ESCAPED) :].encode("ascii").decode("unicode_escape")
        return None if value is None else str(value)


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


Record = TypeVar("Record")
REAL = Float().with_variant(Double(), "postgresql")
WHOLE = BigInteger().with_variant(Integer, "sqlite")  # 64 bits; SQLite's integers have them by themselves
COLUMNS: dict[Any, Any] = {  # for a DeclarativeBase's type_annotation_map
    datetime: Utc, str: AnyText, float: REAL, int: WHOLE
}  # fmt: skip


def convert(record: object, to: Callable[..., Record], **changes: Any) -> Record:
    """A record of a dataclass with the fields that another, such as a row, has as well; `changes` are the others."""
    names = [each.name for each in fields(cast("Any", to)) if each.name not in changes and hasattr(record, each.name)]
    return to(**{name: getattr(record, name) for name in names}, **changes)


def where(condition: TextClause) -> dict[str, Any]:
    """Options of an `Index` that has only the rows for which the condition holds, whatever keeps them."""
    return {"sqlite_where": condition, "postgresql_where": condition}
