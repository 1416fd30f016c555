"""`eval code-search`: how early a question finds its function, among thousands that nothing was trained on.

A question is the first sentence of a docstring, which is taken out of the code; short and overlong sentences, tiny
functions, tests, sentences that several functions share and near duplicates are left out. The packages are written
down in `code_packages.json`. All ways read the same text: MiniLM as packaged, by cosine; BM25 over the index of words
of the library; our vectors; and the ranks of the last two joined as search joins them. MRR@10 counts 1 / rank, and
nothing beyond the tenth (Husain et al., CodeSearchNet, 2019, arXiv:1909.09436).

Shape key:  N questions and as many functions, question n belonging to function n; K ranked ones (100)
"""

import ast
import json
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from deepseek_mm.config import IndexConfig
from deepseek_mm.embeddings.code import code_text
from deepseek_mm.embeddings.inference import autocast_bf16
from deepseek_mm.embeddings.space import EmbeddingModel, Floats
from deepseek_mm.embeddings.towers import in_order_of_length, load_text_tower, text_tower_folder
from deepseek_mm.errors import ConfigError, MissingPackage
from deepseek_mm.parse.packages import InstalledPackage, read_source
from deepseek_mm.retrieval.ranking import BY_VECTOR, BY_WORDS, DEPTH, reciprocal_rank_fusion
from index import Region, Source, Symbol
from index.store import RegionStore

LEAST_WORDS, MOST_WORDS = 4, 40  # of a question
LEAST_LINES = 3  # of a function without its docstring
MOST_CHARS = 20_000  # of a function
EMPTY = re.compile(r"deprecat|not implemented|^(see |same as|alias|wrapper|overrid|todo|helper|test|internal)", re.I)
RUN, KEPT, MOST_SHARED = 6, 2, 0.5  # words in a run, one run in so many is kept, share of runs that makes a twin

Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, kw_only=True, slots=True)
class Function:
    """One function or method."""

    package: str
    path: str  # of its file, from the package's folder on
    symbol: Symbol  # with its docstring
    text: str  # its source without the docstring

    @property
    def question(self) -> str:
        """The first sentence of the docstring, on one line."""
        return first_sentence(self.symbol.doc)


def list_functions(package: InstalledPackage) -> Iterator[Function]:
    """Every function and method of a package, file by file, in order; those inside functions are left with them."""
    for path in package.files:
        source = read_source(path)
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError):
            continue
        shown = "/".join(path.parts[-3:])
        for node, parent in find_definitions(tree):
            if made := describe_definition(node, parent, source):
                symbol, text = made
                yield Function(package=package.name, path=shown, symbol=symbol, text=text)


