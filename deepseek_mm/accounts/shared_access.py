"""What several servers of one library have to agree on before they let somebody in, kept on the server that the library
lies on: keys, how often somebody guessed wrong, and who has logged in with a key.

In a library of files each of these has a home of its own: `keys`, `guesses`, and the memory of the one server.
"""

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from contextvars import ContextVar
from datetime import datetime
from math import inf
from typing import Any

from sqlalchemy import JSON, Connection, delete, extract, func, insert, literal_column, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from deepseek_mm.accounts.guesses import FORGET_S, FREE_TRIES, MOST_COUNTED, Clock, place_of_guess, wait_after
from deepseek_mm.accounts.key_logins import TOKEN_BYTES, hash_token
from deepseek_mm.accounts.keys import Key, KeyRing, Keys, as_row, of_row
from deepseek_mm.config import Config
from deepseek_mm.database_places import server_place
from deepseek_mm.storage.database import Database, DatabaseOwner
from deepseek_mm.storage.places import ServerPlace, open_database
from deepseek_mm.storage.portable_sql import insert_into
from deepseek_mm.storage.schema import COLUMNS, LibraryErrors, Schema

NAME = "access"  # of the schema, behind the prefix
KEPT_S = 1.0  # that keys which were read are good for
NOW = func.clock_timestamp()


class AccessBase(DeclarativeBase):
    """Maps Python's types to columns, alike in every version of SQLAlchemy."""

    type_annotation_map = COLUMNS


class KeyRow(AccessBase):
    """One key, as `keys.as_row` writes it."""

    __tablename__ = "keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[dict[str, Any]] = mapped_column(JSON)


class GuessRow(AccessBase):
    """Wrong keys or passwords of one place."""

    __tablename__ = "guesses"

    place: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    last_at: Mapped[datetime]


class KeyLoginRow(AccessBase):
    """A browser that has shown a key."""

    __tablename__ = "key_logins"

    digest: Mapped[str] = mapped_column(primary_key=True)
    key_id: Mapped[str]
    ends_at: Mapped[datetime]


def create_tables(connection: Connection) -> None:
    """Make all tables in an empty schema."""
    AccessBase.metadata.create_all(connection)


ACCESS = Schema(
    create=create_tables,
    metadata=AccessBase.metadata,
    on_server=True,
    oldest="0001",
    errors=LibraryErrors(noun="list of keys"),
)


class SharedAccess(DatabaseOwner):
    """What the servers of one library share. LibraryError, here and later, if it cannot be used."""

    def __init__(self, place: ServerPlace) -> None:
        super().__init__(open_database(place, ACCESS))

    @classmethod
    def of(cls, config: Config) -> "SharedAccess | None":
        """None for a library in files."""
        place = server_place(config, NAME)
        return None if place is None else cls(place)

    @property
    def keys(self) -> "SharedKeys":
        """The keys of the library."""
        return SharedKeys(self._database)


class SharedKeys(KeyRing):
    """Keys in a table. One that is removed opens no server any more after KEPT_S."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writing: ContextVar[Session | None] = ContextVar("session that changes the keys", default=None)
        self._keys: tuple[Key, ...] = ()
        self._good_until = -inf  # by the monotonic clock

    def all(self) -> tuple[Key, ...]:
        """Every key, oldest first, as of KEPT_S ago at most."""
        if (session := self._writing.get()) is not None:
            return self._read(session)
        if time.monotonic() >= self._good_until:
            self._keys, self._good_until = self._database.read(self._read), time.monotonic() + KEPT_S
        return self._keys

    def count_guesses(self, kind: str, clock: Clock, *, free: int = FREE_TRIES) -> "SharedGuesses":
        """Those at all servers; only the clock of the database's server counts."""
        return SharedGuesses(self._database, kind, free=free)

    def keep_logins(self, clock: Clock, *, lasts_s: float) -> "SharedLogins":
        """Those at all servers; only the clock of the database's server counts."""
        return SharedLogins(self._database, lasts_s=lasts_s)

    def _read(self, session: Session) -> tuple[Key, ...]:
        return tuple(of_row(row) for row in session.scalars(select(KeyRow.key).order_by(KeyRow.id)))

    def _write(self, keys: Sequence[Key]) -> None:
        session = self._writing.get()
        assert session is not None, "keys are changed one after the other"
        session.execute(delete(KeyRow))
        if keys:
            session.execute(insert(KeyRow), [{"key": as_row(key)} for key in keys])

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._database.writing() as session:
            before = self._writing.set(session)
            try:
                yield
            finally:
                self._writing.reset(before)
                self._good_until = -inf


class SharedGuesses:
    """As `guesses.Guesses`, of all servers together; only the clock of the database's server counts."""

    def __init__(self, database: Database, kind: str, *, free: int) -> None:
        self._database, self._kind, self._free = database, kind, free

    def wait_s(self, address: str, name: str = "") -> int:
        """Whole seconds until this address may try again; 0 is now."""
        age = extract("epoch", NOW - GuessRow.last_at)
        query = select(GuessRow.count, age).where(GuessRow.place == self._place(address, name))
        with self._database.reading() as session:
            found = session.execute(query).first()
        if found is None or found[1] > FORGET_S:
            return 0
        return max(0, -int(-(wait_after(found[0], free=self._free) - float(found[1])) // 1))

    def count(self, address: str, name: str = "") -> None:
        """One more wrong key."""
        with self._database.writing(synced=False) as session:
            old = NOW - literal_column(f"interval '{FORGET_S} seconds'")
            session.execute(delete(GuessRow).where(GuessRow.last_at < old))
            new = insert_into(session, GuessRow).values(place=self._place(address, name), count=1, last_at=NOW)
            more = func.least(GuessRow.count + 1, MOST_COUNTED)
            session.execute(new.on_conflict_do_update(index_elements=["place"], set_={"count": more, "last_at": NOW}))

    def forget(self, address: str, name: str = "") -> None:
        """A right key."""
        with self._database.writing(synced=False) as session:
            session.execute(delete(GuessRow).where(GuessRow.place == self._place(address, name)))

    def _place(self, address: str, name: str) -> str:
        return f"{self._kind} {place_of_guess(address, name)}"


class SharedLogins:
    """Tokens of browsers that have shown a key to any of the servers."""

    def __init__(self, database: Database, *, lasts_s: float) -> None:
        self._database, self.lasts_s = database, lasts_s

    def begin(self, key_id: str) -> str:
        """The token of a new login."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        with self._database.writing() as session:
            session.execute(delete(KeyLoginRow).where(KeyLoginRow.ends_at <= NOW))
            ends = NOW + literal_column(f"interval '{float(self.lasts_s)} seconds'")
            session.execute(insert(KeyLoginRow).values(digest=hash_token(token).hex(), key_id=key_id, ends_at=ends))
        return token

    def key_id(self, token: str) -> str | None:
        """The key that was shown when this login began; None if it is none, or over."""
        mine = (KeyLoginRow.digest == hash_token(token).hex()) & (KeyLoginRow.ends_at > NOW)
        with self._database.reading() as session:
            return session.scalar(select(KeyLoginRow.key_id).where(mine))

    def end(self, token: str) -> None:
        """Forget it."""
        with self._database.writing() as session:
            session.execute(delete(KeyLoginRow).where(KeyLoginRow.digest == hash_token(token).hex()))


@contextmanager
def open_key_ring(config: Config) -> Iterator[KeyRing]:
    """The keys of a library, wherever it lies."""
    shared = SharedAccess.of(config)
    if shared is None:
        yield Keys(config.data)
        return
    with closing(shared):
        yield shared.keys
