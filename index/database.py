"""One SQLite file, shared by threads and processes: readers see one moment and never wait, writers take turns.

That is what the write-ahead log (WAL) gives. A reading transaction is a snapshot; a writing one takes the write lock at
its beginning (BEGIN IMMEDIATE), so it never finds out late that somebody was faster. A process that is killed leaves
the log, and the next one to open the file sees whole transactions only.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, local
from typing import NoReturn

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, PoolProxiedConnection, QueuePool, create_engine, event, inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from deepseek_mm.storage.begin import WRITES, begin
from deepseek_mm.storage.counters import NOTED, note_write, see_losses
from deepseek_mm.storage.errors import IndexProblem, StoreBusy, StoreFull
from deepseek_mm.storage.exchange import copy_database, create_database, empty_log, exchange_database, missing_content
from deepseek_mm.storage.open_files import hold, release
from deepseek_mm.storage.read_only import address_of, is_read_only
from index.errors import StoreDamaged, StoreReadOnly, StoreTooNew
from index.words import teach

MIGRATIONS = Path(__file__).parent / "migrations"
TIMEOUT_S = 30.0  # how long a writer waits for another one
PAGE_BYTES = 8192  # three vectors of 512 fit, where only one fits SQLite's usual 4096
HELD = 16  # connections that stay open when nobody reads: with fewer, many readers at once would open theirs each time
CACHE_KB = 8000  # of pages for each: of a large library, what leads to its rows
COUNTED = ("sources", "regions")  # tables whose rows are counted with every write
NOTES = "notes"  # of a session that only reads: what it found out once stays true


class Own(local):
    """What belongs to one thread."""

    session: Session | None = None  # of its snapshot


class Database:
    """The file at `path`, made or brought up to date first; refuses what it cannot use, and then changes nothing."""

    read_only = False

    def __init__(self, path: Path, *, noted: bool = False) -> None:
        """`noted`: what was written is noted beside the file, too, so that a loss is seen (`counters`)."""
        self.path, self._noted = path, noted
        _check_place(path)
        if not path.exists():
            with _explained(path):
                create_database(path, _fill)
        self._engine = _engine(path)
        hold(path)
        self._own = Own()
        self._turn = Lock()  # SQLite lets writers wait by polling; within one process a lock is fair
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One snapshot: everything read inside belongs to the same moment. Inside `snapshot` it is that one."""
        if self._own.session is not None:
            yield self._own.session
            return
        with _explained(self.path), Session(self._engine, info={NOTES: {}}) as session:
            yield session

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All that this thread reads inside belongs to one moment; what anybody writes meanwhile is not seen."""
        if self._own.session is not None:
            yield
            return
        with self.reading() as session:
            self._own.session = session
            try:
                yield
            finally:
                self._own.session = None

    @contextmanager
    def writing(self, *, synced: bool = False) -> Iterator[Session]:
        """One transaction: all of it is kept, or after an exception or a kill nothing.

        With `synced` it outlives a power cut as well.
        """
        with self._turn, _explained(self.path):
            with Session(self._engine) as session, session.begin():
                options = WRITES | {"synced": synced, "counts": COUNTED}
                written = session.connection(execution_options=options).info.get(NOTED)
                yield session
            if self._noted:
                note_write(self.path, written)

    def copy_to(self, path: Path) -> None:
        """A copy of this moment's content as a new file; writers need not stop."""
        with _explained(self.path):
            copy_database(self.path, path)

    def exchange(self, by: Path) -> None:
        """Take over the content of another file of this kind, at once for everybody; the old content is gone."""
        with self._turn, _explained(self.path):
            exchange_database(self.path, by)

    def empty_log(self) -> None:
        """Leave nothing in the log: what was deleted is then in no file any more."""
        with self._turn, _explained(self.path):
            empty_log(self.path)

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()
        release(self.path)

    def _prepare(self) -> None:
        with _explained(self.path):
            with self._engine.connect() as connection:
                current = _version(connection, self.path)
            if current != _head():
                _switch_to_wal(self._engine)
                with self._engine.execution_options(**WRITES).begin() as connection:
                    _upgrade(connection)
            if self._noted:
                see_losses(self.path, reader=self._engine, writer=self._engine.execution_options(**WRITES))


def take_copy(file: Path, to: Path) -> None:
    """The content of a store's file, which may be anything, as a new file. An IndexProblem says why not."""
    with _explained(file):
        copy_database(file, to)


