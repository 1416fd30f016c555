"""Which of several servers gets the next request: the one that has least to do, and none that fails.

Each has a circuit breaker (Nygard, Release It!, 2007): after some failures in a row it is left out. While it is, it is
looked at now and then, after ever longer pauses; where it answers again, one request is sent to it on trial, whose end
decides. What the requests are and how one looks is not known here; clock and chance are handed in.
"""

import random
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import inf
from types import TracebackType
from typing import Literal, Self

ServerStanding = Literal["up", "trial", "down"]


@dataclass(frozen=True, kw_only=True, slots=True)
class BalancerLimits:
    """When a server is left out, and how often one is looked at."""

    failures: int = 3  # in a row, of requests and of looks, after which a server is left out
    pause_s: float = 1.0  # before the first look at one that is; each look or trial that fails doubles it
    longest_pause_s: float = 60.0
    jitter: float = 0.25  # share of a pause that chance adds, so that several programs do not look at once
    idle_s: float = 30.0  # without a request, after which one of several is looked at
    recent_s: float = 120.0  # how long a time to the first word counts


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerHealth:
    """How a server stands."""

    name: str  # its address, fit to be shown
    standing: ServerStanding = "up"  # "trial": it answers again, and the next request decides
    in_flight: int = 0  # requests from here that are under way
    served: int = 0  # requests that came to a good end
    failed: int = 0  # requests that did not, since the start
    first_word_s: float | None = None  # of the last request that had one, where it is recent
    reason: str = ""  # what went wrong last, as long as it was not put right


@dataclass(kw_only=True, slots=True)
class _Server:
    """What is known of one; the lock of its Balancer guards it."""

    number: int
    name: str
    standing: ServerStanding = "up"
    in_flight: int = 0
    served: int = 0
    failed: int = 0
    in_row: int = 0  # requests that failed since the last good one
    missed: int = 0  # looks that failed since the last good one
    first_word_s: float | None = None
    measured_s: float = -inf  # on the clock: when that was
    used_s: float = -inf  # on the clock: its last request began or ended
    look_s: float = -inf  # on the clock: not looked at before
    turn: int = 0  # of its last request, among all: who waited longest is first of equals
    pause_s: float = 0.0
    is_looked_at: bool = False
    is_tried: bool = False  # its request on trial is under way
    reason: str = ""


