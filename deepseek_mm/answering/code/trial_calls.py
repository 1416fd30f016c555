"""Calls to try: what a function may be called with, out of its docstring, of calls in the code, and of its parameters.

Calls that somebody wrote come first. For the rest each parameter has values: from its annotation, its default, the
constants that the body compares it with, from what other calls give it, and from how the body uses it; a form holds
them, and which of its calls are worth it the sandbox finds out.
"""

import ast
import builtins
import doctest
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from textwrap import dedent
from typing import Any, Literal

from deepseek_mm.answering.code.definitions import ClassInfo, Definitions, Function, last_name, read_literal
from deepseek_mm.answering.code.parameter_hints import HintReader, Hints
from deepseek_mm.answering.code.pattern_samples import sample_pattern
from deepseek_mm.answering.code.sandbox_program import compose, write_call
from deepseek_mm.answering.code.values import (
    Value,
    ValueMaker,
    list_by_name,
    list_plain,
    mix,
    write_default,
    write_value,
)

From = Literal["docstring", "call", "model", "guess", "property"]

MOST_OF_EACH = 8  # candidates of one kind
MOST_CHARS = 200  # of a call
MOST_VALUES = 24  # of one parameter
MOST_SETUP = 12  # lines before an example
FITTING: Mapping[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "str": (str,), "bytes": (bytes,)}


@dataclass(frozen=True, slots=True)
class Trial:
    """One call."""

    call: str  # an expression: "rounded(2.345)", "Order(2).total([1, 2])"
    source: From
    wanted: str = ""  # what a docstring says it gives
    imports: tuple[str, ...] = ()  # lines that it needs besides its target
    setup: tuple[str, ...] = ()  # lines before it
    named: tuple[tuple[str, str], ...] = ()  # the object and the arguments as variables, with their expressions
    then: tuple[str, ...] = ()  # lines behind those
    bound: str = ""  # the call with the variables; empty: the same as `call`

    def as_row(self) -> dict[str, Any]:
        """What the program in the sandbox is told."""
        return {
            "imports": list(self.imports),
            "setup": list(self.setup),
            "named": [list(pair) for pair in self.named],
            "then": list(self.then),
            "bound": self.bound or self.call,
        }


