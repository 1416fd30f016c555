"""Reads one scope's facts: statements store values, expressions give them."""

from collections.abc import Callable
from typing import Any

from deepseek_mm.code_graph.attributes import BUILT_IN, SOMETHING, guess_by_name
from deepseek_mm.code_graph.calls import (
    Arguments,
    call_implicitly,
    call_values,
    compare_keys,
    iterate,
    link_targets,
    look_up_attribute,
)
from deepseek_mm.code_graph.elements import item_at, values_of
from deepseek_mm.code_graph.notes import read_limit, read_note
from deepseek_mm.code_graph.program import OF_CLASS, Scope
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
)

MOST_GUESSES = 12  # definitions of one name, beyond which a name says nothing
USABLE = frozenset(["f", "b", "c", "e", "i"])  # what a decorator may make of a definition
PLAIN = frozenset(
    ["builtins.object", "typing.Generic", "typing.Protocol", "abc.ABC", "typing_extensions.Protocol"]
)  # bases that give nothing
ENTERS, LEAVES = ("__enter__", "__aenter__"), ("__exit__", "__aexit__")


def evaluate_scope(solver: Solver, scope: Scope) -> None:
    """Everything that a scope says."""
    if "params" in scope.facts:
        evaluate_head(solver, scope)
    for statement in scope.facts["code"]:
        STATEMENTS[statement[0]](solver, statement)


def prepare_scope(solver: Solver, scope: Scope) -> None:
    """Note what annotations allow, before any value comes in that they do not."""
    facts = scope.facts
    for name, note in facts.get("notes", ()):
        if name not in (facts["more"], facts["keys"]):
            limit_slot(solver, (scope.id, name), note, scope.owner)
    if facts.get("returns") and not facts.get("yields"):
        limit_slot(solver, ("R", scope.id), facts["returns"], scope.owner)
    for statement in facts["code"]:
        if statement[0] == ":" and statement[1] is not None:
            limit_target(solver, scope, statement[1], statement[2])


def limit_target(solver: Solver, scope: Scope, target: Any, note: Any) -> None:
    """Of a variable, a field, or an attribute of the instance."""
    owner = scope.id if scope.kind == "class" else scope.owner
    if target[0] == "n":
        limit_slot(solver, (scope.base + target[1], target[2]), note, owner)
        if scope.kind == "class":
            limit_slot(solver, ("A", scope.id, target[2]), note, owner)
    elif target[0] == "a" and owner >= 0 and target[1] is not None and target[1][0] == "n":
        if scope.facts.get("params", ())[:1] == [target[1][2]]:
            limit_slot(solver, ("A", owner, target[2]), note, owner)


def limit_slot(solver: Solver, slot: Any, note: Any, owner: int) -> None:
    limit = read_limit(solver, note, look_up, owner)
    if limit is not None:
        solver.limits[slot] = limit


def evaluate_head(solver: Solver, scope: Scope) -> None:
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
        solver.write((scope.id, name), evaluate(solver, value))
    stars = {facts["more"]: ("E", ("more", scope.id)), facts["keys"]: ("E", ("keys", scope.id))}
    for name, note in facts["notes"]:
        slot = stars.get(name) or (scope.id, name)
        solver.write(slot, read_note(solver, note, look_up, scope.owner))
    said = read_note(solver, facts["returns"], look_up, scope.owner) if facts["returns"] else NOTHING
    if facts.get("yields"):
        for value in list(said):
            if value[0] in ("L", "T"):
                solver.write(("E", scope.id), values_of(solver, value))
    else:
        solver.write(("R", scope.id), said)
    if solver.program.is_test_file(scope.file) and (scope.name.startswith("test") or "fixture" in scope.flags):
        take_fixtures(solver, scope)


def take_fixtures(solver: Solver, scope: Scope) -> None:
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


def evaluate(solver: Solver, node: Any) -> Values:
    """The values of an expression."""
    return EXPRESSIONS[node[0]](solver, node) if node is not None else NOTHING


