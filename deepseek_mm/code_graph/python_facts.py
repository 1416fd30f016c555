"""What a Python file says, as plain lists: its definitions, and for each what may give or call something.

Facts belong to the text alone, so they are kept by its digest; what they mean is for the solver to say. Nothing is
imported or run: the text is parsed by `ast`, which refuses what is nested too deeply.

Expressions are lists whose first item names their kind; None says nothing:
  n scope name line | a base name line | c function args keywords line | x base index line | L items line |
  T items line | D keys values | u choices | k type text | d scope | o method left right line | y value |
  y* value line | J prefix | w value | * value | B value line (its truth is asked for) |
  S value line (it is made a text)
Statements likewise:
  = target value line | for target iterable line | with target value line | r value | e value |
  : target annotation | h name-expression annotation (isinstance) | ex target type |
  im name module attribute level line | im* module level line | df scope
"""

import ast
from collections.abc import Callable, Sequence
from typing import Any

from deepseek_mm.code_graph.python_names import MODULE, Function, ScopeNames, bind_names, names_of_function

Expression = list[Any] | None
VERSION = 6  # of facts and of what is made of them; others are made anew
MOST_TEXT = 80  # letters of a text that is kept: names for getattr, keys
MOST_DOC = 300
OPERATORS = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.MatMult: "matmul", ast.Div: "truediv", ast.Mod: "mod",
    ast.Pow: "pow", ast.LShift: "lshift", ast.RShift: "rshift", ast.BitOr: "or", ast.BitXor: "xor",
    ast.BitAnd: "and", ast.FloorDiv: "floordiv", ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le",
    ast.Gt: "gt", ast.GtE: "ge", ast.In: "contains", ast.NotIn: "contains", ast.Invert: "invert", ast.USub: "neg",
    ast.UAdd: "pos",
}  # fmt: skip


def read_facts(text: str) -> dict[str, Any]:
    """The facts of a file's text: {"scopes": [scope]}. SyntaxError, ValueError, RecursionError or MemoryError."""
    reader = FactReader(has_walrus=":=" in text)
    reader.read_module(ast.parse(text))
    return {"scopes": reader.scopes}


