"""Values of a type, as expressions that a test can hold: what an annotation, a class or a use of a parameter asks for.

Plain values come first, then edges. Objects of the same package are built by their `__init__`, with values made in
the same way; of what cannot be built there are none.
"""

import ast
import builtins
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from keyword import iskeyword

from deepseek_mm.answering.drafts.definitions import ClassInfo, Definitions, Function, last_name, read_literal
from deepseek_mm.answering.drafts.fragments import is_plain, parse_fragment, read_examples
from deepseek_mm.answering.drafts.parameter_hints import HintReader, Hints, vote_by_methods
from deepseek_mm.answering.drafts.pattern_samples import sample_pattern
from deepseek_mm.answering.drafts.plain_values import (
    SAME,
    Value,
    list_by_name,
    list_plain,
    mix,
    refine_by_name,
    write_default,
    write_value,
)

MOST_VALUES = 8  # of one annotation
MOST_WRITTEN = 3  # objects of a class that other code makes
MOST_CHARS = 120  # of such a call
MOST_DEEP = 3  # objects within objects
ITERATORS = frozenset(["Iterator", "Generator"])
WRAPPERS = frozenset(["Optional", "Union", "Annotated", "Final", "ClassVar", "Required", "NotRequired", "ReadOnly"])


@dataclass(frozen=True, slots=True)
class Wanted:
    """A parameter of a call that is written out."""

    name: str
    values: list[Value]
    optional: bool
    keyword: bool


