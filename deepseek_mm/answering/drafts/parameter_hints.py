"""What the body and the docstring of a function say of a parameter: constants, types, keys, attributes.

A value beside a constant that the body compares with reaches the other branch; a method that only texts have says that
it is a text. All of it is read from the syntax.
"""

import ast
import datetime
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deepseek_mm.answering.drafts.definitions import Definitions, Function, last_name, read_literal

MOST_CONSTANTS = 12
MOST_DEEP = 2  # functions that a parameter is handed on to
MOST_CHARS = 40  # of a text that is taken as a value
TYPES: Mapping[str, type] = {  # the likelier first, where several have what is used
    "str": str,
    "list": list,
    "dict": dict,
    "int": int,
    "float": float,
    "bytes": bytes,
    "set": set,
    "tuple": tuple,
    "datetime": datetime.datetime,
    "date": datetime.date,
    "timedelta": datetime.timedelta,
    "Path": Path,
    "Pattern": re.Pattern,
}
STREAM = frozenset(["read", "readline", "readlines", "write", "seek", "tell", "close", "flush"])
TAKES: Mapping[str, tuple[str, ...]] = {  # what functions of Python's own library take first
    "len": ("list", "str"), "sum": ("list",), "sorted": ("list",), "min": ("list",), "max": ("list",),
    "enumerate": ("list",), "zip": ("list",), "map": ("list",), "filter": ("list",), "reversed": ("list",),
    "any": ("list",), "all": ("list",), "set": ("list",), "list": ("list",), "tuple": ("list",), "iter": ("list",),
    "dict": ("dict",), "int": ("int", "str"), "float": ("float", "str"), "abs": ("float",), "round": ("float",),
    "range": ("int",), "chr": ("int",), "ord": ("char",), "hex": ("int",), "bin": ("int",), "divmod": ("int",),
    "open": ("path",), "isfile": ("path",), "isdir": ("path",), "exists": ("path",), "basename": ("path",),
    "dirname": ("path",), "splitext": ("path",), "Path": ("path",), "loads": ("json",), "escape": ("str",),
    "sqrt": ("float",), "floor": ("float",), "ceil": ("float",), "isnan": ("float",), "callable": ("callable",),
    "deque": ("list",), "Counter": ("list",), "chain": ("list",), "islice": ("list",), "OrderedDict": ("dict",),
    "Decimal": ("str",), "strptime": ("str",), "urlparse": ("url",), "urlsplit": ("url",), "compile": ("pattern",),
    "issubclass": ("class",), "isclass": ("class",), "signature": ("callable",), "wraps": ("callable",),
    "b64encode": ("bytes",), "b64decode": ("bytes",), "hexlify": ("bytes",), "fromisoformat": ("str",),
}  # fmt: skip
NAMED_TYPES: Sequence[tuple[str, tuple[str, ...]]] = (  # of docstrings
    (r"str(ing)?s?\b|text\b|unicode\b", ("str",)),
    (r"int(eger)?s?\b", ("int",)),
    (r"float(ing)?\b|number\b|numeric\b|real\b|scalar\b", ("float",)),
    (r"bool(ean)?\b", ("bool",)),
    (r"bytes?\b", ("bytes",)),
    (r"list|sequence|iterable|array|collection|iterator|generator", ("list",)),
    (r"dict(ionary)?\b|mapping", ("dict",)),
    (r"tuple|pair\b", ("tuple",)),
    (r"sets?\b", ("set",)),
    (r"callable|function|func\b|key function", ("callable",)),
    (r"datetime(?!\.)", ("datetime",)),
    (r"date\b", ("date",)),
    (r"timedelta", ("timedelta",)),
    (r"path|filename", ("path",)),
    (r"file(-?like)?\b|stream|buffer", ("stream",)),
    (r"regex|pattern", ("Pattern",)),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Hints:
    """Of one parameter."""

    constants: tuple[object, ...] = ()  # that it may be equal to, or that lie beside a limit
    tokens: tuple[str, ...] = ()  # texts that the function knows
    kinds: tuple[str, ...] = ()  # types that its uses speak for, likelier first
    keys: tuple[str, ...] = ()  # looked up in it
    attributes: tuple[str, ...] = ()  # read of it, and no method of a known type
    methods: tuple[str, ...] = ()  # called on it
    classes: tuple[str, ...] = ()  # names that isinstance compares it with
    patterns: tuple[str, ...] = ()  # regular expressions that are matched against it


@dataclass(slots=True)
class Findings:
    """Of the uses of one parameter, as they are met."""

    kinds: Counter[str] = field(default_factory=Counter)
    constants: list[object] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    attributes: list[str] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    patterns: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Passed:
    """A parameter of another function that is given this one."""

    reader: "HintReader"
    name: str


class HintReader:
    """Reads the hints of a function's parameters."""

    def __init__(self, node: Function, home: Definitions) -> None:
        self.node, self.home = node, home
        self.doc = ast.get_docstring(node) or ""
        self.nodes = list(walk_body(node))
        self.parents = {id(child): each for each in self.nodes for child in ast.iter_child_nodes(each)}
        own = list(self._list_own_constants())
        self.numbers = tuple(dict.fromkeys(n for n in own if isinstance(n, int | float) and not isinstance(n, bool)))
        self.texts = tuple(dict.fromkeys(text for text in own if isinstance(text, str)))

    def _list_own_constants(self) -> Iterator[object]:
        """Of the body, but for its docstring and the words of errors."""
        for node in self.nodes:
            if isinstance(node, ast.Constant) and not self._is_message(node):
                yield node.value

    def _is_message(self, node: ast.AST) -> bool:
        while (parent := self.parents.get(id(node))) is not None:
            if isinstance(parent, ast.Raise | ast.Assert | ast.JoinedStr):
                return True
            node = parent
        return False

    def read(self, name: str, deep: int = 0) -> Hints:
        """Of one parameter; also what the functions do with it that it is handed on to."""
        found = self._read_uses([node for node in self.nodes if isinstance(node, ast.Name) and node.id == name])
        for derived in self._list_derived(name):
            parent = self.parents.get(id(derived))
            found.constants += self._read_constants(derived, parent)
            found.patterns += self._read_patterns(derived, parent)
        for other in self._read_callees(name) if deep < MOST_DEEP else ():
            passed = other.reader.read(other.name, deep + 1)
            found.methods += passed.methods
            found.attributes += passed.attributes
            found.kinds.update(passed.kinds[:2])
            found.constants += passed.constants
        found.kinds.update(kind for value in found.constants for kind in [type(value).__name__] if kind in TYPES)
        found.kinds += vote_by_methods(found.methods, found.attributes)
        plain = [each for each in found.classes if each in TYPES or each in ("bool", "callable")]
        listed = [*read_doc_kinds(self.doc, name), *plain, *(kind for kind, _ in found.kinds.most_common())]
        return Hints(
            constants=tuple(spread(dict.fromkeys(each for each in found.constants if is_hashable(each)))),
            tokens=tuple(text for text in self.texts if 0 < len(text) <= MOST_CHARS),
            kinds=tuple(dict.fromkeys(listed)),
            keys=tuple(dict.fromkeys(found.keys)),
            attributes=tuple(dict.fromkeys(found.attributes)),
            methods=tuple(dict.fromkeys(found.methods)),
            classes=tuple(dict.fromkeys(found.classes)),
            patterns=tuple(dict.fromkeys(found.patterns)),
        )

    def _read_uses(self, uses: Sequence[ast.Name]) -> "Findings":
        """What each use says."""
        found = Findings()
        for use in uses:
            parent = self.parents.get(id(use))
            found.constants += self._read_constants(use, parent)
            if not isinstance(parent, ast.Attribute):
                self._read_use(use, parent, found.kinds, found.keys)
                found.classes += read_classes(use, parent)
                found.patterns += self._read_patterns(use, parent)
                continue
            called = self.parents.get(id(parent))
            is_method = isinstance(called, ast.Call) and called.func is parent
            (found.methods if is_method else found.attributes).append(parent.attr)
            if is_method and isinstance(called, ast.Call) and parent.attr == "get":
                found.keys += [key for key in map(read_literal, called.args[:1]) if isinstance(key, str)]
        return found

    def _read_callees(self, name: str) -> "list[Passed]":
        """Functions of the package that the parameter is handed to, by its place or by name."""
        found = list[Passed]()
        for node in self.nodes:
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            known = self.home.find_function(node.func.id)
            if known is None or known[0] is self.node:
                continue
            given = [*known[0].args.posonlyargs, *known[0].args.args]
            pairs = [
                *zip([arg.arg for arg in given], node.args, strict=False),
                *((k.arg, k.value) for k in node.keywords),
            ]
            for parameter, value in pairs:
                if parameter and isinstance(value, ast.Name) and value.id == name:
                    found.append(Passed(HintReader(*known), parameter))
        return found[:3]

    def _list_derived(self, name: str) -> list[ast.AST]:
        """Uses of what is made of it: `low` after `low = name.lower()`, its items in loops, calls on it, its length."""
        made = set[str]()
        for node in self.nodes:
            value = node.value if isinstance(node, ast.Assign) else node.iter if isinstance(node, ast.For) else None
            if value is not None and any(isinstance(n, ast.Name) and n.id in {name, *made} for n in ast.walk(value)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]  # type: ignore[attr-defined]
                made |= {n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)}
        made.discard(name)
        found: list[ast.AST] = [n for n in self.nodes if isinstance(n, ast.Name) and n.id in made]
        for node in self.nodes:
            if isinstance(node, ast.Call | ast.Subscript) and any(
                isinstance(n, ast.Name) and n.id == name for n in ast.iter_child_nodes(getattr(node, "func", node))
            ):
                found.append(node)
        return found

    def _read_use(self, use: ast.Name, parent: ast.AST | None, kinds: Counter[str], keys: list[str]) -> None:
        """Note which types one use speaks for, and a key that is looked up."""
        if isinstance(parent, ast.Subscript) and parent.value is use:
            key = read_literal(parent.slice)
            if isinstance(key, str):
                keys.append(key)
                kinds["dict"] += 2
            else:
                kinds.update(["list", "str"] if isinstance(parent.slice, ast.Slice | ast.Constant) else ["list"])
        elif isinstance(parent, ast.Call):
            self._read_call(use, parent, kinds)
        elif isinstance(parent, ast.For | ast.comprehension) and parent.iter is use:
            parts = len(parent.target.elts) if isinstance(parent.target, ast.Tuple) else 0
            kinds[{2: "pairs", 3: "triples"}.get(parts, "list")] += 2
        elif isinstance(parent, ast.Starred):
            kinds["list"] += 1
        elif isinstance(parent, ast.BinOp):
            other = parent.right if parent.left is use else parent.left
            self._read_operation(parent, other, kinds)
        elif isinstance(parent, ast.Compare) and isinstance(parent.ops[0], ast.In | ast.NotIn):
            if parent.comparators[0] is use:
                value = read_literal(parent.left)
                kinds.update(["str", "dict"] if isinstance(value, str) else ["list"])
                keys += [value] if isinstance(value, str) else []
        elif isinstance(parent, ast.Compare) and isinstance(parent.ops[0], ast.Lt | ast.Gt | ast.LtE | ast.GtE):
            kinds["int"] += 1
        elif isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.USub):
            kinds["float"] += 1

    def _read_call(self, use: ast.Name, call: ast.Call, kinds: Counter[str]) -> None:
        if call.func is use:
            kinds["callable"] += 3
            return
        name = last_name(call.func)
        if use in call.args and name in ("match", "search", "fullmatch", "sub", "split", "findall", "finditer"):
            kinds["str"] += 1
        elif call.args[:1] == [use] and name in TAKES:
            kinds.update(TAKES[name])
        elif use in call.args and name == "join":
            kinds["texts"] += 2
        elif use in call.args and name == "isinstance":
            return
        elif found := self.home.find_function(name):
            node, _ = found
            place = call.args.index(use) if use in call.args else -1
            given = [*node.args.posonlyargs, *node.args.args]
            if 0 <= place < len(given) and (annotation := given[place].annotation) is not None:
                kinds.update([last_name(annotation)] if last_name(annotation) in TYPES else [])

    def _read_operation(self, parent: ast.BinOp, other: ast.expr, kinds: Counter[str]) -> None:
        value = read_literal(other)
        if isinstance(value, str) or isinstance(other, ast.JoinedStr):
            kinds["str"] += isinstance(parent.op, ast.Add)
        elif isinstance(value, int | float):
            kinds["int"] += 2
        elif isinstance(parent.op, ast.FloorDiv | ast.BitAnd | ast.BitOr | ast.LShift | ast.RShift | ast.BitXor):
            kinds["int"] += 1
        elif isinstance(parent.op, ast.Sub | ast.Mult | ast.Div | ast.Pow):
            kinds["float"] += 1

    def _read_constants(self, use: ast.AST, parent: ast.AST | None) -> list[object]:
        """Values that a use may be equal to."""
        if isinstance(parent, ast.Compare):
            sides = [parent.left, *parent.comparators]
            return [v for side in sides if side is not use for v in self._list_values(side, parent.ops[0])]
        if isinstance(parent, ast.Subscript) and parent.slice is use:
            return self._list_values(parent.value, ast.In())
        if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Attribute) and use in parent.args:
            return self._list_values(parent.func.value, ast.In()) if parent.func.attr in ("get", "pop") else []
        if isinstance(parent, ast.Attribute):
            call = self.parents.get(id(parent))
            if isinstance(call, ast.Call) and parent.attr in ("startswith", "endswith", "split", "partition"):
                values = [read_literal(each) for each in call.args[:1]]
                return [w for v in values for w in (v if isinstance(v, tuple) else [v]) if isinstance(w, str)]
        if isinstance(parent, ast.Match):
            return [
                value
                for node in ast.walk(parent)
                if isinstance(node, ast.MatchValue) and (value := read_literal(node.value)) is not ...
            ]
        return []

    def _list_values(self, node: ast.expr, op: ast.cmpop) -> list[object]:
        """The value of a literal, or of a constant of the module; items of a container where it is looked up there."""
        value = read_literal(node)
        if value is ... and (found := self.home.find_constant(last_name(node))):
            value = read_literal(found[0])
            if value is ... and isinstance(found[0], ast.Dict):
                value = [read_literal(key) for key in found[0].keys]
            if value is ... and isinstance(found[0], ast.Call) and found[0].args:
                value = read_literal(found[0].args[0])
        if isinstance(op, ast.In | ast.NotIn) and isinstance(value, dict | list | tuple | set | frozenset):
            return [each for each in list(value)[:6] if each is not ...]
        return [] if value is ... else [value]

    def _read_patterns(self, use: ast.AST, parent: ast.AST | None) -> list[str]:
        """Regular expressions, written there or as a constant of the module."""
        if not (isinstance(parent, ast.Call) and isinstance(parent.func, ast.Attribute) and use in parent.args):
            return []
        if parent.func.attr not in ("match", "search", "fullmatch", "findall", "finditer", "sub", "split"):
            return []
        first = read_literal(parent.args[0])
        if isinstance(first, str) and parent.args[0] is not use:
            return [first]
        found = self.home.find_constant(last_name(parent.func.value))
        if found and isinstance(found[0], ast.Call) and found[0].args:
            pattern = read_literal(found[0].args[0])
            return [pattern] if isinstance(pattern, str) else []
        return []


