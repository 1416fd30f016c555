"""The schemas of a PostgreSQL database, from outside: which there are, how large, renamed at once, or removed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, text

from deepseek_mm.errors import Conflict
from deepseek_mm.storage.postgres_database import (
    explain_server_errors,
    key_of_lock,
    open_engine,
    read_address,
    wait_long,
)
from deepseek_mm.storage.presence import GONE_S

NOUN = "server"
BEGIN = text("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, :prefix) ORDER BY nspname")
TABLES = text("SELECT tablename FROM pg_tables WHERE schemaname = :name")
SIZE = text(
    "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c "
    "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = :name AND c.relkind = 'r'"
)
TEXTS = text(
    "SELECT table_name, column_name FROM information_schema.columns "
    "WHERE table_schema = :name AND data_type IN ('text', 'character varying', 'json') ORDER BY 1, 2"
)
BUILT = text("SELECT tuples_done, tuples_total FROM pg_stat_progress_create_index WHERE datname = current_database()")
PROCESSES = "processes"  # a table of each schema: who uses it (`presence`)
BARE = ("library", "alembic_version", PROCESSES)  # tables that have rows without anybody having written something
LIVING = (
    'SELECT count(*) FROM "{name}"."processes" WHERE seen_at > clock_timestamp() - make_interval(secs => {seconds})'
)
SPACE = 'SELECT space_name, fingerprint FROM "{name}".library'


EXTENSIONS = ("vector", "pg_trgm")  # that the tables of a library need
ABOUT = text("""
    SELECT current_setting('server_version'), CAST(current_setting('server_version_num') AS int), current_user,
    has_database_privilege(current_database(), 'CREATE'),
    (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)""")
INSTALLED = text("SELECT extname FROM pg_extension")


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerDescription:
    """A server, as its user sees it."""

    version: str
    number: int  # of the version, such as 170_012
    user: str
    may_create: bool  # schemas
    may_extend: bool  # by extensions that are not there
    missing: tuple[str, ...]  # extensions


class ServerSchemas:
    """Those of one database. LibraryError says why it cannot be used."""

    def __init__(self, url: str) -> None:
        address = read_address(url)
        self.place = Path(f"{address.host or 'localhost'}/{address.database}")
        self._engine = open_engine(address, "public")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *told: object) -> None:
        self._engine.dispose()

    def describe(self) -> ServerDescription:
        """What the server is, and what this user may do there."""
        with self._open() as connection:
            version, number, user, may_create, is_super = connection.execute(ABOUT).one()
            there = set(connection.scalars(INSTALLED))
        return ServerDescription(
            version=version,
            number=number,
            user=user,
            may_create=may_create,
            may_extend=is_super,
            missing=tuple(name for name in EXTENSIONS if name not in there),
        )

    def list_names(self, prefix: str) -> list[str]:
        """Names of the schemas that begin so, sorted."""
        with self._open() as connection:
            return list(connection.scalars(BEGIN, {"prefix": prefix}))

    def is_empty(self, name: str) -> bool:
        """Whether nobody has written anything into a schema's tables."""
        with self._open() as connection:
            tables = [table for table in connection.scalars(TABLES, {"name": name}) if table not in BARE]
            return not any(_has_rows(connection, name, table) for table in tables)

    def name_space(self, name: str) -> str:
        """What the folder of an index is called whose schema this is; "" if it is none, or not whole yet."""
        with self._open() as connection:
            if "library" not in list(connection.scalars(TABLES, {"name": name})):
                return ""
            row = connection.exec_driver_sql(SPACE.format(name=name)).first()
            return f"{row[0]}-{row[1][:8]}" if row else ""

    def count_processes(self, name: str) -> int:
        """How many processes say that they use a schema just now."""
        with self._open() as connection:
            if PROCESSES not in list(connection.scalars(TABLES, {"name": name})):
                return 0
            return int(connection.exec_driver_sql(LIVING.format(name=name, seconds=GONE_S)).scalar_one())

    def size_of(self, name: str) -> int:
        """Bytes of a schema's tables and indexes."""
        with self._open() as connection:
            return int(connection.execute(SIZE, {"name": name}).scalar_one())

    def count_text(self, name: str, part: str) -> dict[str, int]:
        """Table -> how many rows of a schema have this part of a text in them."""
        with self._open() as connection:
            wait_long(connection)
            columns: dict[str, list[str]] = {}
            for table, column in connection.execute(TEXTS, {"name": name}):
                columns.setdefault(table, []).append(column)
            return {table: _count_in(connection, name, table, texts, part) for table, texts in columns.items()}

    def list_built(self) -> list[tuple[int, int]]:
        """How many rows of how many the server has put into each index that it makes just now."""
        with self._open() as connection:
            return [(int(done), int(total)) for done, total in connection.execute(BUILT)]

    def rename(self, names: Mapping[str, str], *, drop: Sequence[str] = ()) -> None:
        """Give schemas other names, in this order, after some were dropped: all of it at once, or nothing."""
        with self._open() as connection:
            for name in drop:
                connection.exec_driver_sql(f'DROP SCHEMA "{name}" CASCADE')
            for old, new in names.items():
                connection.exec_driver_sql(f'ALTER SCHEMA "{old}" RENAME TO "{new}"')

    @contextmanager
    def hold(self, name: str, refusal: str) -> Iterator[None]:
        """Keep others out who hold the same name, as long as this lasts. Conflict with the refusal if one is in."""
        with self._open() as connection:
            connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
            taken = f"SELECT pg_try_advisory_xact_lock({key_of_lock(name)})"
            if not connection.exec_driver_sql(taken).scalar_one():
                raise Conflict(refusal)
            yield

    @contextmanager
    def _open(self) -> Iterator[Connection]:
        with explain_server_errors(NOUN, self.place), self._engine.begin() as connection:
            yield connection


def _has_rows(connection: Connection, name: str, table: str) -> bool:
    found: Any = connection.exec_driver_sql(f'SELECT 1 FROM "{name}"."{table}" LIMIT 1').first()
    return found is not None


def _count_in(connection: Connection, name: str, table: str, columns: Sequence[str], part: str) -> int:
    found = " OR ".join(f'strpos(CAST("{column}" AS text), :part) > 0' for column in columns)
    query = text(f'SELECT count(*) FROM "{name}"."{table}" WHERE {found}')
    return int(connection.execute(query, {"part": part}).scalar_one())
