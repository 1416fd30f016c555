"""The graph of a repository: who calls what, by which way, reached by which tests.

What is asked of it is answered by `GraphReader`, wherever symbols and links lie: in memory, or in a file
(`graph_store`).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from deepseek_mm.code_graph.records import (
    CALLS,
    CERTAINTIES,
    Certainty,
    CodeLink,
    CodeSymbol,
    UnreadFile,
)

MOST_DEPTH = 8  # calls that a path goes through
MOST_STEPS = 40  # links of one path
MOST_TESTS = 200
TRIVIAL = frozenset(["__init__", "__repr__", "__str__", "__len__", "__eq__", "__hash__"])


@dataclass(frozen=True, kw_only=True, slots=True)
class PathStep:
    """One call of a path, and how deep below its beginning it is."""

    link: CodeLink
    depth: int  # from 1


@dataclass(frozen=True, kw_only=True, slots=True)
class ReachingTest:
    """A test that gets to a definition, and through what."""

    test: CodeSymbol
    through: tuple[CodeSymbol, ...]  # from the test to the definition, both left out
    certainty: Certainty  # the least of the links


class GraphReader(ABC):
    """Answers questions about symbols and links."""

    @abstractmethod
    def symbols_of(self, path: str) -> list[CodeSymbol]:
        """Everything that a file defines."""

    @abstractmethod
    def links_to(self, ids: Sequence[int]) -> list[CodeLink]:
        """Links whose targets are these symbols."""

    @abstractmethod
    def find_outside(self, ids: Sequence[int], name: str) -> set[int]:
        """Those of these symbols that call something of this name, and only what is not defined here."""

    @abstractmethod
    def links_from(self, ids: Sequence[int]) -> list[CodeLink]:
        """Links that begin at these symbols."""

    def find_enclosing(self, path: str, line: int) -> CodeSymbol | None:
        """The innermost definition that holds a line of a file."""
        held = [one for one in self.symbols_of(path) if one.first <= line <= one.last]
        return min(held, key=lambda one: (one.last - one.first, one.kind == "module"), default=None)

    def find_callers(self, symbol: CodeSymbol, *, least: Certainty = "likely") -> list[CodeLink]:
        """Who calls it, the surest first; properties, operators and functions that are handed on count."""
        return sort_surest(choose_calls(self.links_to([symbol.id]), least))

    def find_callees(self, symbol: CodeSymbol, *, least: Certainty = "likely") -> list[CodeLink]:
        """What it calls, in the order of its lines."""
        return sorted(choose_calls(self.links_from([symbol.id]), least), key=lambda link: link.lines)

    def find_tests(
        self, symbol: CodeSymbol, *, depth: int = MOST_DEPTH, least: Certainty = "likely"
    ) -> list[ReachingTest]:
        """Tests that get to it, by the shortest way each, the nearest first; of a class also by way of its methods."""
        goals = [symbol, *self._members(symbol)] if symbol.kind == "class" else [symbol]
        ways: dict[int, tuple[CodeLink, ...]] = {goal.id: () for goal in goals}
        at, found = [goal.id for goal in goals], dict[int, ReachingTest]()
        for _ in range(depth):
            links, at = sort_surest(choose_calls(self.links_to(at), least)), []
            for link in links:
                if link.source.id in ways:
                    continue
                ways[link.source.id] = (link, *ways[link.target.id])
                if link.source.is_test:
                    found[link.source.id] = reaching_test(ways[link.source.id])
                else:
                    at.append(link.source.id)
            if not at or len(found) >= MOST_TESTS:
                break
        return list(found.values())[:MOST_TESTS]

    def _members(self, owner: CodeSymbol) -> list[CodeSymbol]:
        return [one for one in self.symbols_of(owner.path) if one.qualified.startswith(f"{owner.qualified}.")]

    def trace_path(
        self, start: CodeSymbol, *, to: CodeSymbol | None = None, depth: int = MOST_DEPTH, most: int = MOST_STEPS
    ) -> list[PathStep]:
        """What happens from a function on: its calls and theirs, each definition once, at most `most` of them; with
        `to` only the shortest way there, empty where there is none.
        """
        if to is not None:
            return self._shortest_way(start, to, depth)
        return list(self._walk(start, depth, most))

    def _walk(self, start: CodeSymbol, depth: int, most: int) -> Iterator[PathStep]:
        """Breadth first decides what is near enough, depth first the order."""
        children: dict[int, list[CodeLink]] = {}
        seen, at, count = {start.id}, [start.id], 0
        for _ in range(depth):
            links, at = self._callees_in_order(at), []
            for link in links:
                if link.target.id in seen or link.target.name in TRIVIAL or link.target.is_test or count >= most:
                    continue
                seen.add(link.target.id)
                children.setdefault(link.source.id, []).append(link)
                at.append(link.target.id)
                count += 1
            if not at or count >= most:
                break
        stack = [(link, 1) for link in reversed(children.get(start.id, ()))]
        while stack:
            link, level = stack.pop()
            yield PathStep(link=link, depth=level)
            stack += [(each, level + 1) for each in reversed(children.get(link.target.id, ()))]

    def _callees_in_order(self, ids: Sequence[int]) -> list[CodeLink]:
        place = {number: n for n, number in enumerate(ids)}
        chosen = choose_calls(self.links_from(ids), "likely")
        return sorted(chosen, key=lambda link: (place[link.source.id], link.lines))

    def _shortest_way(self, start: CodeSymbol, to: CodeSymbol, depth: int) -> list[PathStep]:
        ways: dict[int, tuple[CodeLink, ...]] = {start.id: ()}
        at = [start.id]
        for _ in range(depth):
            links, at = self._callees_in_order(at), []
            for link in links:
                if link.target.id not in ways:
                    ways[link.target.id] = (*ways[link.source.id], link)
                    at.append(link.target.id)
            if not at or to.id in ways:
                break
        return [PathStep(link=link, depth=n) for n, link in enumerate(ways.get(to.id, ()), start=1)]


class CodeGraph(GraphReader):
    """Symbols and links in memory. It does not change."""

    def __init__(
        self,
        symbols: Sequence[CodeSymbol],
        links: Sequence[CodeLink],
        *,
        unread: Sequence[UnreadFile] = (),
        outside: Iterable[tuple[int, str]] = (),
    ) -> None:
        """`outside`: numbers of symbols, and names that they call of which nothing is defined here."""
        self.outside = frozenset(outside)
        self.symbols, self.links, self.unread = tuple(symbols), tuple(links), tuple(unread)
        self._to: dict[int, list[CodeLink]] = {}
        self._from: dict[int, list[CodeLink]] = {}
        for link in self.links:
            self._to.setdefault(link.target.id, []).append(link)
            self._from.setdefault(link.source.id, []).append(link)

    @cached_property
    def by_place(self) -> dict[tuple[str, int], CodeSymbol]:
        """Path and first line, decorators included -> what begins there."""
        return {(symbol.path, symbol.first): symbol for symbol in reversed(self.symbols)}

    @cached_property
    def _by_path(self) -> dict[str, list[CodeSymbol]]:
        found: dict[str, list[CodeSymbol]] = {}
        for symbol in self.symbols:
            found.setdefault(symbol.path, []).append(symbol)
        return found

    def symbols_of(self, path: str) -> list[CodeSymbol]:
        """Everything that a file defines."""
        return list(self._by_path.get(path, ()))

    def links_to(self, ids: Sequence[int]) -> list[CodeLink]:
        """Links whose targets are these symbols."""
        return [link for each in ids for link in self._to.get(each, ())]

    def links_from(self, ids: Sequence[int]) -> list[CodeLink]:
        """Links that begin at these symbols."""
        return [link for each in ids for link in self._from.get(each, ())]

    def find_outside(self, ids: Sequence[int], name: str) -> set[int]:
        """Those of these symbols that call something of this name, and only what is not defined here."""
        return {each for each in ids if (each, name) in self.outside}


def choose_calls(links: Iterable[CodeLink], least: Certainty) -> list[CodeLink]:
    """Those that are calls, and at least so sure."""
    most = CERTAINTIES.index(least)
    return [link for link in links if link.kind in CALLS and CERTAINTIES.index(link.certainty) <= most]


def sort_surest(links: Iterable[CodeLink]) -> list[CodeLink]:
    """The surest first, then by place."""
    return sorted(links, key=lambda one: (CERTAINTIES.index(one.certainty), one.source.path, one.lines))


def reaching_test(way: Sequence[CodeLink]) -> ReachingTest:
    """A test from the links that lead from it."""
    least = max((link.certainty for link in way), key=CERTAINTIES.index)
    return ReachingTest(test=way[0].source, through=tuple(link.target for link in way[:-1]), certainty=least)
