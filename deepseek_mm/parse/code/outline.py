"""What a file of code defines, and where: tree-sitter's tree, reduced to names, rows and calls.

Grammars with stacks of their own break where too much is open, which brackets and indents show before anything is
parsed. A query looks past all siblings without a name for the next one with one, so long rows of them are looked for
afterwards, and depth as well. Both looks are linear: only what has many bytes can be deep or wide.

A grammar reads past mistakes, so a file with a syntax error has its definitions all the same. Rows count from 0 here.
"""

import inspect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from deepseek_mm.parse.code.languages import CodeLanguage, Grammar

MOST_OPEN = 1_000  # brackets
MOST_DEEP = 2_000  # nodes inside one another; a chain of "else if" has two for each
MOST_NAMELESS = 1_000  # siblings in a row that are only marks
OPENING, CLOSING = b"([{", b")]}"
INDENT = re.compile(rb"^[ \t?-]{200}", re.MULTILINE)  # at which tree-sitter's YAML has 1024 bytes for its stack


class Tangled(ValueError):
    """Text that is not worth a tree."""


def check_text(data: bytes, language: str) -> None:
    """Before it is parsed. Tangled says what is wrong."""
    steps = np.zeros(256, np.int8)
    steps[list(OPENING)], steps[list(CLOSING)] = 1, -1
    found = steps[np.frombuffer(data, np.uint8)]
    opened = np.cumsum(found[found != 0], dtype=np.int32)
    if opened.size and opened.max() - min(opened.min(), 0) > MOST_OPEN:
        raise Tangled(f"more than {MOST_OPEN:,} brackets are open at once")
    if language == "yaml" and INDENT.search(data):
        raise Tangled("its lines are indented too far")


def check_tree(root: Any) -> None:
    """After it was parsed. Tangled says what is wrong."""
    waiting = [(root, 1)]
    while waiting:
        node, depth = waiting.pop()
        if depth > MOST_DEEP:
            raise Tangled(f"more than {MOST_DEEP:,} nodes lie inside one another")
        row = 0
        for child in node.children:
            row = 0 if child.is_named else row + 1
            if row > MOST_NAMELESS:
                raise Tangled(f"more than {MOST_NAMELESS:,} marks follow one another")
            if child.end_byte - child.start_byte > MOST_NAMELESS:
                waiting.append((child, depth + 1))


Kind = Literal["function", "class", "module", "section"]
KINDS: tuple[Kind, ...] = ("function", "class", "module", "section")
MOST_DEPTH = 20  # definitions inside one another; what is deeper stays in the text of the last
MOST_SIGNATURE = 300  # letters
MOST_DOC = 2_000
MOST_READ = 16_000  # bytes of a name or of a head that are looked at
MOST_NAME = 100  # of a selector in CSS, say
MERGED_CHARS = 400  # neighbouring sections are one up to this length
OUTSIDE = ("prototype", "exports", "module", "this", "self", "window", "global")  # in "exports.f = ...": no parents
NOT_SAID = ("@", "#[")  # begin a decorator or an attribute, which stands above a definition and is no comment
BLANK = re.compile(rb"\s*")
SHEBANG = "#!/"  # names what runs a script
MARKERS = re.compile(r"^\s*(?:/{2,}!?|/\*+!?|\*+/|\*|--+|#+!?|<!--)\s?|\s*(?:\*+/|-->)\s*$")
QUOTES = re.compile(r"^[a-zA-Z]{0,2}(\"\"\"|'''|\"|')(.*)\1$", re.DOTALL)
ENDS = re.compile(r"\s*(?:=>|[{:=;]|\bas)?\s*$")
GENERIC = re.compile(r"<[^<>]*>")
PARTS = re.compile(r"::|\.")


@dataclass(kw_only=True, slots=True)
class Definition:
    """Something that has a name."""

    kind: Kind
    name: str
    parent: str = ""  # where the name says so itself: "A" of a C++ "A::f"
    first: int  # row, with the comments and decorators above
    head: int  # row of the definition itself
    last: int  # row
    signature: str = ""
    doc: str = ""
    span: tuple[int, int]  # bytes
    inside: list["Definition"] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outline:
    """What a file defines and calls."""

    definitions: Sequence[Definition]  # not inside others, in order
    calls: Sequence[tuple[int, str]]  # row and name, in order
    doc: str  # of the whole file