def look_up(solver: Solver, node: Any) -> Values:
    """A name or an attribute, without saying that it is used."""
    return eval_name(solver, node) if node[0] == "n" else eval_attribute(solver, node)


def eval_name(solver: Solver, node: Any) -> Values:
    slot = (solver.here.base + node[1], node[2])
    found = solver.read(slot)
    if not found and node[1] == 0 and node[2] in BUILT_IN:
        return {("X", f"builtins.{node[2]}")}
    return found


def eval_used_name(solver: Solver, node: Any) -> Values:
    """A name that is not called there: what it names may be handed on."""
    found = eval_name(solver, node)
    if solver.is_recording and node[2] in solver.program.bound[solver.here.base + node[1]]:
        refer(solver, found, node[3])
    return found


def refer(solver: Solver, values: Values, line: int) -> None:
    for value in values:
        if value[0] in ("f", "b", "c"):
            solver.link(value[1], "reference", 0, line)


def eval_attribute(solver: Solver, node: Any) -> Values:
    base = evaluate(solver, node[1])
    return look_up_attribute(solver, base, node[2], node[3])


def eval_used_attribute(solver: Solver, node: Any) -> Values:
    base = evaluate(solver, node[1])
    found = look_up_attribute(solver, base, node[2], node[3])
    if solver.is_recording:
        refer(solver, {value for value in found if value[0] in FUNCTIONS or base and value[0] == "c"}, node[3])
    if not base:
        solver.puzzled.add(solver.here.id)
    if not base and solver.is_guessing:
        properties = [each for each in guess_by_name(solver, node[2]) if "property" in each.flags]
        for each in properties[:MOST_GUESSES]:
            solver.link(each.id, "implicit", LIKELY if len(properties) == 1 else BY_NAME, node[3])
        if len(properties) == 1:
            return solver.read(("R", properties[0].id))
    return found


def eval_call(solver: Solver, node: Any) -> Values:
    """A call: of what, with what, and what comes back."""
    function, line = node[1], node[4]
    args = read_arguments(solver, node)
    if function is not None and function[0] == "n" and function[2] == "super" and not eval_name_here(solver, function):
        return {("S", owner)} if (owner := class_around(solver, solver.here)) >= 0 else NOTHING
    called = look_up(solver, function) if function is not None and function[0] in "na" else evaluate(solver, function)
    found = call_values(solver, called, args)
    certain = len({each for each in args.targets if is_function(solver, each)}) <= 1 and is_plain(solver, function)
    link_targets(solver, args, certain=certain)
    if not called:
        solver.puzzled.add(solver.here.id)
        return guess_call(solver, function, args, line) if solver.is_guessing else NOTHING
    return found


def eval_name_here(solver: Solver, node: Any) -> Values:
    return solver.slots.get((solver.here.base + node[1], node[2]), NOTHING)


def is_function(solver: Solver, number: int) -> bool:
    return solver.program.scopes[number].kind != "class"


def is_plain(solver: Solver, function: Any) -> bool:
    """Whether what is called is named by a definition, an import or an attribute, not by a variable."""
    if function is None or function[0] not in "na":
        return False
    return function[0] == "a" or function[2] in solver.program.bound[solver.here.base + function[1]]


def class_around(solver: Solver, scope: Scope) -> int:
    """The class whose method this is, or lies in."""
    while scope.owner < 0 and scope.parent >= 0:
        scope = solver.program.scopes[scope.parent]
    return scope.owner


def read_arguments(solver: Solver, node: Any) -> Arguments:
    places: list[Values] = []
    rest: set[Value] = set()
    for arg in node[2]:
        if arg is not None and arg[0] == "*":
            rest |= iterate(solver, evaluate(solver, arg[1]), node[4])
        else:
            places.append(evaluate(solver, arg))
    words: dict[str, Values] = {}
    for name, value in node[3]:
        given = evaluate(solver, value)
        if name:
            words[name] = given
        else:
            rest |= {each for one in given if one[0] == "D" for each in solver.read(("E", one[1]))}
    return Arguments(places=places, rest=rest, words=words, line=node[4])


