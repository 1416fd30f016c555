"""What functions do that are not here: those of Python's own library that hand values on."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from deepseek_mm.code_graph.attributes import SOMETHING, attributes_of
from deepseek_mm.code_graph.elements import copy_items, items_of, store_item, value_at, values_of
from deepseek_mm.code_graph.solver import (
    BY_NAME,
    CLASSES,
    FEW,
    FUNCTIONS,
    INSTANCES,
    LIKELY,
    NOTHING,
    Solver,
    Value,
    Values,
)

if TYPE_CHECKING:
    from deepseek_mm.code_graph.calls import Arguments

Caller = Callable[[Solver, Values, "Arguments"], Values]
COLLECTS = frozenset(
    ["list", "tuple", "set", "frozenset", "sorted", "reversed", "iter", "deque", "chain", "islice", "cycle", "aiter",
     "takewhile", "dropwhile", "from_iterable", "tee", "gather", "as_completed", "batched", "WeakSet"]
)  # fmt: skip
PASSES = frozenset(
    ["copy", "deepcopy", "replace", "run", "create_task", "wait_for", "shield", "ensure_future", "closing",
     "nullcontext", "proxy", "total_ordering", "run_until_complete", "ref", "wait",
     "WeakMethod", "aclosing", "runtime_checkable",
     "final", "override", "dataclass", "unique", "contextmanager", "identity", "Thread"]
)  # fmt: skip
WRAPS = frozenset(["wraps", "update_wrapper", "lru_cache", "cache", "singledispatch", "partial", "partialmethod"])
GIVE_BACK = frozenset(["functools.wraps()", "functools.lru_cache()", "functools.singledispatch()"])
LEAST_PREFIX = 2  # letters
MAPPINGS = frozenset(["dict", "OrderedDict", "defaultdict", "WeakValueDictionary", "WeakKeyDictionary", "ChainMap",
                      "MappingProxyType", "Counter"])  # fmt: skip
TEXTS = {"str": ("__str__", "__repr__"), "repr": ("__repr__",), "len": ("__len__",), "bool": ("__bool__", "__len__"),
         "int": ("__int__", "__index__"), "hash": ("__hash__",), "abs": ("__abs__",), "format": ("__format__",),
         "bytes": ("__bytes__",), "float": ("__float__",), "fspath": ("__fspath__",), "dir": ("__dir__",)}  # fmt: skip
KNOWN_ROOTS = frozenset(
    ["builtins", "typing", "typing_extensions", "collections", "itertools", "functools", "copy", "dataclasses",
     "contextlib", "asyncio", "weakref", "types", "enum", "threading", "abc", "os", "t", "concurrent", "anyio"]
)  # fmt: skip


def call_external(solver: Solver, name: str, args: "Arguments", call: Caller) -> Values:
    """What comes back from a function that is not here, as far as that is known."""
    root, _, rest = name.partition(".")
    last = (rest or root).rpartition(".")[2]
    if name in GIVE_BACK:
        return args.at(0)
    if "(" in name or root not in KNOWN_ROOTS:
        link_handed(solver, args)
        return {SOMETHING if "(" in name else ("I", f"{name}()")}
    if last in COLLECTS:
        return collect(solver, args, call)
    if last in MAPPINGS:
        return collect_mapping(solver, last, args, call)
    if rule := RULES.get(last):
        return rule(solver, args, call)
    if last in TEXTS:
        from deepseek_mm.code_graph.calls import call_implicitly

        call_implicitly(solver, args.at(0), TEXTS[last], (), args.line)
        return {("I", last)}
    if last in WRAPS:
        return args.at(0) if last != "wraps" and args.places else {("I", f"{name}()")}
    link_handed(solver, args)
    if last in PASSES:
        return args.at(0) | args.words.get("target", NOTHING)
    return {("I", f"{name}()")}


def link_handed(solver: Solver, args: "Arguments") -> None:
    """Functions among the arguments are likely to be called, from here as far as one sees."""
    for values in args.values() if solver.is_recording else ():
        functions = [value[1] for value in values if value[0] in FUNCTIONS]
        for function in functions:
            solver.link(function, "callback", LIKELY if len(functions) == 1 else BY_NAME, args.line)


def collect(solver: Solver, args: "Arguments", call: Caller) -> Values:
    """A container of what the arguments hold."""
    site = ("made", solver.here.id, args.line)
    for values in args.places:
        solver.write(("E", site), iterate_over(solver, values, args.line))
    call_key(solver, args, call)
    return {("L", site)}


def call_key(solver: Solver, args: "Arguments", call: Caller) -> None:
    """key=f is called with elements."""
    if key := args.words.get("key"):
        elements = iterate_over(solver, args.at(0), args.line)
        call_with(solver, key, [elements], args.line, call)


def call_with(solver: Solver, called: Values, places: list[Values], line: int, call: Caller) -> Values:
    """A call that the code does not write out."""
    from deepseek_mm.code_graph.calls import Arguments

    inner = Arguments(places=places, line=line, is_open=True)
    found = call(solver, called, inner)
    for target in inner.targets:
        solver.link(target, "callback", LIKELY if len(inner.targets) <= FEW else BY_NAME, line)
    return found


def iterate_over(solver: Solver, values: Values, line: int) -> Values:
    from deepseek_mm.code_graph.calls import iterate

    return iterate(solver, values, line)


def collect_mapping(solver: Solver, name: str, args: "Arguments", call: Caller) -> Values:
    """A mapping of what is given, or made by a factory."""
    site = ("made", solver.here.id, args.line)
    if name == "defaultdict":
        solver.write(("E", site), call_with(solver, args.at(0), [], args.line, call))
    for value in list(args.at(0)) if name != "defaultdict" else ():
        if value[0] == "D":
            copy_items(solver, site, value[1])
        else:
            for pair in list(items_of(solver, value)):
                store_pair(solver, site, pair)
    for word, values in (*args.words.items(), *args.maybe.items()):
        store_item(solver, site, {("I", "str", word)}, values)
    return {("D", site)}


def store_pair(solver: Solver, site: Any, pair: Value) -> None:
    """A key and its value."""
    if pair[0] == "T" and pair[2] == 2:
        store_item(solver, site, solver.read(("T", pair[1], 0)), solver.read(("T", pair[1], 1)))


def tuple_of(solver: Solver, args: "Arguments", parts: list[Values]) -> Values:
    """A container of tuples with these parts."""
    site = ("made", solver.here.id, args.line)
    for n, part in enumerate(parts):
        solver.write(("T", site, n), part)
    solver.write(("E", site), {("T", site, len(parts))})
    return {("L", site)}


def rule_next(solver: Solver, args: "Arguments", call: Caller) -> Values:
    """next(iterator, default)"""
    from deepseek_mm.code_graph.calls import step

    return step(solver, args.at(0), args.line) | args.at(1)


def rule_enumerate(solver: Solver, args: "Arguments", call: Caller) -> Values:
    """enumerate(iterable)"""
    return tuple_of(solver, args, [{("I", "int")}, iterate_over(solver, args.at(0), args.line)])


def rule_zip(solver: Solver, args: "Arguments", call: Caller) -> Values:
    """zip(a, b)"""
    return tuple_of(solver, args, [iterate_over(solver, each, args.line) for each in args.places])


def rule_map(solver: Solver, args: "Arguments", call: Caller) -> Values:
    """map(f, a, b)"""
    site = ("made", solver.here.id, args.line)
    elements = [iterate_over(solver, each, args.line) for each in args.places[1:]]
    solver.write(("E", site), call_with(solver, args.at(0), elements, args.line, call))
    return {("L", site)}


def rule_filter(solver: Solver, args: "Arguments", call: Caller) -> Values:
    """filter(f, a)"""
    site = ("made", solver.here.id, args.line)
    elements = iterate_over(solver, args.at(1), args.line)
    call_with(solver, args.at(0), [elements], args.line, call)
    solver.write(("E", site), elements)
    return {("L", site)}


def rule_best(solver: Solver, args: "Arguments", call: Caller) -> Values:
    """min and max"""
    call_key(solver, args, call)
    inner = iterate_over(solver, args.at(0), args.line) if len(args.places) == 1 else NOTHING
    return inner | {value for each in args.places[1:] for value in each} | args.words.get("default", NOTHING)


def rule_reduce(solver: Solver, args: "Arguments", call: Caller) -> Values:
    """reduce(f, items, first)"""
    elements = iterate_over(solver, args.at(1), args.line)
    return call_with(solver, args.at(0), [elements | args.at(2), elements], args.line, call)


def rule_getattr(solver: Solver, args: "Arguments", call: Caller) -> Values:
    """getattr with a name that is written out"""
    names = [value[2] for value in args.at(1) if value[0] == "I" and value[1] == "str" and len(value) > 2]
    found = {each for name in names for value in args.at(0) for each in attributes_of(solver, value, name, args.line)}
    begins = [value[2] for value in args.at(1) if value[:2] == ("I", "prefix") and len(value[2]) >= LEAST_PREFIX]
    for value in args.at(0) if begins else ():
        for each in attributes_beginning(solver, value, tuple(begins)):
            found |= attributes_of(solver, value, each, args.line)
    return found | args.at(2)


def attributes_beginning(solver: Solver, value: Value, begins: tuple[str, ...]) -> list[str]:
    """Names that a class has, or one below, and that begin so: visitors are called by names that are put together."""
    if value[0] not in (*INSTANCES, *CLASSES):
        return []
    owners = {*solver.program.order(value[1]), *solver.program.below(value[1])}
    return sorted(
        {name for each in owners for name in solver.program.scopes[each].attributes if name.startswith(begins)}
    )


def rule_type(solver: Solver, args: "Arguments", call: Caller) -> Values:
    """type(a)"""
    return {("C" if value[0] == "i" else "c", value[1]) for value in args.at(0) if value[0] in INSTANCES}


def rule_cast(solver: Solver, args: "Arguments", call: Caller) -> Values:
    """cast(T, a)"""
    classes = {("i", value[1]) for value in args.at(0) if value[0] in CLASSES}
    return classes or args.at(1)


def rule_isinstance(solver: Solver, args: "Arguments", call: Caller) -> Values:
    """isinstance and its like ask nothing here."""
    return {("I", "bool")}


def rule_property(solver: Solver, args: "Arguments", call: Caller) -> Values:
    """property(getter)"""
    link_handed(solver, args)
    return {SOMETHING}


RULES: dict[str, Callable[[Solver, "Arguments", Caller], Values]] = {
    "next": rule_next, "anext": rule_next, "enumerate": rule_enumerate, "zip": rule_zip, "zip_longest": rule_zip,
    "map": rule_map, "starmap": rule_map, "filter": rule_filter, "filterfalse": rule_filter, "min": rule_best,
    "max": rule_best, "reduce": rule_reduce, "getattr": rule_getattr, "type": rule_type, "cast": rule_cast,
    "isinstance": rule_isinstance, "issubclass": rule_isinstance, "hasattr": rule_isinstance,
    "callable": rule_isinstance, "property": rule_property,
}  # fmt: skip


ADDS = {"append": 0, "appendleft": 0, "add": 0, "insert": 1, "put": 0, "put_nowait": 0}
GIVES = frozenset(["get", "pop", "popleft", "setdefault", "__getitem__", "get_nowait"])
EXTENDS = frozenset(["extend", "update", "extendleft", "__ior__", "union", "__add__"])


def call_container(solver: Solver, method: Value, args: "Arguments") -> Values:
    """What a method of a container gives and stores."""
    _, value, name = method
    element = ("E", value[1])
    if name in ADDS:
        solver.write(element, args.at(ADDS[name]))
        return NOTHING
    if name in GIVES:
        if value[0] != "D":
            return values_of(solver, value)
        if name == "setdefault":
            store_item(solver, value[1], args.at(0), args.at(1))
        return value_at(solver, value[1], args.at(0)) | args.at(1)
    if name in EXTENDS:
        for other in list(args.at(0)):
            if value[0] == "D" and other[0] == "D":
                copy_items(solver, value[1], other[1])
            elif value[0] != "D":
                solver.write(element, items_of(solver, other))
        for word, values in args.words.items():
            store_item(solver, value[1], {("I", "str", word)}, values)
        return {value}
    return call_view(solver, value, name, args)


def call_view(solver: Solver, value: Value, name: str, args: "Arguments") -> Values:
    """What shows a container anew: its items, values, a copy."""
    if name == "items" and value[0] == "D":
        return tuple_of(solver, args, [solver.read(("K", value[1])), solver.read(("E", value[1]))])
    if name in ("values", "keys"):
        site = ("made", solver.here.id, args.line, name)
        solver.write(("E", site), solver.read(("E" if name == "values" else "K", value[1])))
        return {("L", site)}
    if name == "popitem":
        return {("T", ("pair", value[1]), 2)}
    if name in ("copy", "__iter__", "difference", "intersection"):
        return {value}
    for other in args.values() if name == "sort" else ():
        for each in other:
            if each[0] in FUNCTIONS:
                solver.link(each[1], "callback", LIKELY, args.line)
    return {("I", "int")} if name in ("index", "count", "__len__") else NOTHING
