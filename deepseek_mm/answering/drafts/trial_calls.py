"""Calls to try, and the forms that they are made of: what is called, its parameters, and values for each of them."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from deepseek_mm.answering.drafts.definitions import Definitions, Function, last_name
from deepseek_mm.answering.drafts.plain_values import Value
from deepseek_mm.answering.drafts.sandbox_calls import compose, write_call

From = Literal["docstring", "call", "model", "guess", "property"]


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
    own = [n for n in known.node.body if isinstance(n, Function) and n.name == name]
    if not own:
        return None
    node = next((n for n in reversed(own) if not is_setter(n)), own[-1])  # those before it are overloads
    marks = {last_name(mark.func if isinstance(mark, ast.Call) else mark) for mark in node.decorator_list}
    static, of_class = "staticmethod" in marks, "classmethod" in marks
    is_property = bool(marks & {"property", "cached_property"})
    return CallTarget(name, holders[0], node.args, not static, not (static or of_class), is_property), node


def is_setter(node: Function) -> bool:
    """Does it set or delete a property?"""
    return any(isinstance(mark, ast.Attribute) and mark.attr in ("setter", "deleter") for mark in node.decorator_list)
