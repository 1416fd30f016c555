"""Values of a type, as expressions that a test can hold: what an annotation, a class or a use of a parameter asks for.

Plain values come first, then edges. Objects of the same package are built by their `__init__`, with values made in
the same way; of what cannot be built there are none.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest

from deepseek_mm.answering.code.definitions import ClassInfo, Definitions, Function, last_name, read_literal

MOST_VALUES = 8  # of one annotation
MOST_DEEP = 3  # objects within objects
PLAIN: Mapping[str, tuple[str, ...]] = {  # of Python's own types, the plainest first
    "int": ("3", "0", "1", "-1", "100", "2", "12345"),
    "float": ("0", "100", "-40", "2.5", "37", "0.125", "1e6"),
    "complex": ("1+2j", "0j"),
    "str": ("'Hello, world'", "''", "'a'", "'two  words\\n'", "'42'", "'Some_Name-2.5'", "'a,b;c=d'", "'CAFÉ'"),
    "char": ("'a'", "'Z'", "'7'", "' '"),
    "bool": ("True", "False"),
    "bytes": ("b'abc'", "b''", "b'\\x00\\xff1'"),
    "bytearray": ("bytearray(b'abc')", "bytearray()"),
    "list": ("[3, 1, 2]", "['b', 'a', 'b']", "[]", "[1]", "[[1, 2], [3]]", "[('a', 1), ('b', 2)]", "[0, None, 2.5]"),
    "texts": ("['b', 'a', 'b']", "[]", "['x']"),
    "tuple": ("(3, 1, 2)", "()", "('a', 1)", "(1, 2)"),
    "set": ("{1, 2}", "set()", "{'a', 'b'}"),
    "frozenset": ("frozenset({1, 2})", "frozenset()"),
    "dict": ("{'a': 1, 'b': 2}", "{}", "{'a': {'b': [1, 2]}}", "{1: 'x'}"),
    "None": ("None",),
    "object": ("3", "'abc'", "[3, 1, 2]", "None", "{'a': 1, 'b': 2}", "2.5", "(1, 2)", "b'abc'", "''", "-1", "True"),
    "slice": ("slice(1, 3)", "slice(None)"),
    "range": ("range(3)", "range(0)"),
    "class": ("int", "str", "ValueError", "dict"),
    "exception": ("ValueError('wrong')", "KeyError('key')"),
    "callable": ("str", "len", "lambda *given: given[0] if given else None", "lambda *given: True", "abs", "sorted"),
    "json": ("'{\"a\": [1, 2]}'", "'[]'", "'3'"),
    "url": ("'https://user@example.com:8080/a/b.html?x=1&y=2#top'", "'/a/b'", "'http://example.com'", "''"),
    "pattern": ("'a+'", "r'(\\d+)-(\\w+)'", "''"),
}
MADE: Mapping[str, tuple[tuple[str, str], ...]] = {  # of the standard library: the import and the expression
    "datetime": (
        ("import datetime", "datetime.datetime(2024, 2, 29, 13, 5, 9)"),
        ("import datetime", "datetime.datetime(1999, 12, 31)"),
        ("import datetime", "datetime.datetime(2024, 7, 1, tzinfo=datetime.timezone.utc)"),
    ),
    "date": (("import datetime", "datetime.date(2024, 2, 29)"), ("import datetime", "datetime.date(1999, 12, 31)")),
    "time": (("import datetime", "datetime.time(13, 5, 9)"), ("import datetime", "datetime.time(0, 0)")),
    "timedelta": (
        ("import datetime", "datetime.timedelta(days=1, seconds=5)"),
        ("import datetime", "datetime.timedelta(0)"),
        ("import datetime", "datetime.timedelta(days=-400, hours=3)"),
    ),
    "tzinfo": (("import datetime", "datetime.timezone.utc"),),
    "timezone": (("import datetime", "datetime.timezone.utc"),),
    "Decimal": (("from decimal import Decimal", "Decimal('2.50')"), ("from decimal import Decimal", "Decimal(0)")),
    "Fraction": (("from fractions import Fraction", "Fraction(3, 4)"),),
    "UUID": (("import uuid", "uuid.UUID(int=7)"),),
    "Pattern": (("import re", "re.compile('a+')"), ("import re", "re.compile(r'(\\d+)-(\\w+)')")),
    "Match": (("import re", "re.match('(a)(b)?', 'ab')"), ("import re", "re.match('a', 'a')")),
    "stream": (("import io", "io.StringIO('one\\ntwo, 3\\n')"), ("import io", "io.BytesIO(b'one\\ntwo\\n')")),
    "TextIO": (("import io", "io.StringIO('one\\ntwo, 3\\n')"), ("import io", "io.StringIO()")),
    "BinaryIO": (("import io", "io.BytesIO(b'one\\ntwo\\n')"), ("import io", "io.BytesIO()")),
    "deque": (("from collections import deque", "deque([3, 1, 2])"), ("from collections import deque", "deque()")),
    "Counter": (("from collections import Counter", "Counter('abca')"),),
    "OrderedDict": (("from collections import OrderedDict", "OrderedDict(b=1, a=2)"),),
    "defaultdict": (("from collections import defaultdict", "defaultdict(list, a=[1])"),),
    "Namespace": (("import types", "types.SimpleNamespace(a=1)"),),
    "SimpleNamespace": (("import types", "types.SimpleNamespace(a=1)"),),
    "IPv4Address": (("import ipaddress", "ipaddress.IPv4Address('127.0.0.1')"),),
    "ndarray": (("import numpy", "numpy.array([3.0, 1.0, 2.0])"), ("import numpy", "numpy.arange(6).reshape(2, 3)")),
    "Element": (
        ("import xml.etree.ElementTree", "xml.etree.ElementTree.fromstring('<a b=\"1\">x<c/></a>')"),
        ("import xml.etree.ElementTree", "xml.etree.ElementTree.Element('a')"),
    ),
}  # fmt: skip
SAME: Mapping[str, str] = {  # what other annotations mean
    "Sequence": "list", "MutableSequence": "list", "Iterable": "list", "Collection": "list", "List": "list",
    "Container": "list", "Sized": "list", "Reversible": "list", "Mapping": "dict", "MutableMapping": "dict",
    "Dict": "dict", "Tuple": "tuple", "Set": "set", "AbstractSet": "set", "MutableSet": "set", "FrozenSet": "frozenset",
    "Any": "object", "Hashable": "object", "AnyStr": "str", "Text": "str", "LiteralString": "str", "StrPath": "path",
    "Callable": "callable", "Type": "class", "type": "class", "Number": "int", "Real": "float", "Integral": "int",
    "SupportsInt": "int", "SupportsFloat": "float", "SupportsIndex": "int", "Complex": "complex", "IO": "stream",
    "TextIOBase": "TextIO", "StringIO": "TextIO", "BytesIO": "BinaryIO", "RawIOBase": "BinaryIO", "PathLike": "path",
    "PurePath": "path", "PosixPath": "path", "PurePosixPath": "path", "Path": "path", "Exception": "exception",
    "BaseException": "exception", "ByteString": "bytes", "Buffer": "bytes", "memoryview": "bytes", "NoneType": "None",
    "FunctionType": "callable", "MethodType": "callable", "SupportsAbs": "int", "SupportsRound": "float",
}  # fmt: skip
ITERATORS = frozenset(["Iterator", "Generator"])
WRAPPERS = frozenset(["Optional", "Union", "Annotated", "Final", "ClassVar", "Required", "NotRequired", "ReadOnly"])
TEXT_FILE = "'one\\ntwo, 3\\n'"


@dataclass(frozen=True, slots=True)
class Value:
    """An expression and what it needs."""

    text: str
    imports: tuple[str, ...] = ()  # lines
    setup: tuple[str, ...] = ()  # lines before the value
    then: tuple[str, ...] = ()  # lines behind it; {it} is its variable

    def join_needs(self, *others: "Value") -> "Value":
        """With what others need besides."""
        joined = [self, *others]
        return Value(
            self.text,
            tuple(dict.fromkeys(line for one in joined for line in one.imports)),
            tuple(dict.fromkeys(line for one in joined for line in one.setup)),
            self.then,
        )


def list_plain(kind: str) -> list[Value]:
    """Values of a type by its name; none where it is not known."""
    kind = SAME.get(kind, kind)
    if kind == "path":
        return list_paths()
    if kind in MADE:
        return [Value(text, (line,)) for line, text in MADE[kind]]
    return [Value(text) for text in PLAIN.get(kind, ())]


def list_paths() -> list[Value]:
    """A file with some lines, a file that is not there, and a folder, all in a temporary folder."""
    write = f"(tmp_path / 'a.txt').write_text({TEXT_FILE})"
    return [
        Value("tmp_path / 'a.txt'", (), (write,)),
        Value("tmp_path / 'missing.txt'"),
        Value("(tmp_path / 'a').parent"),
    ]


class ValueMaker:
    """Makes values by annotations and classes of one package."""

    def __init__(self) -> None:
        self._making = list[str]()

    def list_annotated(self, node: ast.expr, home: Definitions, deep: int = 0) -> list[Value]:
        """Of an annotation, several types of a union by turns."""
        return list(islice(self._annotated(node, home, deep), MOST_VALUES))

    def _annotated(self, node: ast.expr, home: Definitions, deep: int) -> list[Value]:
        if deep > 2 * MOST_DEEP:
            return []
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                parsed = parse_annotation(node.value)
                return self._annotated(parsed, home, deep + 1) if parsed is not None else []
            return list_plain("None") if node.value is None else []
        if isinstance(node, ast.BinOp):
            return mix(self._annotated(node.left, home, deep), self._annotated(node.right, home, deep))
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
            return mix(self._annotated(inner[0], home, deep), list_plain("None"))
        if outer == "Union":
            return mix(*(self._annotated(each, home, deep) for each in inner))
        if outer in WRAPPERS:
            return self._annotated(inner[0], home, deep)
        kind = SAME.get(outer, outer)
        if kind in ("type", "class"):
            found = home.find_class(last_name(inner[0]))
            return [self.name_class(found, home)] if found else list_plain("class")
        if kind == "callable":
            return self._callables(inner, home, deep)
        if kind in ("list", "set", "frozenset", "tuple", "dict", "deque") or outer in ITERATORS:
            items = [self.list_annotated(each, home, deep + 1) for each in inner]
            made = [] if not items[0] or not items[-1] else wrap_items(kind, outer, inner, items)
            return made or ([] if deep else list_plain(kind))
        return self._annotated(node.value, home, deep + 1)

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
                return self._annotated(bound[0], home, deep + 1) if bound else list_plain("object")
            if made == "NewType" and len(expression.args) == 2:
                return self._annotated(expression.args[1], home, deep + 1)
            return []
        if isinstance(expression, ast.Subscript | ast.BinOp | ast.Name | ast.Attribute):
            return self._annotated(expression, home, deep + 1)
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
            concrete = [one for one in found.home.classes.values() if is_below(one, found) and not one.is_abstract]
            return [value for one in concrete[:2] for value in self.list_objects(one, one.home, deep)]
        made = self.list_constructions(found, named, deep)
        return [*made, *self._list_alternatives(found, named, deep)][:MOST_VALUES]

    def list_constructions(self, found: ClassInfo, named: Value, deep: int) -> list[Value]:
        """Calls of the class, with what its `__init__`, `__new__` or its fields want."""
        fields = list_fields(found)
        if fields is not None:
            home_of = [(name, note, default, True) for name, note, default in fields]
            return self._call(named, home_of, found.home, deep)
        method = found.find_method("__init__") or found.find_method("__new__")
        if method is None:
            basic = next(
                (kind for kind in ("str", "int", "dict", "list", "set", "float") if kind in found.list_base_names()), ""
            )
            items = list_plain(basic)[:3] if basic else [Value("")]
            return [Value(f"{named.text}({one.text})").join_needs(named, one) for one in items]
        node, home = method
        return self._call(named, list_parameters(node), home, deep)

    def _call(
        self, named: Value, parameters: Sequence[tuple[str, ast.expr | None, bool, bool]], home: Definitions, deep: int
    ) -> list[Value]:
        """Calls with the n-th values of what must be given; then the same with what may be."""
        wanted = [one for one in parameters if not one[2]]
        choices = [self._list_for(name, note, home, deep) for name, note, _, _ in wanted]
        if any(not each for each in choices):
            return []
        made = [self._write(named, wanted, choices, n) for n in range(min(4, max(map(len, choices), default=1)))]
        for one in [one for one in parameters if one[2] and one[1] is not None][:4]:
            values = self.list_annotated(one[1], home, deep + 1)[:2] if one[1] is not None else []
            for value in [value for value in values if value.text != "None"][:1]:
                made.append(self._write(named, [*wanted, (one[0], one[1], True, True)], [*choices, [value]], 0))
        return list(dict.fromkeys(made))

    def _list_for(self, name: str, note: ast.expr | None, home: Definitions, deep: int) -> list[Value]:
        values = self.list_annotated(note, home, deep + 1) if note is not None else []
        return values or list_by_name(name) or (list_plain("object") if note is None else [])

    def _write(
        self,
        named: Value,
        wanted: Sequence[tuple[str, ast.expr | None, bool, bool]],
        choices: Sequence[Sequence[Value]],
        n: int,
    ) -> Value:
        given = [values[n % len(values)] for values in choices]
        told = [f"{name}={v.text}" if key else v.text for (name, _, _, key), v in zip(wanted, given, strict=True)]
        return Value(f"{named.text}({', '.join(told)})").join_needs(named, *given)

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
                made += self._call(method, list_parameters(node), found.home, deep)[:2]
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


def wrap_items(kind: str, outer: str, inner: Sequence[ast.expr], items: Sequence[Sequence[Value]]) -> list[Value]:
    """Containers of what goes into them: several, none, one."""
    first = items[0]
    some = first[:3]
    listed = ", ".join(one.text for one in some)
    if kind == "dict":
        keys, values = items[0], items[-1]
        pairs = list(zip(keys[:3], [*values, *values, *values][:3], strict=False))
        told = ", ".join(f"{key.text}: {value.text}" for key, value in pairs)
        return [Value(f"{{{told}}}").join_needs(*keys[:3], *values[:3]), Value("{}")]
    if kind == "tuple" and not (len(inner) == 2 and isinstance(inner[1], ast.Constant) and inner[1].value is ...):
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


def mix(*listed: Sequence[Value]) -> list[Value]:
    """The first of each, then the second of each."""
    turns = zip_longest(*listed)
    return list(dict.fromkeys(one for turn in turns for one in turn if one is not None))


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
        for node in one.node.body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                note = ast.unparse(node.annotation)
                without = isinstance(node.value, ast.Call) and any(k.arg == "init" for k in node.value.keywords)
                if "ClassVar" not in note and not without:
                    fields[node.target.id] = (node.target.id, node.annotation, has_default(node.value))
    return list(fields.values())


def has_default(value: ast.expr | None) -> bool:
    """Has a field a default?"""
    if isinstance(value, ast.Call) and last_name(value.func) in ("field", "ib", "attrib"):
        return any(keyword.arg in ("default", "default_factory", "factory") for keyword in value.keywords)
    return value is not None


def list_parameters(node: Function) -> list[tuple[str, ast.expr | None, bool, bool]]:
    """Name, annotation, whether it may be left out, whether it is given by name; without the first, the object."""
    given = node.args
    plain = [*given.posonlyargs, *given.args]
    first_default = len(plain) - len(given.defaults)
    found = [(arg.arg, arg.annotation, n >= first_default, n >= first_default) for n, arg in enumerate(plain)][1:]
    return found + [
        (arg.arg, arg.annotation, default is not None, True)
        for arg, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
    ]


NAMES: Sequence[tuple[str, tuple[str, ...]]] = (  # what a parameter without a type is, by its name
    (r"(file_?)?path|file_?name|fname|filepath|dir(ectory)?|folder|file", ("path",)),
    (r"url|uri|href|link|iri", ("url",)),
    (r"json|json_?(string|str|text)", ("json",)),
    (r"dt|datetime|when|moment|timestamp_?dt", ("datetime",)),
    (r"date|day_date", ("date",)),
    (r"(time)?delta|td", ("timedelta",)),
    (r"func|function|fn|f|callback|callable|predicate|pred|key|keyfunc|cmp|factory|handler|hook|transform", ("callable",)),
    (r"cls|klass|class_|type_|exc_type|exception_class", ("class",)),
    (r"exc|exception|err|error", ("exception",)),
    (r"regex|pattern|regexp", ("pattern",)),
    (r"fp|stream|fh|fd|fileobj|buf(fer)?|out(put)?|reader|writer", ("stream",)),
    (r"data|payload|raw|blob", ("bytes", "str", "list", "dict")),
    (r"b|bytes_?|byte_?string|bs", ("bytes", "int")),
    (r"(is|has|with|use|allow|include|ignore|strict|force|should|no|keep|show)_.*|reverse|verbose|strict|flag|recursive", ("bool",)),
    (r"ch|char|character|c|letter|digit", ("char", "int")),
    (r"(s|st|string|text|txt|line|word|name|label|title|msg|message|source|src|content|body|phrase|sentence|value_str|prefix|suffix|sep|separator|delimiter|encoding|charset|lang|language|locale|fmt|format|template|query|expr|expression|token|tag|attr|attribute|html|xml|code|html_text|markup|css|selector|identifier|slug|version|spec|header|mode|method|scheme|host|domain|email|color|colour)(_?(name|str|string|text))?", ("str",)),
    (r"(n|m|i|j|k|x|y|z|num|number|count|size|length|len|width|height|depth|index|idx|pos|position|start|stop|end|step|limit|max\w*|min\w*|amount|total|level|offset|bits|port|year|month|day|hour|minute|second|seconds|minutes|hours|days|times|indent|lineno|line_?number|precision|digits|ndigits|chunk_?size|pad|rows|cols|columns|base|exp|a|page)(_?(count|size|num))?", ("int", "float", "list", "str")),
    (r"(items|values|seq|sequence|iterable|it|iterables|elements|lst|list_?|array|arr|xs|ys|numbers|nums|args|entries|records|rows|points|lines|words|names|keys|tokens|pairs|collection|objs|objects|population|parts|chunks|samples|vector|matrix|weights)", ("list", "texts")),
    (r"(d|dict_?|mapping|map|kwargs|kw|options|opts|config|params|headers|attrs|env|environ|context|ctx|settings|metadata|meta|table|obj_dict|lookup|data_dict|counts|namespace|ns)", ("dict",)),
)  # fmt: skip


def list_by_name(name: str) -> list[Value]:
    """Values for a parameter of which nothing but the name is known."""
    for form, kinds in NAMES:
        if re.fullmatch(form, name.lower().strip("_")):
            return mix(*(list_plain(kind) for kind in kinds))
    return []


def write_value(value: object) -> Value:
    """A constant."""
    return Value(repr(value))


def write_default(node: ast.expr | None) -> list[Value]:
    """The default itself, where it is a literal, and its neighbours."""
    value = read_literal(node)
    if value is ... or value is None:
        return []
    if isinstance(value, bool):
        return [Value(repr(not value))]
    return [one for one in list_plain(type(value).__name__) if one.text != repr(value)]
