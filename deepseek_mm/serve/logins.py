"""Who has logged in, and who guesses: kept in memory, by a clock that nobody can set.

A login is a random token in the browser's cookie; here only its hash is kept. Times come from the monotonic clock, so
a clock that jumps makes no login older or younger. That clock knows nothing of the time before the process started:
after a restart everybody logs in again.
"""

import hashlib
import ipaddress
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MOST_LOGINS = 1_000  # at once; the oldest goes first
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
        self._clock, self.lasts_s = clock, lasts_s
        self._until: OrderedDict[bytes, tuple[str, float]] = OrderedDict()  # hash of the token -> key's id, its end

    def begin(self, key_id: str) -> str:
        """The token of a new login."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._until[_hash(token)] = (key_id, self._clock() + self.lasts_s)
        while len(self._until) > MOST_LOGINS:
            self._until.popitem(last=False)
        return token

    def key_id(self, token: str) -> str | None:
        """The key that was shown when this login began; None if it is none, or over."""
        key_id, until_s = self._until.get(_hash(token), ("", 0.0))
        if not key_id or self._clock() >= until_s:
            self.end(token)
            return None
        return key_id

    def end(self, token: str) -> None:
        """Forget it."""
        self._until.pop(_hash(token), None)


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
        self._clock = clock
        self._wrong: OrderedDict[str, _Wrong] = OrderedDict()

    def wait_s(self, address: str) -> int:
        """Whole seconds until this address may try again; 0 is now."""
        wrong = self._wrong.get(network_of(address))
        return 0 if wrong is None else max(0, -int(-(wrong.until_s - self._clock()) // 1))

    def count(self, address: str) -> None:
        """One more wrong key."""
        network, now_s = network_of(address), self._clock()
        before = self._wrong.pop(network, None)
        count = before.count if before is not None and now_s - before.last_s < FORGET_S else 0
        self._wrong[network] = _Wrong(count=min(count + 1, 100), last_s=now_s)
        while len(self._wrong) > MOST_ADDRESSES:
            self._wrong.popitem(last=False)

    def forget(self, address: str) -> None:
        """A right key."""
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