class ReadOnlyDatabase(Database):
    """The file at `path`, which is read and never written; refuses what it cannot use."""

    read_only = True

    def __init__(self, path: Path) -> None:
        self.path, self._noted = path, False
        with _explained(path):
            address = address_of(path)
            self._engine = create_engine(
                "sqlite://",
                creator=lambda: sqlite3.connect(address, uri=True, timeout=TIMEOUT_S, check_same_thread=False),
                poolclass=QueuePool,
                pool_size=HELD,
                max_overflow=-1,
            )
            _listen_to(self._engine)
            hold(path)
            self._own = Own()
            self._turn = Lock()
            with self._engine.connect() as connection:
                if _version(connection, path) != _head():  # it would have to be brought up to date
                    raise StoreReadOnly(path)

    @contextmanager
    def writing(self, *, synced: bool = False) -> Iterator[Session]:
        """StoreReadOnly."""
        self._refuse()
        yield  # it never comes so far

    def exchange(self, by: Path) -> None:
        """StoreReadOnly."""
        self._refuse()

    def empty_log(self) -> None:
        """StoreReadOnly."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise StoreReadOnly(self.path)


def open_database(path: Path, *, noted: bool = False) -> Database:
    """The database as far as it can be used: to read only, where it cannot be written."""
    return ReadOnlyDatabase(path) if is_read_only(path) else Database(path, noted=noted)


def _check_place(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreReadOnly(path) from error
    if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise StoreReadOnly(path)
    if path.is_dir():
        raise StoreDamaged(path, "it is a folder")
    if reason := missing_content(path):
        raise StoreDamaged(path, reason)


def _fill(draft: Path) -> None:
    """A new file of the newest version."""
    engine = _engine(draft)
    try:
        _switch_to_wal(engine)
        with engine.execution_options(**WRITES).begin() as connection:
            _upgrade(connection)
    finally:
        engine.dispose()


def _engine(path: Path) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        pool_size=HELD,
        max_overflow=-1,
        connect_args={"timeout": TIMEOUT_S},
    )
    _listen_to(engine)
    return engine


def _listen_to(engine: Engine) -> None:
    """See to how its connections are kept, and how transactions begin."""

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # transactions begin below, reading ones included
        connection.execute(f"PRAGMA cache_size = -{CACHE_KB}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten with zeros
        teach(connection)

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        # where it is not synced a power cut may undo the last transactions, but never tear one
        begin(connection, synced=bool(connection.get_execution_options().get("synced")))


def _switch_to_wal(engine: Engine) -> None:
    """Once in a file's life. SQLite does not wait here when another process does the same, so we do."""
    raw = engine.raw_connection()
    deadline = time.monotonic() + TIMEOUT_S
    try:
        while not _switched(raw, patient=time.monotonic() < deadline):
            time.sleep(0.02)
    finally:
        raw.close()


def _switched(raw: PoolProxiedConnection, *, patient: bool) -> bool:
    """Ask for WAL; being refused passes as "not yet" while we are patient. A disk without WAL keeps its own way."""
    try:
        raw.cursor().execute(f"PRAGMA page_size = {PAGE_BYTES}")  # heeded while the file is empty
        raw.cursor().execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError:
        if patient:
            return False
        raise
    return True


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(MIGRATIONS))


def _head() -> str | None:
    return _scripts().get_current_head()


def _version(connection: Connection, path: Path) -> str | None:
    """The schema's version, None for an empty file; refuses a later one and a stranger's file."""
    version = MigrationContext.configure(connection).get_current_revision()
    if version is None and set(inspect(connection).get_table_names()) - {"alembic_version"}:
        raise StoreDamaged(path, "it holds tables of another program")
    if version is not None and version not in {script.revision for script in _scripts().walk_revisions()}:
        raise StoreTooNew(path, version=version, newest=str(_head()))
    return version


def _upgrade(connection: Connection) -> None:
    """To the newest version, in the transaction given; does nothing if another process was faster."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn SQLite's error codes into errors that a user can act on; what is our own fault passes as it is."""
    try:
        yield
    except UnicodeDecodeError as error:  # SQLite names what is damaged by the damaged bytes
        raise StoreDamaged(path, error.object.decode(errors="replace")) from error
    except (DBAPIError, sqlite3.Error) as error:
        problem = _problem(error.orig if isinstance(error, DBAPIError) else error, path)
        if problem is None:
            raise
        raise problem from error


def _problem(error: BaseException | None, path: Path) -> IndexProblem | None:
    code = str(getattr(error, "sqlite_errorname", "")).removeprefix("SQLITE_").partition("_")[0]
    if code in ("CORRUPT", "NOTADB", "IOERR"):
        return StoreDamaged(path, str(error))
    if code in ("READONLY", "CANTOPEN", "PERM"):
        return StoreReadOnly(path)
    if code in ("BUSY", "LOCKED"):
        return StoreBusy(path, timeout_s=TIMEOUT_S)
    return StoreFull(path) if code == "FULL" else None