@dataclass(frozen=True, slots=True)
class CallTarget:
    """The function that is called."""

    name: str  # its own
    holder: str = ""  # the class around it
    arguments: ast.arguments | None = None
    bound: bool = False  # it takes an object or a class first
    made: bool = False  # an object of the class has to be made
    is_property: bool = False

    @property
    def import_name(self) -> str:
        """What a test imports."""
        return self.holder or self.name

    @property
    def call_name(self) -> str:
        """What stands before the brackets of a call that somebody wrote elsewhere."""
        return f"{self.holder}{'()' if self.made else ''}.{self.name}" if self.holder else self.name

    @property
    def callee(self) -> str:
        """The same with a place for the object."""
        if not self.holder:
            return self.name
        return f"{'{self}' if self.made else self.holder}.{self.name}{'{property}' if self.is_property else ''}"

    @property
    def test_name(self) -> str:
        """What names of tests begin with."""
        return "_".join(filter(None, (self.holder.lower(), self.name.strip("_").lower())))


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter with its values, likelier first."""

    name: str
    values: tuple[Value, ...]
    keyword: bool = False  # given by its name
    star: bool = False  # takes all that is left
    optional: bool = False
    is_self: bool = False  # the object whose method is called
    variable: str = ""

    def as_row(self) -> dict[str, Any]:
        """What the program in the sandbox is told."""
        values = [
            {"text": v.text, "imports": list(v.imports), "setup": list(v.setup), "then": list(v.then)}
            for v in self.values
        ]
        return {
            "name": self.name, "variable": self.variable or self.name, "keyword": self.keyword, "star": self.star,
            "optional": self.optional, "is_self": self.is_self, "values": values,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class CallForm:
    """All calls that may be made of the values of the parameters."""

    callee: str
    parameters: tuple[Parameter, ...]

    def as_row(self) -> dict[str, Any]:
        """What the program in the sandbox is told."""
        return {"callee": self.callee, "parameters": [one.as_row() for one in self.parameters]}

    @property
    def can_be_called(self) -> bool:
        """Has every parameter that must be given a value?"""
        return all(one.values or one.optional for one in self.parameters)

    def make_trial(self, combo: Sequence[int]) -> Trial:
        """The call with the n-th value of each parameter; -1 leaves it out. ValueError: there are no such values."""
        if len(combo) != len(self.parameters) or any(
            n >= len(one.values) or (n < 0 and not one.optional) for n, one in zip(combo, self.parameters, strict=True)
        ):
            raise ValueError(f"no values {combo} of {len(self.parameters)} parameters")
        form = self.as_row()
        row = compose(form, combo)
        texts = [(one, one["values"][n]["text"]) for one, n in zip(form["parameters"], combo, strict=True) if n >= 0]
        return Trial(
            call=write_call(self.callee, texts),
            source="guess",
            imports=tuple(dict.fromkeys(row["imports"])),
            setup=tuple(dict.fromkeys(row["setup"])),
            named=tuple((name, text) for name, text in row["named"]),
            then=tuple(row["then"]),
            bound=row["bound"],
        )

    def list_plain_trials(self, most: int) -> list[Trial]:
        """The n-th call takes the n-th values; what may be left out is."""
        if not self.can_be_called:
            return []
        count = max((len(one.values) for one in self.parameters if not one.optional), default=1)
        combos = [
            tuple(-1 if one.optional else n % len(one.values) for one in self.parameters)
            for n in range(min(count, most))
        ]
        return [self.make_trial(combo) for combo in combos]


def find_target(home: Definitions, path: str) -> tuple[CallTarget, Function] | None:
    """The function at a dotted path in a file; None for a class, or a function within another."""
    *holders, name = path.split(".")
    if not holders:
        found = home.functions.get(name)
        return (CallTarget(name, "", found.args), found) if found else None
    known = home.classes.get(holders[0])
    if known is None or len(holders) > 1:
        return None
    node = next((n for n in known.node.body if isinstance(n, Function) and n.name == name), None)
    if node is None:
        return None
    marks = {last_name(mark.func if isinstance(mark, ast.Call) else mark) for mark in node.decorator_list}
    static, of_class = "staticmethod" in marks, "classmethod" in marks
    is_property = bool(marks & {"property", "cached_property"})
    return CallTarget(name, holders[0], node.args, not static, not (static or of_class), is_property), node


class FormMaker:
    """Makes forms of calls for the functions of one module."""

    def __init__(self, home: Definitions, texts: Sequence[str] = ()) -> None:
        """`texts`: code that calls them."""
        self.home, self.texts, self.values = home, texts, ValueMaker()

    def make_form(self, target: CallTarget, node: Function) -> CallForm:
        """Of a function or method."""
        reader, given = HintReader(node, self.home), node.args
        plain = [*given.posonlyargs, *given.args]
        defaults = [*[None] * (len(plain) - len(given.defaults)), *given.defaults]
        called = list_given(self.texts, target.name, [arg.arg for arg in plain][1 if target.bound else 0 :])
        parameters = [self._make_self(target)] if target.made else []
        for place, (arg, default) in list(enumerate(zip(plain, defaults, strict=True)))[1 if target.bound else 0 :]:
            keyword = default is not None and place >= len(given.posonlyargs)
            parameters.append(self._make(arg, default, reader, called, keyword))
        if given.vararg:
            parameters.append(self._make_rest(given.vararg, reader))
        for arg, only in zip(given.kwonlyargs, given.kw_defaults, strict=True):
            parameters.append(self._make(arg, only, reader, called, True))
        taken = {target.name, target.holder, "result"}
        named = (replace(one, variable=f"{one.name}_given" if one.name in taken else one.name) for one in parameters)
        return CallForm(target.callee, tuple(named))

    def make_constructor(self, found: ClassInfo) -> CallForm:
        """Of a class: its call."""
        objects = self.values.list_objects(found, self.home)
        name = name_variable(found.name)
        return CallForm("{self}{property}", (Parameter(name, tuple(objects), is_self=True, variable=name),))

    def _make_self(self, target: CallTarget) -> Parameter:
        found = self.home.classes.get(target.holder)
        objects = self.values.list_objects(found, self.home) if found else []
        objects = [*objects, *self._prepare_objects(found, objects)] if found else []
        name = name_variable(target.holder)
        used = {arg.arg for arg in (target.arguments.args if target.arguments else [])}
        return Parameter(name, tuple(objects), is_self=True, variable=f"{name}_object" if name in used else name)

    def _prepare_objects(self, found: ClassInfo, objects: Sequence[Value]) -> list[Value]:
        """The first object after a method that puts something into it."""
        made = list[Value]()
        for name in ("add", "append", "push", "insert", "update", "put", "register", "extend", "feed", "set"):
            method = found.find_method(name)
            if method is None or not objects:
                continue
            node, home = method
            line = ValueMaker()._call(Value(f"{{it}}.{name}"), list_wanted(node), home, 0)[:2]
            if line:
                told = tuple(one.text for one in line)
                made.append(replace(objects[0].join_needs(*line), then=told))
        return made[:2]

    def _make(
        self, arg: ast.arg, default: ast.expr | None, reader: HintReader, called: Mapping[str, list[Value]], key: bool
    ) -> Parameter:
        hints = reader.read(arg.arg)
        typed = self.values.list_annotated(arg.annotation, self.home) if arg.annotation is not None else []
        kinds = hints.kinds or infer_kinds(default)
        usual = typed or self._list_unknown(arg.arg, hints, default)
        known = list_constants(hints, reader, usual, kinds)
        first, rest = usual[:1], usual[1:]
        listed = [*called.get(arg.arg, ()), *first, *mix(known, rest, write_default(default))]
        return Parameter(arg.arg, tuple(dict.fromkeys(listed))[:MOST_VALUES], keyword=key, optional=default is not None)

    def _list_unknown(self, name: str, hints: Hints, default: ast.expr | None) -> list[Value]:
        """Values for a parameter without an annotation that helps."""
        kinds = [*infer_kinds(default), *hints.kinds]
        objects = [
            value
            for each in (*hints.classes, *self._guess_classes(name, hints))
            if (found := self.home.find_class(each))
            for value in self.values.list_objects(found, self.home)[:3]
        ]
        by_kind = mix(*(list_plain(kind)[:5] for kind in dict.fromkeys(kinds)))
        stand_in = write_stand_in(hints)
        keyed = write_keyed(hints)
        named = [] if kinds and not objects else list_by_name(name)
        return list(dict.fromkeys([*keyed, *objects, *by_kind, *named[:6], *stand_in, *list_plain("object")]))

    def _guess_classes(self, name: str, hints: Hints) -> list[str]:
        """Classes that a name speaks of, or that have all that is used."""
        used = {*hints.attributes, *hints.methods}
        found = [each for each in (*self.home.classes, *self.home.imports) if name_variable(each) == name.lower()]
        if len(used) > 1:
            found += [each for each, info in self.home.classes.items() if used <= list_class_names(info)]
        return list(dict.fromkeys(found))[:2]

    def _make_rest(self, arg: ast.arg, reader: HintReader) -> Parameter:
        """What takes all further arguments."""
        note = arg.annotation
        usual = self.values.list_annotated(note, self.home) if note is not None else []
        usual = usual or self._list_unknown(arg.arg.rstrip("s"), reader.read(arg.arg), None)
        made = [
            Value(f"({one.text}, {two.text})").join_needs(one, two) for one, two in zip(usual, usual[1:], strict=False)
        ]
        single = [Value(f"({one.text},)").join_needs(one) for one in usual[:6]]
        return Parameter(arg.arg, tuple([*mix(single, made), Value("()")][:MOST_VALUES]), star=True)


def list_wanted(node: Function) -> list[tuple[str, ast.expr | None, bool, bool]]:
    """Parameters of a method that must be given."""
    from deepseek_mm.answering.code.values import list_parameters

    return [one for one in list_parameters(node) if not one[2]]


def list_class_names(found: ClassInfo) -> set[str]:
    """Methods, fields, and attributes that a class gives itself."""
    names = set[str]()
    for one in found.list_lineage():
        for node in ast.walk(one.node):
            if isinstance(node, Function):
                names.add(node.name)
            elif (
                isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and last_name(node.value) == "self"
            ):
                names.add(node.attr)
            elif isinstance(node, ast.AnnAssign):
                names.add(last_name(node.target))
    return names


def name_variable(name: str) -> str:
    """What an object of a class is called: "order_line" of OrderLine."""
    split = "".join(
        f"_{c.lower()}" if c.isupper() and n and not name[n - 1].isupper() else c.lower() for n, c in enumerate(name)
    )
    made = split.strip("_") or "made"
    return f"{made}_made" if made == name or made in dir(builtins) else made


def infer_kinds(default: ast.expr | None) -> tuple[str, ...]:
    """The type of a default."""
    value = read_literal(default)
    return () if value is ... or value is None else (type(value).__name__,)


def list_constants(hints: Hints, reader: HintReader, usual: Sequence[Value], kinds: Sequence[str]) -> list[Value]:
    """Constants that the body knows, as far as they are of a type that the parameter takes."""
    takes = {type(read_text(one.text)) for one in usual}
    fits = [value for value in hints.constants if type(value) in takes or value is None or not takes - {type(...)}]
    texts = list[str]()
    if str in takes:
        texts += [sample for pattern in hints.patterns for sample in sample_pattern(pattern)]
        tokens = [token for token in hints.tokens if token not in hints.constants][:6]
        joined = [f"a{token}b" for token in [*tokens, *(c for c in hints.constants if isinstance(c, str))][:5]]
        texts += mix_texts(tokens, joined)
    numbers = [n for n in reader.numbers if type(n) in takes and n not in hints.constants][:4]
    around = [m for n in numbers for m in ((n, n + 1) if type(n) is int else (n,)) if abs(n) < 10**6]
    return [write_value(each) for each in dict.fromkeys([*fits, *texts, *around])]


def mix_texts(one: Sequence[str], two: Sequence[str]) -> list[str]:
    """By turns."""
    pairs = [each for pair in zip(one, two, strict=False) for each in pair]
    return [*pairs, *two[len(one) :]]


def read_text(text: str) -> object:
    """The value of an expression that is a literal; else `...`."""
    try:
        return read_literal(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError):
        return ...


def write_stand_in(hints: Hints) -> list[Value]:
    """An object with the attributes that are read, where nothing else is known to have them."""
    if not hints.attributes or hints.kinds:
        return []
    told = ", ".join([*(f"{name}={n + 2}" for n, name in enumerate(hints.attributes[:6]))])
    methods = "".join(f", {name}=lambda *given, **named: 'x'" for name in hints.methods[:4])
    return [Value(f"types.SimpleNamespace({told}{methods})", ("import types",))]


def write_keyed(hints: Hints) -> list[Value]:
    """Dictionaries with the keys that are looked up."""
    if not hints.keys or (hints.kinds and hints.kinds[0] not in ("dict", "object")):
        return []
    keys = hints.keys[:6]
    full = ", ".join(f"{key!r}: {n + 1}" for n, key in enumerate(keys))
    words = ", ".join(f"{key!r}: {'abcdef'[n]!r}" for n, key in enumerate(keys))
    return [Value(f"{{{full}}}"), Value(f"{{{words}}}"), Value(f"{{{keys[0]!r}: 1}}"), Value("{}")]


def list_given(texts: Iterable[str], name: str, parameters: Sequence[str]) -> dict[str, list[Value]]:
    """What other code gives each parameter, where that is a literal."""
    found: dict[str, list[Value]] = {}
    for text in texts:
        for node in ast.walk(parse_fragment(text)):
            if not (isinstance(node, ast.Call) and last_name(node.func) == name):
                continue
            pairs = [*zip(parameters, node.args, strict=False), *((k.arg, k.value) for k in node.keywords if k.arg)]
            for parameter, value in pairs:
                told = ast.unparse(value)
                if read_literal(value) is not ... and len(told) <= MOST_CHARS and parameter:
                    found.setdefault(parameter, []).append(Value(told))
    return {name: list(dict.fromkeys(values))[:MOST_OF_EACH] for name, values in found.items()}


def list_written(
    target: CallTarget, doc: str, texts: Iterable[str], home: Definitions, proposed: Iterable[str] = ()
) -> list[Trial]:
    """Calls that somebody wrote, each once. `texts`: code that calls it; `proposed`: a model's words."""
    found = [
        *take_some(list_examples(target, doc, home)),
        *take_some(Trial(call, "call") for text in texts for call in calls_in(text, target)),
        *take_some(Trial(call, "model") for text in proposed for call in calls_in(text, target)),
    ]
    first: dict[str, Trial] = {}
    for trial in found:
        first.setdefault(trial.call, trial)
    return list(first.values())


