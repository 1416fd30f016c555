"""How many rows a database should have, and how many writes it has acknowledged: so that a loss can be seen.

The table `counters` is changed in the transaction of each write. Its triggers are TEMP ones, of our own connections:
rows that another program removes stay counted. The number of writes also stands in a plain file beside the database,
noted after each commit. A database that knows fewer writes than this file has lost some: an older file was put in its
place, or its log was removed under it. When it is opened next, the number of lost writes goes into the table, where it
stays until somebody has seen it.
"""

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine

ENDING = "-counters"  # of the file beside the database: the content's identity, and the number of writes
IDENTITY, WRITTEN, LOST = "identity", "written", "lost"
WATCHED = "deepseek_mm.watched"  # in a connection's notes: its triggers are there
NOTED = "deepseek_mm.written"  # the same: identity and number of the write under way
TABLE = "CREATE TABLE counters (name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL)"
FILL = "INSERT INTO counters VALUES (?, ?)"
TRIGGER = """CREATE TEMP TRIGGER IF NOT EXISTS count_{table}_{event} AFTER {event} ON main.{table}
    BEGIN UPDATE counters SET value = value {sign} 1 WHERE name = '{table}'; END"""
WRITE = f"""UPDATE counters SET value = value + 1 WHERE name = '{WRITTEN}'
    RETURNING (SELECT value FROM counters WHERE name = '{IDENTITY}'), value"""
RENEW = f"UPDATE counters SET value = ? WHERE name = '{IDENTITY}'"


def make_counters(connection: Connection, tables: Sequence[str]) -> None:
    """The table, for a database that holds these by now: a migration's part."""
    connection.exec_driver_sql(TABLE)
    for row in {IDENTITY: new_identity(), WRITTEN: 0, LOST: 0, **count_rows(connection, tables)}.items():
        connection.exec_driver_sql(FILL, row)


def new_identity() -> int:
    """Of a content: another one, of a backup or of nothing, has others behind it."""
    return secrets.randbits(62)


def watch_tables(driver: Any, tables: Sequence[str]) -> None:
    """See that this connection counts what it adds and removes."""
    for table in tables:
        for event, sign in (("INSERT", "+"), ("DELETE", "-")):
            driver.execute(TRIGGER.format(table=table, event=event, sign=sign)).close()


def count_write(driver: Any) -> tuple[int, int] | None:
    """Count the write that begins: the content's identity, and the number of the write."""
    found: list[tuple[int, int]] = driver.execute(WRITE).fetchall()
    return found[0] if found else None


def note_write(database: Path, written: tuple[int, int] | None) -> None:
    """Note beside the database what was committed. A disk that refuses loses the note, not the write."""
    if written is not None:
        with suppress(OSError):
            file = os.open(_beside(database), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(file, b"%020d %020d\n" % written)
            finally:
                os.close(file)


def read_note(database: Path) -> tuple[int, int] | None:
    """Identity and number of the last write that was noted; None if nothing was, or nobody can read it."""
    try:
        identity, number = _beside(database).read_bytes().split()
        return int(identity), int(number)
    except (OSError, ValueError):
        return None


def forget_note(database: Path) -> None:
    """What was noted is of a content that somebody exchanges on purpose."""
    with suppress(OSError):
        _beside(database).unlink(missing_ok=True)


def see_losses(database: Path, *, reader: Engine, writer: Engine) -> None:
    """Write down, once, how many noted writes are not there any more; `writer` begins transactions that write.

    The note is read before the transactions begin, so it cannot be ahead of a database that has lost nothing.
    """
    note = read_note(database)
    if note is None:
        return
    with reader.connect() as connection:
        lost = num_lost(connection, note)
    if lost:
        with writer.begin() as connection:  # unless another process was faster
            if lost := num_lost(connection, note):
                set_counters(connection, {LOST: read_counters(connection)[LOST] + lost, WRITTEN: note[1]})


def num_lost(connection: Connection, note: tuple[int, int]) -> int:
    """How many noted writes the database does not know."""
    values = read_counters(connection)
    return max(0, note[1] - values[WRITTEN]) if note[0] == values.get(IDENTITY) else 0


def read_counters(connection: Connection) -> dict[str, int]:
    """All of them."""
    return {name: value for name, value in connection.exec_driver_sql("SELECT name, value FROM counters")}


def set_counters(connection: Connection, changes: dict[str, int]) -> None:
    """Give some another value."""
    for name, value in changes.items():
        connection.exec_driver_sql("UPDATE counters SET value = ? WHERE name = ?", (value, name))


def check_counters(connection: Connection, tables: Sequence[str]) -> list[str]:
    """What does not agree, as sentences."""
    values = read_counters(connection)
    found = []
    if lost := values.get(LOST, 0):
        found.append(
            f"{lost} writes that were acknowledged are not in it: an older file was put in its place, or its log was "
            "removed while it was in use."
        )
    for table, there in count_rows(connection, tables).items():
        if there != values.get(table):
            found.append(f"It holds {there} {table}, and {values.get(table)} were written: another program changed it.")
    return found


def count_rows(connection: Connection, tables: Sequence[str]) -> dict[str, int]:
    """Table -> how many rows are there."""
    return {name: connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one() for name in tables}


def accept_counters(connection: Connection, tables: Sequence[str]) -> None:
    """What is there now is what should be there, from now on."""
    set_counters(connection, {LOST: 0, **count_rows(connection, tables)})


def renew_identity(connection: Connection) -> None:
    """The content begins a life of its own, such as one out of a backup."""
    connection.exec_driver_sql(RENEW, (new_identity(),))


def _beside(database: Path) -> Path:
    return database.with_name(database.name + ENDING)
