"""Programs: nests of calls that a person can read and edit, parsed, printed, type-checked, and run over a scene.

    count(both(filter(all(), "cup"), relate("left of", the(filter(all(), "laptop")))))

Reading says where a text goes wrong; writing a tree gives a text that reads back as the same tree.

Nothing is guessed: where "the" thing is asked for and there is none, or where a trait is not known, the program does
not apply, and says why. Among several things that would do, a picture that is not known completely takes the surest.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from deepseek_mm.errors import BadProgram
from deepseek_mm.logic.scene import RELATIONS, TRAITS, Scene, SceneItem, is_called, trait_of

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


Things = tuple[SceneItem, ...]
Value = Things | SceneItem | int | str | bool


class NotCoveredError(Exception):
    """The scene does not know what the program asks for; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Step:
    """One call and what it gave."""

    call: str
    gave: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ProgramRun:
    """What came of a program."""

    answer: str  # yes, no, a number or a word; nothing where the program does not apply
    steps: tuple[Step, ...]
    numbers: tuple[int, ...] = ()  # of the things that the answer rests on
    chance: float = 1.0  # of the least certain of them
    missing: str = ""  # why it does not apply


def run(program: Node, scene: Scene) -> ProgramRun:
    """The program must hold together (`calls.check`)."""
    machine = _Machine(scene)
    try:
        value = machine.value(program)
    except NotCoveredError as error:
        return ProgramRun(answer="", steps=tuple(machine.steps), missing=str(error))
    used = tuple(dict.fromkeys(machine.used))
    return ProgramRun(
        answer=to_words(value),
        steps=tuple(machine.steps),
        numbers=tuple(dict.fromkeys(item.number for item in used)),
        chance=min((item.chance for item in used), default=1.0),
    )


def to_words(value: Value) -> str:
    """A value in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(to_words, value)) or "nothing"
    if isinstance(value, SceneItem):
        return f"{trait_of(value, 'name')} [{value.number}]"
    return str(value)


class _Machine:
    def __init__(self, scene: Scene) -> None:
        self.scene, self.steps, self.used = scene, list[Step](), list[SceneItem]()

    def value(self, node: Node) -> Value:
        if isinstance(node, WordNode):
            return node.text
        if isinstance(node, NumberNode):
            return node.value
        given = [self.value(each) for each in node.given]
        value = DONE[node.name](self, *given)
        self.steps.append(Step(shortly(node), to_words(value)))
        return value

    def all(self) -> Things:
        return tuple(item for item in self.scene.items if item.chance >= self.scene.least)

    def filter(self, things: Things, *words: str) -> Things:
        return tuple(item for item in things if all(is_called(item, word, self.scene) for word in words))

    def the(self, things: Things) -> SceneItem:
        if not things:
            raise NotCoveredError("there is no such thing in the picture")
        if len(things) > 1 and self.scene.complete:
            raise NotCoveredError(f"there are {len(things)} such things, and one is asked for")
        best = max(things, key=lambda item: item.chance)
        self.used.append(best)
        return best

    def relate(self, relation: str, item: SceneItem) -> Things:
        stands = RELATIONS[relation]
        return tuple(other for other in self.all() if other is not item and stands(other, item))

    def same(self, trait: str, item: SceneItem) -> Things:
        its = self.query(trait, item)
        return tuple(other for other in self.all() if other is not item and trait_of(other, trait) == its)

    def count(self, things: Things) -> int:
        self.used += things
        return len(things)

    def exist(self, things: Things) -> bool:
        self.used += things[:1]
        return bool(things)

    def query(self, trait: str, item: SceneItem) -> str:
        if not (known := trait_of(item, trait)):
            raise NotCoveredError(f"the {trait} of {to_words(item)} is not known")
        return known


DONE: dict[str, Callable[..., Value]] = {
    **{name: getattr(_Machine, name) for name in ("all", "filter", "the", "relate", "same", "count", "exist", "query")},
    "both": lambda _, one, other: tuple(item for item in one if item in other),
    "either": lambda _, one, other: tuple(dict.fromkeys((*one, *other))),
    "more": lambda _, one, other: one > other,
    "fewer": lambda _, one, other: one < other,
    "equal": lambda _, one, other: one == other,
    "alike": lambda _, one, other: one == other,
    "and": lambda _, one, other: one and other,
    "or": lambda _, one, other: one or other,
    "not": lambda _, one: not one,
}


def shortly(call: CallNode) -> str:
    """A call with its words, the calls inside it left out."""
    words = [str(given) if not isinstance(given, CallNode) else "..." for given in call.given]
    return f"{call.name}({', '.join(words)})"
