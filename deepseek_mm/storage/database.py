"""A database as all others see it, whatever keeps it: transactions that read one moment, and those that write.

`sqlite_database` keeps it in a file, `postgres_database` in a schema of a server. Readers see one moment and never
wait; writers of one database take turns, so none finds out late that somebody was faster, and ids rise in the order in
which they are seen. A process that is killed leaves whole transactions only.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import local
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from deepseek_mm.storage.owner import Owner, current_process
from deepseek_mm.storage.schema import Schema

Given = ParamSpec("Given")
Found = TypeVar("Found")
NOTES = "notes"  # of a session that only reads: what it found out once stays true


class ThreadState(local):
    """What belongs to one thread."""

    session: Session | None = None  # of its snapshot


class Database(ABC):
    """Rows of one schema, for many threads and processes at once.

    Every method raises errors that a user can act on: those of `schema.errors`, or a LibraryError.
    """

    read_only = False
    place: Path  # where it lies, for errors; on a server its host, database and schema
    schema: Schema
    engine: Engine  # its connections begin transactions that read
    _thread: ThreadState

    @property
    def owner(self) -> Owner:
        """This process, as the rows that it works on name it."""
        return current_process()

    def find_gone(self, owners: Sequence[Owner]) -> list[Owner]:
        """Those of them that are no more; never this process."""
        return [owner for owner in owners if owner != self.owner and not owner.lives]

    def describe(self, about: Mapping[str, object]) -> None:  # noqa: B027  a file has no use for it
        """Have other processes that use a server read this of the present one."""

    def is_first(self, role: str) -> bool:
        """Whether of the processes with this role the present one does what only one is to do. That of a file does."""
        return True

    def count_takers(self, queue: str) -> int:
        """Processes that are there and say that they do work of this queue. That of a file does."""
        return 1

    def tell(self, session: Session, word: str) -> None:  # noqa: B027  nothing is to be done for a file
        """Have other processes hear a short word once this transaction is committed. Those of a file look for
        themselves.
        """

    def listen(self, heard: Callable[[str], object]) -> None:  # noqa: B027  as above
        """Call `heard` with the words of other processes, and with "" where some may have been missed."""

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One snapshot: everything read inside belongs to the same moment. Inside `snapshot` it is that one."""
        if self._thread.session is not None:
            yield self._thread.session
            return
        with self._explain(), Session(self.engine, info={NOTES: {}}) as session:
            yield session

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All that this thread reads inside belongs to one moment; what anybody writes meanwhile is not seen."""
        if self._thread.session is not None:
            yield
            return
        with self.reading() as session:
            self._thread.session = session
            try:
                yield
            finally:
                self._thread.session = None

    @abstractmethod
    def writing(self, *, synced: bool | None = None) -> AbstractContextManager[Session]:
        """One transaction: all of it is kept, or after an exception or a kill nothing.

        `synced` says whether it outlives a power cut, too; else the schema does.
        """

    def read(self, do: Callable[Concatenate[Session, Given], Found], *args: Given.args, **more: Given.kwargs) -> Found:
        """What `do` finds, which is handed a session that reads."""
        with self.reading() as session:
            return do(session, *args, **more)

    def write(self, do: Callable[Concatenate[Session, Given], Found], *args: Given.args, **more: Given.kwargs) -> Found:
        """What `do` returns, which is handed a session that writes: all of it is one transaction."""
        with self.writing() as session:
            return do(session, *args, **more)

    @abstractmethod
    def problems(self) -> list[str]:
        """What does not fit together in it, as sentences."""

    @abstractmethod
    def accept(self) -> None:
        """What is there now is what should be there: no loss is told of any more."""

    @abstractmethod
    def copy_to(self, path: Path) -> None:
        """A copy of this moment's content as a new SQLite file; writers need not stop."""

    @abstractmethod
    def exchange(self, by: Path | None, *, adapt: Callable[["Database"], None] = lambda draft: None) -> None:
        """Take over the content of a copy, brought up to date first, at once for everybody; the old content is gone.

        Without a copy the database is as new. `adapt` may change or refuse what is to come.
        """

    def clear(self) -> None:
        """Forget everything, so that no byte of it remains."""
        self.exchange(None)

    @abstractmethod
    def empty_log(self) -> None:
        """Leave nothing of what was deleted where it lay."""

    @abstractmethod
    def cut_log(self) -> None:
        """The same, left to the next time if somebody uses it just now."""

    @abstractmethod
    def close(self) -> None:
        """Let go of it."""

    @abstractmethod
    def _explain(self) -> AbstractContextManager[None]:
        """Turn what the database and the system complain about into errors that a user can act on."""


class DatabaseOwner:
    """What keeps all that it knows in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def problems(self) -> list[str]:
        """What does not fit together in it, as sentences."""
        return self._database.problems()

    def accept(self) -> None:
        """What is there now is what should be there: no loss is told of any more."""
        self._database.accept()

    def copy_to(self, file: Path) -> None:
        """The whole content as of this moment, as a new file; other work goes on meanwhile."""
        self._database.copy_to(file)

    def exchange(self, file: Path) -> None:
        """Take over the content of a file that `copy_to` made; what was here is gone."""
        self._database.exchange(file)

    def clear(self) -> None:
        """Forget everything, so that no byte of it remains."""
        self._database.clear()

    def close(self) -> None:
        """Let go of it."""
        self._database.close()
