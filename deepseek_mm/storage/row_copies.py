"""Copies all rows of one database into another one of the same schema, whatever keeps each of them.

Rows keep their ids, and the tables go on to give ids behind them. Tables come in the order of their foreign keys, and
rows many at a time, so that a large library needs little memory.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Integer, Table, func, insert, select, text

from deepseek_mm.storage.schema import Schema

PIECE = 2_000  # rows at once


def copy_rows(source: Connection, target: Connection, schema: Schema) -> None:
    """Every row of every table. Both are in a transaction."""
    for table in schema.tables.values():
        for rows in read_pieces(source, table):
            insert_rows(rows, table, source, target, schema)
    if target.dialect.name == "postgresql":
        renew_sequences(target, schema)
        schema.settle(target)


def insert_rows(
    rows: Sequence[dict[str, Any]], table: Table, source: Connection, target: Connection, schema: Schema
) -> None:
    """Rows of a table that were read from `source`, as they were; only what `target` keeps another way is adapted."""
    if source.dialect.name != target.dialect.name:
        rows = [schema.adapt(table.name, row, target.dialect.name) for row in rows]
    target.execute(insert(table), rows)


def read_pieces(source: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    """All rows of a table by rising primary key, in pieces."""
    query = select(table).order_by(*table.primary_key.columns)
    with source.execution_options(yield_per=PIECE).execute(query) as found:
        for piece in found.mappings().partitions():
            yield [dict(row) for row in piece]


def empty_tables(connection: Connection, schema: Schema) -> None:
    """Delete every row of every table."""
    for table in reversed(schema.tables.values()):
        connection.execute(table.delete())


def renew_sequences(connection: Connection, schema: Schema) -> None:
    """Have tables of a server go on behind the ids that were written by hand; SQLite sees to that itself."""
    for table in schema.tables.values():
        column = table.autoincrement_column
        if column is not None and isinstance(column.type, Integer):
            named = {"named": f'"{table.name}"', "key": column.name}
            sequence = connection.execute(text("SELECT pg_get_serial_sequence(:named, :key)"), named).scalar()
            highest = connection.scalar(select(func.max(column))) or 0
            given = connection.exec_driver_sql(f"SELECT last_value FROM {sequence}").scalar() or 0
            last = {"sequence": sequence, "last": max(highest, given)}
            connection.execute(text("SELECT setval(:sequence, :last)"), last)
