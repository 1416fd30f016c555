"""Which scope a name of a Python file belongs to: the symbol table that facts are written with.

Numbers of scopes count definitions in the order in which they are met; 0 is the module's.
"""

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
OPENS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
TARGETS = (ast.Tuple, ast.List, ast.Starred)  # expressions that hold names to be bound
MODULE = 0


@dataclass(kw_only=True, slots=True)
class ScopeNames:
    """The names that one scope binds."""

    number: int
    parent: "ScopeNames | None"
    is_class: bool = False
    bound: set[str] = field(default_factory=set)
    shared: dict[str, str] = field(default_factory=dict)  # name -> "global" or "nonlocal"
    has_walrus: bool = False  # the file has := somewhere, so expressions may bind names

    def resolve(self, name: str) -> int:
        """The number of the scope whose name this is; the module's for what no scope binds."""
        if self.shared.get(name) == "global":
            return MODULE
        if name in self.bound and name not in self.shared:
            return self.number
        around = self.parent
        while around is not None:
            if not around.is_class and name in around.bound and name not in around.shared:
                return around.number
            around = around.parent
        return MODULE


def names_of_function(node: Function, number: int, parent: ScopeNames) -> ScopeNames:
    """A function's parameters and whatever its body binds."""
    scope = ScopeNames(number=number, parent=parent, has_walrus=parent.has_walrus)
    args = node.args
    scope.bound.update(arg.arg for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs))
    scope.bound.update(arg.arg for arg in (args.vararg, args.kwarg) if arg is not None)
    if not isinstance(node, ast.Lambda):
        bind_names(node.body, scope)
    return scope


def bind_names(body: Iterable[ast.AST], scope: ScopeNames) -> None:
    """Add what statements bind; what definitions inside them bind is their own."""
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Store):
                scope.bound.add(node.id)
        elif isinstance(node, ast.expr) and not (scope.has_walrus or isinstance(node, TARGETS)):
            continue
        elif isinstance(node, ast.Import | ast.ImportFrom):
            scope.bound.update(alias.asname or alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            scope.shared.update(dict.fromkeys(node.names, type(node).__name__.lower()))
        elif isinstance(node, OPENS):
            if not isinstance(node, ast.Lambda):
                scope.bound.add(node.name)
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            waiting.extend(each for each in ast.walk(node) if isinstance(each, ast.NamedExpr))
        else:
            named = isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name
            scope.bound.update([named] if isinstance(named, str) else [])
            waiting.extend(ast.iter_child_nodes(node))
