"""The SQLite file behind the history: opened for many threads and processes, upgraded, refused when it is not ours.

WAL lets readers read while one writer writes. Every writing transaction takes its lock at the start (BEGIN IMMEDIATE)
and waits for its turn; a transaction that reads first and then wants to write could not wait, only fail.
A commit is synced to the disk, except with the option `hasty`: that one outlives a kill but perhaps not a power cut.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect
from sqlalchemy.exc import DatabaseError

from deepseek_mm.errors import DeepSeekMMError, LibraryError

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_TIMEOUT_S = 30.0  # how long one writer waits for another
_ALEMBIC = threading.Lock()  # alembic keeps "the current migration" in a global


def open_file(path: Path) -> Engine:
    """The engine for the file at `path`, made if absent, at the newest revision. LibraryError says why not."""
    with readable_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            URL.create("sqlite", database=str(path.absolute())), connect_args={"timeout": BUSY_TIMEOUT_S}
        )
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
        try:
            _upgrade(engine, path)
        except BaseException:
            engine.dispose()
            raise
    return engine


@contextmanager
def readable_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system complain about into a LibraryError with a next step."""
    try:
        yield
    except DeepSeekMMError:
        raise
    except (DatabaseError, sqlite3.Error, OSError) as error:
        reason = str(getattr(error, "orig", error))
        raise LibraryError(f"cannot use the history at {path}: {reason}. {_next_step(reason, path)}") from error


def _next_step(reason: str, path: Path) -> str:
    if "locked" in reason:
        return "Another process holds it: end that one, or wait"
    if "full" in reason:
        return "Make room on the disk"
    if "malformed" in reason or "not a database" in reason:
        return f"The file is damaged. Move it away and a new one is begun: mv {path} {path}.damaged"
    return "Make the folder writable, or name another with: --data FOLDER"


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where `_begin` says
    for pragma in ("foreign_keys=ON", "journal_mode=WAL"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    connection.exec_driver_sql(f"PRAGMA synchronous={'NORMAL' if options.get('hasty') else 'FULL'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")


def _upgrade(engine: Engine, path: Path) -> None:
    script = ScriptDirectory(str(MIGRATIONS))
    with engine.connect() as connection:
        _refuse_damage(connection, path)
        if _revision(connection) == script.get_current_head():
            return
    with engine.execution_options(writes=True).begin() as connection:  # all or nothing, one process at a time
        _refuse_strangers(connection, script, path)
        config = AlembicConfig(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        with _ALEMBIC:
            command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _refuse_damage(connection: Connection, path: Path) -> None:
    verdict = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar())
    if verdict != "ok":
        raise LibraryError(
            f"cannot use the history at {path}: {verdict}. {_next_step('malformed', path)}",
        )


def _refuse_strangers(connection: Connection, script: ScriptDirectory, path: Path) -> None:
    revision, known = _revision(connection), {revision.revision for revision in script.walk_revisions()}
    if revision is not None and revision not in known:
        raise LibraryError(
            f"the history at {path} was written by a newer version "
            f"(revision {revision!r}; this one knows up to {script.get_current_head()!r}). "
            f"Update with: pip install -U deepseek-mm, or name another folder with: --data FOLDER"
        )
    tables = inspect(connection).get_table_names()
    if revision is None and tables:
        raise LibraryError(
            f"{path} is an SQLite file, but no history (its tables: {', '.join(tables[:5])}). "
            f"Move it away and a history is begun: mv {path} {path}.other"
        )
