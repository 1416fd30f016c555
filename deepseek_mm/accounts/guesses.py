"""Wrong keys and passwords, counted by where they come from: after a few, each makes the next wait twice as long."""

import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

from cachetools import TTLCache

FREE_TRIES = 5  # wrong keys from one address before it has to wait
LONGEST_WAIT_S = 300.0
FORGET_S = 3600.0  # after the last wrong key
MOST_ADDRESSES = 10_000  # that are remembered; the one longest quiet goes first
MOST_COUNTED = 100  # more wrong keys count as so many
Clock = Callable[[], float]  # seconds, never back


@dataclass(frozen=True, kw_only=True, slots=True)
class _Wrong:
    """What one address has tried."""

    count: int
    last_s: float
    free: int

    @property
    def until_s(self) -> float:
        return self.last_s + wait_after(self.count, free=self.free)


def wait_after(count: int, *, free: int) -> float:
    """Seconds that somebody waits after so many wrong keys."""
    over = count - free
    return min(2.0**over, LONGEST_WAIT_S) if over >= 0 else 0.0


class GuessCounter(Protocol):
    """What counts wrong keys, of one server or of several."""

    def wait_s(self, address: str, name: str = "") -> int:
        """Whole seconds until this address may try again; 0 is now."""

    def count(self, address: str, name: str = "") -> None:
        """One more wrong key."""

    def forget(self, address: str, name: str = "") -> None:
        """A right key."""


class Guesses:
    """Wrong keys by address: after a few, each makes the next wait twice as long. With a `name` those of that name."""

    def __init__(self, clock: Clock = time.monotonic, *, free: int = FREE_TRIES) -> None:
        """`free` may be wrong before anybody has to wait."""
        self._clock, self._lock, self._free = clock, Lock(), free
        self._wrong: TTLCache[str, _Wrong] = TTLCache(MOST_ADDRESSES, FORGET_S, timer=clock)

    def wait_s(self, address: str, name: str = "") -> int:
        """Whole seconds until this address may try again; 0 is now."""
        with self._lock, self._wrong.timer:
            wrong = self._wrong.get(place_of_guess(address, name))
        return 0 if wrong is None else max(0, -int(-(wrong.until_s - self._clock()) // 1))

    def count(self, address: str, name: str = "") -> None:
        """One more wrong key."""
        place, now_s = place_of_guess(address, name), self._clock()
        with self._lock, self._wrong.timer:
            before = self._wrong.pop(place, None)
            count = before.count if before is not None else 0
            self._wrong[place] = _Wrong(count=min(count + 1, MOST_COUNTED), last_s=now_s, free=self._free)

    def forget(self, address: str, name: str = "") -> None:
        """A right key."""
        with self._lock, self._wrong.timer:
            self._wrong.pop(place_of_guess(address, name), None)


def place_of_guess(address: str, name: str) -> str:
    """What wrong keys are counted by."""
    return f"{network_of(address)} {name.strip().casefold()}"


def network_of(address: str) -> str:
    """What counts as one caller: an IPv4 address, or the 64 bits of an IPv6 one that its owner cannot choose."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:  # no TCP, or a test
        return address
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)
