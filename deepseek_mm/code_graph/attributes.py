"""What stands behind a dot: attributes of classes, instances, modules and of what is not here."""

import builtins

from deepseek_mm.code_graph.program import CodeScope
from deepseek_mm.code_graph.solver import (
    BY_NAME,
    CLASSES,
    FUNCTIONS,
    INSTANCES,
    LIKELY,
    NOTHING,
    Solver,
    Value,
    Values,
    grade_targets,
)

ENUMS = frozenset(["Enum", "IntEnum", "StrEnum", "Flag", "IntFlag"])
MOST_NAME = 80  # letters of a name that is not here
SOMETHING: Value = ("I", "?")
BUILT_IN = frozenset(dir(builtins))
COMMON = frozenset(
    name
    for kind in (str, bytes, list, dict, set, int, float, tuple, type, object, BaseException)
    for name in dir(kind)
) | frozenset(
    ["read", "write", "close", "open", "flush", "seek", "name", "path", "group", "match", "search", "run", "start",
     "stop", "exists", "parent", "stem", "suffix", "mkdir", "unlink", "send", "recv", "connect", "cancel", "result",
     "submit", "acquire", "release", "set", "wait", "put", "task_done", "debug", "info", "warning", "error", "log",
     "exception", "fileno", "readline", "readlines", "getvalue", "is_file", "is_dir", "resolve", "execute", "commit",
     "fetchall", "fetchone", "shape", "size", "dtype", "sum", "mean", "max", "min", "item", "tolist", "astype", "args",
     "kwargs", "value", "parse", "main", "test", "check", "load", "save", "show", "call", "apply", "next", "reset"]
)  # fmt: skip


def attributes_of(solver: Solver, value: Value, name: str, line: int) -> Values:
    """What one value has under a name. Properties are called for it."""
    kind = value[0]
    if kind in INSTANCES:
        return of_instance(solver, value, name, line)
    if kind in CLASSES:
        return of_class(solver, value, name)
    if kind == "m":
        return of_module(solver, value[1], name)
    if kind == "X":
        return {("X", f"{value[1]}.{name}"[:MOST_NAME])}
    if kind == "I":
        return {SOMETHING if value[1] == "?" or "(" in value[1] else ("X", f"{value[1]}.{name}"[:MOST_NAME])}
    if kind in ("L", "D", "T"):
        return {("a", value, name)}
    if kind == "S":
        return of_super(solver, value[1], name, line)
    if kind in ("f", "b"):
        return solver.read(("F", value[1], name))
    return NOTHING


def owners_of(solver: Solver, value: Value, name: str) -> list[int]:
    """Classes that may give an attribute: the first in order, and those below where one of them may be meant."""
    found, below = solver.program.having(value[1], name)
    if solver.self_of and below:
        below = [each for each in below if solver.program.runs(each, solver.here.owner, solver.self_of)]
    on_instances_alone = len(found) > 1 and not solver.slots.get((found[0], name))
    first = found if on_instances_alone else found[:1]
    return [*first, *below] if below and value[0] in ("i", "C") else first


def of_instance(solver: Solver, value: Value, name: str, line: int) -> Values:
    """Methods bound, properties called, attributes stored."""
    owners = owners_of(solver, value, name)
    if name == "__class__":
        return {("C" if value[0] == "i" else "c", value[1])}
    if not owners:
        solver.read(("N", name))
        return missing_of(solver, value, name, line)
    found: set[Value] = set()
    certainty = grade_targets(len(owners), solver.crowd)
    for owner in owners:
        for each in solver.read((owner, name)):
            found |= bind_method(solver, each, line, certainty)
        kept = solver.read(("A", owner, name))
        solver.stored |= {each[1] for each in kept if each[0] in FUNCTIONS}
        found |= kept
    return found


def bind_method(solver: Solver, value: Value, line: int, certainty: int) -> Values:
    """What a function in a class is on an instance."""
    if value[0] != "f":
        if value[0] in INSTANCES and (getter := find_method(solver, value, "__get__")):
            for each in getter:
                solver.link(each, "implicit", certainty, line)
            return {item for each in getter for item in solver.read(("R", each))} | {value}
        return {value}
    scope = solver.program.scopes[value[1]]
    if "property" in scope.flags or (scope.owner >= 0 and "setter" in scope.flags):
        if "setter" in scope.flags:
            return NOTHING
        solver.link(scope.id, "implicit", certainty, line)
        return solver.read(("R", scope.id))
    if "static" in scope.flags or scope.owner < 0 and scope.kind == "lambda":
        return {value}
    return {("b", scope.id)}


