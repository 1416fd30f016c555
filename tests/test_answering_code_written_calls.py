"""Calls to try, out of docstrings, other code, a model's words and signatures."""

import ast

import pytest

from deepseek_mm.answering.skills.code_trials import (
    Trial,
    calls_in,
    from_docstring,
    guesses,
    kinds_in,
    target_of,
    trials,
)

SOURCE = '''
def cut(text: str, most: int = 3, *, mark: str) -> str:
    """Shorten.

    >>> cut("abcdef", mark="~")
    'ab~'
    >>> print(cut("x", 1, mark=""))
    x
    >>> cut(SOMETHING, mark="~")
    ''
    """


class Order:
    def total(self, prices: list[float]) -> float: ...

    @staticmethod
    def tax(price=1.0): ...

    @classmethod
    def of(cls, name: "str | None"): ...

    class Line:
        def deep(self): ...


async def late(): ...
'''


def target(path):
    return target_of(SOURCE, path)[0]


def test_examples_of_a_docstring_come_with_what_they_are_said_to_give():
    found = list(from_docstring(target("cut"), ast.get_docstring(target_of(SOURCE, "cut")[1])))
    assert found == [
        Trial("cut('abcdef', mark='~')", "docstring", "'ab~'"),
        Trial("cut('x', 1, mark='')", "docstring"),
    ]


def test_a_broken_docstring_has_no_examples():
    assert list(from_docstring(target("cut"), ">>> cut(\n>>>x")) == []


def test_calls_with_literals_alone_are_taken_as_a_test_would_make_them():
    sums = "self.order.total([1, 2.5]) + total(x) + total(*[1]) + Order().total(prices=[])"
    text = f"    def use(self, x):\n        {sums}\n"
    assert set(calls_in(text, target("Order.total"))) == {"Order().total([1, 2.5])", "Order().total(prices=[])"}
    assert list(calls_in("no python at all (", target("cut"))) == []


@pytest.mark.parametrize(
    ("path", "called"),
    [("cut", "cut"), ("Order.total", "Order().total"), ("Order.tax", "Order.tax"), ("Order.of", "Order.of")],
)
def test_methods_are_called_on_an_object_or_their_class(path, called):
    assert target(path).call_name == called


def test_what_a_test_cannot_call_is_no_target():
    assert target_of(SOURCE, "Order") is None
    assert target_of(SOURCE, "Order.Line.deep") is None
    assert target_of("def broken(", "broken") is None
    assert target_of(SOURCE, "missing") is None


def test_guesses_fill_what_has_no_default_with_values_of_its_type():
    assert list(guesses(target("cut")))[:2] == ["cut('Hello, world', mark='Hello, world')", "cut('', mark='')"]
    assert list(guesses(target("Order.tax"))) == ["Order.tax()"]
    assert list(guesses(target("Order.total")))[0] == "Order().total([3, 1, 2])"
    assert "Order.of(None)" in list(guesses(target("Order.of")))


@pytest.mark.parametrize(
    ("annotation", "kinds"),
    [
        ("int | None", ["int", "None"]),
        ("Optional[str]", ["str", "None"]),
        ("Union[int, list[str]]", ["int", "list"]),
        ("Sequence[int]", ["list"]),
        ("'dict[str, int]'", ["dict"]),
        ("Decimal", []),
        ("Any", [""]),
    ],
)
def test_annotations_tell_which_types_are_allowed(annotation, kinds):
    assert kinds_in(ast.parse(annotation, mode="eval").body) == kinds


def test_every_call_is_tried_once_and_what_somebody_wrote_comes_first():
    found = trials(target("Order.tax"), ">>> Order.tax(2.0)\n0.4", ["tax(5)", "tax(2.0)"], ["tax(7) == 1"])
    assert [(one.call, one.source) for one in found] == [
        ("Order.tax(2.0)", "docstring"),
        ("Order.tax(5)", "call"),
        ("Order.tax(7)", "model"),
        ("Order.tax()", "guess"),
    ]
    many = trials(target("Order.tax"), "", [f"tax({n})" for n in range(30)])
    assert [one.source for one in many].count("call") == 8
