"""Calls to try: what a function may be called with, out of its docstring, of calls in the code, and of its signature.

Every candidate is a call of the function with literals alone, so that a test file needs to import nothing else. Those
that somebody wrote come first, those that are guessed from annotations and defaults last.
"""

import ast
import doctest
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import dedent
from typing import Literal

From = Literal["docstring", "call", "model", "guess"]

MOST_OF_EACH = 8  # candidates of one kind
MOST_CHARS = 200  # of a call
GUESSES: Mapping[str, tuple[str, ...]] = {  # literals of a type, the plainest first
    "int": ("3", "0", "-1", "100"),
    "float": ("2.5", "0.0", "-1.5", "1000.0"),
    "str": ("'Hello, world'", "''", "'a'", "'two  words\\n'"),
    "bool": ("True", "False"),
    "bytes": ("b'abc'", "b''"),
    "list": ("[3, 1, 2]", "[]", "['b', 'a']"),
    "tuple": ("(3, 1, 2)", "()"),
    "set": ("{1, 2}", "set()"),
    "dict": ("{'a': 1, 'b': 2}", "{}"),
    "None": ("None",),
    "": ("3", "-1", "'abc'", "[3, 1, 2]", "None"),  # nothing is known of it
}
SAME = {"Sequence": "list", "Iterable": "list", "Collection": "list", "Mapping": "dict", "object": "", "Any": ""}


@dataclass(frozen=True, slots=True)
class Trial:
    """One call."""

    call: str  # an expression: "rounded(2.345)", "Order().total([1, 2])"
    source: From
    wanted: str = ""  # what a docstring says it gives


@dataclass(frozen=True, slots=True)
class CallTarget:
    """The function that is called."""

    name: str  # its own
    holder: str = ""  # the class around it
    arguments: ast.arguments | None = None
    bound: bool = False  # it takes an object or a class first
    made: bool = False  # an object of the class has to be made

    @property
    def import_name(self) -> str:
        """What a test imports."""
        return self.holder or self.name

    @property
    def call_name(self) -> str:
        """What stands before the brackets."""
        return f"{self.holder}{'()' if self.made else ''}.{self.name}" if self.holder else self.name


def target_of(source: str, path: str) -> tuple[CallTarget, ast.FunctionDef | ast.AsyncFunctionDef] | None:
    """The function at a dotted path in a file; None for a class, a function within another, or what does not parse."""
    *holders, name = path.split(".")
    try:
        nodes: Sequence[ast.stmt] = ast.parse(source).body
    except (SyntaxError, ValueError):
        return None
    for part in holders:
        nodes = next((node.body for node in nodes if isinstance(node, ast.ClassDef) and node.name == part), [])
    found = next((n for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and n.name == name), None)
    if found is None or len(holders) > 1:
        return None
    marks = {ast.unparse(mark) for mark in found.decorator_list}
    static, of_class = "staticmethod" in marks, "classmethod" in marks
    holder = holders[0] if holders else ""
    bound, made = bool(holder) and not static, bool(holder) and not (static or of_class)
    return CallTarget(name, holder, found.args, bound, made), found


def trials(target: CallTarget, doc: str, texts: Iterable[str], proposed: Iterable[str] = ()) -> list[Trial]:
    """Every call once, those first that somebody wrote. `texts`: code that calls it; `proposed`: a model's words."""
    found = [
        *some_of(from_docstring(target, doc)),
        *some_of(Trial(call, "call") for text in texts for call in calls_in(text, target)),
        *some_of(Trial(call, "model") for text in proposed for call in calls_in(text, target)),
        *some_of(Trial(call, "guess") for call in guesses(target)),
    ]
    first: dict[str, Trial] = {}
    for trial in found:
        first.setdefault(trial.call, trial)
    return list(first.values())


def some_of(found: Iterator[Trial]) -> list[Trial]:
    """At most so many different ones."""
    kept: dict[str, Trial] = {}
    for trial in found:
        if len(kept) == MOST_OF_EACH:
            break
        kept.setdefault(trial.call, trial)
    return list(kept.values())