class Balancer:
    """Servers by number, in the order of `names`. May be used from many threads."""

    def __init__(
        self,
        names: Sequence[str],
        limits: BalancerLimits | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.limits, self._clock, self._chance = limits or BalancerLimits(), clock, chance
        self._servers = [_Server(number=n, name=name) for n, name in enumerate(names)]  # due at once: not known yet
        self._changed, self._turns = threading.Condition(), 0
        self._closed = False

    def begin(self, without: Collection[int] = ()) -> "RequestTurn | None":
        """A turn at the server with the fewest requests under way, then the shortest time to the first word (by tenths
        of a second), then the longest wait. None where all are left out or in `without`.
        """
        with self._changed:
            now = self._clock()
            fit = [each for each in self._servers if each.number not in without and takes_requests(each)]
            if not fit:
                return None
            server = min(fit, key=lambda each: (each.in_flight, round(self._speed(each, now) or 0.0, 1), each.turn))
            self._turns += 1
            server.turn, server.used_s, server.in_flight = self._turns, now, server.in_flight + 1
            server.is_tried = server.standing == "trial"
            return RequestTurn(self, server.number, on_trial=server.is_tried, began_s=now)

    @property
    def is_down(self) -> bool:
        """Whether every server is left out."""
        with self._changed:
            return all(each.standing == "down" for each in self._servers)

    def states(self) -> tuple[ServerHealth, ...]:
        """How each stands now."""
        with self._changed:
            now = self._clock()
            return tuple(
                ServerHealth(
                    name=each.name,
                    standing=each.standing,
                    in_flight=each.in_flight,
                    served=each.served,
                    failed=each.failed,
                    first_word_s=self._speed(each, now),
                    reason=each.reason,
                )
                for each in self._servers
            )

    def take_due(self) -> list[int]:
        """Servers to be looked at now; each is given out once, until `note_look` says what was seen."""
        with self._changed:
            now = self._clock()
            due = [each for each in self._servers if not each.is_looked_at and self._due_s(each) <= now]
            for each in due:
                each.is_looked_at = True
            return [each.number for each in due]

    def note_look(self, number: int, reason: str = "", *, unfit: bool = False) -> None:
        """What was seen: `reason` says why it does not answer as it should; `unfit`: nor ever will, as it is."""
        with self._changed:
            server, now = self._servers[number], self._clock()
            server.is_looked_at = False
            if reason:
                server.missed, server.reason = server.missed + 1, reason
                self._weigh(server, now, leave=unfit or server.standing != "up")
                return
            server.missed, server.used_s, server.look_s = 0, now, now + self.limits.idle_s
            if server.standing == "down":
                server.standing, server.measured_s = "trial", -inf
            elif not server.in_row:
                server.reason = ""

    def wait(self) -> bool:
        """Until a server is due, or something failed. False: closed, and nobody needs to look any more."""
        with self._changed:
            if not self._closed:
                due_s = min((self._due_s(each) for each in self._servers if not each.is_looked_at), default=inf)
                self._changed.wait(max(0.0, min(due_s - self._clock(), self.limits.idle_s)))
            return not self._closed

    def close(self) -> None:
        """Nobody looks any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def note_word(self, turn: "RequestTurn") -> None:
        """A request has its first word."""
        with self._changed:
            server, now = self._servers[turn.number], self._clock()
            server.first_word_s, server.measured_s = now - turn.began_s, now
            if server.standing == "trial":  # others need not wait for its end; one failure leaves it out again
                server.standing, server.in_row = "up", self.limits.failures - 1

    def note_failure(self, turn: "RequestTurn", reason: str) -> None:
        """A request failed, by no fault of its own."""
        with self._changed:
            server = self._servers[turn.number]
            server.failed, server.in_row, server.reason = server.failed + 1, server.in_row + 1, reason
            if server.standing != "down":  # else it was under way when the server was left out
                self._weigh(server, self._clock(), leave=turn.on_trial)

    def note_end(self, turn: "RequestTurn", *, good: bool) -> None:
        """A request is over; not `good`: it failed, or nobody waited for its end."""
        with self._changed:
            server, now = self._servers[turn.number], self._clock()
            server.in_flight, server.used_s = server.in_flight - 1, now
            server.is_tried = server.is_tried and not turn.on_trial
            if good:
                server.served += 1
                server.standing, server.reason = "up", ""
                server.in_row, server.missed, server.pause_s = 0, 0, 0.0

    def _weigh(self, server: _Server, now: float, *, leave: bool) -> None:
        """Leave it out after too many failures, or at once; have it looked at soon otherwise."""
        if leave or server.in_row + server.missed >= self.limits.failures:
            server.standing = "down"
            server.pause_s = min(self.limits.longest_pause_s, 2 * server.pause_s or self.limits.pause_s)
            server.look_s = now + server.pause_s * (1 + self.limits.jitter * self._chance())
        else:
            server.look_s = now if not server.missed else now + self.limits.pause_s
        self._changed.notify_all()

    def _due_s(self, server: _Server) -> float:
        """On the clock: when it is to be looked at."""
        if server.standing == "down" or (server.standing == "up" and (server.in_row or server.missed)):
            return server.look_s
        if server.in_flight or len(self._servers) == 1:  # nobody is asked for nothing: whoever asks it next will see
            return inf
        return server.used_s + self.limits.idle_s

    def _speed(self, server: _Server, now: float) -> float | None:
        """Seconds to its first word, where that was measured lately."""
        return server.first_word_s if now - server.measured_s <= self.limits.recent_s else None


def takes_requests(server: _Server) -> bool:
    """Whether a request may be sent there: on trial one at a time."""
    return server.standing == "up" or (server.standing == "trial" and not server.is_tried)


class RequestTurn:
    """One request at one server; a context that counts it as under way."""

    def __init__(self, balancer: Balancer, number: int, *, on_trial: bool, began_s: float) -> None:
        self.number, self.on_trial, self.began_s = number, on_trial, began_s
        self._balancer, self._spoke, self._good = balancer, False, False

    def speak(self) -> None:
        """A piece of the answer came; the first one is timed."""
        if not self._spoke:
            self._spoke = True
            self._balancer.note_word(self)

    def fail(self, reason: str) -> None:
        """It failed, and the server is to blame."""
        self._balancer.note_failure(self, reason)

    def succeed(self) -> None:
        """It came to a good end."""
        self._good = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._balancer.note_end(self, good=self._good)
