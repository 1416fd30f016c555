"""One SQLite file, shared by threads and processes: readers see one moment and never wait, writers take turns.

That is what the write-ahead log (WAL) gives. A reading transaction is a snapshot; a writing one takes the write lock at
its beginning (BEGIN IMMEDIATE), so it never finds out late that somebody was faster. A process that is killed leaves
the log, and the next one to open the file sees whole transactions only.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, NoReturn

from sqlalchemy import Connection, Engine, PoolProxiedConnection, QueuePool, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.storage.counters import (
    NOTED,
    WATCHED,
    accept_counters,
    check_counters,
    count_write,
    note_write,
    renew_identity,
    see_losses,
    watch_tables,
)
from deepseek_mm.storage.database import Database, ThreadState
from deepseek_mm.storage.errors import IndexProblem, StoreBusy
from deepseek_mm.storage.exchange import (
    address_of,
    copy_database,
    create_database,
    draft_beside,
    empty_log,
    exchange_database,
    missing_content,
    plain_address,
)
from deepseek_mm.storage.files import hold, release
from deepseek_mm.storage.schema import LibraryErrors, Schema, read_revision, read_stored_json, unwrap_error, upgrade

TIMEOUT_S = 30.0  # how long a writer waits for another one
LOG_TIMEOUT_S = 1.0  # how long `cut_log` waits for readers
SYNCED = "deepseek_mm.synced"  # in a connection's notes: how its commits reach the disk by now
WRITES: dict[str, Any] = {"writes": True}  # options of a connection that will write


class SqliteDatabase(Database):
    """The file at `path`, made or brought up to date first; refuses what it cannot use, and then changes nothing.

    Every method raises what `schema.errors` makes of SQLite's errors.
    """

    def __init__(self, path: Path, schema: Schema, *, noted: bool = False) -> None:
        """`noted`: what was written is noted beside the file, too, so that a loss is seen (`counters`)."""
        self.path = self.place = path
        self.schema, self._noted = schema, noted
        with self._explain():
            _check_place(path, schema)
            if not path.exists():
                create_database(path, self._fill)
            self._open(_open_engine(plain_address(path), schema))
            try:
                self._bring_up()
                if noted:
                    see_losses(path, reader=self.engine, writer=self.engine.execution_options(**WRITES))
            except BaseException:
                self.close()
                raise

    @contextmanager
    def writing(self, *, synced: bool | None = None) -> Iterator[Session]:
        """One transaction: all of it is kept, or after an exception or a kill nothing.

        `synced` says whether it outlives a power cut, too; else the schema does.
        """
        options = WRITES | {"synced": self.schema.synced if synced is None else synced, "counts": self.schema.counted}
        with self._turn, self._explain():
            with Session(self.engine) as session, session.begin():
                written = session.connection(execution_options=options).info.get(NOTED)
                yield session
            if self._noted:
                note_write(self.path, written)

    def problems(self) -> list[str]:
        """What does not fit together in the file, as sentences."""
        with self.reading() as session:
            connection = session.connection()
            lost = check_counters(connection, self.schema.counted) if self.schema.counted else []
            return lost + page_problems(connection)

    def accept(self) -> None:
        """What is there now is what should be there: no loss is told of any more."""
        with self.writing() as session:
            accept_counters(session.connection(), self.schema.counted)

    def copy_to(self, path: Path) -> None:
        """A copy of this moment's content as a new file; writers need not stop."""
        with self._explain():
            copy_database(self.path, path)

    def exchange(self, by: Path | None, *, adapt: Callable[[Database], None] = lambda draft: None) -> None:
        """Take over the content of a copy, brought up to date first, at once for everybody; the old content is gone.

        Without a copy the file is as new. `adapt` may change or refuse what is to come.
        """
        with self._explain(), draft_beside(self.path) as draft:
            if by is not None:
                with explain_errors(by, self.schema.errors):
                    copy_database(by, draft)
            with closing(SqliteDatabase(draft, self.schema)) as other:
                adapt(other)
                other._begin_anew()
            with self._turn:
                exchange_database(self.path, draft)

    def _begin_anew(self) -> None:
        """Give the content an identity of its own, since what is noted beside a file belongs to the old one."""
        with self.writing() as session:
            if self.schema.counted:
                renew_identity(session.connection())
        self.empty_log()

    def empty_log(self) -> None:
        """Leave nothing in the log: what was deleted is then in no file any more."""
        with self._turn, self._explain():
            empty_log(self.path)

    def cut_log(self) -> None:
        """The same, left to the next time if somebody reads just now."""
        with self._turn, self._explain(), suppress(StoreBusy):
            empty_log(self.path, patience_s=LOG_TIMEOUT_S)

    def close(self) -> None:
        """Let go of the file."""
        self.engine.dispose()
        release(self.path)

    def _open(self, engine: Engine) -> None:
        self.engine = engine
        hold(self.path)
        self._thread = ThreadState()
        self._turn = Lock()  # SQLite lets writers wait by polling; within one process a lock is fair

    @contextmanager
    def _explain(self) -> Iterator[None]:
        with explain_errors(self.path, self.schema.errors):
            yield

    def _fill(self, draft: Path) -> None:
        """A new file of the newest revision."""
        engine = _open_engine(plain_address(draft), self.schema)
        try:
            _switch_to_wal(engine, self.schema.page_bytes)
            with engine.execution_options(**WRITES).begin() as connection:
                upgrade(connection, self.schema, self.path)
        finally:
            engine.dispose()

    def _bring_up(self) -> None:
        """To the newest revision: all or nothing, one process at a time."""
        with self.engine.connect() as connection:
            verdict = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()) if self.schema.checked else "ok"
            if verdict != "ok":
                raise self.schema.errors.damage(self.path, verdict)
            current = read_revision(connection, self.schema, self.path) == self.schema.revisions[-1]
            ahead = connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        if not ahead:
            _switch_to_wal(self.engine, self.schema.page_bytes)
        if not current:
            with self.engine.execution_options(**WRITES).begin() as connection:
                upgrade(connection, self.schema, self.path)


