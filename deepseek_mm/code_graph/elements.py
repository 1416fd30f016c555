"""What containers hold."""

from typing import Any

from deepseek_mm.code_graph.attributes import is_enumeration
from deepseek_mm.code_graph.solver import CLASSES, NOTHING, Solver, Value, Values


def items_of(solver: Solver, value: Value) -> Values:
    """What a loop over a container gives; of an enumeration its members."""
    kind = value[0]
    if kind == "L":
        return solver.read(("E", value[1]))
    if kind == "D":
        return solver.read(("K", value[1]))
    if kind == "T":
        return {each for n in range(value[2]) for each in solver.read(("T", value[1], n))}
    if kind in CLASSES and is_enumeration(solver, value[1]):
        return {("e", value[1])}
    return NOTHING


def values_of(solver: Solver, value: Value) -> Values:
    """What a container gives for a key or a number."""
    return items_of(solver, value) if value[0] == "T" else solver.read(("E", value[1]))


def store_item(solver: Solver, site: Any, keys: Values, values: Values) -> None:
    """A value of a mapping under a key; under keys that are written out values stay apart."""
    solver.write(("K", site), keys)
    solver.write(("E", site), values)
    names = written_keys(keys)
    if len(names) < len(keys) or not names:
        solver.write(("U", site), values)
    for name in names:
        solver.write(("V", site, name), values)


def copy_items(solver: Solver, site: Any, other: Any) -> None:
    """All items of a mapping for another one."""
    keys = solver.read(("K", other))
    solver.write(("K", site), keys)
    solver.write(("E", site), solver.read(("E", other)))
    solver.write(("U", site), solver.read(("U", other)))
    for name in written_keys(keys):
        solver.write(("V", site, name), solver.read(("V", other, name)))


def value_at(solver: Solver, site: Any, keys: Values) -> Values:
    """What a mapping may have under a key; any of its values where the key is not written out."""
    names = written_keys(keys)
    if len(names) < len(keys) or not names:
        return solver.read(("E", site))
    found = {each for name in names for each in solver.read(("V", site, name))}
    return found | solver.read(("U", site)) or solver.read(("E", site))


def written_keys(keys: Values) -> set[str]:
    """Texts among keys."""
    return {key[2] for key in keys if key[:2] == ("I", "str") and len(key) > 2}


def item_at(solver: Solver, value: Value, place: int) -> Values:
    """An item of a tuple; of another container any of its elements."""
    if value[0] != "T":
        return items_of(solver, value)
    place = place + value[2] if place < 0 else place
    return solver.read(("T", value[1], place)) if 0 <= place < value[2] else NOTHING
