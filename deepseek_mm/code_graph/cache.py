"""Graphs and facts that were made before: in memory the last graphs, in a folder the facts of each file by its digest.

Whoever asks names the files by path and digest, so a file that changed makes another graph, of which only that file's
facts are new.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import Any

from cachetools import LRUCache

from deepseek_mm.code_graph.builder import Stopping, build_graph, never
from deepseek_mm.code_graph.graph import CodeGraph
from deepseek_mm.code_graph.python_facts import VERSION
from deepseek_mm.code_graph.records import CodeLink, CodeSymbol, SourceText, UnreadFile
from deepseek_mm.storage.files import atomic_write

KEPT_GRAPHS = 4  # in memory
KEPT_FILES = 40_000  # of facts; beyond that the oldest go
FAST = 1  # level of zlib: facts are read more often than written
Stamp = tuple[str, str]  # path and digest


class FactFolder:
    """Facts by digest, one small file each. What cannot be read is made anew."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / f"facts-{VERSION}"

    def read(self, digest: str, language: str) -> Mapping[str, Any] | None:
        """What was kept."""
        return read_packed(self._file(digest, language))

    def write(self, digest: str, language: str, facts: Mapping[str, Any]) -> None:
        """Keep it."""
        write_packed(self._file(digest, language), facts)

    def prune(self, most: int = KEPT_FILES) -> int:
        """Remove the oldest beyond so many; how many went."""
        files = sorted(self._folder.glob("*/*.z"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
        for file in files[most:]:
            file.unlink(missing_ok=True)
        return len(files[most:])

    def _file(self, digest: str, language: str) -> Path:
        name = hashlib.sha256(f"{language} {digest}".encode()).hexdigest()[:40]
        return self._folder / name[:2] / f"{name}.z"


class GraphCache:
    """Graphs of sets of files; safe for threads."""

    def __init__(self, folder: Path | None = None, *, kept: int = KEPT_GRAPHS) -> None:
        """With a folder facts and graphs outlive the process."""
        self._facts = FactFolder(folder) if folder else None
        self._folder = folder / f"graphs-{VERSION}" if folder else None
        self._graphs: LRUCache[str, CodeGraph] = LRUCache(maxsize=kept)
        self._lock, self._building = Lock(), Lock()

    def find(self, stamps: Iterable[Stamp]) -> CodeGraph | None:
        """The graph of just these files, if it was built."""
        key = key_of(stamps)
        with self._lock:
            known = self._graphs.get(key)
        if known is None and self._folder is not None:
            packed = read_packed(self._folder / f"{key}.z")
            known = unpack_graph(packed) if packed else None
            if known is not None:
                self._keep(key, known)
        return known

    def build(self, sources: Sequence[SourceText], stopping: Stopping = never) -> CodeGraph:
        """The graph of these files, from what is known of them; one is built at a time."""
        stamps = [(source.path, source.digest) for source in sources]
        with self._building:
            known = self.find(stamps)
            if known is not None:
                return known
            graph = build_graph(sources, self._facts, stopping)
            if not stopping():
                key = key_of(stamps)
                self._keep(key, graph)
                if self._folder is not None:
                    write_packed(self._folder / f"{key}.z", pack_graph(graph))
                    self._drop_old_graphs()
            return graph

    def _keep(self, key: str, graph: CodeGraph) -> None:
        with self._lock:
            self._graphs[key] = graph

    def _drop_old_graphs(self) -> None:
        files = sorted(self._folder.glob("*.z"), key=lambda file: file.stat().st_mtime_ns) if self._folder else []
        for file in files[: -2 * KEPT_GRAPHS]:
            file.unlink(missing_ok=True)
        if self._facts is not None:
            self._facts.prune()


def key_of(stamps: Iterable[Stamp]) -> str:
    """One digest for a set of files."""
    told = "\n".join(f"{path}\0{digest}" for path, digest in sorted(stamps))
    return hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()[:40]


def read_packed(file: Path) -> dict[str, Any] | None:
    """A file of packed JSON; None where there is none, or not one that can be read."""
    try:
        found = json.loads(zlib.decompress(file.read_bytes()))
    except (OSError, ValueError, zlib.error):
        return None
    return found if isinstance(found, dict) else None


def write_packed(file: Path, value: Mapping[str, Any]) -> None:
    """Write it whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(file, zlib.compress(json.dumps(value, separators=(",", ":")).encode(), FAST))


def pack_graph(graph: CodeGraph) -> dict[str, Any]:
    """As plain lists."""
    return {
        "symbols": [list(asdict(symbol).values()) for symbol in graph.symbols],
        "links": [[one.source.id, one.target.id, one.kind, one.certainty, list(one.lines)] for one in graph.links],
        "imports": sorted(graph.imports),
        "unread": [[each.path, each.why] for each in graph.unread],
    }


FIELDS = ("id", "path", "name", "qualified", "kind", "first", "line", "last", "doc", "is_test")


def unpack_graph(packed: Mapping[str, Any]) -> CodeGraph | None:
    """A graph from its lists; None where they are another version's."""
    try:
        symbols = [CodeSymbol(**dict(zip(FIELDS, row, strict=True))) for row in packed["symbols"]]
        by_id = {symbol.id: symbol for symbol in symbols}
        links = [
            CodeLink(source=by_id[source], target=by_id[target], kind=kind, certainty=sure, lines=tuple(lines))
            for source, target, kind, sure, lines in packed["links"]
        ]
        unread = [UnreadFile(path=path, why=why) for path, why in packed["unread"]]
        return CodeGraph(symbols, links, imports=[(a, b) for a, b in packed["imports"]], unread=unread)
    except (KeyError, TypeError, ValueError):
        return None
