"""The graph of a repository: who calls what, by which way, reached by which tests."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from deepseek_mm.code_graph.records import (
    CALLS,
    CERTAINTIES,
    Certainty,
    CodeLink,
    CodeSymbol,
    LinkKind,
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


class CodeGraph:
    """Symbols and links, to be asked. It does not change."""

    def __init__(
        self,
        symbols: Sequence[CodeSymbol],
        links: Sequence[CodeLink],
        *,
        imports: Iterable[tuple[str, str]] = (),
        unread: Sequence[UnreadFile] = (),
    ) -> None:
        """`imports` are pairs of files, the first of which imports the second."""
        self.symbols, self.links, self.unread = tuple(symbols), tuple(links), tuple(unread)
        self.imports = frozenset(imports)
        self._by_name: dict[str, list[CodeSymbol]] = {}
        self._to: dict[int, list[CodeLink]] = {}
        self._from: dict[int, list[CodeLink]] = {}
        for symbol in self.symbols:
            self._by_name.setdefault(symbol.name, []).append(symbol)
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

    def find_symbols(self, name: str, *, path: str = "") -> list[CodeSymbol]:
        """What has this name, with as much before it as is known ("Assistant.ask"), in files whose path ends so."""
        parts = [part for part in name.strip().removesuffix("()").replace("::", ".").split(".") if part]
        if not parts:
            return []
        found = []
        for symbol in self._by_name.get(parts[-1], ()):
            inner = () if symbol.kind == "module" else symbol.qualified.split(".")
            full = [*PurePosixPath(symbol.path.removesuffix("/__init__.py")).with_suffix("").parts, *inner]
            if full[-len(parts) :] == parts and f"/{symbol.path}".endswith(f"/{path.lstrip('/')}" if path else ""):
                found.append(symbol)
        return sorted(found, key=lambda one: (one.is_test, one.path, one.line))

    def find_enclosing(self, path: str, line: int) -> CodeSymbol | None:
        """The innermost definition that holds a line of a file."""
        held = [one for one in self._by_path.get(path, ()) if one.first <= line <= one.last]
        return min(held, key=lambda one: (one.last - one.first, one.kind == "module"), default=None)

    def symbols_of(self, path: str) -> list[CodeSymbol]:
        """Everything that a file defines."""
        return list(self._by_path.get(path, ()))

    def find_callers(self, symbol: CodeSymbol, *, least: Certainty = "likely") -> list[CodeLink]:
        """Who calls it, the surest first; properties, operators and functions that are handed on count."""
        return self._choose(self._to.get(symbol.id, ()), CALLS, least)

    def find_callees(self, symbol: CodeSymbol, *, least: Certainty = "likely") -> list[CodeLink]:
        """What it calls, in the order of its lines."""
        found = self._choose(self._from.get(symbol.id, ()), CALLS, least)
        return sorted(found, key=lambda link: link.lines)

    def _choose(self, links: Iterable[CodeLink], kinds: Iterable[LinkKind | str], least: Certainty) -> list[CodeLink]:
        most = CERTAINTIES.index(least)
        chosen = [link for link in links if link.kind in kinds and CERTAINTIES.index(link.certainty) <= most]
        return sorted(chosen, key=lambda one: (CERTAINTIES.index(one.certainty), one.source.path, one.lines))

    def find_tests(
        self, symbol: CodeSymbol, *, depth: int = MOST_DEPTH, least: Certainty = "likely"
    ) -> list[ReachingTest]:
        """Tests that get to it, by the shortest way each, the nearest first; of a class also by way of its methods."""
        goals = [symbol, *self._members(symbol)] if symbol.kind == "class" else [symbol]
        ways: dict[int, tuple[CodeLink, ...]] = {goal.id: () for goal in goals}
        waiting = deque(goals)
        found: dict[int, ReachingTest] = {}
        while waiting and len(found) < MOST_TESTS:
            at = waiting.popleft()
            for link in self.find_callers(at, least=least) if len(ways[at.id]) < depth else ():
                if link.source.id in ways:
                    continue
                ways[link.source.id] = (link, *ways[at.id])
                if link.source.is_test:
                    found[link.source.id] = reaching_test(ways[link.source.id])
                else:
                    waiting.append(link.source)
        return list(found.values())

    def _members(self, owner: CodeSymbol) -> list[CodeSymbol]:
        return [one for one in self._by_path.get(owner.path, ()) if one.qualified.startswith(f"{owner.qualified}.")]

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
        seen, waiting, count = {start.id}, deque([(start, 0)]), 0
        while waiting and count < most:
            at, level = waiting.popleft()
            for link in self.find_callees(at) if level < depth else ():
                if link.target.id in seen or link.target.name in TRIVIAL or link.target.is_test or count >= most:
                    continue
                seen.add(link.target.id)
                children.setdefault(at.id, []).append(link)
                waiting.append((link.target, level + 1))
                count += 1
        stack = [(link, 1) for link in reversed(children.get(start.id, ()))]
        while stack:
            link, level = stack.pop()
            yield PathStep(link=link, depth=level)
            stack += [(each, level + 1) for each in reversed(children.get(link.target.id, ()))]

    def _shortest_way(self, start: CodeSymbol, to: CodeSymbol, depth: int) -> list[PathStep]:
        ways: dict[int, tuple[CodeLink, ...]] = {start.id: ()}
        waiting = deque([start])
        while waiting and to.id not in ways:
            at = waiting.popleft()
            for link in self.find_callees(at) if len(ways[at.id]) < depth else ():
                if link.target.id not in ways:
                    ways[link.target.id] = (*ways[at.id], link)
                    waiting.append(link.target)
        return [PathStep(link=link, depth=n) for n, link in enumerate(ways.get(to.id, ()), start=1)]


def reaching_test(way: Sequence[CodeLink]) -> ReachingTest:
    """A test from the links that lead from it."""
    least = max((link.certainty for link in way), key=CERTAINTIES.index)
    return ReachingTest(test=way[0].source, through=tuple(link.target for link in way[:-1]), certainty=least)
