"""What the graph of a repository is made of: texts, symbols, and links between them."""

from dataclasses import dataclass
from typing import Literal

Certainty = Literal["certain", "likely", "name"]  # by its scope; by types that were inferred; by the name alone
CERTAINTIES: tuple[Certainty, ...] = ("certain", "likely", "name")
LinkKind = Literal["call", "implicit", "callback", "reference"]
CALLS = ("call", "implicit", "callback")  # implicit: properties and operators; callback: handed to what calls it
PYTHON = "python"  # name of its format


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceText:
    """One file of code."""

    path: str  # as the caller names it; folders are separated by slashes
    text: str
    digest: str  # of the text or of the file's bytes
    language: str = PYTHON  # name of the format
    outline: str = ""  # of another language than Python: what a worker found in it, as JSON


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeSymbol:
    """Something that a file defines; lines count from 1."""

    id: int
    path: str  # of the file
    name: str
    qualified: str  # with what encloses it in its file: "Assistant.ask"; of a module its dotted name
    kind: str  # "module", "class", "function" or "method"
    first: int  # line, with decorators
    line: int  # on which its name stands
    last: int
    doc: str = ""  # first paragraph
    is_test: bool = False

    @property
    def place(self) -> str:
        """assistant.py:66"""
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeLink:
    """One symbol uses another."""

    source: CodeSymbol
    target: CodeSymbol
    kind: LinkKind
    certainty: Certainty
    lines: tuple[int, ...]  # in the file of the source


@dataclass(frozen=True, kw_only=True, slots=True)
class UnreadFile:
    """A file that is not in the graph."""

    path: str
    why: str