def walk_body(node: Function) -> Iterator[ast.AST]:
    """Everything in it, but for its docstring."""
    has_doc = ast.get_docstring(node) is not None
    for statement in node.body[1 if has_doc else 0 :]:
        yield from ast.walk(statement)


def read_classes(use: ast.Name, parent: ast.AST | None) -> list[str]:
    """Names that isinstance compares it with."""
    if not (isinstance(parent, ast.Call) and last_name(parent.func) == "isinstance" and parent.args[:1] == [use]):
        return []
    return [name for each in parent.args[1:] for n in ast.walk(each) if (name := last_name(n))]  # type: ignore[arg-type]


def vote_by_methods(methods: Sequence[str], attributes: Sequence[str]) -> Counter[str]:
    """The types that have all that is used; none where that is nothing."""
    used = {*methods, *attributes}
    if not used:
        return Counter()
    if used <= STREAM:
        return Counter(stream=4)
    fitting = [name for name, kind in TYPES.items() if all(hasattr(kind, each) for each in used)]
    return Counter({name: 3 + len(fitting) - n for n, name in enumerate(fitting)})


def read_doc_kinds(doc: str, name: str) -> list[str]:
    """Types that a docstring gives a parameter, in the styles of Sphinx, NumPy and Google."""
    own = re.escape(name)
    forms = (
        rf":param\s+([^:]+?)\s+{own}\s*:",
        rf":type\s+{own}\s*:\s*(.+)",
        rf"(?m)^\s*{own}(?:\s*,\s*\w+)*\s+:\s+(.+)$",
        rf"(?m)^\s*\*?{own}\s+\(([^)]+)\)\s*:",
    )
    for form in forms:
        if found := re.search(form, doc):
            told = found[1].lower()
            spans = [
                (match.start(), kinds) for words, kinds in NAMED_TYPES if (match := re.search(rf"\b({words})", told))
            ]
            return [kind for _, kinds in sorted(spans) for kind in kinds]
    return []


def spread(constants: Mapping[object, None]) -> list[object]:
    """With the numbers beside each number, for a limit has two sides."""
    found = list[object]()
    for value in list(constants)[:MOST_CONSTANTS]:
        beside = (
            [value, value - 1, value + 1]
            if isinstance(value, int) and value is not True and value is not False
            else [value]
        )
        found += beside
    return list(dict.fromkeys(found))


def is_hashable(value: object) -> bool:
    """Can it be a key?"""
    try:
        hash(value)
    except TypeError:
        return False
    return True
