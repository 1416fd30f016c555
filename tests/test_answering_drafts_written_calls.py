"""Calls that somebody wrote: in docstrings, other code and a model's words."""

import ast

import pytest

from deepseek_mm.answering.drafts.definitions import Definitions
from deepseek_mm.answering.drafts.trial_calls import Trial, find_target
from deepseek_mm.answering.drafts.values import Value
from deepseek_mm.answering.drafts.written_calls import calls_in, list_examples, list_given, list_written

SOURCE = '''
import math as m

LIMIT = 3


def cut(text: str, most: int = 3, *, mark: str) -> str:
    """Shorten.

    >>> cut("abcdef", mark="~")
    'ab~'
    >>> print(cut("x", 1, mark=""))
    x
    >>> cut(SOMETHING, mark="~")
    ''
    """


def laid(tray):
    """Lay.

    >>> tray = Tray()
    >>> tray.add(1)
    >>> other = "unused"
    >>> laid(tray)
    [1]
    >>> print(*laid(LIMIT))
    3
    >>> found = laid(pkg.Tray())
    """


class Tray: ...


class Order:
    def total(self, prices: list[float]) -> float: ...

    @staticmethod
    def tax(price=1.0): ...

    @classmethod
    def of(cls, name: "str | None"): ...

    @property
    def size(self): ...

    @size.setter
    def size(self, value): ...

    class Line:
        def deep(self): ...


async def late(): ...
'''
HOME = Definitions(SOURCE, "pkg.orders", lambda module: None)


def target(path):
    return find_target(HOME, path)[0]


def examples(path):
    found, node = find_target(HOME, path)
    return list(list_examples(found, ast.get_docstring(node), HOME))


def test_examples_of_a_docstring_come_with_what_they_are_said_to_give():
    assert examples("cut") == [
        Trial("cut('abcdef', mark='~')", "docstring", "'ab~'"),
        Trial("cut('x', 1, mark='')", "docstring"),
    ]


def test_an_example_takes_along_the_lines_and_imports_that_it_needs_and_no_others():
    tray, limit, named = examples("laid")
    assert (tray.setup, tray.imports) == (("tray = Tray()", "tray.add(1)"), ("from pkg.orders import Tray",))
    assert (limit.call, limit.imports) == ("laid(LIMIT)", ("from pkg.orders import LIMIT",))
    assert (named.call, named.imports) == ("laid(pkg.Tray())", ("import pkg",))


def test_a_broken_docstring_has_no_examples():
    assert list(list_examples(target("cut"), ">>> cut(\n>>>x", HOME)) == []


def test_calls_with_literals_alone_are_taken_as_a_test_would_make_them():
    sums = "self.order.total([1, 2.5]) + total(x) + total(*[1]) + Order().total(prices=[])"
    text = f"    def use(self, x):\n        {sums}\n"
    assert set(calls_in(text, target("Order.total"))) == {"Order().total([1, 2.5])", "Order().total(prices=[])"}
    assert list(calls_in("no python at all (", target("cut"))) == []


def test_literals_of_calls_with_variables_are_taken_for_their_parameters():
    found = list_given(["cut(name, 7, mark='~')", "cut(other, most=9)", "shut('x')"], "cut", ["text", "most"])
    assert found == {"most": [Value("7"), Value("9")], "mark": [Value("'~'")]}


@pytest.mark.parametrize(
    ("path", "called", "callee"),
    [
        ("cut", "cut", "cut"),
        ("Order.total", "Order().total", "{self}.total"),
        ("Order.tax", "Order.tax", "Order.tax"),
        ("Order.of", "Order.of", "Order.of"),
        ("Order.size", "Order().size", "{self}.size{property}"),
    ],
)
def test_methods_are_called_on_an_object_or_their_class_and_properties_are_read(path, called, callee):
    assert (target(path).call_name, target(path).callee) == (called, callee)


def test_what_a_test_cannot_call_is_no_target():
    assert find_target(HOME, "Order") is None
    assert find_target(HOME, "Order.Line.deep") is None
    assert find_target(HOME, "missing") is None


def test_every_call_is_tried_once_and_what_somebody_wrote_comes_first():
    tax = target("Order.tax")
    found = list_written(tax, ">>> Order.tax(2.0)\n0.4", ["tax(5)", "Order.tax(2.0)"], HOME, ["tax(7) == 1"])
    assert [(one.call, one.source) for one in found] == [
        ("Order.tax(2.0)", "docstring"),
        ("Order.tax(5)", "call"),
        ("Order.tax(7)", "model"),
    ]
    assert len(list_written(tax, "", [f"tax({n})" for n in range(30)], HOME)) == 8