class ValueMaker:
    """Makes values by annotations and classes of one package."""

    def __init__(self) -> None:
        self._making = list[str]()
        self._readers: dict[Function, HintReader] = {}

    def list_for(
        self, name: str, note: ast.expr | None, default: ast.expr | None, reader: HintReader, deep: int = 0
    ) -> list[Value]:
        """Of a parameter: by its annotation, constants that the body knows, its default, and how it is used."""
        home = reader.home
        hints = reader.read(name)
        typed = self.list_annotated(note, home, deep) if note is not None else []
        usual = refine_by_name(name, typed or self._list_unknown(name, hints, default, home, deep))
        known = list_constants(hints, reader, usual)
        return list(dict.fromkeys([*usual[:1], *mix(known, usual[1:], write_default(default))]))

    def _list_unknown(
        self, name: str, hints: Hints, default: ast.expr | None, home: Definitions, deep: int
    ) -> list[Value]:
        """Values for a parameter without an annotation that helps."""
        kinds = [*infer_kinds(default), *hints.kinds]
        found = [one for each in hints.classes if (one := home.find_class(each))]
        found += guess_classes(name, hints, home)
        objects = [value for each in found[:3] for value in self.list_objects(each, home, deep + 1)[:4]]
        objects += self._list_collections(name, home, deep)
        by_kind = mix(*(list_plain(kind)[:5] for kind in dict.fromkeys(kinds)))
        named = [] if kinds and not objects else list_by_name(name)
        stand_in = [] if objects else write_stand_in(hints)
        listed = [*write_keyed(hints), *objects, *by_kind, *named[:6], *stand_in]
        return list(dict.fromkeys([*listed, *list_plain("object")]))

    def _list_collections(self, name: str, home: Definitions, deep: int) -> list[Value]:
        """Lists of objects of a class that a name is the plural of."""
        single = re.sub(r"(s|_list|_seq)$", "", name.lower())
        known = [each for each in (*home.classes, *home.imports) if name_variable(each) == single]
        found = [one for each in known if (one := home.find_class(each))] if single != name.lower() else []
        items = [value for each in found[:1] for value in self.list_objects(each, home, deep + 1)[:3]]
        several = wrap_items("list", "list", [items], False)[:1] if items else []
        return [*(Value(f"[{one.text}]").join_needs(one) for one in items[:1]), *several]

    def list_annotated(self, node: ast.expr, home: Definitions, deep: int = 0) -> list[Value]:
        """Of an annotation, several types of a union by turns."""
        return list(islice(self._list_by_annotation(node, home, deep), MOST_VALUES))

    def _list_by_annotation(self, node: ast.expr, home: Definitions, deep: int) -> list[Value]:
        if deep > 2 * MOST_DEEP:
            return []
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                parsed = parse_annotation(node.value)
                return self._list_by_annotation(parsed, home, deep + 1) if parsed is not None else []
            return list_plain("None") if node.value is None else []
        if isinstance(node, ast.BinOp):
            return mix(
                self._list_by_annotation(node.left, home, deep), self._list_by_annotation(node.right, home, deep)
            )
        if isinstance(node, ast.Subscript):
            return self._generic(node, home, deep)
        return self.list_named(last_name(node), home, deep)

    def _generic(self, node: ast.Subscript, home: Definitions, deep: int) -> list[Value]:
        """Of `list[int]`, `Literal["a"]`, `Callable[[int], str]`."""
        outer = last_name(node.value)
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if outer == "Literal":
            return [Value(ast.unparse(each)) for each in inner]
        if outer == "Optional":
            return mix(self._list_by_annotation(inner[0], home, deep), list_plain("None"))
        if outer == "Union":
            return mix(*(self._list_by_annotation(each, home, deep) for each in inner))
        if outer in WRAPPERS:
            return self._list_by_annotation(inner[0], home, deep)
        kind = SAME.get(outer, outer)
        if kind in ("type", "class"):
            found = home.find_class(last_name(inner[0]))
            return [self.name_class(found, home)] if found else list_plain("class")
        if kind == "callable":
            return self._callables(inner, home, deep)
        if kind in ("list", "set", "frozenset", "tuple", "dict", "deque") or outer in ITERATORS:
            listed = [each for each in inner if not (isinstance(each, ast.Constant) and each.value is ...)]
            inner, is_open = listed, len(listed) < len(inner)  # of tuple[int, ...]
            items = [self.list_annotated(each, home, deep + 1) for each in inner]
            made = [] if not items[0] or not items[-1] else wrap_items(kind, outer, items, is_open)
            return made or ([] if deep else list_plain(kind))
        return self._list_by_annotation(node.value, home, deep + 1)

    def _callables(self, inner: Sequence[ast.expr], home: Definitions, deep: int) -> list[Value]:
        """Functions that give what is wanted, or what they are given."""
        back = self.list_annotated(inner[-1], home, deep + 1) if len(inner) > 1 else []
        takes = len(inner[0].elts) if inner and isinstance(inner[0], ast.List) else 1
        names = ", ".join("abcdefgh"[:takes]) if isinstance(inner[0] if inner else None, ast.List) else "*given"
        told = last_name(inner[-1]) if inner else ""
        made = [Value(f"lambda {names}: {one.text}".replace("lambda :", "lambda:"), one.imports) for one in back[:2]]
        same = [Value(f"lambda {names}: {names[0]}")] if takes and names != "*given" else []
        own = {"str": ["str", "repr"], "int": ["len"], "bool": ["bool"]}.get(told, []) if takes == 1 else []
        return [*map(Value, own), *same, *made] or list_plain("callable")

    def list_named(self, name: str, home: Definitions, deep: int = 0) -> list[Value]:
        """Of a name: a class of the package, an alias, a type variable, or a type of Python's own."""
        if found := home.find_class(name):
            return self.list_objects(found, home, deep)
        if constant := home.find_constant(name):
            expression, where = constant
            return self._alias(expression, where, deep)
        kind = home.imports.get(name, ("", name))[1] or name
        return list_plain(kind) or (list_plain("exception") if kind.endswith("Error") else [])

    def _alias(self, expression: ast.expr, home: Definitions, deep: int) -> list[Value]:
        if isinstance(expression, ast.Call):
            made = last_name(expression.func)
            bound = [each.value for each in expression.keywords if each.arg == "bound"]
            if made == "TypeVar":
                bound = bound or expression.args[1:]
                return self._list_by_annotation(bound[0], home, deep + 1) if bound else list_plain("object")
            if made == "NewType" and len(expression.args) == 2:
                return self._list_by_annotation(expression.args[1], home, deep + 1)
            return []
        if isinstance(expression, ast.Subscript | ast.BinOp | ast.Name | ast.Attribute):
            return self._list_by_annotation(expression, home, deep + 1)
        return []

    def name_class(self, found: ClassInfo, home: Definitions) -> Value:
        """The class itself."""
        line = home.write_import(found.name) or f"from {found.home.module} import {found.name}"
        return Value(found.name, (f"from {found.home.module} import {found.name}" if line.endswith("*") else line,))

    def list_objects(self, found: ClassInfo, home: Definitions, deep: int = 0) -> list[Value]:
        """Objects of a class, by its kind; none of a class that is being made already."""
        key = f"{found.home.module}.{found.name}"
        if deep > MOST_DEEP or key in self._making:
            return []
        self._making.append(key)
        try:
            return self._objects(found, home, deep)
        finally:
            self._making.pop()

    def _objects(self, found: ClassInfo, home: Definitions, deep: int) -> list[Value]:
        bases, named = found.list_base_names(), self.name_class(found, home)
        if bases & {"Enum", "IntEnum", "StrEnum", "Flag", "IntFlag"}:
            return [Value(f"{named.text}.{name}", named.imports) for name in list_members(found.node)][:MOST_VALUES]
        if "TypedDict" in bases:
            return self._typed_dicts(found, deep)
        if found.is_abstract:
            known = [*found.home.classes.values(), *home.classes.values()]
            concrete = [one for one in known if is_below(one, found) and not one.is_abstract]
            made = [value for one in concrete[:2] for value in self.list_objects(one, one.home, deep)]
            return made or self.list_constructions(found, fill_abstract(found, named), deep)
        made = list_written_objects(found, named)
        made += [*self.list_constructions(found, named, deep), *self._list_alternatives(found, named, deep)]
        below = [one for one in found.home.classes.values() if is_below(one, found) and not one.is_abstract]
        leaves = [one for one in below if not any(is_below(other, one) for other in below)]
        lower = [value for one in leaves[:2] for value in self.list_objects(one, one.home, deep + 1)[:2]]
        return [*made[: MOST_VALUES - len(lower)], *lower]

    def list_constructions(self, found: ClassInfo, named: Value, deep: int) -> list[Value]:
        """Calls of the class, with what its `__init__`, `__new__` or its fields want."""
        fields = list_fields(found)
        if fields is not None:
            wanted = [
                Wanted(name, self.list_annotated(note, found.home, deep + 1) if note else [], may, True)
                for name, note, may in fields
            ]
            return write_calls(named, wanted)
        method = found.find_method("__init__") or found.find_method("__new__")
        if method is None:
            basic = [kind for kind in ("str", "int", "dict", "list", "set", "float") if kind in found.list_base_names()]
            items = list_plain(basic[0])[:3] if basic else [Value("")]
            return [Value(f"{named.text}({one.text})").join_needs(named, one) for one in items]
        return self.list_calls(named, *method, deep)

    def list_calls(
        self, named: Value, node: Function, home: Definitions, deep: int = 0, bound: bool = True
    ) -> list[Value]:
        """Calls with what must be given, then with what may be; of a method the object is left out."""
        if node not in self._readers:
            self._readers[node] = HintReader(node, home)
        reader = self._readers[node]
        wanted = [
            Wanted(name, self.list_for(name, note, default, reader, deep + 1)[:MOST_VALUES], default is not None, key)
            for name, note, default, key in list_parameters(node)[1 if bound else 0 :]
        ]
        return write_calls(named, wanted)

    def _list_alternatives(self, found: ClassInfo, named: Value, deep: int) -> list[Value]:
        """Calls of its class methods that say that they give an object of it."""
        made = list[Value]()
        for node in found.node.body:
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
                continue
            if "classmethod" not in {last_name(mark) for mark in node.decorator_list}:
                continue
            back = ast.unparse(node.returns).strip("'\"") if node.returns else ""
            if found.name in back or "Self" in back or node.name.startswith(("from_", "parse", "create")):
                method = Value(f"{named.text}.{node.name}", named.imports)
                made += self.list_calls(method, node, found.home, deep)[:2]
        for node in found.home.functions.values():
            back = ast.unparse(node.returns).strip("'\"") if node.returns else ""
            if back == found.name and not node.name.startswith("_"):
                line = f"from {found.home.module} import {node.name}"
                made += self.list_calls(Value(node.name, (line,)), node, found.home, deep, False)[:3]
        return made

    def _typed_dicts(self, found: ClassInfo, deep: int) -> list[Value]:
        fields = [
            (n.target.id, n.annotation)
            for n in found.node.body
            if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
        ]
        choices = [self.list_annotated(note, found.home, deep + 1) for _, note in fields]
        if any(not each for each in choices):
            return []
        given = [values[0] for values in choices]
        inner = ", ".join(f"{name!r}: {value.text}" for (name, _), value in zip(fields, given, strict=True))
        return [Value(f"{{{inner}}}").join_needs(*given)]


