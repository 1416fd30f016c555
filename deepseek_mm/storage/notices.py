"""Short words that processes tell each other through a PostgreSQL server: NOTIFY in a transaction, LISTEN on one
connection for each process.

A word is heard when its transaction is committed, by all others who listen then: whoever must not miss anything looks
for itself now and then. A listener that lost the server comes back by itself, and is told that it may have missed some.
"""

import logging
import secrets
import threading
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection, Engine, text

TELL = text("SELECT pg_notify(:channel, :word)")
AGAIN_S = 1.0  # after which a listener that lost the server tries to come back
LOOK_S = 0.25  # between two looks whether it is to end
MOST_LETTERS = 2_000  # of a word; PostgreSQL takes 7,999 bytes
MISSED = ""  # the word that is heard when others may have been missed
Heard = Callable[[str], object]
log = logging.getLogger(__name__)


class Notices:
    """The words of one channel."""

    def __init__(self, engine: Engine, channel: str) -> None:
        self._engine, self._channel, self._me = engine, channel, secrets.token_hex(4)
        self._lock, self._end = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    def tell(self, connection: Connection, word: str) -> None:
        """Have the word heard by all others who listen, once the transaction is committed."""
        connection.execute(TELL, {"channel": self._channel, "word": f"{self._me} {word[:MOST_LETTERS]}"})

    def listen(self, heard: Heard) -> None:
        """Call `heard` with each word from now on, in a thread; only the first call counts."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._listen, args=(heard,), name="notices", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Hear nothing more."""
        self._end.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(2 * LOOK_S)

    def _listen(self, heard: Heard) -> None:
        came_back = False
        while not self._end.is_set():
            try:
                self._hear(heard, came_back=came_back)
            except Exception as error:  # noqa: BLE001  the driver's errors, which only it can name: looks go on meanwhile
                if not self._end.is_set():
                    log.warning("news of other processes are not heard for the moment: %s", error)
            came_back = True
            self._end.wait(AGAIN_S)

    def _hear(self, heard: Heard, *, came_back: bool) -> None:
        with self._engine.connect() as connection:
            outside = connection.execution_options(isolation_level="AUTOCOMMIT")
            outside.exec_driver_sql(f'LISTEN "{self._channel}"')
            if came_back:
                heard(MISSED)
            try:
                for word in self._read_words(outside.connection.driver_connection):
                    heard(word)
            finally:
                connection.invalidate()  # it would go on listening in the pool

    def _read_words(self, driver: Any) -> Iterator[str]:
        """Those of others."""
        while not self._end.is_set():
            for notice in driver.notifies(timeout=LOOK_S):
                sender, _, word = notice.payload.partition(" ")
                if sender != self._me:
                    yield word