def guess_call(solver: Solver, function: Any, args: Arguments, line: int) -> Values:
    """By the name alone, where nothing is known of what is called."""
    if function is None or function[0] != "a":
        return NOTHING
    if solver.slots and evaluate(solver, function[1]):
        return NOTHING
    alike = [each for each in guess_by_name(solver, function[2]) if "property" not in each.flags]
    alike = list({each.id: each for each in alike}.values())
    if not alike or len(alike) > MOST_GUESSES:
        return NOTHING
    for each in alike:
        solver.link(each.id, "call", LIKELY if len(alike) == 1 else BY_NAME, line)
    if len(alike) > 1:
        return NOTHING
    return call_values(solver, {("b", alike[0].id)}, args)


def eval_subscript(solver: Solver, node: Any) -> Values:
    values, index = evaluate(solver, node[1]), evaluate(solver, node[2])
    compare_keys(solver, {value for value in values if value[0] == "D"}, index, node[3])
    found: set[Value] = set()
    for value in list(values):
        if value[0] == "T" and node[2] is not None and node[2][0] == "k":
            found |= item_at(solver, value, int(node[2][2])) if node[2][2].isdigit() else values_of(solver, value)
        elif value[0] in ("L", "D", "T"):
            found |= values_of(solver, value) | ({value} if node[2] is None else NOTHING)
        elif value[0] in INSTANCES:
            found |= call_implicitly(solver, {value}, ("__getitem__",), (index,), node[3])
        elif value[0] in ("c", "C", "X", "a"):
            found.add(value)
        elif value[0] == "I":
            found.add(SOMETHING)
    return found


def eval_list(solver: Solver, node: Any) -> Values:
    site = id(node)
    for item in node[1]:
        if item is not None and item[0] == "*":
            solver.write(("E", site), iterate(solver, evaluate(solver, item[1]), node[2]))
        else:
            solver.write(("E", site), evaluate(solver, item))
    return {("L", site)}


def eval_tuple(solver: Solver, node: Any) -> Values:
    if any(item is not None and item[0] == "*" for item in node[1]):
        return eval_list(solver, node)
    for n, item in enumerate(node[1]):
        solver.write(("T", id(node), n), evaluate(solver, item))
    return {("T", id(node), len(node[1]))}


def eval_dict(solver: Solver, node: Any) -> Values:
    site = id(node)
    for key, value in zip(node[1], node[2], strict=True):
        given = evaluate(solver, value)
        if key is None:
            for each in list(given):
                if each[0] == "D":
                    solver.write(("E", site), solver.read(("E", each[1])))
        solver.write(("K", site), evaluate(solver, key))
        solver.write(("E", site), given)
    return {("D", site)}


def eval_choices(solver: Solver, node: Any) -> Values:
    return {value for part in node[1] for value in evaluate(solver, part)}


def eval_constant(solver: Solver, node: Any) -> Values:
    return {("I", node[1], node[2])} if node[1] == "str" else {("I", node[1])}


def eval_operator(solver: Solver, node: Any) -> Values:
    """An operator: the left side is asked, then the right one."""
    _, name, left_node, right_node, line = node
    left, right = evaluate(solver, left_node), evaluate(solver, right_node)
    plain = name.replace("__i", "__", 1) if name.startswith("__i") and name != "__invert__" else name
    names = list(dict.fromkeys([name, plain, *(["__eq__"] if name == "__ne__" else ["__iter__"] if "contains" in name else [])]))
    found = set(call_implicitly(solver, left, names, (right,), line))
    if name == "__contains__":
        compare_keys(solver, left, right, line)
    if not any(value[0] in INSTANCES for value in left):
        found |= call_implicitly(solver, right, [plain.replace("__", "__r", 1)], (left,), line)
    if name in ("__add__", "__mod__") and left_node is not None and left_node[0] == "k" and left_node[1] == "str":
        return found | {("I", "prefix", left_node[2].partition("%")[0])}
    kept = {value for value in (*left, *right) if value[0] in ("L", "D", "T")}
    return found | kept | {("I", value[1]) for value in left if value[0] == "I"}