def take_some(found: Iterator[Trial]) -> list[Trial]:
    """At most so many different ones."""
    kept: dict[str, Trial] = {}
    for trial in found:
        if len(kept) == MOST_OF_EACH:
            break
        kept.setdefault(trial.call, trial)
    return list(kept.values())


def list_examples(target: CallTarget, doc: str, home: Definitions) -> Iterator[Trial]:
    """Examples of a docstring that call the target, with the lines before them and what they are said to give."""
    try:
        examples = doctest.DocTestParser().get_examples(doc)
    except ValueError:
        return
    setup = list[str]()
    for example in examples:
        tree = parse_fragment(example.source)
        statement = tree.body[0] if isinstance(tree, ast.Module) and len(tree.body) == 1 else None
        value = getattr(statement, "value", None)
        if isinstance(statement, ast.Expr | ast.Assign) and isinstance(value, ast.expr) and names_target(value, target):
            if trial := make_example(target, value, tuple(setup), home):
                wanted = example.want.strip() if isinstance(statement, ast.Expr) and is_literal(example.want) else ""
                yield replace(trial, wanted=wanted)
        setup.append(example.source.rstrip())


def names_target(node: ast.expr, target: CallTarget) -> bool:
    """Does an expression call the target, or read the property?"""
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and last_name(each.func) == target.name:
            return True
        if target.is_property and isinstance(each, ast.Attribute) and each.attr == target.name:
            return True
    return False


