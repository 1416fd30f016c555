"""A database in a schema of a PostgreSQL server, which many machines may use at once.

A transaction that reads is REPEATABLE READ: one moment. One that writes takes the schema's lock at its beginning, an
advisory lock of PostgreSQL's, so writers take turns as they do in a file: ids rise in the order in which others see
them, and nobody finds out late that somebody was faster. The lock goes with the transaction, so with a process that
is killed or cut off it goes, too.

What was deleted stays in the server's log and in its backups as long as whoever runs it keeps those.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from deepseek_mm.errors import ConfigError, DeepSeekMMError, LibraryError, MissingPackage, TransientError
from deepseek_mm.storage.database import Database, ThreadState
from deepseek_mm.storage.errors import IndexProblem
from deepseek_mm.storage.exchange import draft_beside
from deepseek_mm.storage.notices import Notices
from deepseek_mm.storage.owner import Owner
from deepseek_mm.storage.presence import Presence
from deepseek_mm.storage.row_copies import copy_rows, empty_tables
from deepseek_mm.storage.schema import Schema, read_revision, upgrade
from deepseek_mm.storage.sqlite_database import SqliteDatabase

CONNECT_S = 10  # until a server that does not answer is given up
LOCK_S = 30  # that a writer waits for another one
STATEMENT_S = 120  # that one statement may take
IDLE_S = 300  # that a transaction may wait for its program, which has lost its way by then
EVERY = ""  # names the lock of those who make or upgrade a schema, whichever it is
POOL, MORE = 8, 24  # connections of one process that stay open, and that may be opened beside them
DRIVER = "postgresql+psycopg"
SCHEMES = ("postgresql", "postgres", DRIVER)
ADVICE = {  # beginning of PostgreSQL's error code -> what to do
    "08": "The server went away in the midst of it; what was acknowledged before is kept. Try again",
    "57P": "The server is stopping or was restarted; what was acknowledged before is kept. Try again in a moment",
    "57014": "It took too long and was cancelled. Try again, or ask for less at once",
    "55P03": "Somebody else has been writing for very long. Wait, or end that work, and try again",
    "25P03": "It waited too long in the midst of a transaction. Try again",
    "53100": "The server's disk is full; the last change was not made. Make room there, and repeat it",
    "53300": "The server takes no more connections. Raise its max_connections, or start fewer servers and workers",
    "53": "The server is short of memory or room. Free some, and repeat it",
    "28": "The server does not let this user in. Check the name and the password in storage.url",
    "3D000": "There is no such database. Make one on the server: createdb NAME",
    "42501": "This user lacks a right. As a superuser of that database: GRANT CREATE ON DATABASE NAME TO USER; or, "
    "where somebody else has made the library, GRANT USAGE ON SCHEMA and SELECT, INSERT, UPDATE, DELETE ON ALL TABLES "
    "IN SCHEMA of each of its schemas: who asks writes the history, so the right to read is not enough",
    "25006": "The server is a copy that can only be read. Name the primary in storage.url",
    "40": "Others changed the same rows at the same time; nothing was changed. Try again",
}
PASSING = ("08", "57P", "57014", "55P03", "25P03", "53", "40")  # what may be gone in a moment


class PostgresDatabase(Database):
    """The schema `name` of the server at `url`, made or brought up to date first.

    LibraryError says why it cannot be used, ConfigError that the address is none, MissingPackage that psycopg lacks.
    """

    def __init__(self, url: str, name: str, schema: Schema) -> None:
        assert schema.on_server, f"{schema.errors.noun} has no tables for a server"
        self.name, self.schema, self._address = name, schema, read_address(url)
        host = self._address.host or "localhost"
        self.place = Path(f"{host}/{self._address.database}/{name}")  # without the password
        self._thread = ThreadState()
        with self._explain():
            self._all = open_engine(self._address, name)
            self.engine = self._all.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            self._presence = Presence(self._all, lambda connection: lock_schema(connection, name))
            self._notices = Notices(self._all, name)
            try:
                self._bring_up()
            except BaseException:
                self.close()
                raise

    @property
    def owner(self) -> Owner:
        """As `Database.owner`."""
        with self._explain():
            return self._presence.owner

    def find_gone(self, owners: Sequence[Owner]) -> list[Owner]:
        """As `Database.find_gone`: those that have not told the server for a while that they live."""
        with self.reading() as session:
            return self._presence.find_gone(session, owners)

    def describe(self, about: Mapping[str, object]) -> None:
        """As `Database.describe`."""
        with self._explain():
            self._presence.describe(about)

    def is_first(self, role: str) -> bool:
        """As `Database.is_first`: of those that are there the one that came first."""
        with self.reading() as session:
            return self._presence.is_first(session, role)

    def count_takers(self, queue: str) -> int:
        """As `Database.count_takers`."""
        with self.reading() as session:
            return self._presence.count_takers(session, queue)

    def tell(self, session: Session, word: str) -> None:
        """As `Database.tell`."""
        self._notices.tell(session.connection(), word)

    def listen(self, heard: Callable[[str], object]) -> None:
        """As `Database.listen`, in a thread of its own; only the first call counts."""
        self._notices.listen(heard)

    @contextmanager
    def writing(self, *, synced: bool | None = None) -> Iterator[Session]:
        """As `Database.writing`."""
        waits = self.schema.synced if synced is None else synced
        with self._explain(), Session(self._all) as session, session.begin():
            lock_schema(session.connection(), self.name)
            if not waits:
                session.connection().exec_driver_sql("SET LOCAL synchronous_commit = off")
            yield session

    def problems(self) -> list[str]:
        """What does not fit together in it: the server itself sees to rows that belong to others."""
        with self.reading() as session:
            known = inspect(session.connection()).get_table_names(schema=self.name)
        missing = sorted(self.schema.tables.keys() - set(known))
        return [f"Tables are missing: {', '.join(missing)}."] if missing else []

    def accept(self) -> None:
        """Nothing: the server keeps what it has acknowledged, and no file beside it says otherwise."""

    def copy_to(self, path: Path) -> None:
        """As `Database.copy_to`."""
        with self._explain(), self.reading() as session, draft_beside(path) as draft:
            with closing(SqliteDatabase(draft, self.schema)) as copy, copy.writing() as into:
                copy_rows(session.connection(), into.connection(), self.schema)
            draft.replace(path)

    def exchange(self, by: Path | None, *, adapt: Callable[[Database], None] = lambda draft: None) -> None:
        """As `Database.exchange`; readers who have begun see the old content to their end."""
        with (
            self._explain(),
            TemporaryDirectory() as folder,
            closing(SqliteDatabase(Path(folder) / "content.db", self.schema)) as other,
        ):
            if by is not None:
                other.exchange(by)
            adapt(other)
            with self.writing(synced=True) as session, other.reading() as source:
                empty_tables(session.connection(), self.schema)
                copy_rows(source.connection(), session.connection(), self.schema)
        self.empty_log()

    def empty_log(self) -> None:
        """Have the server let go of rows that were deleted."""
        with self._explain(), self._all.connect() as connection:
            outside = connection.execution_options(isolation_level="AUTOCOMMIT")
            outside.exec_driver_sql("SET statement_timeout = 0")
            try:
                for table in self.schema.tables:
                    outside.exec_driver_sql(f'VACUUM "{self.name}"."{table}"')
            finally:
                outside.exec_driver_sql(f"SET statement_timeout = '{STATEMENT_S}s'")

    def cut_log(self) -> None:
        """The same."""
        self.empty_log()

    def close(self) -> None:
        """Let go of the connections; what this process had in hand may be taken over at once."""
        self._notices.close()
        self._presence.leave()
        self._all.dispose()

    @contextmanager
    def _explain(self) -> Iterator[None]:
        with explain_server_errors(self.schema.errors.noun, self.place):
            yield

    def _bring_up(self) -> None:
        """To the newest revision: all or nothing, one process at a time."""
        with self._all.begin() as connection:
            if not inspect(connection).has_schema(self.name):  # who may not make one needs none that is there
                lock_schema(connection, self.name)  # IF NOT EXISTS fails where another makes it at the same time
                connection.exec_driver_sql(f'CREATE SCHEMA IF NOT EXISTS "{self.name}"')
        with self._all.connect() as connection:
            current = read_revision(connection, self.schema, self.place) == self.schema.revisions[-1]
        if not current:
            with self._all.begin() as connection:
                lock_schema(connection, EVERY)  # extensions belong to the whole database
                lock_schema(connection, self.name)
                upgrade(connection, self.schema, self.place)


def read_address(url: str) -> URL:
    """The address for our driver. ConfigError if it is none of PostgreSQL's."""
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise ConfigError(f"storage.url {url!r} is no address. Write: postgresql://USER@HOST:5432/DATABASE") from error
    if address.drivername not in SCHEMES:
        raise ConfigError(
            f"storage.url names {address.drivername!r}, and only postgresql is known. "
            "Write: postgresql://USER@HOST:5432/DATABASE"
        )
    return address.set(drivername=DRIVER)