def outline_of(data: bytes, grammar: Grammar) -> Outline:
    """The outline of a file's UTF-8 bytes. Tangled if a tree of it is not worth its cost."""
    import tree_sitter

    check_text(data, grammar.name)
    root = grammar.parser.parse(data).root_node
    check_tree(root)
    matches = [found for _, found in tree_sitter.QueryCursor(grammar.query).matches(root)]
    notes = notes_of([node for found in matches for node in found.get("note", ())], data)
    definitions = sorted(
        (
            definition_of(found, kind, grammar.language, notes, data)
            for found in matches
            for kind in KINDS
            if kind in found
        ),
        key=lambda each: (each.span[0], -each.span[1]),
    )
    called = sorted((node for found in matches for node in found.get("call", ())), key=lambda node: node.start_byte)
    calls = [call_of(node, grammar.language, data) for node in called]
    doc = (docstring(root) if grammar.language.docstrings else "") or opening(notes, before=definitions[:1])
    return Outline(definitions=nest_definitions(definitions), calls=[call for call in calls if call[1]], doc=doc)


def nest_definitions(definitions: Sequence[Definition]) -> list[Definition]:
    """Each inside the one that holds it; small sections that follow one another become one."""
    top: list[Definition] = []
    around: list[Definition] = []
    for each in definitions:
        while around and around[-1].span[1] < each.span[1]:
            around.pop()
        if len(around) >= MOST_DEPTH or (around and around[-1].span == each.span):
            continue
        among = around[-1].inside if around else top
        if among and is_small(among[-1], each):
            among[-1].last, among[-1].span = max(among[-1].last, each.last), (among[-1].span[0], each.span[1])
            continue
        among.append(each)
        around.append(each)
    return top


def is_small(before: Definition, each: Definition) -> bool:
    """Two sections that are short together, or stand on one line."""
    sections = before.kind == each.kind == "section"
    return sections and (each.span[1] - before.span[0] <= MERGED_CHARS or each.first <= before.last)


def definition_of(
    found: dict[str, list[Any]], kind: Kind, language: CodeLanguage, notes: "Notes", data: bytes
) -> Definition:
    """The definition that a pattern has found."""
    (node,), name = found[kind], start_of(found["name"][0], data)
    body = found["body"][0] if "body" in found else None
    parent, name = split_name(name, kind)
    if "parent" in found:
        parent = re.sub(r"[*&\s]|\[.*", "", start_of(found["parent"][0], data))
    outer = outermost_wrapper(node, language.wrappers)
    first, said = notes.above(outer.start_point.row)
    doc = (docstring(body) if language.docstrings else "") or said
    begin = node if outer.type == "decorated_definition" else outer
    return Definition(
        kind=kind,
        name=name,
        parent=parent,
        first=first,
        head=begin.start_point.row,
        last=last_row(outer),
        signature="" if kind == "section" else signature(begin, body, data),
        doc=doc,
        span=(node.start_byte, node.end_byte),
    )


def split_name(name: str, kind: Kind) -> tuple[str, str]:
    """What encloses it by its name, and the name alone: "A::f(int x)" -> ("A", "f")."""
    name = " ".join(name.split())
    if kind == "section":
        return "", name.strip("\"'")[:MOST_NAME]
    if kind == "function":
        name = name.partition("(")[0]
    plain = GENERIC.sub("", GENERIC.sub("", name)).strip(" *&\"'`[]")
    parts = [part.strip(" *&\"'`[]") for part in PARTS.split(plain.rpartition(" ")[2] or plain)]
    return ".".join(part for part in parts[:-1] if part and part not in OUTSIDE), parts[-1][:MOST_NAME] or plain


