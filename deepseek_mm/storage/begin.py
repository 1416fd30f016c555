"""How a transaction on an SQLite file begins: as a snapshot to read, or with the write lock taken at once.

The driver is told itself. By way of SQLAlchemy a "BEGIN" takes as long as a short query does, and so does the pragma
before it, which is only needed where the connection was last used for the other kind of commit.
"""

from typing import Any

from sqlalchemy import Connection

from deepseek_mm.storage.counters import NOTED, WATCHED, count_write, watch_tables

SYNCED = "deepseek_mm.synced"  # in a connection's notes: how its commits reach the disk by now
WRITES: dict[str, Any] = {"writes": True}  # options of a connection that will write


def begin(connection: Connection, *, synced: bool) -> None:
    """With the option `writes` the transaction may write, and with `counts` the rows of these tables are counted.

    `synced`: it outlives a power cut, too, not only a kill.
    """
    driver: Any = connection.connection.dbapi_connection
    if not connection.get_execution_options().get("writes"):
        driver.execute("BEGIN").close()
        return
    tables = connection.get_execution_options().get("counts")
    if tables and not connection.info.get(WATCHED):
        watch_tables(driver, tables)
        connection.info[WATCHED] = True
    if connection.info.get(SYNCED) is not synced:
        driver.execute(f"PRAGMA synchronous = {'FULL' if synced else 'NORMAL'}").close()
        connection.info[SYNCED] = synced
    driver.execute("BEGIN IMMEDIATE").close()
    connection.info[NOTED] = count_write(driver) if tables else None
