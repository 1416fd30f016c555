"""The scopes of all files in one numbering, with what classes inherit. The solver adds what only inference knows."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from deepseek_mm.code_graph.modules import ModuleTable

FLAGS = {  # last name of a decorator -> what it makes of a function
    "property": "property", "cached_property": "property", "abstractproperty": "property", "setter": "setter",
    "deleter": "setter", "getter": "property", "staticmethod": "static", "classmethod": "class",
    "contextmanager": "manager", "asynccontextmanager": "manager", "fixture": "fixture", "overload": "overload",
    "hybrid_property": "property", "dataclass": "dataclass", "async_property": "property",
}  # fmt: skip
OF_CLASS = ("__new__", "__init_subclass__", "__class_getitem__")
TEST_FOLDERS = frozenset(["test", "tests", "testing"])
STORES = frozenset(["=", ":", "for", "with", "ex"])  # statements that bind a target
PROTOCOLS = frozenset(["Protocol"])


@dataclass(kw_only=True, slots=True)
class CodeScope:
    """One module, class, function or lambda."""

    id: int
    file: int
    base: int  # id of its file's first scope
    kind: str
    name: str
    parent: int  # id; -1 for modules
    facts: Mapping[str, Any]
    flags: frozenset[str] = frozenset()
    owner: int = -1  # class that it is a method of
    passed: frozenset[str] = frozenset()  # parameters that it gives back as they came
    attributes: set[str] = field(default_factory=set)  # of a class: names in it, and those stored on its instances


class Program:
    """Scopes and classes of files."""

    def __init__(self, paths: Sequence[str], facts: Sequence[Mapping[str, Any]]) -> None:
        self.modules = ModuleTable(paths)
        self.scopes: list[CodeScope] = []
        self.bases: list[int] = []  # file -> id of its module
        self.parents: dict[int, list[int]] = {}  # class -> classes that it inherits from, as known
        self.children: dict[int, set[int]] = {}
        self.foreign: dict[int, set[str]] = {}  # class -> what it inherits from that is not here
        self.by_attribute: dict[str, set[int]] = {}  # name -> classes that have it
        self.by_name: dict[str, list[int]] = {}  # name -> functions and classes of modules
        self.bound: dict[int, set[str]] = {}  # scope -> names bound by definitions and imports
        self._orders: dict[int, tuple[int, ...]] = {}
        self._below: dict[int, frozenset[int]] = {}
        self._runs: dict[tuple[int, int, str], bool] = {}
        self._having: dict[str, dict[int, tuple[list[int], list[int]]]] = {}
        for number, each in enumerate(facts):
            self._add_file(number, each["scopes"])

    def _add_file(self, file: int, scopes: Sequence[Mapping[str, Any]]) -> None:
        base = len(self.scopes)
        self.bases.append(base)
        for n, facts in enumerate(scopes):
            parent = base + facts["parent"] if facts["parent"] >= 0 else -1
            scope = CodeScope(
                id=base + n,
                file=file,
                base=base,
                kind=facts["kind"],
                name=facts["name"],
                parent=parent,
                facts=facts,
                flags=frozenset(read_flags(facts.get("decorators", ()))),
                passed=find_passed(facts, is_method=parent >= 0 and self.scopes[parent].kind == "class"),
            )
            self.scopes.append(scope)
            self.bound[scope.id] = bound_names(facts["code"], scopes)
            above = self.scopes[parent] if parent >= 0 else None
            if above is not None and above.kind == "class" and scope.kind != "module":
                scope.owner = above.id if scope.kind == "function" else -1
            if above is not None and above.kind == "module" and scope.kind in ("function", "class"):
                self.by_name.setdefault(scope.name, []).append(scope.id)
        for scope in self.scopes[base:]:
            self._note_attributes(scope)

    def _note_attributes(self, scope: CodeScope) -> None:
        if scope.kind == "class":
            for name in targets_of(scope.facts["code"]) | self.bound[scope.id]:
                self.add_attribute(scope.id, name)
        elif scope.owner >= 0 and scope.facts["params"]:
            for name in stored_on(scope.facts["params"][0], scope.facts["code"]):
                self.add_attribute(scope.owner, name)

    def add_attribute(self, owner: int, name: str) -> bool:
        """Whether it was not known that a class has this."""
        if name in self.scopes[owner].attributes:
            return False
        self.scopes[owner].attributes.add(name)
        self.by_attribute.setdefault(name, set()).add(owner)
        self._having.pop(name, None)
        return True

    def having(self, owner: int, name: str) -> tuple[list[int], list[int]]:
        """Classes with an attribute: the class and those above it in order, and those below."""
        known = self._having.setdefault(name, {})
        if owner not in known:
            having: Set[int] = self.by_attribute.get(name, frozenset())
            found = [each for each in self.order(owner) if each in having]
            known[owner] = (found, sorted(having & self.below(owner) - set(found)))
        return known[owner]

    def runs(self, child: int, owner: int, method: str) -> bool:
        """Whether an instance of a class may run a method of one above it: it has none itself, or hands on to that."""
        key = child, owner, method
        if key not in self._runs:
            order = self.order(child)
            nearer = order[: order.index(owner)] if owner in order else ()
            own = [each for each in nearer if method in self.bound[each]]
            self._runs[key] = not own or any(self._hands_on(each, method) for each in own)
        return self._runs[key]

    def _hands_on(self, owner: int, method: str) -> bool:
        """Whether a class's method mentions that of the classes above it: `super().save`, `Base.save`."""
        file = self.scopes[owner].file
        inside = (one for one in self.scopes[self.bases[file] :] if one.file == file and one.owner == owner)
        return any(one.name == method and mentions_above(one.facts["code"], method) for one in inside)

    def foreign_names(self, owner: int) -> set[str]:
        """Last names of what a class inherits from that is not here."""
        return {name for each in self.order(owner) for name in self.foreign.get(each, ())}

    def inherit(self, child: int, parents: Sequence[int], foreign: Iterable[str]) -> bool:
        """Whether this was not known."""
        for name in foreign:
            self.foreign.setdefault(child, set()).add(name)
        known = self.parents.setdefault(child, [])
        new = [parent for parent in parents if parent not in known and parent != child]
        if not new:
            return False
        known.extend(new)
        for parent in new:
            self.children.setdefault(parent, set()).add(child)
        self._orders.clear()
        self._below.clear()
        self._runs.clear()
        self._having.clear()
        return True

    def order(self, owner: int) -> tuple[int, ...]:
        """The classes in which an attribute is looked for, the class itself first."""
        if owner not in self._orders:
            found: dict[int, None] = {}
            self._collect(owner, found, set())
            self._orders[owner] = tuple(found)
        return self._orders[owner]

    def _collect(self, owner: int, found: dict[int, None], path: set[int]) -> None:
        """Depth first, what is met again moves behind: like Python's order where that exists."""
        if owner in path or len(path) > 40:
            return
        found.pop(owner, None)
        found[owner] = None
        for parent in self.parents.get(owner, ()):
            self._collect(parent, found, path | {owner})

    def below(self, owner: int) -> frozenset[int]:
        """All classes that inherit from it, or have all methods of a protocol."""
        if owner not in self._below:
            found: set[int] = set()
            waiting = [owner]
            while waiting:
                new = self.children.get(waiting.pop(), set()) - found
                found |= new
                waiting.extend(new)
            self._below[owner] = frozenset(found | self._implementations(owner))
        return self._below[owner]

    def _implementations(self, owner: int) -> set[int]:
        """Classes that have what a protocol asks for."""
        scope = self.scopes[owner]
        bases = [last_name(base) for base in scope.facts["bases"]]
        if not PROTOCOLS.intersection(bases):
            return set()
        names = [name for name in scope.attributes if not name.startswith("__")]
        if not names:
            return set()
        found = set.intersection(*(self.by_attribute[name] for name in names)) - {owner}
        return {each for each in found if not PROTOCOLS.intersection(map(last_name, self.scopes[each].facts["bases"]))}

    def is_test_file(self, file: int) -> bool:
        """By its name or its folders."""
        path = PurePosixPath(self.modules.paths[file])
        return path.stem.startswith("test_") or path.stem.endswith("_test") or bool(TEST_FOLDERS & set(path.parts[:-1]))

    def qualify_name(self, scope: CodeScope) -> str:
        """ "Assistant.ask"; of a module its dotted name."""
        if scope.parent < 0:
            return self.modules.names[scope.file]
        parts = [scope.name or "lambda"]
        above = self.scopes[scope.parent]
        while above.parent >= 0:
            parts.insert(0, above.name or "lambda")
            above = self.scopes[above.parent]
        return ".".join(parts)