def outermost_wrapper(node: Any, wrappers: Sequence[str]) -> Any:
    """The outermost node that is nothing but a wrapping of this one."""
    while node.parent is not None and node.parent.type in wrappers:
        node = node.parent
    return node


def last_row(node: Any) -> int:
    """The last row that something of the node stands on."""
    row, column = node.end_point
    return int(max(node.start_point.row, row - (column == 0)))


def signature(node: Any, body: Any | None, data: bytes) -> str:
    """What stands before the body, or else the first line, as one line."""
    end = min(node.end_byte if body is None else body.start_byte, node.start_byte + MOST_READ)
    head = data[node.start_byte : end] if body is not None else data[node.start_byte : end].partition(b"\n")[0]
    line = ENDS.sub("", " ".join(head.decode(errors="replace").split()))
    return line if len(line) <= MOST_SIGNATURE else line[: MOST_SIGNATURE - 3] + "..."


def docstring(body: Any | None) -> str:
    """The string that a body begins with."""
    first = next((node for node in body.named_children if node.type != "comment"), None) if body is not None else None
    if first is None or first.type != "expression_statement" or first.named_child_count != 1:
        return ""
    child = first.named_children[0]
    found = QUOTES.match(text_of(child)) if child.type == "string" else None
    return inspect.cleandoc(found[2])[:MOST_DOC] if found else ""


def call_of(node: Any, language: CodeLanguage, data: bytes) -> tuple[int, str]:
    """The row, and the last name of what is called; an empty one where it has none: f()()."""
    end = data[max(node.start_byte, node.end_byte - 4 * MOST_SIGNATURE) : node.end_byte].decode(errors="replace")
    text = GENERIC.sub("", GENERIC.sub("", end[-MOST_SIGNATURE:])).strip()
    found = re.search(rf"({language.word})!?$", text)
    return node.start_point.row, found[1] if found else ""


def start_of(node: Any, data: bytes) -> str:
    """The letters of a node, of a very long one the first: nodes lie in one another, and each has all of its text."""
    return data[node.start_byte : min(node.end_byte, node.start_byte + MOST_READ)].decode(errors="replace")


def text_of(node: Any) -> str:
    """The letters of a node."""
    return str(node.text.decode(errors="replace"))


@dataclass(frozen=True, slots=True)
class Notes:
    """Comments that have their lines to themselves, and what else stands above definitions."""

    by_last: dict[int, tuple[int, str]]  # last row -> first row and what is written
    known: dict[int, tuple[int, str]] = field(default_factory=dict)  # what `above` said: of a row it is said once

    def above(self, row: int) -> tuple[int, str]:
        """The first row of what stands directly above `row`, and what its comments say."""
        if row not in self.known:
            self.known[row] = self._above(row)
        return self.known[row]

    def _above(self, row: int) -> tuple[int, str]:
        said: list[str] = []
        while (found := self.by_last.get(row - 1)) is not None:
            row, text = found
            if not text.startswith(NOT_SAID):
                said.append(text)
        return row, said_in(reversed(said))


def said_in(comments: Iterator[str]) -> str:
    """The words of comments, without what marks them as such."""
    rows = (row for comment in comments for row in comment.split("\n"))
    lines = [MARKERS.sub("", row) for row in rows if not row.startswith(SHEBANG)]
    return "\n".join(lines).strip()[:MOST_DOC]


def notes_of(nodes: Sequence[Any], data: bytes) -> Notes:
    """Those before which nothing stands on their line."""
    found = {}
    for node in nodes:
        if BLANK.fullmatch(data, node.start_byte - node.start_point.column, node.start_byte):
            found[last_row(node)] = (node.start_point.row, text_of(node).rstrip())
    return Notes(found)


def opening(notes: Notes, *, before: Sequence[Definition]) -> str:
    """The comment that a file begins with, unless it belongs to the first definition."""
    if before and before[0].first == 0:
        return ""
    row, said = 0, []
    at_first = {first: (last, text) for last, (first, text) in notes.by_last.items()}
    while row in at_first:
        last, text = at_first[row]
        said.append(text)
        row = last + 1
    return said_in(iter(said))