def make_example(target: CallTarget, value: ast.expr, setup: tuple[str, ...], home: Definitions) -> Trial | None:
    """An example as a trial; None where it is long, or names something that nobody knows."""
    if isinstance(value, ast.Call) and last_name(value.func) == "print" and len(value.args) == 1:
        value = value.args[0]
    call = ast.unparse(value)
    needed = [line for line in setup if is_needed(line)]
    if len(call) > MOST_CHARS or "\n" in call or len(needed) > MOST_SETUP:
        return None
    used, bound = read_names("\n".join([*needed, call]))
    imports = list[str]()
    for name in sorted(used - bound - {target.import_name} - set(dir(builtins))):
        line = home.write_import(name) or (
            f"import {home.module.partition('.')[0]} as {name}" if len(name) < 4 else None
        )
        if line is None and name != home.module.partition(".")[0]:
            return None
        imports.append(line or f"import {name}")
    return Trial(call, "docstring", imports=tuple(imports), setup=tuple(needed))


def is_needed(line: str) -> bool:
    """Does a line of an example bind or change something?"""
    tree = parse_fragment(line)
    body = tree.body if isinstance(tree, ast.Module) else []
    return not all(isinstance(node, ast.Expr) and not isinstance(node.value, ast.Call) for node in body) and not (
        line.startswith("print(")
    )


def read_names(text: str) -> tuple[set[str], set[str]]:
    """The names that code uses, and those that it binds."""
    used, bound = set[str](), set[str]()
    for node in ast.walk(parse_fragment(text)):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, Function | ast.ClassDef):
            bound.add(node.name)
    return used, bound


def calls_in(text: str, target: CallTarget) -> Iterator[str]:
    """Calls of the function in some code, as a test would make them: with literals alone."""
    for node in ast.walk(parse_fragment(text)):
        if isinstance(node, ast.Call) and last_name(node.func) == target.name and is_plain(node):
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


def is_plain(call: ast.Call) -> bool:
    """Are all its arguments literals?"""
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    return all(keyword.arg for keyword in call.keywords) and all(is_literal(ast.unparse(value)) for value in values)


def is_literal(text: str) -> bool:
    """Is it a number, a string, or a list and so on of such? Nothing is computed."""
    try:
        ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text.strip() == "set()"
    return True
