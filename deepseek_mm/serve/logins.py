"""Who has logged in, and who guesses: kept in memory, by a clock that nobody can set.

A login is a random token in the browser's cookie; here only its hash is kept. Times come from the monotonic clock, so
a clock that jumps makes no login older or younger. That clock knows nothing of the time before the process started:
after a restart everybody logs in again.
"""

import hashlib
import ipaddress
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from cachetools import TTLCache

MOST_LOGINS = 1_000  # at once; the one longest unused goes first
TOKEN_BYTES = 32
FREE_TRIES = 5  # wrong keys from one address before it has to wait
LONGEST_WAIT_S = 300.0
FORGET_S = 3600.0  # after the last wrong key
MOST_ADDRESSES = 10_000  # that are remembered; the one longest quiet goes first
Clock = Callable[[], float]  # seconds, never back


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
            self._key_ids[_hash(token)] = key_id
        return token

    def key_id(self, token: str) -> str | None:
        """The key that was shown when this login began; None if it is none, or over."""
        with self._lock, self._key_ids.timer:  # one moment for all of it
            return self._key_ids.get(_hash(token))

    def end(self, token: str) -> None:
        """Forget it."""
        with self._lock, self._key_ids.timer:
            self._key_ids.pop(_hash(token), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Wrong:
    """What one address has tried."""

    count: int
    last_s: float

    @property
    def until_s(self) -> float:
        over = self.count - FREE_TRIES
        return self.last_s + (min(2.0**over, LONGEST_WAIT_S) if over >= 0 else 0.0)


class Guesses:
    """Wrong keys by address: after a few, each makes the next wait twice as long."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock, self._lock = clock, Lock()
        self._wrong: TTLCache[str, _Wrong] = TTLCache(MOST_ADDRESSES, FORGET_S, timer=clock)

    def wait_s(self, address: str) -> int:
        """Whole seconds until this address may try again; 0 is now."""
        with self._lock, self._wrong.timer:
            wrong = self._wrong.get(network_of(address))
        return 0 if wrong is None else max(0, -int(-(wrong.until_s - self._clock()) // 1))

    def count(self, address: str) -> None:
        """One more wrong key."""
        network, now_s = network_of(address), self._clock()
        with self._lock, self._wrong.timer:
            before = self._wrong.pop(network, None)
            count = before.count if before is not None else 0
            self._wrong[network] = _Wrong(count=min(count + 1, 100), last_s=now_s)

    def forget(self, address: str) -> None:
        """A right key."""
        with self._lock, self._wrong.timer:
            self._wrong.pop(network_of(address), None)


def network_of(address: str) -> str:
    """What counts as one caller: an IPv4 address, or the 64 bits of an IPv6 one that its owner cannot choose."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:  # no TCP, or a test
        return address
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
