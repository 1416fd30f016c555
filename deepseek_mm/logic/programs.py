"""The things of a picture, and programs over them: nests of calls, parsed, printed, type-checked and run.

Left and right, above and below compare the middles of boxes. Things stand on a floor that is seen from above: what
reaches further down in the picture stands in front.

    count(both(filter(all(), "cup"), relate("left of", the(filter(all(), "laptop")))))

Reading says where a text goes wrong; writing a tree gives a text that reads back as the same tree.

Nothing is guessed: where "the" thing is asked for and there is none, or where a trait is not known, the program does
not apply, and says why. Among several things that would do, a picture that is not known completely takes the surest.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from deepseek_mm.errors import BadProgram

Share = tuple[float, float, float, float]  # left, top, right, bottom as shares of the picture's width and height
NEAR = 0.2  # of the picture's diagonal, between the edges of two boxes
SAME_SIZE = 1.2  # times the area from which a thing is bigger


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SceneItem:
    """One thing; two that look the same are two."""

    number: int  # how an answer points at it
    names: tuple[str, ...]  # what it is called, the best first
    traits: Mapping[str, str] = field(default_factory=dict)  # colour, size, shape, material: as far as they are known
    colours: frozenset[str] = frozenset()  # every colour that is seen in it, where there are several
    box: Share = (0.0, 0.0, 1.0, 1.0)
    chance: float = 1.0  # that it is there at all

    @property
    def middle(self) -> tuple[float, float]:
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2

    @property
    def area(self) -> float:
        left, top, right, bottom = self.box
        return max(0.0, right - left) * max(0.0, bottom - top)


Fits = Callable[[str, str], bool]  # does something called so answer to that word?


def same_word(name: str, word: str) -> bool:
    return name == word


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """All things of a picture."""

    items: tuple[SceneItem, ...]
    fits: Fits = same_word
    complete: bool = False  # everything that is there is known; else what is missing may have been overlooked
    least: float = 0.5  # chance from which a thing counts


def is_called(item: SceneItem, word: str, scene: Scene) -> bool:
    """Does the word hold for the thing: one of its names, a trait or a colour?"""
    named = any(scene.fits(name, word) for name in item.names)
    return word == "thing" or named or word in item.traits.values() or word in item.colours


def across(one: SceneItem, other: SceneItem) -> float:
    """How far the first lies to the right of the second, as a share of the width."""
    return one.middle[0] - other.middle[0]


def down(one: SceneItem, other: SceneItem) -> float:
    """How far the first lies below the second, as a share of the height."""
    return one.middle[1] - other.middle[1]


def gap(one: SceneItem, other: SceneItem) -> float:
    """Distance of two boxes' edges, 0 where they touch, as a share of the diagonal of a square picture."""
    wide = max(0.0, one.box[0] - other.box[2], other.box[0] - one.box[2])
    high = max(0.0, one.box[1] - other.box[3], other.box[1] - one.box[3])
    return math.hypot(wide, high) / math.sqrt(2)


def inside(one: SceneItem, other: SceneItem) -> bool:
    """Does the middle of the first lie in the second, which is larger?"""
    (x, y), (left, top, right, bottom) = one.middle, other.box
    return left <= x <= right and top <= y <= bottom and other.area > one.area


RELATIONS: Mapping[str, Callable[[SceneItem, SceneItem], bool]] = {  # does the first stand so to the second?
    "left of": lambda one, other: across(one, other) < 0,
    "right of": lambda one, other: across(one, other) > 0,
    "above": lambda one, other: down(one, other) < 0,
    "below": lambda one, other: down(one, other) > 0,
    "behind": lambda one, other: one.box[3] < other.box[3],
    "in front of": lambda one, other: one.box[3] > other.box[3],
    "near": lambda one, other: gap(one, other) <= NEAR,
    "in": inside,
    "bigger than": lambda one, other: one.area > SAME_SIZE * other.area,
    "smaller than": lambda one, other: other.area > SAME_SIZE * one.area,
}
TRAITS = ("colour", "size", "shape", "material")


def trait_of(item: SceneItem, trait: str) -> str:
    """A trait, where it is known; else nothing."""
    if trait == "name":
        return item.names[0] if item.names else ""
    return item.traits.get(trait, "")


VALUES: Mapping[str, tuple[str, ...]] = {  # in the order in which they are said: a big red metal cube
    "size": ("small", "big"),
    "colour": ("red", "blue", "green", "yellow", "purple", "orange", "brown", "grey"),
    "material": ("rubber", "metal"),
    "shape": ("cube", "sphere", "cylinder", "cone"),
}
FLAT_VALUES: Mapping[str, tuple[str, ...]] = {
    "colour": (
        *("black", "white", "grey", "red", "orange", "yellow"),
        *("green", "teal", "blue", "purple", "pink", "brown"),
    ),
    "shape": ("circle", "ellipse", "rectangle", "triangle"),
}
CALLED = {"sphere": "ball"}  # another name of it
SCENE, FLAT = "drawn solids", "drawn shapes"  # what a picture of them is called
ANSWERS = (*("yes", "no"), *map(str, range(11)), *(value for values in VALUES.values() for value in values))


def solid(
    traits: Mapping[str, str], box: Share, *, number: int, chance: float = 1.0, names: Sequence[str] = ()
) -> SceneItem:
    """One of them as programs see it, or a flat shape; `names` are what else it is called, such as square."""
    known = (traits["shape"], CALLED.get(traits["shape"]), *names)
    return SceneItem(number=number, names=tuple(name for name in known if name), traits=traits, box=box, chance=chance)


def drawn_item(names: Sequence[str], box: Share, *, number: int, chance: float) -> SceneItem | None:
    """A solid or a shape by its labels, such as cone, metal, red, small; None where these are no such thing's."""
    for values in (VALUES, FLAT_VALUES):
        traits = {trait: name for trait, known in values.items() for name in names if name in known}
        if len(traits) == len(values):
            others = [name for name in names if name not in traits.values()]
            return solid(traits, box, number=number, chance=chance, names=others)
    return None


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


@dataclass(frozen=True, kw_only=True, slots=True)
class ProgramRun:
    """What came of a program."""

    answer: str  # yes, no, a number or a word; nothing where the program does not apply
    steps: tuple[tuple[str, str], ...]  # each call and what it gave
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
        self.scene, self.steps, self.used = scene, list[tuple[str, str]](), list[SceneItem]()

    def value(self, node: Node) -> Value:
        if isinstance(node, WordNode):
            return node.text
        if isinstance(node, NumberNode):
            return node.value
        given = [self.value(each) for each in node.given]
        value = DONE[node.name](self, *given)
        self.steps.append((shortly(node), to_words(value)))
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
