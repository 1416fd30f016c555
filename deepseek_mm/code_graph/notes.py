"""What annotations say of values."""

from typing import Any

from deepseek_mm.code_graph.solver import CLASSES, INSTANCES, NOTHING, Limit, Solver, Value, Values

CHOICES = frozenset(
    ["Optional", "Union", "Annotated", "Final", "ClassVar", "Awaitable", "Required", "NotRequired", "InitVar"]
)
CONTAINERS = frozenset(
    ["list", "List", "Sequence", "MutableSequence", "Iterable", "Iterator", "set", "Set", "frozenset", "FrozenSet",
     "AbstractSet", "MutableSet", "Collection", "Generator", "AsyncIterator", "AsyncIterable", "AsyncGenerator",
     "deque", "Deque", "Container", "Reversible", "ContextManager", "AbstractContextManager", "AsyncContextManager",
     "AbstractAsyncContextManager", "ValuesView", "KeysView", "Queue"]
)  # fmt: skip
MAPPINGS = frozenset(
    ["dict", "Dict", "Mapping", "MutableMapping", "defaultdict", "DefaultDict", "OrderedDict", "ChainMap"]
)
TUPLES, TYPES = ("tuple", "Tuple"), ("type", "Type")
PROTOCOL = "Protocol"
OPEN = frozenset(
    [
        "Hashable",
        "Sized",
        "Callable",
        "Iterable",
        "Iterator",
        "Sequence",
        "Mapping",
        "SupportsIndex",
        "Container",
        "Collection",
        "MutableMapping",
        "MutableSequence",
        "IO",
        "TextIO",
        "BinaryIO",
        "PathLike",
        "Buffer",
        "TypeVar",
        "Exception",
        "BaseException",
        "type",
    ]
)  # what instances of classes fit that do not say so
SILENT = frozenset(["typing.Any", "builtins.object", "typing_extensions.Any"])  # say nothing


def read_note(solver: Solver, note: Any, look: Any, owner: int = -1) -> Values:
    """The values that an annotation allows; `look` evaluates a name, `owner` is the class that it stands in."""
    if note is None:
        return NOTHING
    if note[0] == "u":
        return {value for part in note[1] for value in read_note(solver, part, look, owner)}
    if note[0] == "x":
        return read_generic(solver, note, look, owner)
    if note[0] in ("n", "a"):
        found: set[Value] = set()
        for value in list(look(solver, note)):
            if value[0] in CLASSES:
                found.add(("i", value[1]))
            elif value[0] == "X" and value[1].endswith(".Self") and owner >= 0:
                found.add(("i", owner))
            elif value[0] == "X" and value[1] not in SILENT:
                found.add(("I", value[1].removeprefix("builtins.")))
            elif value[0] == "a" or value[0] in ("L", "D", "T"):
                found.add(value)  # an alias of a generic
        return found
    return NOTHING


def read_generic(solver: Solver, note: Any, look: Any, owner: int) -> Values:
    """A[B, C]"""
    name = note[1][2] if note[1] is not None and note[1][0] in ("n", "a") else ""
    items = note[2][1] if note[2] is not None and note[2][0] == "T" else [note[2]]
    read = [read_note(solver, item, look, owner) for item in items]
    first = read[0] if read else NOTHING
    if name in CHOICES:
        return first if name == "Annotated" else {value for part in read for value in part}
    if name == "Coroutine":
        return read[-1]
    if name in CONTAINERS or (name in TUPLES and len(items) == 2 and items[1] is not None and items[1][0] == "k"):
        solver.write(("E", id(note)), first)
        return {("L", id(note))}
    if name in MAPPINGS:
        solver.write(("K", id(note)), first)
        solver.write(("E", id(note)), read[-1])
        return {("D", id(note))}
    if name in TUPLES:
        for n, part in enumerate(read):
            solver.write(("T", id(note), n), part)
        return {("T", id(note), len(read))}
    if name in TYPES:
        return {("C", value[1]) if value[0] == "i" else value for value in first}
    return NOTHING if name in ("Callable", "Literal") else read_note(solver, note[1], look, owner)


def read_limit(solver: Solver, note: Any, look: Any, owner: int) -> Limit | None:
    """Classes that an annotation allows, and names of what is not here; None where it allows what it does not name."""
    parts = [note]
    classes: set[int] = set()
    names: set[str] = set()
    while parts:
        part = parts.pop()
        if part is None or part[0] == "k":
            continue
        if part[0] == "u":
            parts.extend(part[1])
            continue
        if part[0] == "x" and part[1] is not None and part[1][0] in ("n", "a") and part[1][2] in CHOICES:
            parts.extend(part[2][1] if part[2] is not None and part[2][0] == "T" else [part[2]])
            continue
        found = read_note(solver, part, look, owner)
        if not found or any(value[0] not in (*INSTANCES, "I", "L", "D", "T") for value in found):
            return None
        classes |= {value[1] for value in found if value[0] in INSTANCES}
        names |= {str(value[1]).rpartition(".")[2] for value in found if value[0] == "I"}
        if names & OPEN or any(is_protocol(solver, each) for each in classes):
            return None
    return frozenset(classes), frozenset(names)


def is_protocol(solver: Solver, owner: int) -> bool:
    """Whether instances need not inherit from it."""
    return any(base is not None and PROTOCOL in base for base in solver.program.scopes[owner].facts["bases"])