def from_docstring(target: CallTarget, doc: str) -> Iterator[Trial]:
    """Examples that are one call, with what they are said to give where that is a literal."""
    try:
        examples = doctest.DocTestParser().get_examples(doc)
    except ValueError:
        return
    for example in examples:
        for call in calls_in(example.source, target):
            alone = is_alone(example.source, call)
            yield Trial(call, "docstring", example.want.strip() if alone and is_literal(example.want) else "")


def is_alone(source: str, call: str) -> bool:
    """Whether an example is this call and nothing else."""
    return len(ast.parse(source).body) == 1 and len(ast.unparse(ast.parse(source))) <= len(call)


def calls_in(text: str, target: CallTarget) -> Iterator[str]:
    """Calls of the function in some code, as a test would make them: with literals alone."""
    for node in ast.walk(parse_fragment(text)):
        if isinstance(node, ast.Call) and name_of(node.func) == target.name and is_plain(node):
            again = ast.unparse(ast.Call(ast.Name(target.call_name, ast.Load()), node.args, node.keywords))
            if len(again) <= MOST_CHARS and "\n" not in again:
                yield again


def parse_fragment(text: str) -> ast.AST:
    """Code as a tree, also of a method cut out of its class; an empty one where it is none."""
    for told in (text, dedent(text), f"class Cut:\n{text}"):
        try:
            return ast.parse(told)
        except (SyntaxError, ValueError):
            continue
    return ast.Module([], [])


def name_of(called: ast.expr) -> str:
    """The last part of what is called."""
    return called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""


def is_plain(call: ast.Call) -> bool:
    """Are all its arguments literals?"""
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    return all(keyword.arg for keyword in call.keywords) and all(is_literal(ast.unparse(value)) for value in values)


def is_literal(text: str) -> bool:
    """Is it a number, a string, or a list and so on of such?"""
    try:
        ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text.strip() == "set()"
    return True


def guesses(target: CallTarget) -> Iterator[str]:
    """Calls with simple values of the types that are told, or that defaults have; the n-th call takes n-th values."""
    assert target.arguments is not None, "a function"
    given = target.arguments
    plain = [*given.posonlyargs, *given.args][1 if target.bound else 0 :]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(given.defaults)) + [*given.defaults][
        -len(plain) or 1 :
    ]
    wanted = [(arg, default) for arg, default in zip(plain, defaults, strict=False) if default is None]
    named = [arg for arg, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default is None]
    choices = [values_of(arg, default) for arg, default in wanted]
    keywords = [(arg.arg, values_of(arg, None)) for arg in named]
    for n in range(max(map(len, [*choices, *(values for _, values in keywords)]), default=1)):
        told = [values[n % len(values)] for values in choices]
        told += [f"{name}={values[n % len(values)]}" for name, values in keywords]
        yield f"{target.call_name}({', '.join(told)})"


def values_of(arg: ast.arg, default: ast.expr | None) -> tuple[str, ...]:
    """Literals for a parameter, by its annotation, else by its default."""
    if arg.annotation is not None:
        return tuple(value for kind in kinds_in(arg.annotation) for value in GUESSES[kind]) or GUESSES[""]
    known = type(ast.literal_eval(default)).__name__ if default is not None and is_literal(ast.unparse(default)) else ""
    return GUESSES.get(known, GUESSES[""])


def kinds_in(annotation: ast.expr) -> list[str]:
    """The outermost types that an annotation allows, of those that there are guesses for."""
    if isinstance(annotation, ast.BinOp):
        return [*kinds_in(annotation.left), *kinds_in(annotation.right)]
    if isinstance(annotation, ast.Constant):
        return ["None"] if annotation.value is None else kinds_in_text(str(annotation.value))
    if isinstance(annotation, ast.Subscript):
        outer = name_of(annotation.value)
        inner = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
        if outer in ("Optional", "Union"):
            return [kind for each in inner for kind in kinds_in(each)] + ["None"] * (outer == "Optional")
        return kinds_in(annotation.value)
    name = SAME.get(name_of(annotation), name_of(annotation).lower())
    return [name] if name in GUESSES else []


def kinds_in_text(text: str) -> list[str]:
    """Of an annotation that is written as a string."""
    try:
        return kinds_in(ast.parse(text, mode="eval").body)
    except SyntaxError:
        return []
