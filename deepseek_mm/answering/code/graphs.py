"""The graph of a library's code as its asker sees it: who calls a definition, what it calls, which tests reach it.

The graph is made in the background (`library/code_pass.py`). Where it knows nothing of a definition, because its file
changed since or its language has no graph, callers are told by the name alone, as the index has them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepseek_mm.answering.code.histories import recall_changes
from deepseek_mm.answering.code.source_files import CODE, FILES
from deepseek_mm.code_graph.context import gather_context, make_corpus
from deepseek_mm.code_graph.graph import PathStep, ReachingTest
from deepseek_mm.code_graph.graph_store import GraphStore, StoredGraph
from deepseek_mm.code_graph.records import Certainty, CodeLink, CodeSymbol
from deepseek_mm.code_graph.sources import can_be_linked, read_known
from deepseek_mm.config import ParseConfig
from deepseek_mm.parse.workers.client import never
from index import Region, Source
from index.store import RegionStore

MOST_FILES = 80  # that a context is chosen from
MOST_STEPS, DEEPEST = 8, 4  # of a path through calls, and how deep it goes
MOST_LOCATED = 50  # calls of one certainty whose pieces of code are looked up
DEFINES = frozenset(["function", "method", "class"])  # kinds of what is called
MAKERS = frozenset(["__init__", "__new__", "__post_init__"])  # which a call of a class calls


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundCall:
    """A piece of code that calls something, or that something calls."""

    region: Region | None  # None beyond the first ones that are so sure
    name: str  # with what encloses it
    line: int  # of the first call, in the file of whoever calls; 0 where only the name tells
    certainty: Certainty
    is_handed_on: bool = False  # as a function, to what calls it
    is_test: bool = False

    @property
    def key(self) -> tuple[object, ...]:
        """The same for calls from one piece of code."""
        return (self.region.id,) if self.region else (self.name, self.certainty)


class LibraryGraphs:
    """Asks one store's graph for whoever asks now."""

    def __init__(
        self,
        store: RegionStore,
        limits: ParseConfig,
        graph: GraphStore | None = None,
        is_building: Callable[[], bool] = never,
    ) -> None:
        """`is_building` tells whether the graph is being made, or waits to be."""
        self._store, self._limits, self._graph, self.is_building = store, limits, graph, is_building

    def open(self) -> StoredGraph | None:
        """What whoever asks now may know of the graph."""
        return self._graph.open_view(self._see) if self._graph is not None else None

    def _see(self, digests: Mapping[str, str]) -> set[str]:
        """Files that the asker may know of, and that are as they were read."""
        stamps = self._store.stamps(within=list(digests))
        return {path for path, digest in digests.items() if path in stamps and stamps[path].digest == digest}

    def find_callers(self, region: Region, most: int = MOST_LOCATED) -> list[FoundCall] | None:
        """Who calls it, the surest first, tests last, `most` of one certainty with their code; None where it is not
        known to the graph.
        """
        graph = self.open()
        symbol = find_symbol(graph, region) if graph else None
        if graph is None or symbol is None:
            return None
        links = [link for link in graph.find_callers(symbol, least="name") if link.source.id != symbol.id]
        return self._locate(links, lambda link: link.source, most)

    def find_callees(self, region: Region, most: int = MOST_LOCATED) -> list[FoundCall] | None:
        """What it calls, in the order of its lines; None where the graph does not know it."""
        graph = self.open()
        symbol = find_symbol(graph, region) if graph else None
        if graph is None or symbol is None:
            return None
        links = graph.find_callees(symbol, least="name")
        return self._locate([link for link in links if is_told(link, symbol)], lambda link: link.target, most)

    def _locate(self, links: Iterable[CodeLink], end: Callable[[CodeLink], CodeSymbol], most: int) -> list[FoundCall]:
        """Links with the pieces of code at one of their ends, each once."""
        best: dict[int, CodeLink] = {}
        for link in links:
            best.setdefault(end(link).id, link)
        found, counted = [], Counter[str]()
        for link in sorted(best.values(), key=lambda one: end(one).is_test):
            symbol = end(link)
            counted[link.certainty] += 1
            if counted[link.certainty] > most:
                found.append(FoundCall(region=None, name=symbol.qualified, line=0, certainty=link.certainty))
                continue
            line = link.lines[0] if link.lines else link.source.line
            region = self.find_region(symbol.path, line if symbol is link.source else symbol.line)
            if region is not None:
                name = Path(symbol.path).name if symbol.kind == "module" else symbol.qualified
                found.append(
                    FoundCall(
                        region=region, name=name, line=line, certainty=link.certainty,
                        is_handed_on=link.kind == "callback", is_test=symbol.is_test,
                    )
                )  # fmt: skip
        return found

    def find_named(self, name: str, own: Sequence[Region]) -> list[FoundCall]:
        """Who calls something of this name by the index, without those of whom the graph says what they call by it."""
        given = {region.id for region in own}
        regions = [one for one in self._store.callers(name, where=CODE) if one.id not in given]
        graph = self.open()
        known = find_explained(graph, name, regions) if graph is not None else set()
        return [
            FoundCall(
                region=region,
                name=region.symbol.path if region.symbol else region.source.name,
                line=0,
                certainty="name",
            )
            for region in regions
            if region.id not in known
        ]

    def find_tests(self, region: Region) -> list[ReachingTest]:
        """Tests that get to it."""
        graph = self.open()
        symbol = find_symbol(graph, region) if graph else None
        return graph.find_tests(symbol) if graph and symbol else []

    def trace_path(self, region: Region) -> list[PathStep]:
        """What happens from a function on, call by call; nothing where it calls nothing that is known."""
        graph = self.open()
        symbol = find_symbol(graph, region) if graph else None
        return graph.trace_path(symbol, depth=DEEPEST, most=MOST_STEPS) if graph and symbol else []

    def find_region(self, path: str, line: int) -> Region | None:
        """The shortest piece of code at a line of a file."""
        there = self._store.at_line(Path(path).name, line)
        return next((each for each in there if each.source.path == path and each.kind == "code"), None)

    def draw_context(self, task: str, tokens: int, near: Sequence[Source]) -> str:
        """What a model should read for a task: a map of signatures, then bodies, in at most so many tokens.

        It is chosen from all code where that is little, else from the files that are `near` to the task; what git tells
        of their history counts, of commits as they are, not of lines that were changed since.
        """
        sources = self._store.sources(FILES, order="name", limit=MOST_FILES + 1)
        chosen = [one for one in (near if len(sources) > MOST_FILES else sources) if can_be_linked(one)]
        texts = [text for one in chosen[:MOST_FILES] if (text := read_known(one, self._limits)) is not None]
        graph = self.open()
        paths = [text.path for text in texts]
        ids = [symbol.id for path in paths for symbol in graph.symbols_of(path)] if graph is not None else []
        links = graph.links_from(ids) if graph is not None else []
        return gather_context(task, make_corpus(texts, links or None), tokens, recall_changes(paths)).text


