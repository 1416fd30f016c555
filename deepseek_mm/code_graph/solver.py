"""Which values names may have: every scope is read again until nothing new is learned.

Values are tuples whose first item names their kind:
  f id: a function; b id: one bound to its first argument; c id: a class; C id: it or one below; e id: an instance of
  just this class; i id: of it or one below; m file: a module; X name: something that is not here; I name: an instance
  of something that is not here; L site: a container; D site: a mapping; T site n: a tuple; S id: super of a class;
  M id: a context that a generator function gives; a value name: a method of a container
Slots of values: (scope, name) a variable; (A, class, name) an attribute of instances; (E, site) elements; (K, site)
keys; (V, site, key) elements under a key that is written out, (U, site) those under others; (T, site, n) items of
tuples; (R, id) what a function returns; (P, id, name) a parameter, without what calls give; (F, id, name) an attribute
of a function.

Order does not count, so two uses of one variable are one. A call binds arguments to parameters, so what is known of a
caller is known of the called. Sets are bounded; what does not fit is not known.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from deepseek_mm.code_graph.program import CodeScope, Program

Value = tuple[Any, ...]
Values = set[Value] | frozenset[Value]
Slot = tuple[Any, ...]
Limit = tuple[frozenset[int], frozenset[str]]  # classes, and names of what is not here
NOTHING: frozenset[Value] = frozenset()
MOST_VALUES, MOST_CONTAINERS = 64, 16  # of one slot; containers come in when there are few
MOST_VISITS = 7  # of one scope
CERTAIN, LIKELY, BY_NAME = 0, 1, 2
FEW = 6  # targets that values from elsewhere may mean, so that each of them is likely
INSTANCES, CLASSES, FUNCTIONS = ("e", "i"), ("c", "C"), ("f", "b")
CONTAINERS = ("L", "D", "T")


class Solver:
    """Learns the values of all slots, then tells every use of a definition."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.slots: dict[Slot, set[Value]] = {}
        self.readers: dict[Slot, set[int]] = {}
        self.links: dict[tuple[int, int, str], tuple[int, set[int]]] = {}
        self.here: CodeScope = program.scopes[0] if program.scopes else CodeScope(
            id=0, file=0, base=0, kind="module", name="", parent=-1, facts={}
        )  # fmt: skip
        self.is_recording = self.is_guessing = False
        self.self_of = ""  # the method at hand, where its own instance stands before the last dot
        self.is_known = False  # whether one of the values before the last dot has what stands behind it
        self.stored: set[int] = set()  # functions that stand behind it because they were stored there
        self.crowd = 0  # instances of how many classes may stand before the last dot
        self.limits: dict[Slot, Limit] = {}  # what an annotation allows
        self._allowed: dict[Limit, dict[int, bool]] = {}
        self.outside: set[tuple[int, str]] = set()  # scopes, and names of what they call that is not here
        self.unknown: set[tuple[int, str]] = set()  # the same of what may be anything
        self.decorated: set[Value] = set()  # functions that went through a decorator, and are not what that gives
        self.puzzled: set[int] = set()  # scopes in which something is called of which nothing is known
        self._waiting: deque[int] = deque()
        self._queued: set[int] = set()
        self._visits: dict[int, int] = {}

    def solve(
        self,
        evaluate: Callable[["Solver", CodeScope], None],
        prepare: Callable[["Solver", CodeScope], None],
    ) -> None:
        """Modules and classes first, then all until nothing changes; once more with guesses by names; then record."""
        scopes = self.program.scopes
        outer = [scope.id for scope in scopes if scope.kind in ("module", "class")]
        self._work_off(outer, evaluate)
        for scope in scopes:
            self.here = scope
            prepare(self, scope)
        self._work_off(range(len(scopes)), evaluate)
        self.is_guessing = True
        self._work_off(sorted(self.puzzled), evaluate)
        self.is_recording = True
        for scope in scopes:
            self.here = scope
            evaluate(self, scope)
        self.is_recording = False

    def _work_off(self, starts: Iterable[int], evaluate: Callable[["Solver", CodeScope], None]) -> None:
        self._visits.clear()
        self.enqueue(starts)
        while self._waiting:
            number = self._waiting.popleft()
            self._queued.discard(number)
            self._visits[number] = self._visits.get(number, 0) + 1
            if self._visits[number] <= MOST_VISITS:
                self.here = self.program.scopes[number]
                self.puzzled.discard(number)
                evaluate(self, self.here)

    def enqueue(self, scopes: Iterable[int]) -> None:
        """Have these read again."""
        for number in scopes:
            if number not in self._queued:
                self._queued.add(number)
                self._waiting.append(number)

    def enqueue_seen(self) -> None:
        """After what classes inherit has changed."""
        self._allowed.clear()
        self.enqueue(list(self._visits))

    def read(self, slot: Slot) -> Values:
        """The values of a slot; the scope at hand is read again when there are more."""
        if not self.is_recording:
            readers = self.readers.get(slot)
            if readers is None:
                self.readers[slot] = {self.here.id}
            else:
                readers.add(self.here.id)
        return self.slots.get(slot, NOTHING)

    def write(self, slot: Slot, values: Values) -> None:
        """Add values to a slot."""
        if not values or self.is_recording:
            return
        if slot in self.limits:
            values = self.within(values, self.limits[slot])
        known = self.slots.setdefault(slot, set())
        if values <= known or len(known) >= MOST_VALUES:
            return
        if len(known) > MOST_CONTAINERS:
            values = {value for value in values if value[0] not in CONTAINERS}
            if values <= known:
                return
        known |= values
        self.enqueue(self.readers.get(slot, ()))

    def within(self, values: Values, limit: Limit) -> Values:
        """Without instances that an annotation does not allow."""
        return {value for value in values if value[0] not in INSTANCES or self._allows(limit, value[1])}

    def _allows(self, limit: Limit, owner: int) -> bool:
        known = self._allowed.setdefault(limit, {})
        if owner not in known:
            classes, names = limit
            known[owner] = (
                not classes.isdisjoint(self.program.order(owner))
                or any(owner in self.program.below(each) for each in classes)
                or not names.isdisjoint(self.program.foreign_names(owner))
            )
        return known[owner]

    def add_attribute(self, owner: int, name: str) -> None:
        """Note that instances of a class have an attribute that its own methods do not store."""
        if not self.is_recording and self.program.add_attribute(owner, name):
            self.enqueue(self.readers.get(("N", name), ()))

    def link(self, target: int, kind: str, certainty: int, line: int) -> None:
        """Record that the scope at hand uses a definition."""
        if not self.is_recording:
            return
        key = (self.here.id, target, kind)
        known = self.links.get(key)
        if known is None:
            self.links[key] = (certainty, {line})
            return
        known[1].add(line)
        if certainty < known[0]:
            self.links[key] = (certainty, known[1])


def grade_targets(targets: int, sources: int) -> int:
    """How sure a link is of so many targets, found on values of so many kinds: what may be anything says little."""
    if targets <= 1 and sources <= 1:
        return CERTAIN
    return LIKELY if targets <= 1 or sources <= FEW else BY_NAME