class ReadOnlyDatabase(SqliteDatabase):
    """The file at `path`, which is read and never written; refuses what it cannot use."""

    read_only = True

    def __init__(self, path: Path, schema: Schema) -> None:
        self.path = self.place = path
        self.schema, self._noted = schema, False
        with self._explain():
            self._open(_open_engine(address_of(path), schema))
            with self.engine.connect() as connection:
                if read_revision(connection, schema, path) != schema.revisions[-1]:
                    self._refuse()

    @contextmanager
    def writing(self, *, synced: bool | None = None) -> Iterator[Session]:
        """Refused."""
        self._refuse()
        yield  # it never comes so far

    def exchange(self, by: Path | None, *, adapt: Callable[[Database], None] = lambda draft: None) -> None:
        """Refused."""
        self._refuse()

    def empty_log(self) -> None:
        """Refused."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise self.schema.errors.read_only(self.path, "it cannot be written")


@contextmanager
def explain_errors(path: Path, errors: LibraryErrors) -> Iterator[None]:
    """Turn what SQLite and the system complain about into errors that a user can act on."""
    try:
        yield
    except (DeepSeekMMError, IndexProblem):
        raise
    except (DatabaseError, sqlite3.Error, OSError, UnicodeDecodeError) as error:
        problem = errors.of(path, unwrap_error(error))
        if problem is None:
            raise
        raise problem from error


def page_problems(connection: Connection) -> list[str]:
    """What SQLite itself finds wrong with the file, as sentences."""
    broken = [str(line) for (line,) in connection.exec_driver_sql("PRAGMA integrity_check(20)")]
    orphans = sorted({str(table) for table, *_ in connection.exec_driver_sql("PRAGMA foreign_key_check")})
    found = [f"SQLite finds the file damaged: {'; '.join(broken)}."] if broken != ["ok"] else []
    return found + ([f"Rows of {', '.join(orphans)} belong to nothing."] if orphans else [])


def begin_transaction(connection: Connection, schema: Schema) -> None:
    """With the option `writes` the transaction may write, and with `counts` the rows of these tables are counted.

    `synced`: it outlives a power cut, too, not only a kill. The driver is told itself: by way of SQLAlchemy a "BEGIN"
    takes as long as a short query does, and so does the pragma before it, which is only needed where the connection was
    last used for the other kind of commit.
    """
    driver: Any = connection.connection.dbapi_connection
    options = connection.get_execution_options()
    if not options.get("writes"):
        driver.execute("BEGIN").close()
        return
    tables, synced = options.get("counts"), bool(options.get("synced", schema.synced))
    if tables and not connection.info.get(WATCHED):
        watch_tables(driver, tables)
        connection.info[WATCHED] = True
    if connection.info.get(SYNCED) is not synced:
        driver.execute(f"PRAGMA synchronous = {'FULL' if synced else 'NORMAL'}").close()
        connection.info[SYNCED] = synced
    driver.execute("BEGIN IMMEDIATE").close()
    connection.info[NOTED] = count_write(driver) if tables else None


def _check_place(path: Path, schema: Schema) -> None:
    errors = schema.errors
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise errors.read_only(path, str(error)) from error
    closed = not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK))
    if closed and (schema.writable or not path.exists()):
        raise errors.read_only(path, "it cannot be written")
    if path.is_dir():
        raise errors.damage(path, "it is a folder")
    if reason := missing_content(path):
        raise errors.damage(path, reason)


def _open_engine(address: str, schema: Schema) -> Engine:
    """Connections to what SQLite calls so; sees to how they are kept, and how transactions begin."""
    engine = create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(address, uri=True, timeout=TIMEOUT_S, check_same_thread=False),
        poolclass=QueuePool,
        pool_size=schema.connections,
        max_overflow=-1,
        json_deserializer=read_stored_json,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # transactions begin below, reading ones included
        connection.execute(f"PRAGMA cache_size = -{schema.cache_kb}").close()
        connection.execute("PRAGMA foreign_keys = ON").close()
        connection.execute("PRAGMA secure_delete = ON").close()  # what is deleted is overwritten with zeros
        schema.prepare(connection)

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        begin_transaction(connection, schema)

    return engine


def _switch_to_wal(engine: Engine, page_bytes: int) -> None:
    """Once in a file's life. SQLite does not wait here when another process does the same, so we do."""
    raw = engine.raw_connection()
    deadline = time.monotonic() + TIMEOUT_S
    try:
        while not _try_wal(raw, page_bytes, patient=time.monotonic() < deadline):
            time.sleep(0.02)
    finally:
        raw.close()


def _try_wal(raw: PoolProxiedConnection, page_bytes: int, *, patient: bool) -> bool:
    """Ask for WAL; being refused passes as "not yet" while we are patient. A disk without WAL keeps its own way."""
    try:
        raw.cursor().execute(f"PRAGMA page_size = {page_bytes}")  # heeded while the file is empty
        raw.cursor().execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError:
        if patient:
            return False
        raise
    return True
