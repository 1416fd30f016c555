"""Reads one scope: its parameters, then its statements, which store what expressions give."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from deepseek_mm.code_graph.calls import (
    Arguments,
    call_implicitly,
    call_values,
    iterate,
    link_targets,
)
from deepseek_mm.code_graph.elements import item_at, store_item, values_of
from deepseek_mm.code_graph.expressions import evaluate, look_up, refer
from deepseek_mm.code_graph.notes import read_limit, read_note
from deepseek_mm.code_graph.program import OF_CLASS, CodeScope, list_choices
from deepseek_mm.code_graph.solver import (
    CERTAIN,
    CLASSES,
    FUNCTIONS,
    INSTANCES,
    LIKELY,
    NOTHING,
    Solver,
    Value,
    Values,
)

USABLE = frozenset(["f", "b", "c", "e", "i"])  # what a decorator may make of a definition
PLAIN = frozenset(
    ["builtins.object", "typing.Generic", "typing.Protocol", "abc.ABC", "typing_extensions.Protocol"]
)  # bases that give nothing
ENTERS, LEAVES = ("__enter__", "__aenter__"), ("__exit__", "__aexit__")


def evaluate_scope(solver: Solver, scope: CodeScope) -> None:
    """Everything that a scope says."""
    if "params" in scope.facts:
        evaluate_head(solver, scope)
    for statement in scope.facts["code"]:
        with suppress(RecursionError):  # an expression that could just be parsed, and says nothing then
            STATEMENTS[statement[0]](solver, statement)


def prepare_scope(solver: Solver, scope: CodeScope) -> None:
    """Note what annotations allow, before any value comes in that they do not."""
    facts = scope.facts
    for name, note in facts.get("notes", ()):
        if name not in (facts["more"], facts["keys"]):
            limit_slot(solver, (scope.id, name), note, scope.owner)
    if facts.get("returns") and not facts.get("yields"):
        limit_slot(solver, ("R", scope.id), facts["returns"], scope.owner)
    if scope.owner >= 0 and facts.get("params") and not scope.flags & {"static", "class"}:
        solver.limits.setdefault((scope.id, facts["params"][0]), (frozenset([scope.owner]), frozenset()))
    for statement in facts["code"]:
        if statement[0] == ":" and statement[1] is not None:
            limit_target(solver, scope, statement[1], statement[2])


def limit_target(solver: Solver, scope: CodeScope, target: Any, note: Any) -> None:
    """Of a variable, a field, or an attribute of the instance."""
    owner = scope.id if scope.kind == "class" else scope.owner
    if target[0] == "n":
        limit_slot(solver, (scope.base + target[1], target[2]), note, owner)
        if scope.kind == "class":
            limit_slot(solver, ("A", scope.id, target[2]), note, owner)
    elif target[0] == "a" and owner >= 0 and scope.facts.get("params", ())[:1] == [name_of(target[1])]:
        limit_slot(solver, ("A", owner, target[2]), note, owner)


def name_of(node: Any) -> str:
    """The name that an expression is; an empty one where it is none."""
    return str(node[2]) if node is not None and node[0] == "n" else ""


def limit_slot(solver: Solver, slot: Any, note: Any, owner: int) -> None:
    limit = read_limit(solver, note, look_up, owner)
    if limit is not None:
        solver.limits[slot] = limit


def evaluate_head(solver: Solver, scope: CodeScope) -> None:
    """Parameters: the instance, defaults, annotations, fixtures of tests; and what it says it returns."""
    facts, params = scope.facts, scope.facts["params"]
    if scope.owner >= 0 and params and "static" not in scope.flags:
        is_class = "class" in scope.flags or scope.name in OF_CLASS
        solver.write((scope.id, params[0]), {("C" if is_class else "i", scope.owner)})
    if facts["more"]:
        solver.write((scope.id, facts["more"]), {("L", ("more", scope.id))})
    if facts["keys"]:
        solver.write((scope.id, facts["keys"]), {("D", ("keys", scope.id))})
    for name, value in facts["defaults"]:
        store_parameter(solver, scope, name, evaluate(solver, value))
    stars = {facts["more"]: ("E", ("more", scope.id)), facts["keys"]: ("E", ("keys", scope.id))}
    for name, note in facts["notes"]:
        values = read_note(solver, note, look_up, scope.owner)
        if name in stars:
            solver.write(stars[name], values)
        else:
            store_parameter(solver, scope, name, values)
    said = read_note(solver, facts["returns"], look_up, scope.owner) if facts["returns"] else NOTHING
    if facts.get("yields"):
        for value in list(said):
            if value[0] in ("L", "T"):
                solver.write(("E", scope.id), values_of(solver, value))
    else:
        solver.write(("R", scope.id), said)
    if solver.program.is_test_file(scope.file) and (scope.name.startswith("test") or "fixture" in scope.flags):
        take_fixtures(solver, scope)


def store_parameter(solver: Solver, scope: CodeScope, name: str, values: Values) -> None:
    """What a parameter may be wherever it is called from."""
    solver.write((scope.id, name), values)
    if name in scope.passed:
        solver.write(("P", scope.id, name), values)


def take_fixtures(solver: Solver, scope: CodeScope) -> None:
    """Parameters of tests are given by fixtures of their names, the nearest ones."""
    program = solver.program
    folder = program.modules.paths[scope.file].rpartition("/")[0]
    for name in scope.facts["params"]:
        for number in program.by_name.get(name, ()):
            fixture = program.scopes[number]
            path = program.modules.paths[fixture.file]
            near = fixture.file == scope.file or (
                path.endswith("conftest.py") and folder.startswith(path.rpartition("/")[0])
            )
            if near and "fixture" in fixture.flags:
                solver.link(number, "callback", LIKELY, scope.facts["lines"][1])
                slot = ("E", number) if fixture.facts.get("yields") else ("R", number)
                solver.write((scope.id, name), solver.read(slot))


def assign(solver: Solver, target: Any, values: Values, line: int = 0) -> None:
    """Store values in a name, an attribute, an element or several of them."""
    if target is None or not values and target[0] == "n":
        return
    kind = target[0]
    if kind == "n":
        solver.write((solver.here.base + target[1], target[2]), values)
    elif kind == "a":
        for value in list(evaluate(solver, target[1])):
            store_attribute(solver, value, target, values)
    elif kind == "x":
        store_element(solver, target, values)
    elif kind in ("T", "L"):
        for n, part in enumerate(target[1]):
            assign(solver, part, {each for value in list(values) for each in unpack(solver, value, n, line)}, line)
    elif kind == "*":
        solver.write(("E", id(target)), values)
        assign(solver, target[1], {("L", id(target))})


def unpack(solver: Solver, value: Value, place: int, line: int) -> Values:
    return iterate(solver, {value}, line) if value[0] in INSTANCES else item_at(solver, value, place)


def store_attribute(solver: Solver, value: Value, target: Any, values: Values) -> None:
    name, kind = target[2], value[0]
    if kind in INSTANCES:
        owners = [each for each in solver.program.order(value[1]) if name in solver.program.scopes[each].attributes]
        setters = [
            each[1]
            for owner in owners
            for each in solver.read((owner, name))
            if each[0] == "f" and "setter" in solver.program.scopes[each[1]].flags
        ]
        for setter in setters:
            args = Arguments(places=(values,), line=target[3], targets={setter: "implicit"})
            call_values(solver, {("b", setter)}, args)
            link_targets(solver, args, CERTAIN)
        limit = next((found for each in owners if (found := solver.limits.get(("A", each, name)))), None)
        solver.write(("A", value[1], name), solver.within(values, limit) if limit else values)
        solver.add_attribute(value[1], name)
    elif kind in CLASSES:
        solver.write((value[1], name), values)
        solver.add_attribute(value[1], name)
    elif kind == "m":
        solver.write((solver.program.bases[value[1]], name), values)
    elif kind in FUNCTIONS:
        solver.write(("F", value[1], name), values)


def store_element(solver: Solver, target: Any, values: Values) -> None:
    index = evaluate(solver, target[2])
    for value in list(evaluate(solver, target[1])):
        if value[0] == "D":
            store_item(solver, value[1], index, values)
        elif value[0] == "L":
            solver.write(("E", value[1]), values)
        elif value[0] in INSTANCES:
            call_implicitly(solver, {value}, ("__setitem__",), (index, values), target[3])


def run_definition(solver: Solver, statement: Any) -> None:
    """A function or class, with what its decorators make of it."""
    scope = solver.program.scopes[solver.here.base + statement[1]]
    value: Value = ("c" if scope.kind == "class" else "f", scope.id)
    if scope.kind == "class":
        inherit(solver, scope)
    values: set[Value] = {value}
    for decorator in reversed(scope.facts["decorators"]):
        made = (
            look_up(solver, decorator)
            if decorator is not None and decorator[0] in "na"
            else evaluate(solver, decorator)
        )
        args = Arguments(places=(values,), line=scope.facts["lines"][0])
        given = call_values(solver, {each for each in made if each[0] not in ("X", "I")}, args)
        link_targets(solver, args, CERTAIN)
        if args.targets:
            solver.decorated.add(value)
        others = {each for target in args.targets for each in first_arguments(solver, target)} - values
        kept = {each for each in given if each[0] in USABLE and each not in solver.decorated and each not in others}
        values = {value} | (kept if scope.kind != "class" else NOTHING)
    if "overload" not in scope.flags:
        solver.write((solver.here.id, scope.name), values)


def first_arguments(solver: Solver, function: int) -> Values:
    """What a decorator was ever given: if it gives back its argument, that is not what it gives here."""
    params = solver.program.scopes[function].facts.get("params", ())
    return solver.read((function, params[0])) if params else NOTHING


def inherit(solver: Solver, scope: CodeScope) -> None:
    """Learn what a class inherits from."""
    parents: list[int] = []
    foreign: list[str] = []
    for base in scope.facts["bases"]:
        while base is not None and base[0] == "x":
            base = base[1]
        found = evaluate(solver, base)
        parents += [value[1] for value in found if value[0] in CLASSES]
        foreign += [
            str(value[1]).rpartition(".")[2] for value in found if value[0] in ("X", "I") and value[1] not in PLAIN
        ]
        foreign += [] if found or base is None else [base[2] if base[0] in "na" else "?"]
    if not solver.is_recording and solver.program.inherit(scope.id, parents, foreign):
        solver.enqueue_seen()
    for meta in scope.facts["metas"]:
        solver.write(("Y", scope.id), evaluate(solver, meta))


def run_import(solver: Solver, statement: Any) -> None:
    """import a.b as c, from a import b as c"""
    _, local, name, attribute, level, line = statement
    modules, file = solver.program.modules, solver.here.file
    full = modules.absolute(name, level, file)
    found = modules.find(full, file)
    if not local:
        return
    if found is None:
        values: Values = {("X", f"{full}.{attribute}" if attribute else full)}
    elif attribute:
        values = import_name(solver, found, attribute)
        if solver.is_recording:
            refer(solver, values, line)
    else:
        values = {("m", found)}
    solver.write((solver.here.id, local), values)


def import_name(solver: Solver, file: int, name: str) -> Values:
    from deepseek_mm.code_graph.attributes import of_module

    inner = solver.program.modules.find(f"{solver.program.modules.names[file]}.{name}", file)
    return of_module(solver, file, name) or ({("m", inner)} if inner is not None else NOTHING)


def run_star_import(solver: Solver, statement: Any) -> None:
    """from a import *"""
    _, name, level, _ = statement
    modules, file = solver.program.modules, solver.here.file
    found = modules.find(modules.absolute(name, level, file), file)
    if found is None or found == file:
        return
    base = solver.program.bases[found]
    names = solver.program.bound[base] | {
        each[1][2]
        for each in solver.program.scopes[base].facts["code"]
        if each[0] == "=" and each[1] and each[1][0] == "n"
    }
    for each in sorted(names):
        if not each.startswith("_"):
            solver.write((solver.here.id, each), solver.read((base, each)))
            solver.program.bound[solver.here.id].add(each)


def run_with(solver: Solver, statement: Any) -> None:
    """with value as target"""
    _, target, value, line = statement
    given: set[Value] = set()
    values = evaluate(solver, value)
    for each in list(values):
        if each[0] in ("M", "L"):
            given |= solver.read(("E", each[1]))
    given |= call_implicitly(solver, values, ENTERS, (), line)
    call_implicitly(solver, values, LEAVES, (), line)
    assign(solver, target, given, line)


def run_hint(solver: Solver, statement: Any) -> None:
    """isinstance tells what a name may be, where nothing else does."""
    _, target, note = statement
    solver.puzzled.add(solver.here.id)
    if solver.is_guessing and target is not None and target[0] == "n":
        known = evaluate(solver, target)
        if not any(value[0] in (*INSTANCES, "L", "D", "T") for value in known):
            parts = note[1] if note is not None and note[0] == "T" else [note]
            for part in parts:
                found = read_note(solver, part, look_up)
                assign(solver, target, {value for value in found if value[0] in INSTANCES})
    elif note is not None:
        evaluate(solver, note)


def run_return(solver: Solver, statement: Any) -> None:
    """What a function gives, but for the parameters that it passes on."""
    passed = solver.here.passed
    for part in list_choices(statement[1]):
        values = evaluate(solver, part)
        if part[0] != "n" or part[2] not in passed:
            solver.write(("R", solver.here.id), values)


def run_handler(solver: Solver, statement: Any) -> None:
    """except kind as name"""
    parts = statement[2][1] if statement[2] is not None and statement[2][0] == "T" else [statement[2]]
    found = {value for part in parts if part is not None for value in evaluate(solver, part)}
    assign(solver, statement[1], {("i", value[1]) for value in found if value[0] in CLASSES})


def run_typed(solver: Solver, statement: Any) -> None:
    """target: note"""
    owner = solver.here.id if solver.here.kind == "class" else solver.here.owner
    values = read_note(solver, statement[2], look_up, owner)
    if solver.here.kind == "class" and statement[1] is not None and statement[1][0] == "n":
        solver.write(("A", solver.here.id, statement[1][2]), values)
    else:
        assign(solver, statement[1], values)


STATEMENTS: dict[str, Callable[[Solver, Any], Any]] = {
    "=": lambda solver, one: assign(solver, one[1], evaluate(solver, one[2]), one[3]),
    "for": lambda solver, one: assign(solver, one[1], iterate(solver, evaluate(solver, one[2]), one[3]), one[3]),
    "with": run_with,
    "r": run_return,
    "e": lambda solver, one: evaluate(solver, one[1]),
    ":": run_typed,
    "h": run_hint,
    "ex": run_handler,
    "im": run_import,
    "im*": run_star_import,
    "df": run_definition,
}
