"""Which definitions and files the words of a question mean."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from deepseek_mm.answering.code.claims import is_within
from deepseek_mm.answering.code.source_files import CODE, CodeFiles
from deepseek_mm.language.code_requests import NO_NAME, CodeRequest
from deepseek_mm.language.words import singular
from index import Region
from index.store import RegionStore

WITHIN = re.compile(r"\b(?:in|of|from|inside|within|about|summari[sz]e)(?: the)? ([A-Za-z_]\w{2,})")
OF_FILES = frozenset(["list", "summarise", "review"])
WORD = re.compile(r"[A-Za-z_]\w*")
LONGEST = 3  # words that are joined to one name
TELLING = 6  # letters of a word that is hardly meant as anything else than a name
STUB = ".pyi"
SHORTEST = 4  # letters of a plain word that may be a name
NAMING = frozenset(
    ["callers", "calls", "where", "explain", "compare", "fix", "review", "test", "history", "summarise", "tests"]
)
"""Kinds of requests whose plain words may be names."""
EVERYDAY = frozenset(  # words of a question that are seldom meant as names
    [
        "what",
        "does",
        "which",
        "where",
        "when",
        "with",
        "from",
        "that",
        "this",
        "file",
        "function",
        "class",
        "method",
        "test",
        "tests",
        "write",
        "explain",
        "show",
        "call",
        "calls",
        "called",
        "uses",
        "used",
        "difference",
        "between",
        "compare",
        "code",
        "wrong",
        "review",
        "return",
        "returns",
        "should",
        "value",
        "values",
        "there",
        "have",
        "work",
        "works",
        "make",
    ]
)


class NameFinder:
    """Looks names up in one store."""

    def __init__(self, store: RegionStore, files: CodeFiles) -> None:
        self._store, self._files = store, files

    def complete(self, request: CodeRequest) -> CodeRequest:
        """With the names that plain words stand for, where it names nothing: "rolling mean" is `rolling_mean`."""
        if request.kind in OF_FILES and not request.files:
            request = replace(request, files=tuple(self._plain_files(request.text)))
        lacks = request.kind == "compare" and len(request.names) < 2
        if (request.named and not lacks) or request.kind not in NAMING:
            return request
        if request.names and self.find_definitions(request) and not lacks:
            return request
        names = tuple(
            dict.fromkeys(
                [*request.names, *self._plain_names(request.text)] if lacks else self._plain_names(request.text)
            )
        )
        return replace(request, names=names, named=False) if names else request

    def find_definitions(self, request: CodeRequest) -> list[Region]:
        """What the names mean, in the files that the question is bounded to; of a file alone its module."""
        if request.files and not request.names:
            names = [file.rstrip("/").rsplit("/", 1)[-1] for file in request.files]
            opened = [region for name in names for region in self._store.at_line(name, 1, where=CODE)]
            return is_within(opened, request.files)[:1]
        found = [region for name in request.names for region in drop_stubs(self._store.symbols(name, where=CODE))]
        return is_within(found, request.files) or (found if request.files and request.named else [])

    def hide_names(self, text: str) -> str:
        """The text with "it" for plain words that are defined here: "was macht parsejson"."""
        return WORD.sub(lambda match: "it" if self._is_telling(match[0]) else match[0], text)

    def _is_telling(self, word: str) -> bool:
        return len(word) >= TELLING and word.lower() not in EVERYDAY and self._is_defined(word)

    def _plain_files(self, text: str) -> list[str]:
        """Files and folders that are named without an ending: "the classes in middleware"."""
        words = [word for word in WITHIN.findall(text) if word.lower() not in NO_NAME | EVERYDAY]
        return [word for word in words if self._files.find([word])]

    def _plain_names(self, text: str) -> Iterator[str]:
        words = WORD.findall(text)
        taken: set[int] = set()
        for length in range(min(LONGEST, len(words)), 0, -1):
            for start in range(len(words) - length + 1):
                places = set(range(start, start + length))
                if places & taken:
                    continue
                known = next(filter(self._is_defined, join_variants(words[start : start + length])), "")
                if known:
                    taken |= places
                    yield known

    def _is_defined(self, name: str) -> bool:
        return any(region.symbol and region.symbol.kind != "module" for region in self._store.symbols(name, where=CODE))


def drop_stubs(regions: Sequence[Region]) -> list[Region]:
    """Without what only declares the types of another one among them: `keys.pyi` beside `keys.py`."""
    kept = [each for each in regions if not each.source.name.endswith(STUB)]
    names = {each.symbol.path for each in kept if each.symbol}
    return [each for each in regions if each in kept or (each.symbol and each.symbol.path not in names)]


def join_variants(words: Sequence[str]) -> list[str]:
    """How a name of these words may be written; a plain word alone as it stands, unless it is an everyday one."""
    if len(words) == 1:
        (word,) = words
        everyday = word.lower() in NO_NAME or word.lower() in EVERYDAY or len(word) < SHORTEST
        return [] if everyday else list(dict.fromkeys([word, word.lower(), word.capitalize(), singular(word.lower())]))
    low = [word.lower() for word in words]
    camel = "".join(word.capitalize() for word in low)
    return ["_".join(low), camel, low[0] + camel[len(low[0]) :], "_".join(low).upper()]