def wrap_items(kind: str, outer: str, items: Sequence[Sequence[Value]], is_open: bool) -> list[Value]:
    """Containers of what goes into them: several, none, one."""
    first = items[0]
    some = first[:3]
    listed = ", ".join(one.text for one in some)
    if kind == "dict":
        keys, values = items[0], items[-1]
        pairs = list(zip(keys[:3], [*values, *values, *values][:3], strict=False))
        told = ", ".join(f"{key.text}: {value.text}" for key, value in pairs)
        return [Value(f"{{{told}}}").join_needs(*keys[:3], *values[:3]), Value("{}")]
    if kind == "tuple" and not is_open:
        return [
            Value(f"({', '.join(v[n % len(v)].text for v in items)},)").join_needs(*(v[n % len(v)] for v in items))
            for n in range(min(3, max(map(len, items))))
        ]
    if kind in ("set", "frozenset"):
        shown = [f"{{{listed}}}", "set()"] if kind == "set" else [f"frozenset({{{listed}}})", "frozenset()"]
    elif kind == "tuple":
        shown = [f"({listed},)", "()"]
    elif outer in ITERATORS:
        shown = [f"iter([{listed}])", "iter([])"]
    else:
        shown = [f"[{listed}]", "[]", f"[{first[0].text}]", f"[{first[-1].text}, {first[0].text}, {first[-1].text}]"]
    return [Value(text).join_needs(*some, first[-1]) for text in shown]