def last_name(expression: Any) -> str:
    """The last part of a dotted name, of what is called or indexed as well."""
    while expression is not None and expression[0] in ("c", "x"):
        expression = expression[1]
    if expression is None or expression[0] not in ("n", "a"):
        return ""
    return str(expression[2])


def read_flags(decorators: Iterable[Any]) -> Iterable[str]:
    """What decorators of known names make of a function."""
    return (FLAGS[name] for name in map(last_name, decorators) if name in FLAGS)


def bound_names(code: Iterable[Any], scopes: Sequence[Mapping[str, Any]]) -> set[str]:
    """Names that definitions and imports bind."""
    names = {scopes[each[1]]["name"] for each in code if each[0] == "df"}
    return names | {each[1] for each in code if each[0] == "im" and each[1]}


def find_passed(facts: Mapping[str, Any], *, is_method: bool) -> frozenset[str]:
    """Parameters of a function that it may give back as they came, but for the instance of a method."""
    if facts.get("yields") or "params" not in facts:
        return frozenset()
    given = {part[2] for each in facts["code"] if each[0] == "r" for part in list_choices(each[1]) if part[0] == "n"}
    changed = {name for each in facts["code"] if each[0] in STORES for name in names_in(each[1])}
    params = facts["params"][1:] if is_method else facts["params"]
    return frozenset((given & {*params, *facts["only"]}) - changed)


