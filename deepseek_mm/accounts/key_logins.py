"""Browsers that have shown a key, remembered by one server; several have a table of them (`shared_access`)."""

import hashlib
import secrets
import time
from threading import Lock
from typing import Protocol

from cachetools import TTLCache

from deepseek_mm.accounts.guesses import Clock

MOST_LOGINS = 1_000  # at once; the one longest unused goes first
TOKEN_BYTES = 32


class KeyLogins(Protocol):
    """Tokens of browsers that have shown a key, known to one server or to several."""

    lasts_s: float  # from its beginning, used or not

    def begin(self, key_id: str) -> str:
        """The token of a new login."""

    def key_id(self, token: str) -> str | None:
        """The key that was shown when this login began; None if it is none, or over."""

    def end(self, token: str) -> None:
        """Forget it."""


class Logins:
    """Tokens of browsers that have shown a key."""

    def __init__(self, clock: Clock = time.monotonic, *, lasts_s: float) -> None:
        """`lasts_s`: how long a login lasts, used or not."""
        self._clock, self.lasts_s, self._lock = clock, lasts_s, Lock()
        self._key_ids: TTLCache[bytes, str]  # by hash of the token
        self._key_ids = TTLCache(MOST_LOGINS, lasts_s, timer=lambda: self._clock())

    def begin(self, key_id: str) -> str:
        """The token of a new login."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        with self._lock:
            self._key_ids[hash_token(token)] = key_id
        return token

    def key_id(self, token: str) -> str | None:
        """The key that was shown when this login began; None if it is none, or over."""
        with self._lock, self._key_ids.timer:  # one moment for all of it
            return self._key_ids.get(hash_token(token))

    def end(self, token: str) -> None:
        """Forget it."""
        with self._lock, self._key_ids.timer:
            self._key_ids.pop(hash_token(token), None)


def hash_token(token: str) -> bytes:
    """What is kept of a token, which is long and random."""
    return hashlib.sha256(token.encode(errors="replace")).digest()
