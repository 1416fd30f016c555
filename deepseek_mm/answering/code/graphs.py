"""The graph of a library's code, which tests reach a definition, what happens from one on, and who changed it last.

Graphs live in memory alone, each of the files that its asker may see. A library of more than MOST_FILES files has none
yet: to build it would take longer than somebody waits.
"""

from collections.abc import Sequence
from pathlib import Path

from deepseek_mm.answering.code.claims import MAX_DOC, ClaimWriter, join_names, name_region, place_of
from deepseek_mm.answering.code.source_files import FILES
from deepseek_mm.code_graph.cache import GraphCache
from deepseek_mm.code_graph.context import gather_context, make_corpus
from deepseek_mm.code_graph.git_history import CodeChange, GitHistory
from deepseek_mm.code_graph.graph import CodeGraph, PathStep
from deepseek_mm.code_graph.records import CodeSymbol
from deepseek_mm.code_graph.sources import read_known
from deepseek_mm.config import ParseConfig
from deepseek_mm.language.words import join_words, quotable
from index import Region
from index.region import at_lines
from index.store import RegionStore

MOST_FILES = 80  # of a library whose graph is built while somebody waits
MOST_STEPS, DEEPEST = 8, 4  # of a path through calls, and how deep it goes
MOST_CHANGES = 3  # commits that are told
HIGHEST = 8  # folders above a file in which its repository is looked for


class LibraryGraphs:
    """Asks for the graph of one store's code."""

    def __init__(self, store: RegionStore, limits: ParseConfig) -> None:
        self._store, self._limits, self._cache = store, limits, GraphCache()

    def find(self) -> CodeGraph | None:
        """The graph of all code that the current viewer sees; None where there is too much of it."""
        sources = self._store.sources(FILES, order="name", limit=MOST_FILES + 1)
        if not sources or len(sources) > MOST_FILES:
            return None
        known = self._cache.find([(each.path, each.digest) for each in sources])
        return known or self._cache.build(list(read_known(sources, self._limits)))

    def draw_context(self, task: str, tokens: int) -> str:
        """What a model should read for a task: a map of signatures, then bodies, in at most so many tokens."""
        sources = self._store.sources(FILES, order="name", limit=MOST_FILES)
        texts = list(read_known(sources, self._limits))
        return gather_context(task, make_corpus(texts, self._cache.build(texts)), tokens).text

    def find_symbol(self, graph: CodeGraph, region: Region) -> CodeSymbol | None:
        """What a piece of code defines, as the graph knows it."""
        name = region.symbol.name if region.symbol else ""
        same = graph.find_symbols(name, path=region.source.path) if name else []
        return next((each for each in same if each.first <= region.lines[1] and region.lines[0] <= each.last), None)

    def tell_tests(self, region: Region, tell: ClaimWriter) -> None:
        """Which tests get to it."""
        graph = self.find()
        symbol = self.find_symbol(graph, region) if graph else None
        found = graph.find_tests(symbol) if graph and symbol else []
        if found:
            tell.say(f"It is reached by the tests {join_names([each.test.qualified for each in found])}", region)

    def tell_path(self, region: Region, tell: ClaimWriter) -> None:
        """What happens from a function on, call by call; nothing where it calls nothing that is known."""
        graph = self.find()
        symbol = self.find_symbol(graph, region) if graph else None
        steps = graph.trace_path(symbol, depth=DEEPEST, most=MOST_STEPS) if graph and symbol else []
        if steps:
            tell.say(f"From {name_region(region)} in {place_of(region)} on this happens", region)
        for step in steps:
            tell.say(tell_step(step), self._region_at(step.link.target) or region)

    def _region_at(self, symbol: CodeSymbol) -> Region | None:
        there = self._store.at_line(Path(symbol.path).name, symbol.line)
        return next((each for each in there if each.source.path == symbol.path and each.kind == "code"), None)


def tell_step(step: PathStep) -> str:
    """`main` calls `read_log` in station.py:31"""
    link = step.link
    verb = "hands on" if link.kind == "callback" else "calls"
    line = link.lines[0] if link.lines else link.source.line
    where = at_lines(Path(link.source.path).name, (line, line))
    likely = ", as it seems," if link.certainty != "certain" else ""
    return f"`{link.source.qualified}`{likely} {verb} `{link.target.qualified}` in {where}"


def tell_history(regions: Sequence[Region], tell: ClaimWriter) -> None:
    """Who changed these pieces of code last, in which commit and why; nothing where no repository tells."""
    for region in regions:
        history = GitHistory([find_root(region.source.path)])
        if region.symbol and region.symbol.kind != "module":
            found = history.find_last_changes(region.source.path, *region.lines)
        else:
            found = history.find_changes(region.source.path, most=MOST_CHANGES)
        if found:
            told = join_words([tell_commit(each) for each in found[:MOST_CHANGES]])
            tell.say(f"{name_region(region)} in {place_of(region)} was changed last by {told}", region)


def tell_commit(change: CodeChange) -> str:
    """Ana on 2026-03-01 ("units: beaufort", 1a2b3c4d5)"""
    subject = quotable(change.subject, MAX_DOC)
    return f'{quotable(change.author, MAX_DOC)} on {change.at:%Y-%m-%d} ("{subject}", {change.short})'


def find_root(path: str) -> Path:
    """The highest folder in which a file's repository is looked for."""
    parents = Path(path).parents
    return parents[min(HIGHEST, len(parents) - 1)]