def parse_annotation(text: str) -> ast.expr | None:
    """An annotation that is written as a string."""
    try:
        return ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        return None


def is_below(one: ClassInfo, above: ClassInfo) -> bool:
    """Is it a class below the other?"""
    return one.node is not above.node and any(each.node is above.node for each in one.list_lineage())


def list_members(node: ast.ClassDef) -> list[str]:
    """Names of an enumeration's members."""
    return [
        target.id
        for statement in node.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name) and not target.id.startswith("_")
    ]


def list_fields(found: ClassInfo) -> list[tuple[str, ast.expr | None, bool]] | None:
    """Name, annotation and whether there is a default, of each field of a data class or named tuple; else None."""
    made = {"dataclass", "define", "frozen", "attrs", "s"} & found.decorators
    if not made and "NamedTuple" not in found.list_base_names():
        return None
    fields = dict[str, tuple[str, ast.expr | None, bool]]()
    for one in reversed(found.list_lineage()):
        if any(isinstance(node, ast.FunctionDef) and node.name == "__init__" for node in one.node.body):
            return None
        fields |= {field[0]: field for field in map(read_field, one.node.body) if field is not None}
    return list(fields.values())


def read_field(node: ast.stmt) -> tuple[str, ast.expr | None, bool] | None:
    """Name, annotation and whether there is a default; None of what is no field of `__init__`."""
    if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)):
        return None
    left_out = isinstance(node.value, ast.Call) and any(each.arg == "init" for each in node.value.keywords)
    if left_out or "ClassVar" in ast.unparse(node.annotation):
        return None
    return node.target.id, node.annotation, has_default(node.value)


def has_default(value: ast.expr | None) -> bool:
    """Has a field a default?"""
    if isinstance(value, ast.Call) and last_name(value.func) in ("field", "ib", "attrib"):
        return any(keyword.arg in ("default", "default_factory", "factory") for keyword in value.keywords)
    return value is not None


