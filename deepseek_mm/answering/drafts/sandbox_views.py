"""What a test can say of a value, found out in the sandbox: its words, or parts of it that have words.

It is sent to the sandbox as text, so it imports nothing of ours.
"""

import ast
import contextlib
import copy
import inspect
import itertools
import types
from collections.abc import Callable
from typing import Any

MOST_WORDS = 300  # characters of a value that a test says
MOST_ATTRIBUTES = 6  # of an object
MOST_ITEMS = 20  # of an iterator
MOST_CALLS = 4  # of a function that was given back
CALLS: dict[str, tuple[object, ...]] = {  # how such a one is called, by the view's name
    "call 3": (3,), "call text": ("abc",), "call list": ([3, 1, 2],), "call empty": ("",), "call": (),
    "call both": (2, 3),
}  # fmt: skip
Row = dict[str, Any]  # a call: imports, setup, named, then, bound


def tell_words(value: object) -> str:
    """Its repr; of a set in order."""
    if type(value) in (set, frozenset) and value:
        with contextlib.suppress(TypeError):
            inner = ", ".join(repr(each) for each in sorted(value))  # type: ignore[call-overload]
            return f"{{{inner}}}" if type(value) is set else f"frozenset({{{inner}}})"
    return repr(value)


def is_literal(value: object, words: str) -> bool:
    """Whether these words are the value itself."""
    try:
        told = ast.literal_eval(words)
        return type(told) is type(value) and bool(told == value)
    except Exception:  # noqa: BLE001 - comparisons of the code under test
        return words == "set()" and type(value) is set


def is_near(value: object) -> bool:
    """Is it a float, or a list or tuple of nothing else?"""
    if type(value) in (list, tuple):
        return bool(value) and all(type(each) is float for each in value)  # type: ignore[attr-defined]
    return type(value) is float


def view_value(subject: str, value: object) -> list[Row]:
    """What a test can say of a value, the whole of it where that has words."""
    words = tell_words(value)
    if is_literal(value, words):
        if len(words) <= MOST_WORDS:
            return [{"subject": subject, "view": "value", "words": words, "near": is_near(value)}]
        return view_long(subject, value)
    if " at 0x" not in words and 0 < len(words) <= MOST_WORDS and type(value).__repr__ is not object.__repr__:
        if isinstance(value, types.ModuleType):
            return []
        return [{"subject": subject, "view": "repr", "words": repr(words), "near": False}, *view_parts(subject, value)]
    return [{"subject": subject, "view": "type", "words": repr(type(value).__name__), "near": False}] + view_parts(
        subject, value
    )


def view_long(subject: str, value: Any) -> list[Row]:
    """Of what is too long to be said: how long it is, and how it begins and ends."""
    rows = [{"subject": subject, "view": "len", "words": repr(len(value)), "near": False}]
    if isinstance(value, str | bytes | list | tuple):
        for view, part in (("head", value[:60]), ("tail", value[-60:])):
            if len(repr(part)) <= MOST_WORDS:
                rows.append({"subject": subject, "view": view, "words": repr(part), "near": False})
    return rows


def view_parts(subject: str, value: Any) -> list[Row]:
    """Parts of an object that have words: its text, length, items, and public attributes."""
    rows: list[Row] = []
    kind = type(value)
    if inspect.isfunction(value):
        for view, given in CALLS.items():
            add_view(rows, subject, view, lambda given=given: value(*copy.deepcopy(given)))  # type: ignore[misc]
        return rows[:MOST_CALLS]
    if inspect.isroutine(value) or isinstance(value, type):
        return rows
    if getattr(kind, "__str__", None) is not object.__str__:
        add_view(rows, subject, "str", lambda: str(value))
    if hasattr(kind, "__len__") and hasattr(kind, "__iter__"):
        add_view(rows, subject, "len", lambda: len(value))
        add_view(rows, subject, "list", lambda: list(value))
    for name in sorted(getattr(value, "__dict__", {}))[: 4 * MOST_ATTRIBUTES]:
        if not name.startswith("_") and name.isidentifier() and len(rows) < MOST_ATTRIBUTES:
            add_view(rows, subject, name, lambda name=name: getattr(value, name))  # type: ignore[misc]
    return rows


def add_view(rows: list[Row], subject: str, view: str, look: Callable[[], object]) -> None:
    """One part, if it can be looked at and has words."""
    try:
        part = look()
        words = tell_words(part)
        if len(words) <= MOST_WORDS and is_literal(part, words):
            rows.append({"subject": subject, "view": view, "words": words, "near": is_near(part)})
    except Exception:  # noqa: BLE001 - code under test
        return


def read_iterator(value: Any) -> tuple[str, list[object]]:
    """At most so many of its items, and the expression that takes them."""
    items = list(itertools.islice(value, MOST_ITEMS + 1))
    if len(items) > MOST_ITEMS:
        return f"list(itertools.islice({{}}, {MOST_ITEMS}))", items[:MOST_ITEMS]
    return "list({})", items


def tell_state(value: Any) -> str:
    """Words that change when a container or an object does."""
    if type(value) in (list, dict, set, bytearray):
        return tell_words(value)
    if isinstance(value, int | float | str | bytes | tuple | type | types.FunctionType) or value is None:
        return ""
    told = [f"{check['view']}={check['words']}" for check in view_state("", value)]
    return "; ".join(told)


def view_state(name: str, value: Any) -> list[Row]:
    """What a test can say of an argument or an object after the call."""
    try:
        return [check for check in view_value(name, value) if check["view"] != "type"]
    except Exception:  # noqa: BLE001 - code under test
        return []