def list_choices(node: Any) -> list[Any]:
    """What an expression may be: each of several, or itself."""
    if node is None:
        return []
    return [each for part in node[1] for each in list_choices(part)] if node[0] == "u" else [node]


def names_in(target: Any) -> set[str]:
    """Names that are bound by a target."""
    if target is None:
        return set()
    if target[0] in ("T", "L"):
        return {name for part in target[1] for name in names_in(part)}
    return {target[2]} if target[0] == "n" else set()


def mentions_above(node: Any, method: str) -> bool:
    """Whether code has an attribute of this name on anything but a plain lower-case name."""
    if not isinstance(node, list | tuple):
        return False
    if len(node) > 2 and node[0] == "a" and node[2] == method:
        base = node[1]
        return base is not None and (base[0] == "c" or (base[0] == "n" and base[2][:1].isupper()))
    return any(mentions_above(each, method) for each in node)


def targets_of(code: Iterable[Any]) -> set[str]:
    """Names that statements bind by assignment."""
    targets = [each[1] for each in code if each[0] in ("=", ":")]
    return {target[2] for target in targets if target is not None and target[0] == "n"}


def stored_on(name: str, code: Iterable[Any]) -> set[str]:
    """Attributes that are stored on what has this name."""
    found: set[str] = set()
    waiting = [each[1] for each in code if each[0] in ("=", ":", "for", "with") and each[1] is not None]
    while waiting:
        target = waiting.pop()
        if target[0] == "T":
            waiting.extend(each for each in target[1] if each is not None)
        elif target[0] == "a" and target[1] is not None and target[1][0] == "n" and target[1][2] == name:
            found.add(target[2])
    return found
