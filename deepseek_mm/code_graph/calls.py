"""Calls: which definitions are meant, what their parameters learn, and what comes back."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from deepseek_mm.code_graph.attributes import SOMETHING, attributes_of, find_method, owners_of
from deepseek_mm.code_graph.elements import items_of, store_item
from deepseek_mm.code_graph.externals import GIVE_BACK, call_container, call_external
from deepseek_mm.code_graph.program import CodeScope
from deepseek_mm.code_graph.solver import (
    BY_NAME,
    CLASSES,
    CONTAINERS,
    FUNCTIONS,
    INSTANCES,
    NOTHING,
    Solver,
    Value,
    Values,
    grade_targets,
)

MOST_TARGETS = 80  # of one call


@dataclass(kw_only=True, slots=True)
class Arguments:
    """The values that a call hands over."""

    places: Sequence[Values] = ()
    rest: Values = NOTHING  # elements of what is starred
    is_open: bool = False  # something is starred, or handed over by what is not here
    words: dict[str, Values] = field(default_factory=dict)
    maybe: dict[str, Values] = field(default_factory=dict)  # by their names in mappings with two stars
    line: int = 0
    targets: dict[int, str] = field(default_factory=dict)  # definitions that are meant -> kind of the link

    def at(self, place: int) -> Values:
        """A value by its place."""
        return self.places[place] if place < len(self.places) else self.rest

    def values(self) -> list[Values]:
        """All of them."""
        return [*self.places, self.rest, *self.words.values(), *self.maybe.values()]


def call_values(solver: Solver, called: Values, args: Arguments) -> Values:
    """What a call of any of these values gives."""
    found: set[Value] = set()
    for value in list(called)[:MOST_TARGETS]:
        found |= call_value(solver, value, args)
    return found


def call_value(solver: Solver, value: Value, args: Arguments) -> Values:
    """What a call of one value gives."""
    kind = value[0]
    if kind in FUNCTIONS and not takes(solver, solver.program.scopes[value[1]], args, shift=kind == "b"):
        return NOTHING
    if kind in FUNCTIONS:
        args.targets.setdefault(value[1], "call")
        bind(solver, solver.program.scopes[value[1]], args, shift=kind == "b")
        return return_values(solver, value[1], args, shift=kind == "b")
    if kind in CLASSES:
        return construct(solver, value, args)
    if kind in INSTANCES:
        return call_method(solver, value, "__call__", args, "call")
    if kind == "a":
        return call_container(solver, value, args)
    if kind == "X":
        return call_external(solver, value[1], args, call_values)
    if kind == "I":
        return args.at(0) if value[1] in GIVE_BACK else {SOMETHING}
    return NOTHING


def call_method(solver: Solver, value: Value, name: str, args: Arguments, kind: str = "implicit") -> Values:
    """What a method of an instance gives, if it has it."""
    found: set[Value] = set()
    for each in find_method(solver, value, name):
        scope = solver.program.scopes[each]
        if kind == "call" and name != "__new__" and not takes(solver, scope, args, shift="static" not in scope.flags):
            continue
        args.targets.setdefault(each, kind)
        bind(solver, scope, args, shift="static" not in scope.flags)
        found |= return_values(solver, each, args, shift="static" not in scope.flags)
    return found


def call_implicitly(
    solver: Solver, values: Values, names: Sequence[str], places: Sequence[Values], line: int
) -> Values:
    """What the first of these methods gives that instances have: by an operator, a loop, a context."""
    found: set[Value] = set()
    targets: dict[int, str] = {}
    for value in list(values)[:MOST_TARGETS]:
        if value[0] not in INSTANCES:
            continue
        for name in names:
            args = Arguments(places=places, line=line)
            found |= call_method(solver, value, name, args)
            targets |= args.targets
            if args.targets:
                break
    is_mixed = any(value[0] in CONTAINERS for value in values)
    is_one = len(targets) == 1 and not is_mixed
    certainty = grade_targets(1, count_instances(solver, values)) if is_one else BY_NAME
    link_targets(solver, Arguments(line=line, targets=targets), certainty)
    return found


def count_instances(solver: Solver, values: Values) -> int:
    """Of how many classes they are instances; those below a class that is declared are that one's."""
    instances = [value for value in values if value[0] in INSTANCES]
    if len(instances) < 2:
        return len(instances)
    below = {each for value in instances if value[0] == "i" for each in solver.program.below(value[1])}
    declared = {value[1] for value in instances if value[0] == "i"}
    return len(
        {value[1] for value in instances if value[1] not in below and (value[0] == "i" or value[1] not in declared)}
    )


def count_owners(solver: Solver, values: Values, name: str) -> int:
    """How many classes give an attribute to these instances."""
    instances = [value for value in values if value[0] in INSTANCES]
    if not solver.is_recording or len(instances) < 2:
        return len(instances)
    return len({owner for value in instances for owner in owners_of(solver, value, name)})


def link_targets(solver: Solver, args: Arguments, certainty: int) -> None:
    """Record what a call means."""
    if solver.is_recording:
        for target, kind in args.targets.items():
            solver.link(target, kind, certainty, args.line)


def return_values(solver: Solver, function: int, args: Arguments, *, shift: bool) -> Values:
    """What a function gives; of a generator its elements' container. A parameter that it gives back is this call's."""
    scope = solver.program.scopes[function]
    if scope.facts.get("yields"):
        return {("M" if "manager" in scope.flags else "L", function)}
    found = solver.read(("R", function))
    for name in scope.passed:
        found = found | (given_as(scope, args, name, shift=shift) or solver.read(("P", function, name)))
    limit = solver.limits.get(("R", function)) if scope.passed else None
    return solver.within(found, limit) if limit else found


