"""The tools for agents that read code: definitions, callers, mistakes, and what is said of names that are not there."""

import json

import pytest
from code_house import put_code
from rag_house import build
from test_api_agents_mcp_server import called, text_of

from deepseek_mm.accounts.permissions import Caller

FILES = {
    "shop/orders.py": '''"""Orders."""


class Order:
    def total(self, prices):
        """The sum of all prices."""
        return sum(prices)


def last_two(prices):
    return [prices[i : i + 2] for i in range(len(prices) - 2)]


def report(order, prices):
    return order.total(prices), last_two(prices)
''',
    "shop/clean.py": "def nothing():\n    return None\n",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    with build(folder / "library") as house:
        put_code(house.store, folder, FILES, written=True)
        yield house


def told(house, tool, **arguments):
    (result,) = called(house, (tool, arguments))
    assert not result.is_error, text_of(result)
    return json.loads(text_of(result))


def test_a_definition_comes_with_its_lines_signature_docstring_and_text(house):
    (place,) = told(house, "find_symbol", name="Order.total")["places"]
    assert (place["lines"], place["kind"], place["name"]) == ([5, 7], "method", "Order.total")
    assert place["signature"].startswith("def total(self, prices)")
    assert (place["doc"], place["calls"]) == ("The sum of all prices.", ["sum"])
    assert place["path"].endswith("/shop/orders.py")


def test_callers_come_with_their_places_and_nobody_is_an_answer_too(house):
    assert [each["name"] for each in told(house, "who_calls", name="total")["places"]] == ["report"]
    assert told(house, "who_calls", name="report")["places"] == []


def test_a_mistake_comes_with_its_line_and_what_may_be_meant(house):
    found = told(house, "review_code", file="shop/")
    (note,) = [each for each in found["findings"] if each["weight"] == "bug"]
    assert (note["line"], note["mended"], found["files"]) == (11, "range(len(prices) - 2 + 1)", 2)
    assert told(house, "review_code", file="clean.py")["findings"] == []


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("find_symbol", {"name": "last_too"}, "The nearest: last_two"),
        ("who_calls", {"name": "Order.totals"}, "The nearest: total"),
        ("find_symbol", {"name": "xyzzy_quux"}, "Look for words with search"),
        ("find_symbol", {"name": "  "}, "the name is empty"),
        ("review_code", {"file": "nowhere.py"}, "no file of code is called 'nowhere.py'"),
    ],
)
def test_what_is_not_there_is_answered_with_what_helps(house, tool, arguments, said):
    (result,) = called(house, (tool, arguments))
    assert result.is_error
    assert said in text_of(result)


def test_who_may_not_ask_reads_no_code(house):
    (result,) = called(
        house, ("find_symbol", {"name": "report"}), caller=Caller(name="x", rights=frozenset(), session="")
    )
    assert result.is_error