def eval_truth(solver: Solver, node: Any) -> Values:
    values = evaluate(solver, node[1])
    if solver.is_recording:
        call_implicitly(solver, values, ("__bool__", "__len__"), (), node[2])
    return values


def eval_text(solver: Solver, node: Any) -> Values:
    if solver.is_recording:
        call_implicitly(solver, evaluate(solver, node[1]), ("__format__", "__str__", "__repr__"), (), node[2])
    else:
        evaluate(solver, node[1])
    return {("I", "str")}


def eval_joined(solver: Solver, node: Any) -> Values:
    return {("I", "prefix", node[1])}


def eval_yield(solver: Solver, node: Any) -> Values:
    solver.write(("E", solver.here.id), evaluate(solver, node[1]))
    return NOTHING


def eval_yield_from(solver: Solver, node: Any) -> Values:
    given = evaluate(solver, node[1])
    solver.write(("E", solver.here.id), iterate(solver, given, node[2]))
    return {each for value in list(given) if value[0] == "L" for each in solver.read(("R", value[1]))}


def eval_lambda(solver: Solver, node: Any) -> Values:
    return {("f", solver.here.base + node[1])}


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
            link_targets(solver, args, certain=True)
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
        if value[0] in ("L", "D"):
            solver.write(("E", value[1]), values)
            solver.write(("K", value[1]), index if value[0] == "D" else NOTHING)
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
        made = look_up(solver, decorator) if decorator is not None and decorator[0] in "na" else evaluate(solver, decorator)
        args = Arguments(places=(values,), line=scope.facts["lines"][0])
        given = call_values(solver, {each for each in made if each[0] not in ("X", "I")}, args)
        link_targets(solver, args, certain=True)
        if args.targets:
            solver.decorated.add(value)
        values = {value} | {each for each in given if each[0] in USABLE and each not in solver.decorated}
    if "overload" not in scope.flags:
        solver.write((solver.here.id, scope.name), values)


def inherit(solver: Solver, scope: Scope) -> None:
    """Learn what a class inherits from."""
    parents: list[int] = []
    foreign: list[str] = []
    for base in scope.facts["bases"]:
        while base is not None and base[0] == "x":
            base = base[1]
        found = evaluate(solver, base)
        parents += [value[1] for value in found if value[0] in CLASSES]
        foreign += [str(value[1]).rpartition(".")[2] for value in found if value[0] in ("X", "I") and value[1] not in PLAIN]
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
        each[1][2] for each in solver.program.scopes[base].facts["code"] if each[0] == "=" and each[1] and each[1][0] == "n"
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
    "r": lambda solver, one: solver.write(("R", solver.here.id), evaluate(solver, one[1])),
    "e": lambda solver, one: evaluate(solver, one[1]),
    ":": run_typed,
    "h": run_hint,
    "ex": run_handler,
    "im": run_import,
    "im*": run_star_import,
    "df": run_definition,
}
EXPRESSIONS: dict[str, Callable[[Solver, Any], Values]] = {
    "n": eval_used_name,
    "a": eval_used_attribute,
    "c": eval_call,
    "x": eval_subscript,
    "L": eval_list,
    "T": eval_tuple,
    "D": eval_dict,
    "u": eval_choices,
    "k": eval_constant,
    "d": eval_lambda,
    "o": eval_operator,
    "B": eval_truth,
    "S": eval_text,
    "J": eval_joined,
    "y": eval_yield,
    "y*": eval_yield_from,
    "w": lambda solver, node: evaluate(solver, node[1]),
    "*": lambda solver, node: evaluate(solver, node[1]),
}
