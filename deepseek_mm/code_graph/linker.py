"""Makes a library's graph in a process of its own, which gives way to others and whose memory is bounded.

It reads files from its standard input, a line of JSON each, keeps their facts, and then links those parts of the
library in which something changed: files that import each other belong together, so a change of one project costs that
project. On its standard output it tells how far it is.
"""

import hashlib
import json
import os
import resource
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from deepseek_mm.code_graph.builder import GraphBuilder, read_source
from deepseek_mm.code_graph.graph import CodeGraph
from deepseek_mm.code_graph.graph_store import GraphFile, GraphStore, Import
from deepseek_mm.code_graph.modules import ModuleTable
from deepseek_mm.code_graph.python_facts import VERSION
from deepseek_mm.code_graph.records import PYTHON, SourceText

NICENESS = 10
MOST_CPU_S = 7_200  # of one pass
MEMORY_BYTES = 4_000_000_000  # of address space
MOST_TOGETHER = 2_500  # files that are linked in one go; what imports each other beyond that is cut by folders


def main(folder: str) -> None:
    """Take files in from standard input, then link."""
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_S, MOST_CPU_S))
    store = GraphStore(Path(folder))
    take_files(store, sys.stdin)
    for done, total in link_parts(store):
        sys.stdout.write(f"{done} {total}\n")
        sys.stdout.flush()
    store.close()


def write_source(source: SourceText) -> str:
    """A file as a line for the process."""
    row = {"path": source.path, "text": source.text, "digest": source.digest, "language": source.language}
    return json.dumps(row | {"outline": source.outline}) + "\n"


def take_files(store: GraphStore, lines: Iterable[str] | IO[str]) -> None:
    """Keep the facts of files."""
    for line in lines:
        take_file(store, SourceText(**json.loads(line)))


def take_file(store: GraphStore, source: SourceText) -> None:
    """Keep the facts of one file, or why it has none."""
    store.begin_file(source.path, source.digest, source.language)
    try:
        facts = read_source(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        store.keep_facts(source.path, {}, (), why=f"{type(error).__name__}: {error}"[:200])
        return
    store.keep_facts(source.path, facts, list_imports(facts) if source.language == PYTHON else ())


def list_imports(facts: Mapping[str, Any]) -> list[Import]:
    """What a file of Python imports, wherever in it."""
    found = dict[Import, None]()
    for scope in facts["scopes"]:
        for each in scope["code"]:
            if each[0] == "im":
                found[each[2], each[3], each[4]] = None
            elif each[0] == "im*":
                found[each[1], "", each[2]] = None
    return list(found)


def link_parts(store: GraphStore) -> Iterator[tuple[int, int]]:
    """Link every part in which a file is new, changed or gone; tells how many of them are done, of how many."""
    files = {path: file for path, file in store.list_files().items() if not file.why}
    parts = {name_part(files, paths): paths for paths in split_parts(list(files.values()))}
    due = {name: paths for name, paths in parts.items() if any(files[path].part != name for path in paths)}
    yield 0, len(due)
    for done, (name, paths) in enumerate(due.items(), start=1):
        link_part(store, name, paths, files)
        yield done, len(due)


def link_part(store: GraphStore, name: str, paths: Sequence[str], files: Mapping[str, GraphFile]) -> None:
    """Link files; where memory does not suffice, each half by itself."""
    try:
        graph = build_part(store, paths, files)
    except MemoryError:
        if len(paths) > 1:
            half = len(paths) // 2
            link_part(store, name, paths[:half], files)
            link_part(store, name, paths[half:], files)
            return
        graph = CodeGraph([], [])
    store.exchange_part(name, paths, graph)


def build_part(store: GraphStore, paths: Sequence[str], files: Mapping[str, GraphFile]) -> CodeGraph:
    """The graph of these files."""
    builder = GraphBuilder()
    for path in paths:
        facts = store.read_facts(path)
        if facts is not None:
            builder.add_facts(path, files[path].language, facts)
    return builder.build()


def name_part(files: Mapping[str, GraphFile], paths: Sequence[str]) -> str:
    """One digest for these files as they are."""
    told = "\n".join([str(VERSION), *(f"{path}\0{files[path].digest}" for path in paths)])
    return hashlib.sha256(told.encode()).hexdigest()[:40]


def split_parts(files: Sequence[GraphFile]) -> list[list[str]]:
    """Paths of files that import each other; all of other languages than Python, which are joined by names alone."""
    python = [file for file in files if file.language == PYTHON]
    groups = join_importing(python)
    others = [file.path for file in files if file.language != PYTHON]
    return [
        paths[start : start + MOST_TOGETHER]
        for paths in (*groups, sorted(others))
        for start in range(0, len(paths), MOST_TOGETHER)
    ]


def join_importing(files: Sequence[GraphFile]) -> list[list[str]]:
    """Paths of the files of each connected part of the graph of imports, sorted."""
    table = ModuleTable([file.path for file in files])
    parent = list(range(len(files)))

    def find_root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    for number, file in enumerate(files):
        for target in table.find_imported(file.imports, number):
            parent[find_root(number)] = find_root(target)
    groups: dict[int, list[str]] = {}
    for number, file in enumerate(files):
        groups.setdefault(find_root(number), []).append(file.path)
    return [sorted(paths) for paths in groups.values()]


if __name__ == "__main__":
    main(sys.argv[1])
