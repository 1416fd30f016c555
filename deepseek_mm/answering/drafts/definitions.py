"""What names mean in one module of a package, read from its source alone: classes, functions, constants, imports.

Nothing is imported and nothing runs. A name that the module imports from its own package is followed into the file
that defines it, a few steps far.
"""

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

FindOwners = Callable[[str], Sequence[tuple[str, str]]]  # a method -> modules and classes that define it
FindCallers = Callable[[str], Sequence[str]]  # a name -> pieces of code that call it
FindSource = Callable[[str], tuple[str, bool] | None]  # dotted name of a module -> its text, and is it a package

Function = ast.FunctionDef | ast.AsyncFunctionDef
MOST_STEPS = 4  # imports that are followed
MOST_BASES = 6  # classes above a class
MOST_NAMES = 4  # methods by which a class is looked for


@dataclass(frozen=True, slots=True)
class ClassInfo:
    """A class and the module that defines it."""

    node: ast.ClassDef
    home: "Definitions"

    @property
    def name(self) -> str:
        """As it is defined."""
        return self.node.name

    def list_lineage(self) -> list["ClassInfo"]:
        """The class, then those above it that are known, nearest first."""
        found, left = list["ClassInfo"](), [self]
        while left and len(found) < MOST_BASES:
            one = left.pop(0)
            if all(one.node is not other.node for other in found):
                found.append(one)
                bases = (base.value if isinstance(base, ast.Subscript) else base for base in one.node.bases)
                left += [known for base in bases if (known := one.home.find_class(last_name(base)))]
        return found

    def list_base_names(self) -> set[str]:
        """Last parts of the names of all classes above it, also of those that are not known."""
        names = set[str]()
        for one in self.list_lineage():
            names |= {last_name(base.value if isinstance(base, ast.Subscript) else base) for base in one.node.bases}
        return names

    def find_method(self, name: str) -> tuple[Function, "Definitions"] | None:
        """Its own or an inherited one."""
        for one in self.list_lineage():
            own = [node for node in one.node.body if isinstance(node, Function) and node.name == name]
            if own:
                return own[-1], one.home  # those before it are overloads
        return None

    @property
    def decorators(self) -> set[str]:
        """Last parts of their names."""
        marks = (mark.func if isinstance(mark, ast.Call) else mark for mark in self.node.decorator_list)
        return {last_name(mark) for mark in marks}

    @property
    def is_abstract(self) -> bool:
        """Are there open methods, or is it a protocol?"""
        return bool(self.list_open_methods()) or "Protocol" in {last_name(base) for base in self.node.bases}

    def list_open_methods(self) -> list[str]:
        """Those that it, or a class above it, leaves open and that nothing on the way fills in."""
        own: dict[str, Function] = {}
        for one in self.list_lineage():
            for node in one.node.body:
                if isinstance(node, Function):
                    own.setdefault(node.name, node)
        return [
            name for name, node in own.items() if any("abstract" in last_name(mark) for mark in node.decorator_list)
        ]