def lock_schema(connection: Connection, name: str) -> None:
    """Take the turn of those who write in this schema, until the transaction ends."""
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({key_of_lock(name)})")


@contextmanager
def explain_server_errors(noun: str, place: Path) -> Iterator[None]:
    """Turn what a server, or the way there, complains about into a LibraryError that a user can act on."""
    try:
        yield
    except (DeepSeekMMError, IndexProblem):
        raise
    except DBAPIError as error:
        problem = explain_error(error, noun, place)
        if problem is None:  # a fault of ours
            raise
        raise problem from error
    except PoolTimeout as error:
        raise TransientError(
            f"the {noun} at {place} has {POOL + MORE} connections in use, which is the most. Try again in a moment"
        ) from error


def key_of_lock(name: str) -> int:
    """The number of the advisory lock that a name stands for."""
    return zlib.crc32(name.encode())


def wait_long(connection: Connection) -> None:
    """Let this transaction of a server take as long as it does; in a file they do anyway."""
    if connection.dialect.name == "postgresql":
        for setting in ("statement_timeout", "idle_in_transaction_session_timeout"):
            connection.exec_driver_sql(f"SET LOCAL {setting} = 0")


def explain_error(error: DBAPIError, noun: str, place: Path) -> LibraryError | None:
    """What PostgreSQL or the way there complains about, with a next step, told apart by PostgreSQL's error code; None
    for what no user can mend.
    """
    code = getattr(error.orig, "sqlstate", None) or ("08" if error.connection_invalidated else "")
    advice = next((text for start, text in ADVICE.items() if code.startswith(start)), "")
    if not advice and code:
        return None
    advice = advice or "Check that the server runs, and storage.url"
    said = " ".join(str(error.orig).split())
    kind = TransientError if not code or code.startswith(PASSING) else LibraryError  # none: it is not reached at all
    return kind(f"cannot use the {noun} at {place}: {said}. {advice}")


def open_engine(address: URL, name: str) -> Engine:
    """Connections to the schema of this name. MissingPackage."""
    settings = {
        "search_path": f'"{name}",public',
        "lock_timeout": f"{LOCK_S}s",
        "statement_timeout": f"{STATEMENT_S}s",
        "idle_in_transaction_session_timeout": f"{IDLE_S}s",
        "timezone": "UTC",
    }
    given: dict[str, Any] = {"connect_timeout": CONNECT_S, "application_name": "deepseek-mm"} | dict(address.query)
    given |= {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
    try:
        engine = create_engine(
            address, connect_args=given, pool_size=POOL, max_overflow=MORE, pool_timeout=LOCK_S, pool_pre_ping=True
        )
    except ModuleNotFoundError as error:
        raise MissingPackage("psycopg", needed_for="storage.url", extra="cluster") from error

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        autocommit, connection.autocommit = connection.autocommit, True
        for setting, value in settings.items():
            connection.execute("SELECT set_config(%s, %s, false)", (setting, value))
        connection.autocommit = autocommit

    return engine
