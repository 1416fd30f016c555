"""Copies rows of one database into another one of the same schema, whatever keeps each of them.

Rows keep their ids, and the tables go on to give ids behind all that the first one has given. Tables come in the order
of their foreign keys, and rows many at a time, so that a large library needs little memory. To a server they go by its
COPY.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    Table,
    TableClause,
    collate,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.expression import ColumnClause
from sqlalchemy.types import String, TypeDecorator

from deepseek_mm.storage.schema import Schema

PIECE = 2_000  # rows at once
BINARY_HEAD, BINARY_END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"  # around the rows of a binary COPY
Row = dict[str, Any]
GIVEN_IN_FILE = "SELECT name, seq FROM sqlite_sequence"
BEGIN_IN_FILE = "UPDATE sqlite_sequence SET seq = max(seq, :last) WHERE name = :name"
ADD_IN_FILE = "INSERT INTO sqlite_sequence SELECT :name, :last WHERE :name NOT IN (SELECT name FROM sqlite_sequence)"


def copy_rows(source: Connection, target: Connection, schema: Schema) -> None:
    """Every row of every table. Both are in a transaction."""
    for table in schema.tables.values():
        for rows in read_pieces(source, table):
            insert_rows(rows, table, source, target, schema)
    carry_ids(source, target, schema)
    if target.dialect.name == "postgresql":
        after: int | None = 0
        while after is not None:
            after = schema.settle(target, after)


def insert_rows(rows: Sequence[Row], table: Table, source: Connection, target: Connection, schema: Schema) -> None:
    """Rows of a table that were read from `source`, as they were; only what `target` keeps another way is adapted."""
    if source.dialect.name != target.dialect.name:
        rows = [schema.adapt(table.name, row, target.dialect.name) for row in rows]
    if target.dialect.name == "postgresql":
        send_rows(rows, table, target, packed=schema.pack(table.name, rows))
    else:
        target.execute(insert(table), rows)


def send_rows(rows: Sequence[Row], table: Table | TableClause, target: Connection, *, packed: bytes = b"") -> None:
    """The same by the COPY of a server, which takes rows several times as fast as statements do; as they are `packed`
    if they are.
    """
    columns = list(table.columns)
    writers = [_writer_of(column, target) for column in columns]
    names = ", ".join(f'"{column.name}"' for column in columns)
    driver: Any = target.connection.dbapi_connection
    statement = f'COPY "{table.name}" ({names}) FROM STDIN{" (FORMAT binary)" if packed else ""}'
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            if packed:
                copy.write(BINARY_HEAD + packed + BINARY_END)
                return
            for row in rows:
                copy.write_row([write(row[each.name]) for each, write in zip(columns, writers, strict=True)])
    except target.dialect.loaded_dbapi.Error as error:
        raise DBAPIError(statement, {}, error) from error


def read_pieces(source: Connection, table: Table) -> Iterator[list[Row]]:
    """All rows of a table by rising primary key, in pieces."""
    query = select(table).order_by(*sort_order(table, source.dialect.name)).execution_options(yield_per=PIECE)
    with source.execute(query) as found:
        for piece in found.mappings().partitions():
            yield [dict(row) for row in piece]


def sort_order(table: Table, dialect: str) -> list[ColumnElement[Any]]:
    """The primary key, whose texts are ordered by the numbers of their letters in whatever keeps them."""
    return [_sort_by(column, dialect) for column in table.primary_key.columns]


def empty_tables(connection: Connection, schema: Schema) -> None:
    """Delete every row of every table."""
    for table in reversed(schema.tables.values()):
        connection.execute(table.delete())


def carry_ids(source: Connection, target: Connection, schema: Schema) -> None:
    """Have the tables of `target` go on behind all ids that those of `source` have given, of removed rows, too."""
    given = read_ids(source, schema)
    for table in schema.tables.values():
        last = given.get(table.name, 0)
        if target.dialect.name == "postgresql" and _counting(table) is not None:
            _renew_sequence(target, table, last)
        elif last and table.dialect_kwargs.get("sqlite_autoincrement"):
            for statement in (BEGIN_IN_FILE, ADD_IN_FILE):
                target.execute(text(statement), {"name": table.name, "last": last})


def read_ids(connection: Connection, schema: Schema) -> Mapping[str, int]:
    """Table -> the last id that it has given, of those that count them."""
    if connection.dialect.name == "postgresql":
        counting = [table for table in schema.tables.values() if _counting(table) is not None]
        return {table.name: _last_of(connection, _sequence_of(connection, table)) for table in counting}
    counts = any(table.dialect_kwargs.get("sqlite_autoincrement") for table in schema.tables.values())
    return {name: last for name, last in connection.execute(text(GIVEN_IN_FILE))} if counts else {}


def _sort_by(column: Column[Any], dialect: str) -> ColumnElement[Any]:
    kind = column.type.impl if isinstance(column.type, TypeDecorator) else column.type
    return collate(column, "C") if dialect == "postgresql" and isinstance(kind, String) else column


def _writer_of(column: ColumnClause[Any], target: Connection) -> Callable[[Any], Any]:
    return column.type.dialect_impl(target.dialect).bind_processor(target.dialect) or (lambda value: value)


def _counting(table: Table) -> Column[int] | None:
    column = table.autoincrement_column
    return column if column is not None and isinstance(column.type, Integer) else None


def _sequence_of(connection: Connection, table: Table) -> str:
    column = table.autoincrement_column
    named = {"named": f'"{table.name}"', "key": column.name if column is not None else ""}
    return str(connection.execute(text("SELECT pg_get_serial_sequence(:named, :key)"), named).scalar_one())


def _last_of(connection: Connection, sequence: str) -> int:
    return int(connection.exec_driver_sql(f"SELECT last_value FROM {sequence}").scalar_one())


def _renew_sequence(target: Connection, table: Table, last: int) -> None:
    """A server's table goes on behind the ids that were written by hand; SQLite sees to that itself."""
    sequence = _sequence_of(target, table)
    highest = target.scalar(select(func.max(table.autoincrement_column))) or 0
    given = {"sequence": sequence, "last": max(highest, last, _last_of(target, sequence))}
    target.execute(text("SELECT setval(:sequence, :last)"), given)
