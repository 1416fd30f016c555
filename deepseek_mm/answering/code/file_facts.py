"""What a file of Python says of itself, by its syntax: constants, functions, classes, raises, comments. Nothing runs.

Values are folded where they follow from literals and constants of the same file: `range(1 + RETRIES)` with RETRIES = 2
is three rounds. What cannot be parsed has no facts.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

MOST_LETTERS = 400_000  # of a file whose syntax is read
MOST_VALUE = 120  # letters of a value that are told
Function = ast.FunctionDef | ast.AsyncFunctionDef
MADE_FOR_TYPES = frozenset(["TypeVar", "ParamSpec", "TypeVarTuple", "NewType", "getLogger"])
FOR_TOOLS = re.compile(r"(?:type: |noqa|pragma|fmt: |pylint|mypy|ruff|isort|pyright|nosec|-\*-)", re.IGNORECASE)
ERRORS = ("Exception", "Error", "Warning", "BaseException")  # how names of classes of errors end
FOLDED: Mapping[type, Any] = {
    ast.Add: lambda a, b: a + b, ast.Sub: lambda a, b: a - b, ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b, ast.FloorDiv: lambda a, b: a // b, ast.Mod: lambda a, b: a % b,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class ConstantFact:
    """A name in capitals, or any name of a module or class, to which a value is given once."""

    name: str
    value: str  # as it is written
    line: int  # from 1
    comment: str = ""  # behind it, or above it
    owner: str = ""  # the class that has it


@dataclass(frozen=True, kw_only=True, slots=True)
class DefaultFact:
    """A parameter that need not be given."""

    name: str
    value: str  # as it is written
    line: int
    comment: str = ""  # behind it


@dataclass(frozen=True, kw_only=True, slots=True)
class BranchFact:
    """What is done under a condition."""

    condition: str
    done: str  # the first thing, as written
    line: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RaiseFact:
    """A place that raises an error."""

    error: str  # name of its class
    condition: str  # of the nearest `if` around it; "" where there is none
    words: str  # of its message, as written
    line: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionFact:
    """A function or method."""

    path: str  # with what encloses it: "Order.total"
    signature: str  # "total(self, prices)"
    lines: tuple[int, int]
    doc: str = ""
    returns: tuple[str, ...] = ()  # what it gives back, as written
    raises: tuple[RaiseFact, ...] = ()
    defaults: tuple[DefaultFact, ...] = ()
    branches: tuple[BranchFact, ...] = ()
    uses: tuple[str, ...] = ()  # names that it reads, each once, in order
    rounds: tuple[tuple[str, str], ...] = ()  # of loops over `range`: as written, and how many, where that is known

    @property
    def name(self) -> str:
        """Its own name."""
        return self.path.rpartition(".")[2]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassFact:
    """A class."""

    name: str
    bases: tuple[str, ...]
    lines: tuple[int, int]
    doc: str = ""

    @property
    def is_error(self) -> bool:
        """Whether it is raised, as far as the names of what it is based on tell."""
        return any(base.rpartition(".")[2].endswith(ERRORS) for base in self.bases)


@dataclass(frozen=True, kw_only=True, slots=True)
class FileFacts:
    """All of a file."""

    doc: str = ""
    constants: tuple[ConstantFact, ...] = ()
    functions: tuple[FunctionFact, ...] = ()
    classes: tuple[ClassFact, ...] = ()
    imports: tuple[str, ...] = ()  # modules, each once
    comments: Mapping[int, str] = field(default_factory=dict)  # line -> words behind "#"

    def constant(self, name: str) -> ConstantFact | None:
        """The constant of this name."""
        return next((each for each in self.constants if each.name == name), None)


@lru_cache(maxsize=512)
def read_facts(text: str) -> FileFacts:
    """The facts of a file's text; none where it is too long or no Python."""
    tree = parse_python(text)
    if tree is None:
        return FileFacts()
    comments = read_comments(text)
    constants = tuple(_constants(tree, comments))
    values = fold_constants(constants)
    return FileFacts(
        doc=ast.get_docstring(tree) or "",
        constants=constants,
        functions=tuple(
            _function(node, path, values, comments) for path, node in walk_definitions(tree) if is_function(node)
        ),
        classes=tuple(_class(node, path) for path, node in walk_definitions(tree) if isinstance(node, ast.ClassDef)),
        imports=tuple(dict.fromkeys(_imports(tree))),
        comments=comments,
    )


