"""Functions of Python packages with what their authors say of them: a question, and the code that answers it.

The docstring is taken out of the code, and its first sentence is the question. What says nothing is left out: short
and overlong sentences, tiny functions, names with underscores at both ends, tests, sentences that several functions
share, and functions that are nearly the same as an earlier one.
"""

import ast
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from textwrap import dedent

from deepseek_mm.parse.packages import InstalledPackage, read_source
from index import Symbol

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


def functions_of(package: InstalledPackage) -> Iterator[Function]:
    """Every function and method of a package, file by file, in order; those inside functions are left with them."""
    for path in package.files:
        source = read_source(path)
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError):
            continue
        shown = "/".join(path.parts[-3:])
        for node, parent in defined(tree):
            if made := function_of(node, parent, source):
                symbol, text = made
                yield Function(package=package.name, path=shown, symbol=symbol, text=text)


def defined(tree: ast.AST, parent: str = "") -> Iterator[tuple[Definition, str]]:
    """Functions with the dotted path of the classes around them."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Definition):
            yield node, parent
        elif isinstance(node, ast.ClassDef):
            yield from defined(node, f"{parent}.{node.name}" if parent else node.name)
        elif isinstance(node, ast.If | ast.Try):
            yield from defined(node, parent)


def function_of(node: Definition, parent: str, source: str) -> tuple[Symbol, str] | None:
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
    called = dict.fromkeys(filter(None, (name_of(each.func) for each in ast.walk(node) if isinstance(each, ast.Call))))
    symbol = Symbol(name=node.name, parent=parent, kind=kind, signature=signature, doc=doc, calls=tuple(called))
    return symbol, text


def name_of(called: ast.expr) -> str:
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


def distinct(functions: Iterable[Function]) -> list[Function]:
    """Telling ones, of which no two share a question or most of their runs of words; the first of each kind stays."""
    telling = [function for function in functions if is_telling(function)]
    times = Counter(plain(function.question) for function in telling)
    kept, seen = [], set[int]()
    for function in telling:
        runs = runs_of(function.text)
        if times[plain(function.question)] == 1 and len(runs & seen) <= MOST_SHARED * len(runs):
            kept.append(function)
            seen |= runs
    return kept


def plain(question: str) -> str:
    """Without capitals, figures and punctuation."""
    return " ".join(re.findall(r"[a-z]+", question.lower()))


def runs_of(text: str) -> set[int]:
    """Checksums of some of its runs of words."""
    words = re.findall(r"\w+", text)
    sums = (zlib.crc32(" ".join(words[n : n + RUN]).encode()) for n in range(max(1, len(words) - RUN + 1)))
    return {value for value in sums if value % KEPT == 0}
