"""An SQLite file: opened for many threads and processes, upgraded, refused when it is not ours.

WAL lets readers read while one writer writes. Every writing transaction takes its lock at the start (BEGIN IMMEDIATE)
and waits for its turn; a transaction that reads first and then wants to write could not wait, only fail.
A commit is synced to the disk, except with the option `hasty`: that one outlives a kill but perhaps not a power cut.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from deepseek_mm.errors import DeepSeekMMError, LibraryError
from deepseek_mm.storage.begin import WRITES, begin
from deepseek_mm.storage.columns import read_stored_json
from deepseek_mm.storage.counters import NOTED, accept_counters, check_counters, note_write, renew_identity, see_losses
from deepseek_mm.storage.exchange import (
    copy_database,
    create_database,
    draft_beside,
    empty_log,
    exchange_database,
    missing_content,
)
from deepseek_mm.storage.open_files import hold, release

BUSY_TIMEOUT_S = 30.0  # how long one writer waits for another
LOST = ("it is empty", "it is gone")  # how reasons begin that `missing_content` gives
LOG_TIMEOUT_S = 1.0  # how long emptying the log waits for readers
_ALEMBIC = threading.Lock()  # alembic keeps "the current migration" in a global


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """What a file holds, in the words of its messages, and how it came to its present form."""

    noun: str  # without an article: "history"
    migrations: Path  # a folder of Alembic's
    if_damaged: str = "Move it away and a new one is begun: mv {path} {path}.damaged"
    elsewhere: str = "--data FOLDER"  # how to name another folder
    counted: tuple[str, ...] = ()  # tables whose rows are counted with every write


class File:
    """The file at `path`, made if absent, at the newest revision. LibraryError says why not, here and later."""

    def __init__(self, path: Path, kind: Kind, *, noted: bool = False) -> None:
        """`noted`: what was written is noted beside the file, too, so that a loss is seen (`storage.counters`)."""
        self.path, self.kind, self._noted = path, kind, noted
        with self._readable_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            if reason := missing_content(path):
                raise self._unusable(reason)
            if not path.exists():
                create_database(path, self._fill)
            self.engine = _engine(path)
            hold(path)
            try:
                self._upgrade()
                if noted:
                    see_losses(self.path, reader=self.engine, writer=self.engine.execution_options(**WRITES))
            except BaseException:
                self.close()
                raise

    @contextmanager
    def session(self, *, writes: bool = False, hasty: bool = False) -> Iterator[Session]:
        """One transaction: a snapshot to read, or with `writes` all or nothing of what is written."""
        options = WRITES | {"hasty": hasty, "counts": self.kind.counted}
        written = None
        with self._readable_errors(), Session(self.engine) as session, session.begin():
            if writes:
                written = session.connection(execution_options=options).info.get(NOTED)
            yield session
        if self._noted:
            note_write(self.path, written)

    def problems(self) -> list[str]:
        """What does not fit together in the file, as sentences."""
        with self.session() as session:
            connection = session.connection()
            broken = [str(line) for (line,) in connection.exec_driver_sql("PRAGMA integrity_check(20)")]
            orphans = sorted({str(table) for table, *_ in connection.exec_driver_sql("PRAGMA foreign_key_check")})
            found = check_counters(connection, self.kind.counted) if self.kind.counted else []
        found += [f"SQLite finds the file damaged: {'; '.join(broken)}."] if broken != ["ok"] else []
        return found + ([f"Rows of {', '.join(orphans)} belong to nothing."] if orphans else [])

    def accept(self) -> None:
        """What is there now is what should be there: no loss is told of any more."""
        with self.session(writes=True) as session:
            accept_counters(session.connection(), self.kind.counted)

    def copy_to(self, path: Path) -> None:
        """A copy of this moment's content as a new file; writers need not stop."""
        with self._readable_errors():
            copy_database(self.path, path)

    def exchange(self, by: Path) -> None:
        """Take over the content of a copy, brought up to date first, at once for everybody; the old content is gone."""
        with self._readable_errors(), draft_beside(self.path) as draft:
            copy_database(by, draft)
            self._take_over(draft)

    def clear(self) -> None:
        """Forget everything, so that no byte of it remains in the file or its log."""
        with self._readable_errors(), draft_beside(self.path) as draft:
            self._take_over(draft)

    def cut_log(self) -> None:
        """Empty the log, where removed rows outlive their removal; left to the next time if somebody reads just now."""
        with self._readable_errors(), closing(sqlite3.connect(self.path, timeout=LOG_TIMEOUT_S)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _take_over(self, draft: Path) -> None:
        with closing(File(draft, self.kind)) as file, file.session(writes=True) as session:
            if self.kind.counted:
                renew_identity(session.connection())
        empty_log(draft)
        exchange_database(self.path, draft)

    def close(self) -> None:
        """Let go of the file."""
        self.engine.dispose()
        release(self.path)

    @contextmanager
    def _readable_errors(self) -> Iterator[None]:
        """Turn what SQLite and the system complain about into a LibraryError with a next step."""
        try:
            yield
        except DeepSeekMMError:
            raise
        except UnicodeDecodeError as error:  # SQLite names what is damaged by the damaged bytes
            raise self._unusable(f"malformed: {error.object.decode(errors='replace')}") from error
        except (DatabaseError, sqlite3.Error, OSError) as error:
            raise self._unusable(str(getattr(error, "orig", error))) from error

    def _unusable(self, reason: str) -> LibraryError:
        return LibraryError(f"cannot use the {self.kind.noun} at {self.path}: {reason}. {self._next_step(reason)}")

    def _next_step(self, reason: str) -> str:
        if "locked" in reason:
            return "Another process holds it: end that one, or wait"
        if "full" in reason or "No space left" in reason:
            return "Make room on the disk"
        if reason.startswith(LOST):
            return f"Put the file back as it was, or from a backup. {self.kind.if_damaged.format(path=self.path)}"
        if any(words in reason for words in ("malformed", "not a database", "not decode")):
            return f"The file is damaged. {self.kind.if_damaged.format(path=self.path)}"
        return f"Make the folder writable, or name another with: {self.kind.elsewhere}"

    def _fill(self, draft: Path) -> None:
        """A new file of the newest revision."""
        engine = _engine(draft)
        event.listen(engine, "connect", _log_ahead)
        try:
            self._bring_up(engine)
        finally:
            engine.dispose()

    def _upgrade(self) -> None:
        script = ScriptDirectory(str(self.kind.migrations))
        with self.engine.connect() as connection:
            self._refuse_damage(connection)
            self._refuse_strangers(connection, script)
            current = _revision(connection) == script.get_current_head()
        self.engine.dispose()  # it is ours: from now on every connection may change how it is kept
        event.listen(self.engine, "connect", _log_ahead)
        if current:
            return
        self._bring_up(self.engine)

    def _bring_up(self, engine: Engine) -> None:
        """To the newest revision: all or nothing, one process at a time."""
        with engine.execution_options(**WRITES).begin() as connection:
            self._refuse_strangers(connection, ScriptDirectory(str(self.kind.migrations)))
            config = AlembicConfig(attributes={"connection": connection})
            config.set_main_option("script_location", str(self.kind.migrations).replace("%", "%%"))
            with _ALEMBIC:
                command.upgrade(config, "head")

    def _refuse_damage(self, connection: Connection) -> None:
        verdict = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar())
        if verdict != "ok":
            raise LibraryError(
                f"cannot use the {self.kind.noun} at {self.path}: {verdict}. {self._next_step('malformed')}"
            )

    def _refuse_strangers(self, connection: Connection, script: ScriptDirectory) -> None:
        noun, path = self.kind.noun, self.path
        revision, known = _revision(connection), {revision.revision for revision in script.walk_revisions()}
        if revision is not None and revision not in known:
            raise LibraryError(
                f"the {noun} at {path} was written by a newer version "
                f"(revision {revision!r}; this one knows up to {script.get_current_head()!r}). "
                f"Update with: pip install -U deepseek-mm, or name another folder with: {self.kind.elsewhere}"
            )
        tables = inspect(connection).get_table_names()
        if revision is None and tables:
            raise LibraryError(
                f"{path} is an SQLite file, but no {noun} (its tables: {', '.join(tables[:5])}). "
                f"Move it away and a {noun} is begun: mv {path} {path}.other"
            )


def _engine(path: Path) -> Engine:
    url = URL.create("sqlite", database=str(path.absolute()))
    options: dict[str, Any] = {"connect_args": {"timeout": BUSY_TIMEOUT_S}, "json_deserializer": read_stored_json}
    engine = create_engine(url, max_overflow=-1, **options)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where `_begin` says
    connection.execute("PRAGMA foreign_keys=ON").close()
    connection.execute("PRAGMA secure_delete=ON").close()  # what is removed is overwritten with zeros


def _log_ahead(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA journal_mode=WAL").close()


def _begin(connection: Connection) -> None:
    begin(connection, synced=not connection.get_execution_options().get("hasty"))


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