def given_as(scope: CodeScope, args: Arguments, name: str, *, shift: bool) -> Values:
    """What a call hands over for a parameter."""
    params = scope.facts["params"][1:] if shift else scope.facts["params"]
    if name in params and params.index(name) < len(args.places):
        return args.at(params.index(name))
    return args.words.get(name) or args.maybe.get(name) or args.rest


def takes(solver: Solver, scope: CodeScope, args: Arguments, *, shift: bool) -> bool:
    """Whether a function can be called like this: by the number of its parameters, their names, and annotations."""
    facts = scope.facts
    params = facts["params"][1:] if shift else facts["params"]
    known = {*params, *facts["only"]}
    if len(args.places) > len(params) and not facts["more"]:
        return False
    if not facts["keys"] and not known.issuperset(args.words):
        return False
    has_default = {name for name, _ in facts["defaults"]}
    wanted = [name for name in params[len(args.places) :] if name not in has_default and name not in args.words]
    if wanted and not args.is_open:
        return False
    for name, values in zip(params, args.places, strict=False):
        limit = solver.limits.get((scope.id, name))
        instances = {value for value in values if value[0] in INSTANCES}
        if limit and instances and len(instances) == len(values) and not solver.within(instances, limit):
            return False
    return True


def bind(solver: Solver, scope: CodeScope, args: Arguments, *, shift: bool) -> None:
    """Let parameters know the arguments."""
    if solver.is_recording:
        return
    facts = scope.facts
    params = facts["params"][1:] if shift else facts["params"]
    for name, values in zip(params, args.places, strict=False):
        solver.write((scope.id, name), values)
    if args.rest:
        for name in params[len(args.places) :]:
            solver.write((scope.id, name), args.rest)
    if facts["more"]:
        for values in (*args.places[len(params) :], args.rest):
            solver.write(("E", ("more", scope.id)), values)
    for word, values in (*args.words.items(), *args.maybe.items()):
        if word in params or word in facts["only"]:
            solver.write((scope.id, word), values)
        elif facts["keys"]:
            store_item(solver, ("keys", scope.id), {("I", "str", word)}, values)


def construct(solver: Solver, value: Value, args: Arguments) -> Values:
    """An instance; its `__init__` and `__new__` are called, fields of a data class are stored."""
    made: Value = ("e" if value[0] == "c" else "i", value[1])
    called = Arguments(
        places=args.places, rest=args.rest, words=args.words, maybe=args.maybe, line=args.line, targets=args.targets,
        is_open=args.is_open,
    )  # fmt: skip
    args.targets.setdefault(value[1], "call")
    given = call_method(solver, made, "__new__", called, "call")
    makers = len(args.targets)
    call_method(solver, made, "__init__", called, "call")
    if len(args.targets) == makers:
        store_fields(solver, value[1], args)
        call_method(solver, made, "__post_init__", Arguments(targets=args.targets), "implicit")
    for meta in metaclasses(solver, value[1]):
        call_method(solver, ("e", meta), "__call__", called, "call")
    return {made, *(each for each in given if each[0] in INSTANCES)}


def metaclasses(solver: Solver, owner: int) -> set[int]:
    """Classes of its class that are here."""
    return {each[1] for cls in solver.program.order(owner) for each in solver.read(("Y", cls)) if each[0] in CLASSES}


def store_fields(solver: Solver, owner: int, args: Arguments) -> None:
    """What a data class is made with becomes its attributes."""
    if solver.is_recording:
        return
    names: list[str] = []
    for each in reversed(solver.program.order(owner)):
        code = solver.program.scopes[each].facts["code"]
        names += [line[1][2] for line in code if line[0] == ":" and line[1] is not None and line[1][0] == "n"]
    names = list(dict.fromkeys(names))
    for name, values in [*zip(names, args.places, strict=False), *args.words.items(), *args.maybe.items()]:
        if name in names:
            solver.write(("A", owner, name), values)
            solver.add_attribute(owner, name)


def iterate(solver: Solver, values: Values, line: int) -> Values:
    """What a loop over any of these gives."""
    made = call_implicitly(solver, values, ("__iter__", "__aiter__"), (), line)
    return step(solver, made, line) | list_items(solver, values)


def step(solver: Solver, values: Values, line: int) -> Values:
    """What iterators give one after the other."""
    instances = [value for value in values if value[0] in INSTANCES]
    found = {each for one in instances for each in call_implicitly(solver, {one}, ("__next__", "__anext__"), (), line)}
    return found | list_items(solver, values)


def list_items(solver: Solver, values: Values) -> set[Value]:
    """What the containers among them hold."""
    return {item for value in list(values) if value[0] not in INSTANCES for item in items_of(solver, value)}


def look_up_attribute(solver: Solver, values: Values, name: str, line: int) -> Values:
    """An attribute of any of these."""
    crowd = min(count_instances(solver, values), count_owners(solver, values, name))
    instances = [value for value in values if value[0] in INSTANCES]
    is_known = len(instances) < len(values) or any(owners_of(solver, value, name) for value in instances)
    solver.crowd, solver.is_known, solver.stored = crowd, is_known, stored = crowd, is_known, set[int]()
    found = {each for value in list(values) for each in attributes_of(solver, value, name, line)}
    solver.crowd, solver.is_known, solver.stored = crowd, is_known, stored
    return found


def compare_keys(solver: Solver, containers: Values, keys: Values, line: int) -> None:
    """Keys that are instances, and surely that, are hashed and compared where a container looks for them."""
    if solver.is_recording and keys and all(value[0] in INSTANCES for value in keys):
        kinds = {value[0] for value in containers}
        names = ["__hash__", "__eq__"] if "D" in kinds or "L" in kinds else ["__eq__"] if "T" in kinds else []
        for name in names:
            call_implicitly(solver, keys, (name,), (), line)