def find_symbol(graph: StoredGraph, region: Region) -> CodeSymbol | None:
    """What a piece of code defines, as the graph knows it."""
    if region.symbol is None or region.symbol.kind not in DEFINES:
        return None
    first, last = region.lines
    same = [one for one in graph.symbols_of(region.source.path) if one.name == region.symbol.name]
    return next((one for one in same if one.first <= last and first <= one.last), None)


def is_told(link: CodeLink, caller: CodeSymbol) -> bool:
    """Whether a call is worth telling: not itself, not what makes an instance besides its class, no operators."""
    name = link.target.name
    is_operator = link.kind == "implicit" and name.startswith("__")
    return link.target.id != caller.id and name not in MAKERS and not is_operator


def find_explained(graph: StoredGraph, name: str, regions: Sequence[Region]) -> set[int]:
    """Ids of the pieces of code of which the graph says surely, or likely, what of this name they call."""
    defined: dict[str, list[CodeSymbol]] = {}
    for symbol in graph.symbols_in({region.source.path for region in regions}):
        defined.setdefault(symbol.path, []).append(symbol)
    ids: dict[int, int] = {}
    for region in regions:
        first, last = region.lines
        inside = (one for one in defined.get(region.source.path, ()) if first <= one.first and one.last <= last)
        ids |= {one.id: region.id for one in inside}
    links = graph.links_from(list(ids))
    told = {link.source.id for link in links if link.certainty != "name" and name == link.target.name}
    return {ids[number] for number in told | graph.find_outside(list(ids), name)}