class FactReader:
    """Writes the facts of one file."""

    def __init__(self, *, has_walrus: bool) -> None:
        self.scopes: list[dict[str, Any]] = []
        self.names: ScopeNames = ScopeNames(number=MODULE, parent=None, has_walrus=has_walrus)
        self.inner: list[dict[str, str]] = []  # names of comprehensions -> names that are theirs alone
        self.code: list[Any] = []
        self.count = 0

    def read_module(self, tree: ast.Module) -> None:
        """The whole file."""
        bind_names(tree.body, self.names)
        last = max((node.end_lineno or 0 for node in tree.body), default=0)
        self.code = self.add_scope(kind="module", name="", parent=-1, lines=(1, 1, last), doc=doc_of(tree))
        self.read_body(tree.body)

    def add_scope(self, *, kind: str, name: str, parent: int, lines: tuple[int, int, int], doc: str = "") -> list[Any]:
        """A new scope; its code, to be filled."""
        code: list[Any] = []
        self.scopes.append(
            {"kind": kind, "name": name, "parent": parent, "lines": list(lines), "doc": doc, "code": code}
        )
        return code

    def read_body(self, body: Sequence[ast.stmt]) -> None:
        """Statements, in order."""
        for node in body:
            if reader := STATEMENTS.get(type(node)):
                reader(self, node)
            else:
                self.read_other(node)

    def read_other(self, node: ast.AST) -> None:
        """Whatever has no rule of its own: the expressions in it and the statements below it."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                self.read_body([child])
            elif isinstance(child, ast.expr):
                self.code.append(["e", self.read(child)])
            else:
                self.read_other(child)

    def read_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """A definition and its body."""
        decorators = [self.read(each) for each in node.decorator_list]
        first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
        lines = (first, node.lineno, node.end_lineno or node.lineno)
        number = self.open_function(node, node.name, lines, doc_of(node))
        self.scopes[number]["decorators"] = decorators
        self.code.append(["df", number])

    def open_function(self, node: Function, name: str, lines: tuple[int, int, int], doc: str = "") -> int:
        """A scope for a function or lambda; its number."""
        outer, code, args = self.names, self.code, node.args
        plain = [*args.posonlyargs, *args.args]
        head = {
            "params": [arg.arg for arg in plain],
            "more": args.vararg.arg if args.vararg else "",
            "only": [arg.arg for arg in args.kwonlyargs],
            "keys": args.kwarg.arg if args.kwarg else "",
            "defaults": self.read_defaults(args),
            "notes": self.read_notes([*plain, *args.kwonlyargs, args.vararg, args.kwarg]),
            "returns": None if isinstance(node, ast.Lambda) else self.read_note(node.returns),
            "decorators": [],
        }
        kind, number = "lambda" if isinstance(node, ast.Lambda) else "function", len(self.scopes)
        self.code = self.add_scope(kind=kind, name=name, parent=outer.number, lines=lines, doc=doc)
        self.scopes[number] |= head | {"async": isinstance(node, ast.AsyncFunctionDef)}
        self.names = names_of_function(node, number, outer)
        if isinstance(node, ast.Lambda):
            self.code.append(["r", self.read(node.body)])
        else:
            self.read_body(node.body)
        self.names, self.code = outer, code
        return number

    def read_defaults(self, args: ast.arguments) -> list[Any]:
        """[name, value] of each parameter that has a default."""
        plain = [*args.posonlyargs, *args.args]
        pairs = [*zip(plain[len(plain) - len(args.defaults) :], args.defaults, strict=True)]
        pairs += [(arg, value) for arg, value in zip(args.kwonlyargs, args.kw_defaults, strict=True) if value]
        return [[arg.arg, self.read(value)] for arg, value in pairs]

    def read_notes(self, args: Sequence[ast.arg | None]) -> list[Any]:
        """[name, annotation] of each parameter that has one."""
        return [[arg.arg, self.read_note(arg.annotation)] for arg in args if arg is not None and arg.annotation]

    def read_note(self, node: ast.expr | None) -> Expression:
        """An annotation; one that is written as a text is read as what it says."""
        if node is None:
            return None
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                return self.read_note(ast.parse(node.value.strip(), mode="eval").body)
            except (SyntaxError, ValueError):
                return None
        if isinstance(node, ast.Subscript):
            index = node.slice
            items = index.elts if isinstance(index, ast.Tuple) else [index]
            return ["x", self.read_note(node.value), ["T", [self.read_note(each) for each in items]], node.lineno]
        if isinstance(node, ast.BinOp):
            return ["u", [self.read_note(node.left), self.read_note(node.right)]]
        if isinstance(node, ast.List):
            return ["T", [self.read_note(each) for each in node.elts]]
        return self.read(node)

    def read_class(self, node: ast.ClassDef) -> None:
        """A class and its body."""
        outer, code = self.names, self.code
        decorators = [self.read(each) for each in node.decorator_list]
        bases = [self.read_note(each) for each in node.bases]
        metas = [self.read(word.value) for word in node.keywords if word.arg == "metaclass"]
        number = len(self.scopes)
        first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
        lines = (first, node.lineno, node.end_lineno or node.lineno)
        self.code = self.add_scope(kind="class", name=node.name, parent=outer.number, lines=lines, doc=doc_of(node))
        self.scopes[number] |= {"decorators": decorators, "bases": bases, "metas": metas}
        self.names = ScopeNames(number=number, parent=outer, is_class=True, has_walrus=outer.has_walrus)
        bind_names(node.body, self.names)
        self.read_body(node.body)
        self.names, self.code = outer, code
        self.code.append(["df", number])

    def read_assign(self, node: ast.Assign) -> None:
        """One value for several targets."""
        value = self.read(node.value)
        for target in node.targets:
            self.code.append(["=", self.read(target), value, node.lineno])

    def read_typed(self, node: ast.AnnAssign) -> None:
        """A target with its annotation."""
        target = self.read(node.target)
        self.code.append([":", target, self.read_note(node.annotation)])
        if node.value is not None:
            self.code.append(["=", target, self.read(node.value), node.lineno])

    def read_added(self, node: ast.AugAssign) -> None:
        """a += b"""
        target = self.read(node.target)
        name = OPERATORS[type(node.op)]
        self.code.append(["=", target, ["o", f"__i{name}__", target, self.read(node.value), node.lineno], node.lineno])

    def read_loop(self, node: ast.For | ast.AsyncFor) -> None:
        """for target in iterable"""
        self.code.append(["for", self.read(node.target), self.read(node.iter), node.lineno])
        self.read_body([*node.body, *node.orelse])

    def read_with(self, node: ast.With | ast.AsyncWith) -> None:
        """with value as target"""
        for item in node.items:
            target = self.read(item.optional_vars) if item.optional_vars else None
            self.code.append(["with", target, self.read(item.context_expr), item.context_expr.lineno])
        self.read_body(node.body)

    def read_test(self, node: ast.If | ast.While) -> None:
        """Conditions; what isinstance says holds for the name wherever it stands."""
        self.code.append(["e", ["B", self.read(node.test), node.lineno]])
        self.read_body([*node.body, *node.orelse])

    def read_handler(self, node: ast.ExceptHandler) -> None:
        """except type as name"""
        if node.name and node.type is not None:
            self.code.append(["ex", ["n", self.names.resolve(node.name), node.name, node.lineno], self.read(node.type)])
        elif node.type is not None:
            self.code.append(["e", self.read(node.type)])
        self.read_body(node.body)

    def read_try(self, node: ast.Try) -> None:
        """All of its parts."""
        self.read_body(node.body)
        for handler in node.handlers:
            self.read_handler(handler)
        self.read_body([*node.orelse, *node.finalbody])

    def read_import(self, node: ast.Import) -> None:
        """import a.b as c"""
        for alias in node.names:
            if alias.asname or "." not in alias.name:
                self.code.append(["im", alias.asname or alias.name, alias.name, "", 0, node.lineno])
            else:
                self.code.append(["im", alias.name.split(".")[0], alias.name.split(".")[0], "", 0, node.lineno])
                self.code.append(["im", "", alias.name, "", 0, node.lineno])

    def read_import_from(self, node: ast.ImportFrom) -> None:
        """from a import b as c"""
        for alias in node.names:
            if alias.name == "*":
                self.code.append(["im*", node.module or "", node.level, node.lineno])
            else:
                bound = alias.asname or alias.name
                self.code.append(["im", bound, node.module or "", alias.name, node.level, node.lineno])

    def read(self, node: ast.expr | None) -> Expression:
        """An expression."""
        if node is None:
            return None
        reader = EXPRESSIONS.get(type(node))
        return reader(self, node) if reader else self.read_parts(node)

    def read_parts(self, node: ast.AST) -> Expression:
        """What is in an expression of which nothing else is known."""
        parts = [self.read(child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
        self.code.extend(["e", part] for part in parts if part is not None and part[0] != "n")
        return None

    def read_name(self, node: ast.Name) -> Expression:
        """A name, with the scope that it belongs to."""
        for renamed in reversed(self.inner):
            if node.id in renamed:
                return ["n", self.names.number, renamed[node.id], node.lineno]
        return ["n", self.names.resolve(node.id), node.id, node.lineno]

    def read_call(self, node: ast.Call) -> Expression:
        """A call; isinstance tells a type besides."""
        args = [self.read(each) for each in node.args]
        words = [[word.arg or "", self.read(word.value)] for word in node.keywords]
        if isinstance(node.func, ast.Name) and node.func.id == "isinstance" and len(args) > 1:
            self.code.append(["h", args[0], self.read_note(node.args[1])])
        return ["c", self.read(node.func), args, words, (node.func.end_lineno or node.lineno)]

    def read_comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Expression:
        """Its targets get names of their own, for many comprehensions use the same."""
        self.count += 1
        stored = (each for part in node.generators for each in ast.walk(part.target) if isinstance(each, ast.Name))
        names = {each.id: f"{each.id}#{self.count}" for each in stored}
        parts: list[Expression] = []
        for n, part in enumerate(node.generators):
            iterable = self.read(part.iter)
            if n == 0:
                self.inner.append(names)
            self.code.append(["for", self.read(part.target), iterable, part.iter.lineno])
            parts += [["B", self.read(each), each.lineno] for each in part.ifs]
        self.code.extend(["e", part] for part in parts)
        if isinstance(node, ast.DictComp):
            made: Expression = ["D", [self.read(node.key)], [self.read(node.value)]]
        else:
            made = ["L", [self.read(node.elt)], node.lineno]
        self.inner.pop()
        return made

    def read_compare(self, node: ast.Compare) -> Expression:
        """a < b, with `in` turned round: the container is asked."""
        left = self.read(node.left)
        for operator, right_node in zip(node.ops, node.comparators, strict=True):
            right = self.read(right_node)
            name = OPERATORS.get(type(operator))
            pair = [right, left] if name == "contains" else [left, right]
            if name:
                self.code.append(["e", ["o", f"__{name}__", *pair, node.lineno]])
            elif left is not None and left[0] != "n":
                self.code.append(["e", left])
            left = right
        return ["k", "bool", ""]

    def read_joined(self, node: ast.JoinedStr) -> Expression:
        """f"{a}": each value is made a text."""
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                self.code.append(["e", ["S", self.read(part.value), part.lineno]])
        first = node.values[0] if node.values else None
        is_said = isinstance(first, ast.Constant) and isinstance(first.value, str)
        return ["J", first.value[:MOST_TEXT] if is_said else ""]  # type: ignore[union-attr]

    def read_constant(self, node: ast.Constant) -> Expression:
        """Its type, and the text of a short one."""
        if node.value is None:
            return None
        said = node.value if isinstance(node.value, str | int) and not isinstance(node.value, bool) else ""
        text = str(said)[:MOST_TEXT] if isinstance(said, str) or abs(said) < 1_000_000 else ""
        return ["k", type(node.value).__name__, text]

    def read_choices(self, nodes: Sequence[ast.expr]) -> Expression:
        """One of several."""
        return ["u", [self.read(each) for each in nodes]]

    def read_conditional(self, node: ast.IfExp) -> Expression:
        """a if b else c"""
        self.code.append(["e", ["B", self.read(node.test), node.lineno]])
        return self.read_choices([node.body, node.orelse])

    def read_walrus(self, node: ast.NamedExpr) -> Expression:
        """(a := b)"""
        target = self.read(node.target)
        self.code.append(["=", target, self.read(node.value), node.lineno])
        return target

    def read_yield(self, node: ast.Yield) -> Expression:
        """A value that is handed out; what comes back is not known."""
        self.scopes[self.names.number]["yields"] = True
        return ["y", self.read(node.value)]

    def read_yield_from(self, node: ast.YieldFrom) -> Expression:
        """All of another iterable."""
        self.scopes[self.names.number]["yields"] = True
        return ["y*", self.read(node.value), node.lineno]

    def read_subscript(self, node: ast.Subscript) -> Expression:
        """a[b]; one that is deleted asks for nothing."""
        if isinstance(node.ctx, ast.Del):
            self.code.append(["e", ["o", "__delitem__", self.read(node.value), self.read(node.slice), node.lineno]])
            return None
        index = self.read(node.slice)
        place = ["k", "slice", ""] if isinstance(node.slice, ast.Slice) else index
        return ["x", self.read(node.value), place, node.lineno]

    def read_unary(self, node: ast.UnaryOp) -> Expression:
        """-a, ~a; `not a` asks for its truth."""
        value = self.read(node.operand)
        if isinstance(node.op, ast.Not):
            self.code.append(["e", ["B", value, node.lineno]])
            return ["k", "bool", ""]
        return ["o", f"__{OPERATORS[type(node.op)]}__", value, None, node.lineno]


def doc_of(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """The first paragraph of a docstring on one line."""
    said = ast.get_docstring(node) or ""
    return " ".join(said.split("\n\n")[0].split())[:MOST_DOC]


STATEMENTS: dict[type, Callable[[FactReader, Any], None]] = {
    ast.FunctionDef: FactReader.read_function,
    ast.AsyncFunctionDef: FactReader.read_function,
    ast.ClassDef: FactReader.read_class,
    ast.Assign: FactReader.read_assign,
    ast.AnnAssign: FactReader.read_typed,
    ast.AugAssign: FactReader.read_added,
    ast.For: FactReader.read_loop,
    ast.AsyncFor: FactReader.read_loop,
    ast.With: FactReader.read_with,
    ast.AsyncWith: FactReader.read_with,
    ast.If: FactReader.read_test,
    ast.While: FactReader.read_test,
    ast.Try: FactReader.read_try,
    ast.TryStar: FactReader.read_try,
    ast.Import: FactReader.read_import,
    ast.ImportFrom: FactReader.read_import_from,
    ast.Return: lambda reader, node: reader.code.append(["r", reader.read(node.value)]),
    ast.Expr: lambda reader, node: reader.code.append(["e", reader.read(node.value)]),
}
EXPRESSIONS: dict[type, Callable[[FactReader, Any], Expression]] = {
    ast.Name: FactReader.read_name,
    ast.Call: FactReader.read_call,
    ast.Subscript: FactReader.read_subscript,
    ast.ListComp: FactReader.read_comprehension,
    ast.SetComp: FactReader.read_comprehension,
    ast.GeneratorExp: FactReader.read_comprehension,
    ast.DictComp: FactReader.read_comprehension,
    ast.Compare: FactReader.read_compare,
    ast.JoinedStr: FactReader.read_joined,
    ast.Constant: FactReader.read_constant,
    ast.IfExp: FactReader.read_conditional,
    ast.NamedExpr: FactReader.read_walrus,
    ast.Yield: FactReader.read_yield,
    ast.YieldFrom: FactReader.read_yield_from,
    ast.UnaryOp: FactReader.read_unary,
    ast.Attribute: lambda reader, node: ["a", reader.read(node.value), node.attr, node.end_lineno],
    ast.Lambda: lambda reader, node: ["d", reader.open_function(node, "", (node.lineno,) * 2 + (node.end_lineno,))],
    ast.List: lambda reader, node: ["L", [reader.read(each) for each in node.elts], node.lineno],
    ast.Set: lambda reader, node: ["L", [reader.read(each) for each in node.elts], node.lineno],
    ast.Tuple: lambda reader, node: ["T", [reader.read(each) for each in node.elts], node.lineno],
    ast.Dict: lambda reader, node: [
        "D", [reader.read(each) for each in node.keys], [reader.read(each) for each in node.values]
    ],
    ast.BoolOp: lambda reader, node: reader.read_choices(node.values),
    ast.Await: lambda reader, node: ["w", reader.read(node.value)],
    ast.Starred: lambda reader, node: ["*", reader.read(node.value)],
    ast.BinOp: lambda reader, node: [
        "o", f"__{OPERATORS[type(node.op)]}__", reader.read(node.left), reader.read(node.right), node.lineno
    ],
}  # fmt: skip
