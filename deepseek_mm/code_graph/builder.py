"""Builds the graph from texts, or from the facts of files."""

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from deepseek_mm.code_graph.graph import CodeGraph
from deepseek_mm.code_graph.outlines import LANGUAGES, link_names, load_outline
from deepseek_mm.code_graph.program import CodeScope, Program
from deepseek_mm.code_graph.python_facts import read_facts
from deepseek_mm.code_graph.records import CERTAINTIES, PYTHON, CodeLink, CodeSymbol, SourceText, UnreadFile
from deepseek_mm.code_graph.solver import Solver
from deepseek_mm.code_graph.statements import evaluate_scope, prepare_scope

MOST_CHARS = 1_500_000  # of a file; what is longer was written by no person


class GraphBuilder:
    """Takes files one by one, then joins them."""

    def __init__(self) -> None:
        self._python: list[tuple[str, Mapping[str, Any]]] = []
        self._others: list[tuple[str, str, Mapping[str, Any]]] = []
        self._unread: list[UnreadFile] = []

    def add(self, source: SourceText) -> None:
        """Read one file. What cannot be read is told in the graph and harms nothing."""
        if source.language != PYTHON and source.language not in LANGUAGES:
            return
        try:
            facts = read_source(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            self._unread.append(UnreadFile(path=source.path, why=f"{type(error).__name__}: {error}"[:200]))
            return
        self.add_facts(source.path, source.language, facts)

    def add_facts(self, path: str, language: str, facts: Mapping[str, Any]) -> None:
        """Take one file of which the facts are known."""
        if language == PYTHON:
            self._python.append((path, facts))
        else:
            self._others.append((path, language, facts))

    def build(self) -> CodeGraph:
        """Join what was added."""
        with pause_collection():
            program = Program([path for path, _ in self._python], [facts for _, facts in self._python])
            solver = Solver(program)
            solver.solve(evaluate_scope, prepare_scope)
            symbols, links = symbols_of(program), links_of(solver)
            outside = {(symbols[scope].id, name) for scope, name in solver.outside - solver.unknown}
        made = [CodeLink(source=symbols[a], target=symbols[b], **more) for a, b, more in links]
        everything = list({symbol.id: symbol for symbol in symbols.values()}.values())
        self._add_others(everything, made)
        return CodeGraph(everything, made, unread=self._unread, outside=outside)

    def _add_others(self, symbols: list[CodeSymbol], links: list[CodeLink]) -> None:
        """Files of other languages, joined by names."""
        files = self._others
        made: dict[tuple[int, int], CodeSymbol] = {}
        number = max((symbol.id for symbol in symbols), default=-1) + 1
        for file, (path, _, outline) in enumerate(files):
            for n, each in enumerate([None, *outline["definitions"]], start=-1):
                made[file, n] = other_symbol(number, path, each)
                number += 1
        symbols += made.values()
        joined: dict[tuple[int, int], tuple[int, set[int]]] = {}
        for file, source, target_file, target, coded in link_names(files):
            pair = (made[file, source].id, made[target_file, target].id)
            sure, lines = joined.setdefault(pair, (coded % 4, set()))
            lines.add(coded // 4)
        by_id = {symbol.id: symbol for symbol in made.values()}
        links += [
            CodeLink(
                source=by_id[a], target=by_id[b], kind="call", certainty=CERTAINTIES[sure], lines=tuple(sorted(at))
            )
            for (a, b), (sure, at) in joined.items()
        ]


def read_source(source: SourceText) -> Mapping[str, Any]:
    """The facts of one file. SyntaxError, ValueError, RecursionError or MemoryError says why it has none."""
    if len(source.text) > MOST_CHARS:
        raise ValueError(f"longer than {MOST_CHARS:,} letters")
    return read_facts(source.text) if source.language == PYTHON else load_outline(source)


def build_graph(sources: Sequence[SourceText]) -> CodeGraph:
    """The graph of files, in one go."""
    builder = GraphBuilder()
    with pause_collection():
        for source in sources:
            builder.add(source)
    return builder.build()


@contextmanager
def pause_collection() -> Iterator[None]:
    """Millions of small lists live as long as the work does; looking through them again and again doubles its time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def symbols_of(program: Program) -> dict[int, CodeSymbol]:
    """CodeScope -> symbol; a lambda belongs to what it stands in."""
    found: dict[int, CodeSymbol] = {}
    for scope in program.scopes:
        if scope.kind == "lambda":
            found[scope.id] = found[scope.parent]
            continue
        first, line, last = scope.facts["lines"]
        is_test = program.is_test_file(scope.file) and is_test_name(program, scope)
        found[scope.id] = CodeSymbol(
            id=scope.id,
            path=program.modules.paths[scope.file],
            name=scope.name or program.modules.names[scope.file].rpartition(".")[2],
            qualified=program.qualify_name(scope),
            kind="method" if scope.owner >= 0 else scope.kind,
            first=first,
            line=line,
            last=last,
            doc=scope.facts["doc"],
            is_test=is_test,
        )
    return found


def is_test_name(program: Program, scope: CodeScope) -> bool:
    """A function that a runner of tests would call."""
    return scope.kind == "function" and scope.name.startswith("test") and "fixture" not in scope.flags


def links_of(solver: Solver) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Pairs of scopes, with what else a link says. What a lambda does, whoever holds it does."""
    scopes = solver.program.scopes
    joined: dict[tuple[int, int, str], tuple[int, set[int]]] = {}
    for (source, target, kind), (sure, lines) in solver.links.items():
        if scopes[target].kind == "lambda":
            continue
        while scopes[source].kind == "lambda":
            source = scopes[source].parent
        known = joined.get((source, target, kind))
        joined[source, target, kind] = (min(sure, known[0]), lines | known[1]) if known else (sure, lines)
    for (source, target, kind), (sure, lines) in joined.items():
        yield source, target, {"kind": kind, "certainty": CERTAINTIES[sure], "lines": tuple(sorted(lines))}


def other_symbol(number: int, path: str, each: Mapping[str, Any] | None) -> CodeSymbol:
    """A file, or something that it defines."""
    stem = path.rpartition("/")[2].partition(".")[0]
    if each is None:
        return CodeSymbol(id=number, path=path, name=stem, qualified=stem, kind="module", first=1, line=1, last=1)
    first, line, last = each["lines"]
    return CodeSymbol(
        id=number,
        path=path,
        name=each["name"],
        qualified=each["qualified"],
        kind=each["kind"],
        first=first,
        line=line,
        last=last,
        doc=each["doc"],
    )