def find_definitions(tree: ast.AST, parent: str = "") -> Iterator[tuple[Definition, str]]:
    """Functions with the dotted path of the classes around them."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Definition):
            yield node, parent
        elif isinstance(node, ast.ClassDef):
            yield from find_definitions(node, f"{parent}.{node.name}" if parent else node.name)
        elif isinstance(node, ast.If | ast.Try):
            yield from find_definitions(node, parent)


def describe_definition(node: Definition, parent: str, source: str) -> tuple[Symbol, str] | None:
    """What a definition is, and its text without the docstring; None where that shares a line with something else."""
    lines = source.splitlines()
    first, last, doc = node.lineno, node.end_lineno or node.lineno, ast.get_docstring(node) or ""
    body = node.body[0]
    if body.lineno == first:
        return None
    kept = range(first, last + 1)
    if doc:
        kept = [n for n in kept if not body.lineno <= n <= (body.end_lineno or body.lineno)]  # type: ignore[assignment]
    text = dedent("\n".join(lines[n - 1] for n in kept))
    signature = " ".join(" ".join(lines[first - 1 : body.lineno - 1]).split()).removesuffix(":")
    kind = "method" if parent else "function"
    called = dict.fromkeys(
        filter(None, (called_name(each.func) for each in ast.walk(node) if isinstance(each, ast.Call)))
    )
    symbol = Symbol(name=node.name, parent=parent, kind=kind, signature=signature, doc=doc, calls=tuple(called))
    return symbol, text


def called_name(called: ast.expr) -> str:
    """The last part of what is called: "c" of `a.b.c()`."""
    return called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""


def first_sentence(doc: str) -> str:
    """Up to the first full stop that a space or the end of the paragraph follows."""
    paragraph = " ".join(doc.strip().split("\n\n")[0].split())
    return re.split(r"(?<=[.!?])\s", paragraph, maxsplit=1)[0].strip()


def is_telling(function: Function) -> bool:
    """Does its docstring say what it does, and is there something that does it?"""
    name, question = function.symbol.name, function.question
    words = re.findall(r"[A-Za-z]+", question)
    if name.startswith("__") or "test" in name.lower() or EMPTY.search(question) or not question.isascii():
        return False
    long = len(function.text.splitlines()) >= LEAST_LINES and len(function.text) <= MOST_CHARS
    return long and LEAST_WORDS <= len(words) <= MOST_WORDS


def choose_distinct(functions: Iterable[Function]) -> list[Function]:
    """Telling ones, of which no two share a question or most of their runs of words; the first of each kind stays."""
    telling = [function for function in functions if is_telling(function)]
    times = Counter(normalize_question(function.question) for function in telling)
    kept, seen = [], set[int]()
    for function in telling:
        runs = hash_runs(function.text)
        if times[normalize_question(function.question)] == 1 and len(runs & seen) <= MOST_SHARED * len(runs):
            kept.append(function)
            seen |= runs
    return kept


def normalize_question(question: str) -> str:
    """Without capitals, figures and punctuation."""
    return " ".join(re.findall(r"[a-z]+", question.lower()))


def hash_runs(text: str) -> set[int]:
    """Checksums of some of its runs of words."""
    words = re.findall(r"\w+", text)
    sums = (zlib.crc32(" ".join(words[n : n + RUN]).encode()) for n in range(max(1, len(words) - RUN + 1)))
    return {value for value in sums if value % KEPT == 0}


SPLITS = Path(__file__).with_name("code_packages.json")  # {split: names of packages}
MOST = 100  # functions that are ranked for a question
CUT = 10
BATCH = 64  # texts at a time
NOWHERE = (0, 0, 0, 0)

Ranked = NDArray[np.int64]  # (N, K), best first; -1 where there are no more


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchScore:
    """How one way of searching did; shares of 1."""

    mrr10: float
    r1: float
    r10: float


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeSearchReport:
    """Four ways over the same questions."""

    minilm: SearchScore
    bm25: SearchScore
    vectors: SearchScore
    hybrid: SearchScore
    functions: int
    packages: int

    @property
    def gains(self) -> dict[str, float | bool]:
        """What the bars are about."""
        best_part = max(self.bm25.mrr10, self.vectors.mrr10)
        return {
            "mrr10_gain_over_minilm": round(self.hybrid.mrr10 - self.minilm.mrr10, 4),
            "mrr10_gain_vectors": round(self.vectors.mrr10 - self.minilm.mrr10, 4),
            "hybrid_above_each_part": self.hybrid.mrr10 > best_part,
        }

    def table(self) -> str:
        """A table for people."""
        ways = {"MiniLM as packaged": self.minilm, "BM25": self.bm25, "vectors": self.vectors, "hybrid": self.hybrid}
        lines = [f"{name:<20}{way.mrr10:>8.4f}{way.r1:>8.4f}{way.r10:>8.4f}" for name, way in ways.items()]
        head = f"{'':<20}{'MRR@10':>8}{'R@1':>8}{'R@10':>8}"
        return "\n".join([head, *lines, f"{self.functions} functions of {self.packages} packages"])

    def json(self) -> str:
        """The figures as one line of JSON."""
        return json.dumps(asdict(self) | self.gains)


def list_held_packages(split: str, file: Path = SPLITS) -> tuple[str, ...]:
    """Names of the packages of a part, "test" or "dev". ConfigError for another one."""
    parts = json.loads(file.read_text(encoding="utf-8"))
    if split not in parts:
        raise ConfigError(f"code-search has no split {split!r}. Use {' or '.join(parts)}")
    return tuple(parts[split])


def list_held_functions(split: str, installed: Iterable[InstalledPackage]) -> list[Function]:
    """Telling and distinct functions of the packages of a part. MissingPackage names one that is not installed."""
    found = {package.name: package for package in installed}
    for name in list_held_packages(split):
        if name not in found:
            raise MissingPackage(name, needed_for=f"the {split} part of code-search", extra="dev")
    return choose_distinct(function for name in list_held_packages(split) for function in list_functions(found[name]))


def evaluate_code_search(
    space: EmbeddingModel, functions: Sequence[Function], note: Callable[[str], None] = lambda text: None
) -> CodeSearchReport:
    """Ask for every function by the first sentence of its docstring, which the code does not have any more."""
    asked = [function.question for function in functions]
    given = [code_text(replace(f.symbol, doc=""), f.text, f.path) for f in functions]
    note(f"reading {len(given)} functions as our tower does")
    vectors = rank_by_cosine(space.embed_code_questions(asked), space.embed_code(given))
    note("ranking them by their words")
    worded = rank_by_words(functions)
    note("reading them as MiniLM does")
    plain = rank_by_cosine(embed_with_minilm(asked), embed_with_minilm(given))
    return CodeSearchReport(
        minilm=score_rankings(plain),
        bm25=score_rankings(worded),
        vectors=score_rankings(vectors),
        hybrid=score_rankings(fuse_rankings(vectors, worded)),
        functions=len(functions),
        packages=len({function.package for function in functions}),
    )


def rank_by_cosine(asked_ND: Floats, given_ND: Floats) -> Ranked:
    """By cosine; a function like another one to the last bit comes after it."""
    cosine_NN = asked_ND @ given_ND.T
    own = np.arange(len(cosine_NN))
    cosine_NN[own, own] -= np.float32(1e-6)  # a tie counts against us
    return np.argsort(-cosine_NN, axis=1, kind="stable")[:, :MOST]


@torch.inference_mode()
def embed_with_minilm(texts: Sequence[str]) -> Floats:
    """(N, 384): MiniLM as it installs, the mean of its last states."""
    tower = load_text_tower(text_tower_folder())
    ordered, back_N = in_order_of_length(texts)
    with autocast_bf16():
        parts = [tower(ordered[n : n + BATCH])[:, -1].float() for n in range(0, len(ordered), BATCH)]
    vectors: Floats = F.normalize(torch.cat(parts)[back_N], dim=-1).numpy()
    return vectors


def rank_by_words(functions: Sequence[Function]) -> Ranked:
    """By the library's own index of words, over the code as a library stores it, but for its docstring."""
    with (
        TemporaryDirectory() as folder,
        RegionStore(Path(folder), space_name="words", fingerprint="0" * 64, dim=1, config=IndexConfig()) as store,
    ):
        source = Source(path="/code.py", kind="code", digest="0" * 64)
        regions = [
            Region(source=source, kind="code", box_px=NOWHERE, text=f.text, symbol=replace(f.symbol, doc=""))
            for f in functions
        ]
        source = store.add(source, regions, np.ones((len(regions), 1), np.float32))
        number = {region.id: n for n, region in enumerate(store.regions_of([source.id])[source.id])}
        ranked = np.full((len(functions), MOST), -1, np.int64)
        for row, function in zip(ranked, functions, strict=True):
            hits = store.search_words(function.question, k=MOST)
            row[: len(hits)] = [number[hit.region.id] for hit in hits]
    return ranked


def score_rankings(ranked_NK: Ranked) -> SearchScore:
    """Of rankings in which row n should begin with n."""
    right_NK = ranked_NK[:, :CUT] == np.arange(len(ranked_NK))[:, None]
    worth_NK = right_NK / np.arange(1, right_NK.shape[1] + 1)
    return SearchScore(
        mrr10=round(float(worth_NK.sum(axis=1).mean()), 4),
        r1=round(float(right_NK[:, 0].mean()), 4),
        r10=round(float(right_NK.any(axis=1).mean()), 4),
    )


def fuse_rankings(vectors: Ranked, words: Ranked) -> Ranked:
    """Row by row as search joins them; equals by their place among the vectors."""
    together = np.full_like(vectors, -1)
    for row, *ranked in zip(together, vectors, words, strict=True):
        both = [one[one >= 0].tolist() for one in ranked]
        best = reciprocal_rank_fusion(both, [BY_VECTOR, BY_WORDS], depth=DEPTH)[: len(row)]
        row[: len(best)] = best
    return together