def parse_python(text: str) -> ast.Module | None:
    """The tree; None where there is none."""
    if len(text) > MOST_LETTERS:
        return None
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def is_function(node: ast.AST) -> bool:
    """Whether it defines a function or a method."""
    return isinstance(node, Function)


def walk_definitions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Every class and function with its path, outer ones first, without going into bodies of bodies by recursion."""
    waiting: list[tuple[str, ast.AST]] = [("", tree)]
    while waiting:
        path, node = waiting.pop(0)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Function | ast.ClassDef):
                own = f"{path}.{child.name}" if path else child.name
                yield own, child
                waiting.append((own, child))
            elif isinstance(child, ast.If | ast.Try | ast.With):
                waiting.append((path, child))


def read_comments(text: str) -> dict[int, str]:
    """Line -> what stands behind "#" there."""
    found: dict[int, str] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                found[token.start[0]] = token.string.lstrip("#!: ").strip()
    except (tokenize.TokenError, SyntaxError, IndentationError):
        pass
    return {line: words for line, words in found.items() if words and not FOR_TOOLS.match(words)}


def _constants(tree: ast.Module, comments: Mapping[int, str]) -> Iterator[ConstantFact]:
    owners: list[tuple[str, list[ast.stmt]]] = [("", tree.body)]
    owners += [(node.name, node.body) for node in tree.body if isinstance(node, ast.ClassDef)]
    for owner, body in owners:
        for node in body:
            target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
            value = getattr(node, "value", None)
            if not isinstance(node, ast.Assign | ast.AnnAssign) or not isinstance(target, ast.Name) or value is None:
                continue
            if target.id.startswith("__"):
                continue
            comment = comments.get(node.end_lineno or node.lineno) or comments.get(node.lineno - 1, "")
            if isinstance(value, ast.Call) and write_code(value.func).rpartition(".")[2] in MADE_FOR_TYPES:
                continue
            comment = comment or _doc_behind(body, node)
            yield ConstantFact(name=target.id, value=write_code(value), line=node.lineno, comment=comment, owner=owner)


def _doc_behind(body: Sequence[ast.stmt], node: ast.stmt) -> str:
    """The first sentence of a text that stands behind an assignment, as a docstring behind a head."""
    place = body.index(node) + 1
    behind = body[place] if place < len(body) else None
    is_text = isinstance(behind, ast.Expr) and isinstance(behind.value, ast.Constant)
    text = (
        behind.value.value
        if is_text and isinstance(behind, ast.Expr) and isinstance(behind.value, ast.Constant)
        else ""
    )
    return " ".join(text.split("\n\n")[0].split()) if isinstance(text, str) else ""


def write_code(node: ast.AST) -> str:
    """An expression as code, cut where it is long."""
    try:
        text = " ".join(ast.unparse(node).split())
    except (RecursionError, ValueError):
        return "..."
    return text if len(text) <= MOST_VALUE else text[: MOST_VALUE - 3] + "..."


def fold_constants(constants: tuple[ConstantFact, ...]) -> dict[str, Any]:
    """Name -> value, of those that are numbers, texts or what follows from them."""
    values: dict[str, Any] = {}
    for each in constants:
        tree = parse_python(each.value)
        if tree and len(tree.body) == 1 and isinstance(tree.body[0], ast.Expr):
            found = fold(tree.body[0].value, values)
            if found is not None:
                values[each.name] = found
    return values


def fold(node: ast.AST, values: Mapping[str, Any]) -> Any | None:
    """The number, text or truth value of an expression of literals and known names; None where it is not known."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str | bool):
        return node.value
    if isinstance(node, ast.Name):
        return values.get(node.id)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = fold(node.operand, values)
        return -inner if isinstance(inner, int | float) else None
    if isinstance(node, ast.BinOp) and type(node.op) in FOLDED:
        left, right = fold(node.left, values), fold(node.right, values)
        if isinstance(left, int | float) and isinstance(right, int | float):
            try:
                return FOLDED[type(node.op)](left, right)
            except (ArithmeticError, ValueError):
                return None
    return None