def missing_of(solver: Solver, value: Value, name: str, line: int) -> Values:
    """Of an instance that has no such attribute."""
    if name.startswith("__"):
        return NOTHING
    if is_foreign(solver, value[1]):
        return {("X", f"?.{name}")}
    if solver.is_known:
        return NOTHING
    found: set[Value] = set()
    for getter in find_method(solver, value, "__getattr__"):
        solver.link(getter, "implicit", LIKELY if solver.crowd <= 1 else BY_NAME, line)
        found |= solver.read(("R", getter))
    return found


def is_foreign(solver: Solver, owner: int) -> bool:
    """Whether a class inherits from what is not here."""
    return any(each in solver.program.foreign for each in solver.program.order(owner))


def find_method(solver: Solver, value: Value, name: str) -> list[int]:
    """Functions of this name in its class, and below where those may be meant."""
    found = [
        each[1] for owner in owners_of(solver, value, name) for each in solver.read((owner, name)) if each[0] == "f"
    ]
    if not found:
        solver.read(("N", name))
    return found


def of_class(solver: Solver, value: Value, name: str) -> Values:
    """Functions as they are, class methods bound; names in an enumeration are its members."""
    found: set[Value] = set()
    for owner in owners_of(solver, value, name):
        for each in solver.read((owner, name)):
            if each[0] == "f" and "class" in solver.program.scopes[each[1]].flags:
                found.add(("b", each[1]))
            elif each[0] == "f" or not is_enumeration(solver, value[1]):
                found.add(each)
        if is_enumeration(solver, value[1]) and not found:
            found.add(("e", value[1]))
    if not found:
        solver.read(("N", name))
        if is_foreign(solver, value[1]):
            return {("X", f"?.{name}")}
    return found


def is_enumeration(solver: Solver, owner: int) -> bool:
    """Whether members stand in its body."""
    scopes = solver.program.scopes
    bases = (base for each in solver.program.order(owner) for base in scopes[each].facts["bases"])
    return any(base is not None and base[0] in ("n", "a") and base[2] in ENUMS for base in bases)


def of_module(solver: Solver, file: int, name: str) -> Values:
    """A name in a module, or a module in a package."""
    program = solver.program
    base = program.bases[file]
    found = solver.read((base, name))
    if found:
        return found
    inner = (
        program.modules.find(f"{program.modules.names[file]}.{name}", file)
        if program.modules.is_package(file)
        else None
    )
    if inner is not None:
        return {("m", inner)}
    if "__getattr__" in program.bound[base]:
        alike = program.by_name.get(name, ())
        if len(alike) == 1:
            return {("c" if program.scopes[alike[0]].kind == "class" else "f", alike[0])}
    return NOTHING


def of_super(solver: Solver, owner: int, name: str, line: int) -> Values:
    """The next class that has it: of those above, else of those beside it in classes below."""
    program = solver.program
    having = program.by_attribute.get(name, NOTHING)
    above = [each for each in program.order(owner)[1:] if each in having][:1]
    for child in program.children.get(owner, ()):
        order = program.order(child)
        behind = order[order.index(owner) + 1 :] if owner in order else ()
        above += [each for each in behind if each in having and each not in above][:1]
    found: set[Value] = set()
    for each in above:
        for value in solver.read((each, name)):
            found |= bind_method(solver, value, line, LIKELY if len(above) > 1 else 0)
    return found or ({("X", f"?.{name}")} if is_foreign(solver, owner) else NOTHING)


def guess_by_name(solver: Solver, name: str) -> list[CodeScope]:
    """Methods of this name, where nothing is known of what stands before the dot."""
    if name in COMMON or name.startswith("__"):
        return []
    scopes = solver.program.scopes
    found = []
    for owner in solver.program.by_attribute.get(name, ()):
        found += [scopes[each[1]] for each in solver.slots.get((owner, name), ()) if each[0] == "f"]
    return found
