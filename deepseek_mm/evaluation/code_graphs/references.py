"""`eval references`: who calls what, against calls traced while three open packages' own tests run.

Recall: of the pairs (caller, called) of functions of a package that were seen, how many the graph tells as certain or
likely. Precision: of 100 answers drawn by a seed, how many are right; what was seen in the trace is right, the others
are written with their lines for somebody to read, with what a program can say: whether the line names what is called.
Beside it the answer by the last part of a name alone, as the index of symbols gives it.
"""

import json
import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

from deepseek_mm.code_graph.builder import build_graph
from deepseek_mm.code_graph.graph import CodeGraph
from deepseek_mm.code_graph.records import CodeLink, CodeSymbol, SourceText
from deepseek_mm.code_graph.sources import read_folder
from deepseek_mm.evaluation.code_graphs.traced_packages import (
    TracedCall,
    TracedPackage,
    fetch_package,
    list_traced,
    trace_calls,
)
from deepseek_mm.parse.code.languages import grammar_of
from deepseek_mm.parse.code.outline import outline_of

DRAWN = 100
TOLD = ("call", "implicit")  # what is handed on is told apart from what is called
SYNTAX = {  # what a line has that calls a method of a special name
    "__enter__": "with", "__exit__": "with", "__aenter__": "with", "__aexit__": "with", "__iter__": r"for|in|\*|\(",
    "__next__": r"for|next", "__getitem__": r"\[", "__setitem__": r"\[", "__delitem__": r"\[", "__contains__": "in",
    "__len__": r"len|if|while|not|and|or|bool", "__bool__": r"if|while|not|and|or|bool", "__str__": r"str|\{|%|format",
    "__repr__": r"repr|\{|%|str", "__eq__": r"==|!=|in|\[", "__hash__": r"\[|in|hash", "__get__": r"\.",
    "__getattr__": r"\.", "__format__": r"\{|format", "__call__": r"\(", "__init__": r"\(", "__new__": r"\(",
    "__post_init__": r"\(", "__add__": r"\+", "__iadd__": r"\+", "__radd__": r"\+", "__or__": r"\|",
    "__sub__": "-", "__mul__": r"\*", "__lt__": "<", "__gt__": ">", "__le__": "<=", "__ge__": ">=",
}  # fmt: skip
Pair = tuple[int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawnAnswer:
    """One answer, for somebody to read."""

    package: str
    caller: str
    called: str
    certainty: str
    kind: str
    lines: tuple[str, ...]  # "file:line: text"
    seen: bool  # in the trace
    named: bool  # the line names what is called, or has the syntax that calls it


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageScore:
    """How one package went; shares of 1."""

    name: str
    pairs: int  # seen in the trace
    recall: float
    recall_by_name: float  # with what is told as "by name only"
    recall_index: float  # of the index of symbols
    answers: int
    answers_index: int
    seen_share: float  # of answers whose caller ran
    seen_share_index: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ReferencesReport:
    """All packages, and the answers that were drawn."""

    split: str
    packages: tuple[PackageScore, ...]
    drawn: tuple[DrawnAnswer, ...]
    drawn_index: tuple[DrawnAnswer, ...]

    def figures(self) -> dict[str, object]:
        """What the last line tells."""
        pairs = sum(one.pairs for one in self.packages)
        weighted = {
            key: round(sum(getattr(one, key) * one.pairs for one in self.packages) / pairs, 4) if pairs else 0.0
            for key in ("recall", "recall_by_name", "recall_index", "seen_share", "seen_share_index")
        }
        return weighted | {
            "split": self.split,
            "pairs": pairs,
            "mean_recall": round(fmean(one.recall for one in self.packages), 4) if self.packages else 0.0,
            "drawn": len(self.drawn),
            "drawn_seen": sum(one.seen for one in self.drawn),
            "drawn_named": sum(one.seen or one.named for one in self.drawn),
            "drawn_index_seen": sum(one.seen for one in self.drawn_index),
            "packages": [asdict(one) for one in self.packages],
        }

    def json(self) -> str:
        """The figures as one line of JSON."""
        return json.dumps(self.figures())

    def table(self) -> str:
        """A table for people."""
        head = f"{'':<18}{'pairs':>7}{'recall':>9}{'+names':>9}{'index':>9}{'answers':>9}{'index':>9}"
        rows = [
            f"{one.name:<18}{one.pairs:>7}{one.recall:>9.3f}{one.recall_by_name:>9.3f}{one.recall_index:>9.3f}"
            f"{one.answers:>9}{one.answers_index:>9}"
            for one in self.packages
        ]
        told = self.figures()
        seen, named = told["drawn_seen"], told["drawn_named"]
        last = f"{told['drawn']} answers drawn: {seen} seen in the trace, {named} seen or named"
        return "\n".join([head, *rows, last])

    def lines(self) -> list[str]:
        """The drawn answers, for reading."""
        return [line for n, one in enumerate(self.drawn, start=1) for line in describe_answer(n, one)]


def describe_answer(number: int, one: DrawnAnswer) -> list[str]:
    """Who calls what, and the lines that say so."""
    said = "seen" if one.seen else "named" if one.named else "to be read"
    head = f"{number}. [{said}] {one.package}: {one.caller} -> {one.called} ({one.certainty}, {one.kind})"
    return [head, *(f"    {line}" for line in one.lines)]


def evaluate_references(
    split: str, work: Path, *, seed: int = 0, note: Callable[[str], None] = lambda text: None
) -> ReferencesReport:
    """Fetch, trace, build, compare."""
    scores, answers, by_index = [], list[DrawnAnswer](), list[DrawnAnswer]()
    for package in list_traced(split):
        note(f"tracing the tests of {package.name} {package.version}")
        folder = fetch_package(package, work)
        traced = trace_calls(package, folder)
        sources = read_folder(folder)
        graph = build_graph(sources)
        own = frozenset(source.path for source in sources if is_own(source.path, package))
        seen = resolve_pairs(graph, traced, own)
        told = {link_pair(link): link for link in answers_of(graph, own)}
        index = link_by_name(graph, sources, own)
        scores.append(score_package(package.name, graph, seen, own, index))
        texts = {source.path: source.text.split("\n") for source in sources}
        answers += [drawn_answer(package.name, link, texts, pair in seen) for pair, link in sorted(told.items())]
        by_index += [drawn_answer(package.name, link, texts, pair in seen) for pair, link in sorted(index.items())]
    chosen = random.Random(seed)
    return ReferencesReport(
        split=split,
        packages=tuple(scores),
        drawn=tuple(chosen.sample(answers, min(DRAWN, len(answers)))),
        drawn_index=tuple(chosen.sample(by_index, min(DRAWN, len(by_index)))),
    )


def is_own(path: str, package: TracedPackage) -> bool:
    """A file of the package that is none of its tests."""
    return path.startswith(f"{package.package}/") and "/tests/" not in f"/{path}"


def is_function(symbol: CodeSymbol | None, own: frozenset[str]) -> bool:
    """A function or method of the package."""
    return symbol is not None and symbol.kind in ("function", "method") and symbol.path in own


def resolve_pairs(graph: CodeGraph, traced: Iterable[TracedCall], own: frozenset[str]) -> set[Pair]:
    """The calls between functions that have a name; what a lambda or a comprehension does, its function does."""
    found = set()
    for call in traced:
        (path, line, name), (called_path, called_line, called_name) = call.caller, call.called
        if called_name.startswith("<") or name == "<module>":
            continue
        caller = graph.find_enclosing(path, line) if name.startswith("<") else graph.by_place.get((path, line))
        called = graph.by_place.get((called_path, called_line))
        if caller and called and is_function(caller, own) and is_function(called, own):
            found.add((caller.id, called.id))
    return found


def link_pair(link: CodeLink) -> Pair:
    """Who and what, by number."""
    return link.source.id, link.target.id


def answers_of(graph: CodeGraph, own: frozenset[str], *, by_name: bool = False) -> list[CodeLink]:
    """What the graph tells of calls between functions of the package."""
    return [
        link
        for link in graph.links
        if link.kind in TOLD
        and (by_name or link.certainty != "name")
        and is_function(link.source, own)
        and is_function(link.target, own)
    ]


def link_by_name(graph: CodeGraph, sources: Sequence[SourceText], own: frozenset[str]) -> dict[Pair, CodeLink]:
    """What the index of symbols tells: whatever has the last part of the called name."""
    named: dict[str, list[CodeSymbol]] = {}
    for symbol in graph.symbols:
        if is_function(symbol, own):
            named.setdefault(symbol.name, []).append(symbol)
    grammar = grammar_of("python")
    found: dict[Pair, CodeLink] = {}
    for source in sources if grammar else ():
        for row, name in outline_of(source.text.encode(), grammar).calls if source.path in own else ():  # type: ignore[arg-type]
            caller = graph.find_enclosing(source.path, row + 1) if name in named else None
            for called in named[name] if caller and is_function(caller, own) else ():
                link = CodeLink(source=caller, target=called, kind="call", certainty="name", lines=(row + 1,))  # type: ignore[arg-type]
                found.setdefault(link_pair(link), link)
    return found


def score_package(
    name: str, graph: CodeGraph, seen: set[Pair], own: frozenset[str], index: Mapping[Pair, CodeLink]
) -> PackageScore:
    """Recall of what was seen, and how much of what is told of callers that ran was seen."""
    told = {link_pair(link) for link in answers_of(graph, own)}
    wide = {link_pair(link) for link in answers_of(graph, own, by_name=True)}
    ran = {caller for caller, _ in seen}
    return PackageScore(
        name=name,
        pairs=len(seen),
        recall=share(seen & told, seen),
        recall_by_name=share(seen & wide, seen),
        recall_index=share(seen & set(index), seen),
        answers=len(told),
        answers_index=len(index),
        seen_share=share(told & seen, {pair for pair in told if pair[0] in ran}),
        seen_share_index=share(set(index) & seen, {pair for pair in index if pair[0] in ran}),
    )


def share(part: set[Pair], whole: set[Pair]) -> float:
    """Of 1; 0 of nothing."""
    return round(len(part) / len(whole), 4) if whole else 0.0


def drawn_answer(package: str, link: CodeLink, texts: Mapping[str, Sequence[str]], seen: bool) -> DrawnAnswer:
    """An answer with its lines."""
    rows = texts[link.source.path]
    lines = [(line, rows[line - 1].strip()) for line in link.lines if 0 < line <= len(rows)]
    return DrawnAnswer(
        package=package,
        caller=f"{link.source.path}:{link.source.qualified}",
        called=f"{link.target.path}:{link.target.qualified}",
        certainty=link.certainty,
        kind=link.kind,
        lines=tuple(f"{link.source.path}:{line}: {text[:200]}" for line, text in lines[:3]),
        seen=seen,
        named=any(names_target(text, link.target) for _, text in lines),
    )


def names_target(text: str, target: CodeSymbol) -> bool:
    """Whether a line has the name, its class for what makes an instance, or the syntax that calls it."""
    owner = target.qualified.split(".")[-2] if "." in target.qualified else ""
    if target.name in ("__init__", "__new__", "__post_init__") and owner:
        return bool(re.search(rf"\b{re.escape(owner)}\b|super\(|cls\(|__init__|__new__", text))
    if target.name in SYNTAX:
        return bool(re.search(SYNTAX[target.name], text))
    return bool(re.search(rf"\b{re.escape(target.name)}\b", text))
