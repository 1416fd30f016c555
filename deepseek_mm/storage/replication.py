"""Makes one database hold what another one holds, whatever keeps each of them, table by table.

Both are read by rising primary key and compared row by row: what the replica lacks is written, what differs is written
anew, what the origin does not have goes. So it can be ended at any moment and begun again: what is there already is
only compared, and what changed meanwhile is brought up. Where nothing had to be written, both are equal, and the
checksums say so. The origin is read as of one moment, and goes on to be used.

Rows reach the replica in pieces, each a transaction of its own, so it must not be used before it is whole.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, delete, select, tuple_

from deepseek_mm.storage.database import Database
from deepseek_mm.storage.postgres_database import wait_long
from deepseek_mm.storage.row_copies import PIECE, Row, carry_ids, insert_rows, read_pieces, sort_order
from deepseek_mm.storage.schema import Schema

Key = tuple[Any, ...]  # values of a primary key
Told = Callable[[str, int, float | None], None]  # what is done, how many rows of it by now, and which share if known


@dataclass(frozen=True, kw_only=True, slots=True)
class TableCopy:
    """What was found of one table."""

    name: str
    rows: int
    checksum: str  # of all rows of the origin, by rising primary key
    equal: bool  # the replica had the same rows, so the same checksum
    written: int  # rows that were written to the replica or deleted there


def replicate(origin: Database, replica: Database, told: Told) -> list[TableCopy]:
    """Bring all tables of the replica to what the origin holds at this moment."""
    schema = origin.schema
    with origin.reading() as session:
        source = session.connection()
        wait_long(source)
        copies = [TableReplica(source, replica, table, told).bring_up() for table in schema.tables.values()]
        with replica.writing() as into:
            carry_ids(source, into.connection(), schema)
    return copies


def settle_replica(replica: Database, told: Told) -> None:
    """What a server does once all rows are there, in pieces; what was done already is passed over."""
    after: int | None = 0
    while after is not None:
        told("words", after, None)
        with replica.writing(synced=False) as session:
            wait_long(session.connection())
            after = replica.schema.settle(session.connection(), after)


class TableReplica:
    """One table of the replica, which follows that of the origin."""

    def __init__(self, source: Connection, replica: Database, table: Table, told: Told) -> None:
        self._source, self._replica, self._table, self._told = source, replica, table, told
        self._keys = [column.name for column in table.primary_key.columns]
        self._stale: list[Key] = []  # of rows that go from the replica
        self._wanted: list[Key] = []  # of rows that are to be fetched again
        self._next: list[Row] = []  # rows behind all that the replica has
        self._alike: Callable[[str, Row], Row] | None = None
        self._sums = hashlib.blake2b(digest_size=16), hashlib.blake2b(digest_size=16)
        self._range: tuple[int | None, int | None] = None, None  # of the origin's ids
        self._rows = self._written = 0

    def bring_up(self) -> TableCopy:
        """Compare, and write what is needed."""
        with ExitStack() as stack:
            known = stack.enter_context(self._replica.reading()).connection()
            wait_long(known)
            differs = known.dialect.name != self._source.dialect.name
            self._alike = self._schema.alike if differs else None
            last = self._end_key(known, last=True)
            self._range = (
                _first_number(self._end_key(self._source)),
                _first_number(self._end_key(self._source, last=True)),
            )
            ours, theirs = _rows_of(self._source, self._table), _rows_of(known, self._table)
            for one, other in pair_rows(ours, theirs, self._key_of):
                self._take(one, other, last)
        self._write()
        self._told(self._table.name, self._rows, 1.0)
        first, second = (each.hexdigest() for each in self._sums)
        return TableCopy(
            name=self._table.name, rows=self._rows, checksum=first, equal=first == second, written=self._written
        )

    @property
    def _schema(self) -> Schema:
        return self._replica.schema

    def _take(self, one: Row | None, other: Row | None, last: Key | None) -> None:
        """Two rows with the same key, of which one may be missing."""
        told, there = self._note(one, 0), self._note(other, 1)
        if one is None:
            self._stale.append(self._key_of(other or {}))
        elif other is None and (last is None or self._key_of(one) > last):
            self._next.append(one)
        elif told != there:
            self._wanted.append(self._key_of(one))
            self._stale += [] if other is None else [self._key_of(other)]
        if one is not None:
            self._rows += 1
            if self._rows % PIECE == 0:
                self._told(self._table.name, self._rows, self._share_at(self._key_of(one)))
        if len(self._next) >= PIECE:
            self._write()

    def _note(self, row: Row | None, side: int) -> bytes:
        """The row as it is compared, counted in the checksum of its side."""
        if row is None:
            return b""
        alike = row if self._alike is None else self._alike(self._table.name, row)
        told = repr(tuple(alike.values())).encode("utf-8", "surrogatepass")
        self._sums[side].update(told)
        return told

    def _write(self) -> None:
        """What is known to be needed by now, in one transaction; what goes first, for names that are taken once."""
        if not (self._stale or self._wanted or self._next):
            return
        self._written += len({*self._stale, *self._wanted}) + len(self._next)
        with self._replica.writing(synced=False) as session:
            target = session.connection()
            wait_long(target)
            for keys in _split(self._stale):
                target.execute(delete(self._table).where(self._match_keys(keys)))
            for keys in _split(self._wanted):
                found = self._source.execute(select(self._table).where(self._match_keys(keys))).mappings()
                self._insert([dict(row) for row in found], target)
            self._insert(self._next, target)
        self._stale, self._wanted, self._next = [], [], []

    def _insert(self, rows: list[Row], target: Connection) -> None:
        if rows:
            insert_rows(rows, self._table, self._source, target, self._schema)

    def _match_keys(self, keys: list[Key]) -> Any:
        columns = self._table.primary_key.columns
        if len(self._keys) == 1:
            return columns[0].in_([key for (key,) in keys])
        return tuple_(*columns).in_(keys)

    def _key_of(self, row: Mapping[str, Any]) -> Key:
        return tuple(row[name] for name in self._keys)

    def _share_at(self, key: Key) -> float | None:
        """How much of the table lies before this row, as far as ids tell."""
        now, (first, last) = _first_number(key), self._range
        return None if now is None or first is None or last is None else (now - first) / max(1, last - first)

    def _end_key(self, known: Connection, *, last: bool = False) -> Key | None:
        """Of the first row or the last one."""
        order = [column.desc() if last else column for column in sort_order(self._table, known.dialect.name)]
        row = known.execute(select(*self._table.primary_key.columns).order_by(*order).limit(1)).first()
        return None if row is None else tuple(row)


def pair_rows(
    ones: Iterator[Row], others: Iterator[Row], key_of: Callable[[Row], Key]
) -> Iterator[tuple[Row | None, Row | None]]:
    """Rows of two tables that have the same key, in order; None for one that is missing."""
    one, other = next(ones, None), next(others, None)
    while one is not None or other is not None:
        first = other is None or (one is not None and key_of(one) <= key_of(other))
        second = one is None or (other is not None and key_of(other) <= key_of(one))
        yield (one if first else None), (other if second else None)
        one = next(ones, None) if first else one
        other = next(others, None) if second else other


def _first_number(key: Key | None) -> int | None:
    return key[0] if key is not None and isinstance(key[0], int) else None


def _rows_of(connection: Connection, table: Table) -> Iterator[Row]:
    for piece in read_pieces(connection, table):
        yield from piece


def _split(keys: list[Key]) -> Iterator[list[Key]]:
    for start in range(0, len(keys), PIECE):
        yield keys[start : start + PIECE]
