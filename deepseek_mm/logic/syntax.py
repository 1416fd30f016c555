"""Programs as text: nests of calls that a person can read and edit, parsed, printed and type-checked.

    count(both(filter(all(), "cup"), relate("left of", the(filter(all(), "laptop")))))

Reading says where a text goes wrong; writing a tree gives a text that reads back as the same tree.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from deepseek_mm.errors import BadProgram
from deepseek_mm.logic.scene import RELATIONS, TRAITS

TOKEN = re.compile(r'\s*(?:(?P<name>[a-z_]+)|(?P<word>"[^"\n]*")|(?P<number>\d{1,4})|(?P<mark>[(),]))')
MAX_CHARS, MAX_DEPTH = 2_000, 30


@dataclass(frozen=True, slots=True)
class WordNode:
    """A word in quotes: a name, a colour, a relation."""

    text: str
    at: int = 0  # characters before it in the text that was read

    def __str__(self) -> str:
        return f'"{self.text}"'


@dataclass(frozen=True, slots=True)
class NumberNode:
    """A whole number."""

    value: int
    at: int = 0

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True, slots=True)
class CallNode:
    """A call and what it is given."""

    name: str
    given: tuple["Node", ...] = ()
    at: int = 0

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.given))})"


Node = CallNode | WordNode | NumberNode


def read(text: str) -> Node:
    """The tree of a text. BadProgram names the place where it cannot go on."""
    if len(text) > MAX_CHARS:
        raise BadProgram(f"the program has {len(text):,} characters, and {MAX_CHARS:,} are allowed. Shorten it")
    reader = _Reader(text)
    node = reader.node(MAX_DEPTH)
    reader.end()
    return node


def calls_of(node: Node) -> Iterator[CallNode]:
    """Every call of a tree, the inner ones first."""
    if isinstance(node, CallNode):
        for each in node.given:
            yield from calls_of(each)
        yield node


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.place = text, 0

    def node(self, depth: int) -> Node:
        if depth == 0:
            raise wrong(self.text, self.place, f"more than {MAX_DEPTH} calls lie in each other. Leave some out")
        kind, token, at = self._take()
        if kind == "word":
            return WordNode(token[1:-1], at)
        if kind == "number":
            return NumberNode(int(token), at)
        if kind != "name":
            raise wrong(self.text, at, f'a call such as count(...), a "word" or a number belongs here, not {token!r}')
        return CallNode(token, self._arguments(token, depth), at)

    def _arguments(self, name: str, depth: int) -> tuple[Node, ...]:
        self._mark("(", f"after {name}")
        if self._peek() == ")":
            self._take()
            return ()
        given = [self.node(depth - 1)]
        while self._peek() == ",":
            self._take()
            given.append(self.node(depth - 1))
        self._mark(")", f"to end {name}(")
        return tuple(given)

    def end(self) -> None:
        if self.text[self.place :].strip():
            raise wrong(self.text, self.place, "the program has ended before this. Remove what follows, or wrap it in")

    def _mark(self, mark: str, why: str) -> None:
        if self._peek() != mark:
            raise wrong(self.text, self.place, f"{mark} is missing {why}")
        self._take()

    def _peek(self) -> str:
        match = TOKEN.match(self.text, self.place)
        return match[0].strip() if match else ""

    def _take(self) -> tuple[str, str, int]:
        match = TOKEN.match(self.text, self.place)
        if not match:
            rest = self.text[self.place :].strip()
            raise wrong(self.text, self.place, f"{rest[:10]!r} is no part of a program" if rest else "more must follow")
        kind = match.lastgroup or ""
        self.place = match.end()
        return kind, match[kind], match.start(kind)


def wrong(text: str, at: int, why: str, *, what: str = "program") -> BadProgram:
    """An error that points at the place."""
    at += len(text[at:]) - len(text[at:].lstrip())
    shown = text.replace("\n", " ")
    return BadProgram(f"the {what} goes wrong at character {at + 1}: {why}\n  {shown}\n  {' ' * at}^")


Type = Literal["things", "thing", "number", "word", "yes or no"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """A row of the table."""

    takes: tuple[Type, ...]
    gives: Type
    says: str
    words: tuple[str, ...] = ()  # what a word that it takes may be; () is anything
    more: bool = False  # the last one may be repeated


CALLS: Mapping[str, Signature] = {
    "all": Signature(takes=(), gives="things", says="everything that is seen"),
    "filter": Signature(takes=("things", "word"), gives="things", more=True, says="those that all the words hold for"),
    "the": Signature(takes=("things",), gives="thing", says="the one thing among them"),
    "relate": Signature(
        takes=("word", "thing"), gives="things", words=tuple(RELATIONS), says="what stands so to the thing"
    ),
    "same": Signature(
        takes=("word", "thing"), gives="things", words=TRAITS, says="the others that are like the thing in this"
    ),
    "both": Signature(takes=("things", "things"), gives="things", says="what is among both"),
    "either": Signature(takes=("things", "things"), gives="things", says="what is among one of them or both"),
    "count": Signature(takes=("things",), gives="number", says="how many they are"),
    "exist": Signature(takes=("things",), gives="yes or no", says="whether there is one at least"),
    "query": Signature(
        takes=("word", "thing"), gives="word", words=(*TRAITS, "name"), says="the thing's colour, size and so on"
    ),
    "more": Signature(takes=("number", "number"), gives="yes or no", says="whether the first is larger"),
    "fewer": Signature(takes=("number", "number"), gives="yes or no", says="whether the first is smaller"),
    "equal": Signature(takes=("number", "number"), gives="yes or no", says="whether two numbers are equal"),
    "alike": Signature(takes=("word", "word"), gives="yes or no", says="whether two words are equal"),
    "and": Signature(takes=("yes or no", "yes or no"), gives="yes or no", says="whether both hold"),
    "or": Signature(takes=("yes or no", "yes or no"), gives="yes or no", says="whether one of them holds"),
    "not": Signature(takes=("yes or no",), gives="yes or no", says="the opposite"),
}


def check(node: Node, text: str = "") -> Type:
    """What a program gives. BadProgram points at a call that is unknown, or at what it cannot take.

    `text` is what the program was read from.
    """
    text = text or str(node)
    if isinstance(node, WordNode):
        return "word"
    if isinstance(node, NumberNode):
        return "number"
    if node.name not in CALLS:
        raise wrong(text, node.at, f"there is no call {node.name!r}. There are {', '.join(CALLS)}")
    signature = CALLS[node.name]
    takes = signature.takes
    if signature.more and len(node.given) > len(takes):
        takes = (*takes, *(takes[-1],) * (len(node.given) - len(takes)))
    if len(node.given) != len(takes):
        needs = ", ".join(signature.takes) or "nothing"
        raise wrong(text, node.at, f"{node.name} takes {needs}, and {len(node.given)} things are given to it")
    for given, wanted in zip(node.given, takes, strict=True):
        found = check(given, text)
        if found != wanted:
            raise wrong(text, given.at, f"{node.name} takes {wanted} here, and this gives {found}")
        if isinstance(given, WordNode) and signature.words and given.text not in signature.words:
            raise wrong(text, given.at, f"{node.name} knows {', '.join(signature.words)}, not {given}")
    return signature.gives


def is_program(node: Node) -> bool:
    """Does the tree hold together?"""
    try:
        check(node)
    except BadProgram:
        return False
    return isinstance(node, CallNode)