def _function(node: Any, path: str, values: Mapping[str, Any], comments: Mapping[int, str]) -> FunctionFact:
    own = list(walk_own(node))
    names = [each.id for each in own if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)]
    given = [each.value for each in own if isinstance(each, ast.Return) and each.value]
    return FunctionFact(
        path=path,
        signature=f"{node.name}({write_arguments(node)})",
        lines=(node.lineno, node.end_lineno or node.lineno),
        doc=ast.get_docstring(node) or "",
        returns=tuple(dict.fromkeys(map(write_code, given))),
        raises=tuple(_raises(node)),
        defaults=tuple(_defaults(node, comments)),
        branches=tuple(_branches(own)),
        uses=tuple(dict.fromkeys(names)),
        rounds=tuple(_rounds(own, values)),
    )


def _defaults(node: Any, comments: Mapping[int, str]) -> Iterator[DefaultFact]:
    named = [*node.args.posonlyargs, *node.args.args]
    pairs = [*zip(named[len(named) - len(node.args.defaults) :], node.args.defaults, strict=True)]
    pairs += [pair for pair in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if pair[1] is not None]
    for name, value in pairs:
        if not (isinstance(value, ast.Constant) and value.value is None):
            comment = comments.get(value.lineno, "")
            yield DefaultFact(name=name.arg, value=write_code(value), line=value.lineno, comment=comment)


def _branches(own: Sequence[ast.AST]) -> Iterator[BranchFact]:
    for each in own:
        first = each.body[0] if isinstance(each, ast.If) else None
        if isinstance(each, ast.If) and isinstance(first, ast.Expr | ast.Return | ast.Assign | ast.AugAssign):
            yield BranchFact(condition=write_code(each.test), done=write_code(first), line=each.lineno)


def write_arguments(node: Any) -> str:
    """The parameters as they are written, cut where they are long."""
    try:
        text = ast.unparse(node.args)
    except (RecursionError, ValueError):
        text = "..."
    return text if len(text) <= MOST_VALUE else text[: MOST_VALUE - 3] + "..."


def walk_own(node: ast.AST) -> Iterator[ast.AST]:
    """What a function itself does: not what functions inside it do."""
    waiting = list(ast.iter_child_nodes(node))
    while waiting:
        each = waiting.pop(0)
        yield each
        if not isinstance(each, Function | ast.ClassDef | ast.Lambda):
            waiting += ast.iter_child_nodes(each)


def _raises(node: ast.AST) -> Iterator[RaiseFact]:
    waiting: list[tuple[ast.AST, str]] = [(child, "") for child in ast.iter_child_nodes(node)]
    while waiting:
        each, condition = waiting.pop(0)
        if isinstance(each, ast.Raise) and each.exc is not None:
            call = each.exc if isinstance(each.exc, ast.Call) else None
            error = write_code(call.func if call else each.exc)
            words = write_code(call.args[0]) if call and call.args else ""
            yield RaiseFact(error=error, condition=condition, words=words, line=each.lineno)
        elif isinstance(each, ast.If):
            test = write_code(each.test)
            waiting += [(child, test) for child in each.body]
            waiting += [(child, f"not ({test})") for child in each.orelse]
        elif isinstance(each, ast.ExceptHandler):
            waiting += [(child, f"{write_code(each.type) if each.type else 'an error'} came up") for child in each.body]
        elif not isinstance(each, Function | ast.ClassDef | ast.Lambda):
            waiting += [(child, condition) for child in ast.iter_child_nodes(each)]


def _rounds(own: list[ast.AST], values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for each in own:
        call = each.iter if isinstance(each, ast.For) else None
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "range":
            ends = [end for one in call.args if isinstance(end := fold(one, values), int)]
            if len(ends) == len(call.args) > 0 and not (len(ends) == 3 and ends[2] == 0):
                yield write_code(call), str(len(range(*ends)))


def _class(node: Any, path: str) -> ClassFact:
    return ClassFact(
        name=path,
        bases=tuple(write_code(base) for base in node.bases),
        lines=(node.lineno, node.end_lineno or node.lineno),
        doc=ast.get_docstring(node) or "",
    )


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")
