"""Makes room for a new connection where too many are open: the longest idle one goes, of the address that has most.

A flood of connections on which nothing is asked so shuts nobody out, also where everybody has one address (this
machine, or a proxy). Next go those whose request has only begun to come; one that is being answered is never cut.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Protocol

from deepseek_mm.config import ServeConfig
from deepseek_mm.serve.logins import network_of

BUSY, TOO_MANY = 503, 429


class Evictable(Protocol):
    """A connection that can say whether it may go."""

    network: str  # whom it counts for
    idle_since_s: float  # by the event loop's clock

    def stage(self) -> int | None:
        """0 if nothing is asked, 1 if a request has only begun to come, None if one is under way."""

    def evict(self) -> None:
        """Close it."""


def make_room(new: Evictable, connections: Iterable[Any], serve: ServeConfig) -> tuple[int, str] | None:
    """Close what `new` needs closed; or the status and the reason why there is no room for it.

    `connections` are all of the server, `new` among them; websockets count, and are never closed.
    """
    opened = [each for each in connections if not each.transport.is_closing()]
    counts = Counter(network_of_connection(each) for each in opened)
    idle = [each for each in opened if is_evictable(each, new)]
    mine = [each for each in idle if each.network == new.network]
    most = serve.connections_per_address
    if counts[new.network] > most:
        if not evict_first(mine, counts):
            return TOO_MANY, f"{most} connections are open from your address, and no more may be. Close some"
    elif len(opened) > serve.connections and not evict_first(idle, counts):
        return BUSY, f"{serve.connections} connections are open, and no more may be. Try again in a moment"
    return None


def is_evictable(each: Any, new: Evictable) -> bool:
    """Whether it is another connection, and may be closed."""
    return each is not new and hasattr(each, "stage") and each.stage() is not None


def evict_first(idle: list[Any], counts: Counter[str]) -> bool:
    """Close the one that goes first, if there is one."""
    if idle:
        min(idle, key=lambda each: (each.stage(), -counts[each.network], each.idle_since_s)).evict()
    return bool(idle)


def network_of_connection(each: Any) -> str:
    """Whom a connection counts for, a websocket too."""
    return each.network if hasattr(each, "network") else network_of(each.client[0] if each.client else "")
