"""Small faults put into a function, one at a time: a test that notices one says something about the function.

Comparisons are flipped and their limits moved, arithmetic is exchanged, numbers are one off, truth is negated, "and"
becomes "or", conditions are turned, and a result is None (DeMillo, Lipton and Sayward, "Hints on Test Data Selection",
1978). Which of them are tried is drawn by a seed.
"""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from deepseek_mm.answering.drafts.trial_calls import is_setter

MOST = 12  # of one function
FLIPPED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.GtE, ast.LtE), ast.LtE: (ast.Gt, ast.Lt), ast.Gt: (ast.LtE, ast.GtE), ast.GtE: (ast.Lt, ast.Gt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}  # fmt: skip
EXCHANGED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module with one fault in it."""

    fault: str  # "line 3: < becomes >="
    text: str


def make_mutants(source: str, path: str, seed: str, most: int = MOST) -> list[Mutant]:
    """At most so many mutants of the function at a dotted path, drawn by a seed; none where nothing can be changed."""
    tree = ast.parse(source)
    count = sum(1 for _ in list_changes(find_function(tree, path)))
    drawn = sorted(Random(seed).sample(range(count), min(most, count)))
    return [make_mutant(tree, path, n) for n in drawn]


def make_mutant(tree: ast.Module, path: str, number: int) -> Mutant:
    """The module with the n-th change in the function."""
    changed = copy.deepcopy(tree)
    for n, (old, new, fault) in enumerate(list_changes(find_function(changed, path))):
        if n == number:
            NodeExchange(old, new).visit(changed)
            return Mutant(fault, ast.unparse(ast.fix_missing_locations(changed)))
    raise IndexError(f"the function has no change {number}")


class NodeExchange(ast.NodeTransformer):
    """Puts one node into the place of another."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        """The new node where the old one stands."""
        return self.new if node is self.old else super().visit(node)


def find_function(tree: ast.Module, path: str) -> ast.AST:
    """The node of a function or method. LookupError: there is none."""
    node: ast.AST = tree
    for name in path.split("."):
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        found = [each for each in walk_statements(node) if isinstance(each, kinds) and each.name == name]
        found = [each for each in found if isinstance(each, ast.ClassDef) or not is_setter(each)]
        node = found[-1] if found else ast.Pass()  # those before it are overloads
    if isinstance(node, ast.Pass):
        raise LookupError(f"there is no function {path}")
    return node


def walk_statements(node: ast.AST) -> Iterator[ast.AST]:
    """Statements of a module or class, also within conditions and attempts."""
    for child in ast.iter_child_nodes(node):
        yield child
        if isinstance(child, ast.If | ast.Try | ast.ExceptHandler):
            yield from walk_statements(child)


def list_changes(function: ast.AST) -> Iterator[tuple[ast.AST, ast.AST, str]]:
    """The node to be exchanged, what comes into its place, and the fault in words; docstring and types stay."""
    assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    for statement in body:
        for node in walk_code(statement):
            for new, fault in change_node(node):
                yield node, new, f"line {getattr(node, 'lineno', 0)}: {fault}"


def walk_code(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all below it, but for annotations and the words of errors."""
    yield node
    if isinstance(node, ast.Raise | ast.Assert):
        return
    for field, value in ast.iter_fields(node):
        children = value if isinstance(value, list) else [value]
        if field in ("annotation", "returns", "decorator_list"):
            continue
        for child in children:
            if isinstance(child, ast.AST):
                yield from walk_code(child)


def change_node(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Every fault that can be put into one node."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for kind in FLIPPED.get(type(node.ops[0]), ()):
            yield ast.Compare(node.left, [kind()], node.comparators), name_change(node.ops[0], kind())
    elif isinstance(node, ast.BinOp) and type(node.op) in EXCHANGED:
        new = EXCHANGED[type(node.op)]()
        yield ast.BinOp(node.left, new, node.right), name_change(node.op, new)
    elif isinstance(node, ast.AugAssign) and type(node.op) in EXCHANGED:
        new = EXCHANGED[type(node.op)]()
        yield ast.AugAssign(node.target, new, node.value), name_change(node.op, new)
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield ast.BoolOp(other, node.values), name_change(node.op, other)
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value), f"{node.value} becomes {not node.value}"
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield ast.Constant(node.value + 1), f"{node.value} becomes {node.value + 1}"
    elif isinstance(node, ast.Return) and not is_none(node.value):
        yield ast.Return(ast.Constant(None)), "the result becomes None"
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        turned = copy.copy(node)
        turned.test = ast.UnaryOp(ast.Not(), node.test)
        yield turned, "the condition is turned"


def is_none(node: ast.expr | None) -> bool:
    """Is nothing returned?"""
    return node is None or (isinstance(node, ast.Constant) and node.value is None)


def name_change(old: ast.AST, new: ast.AST) -> str:
    """Lt becomes GtE"""
    return f"{type(old).__name__} becomes {type(new).__name__}"
