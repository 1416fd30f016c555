"""Carry a program out over a scene: what it gives, which things it rests on, and every step on the way.

Nothing is guessed: where "the" thing is asked for and there is none, or where a trait is not known, the program does
not apply, and says why. Among several things that would do, a picture that is not known completely takes the surest.
"""

from collections.abc import Callable
from dataclasses import dataclass

from deepseek_mm.logic.scene import RELATIONS, Scene, SceneItem, is_called, trait_of
from deepseek_mm.logic.syntax import CallNode, Node, NumberNode, WordNode

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