def list_parameters(node: Function) -> list[tuple[str, ast.expr | None, ast.expr | None, bool]]:
    """Name, annotation, default, whether it is given by name."""
    given = node.args
    plain = [*given.posonlyargs, *given.args]
    defaults = [*[None] * (len(plain) - len(given.defaults)), *given.defaults]
    found: list[tuple[str, ast.expr | None, ast.expr | None, bool]] = [
        (arg.arg, arg.annotation, default, default is not None) for arg, default in zip(plain, defaults, strict=True)
    ]
    keywords = zip(given.kwonlyargs, given.kw_defaults, strict=True)
    return found + [(arg.arg, arg.annotation, default, True) for arg, default in keywords]


def write_calls(named: Value, parameters: Sequence[Wanted]) -> list[Value]:
    """Calls with the n-th values of what must be given; then each with one of what may be."""
    wanted = [one for one in parameters if not one.optional]
    if any(not one.values for one in wanted):
        return []
    most = MOST_VALUES if len(wanted) == 1 else 4
    count = min(most, max((len(one.values) for one in wanted), default=1))
    made = [write_call(named, [(one, one.values[n % len(one.values)]) for one in wanted]) for n in range(count)]
    for one in [one for one in parameters if one.optional][:4]:
        first = [(each, each.values[0]) for each in wanted]
        made += [write_call(named, [*first, (one, value)]) for value in one.values if value.text != "None"][:2]
    return list(dict.fromkeys(made))


def write_call(named: Value, given: Sequence[tuple[Wanted, Value]]) -> Value:
    """One call."""
    told = [f"{one.name}={value.text}" if one.keyword or one.optional else value.text for one, value in given]
    return Value(f"{named.text}({', '.join(told)})").join_needs(named, *(value for _, value in given))


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
    return f"{made}_made" if made == name or made in dir(builtins) or iskeyword(made) else made


def infer_kinds(default: ast.expr | None) -> tuple[str, ...]:
    """The type of a default."""
    value = read_literal(default)
    return () if value is ... or value is None else (type(value).__name__,)


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


def list_constants(hints: Hints, reader: HintReader, usual: Sequence[Value]) -> list[Value]:
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
    around = [m for n in numbers for m in ((n, n + 1) if isinstance(n, int) else (n,)) if abs(n) < 10**6]
    return [write_value(each) for each in dict.fromkeys([*fits, *texts, *around])]


def fill_abstract(found: ClassInfo, named: Value) -> Value:
    """A class below it, made on the spot, whose open methods give nothing."""
    methods = ", ".join(f"{name!r}: lambda *given, **named: None" for name in found.list_open_methods())
    return Value(f"type('Filled', ({named.text},), {{{methods}}})", named.imports)


def list_written_objects(found: ClassInfo, named: Value) -> list[Value]:
    """Calls of a class with literals alone, as other code of the package and the docstrings of the class have them."""
    docs = [ast.get_docstring(node) for node in ast.walk(found.node) if isinstance(node, Function | ast.ClassDef)]
    texts = [line for doc in docs if doc and ">>>" in doc for line in read_examples(doc)]
    calls = dict[str, None]()
    nodes = [node for text in [*texts, *found.home.list_callers(found.name)] for node in ast.walk(parse_fragment(text))]
    for node in nodes:
        if isinstance(node, ast.Call) and last_name(node.func) == found.name and is_plain(node):
            told = ast.unparse(ast.Call(ast.Name(named.text, ast.Load()), node.args, node.keywords))
            if len(told) <= MOST_CHARS and "\n" not in told:
                calls[told] = None
    return [Value(text, named.imports) for text in list(calls)[:MOST_WRITTEN]]


def guess_classes(name: str, hints: Hints, home: Definitions) -> list[ClassInfo]:
    """Classes that a name speaks of, or that have what is used."""
    used = [*hints.methods, *hints.attributes]
    named = [each for each in (*home.classes, *home.imports) if name_variable(each) == name.lower()]
    found = [one for each in named if (one := home.find_class(each))]
    if len(used) > 1:
        found += [info for info in home.classes.values() if set(used) <= list_class_names(info)]
    if not found and used and not vote_by_methods(hints.methods, hints.attributes):
        found = home.find_owners(used)
    return found[:2]
