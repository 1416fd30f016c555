"""What SQLite and PostgreSQL write differently, said once."""

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

Insert = sqlite.Insert | postgresql.Insert


def is_file(session: Session) -> bool:
    """Whether the session is one of a SQLite file, not of a server."""
    return session.get_bind().dialect.name == "sqlite"


def insert_into(session: Session, table: Any) -> Insert:
    """An INSERT that can be told what to do where such a row is there already."""
    dialect = sqlite if is_file(session) else postgresql
    return dialect.insert(table)


def limit_of(number: int) -> int | None:
    """A limit for a query; a negative number is none."""
    return number if number >= 0 else None
