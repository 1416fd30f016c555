"""What containers hold."""

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


def item_at(solver: Solver, value: Value, place: int) -> Values:
    """An item of a tuple; of another container any of its elements."""
    if value[0] != "T":
        return items_of(solver, value)
    place = place + value[2] if place < 0 else place
    return solver.read(("T", value[1], place)) if 0 <= place < value[2] else NOTHING
