"""What a small function gives, computed from its syntax: numbers, comparisons and conditions. No code of it runs.

Only functions that are nothing but assignments, conditions, `return` and `raise` over their parameters and the
module's constants are computed, and numbers have limits, so that it ends soon. All else is `NotComputable`.
"""

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from deepseek_mm.answering.drafts.definitions import Definitions, Function, last_name, read_literal

MOST_STEPS = 2_000
MOST_BITS = 256  # of a whole number
MOST_POWER = 64
OPERATIONS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow,
}  # fmt: skip
COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}  # fmt: skip
FUNCTIONS: Mapping[str, Callable[..., object]] = {
    "abs": abs, "round": round, "int": int, "float": float, "min": min, "max": max, "bool": bool,
}  # fmt: skip
CONSTANTS: Mapping[str, float] = {"pi": math.pi, "e": math.e, "tau": math.tau}
RAISED = frozenset(["ValueError", "TypeError", "ZeroDivisionError", "OverflowError", "ArithmeticError"])


class NotComputable(Exception):
    """There is more in it than arithmetic."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call gives."""

    value: object = None  # a number, True, False or None
    error: str = ""  # the name of what is raised instead

    @property
    def words(self) -> str:
        """The value as an expression."""
        return repr(self.value)


def compute_call(node: Function, home: Definitions, arguments: Mapping[str, object]) -> Outcome | None:
    """What the function gives for these arguments; None where it is more than arithmetic, or too much of it."""
    if not isinstance(node, ast.FunctionDef) or node.decorator_list:
        return None
    given = dict(arguments)
    plain = [*node.args.posonlyargs, *node.args.args]
    defaults = dict(
        zip([arg.arg for arg in plain][len(plain) - len(node.args.defaults) :], node.args.defaults, strict=True)
    )
    defaults |= {
        arg.arg: d for arg, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if d is not None
    }
    for name, default in defaults.items():
        given.setdefault(name, read_literal(default))
    if set(given) != {arg.arg for arg in [*plain, *node.args.kwonlyargs]} or not all(map(is_number, given.values())):
        return None
    try:
        return Calculator(home, given).run(node.body)
    except (NotComputable, ArithmeticError, ValueError, TypeError, RecursionError):
        return None


def is_text(node: ast.stmt) -> bool:
    """A docstring, or the like."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def is_number(value: object) -> bool:
    """A number of ordinary size, True, False or None."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value.bit_length() <= MOST_BITS
    return value is None or isinstance(value, bool) or (isinstance(value, float) and math.isfinite(value))


class Calculator:
    """Walks the statements of one function."""

    def __init__(self, home: Definitions, names: dict[str, object], steps: int = 0) -> None:
        self.home, self.names, self.steps = home, names, steps

    def run(self, body: list[ast.stmt]) -> Outcome:
        """What the whole gives: None where it ends without a return."""
        return self.walk(body) or Outcome()

    def walk(self, body: list[ast.stmt]) -> Outcome | None:
        """What these statements give; None where they go on. NotComputable: a statement of another kind."""
        for node in body:
            if isinstance(node, ast.Return):
                return Outcome(self.compute(node.value) if node.value is not None else None)
            if isinstance(node, ast.Raise):
                return Outcome(error=self.name_error(node))
            if isinstance(node, ast.If):
                if outcome := self.walk(node.body if self.compute(node.test) else node.orelse):
                    return outcome
            elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                self.names[node.targets[0].id] = self.compute(node.value)
            elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
                sides = self.compute(ast.Name(node.target.id, ast.Load())), self.compute(node.value)
                self.names[node.target.id] = self.operate(node.op, *sides)
            elif not (
                isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
            ):
                raise NotComputable
        return None

    def name_error(self, node: ast.Raise) -> str:
        """Of Python's own errors alone: a test would have to import others."""
        raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        if not isinstance(raised, ast.Name) or raised.id not in RAISED:
            raise NotComputable
        return raised.id

    def compute(self, node: ast.expr) -> object:
        """The value of an expression. NotComputable: it is more than arithmetic, or its value is too large."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise NotComputable
        value = self._compute(node)
        if not is_number(value):
            raise NotComputable
        return value

    def _compute(self, node: ast.expr) -> object:
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return self.names[node.id] if node.id in self.names else self.read_constant(node.id)
        if isinstance(node, ast.BinOp):
            return self.operate(node.op, self.compute(node.left), self.compute(node.right))
        if isinstance(node, ast.UnaryOp):
            return self.turn(node)
        if isinstance(node, ast.BoolOp):
            return self.join(node)
        if isinstance(node, ast.Compare):
            return self.compare(node)
        if isinstance(node, ast.IfExp):
            return self.compute(node.body if self.compute(node.test) else node.orelse)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            return self.call(node.func.id, node.args)
        if isinstance(node, ast.Attribute) and last_name(node.value) == "math" and node.attr in CONSTANTS:
            return CONSTANTS[node.attr]
        raise NotComputable

    def read_constant(self, name: str) -> object:
        """A constant of the module, or one that it imports, where that is arithmetic itself."""
        found = self.home.find_constant(name)
        if found is None:
            raise NotComputable
        expression, home = found
        return Calculator(home, {}, self.steps).compute(expression)

    def operate(self, op: ast.operator, left: object, right: object) -> object:
        """Arithmetic on two numbers."""
        if type(op) not in OPERATIONS or not all(type(each) in (int, float) for each in (left, right)):
            raise NotComputable
        if isinstance(op, ast.Pow) and abs(right) > MOST_POWER:  # type: ignore[arg-type]
            raise NotComputable
        return OPERATIONS[type(op)](left, right)

    def turn(self, node: ast.UnaryOp) -> object:
        """Minus, plus, not."""
        value = self.compute(node.operand)
        if isinstance(node.op, ast.Not):
            return not value
        if isinstance(node.op, ast.Invert) or type(value) not in (int, float):
            raise NotComputable
        return -value if isinstance(node.op, ast.USub) else value  # type: ignore[operator]

    def join(self, node: ast.BoolOp) -> object:
        """And, or: as far as it has to be known."""
        value: object = None
        for each in node.values:
            value = self.compute(each)
            if bool(value) is isinstance(node.op, ast.Or):
                return value
        return value

    def compare(self, node: ast.Compare) -> bool:
        """All of a chain of comparisons."""
        left = self.compute(node.left)
        for op, other in zip(node.ops, node.comparators, strict=True):
            right = self.compute(other)
            if isinstance(op, ast.Is | ast.IsNot):
                holds = (left is right) is isinstance(op, ast.Is)
            elif type(op) in COMPARISONS:
                holds = bool(COMPARISONS[type(op)](left, right))
            else:
                raise NotComputable
            if not holds:
                return False
            left = right
        return True

    def call(self, name: str, arguments: list[ast.expr]) -> object:
        """One of Python's own functions on numbers, or another function of the module that is arithmetic."""
        given = [self.compute(each) for each in arguments]
        if name in self.home.functions or name in self.home.imports or name not in FUNCTIONS:
            raise NotComputable
        return FUNCTIONS[name](*given)
