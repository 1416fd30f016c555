"""A user's own rules over the things of pictures: what to warn of, one rule a line.

    near(cup, laptop) -> warn "a cup stands near a laptop"
    exist(motorcycle) and not exist(helmet) -> warn "nobody wears a helmet"
    count(person) > 10 -> note "a crowd"
    # lines that begin so are for people

A rule holds where things can be found for all of its conditions. Names of several words are put in quotes. What is
denied, or said to be few, is known as far as boxes tell: a thing without one may be there all the same.
"""

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from deepseek_mm.errors import BadProgram, NothingThere
from deepseek_mm.logic.programs import RELATIONS, Scene, SceneItem, is_called, wrong
from deepseek_mm.storage.files import read_lines

RULE = re.compile(r'(?P<conditions>.+?)->\s*(?P<kind>warn|note)\s+"(?P<text>[^"]+)"\s*')
ATOM = re.compile(
    r"""\s*(?P<no>not\s+)?(?P<call>[a-z_]+)\s*\(\s*(?P<one>"[^"]+"|[\w-]+)\s*(?:,\s*(?P<other>"[^"]+"|[\w-]+)\s*)?\)"""
    r"""(?:\s*(?P<sign><=|>=|=|<|>)\s*(?P<number>\d{1,4}))?\s*"""
)
SIGNS: Mapping[str, Callable[[int, int], bool]] = {
    **{"<": operator.lt, ">": operator.gt, "=": operator.eq, "<=": operator.le, ">=": operator.ge}
}
wrong_rule = partial(wrong, what="rule")
AND = re.compile(r'\band\b(?=(?:[^"]*"[^"]*")*[^"]*$)')  # that stands in no quotes
MAX_CHARS, MAX_RULES = 2_000, 500  # of one rule; of a file
FEW = ("<", "<=", "=")  # signs by which a count can hold because something has no box
FORM = 'near(cup, laptop) -> warn "careful"'
BETWEEN = {relation.replace(" ", "_"): relation for relation in RELATIONS}


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """One of the things that a rule asks for."""

    call: str  # exist, count or a relation
    one: str
    other: str = ""
    sign: str = ""
    number: int = 0
    denied: bool = False

    @property
    def by_absence(self) -> bool:
        """Whether it may hold for want of a box; one more box could then end it."""
        return self.sign == "=" or self.denied != (self.sign in FEW)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """A line of the file."""

    line: int
    conditions: tuple[Condition, ...]
    kind: str  # warn or note
    text: str

    @property
    def by_absence(self) -> bool:
        """Whether it holds as far as boxes tell only: something that it says is not there may have no box."""
        return any(condition.by_absence for condition in self.conditions)


@dataclass(frozen=True, kw_only=True, slots=True)
class Warned:
    """A rule that holds in a picture, and the things that it rests on."""

    rule: Rule
    numbers: tuple[int, ...]


def read_rules(file: Path) -> tuple[Rule, ...]:
    """The rules of a file. NothingThere without the file, BadProgram with line and place for what is no rule."""
    if not file.is_file():
        raise NothingThere(f"no rules at {file}. Write one a line, such as: {FORM}")
    return rules_of(read_lines(file))


def rules_of(lines: Iterable[str]) -> tuple[Rule, ...]:
    """The rules of these lines; empty ones and those that begin with # say nothing. BadProgram as in `read_rules`."""
    told = [(number, line.strip()) for number, line in enumerate(lines, start=1)]
    told = [(number, line) for number, line in told if line and not line.startswith("#")]
    if len(told) > MAX_RULES:
        raise BadProgram(f"there are {len(told):,} rules, and {MAX_RULES} are checked at once. Split them in two")
    return tuple(rule_of(line, number) for number, line in told)


def rule_of(line: str, number: int) -> Rule:
    """One rule. BadProgram points at what is wrong."""
    try:
        if len(line) > MAX_CHARS:
            raise BadProgram(f"it has {len(line):,} characters, and {MAX_CHARS:,} are allowed. Shorten it")
        match = RULE.fullmatch(line)
        if not match:
            raise wrong_rule(line, 0, 'a rule is CONDITION and CONDITION -> warn "WORDS"')
        conditions, at = [], 0
        for part in AND.split(match["conditions"]):
            conditions.append(condition_of(part, line, at))
            at += len(part) + len("and")
    except BadProgram as error:
        raise BadProgram(f"line {number} of the rules: {error}") from error
    return Rule(line=number, conditions=tuple(conditions), kind=match["kind"], text=match["text"])


def condition_of(part: str, line: str, at: int) -> Condition:
    match = ATOM.fullmatch(part)
    if not match:
        raise wrong_rule(
            line, at, "a condition is exist(cup), count(cup) > 2 or near(cup, laptop), with not before it or none"
        )
    call = match["call"]
    if call not in ("exist", "count") and call not in BETWEEN:
        raise wrong_rule(line, at, f"there is no {call!r}. There are exist, count, {', '.join(BETWEEN)}")
    if (call in BETWEEN) != bool(match["other"]) or (call == "count") != bool(match["sign"]):
        needs = {"exist": "exist(cup)", "count": "count(cup) > 2"}.get(call, f"{call}(cup, laptop)")
        raise wrong_rule(line, at, f"{call} is written {needs}")
    one, other = ((match[name] or "").strip('"') for name in ("one", "other"))
    return Condition(
        call=call,
        one=one,
        other=other,
        sign=match["sign"] or "",
        number=int(match["number"] or 0),
        denied=bool(match["no"]),
    )


def watch(rules: Sequence[Rule], scene: Scene) -> list[Warned]:
    """The rules that hold in a picture, in their order."""
    warned = []
    for rule in rules:
        found = [holds(condition, scene) for condition in rule.conditions]
        if all(items is not None for items in found):
            numbers = dict.fromkeys(item.number for items in found for item in items or ())
            warned.append(Warned(rule=rule, numbers=tuple(numbers)))
    return warned


def holds(condition: Condition, scene: Scene) -> tuple[SceneItem, ...] | None:
    """The things by which a condition holds, none of them where it holds because something is not there; else None."""
    found = witnesses(condition, scene)
    if condition.denied:
        return () if found is None else None
    return found


def witnesses(condition: Condition, scene: Scene) -> tuple[SceneItem, ...] | None:
    """The same, as if nothing were denied."""
    ones = things_named(condition.one, scene)
    if condition.call == "count":
        return ones if SIGNS[condition.sign](len(ones), condition.number) else None
    if condition.call == "exist":
        return ones[:1] or None
    stands = RELATIONS[BETWEEN[condition.call]]
    others = things_named(condition.other, scene)
    return next(((one, other) for one in ones for other in others if one is not other and stands(one, other)), None)


def things_named(name: str, scene: Scene) -> tuple[SceneItem, ...]:
    """Things of that name that are likely enough."""
    return tuple(item for item in scene.items if item.chance >= scene.least and is_called(item, name, scene))
