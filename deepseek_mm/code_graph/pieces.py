"""Functions, methods and classes as pieces to be ranked: their words, and the names that they use."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from deepseek_mm.code_graph.outlines import load_outline
from deepseek_mm.code_graph.python_facts import read_facts
from deepseek_mm.code_graph.records import PYTHON, SourceText
from index.words import split_words

ENDINGS = ("ations", "ation", "ities", "ility", "ments", "ment", "ings", "ing", "ness", "able", "ible", "ies", "ied",
           "ers", "ors", "ion", "ity", "ive", "ed", "es", "er", "or", "ly", "al", "s", "e", "y")  # fmt: skip
LEAST_STEM = 3  # letters
MOST_WORDS = 3_000  # of a piece
FUNCTIONS = ("function", "method")
MOST_HEAD = 4_000  # letters at the beginning of a file
DOCSTRING = re.compile(r"[rRuUbB]*(\"{3}|'{3})(.*?)\1", re.DOTALL)
COMMENTS = ("#", "//", "/*", "*", "--", ";")


@dataclass(frozen=True, kw_only=True, slots=True)
class CodePiece:
    """One function, method or class (its own lines: without those of its methods)."""

    path: str
    name: str
    qualified: str
    kind: str
    first: int  # line, from 1
    last: int
    own: tuple[int, ...]  # lines that are its own
    doc: str
    signature: str
    text: str
    words: Mapping[str, int]  # stem -> times
    size: int  # of all words
    named: frozenset[str]  # stems of its name
    told: frozenset[str]  # stems of its docstring
    uses: frozenset[str]  # names that it calls or mentions


@lru_cache(maxsize=100_000)
def stem_word(word: str) -> str:
    """Without one ending, so that "indexing", "indexed" and "indexes" are one word."""
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= LEAST_STEM:
            return word[: -len(ending)]
    return word


def stem_words(text: str) -> list[str]:
    """The words of a text, of identifiers also their parts, without endings."""
    return [stem_word(word) for word in split_words(text)]


def read_head(text: str) -> str:
    """What a file says first of itself: its docstring, or the comments at its top."""
    rows = text[:MOST_HEAD].split("\n")
    notes = 0
    while notes < len(rows) and (not rows[notes].strip() or rows[notes].lstrip().startswith(COMMENTS)):
        notes += 1
    found = DOCSTRING.match("\n".join(rows[notes:]))
    return found[2] if found else "\n".join(rows[:notes]).strip()


def cut_pieces(source: SourceText) -> list[CodePiece]:
    """The pieces of a file; none of one that cannot be read."""
    try:
        if source.language == PYTHON:
            return list(cut_python(source, read_facts(source.text)["scopes"]))
        return list(cut_other(source, load_outline(source)["definitions"]))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def cut_python(source: SourceText, scopes: Sequence[Mapping[str, Any]]) -> Iterator[CodePiece]:
    """Functions that are not inside others, methods, classes."""
    rows = source.text.split("\n")
    inner: dict[int, list[tuple[int, int]]] = {}
    for scope in scopes:
        if scope["kind"] == "function" and scope["parent"] >= 0 and scopes[scope["parent"]]["kind"] == "class":
            inner.setdefault(scope["parent"], []).append((scope["lines"][0], scope["lines"][2]))
    for number, scope in enumerate(scopes):
        around = chain_of(scopes, number)
        if scope["kind"] not in ("function", "class") or any(each["kind"] in ("function", "lambda") for each in around):
            continue
        is_method = scope["kind"] == "function" and bool(around)
        first, line, last = scope["lines"]
        skipped = {row for begin, end in inner.get(number, ()) for row in range(begin, end + 1)}
        own = tuple(row for row in range(first, min(last, len(rows)) + 1) if row not in skipped)
        yield make_piece(
            source.path,
            [*(each["name"] for each in around), scope["name"]],
            kind="method" if is_method else scope["kind"],
            lines=(line, own, last),
            rows=rows,
            doc=scope["doc"],
        )


def chain_of(scopes: Sequence[Mapping[str, Any]], number: int) -> list[Mapping[str, Any]]:
    """What encloses a scope, the outermost first, without the module."""
    found: list[Mapping[str, Any]] = []
    number = scopes[number]["parent"]
    while number > 0:
        found.insert(0, scopes[number])
        number = scopes[number]["parent"]
    return found


def cut_other(source: SourceText, definitions: Iterable[Mapping[str, Any]]) -> Iterator[CodePiece]:
    """What an outline tells."""
    rows = source.text.split("\n")
    for each in definitions:
        first, line, last = each["lines"]
        own = tuple(range(first, min(last, len(rows)) + 1))
        names = str(each["qualified"]).split(".")
        yield make_piece(source.path, names, kind=each["kind"], lines=(line, own, last), rows=rows, doc=each["doc"])


def make_piece(
    path: str,
    names: Sequence[str],
    *,
    kind: str,
    lines: tuple[int, tuple[int, ...], int],
    rows: Sequence[str],
    doc: str,
) -> CodePiece:
    """A piece with its words counted."""
    line, own, last = lines
    text = "\n".join(rows[row - 1] for row in own)
    words = stem_words(text)[:MOST_WORDS]
    return CodePiece(
        path=path,
        name=names[-1],
        qualified=".".join(names),
        kind=kind,
        first=own[0] if own else line,
        last=last,
        own=own,
        doc=doc,
        signature=read_signature(rows, line),
        text=text,
        words=Counter(words),
        size=len(words),
        named=frozenset(stem_words(" ".join(names))),
        told=frozenset(stem_words(doc)),
        uses=frozenset(re.findall(r"[A-Za-z_]\w{2,}", text)) - {names[-1]},
    )


def read_signature(rows: Sequence[str], line: int) -> str:
    """The head of a definition on one line."""
    found: list[str] = []
    for row in rows[line - 1 : line + 12]:
        found.append(row.strip())
        if row.rstrip().endswith((":", "{")):
            break
    return " ".join(found)[:300]
