"""Where a database is kept: in a file, or in a schema of a PostgreSQL server; and opening it there."""

from dataclasses import dataclass
from pathlib import Path

from deepseek_mm.storage.database import Database
from deepseek_mm.storage.exchange import is_read_only
from deepseek_mm.storage.postgres_database import PostgresDatabase
from deepseek_mm.storage.schema import Schema
from deepseek_mm.storage.sqlite_database import ReadOnlyDatabase, SqliteDatabase


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerPlace:
    """A schema of a PostgreSQL database."""

    url: str  # postgresql://USER@HOST:PORT/DATABASE
    name: str  # of the schema


Place = Path | ServerPlace


def open_database(place: Place, schema: Schema, *, noted: bool = False) -> Database:
    """The database, made or brought up to date first.

    `noted`: what is written to a file is noted beside it, too, so that a loss is seen.
    """
    if isinstance(place, Path):
        return SqliteDatabase(place, schema, noted=noted)
    return PostgresDatabase(place.url, place.name, schema)


def open_readable(place: Place, schema: Schema, *, noted: bool = False) -> Database:
    """The same as far as it can be used: a file to read only, where it cannot be written."""
    if isinstance(place, Path) and is_read_only(place):
        return ReadOnlyDatabase(place, schema)
    return open_database(place, schema, noted=noted)
