"""The values of expressions, and the links that they make."""

from collections.abc import Callable
from typing import Any

from deepseek_mm.code_graph.attributes import BUILT_IN, SOMETHING, guess_by_name
from deepseek_mm.code_graph.calls import (
    Arguments,
    call_implicitly,
    call_values,
    compare_keys,
    iterate,
    look_up_attribute,
)
from deepseek_mm.code_graph.elements import copy_items, item_at, store_item, value_at, values_of, written_keys
from deepseek_mm.code_graph.program import CodeScope
from deepseek_mm.code_graph.solver import (
    BY_NAME,
    CONTAINERS,
    FUNCTIONS,
    INSTANCES,
    LIKELY,
    NOTHING,
    Solver,
    Value,
    Values,
    grade_targets,
)

MOST_HELD = 12  # functions that a parameter or an attribute may hold, beyond which it says little
MOST_GUESSES = 12  # definitions of one name, beyond which a name says nothing


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
    return look_up_behind(solver, node, evaluate(solver, node[1]))


def look_up_behind(solver: Solver, node: Any, base: Values) -> Values:
    """An attribute of these values, which are what stands before its dot."""
    solver.self_of = solver.here.name if is_own_instance(solver.here, node[1]) else ""
    found = look_up_attribute(solver, base, node[2], node[3])
    solver.self_of = ""
    return found


def is_own_instance(scope: CodeScope, node: Any) -> bool:
    """Whether an expression is the instance whose method this is."""
    is_method = scope.owner >= 0 and "static" not in scope.flags
    return is_method and node is not None and node[0] == "n" and scope.facts["params"][:1] == [node[2]]


def eval_used_attribute(solver: Solver, node: Any) -> Values:
    base = evaluate(solver, node[1])
    found = look_up_behind(solver, node, base)
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
    crowd = solver.crowd if function is not None and function[0] == "a" else 0
    stored = frozenset(solver.stored) if crowd else NOTHING
    found = call_values(solver, called, args)
    link_called(solver, function, args, crowd, stored)
    note_outside(solver, function, called)
    if not called:
        solver.puzzled.add(solver.here.id)
        return guess_call(solver, function, args, line) if solver.is_guessing else NOTHING
    return found


def eval_name_here(solver: Solver, node: Any) -> Values:
    return solver.slots.get((solver.here.base + node[1], node[2]), NOTHING)


def link_called(
    solver: Solver, function: Any, args: Arguments, crowd: int, stored: frozenset[int] | frozenset[Value]
) -> None:
    """Record what a call means: a definition that it names, a method of an instance, or a value from elsewhere."""
    if not solver.is_recording:
        return
    functions = [each for each in args.targets if solver.program.scopes[each].kind != "class"]
    for target, kind in args.targets.items():
        if kind == "implicit":
            certainty = LIKELY
        elif target not in stored and is_named(solver, function, target):
            certainty = grade_targets(len(functions), crowd)
        else:
            certainty = BY_NAME if len(functions) > MOST_HELD and is_held(solver, function) else LIKELY
        solver.link(target, kind, certainty, args.line)


def note_outside(solver: Solver, function: Any, called: Values) -> None:
    """Note a call of what is surely not defined here, and one of what may be."""
    if solver.is_recording and function is not None and function[0] in "na":
        is_here = any(value[0] not in ("X", "a") or str(value[1]).startswith("?") for value in called)
        (solver.unknown if is_here or not called else solver.outside).add((solver.here.id, function[2]))


def is_named(solver: Solver, function: Any, target: int) -> bool:
    """Whether a definition or an import binds what is called, or the attribute has the name of the method."""
    if function is None or function[0] not in "na":
        return False
    if function[0] == "n":
        return function[2] in solver.program.bound[solver.here.base + function[1]]
    scope = solver.program.scopes[target]
    names = {scope.name, solver.program.scopes[scope.owner].name if scope.owner >= 0 else ""}
    return function[2] in names


def is_held(solver: Solver, function: Any) -> bool:
    """Whether what is called is a parameter or an attribute: each caller, or instance, has one of what it may be."""
    if function is None or function[0] != "n":
        return function is not None and function[0] == "a"
    return function[2] in solver.program.scopes[solver.here.base + function[1]].facts.get("params", ())


def class_around(solver: Solver, scope: CodeScope) -> int:
    """The class whose method this is, or lies in."""
    while scope.owner < 0 and scope.parent >= 0:
        scope = solver.program.scopes[scope.parent]
    return scope.owner


def read_arguments(solver: Solver, node: Any) -> Arguments:
    places: list[Values] = []
    rest: set[Value] = set()
    is_open = any(arg is not None and arg[0] == "*" for arg in node[2]) or any(not name for name, _ in node[3])
    for arg in node[2]:
        if arg is not None and arg[0] == "*":
            rest |= iterate(solver, evaluate(solver, arg[1]), node[4])
        else:
            places.append(evaluate(solver, arg))
    words: dict[str, Values] = {}
    maybe: dict[str, Values] = {}
    for name, value in node[3]:
        given = evaluate(solver, value)
        if name:
            words[name] = given
        for one in () if name else given:
            if one[0] == "D":
                rest |= spread_mapping(solver, one[1], maybe)
    return Arguments(places=places, rest=rest, words=words, maybe=maybe, line=node[4], is_open=is_open)


def spread_mapping(solver: Solver, site: Any, maybe: dict[str, Values]) -> Values:
    """Note what a mapping with two stars has under names; what it has under others comes back."""
    names = written_keys(solver.read(("K", site)))
    for name in names:
        maybe[name] = maybe.get(name, NOTHING) | solver.read(("V", site, name))
    return solver.read(("U", site)) if names else solver.read(("E", site))


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
        if value[0] in CONTAINERS and node[2] is not None and node[2][:2] == ["k", "slice"]:
            found.add(value)
        elif value[0] == "T" and node[2] is not None and node[2][0] == "k":
            found |= item_at(solver, value, int(node[2][2])) if node[2][2].isdigit() else values_of(solver, value)
        elif value[0] == "D":
            found |= value_at(solver, value[1], index)
        elif value[0] in ("L", "T"):
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
        unpacked = [each for each in given if each[0] == "D"] if key is None else []
        for each in unpacked:
            copy_items(solver, site, each[1])
        if key is not None or not unpacked:
            store_item(solver, site, evaluate(solver, key), given)
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
    names = list(
        dict.fromkeys([name, plain, *(["__eq__"] if name == "__ne__" else ["__iter__"] if "contains" in name else [])])
    )
    found = set(call_implicitly(solver, left, names, (right,), line))
    if name == "__contains__":
        compare_keys(solver, left, right, line)
    if not any(value[0] in INSTANCES for value in left):
        found |= call_implicitly(solver, right, [plain.replace("__", "__r", 1)], (left,), line)
    if name in ("__add__", "__mod__") and left_node is not None and left_node[0] == "k" and left_node[1] == "str":
        return found | {("I", "prefix", left_node[2].partition("%")[0])}
    kept = {value for value in (*left, *right) if value[0] in ("L", "D", "T")}
    return found | kept | {value if value[1] == "prefix" else ("I", value[1]) for value in left if value[0] == "I"}


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