class Definitions:
    """The top of one module."""

    def __init__(
        self,
        source: str,
        module: str,
        find: FindSource,
        owners: FindOwners = lambda method: (),
        callers: FindCallers = lambda name: (),
        *,
        is_package: bool = False,
    ) -> None:
        """SyntaxError: it is no Python."""
        self.source, self.module, self._find, self._owners = source, module, find, owners
        self._callers, self._is_package = callers, is_package
        self.tree = ast.parse(source)
        self._others: dict[str, Definitions | None] = {}

    @cached_property
    def statements(self) -> list[ast.stmt]:
        """Those at the top, and within conditions and attempts there."""
        return list(walk_top(self.tree.body))

    @cached_property
    def classes(self) -> dict[str, ClassInfo]:
        """By name, in order."""
        return {node.name: ClassInfo(node, self) for node in self.statements if isinstance(node, ast.ClassDef)}

    @cached_property
    def functions(self) -> dict[str, Function]:
        """By name, in order."""
        return {node.name: node for node in self.statements if isinstance(node, Function)}

    @cached_property
    def constants(self) -> dict[str, ast.expr]:
        """Names that are assigned at the top, with the expression."""
        found: dict[str, ast.expr] = {}
        for node in self.statements:
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                found[node.targets[0].id] = node.value
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
                found[node.target.id] = node.value
        return found

    @cached_property
    def imports(self) -> dict[str, tuple[str, str]]:
        """Name -> the module that it is of and its name there; "" where it is the module itself."""
        found: dict[str, tuple[str, str]] = {}
        for node in self.statements:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    found[alias.asname or alias.name.partition(".")[0]] = (
                        alias.name if alias.asname else alias.name.partition(".")[0],
                        "",
                    )
            elif isinstance(node, ast.ImportFrom):
                origin = self.name_origin(node)
                found |= {alias.asname or alias.name: (origin, alias.name) for alias in node.names}
        return found

    def name_origin(self, node: ast.ImportFrom) -> str:
        """The whole name of the module that something is imported from."""
        if not node.level:
            return node.module or ""
        parts = self.module.split(".")
        kept = parts[: len(parts) - node.level + self._is_package]
        return ".".join([*kept, *([node.module] if node.module else [])])

    def write_import(self, name: str) -> str | None:
        """The line by which a test gets what this name means here; None where it means nothing."""
        if name in self.classes or name in self.functions or name in self.constants:
            return f"from {self.module} import {name}"
        if name in self.imports:
            module, original = self.imports[name]
            if not original:
                return f"import {module}" if module == name else f"import {module} as {name}"
            return f"from {module} import {original}" + (f" as {name}" if original != name else "")
        return None

    def find_class(self, name: str, steps: int = MOST_STEPS) -> ClassInfo | None:
        """The class of this name, also where it is imported."""
        if name in self.classes:
            return self.classes[name]
        found = self._follow(name, steps)
        return found[0].find_class(found[1], steps - 1) if found else None

    def find_constant(self, name: str, steps: int = MOST_STEPS) -> "tuple[ast.expr, Definitions] | None":
        """The expression that a name is assigned, and where."""
        if name in self.constants:
            return self.constants[name], self
        found = self._follow(name, steps)
        return found[0].find_constant(found[1], steps - 1) if found else None

    def find_function(self, name: str, steps: int = MOST_STEPS) -> "tuple[Function, Definitions] | None":
        """A function of this name, and where it is."""
        if name in self.functions:
            return self.functions[name], self
        found = self._follow(name, steps)
        return found[0].find_function(found[1], steps - 1) if found else None

    def _follow(self, name: str, steps: int) -> "tuple[Definitions, str] | None":
        module, original = self.imports.get(name, ("", ""))
        if not steps or not original:
            return None
        other = self.open_module(module)
        return (other, original) if other else None

    def list_callers(self, name: str) -> Sequence[str]:
        """Pieces of code of the project that call something of this name."""
        return self._callers(name)

    def find_owners(self, names: Sequence[str]) -> list[ClassInfo]:
        """Classes of the package that have most of these methods of their own, at most two."""
        votes = Counter(place for name in names[:MOST_NAMES] for place in self._owners(name))
        found = list[ClassInfo]()
        for (module, name), _ in votes.most_common(2):
            other = self if module == self.module else self.open_module(module)
            if other is not None and name in other.classes:
                found.append(other.classes[name])
        return found

    def open_module(self, module: str) -> "Definitions | None":
        """Another module of the package; None where it may not be read, or is none."""
        if module not in self._others:
            found = self._find(module)
            try:
                self._others[module] = (
                    Definitions(found[0], module, self._find, self._owners, self._callers, is_package=found[1])
                    if found
                    else None
                )
            except (SyntaxError, ValueError):
                self._others[module] = None
        return self._others[module]


def walk_top(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements of a module, also those within `if` and `try`."""
    for node in body:
        yield node
        if isinstance(node, ast.If):
            yield from walk_top(node.body)
            yield from walk_top(node.orelse)
        elif isinstance(node, ast.Try):
            yield from walk_top(node.body)
            for handler in node.handlers:
                yield from walk_top(handler.body)


def last_name(node: ast.expr) -> str:
    """The last part of a name: "c" of `a.b.c`; "" of anything else."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def read_literal(node: ast.expr | None) -> object:
    """The value of a literal; `...` where it is none."""
    if node is None:
        return ...
    try:
        value: object = ast.literal_eval(node)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return ...
    return value
