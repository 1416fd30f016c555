"""The processes that use a schema of a server, on whichever machine: each says every few seconds that it lives.

The number of a process says nothing on another machine. So a process enters itself into a table beside the others,
under a number and a word that nobody used before; who has said nothing for a while is gone, and what it held may be
taken over. Only the server's clock counts. One that was cut off for so long enters anew, as somebody else: what it
had in hand then belongs to others.
"""

import json
import logging
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from deepseek_mm.storage.owner import Owner

BEAT_S = 3.0  # between two times that a process says it lives
GONE_S = 20.0  # of silence, after which it is gone
FORGOTTEN_S = 86_400.0  # of silence, after which its row goes, too
TOKEN_BYTES = 8
CREATE = text(
    "CREATE TABLE IF NOT EXISTS processes (id SERIAL PRIMARY KEY, token TEXT NOT NULL,"
    " about JSON NOT NULL, since TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),"
    " seen_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp())"
)
FORGET = text("DELETE FROM processes WHERE seen_at < clock_timestamp() - make_interval(secs => :seconds)")
ENTER = text("INSERT INTO processes (token, about) VALUES (:token, CAST(:about AS json)) RETURNING id")
DESCRIBE = text("UPDATE processes SET about = CAST(:about AS json) WHERE id = :id AND token = :token")
BEAT = text("UPDATE processes SET seen_at = clock_timestamp() WHERE id = :id AND token = :token RETURNING id")
LIVING = text("SELECT id, token FROM processes WHERE seen_at > clock_timestamp() - make_interval(secs => :seconds)")
FIRST = text(
    "SELECT min(id) FROM processes WHERE seen_at > clock_timestamp() - make_interval(secs => :seconds)"
    " AND about ->> 'role' = :role"
)
TAKERS = text(
    "SELECT count(*) FROM processes WHERE seen_at > clock_timestamp() - make_interval(secs => :seconds)"
    " AND CAST(about -> 'queues' AS jsonb) @> to_jsonb(CAST(:queue AS text))"
)
LEAVE = text("DELETE FROM processes WHERE id = :id AND token = :token")
log = logging.getLogger(__name__)


class Presence:
    """This process among those that use a schema. It is entered when it is first asked for, and says from then on that
    it lives, until it leaves.
    """

    def __init__(self, engine: Engine, take_turn: Callable[[Connection], None]) -> None:
        """`engine` begins transactions in the schema that write, and `take_turn` waits for other writers in one."""
        self._engine, self._take_turn = engine, take_turn
        self._lock, self._end = threading.Lock(), threading.Event()
        self._owner: Owner | None = None
        self._about = "{}"

    @property
    def owner(self) -> Owner:
        """As whom it is known now. The errors are those of the database."""
        with self._lock:
            if self._owner is None:
                self._owner = self._enter()
                threading.Thread(target=self._keep_beating, name="presence", daemon=True).start()
            return self._owner

    def describe(self, about: Mapping[str, object]) -> None:
        """Have others read this of the process, from now on. The errors are those of the database."""
        self._about = json.dumps(dict(about))
        owner = self.owner
        with self._engine.begin() as connection:
            connection.execute(DESCRIBE, _row(owner) | {"about": self._about})

    def find_gone(self, session: Session, owners: Sequence[Owner]) -> list[Owner]:
        """Those of them that have been silent for too long, or never were."""
        if not owners or list(owners) == [self.owner]:
            return []
        rows = session.connection().execute(LIVING, {"seconds": GONE_S})
        living = {Owner(pid=number, started=token) for number, token in rows}
        return [owner for owner in owners if owner not in living and owner != self.owner]

    def is_first(self, session: Session, role: str) -> bool:
        """Whether of those that are there and describe themselves with this role it has come first."""
        found = session.connection().execute(FIRST, {"seconds": GONE_S, "role": role}).scalar()
        return found == self.owner.pid

    def count_takers(self, session: Session, queue: str) -> int:
        """How many of those that are there describe themselves with this queue."""
        return int(session.connection().execute(TAKERS, {"seconds": GONE_S, "queue": queue}).scalar_one())

    def beat(self) -> None:
        """Say once that it lives; enter anew where it was taken for gone. The errors are those of the database."""
        with self._lock:
            if self._owner is None or self._end.is_set():
                return
            with self._engine.begin() as connection:
                known = connection.execute(BEAT, _row(self._owner)).first()
            if known is None:
                self._owner = self._enter()

    def leave(self) -> None:
        """Be gone at once for the others, as far as the server can be reached."""
        self._end.set()
        with self._lock:
            if self._owner is None:
                return
            try:
                with self._engine.begin() as connection:
                    connection.execute(LEAVE, _row(self._owner))
            except SQLAlchemyError as error:
                log.info("the server does not hear that this process goes: %s", error)

    def _enter(self) -> Owner:
        token = secrets.token_hex(TOKEN_BYTES)
        with self._engine.begin() as connection:
            self._take_turn(connection)
            connection.execute(CREATE)
            connection.execute(FORGET, {"seconds": FORGOTTEN_S})
            number = connection.execute(ENTER, {"token": token, "about": self._about}).scalar_one()
        return Owner(pid=number, started=token)

    def _keep_beating(self) -> None:
        while not self._end.wait(BEAT_S):
            try:
                self.beat()
            except SQLAlchemyError as error:
                log.warning("the server does not hear that this process lives: %s", error)


def _row(owner: Owner) -> dict[str, object]:
    return {"id": owner.pid, "token": owner.started}
