"""Who calls what is told from the graph: what is certain, what is likely, and what only a name says, each cited."""

import pytest
from code_graphs import link_library
from code_house import put_code
from rag_house import build

from deepseek_mm.accounts.permissions import LOCAL
from deepseek_mm.api.agents.code_tools import CodeTools
from deepseek_mm.types import Question
from index.region import LibraryViewer, view_as

FILES = {
    "shop/till.py": """class Till:
    def load(self, coins):
        return coins

    def close(self):
        return self.load(0)


class BigTill(Till):
    def close(self):
        return 1


def shut(till: Till):
    return till.close()
""",
    "shop/disk.py": """import json


class Disk:
    def load(self, path):
        return json.load(path)


def open_shop(anything):
    disk = Disk()
    disk.load("a")
    return anything.load(1)


def read(file):
    return json.load(file)


def again(thing):
    return thing.load(2)


def sort_all(things):
    return sorted(things, key=weight)


def weight(thing):
    return len(thing)
""",
    "tests/test_till.py": """from shop.till import Till, shut


def test_a_till_is_shut():
    assert shut(Till()) == 0
""",
    "hidden/plans.py": """from shop.till import Till


def secret_plan():
    return Till().close()
""",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calls")
    with build(folder / "library") as house:
        put_code(house.store, folder, FILES, written=True)
        house.store.collect([str(folder / "hidden/plans.py")], "plans")
        link_library(house.library)
        yield house


def told(house, text):
    return house.ask(Question(text=text, about="code"))


def test_callers_of_one_of_several_of_a_name_are_told_apart_and_each_is_cited(house):
    answer = told(house, "who calls Disk.load?")
    assert answer.text == (
        "`Disk.load` is called by `open_shop` in disk.py:11 [1]. "
        "By the name alone, `again` in disk.py:19-20 may call it [2]."  # `read` calls json's
    )
    assert [each.region.symbol.path for each in answer.citations] == ["open_shop", "again"]


def test_what_is_certain_and_what_is_likely_are_two_sentences(house):
    text = told(house, "who calls BigTill.close?").text
    assert text.startswith("`BigTill.close` is likely called by `shut` in till.py:15 [1].")
    both = told(house, "who calls Till.close?").text
    assert both.startswith("`Till.close` is called by `secret_plan` in plans.py:5 [1]. ")
    assert "`Till.close` is likely called by `shut` in till.py:15 [2]." in both


def test_a_function_that_is_handed_on_says_so(house):
    assert "is likely called by `sort_all` in disk.py:24 (handed on) [1]" in told(house, "who calls weight?").text


def test_a_caller_in_a_collection_that_is_closed_to_the_asker_is_not_told(house):
    with view_as(LibraryViewer(owner="ana", hidden=frozenset(["plans"]))):
        answer = told(house, "who calls Till.close?")
    assert "secret_plan" not in answer.text
    assert "`shut` in till.py:15" in answer.text
    assert all(each.region.source.name != "plans.py" for each in answer.citations)


def test_what_a_function_calls_is_told_with_places(house):
    text = told(house, "what does open_shop call?").text
    assert (
        "It calls `Disk` in disk.py:4-6 [2] and `Disk.load` in disk.py:5-6 [3]" in text
        or "`Disk.load` in disk.py:5" in text
    )
    assert "It calls nothing that is defined here" in told(house, "what does `weight` call?").text


def test_tests_that_reach_a_definition_are_told_with_how_far_they_are(house):
    answer = told(house, "which tests reach Till.load?")
    assert answer.text.startswith(
        "`Till.load` is reached, as it seems, by `test_a_till_is_shut` in test_till.py:4-5 (through 2 calls)"
    )
    assert told(house, "which tests cover `shut`?").text.startswith("`shut` is reached by `test_a_till_is_shut`")
    assert told(house, "is weight tested?").text.startswith("No test that I see reaches `weight` in disk.py:27-28")


def test_while_the_graph_is_made_names_tell_and_that_is_said(house, monkeypatch):
    graph = house.library.code.graph
    monkeypatch.setattr(type(graph), "open_view", lambda self, sees: Nothing())
    house.library.jobs.add("map code", {}, unique=True)
    text = told(house, "who calls shut?").text
    assert text.startswith(
        "`shut` is called by `test_a_till_is_shut` in test_till.py:4-5 [1]. The graph of calls is still"
    )
    house.library.jobs.clear()


class Nothing:
    """A graph that knows no file."""

    def symbols_of(self, path):
        return []

    def symbols_in(self, paths):
        return []


def test_an_agent_is_told_how_sure_each_caller_is(house):
    tools = CodeTools(open_assistant=lambda: house)
    places = tools.who_calls(LOCAL, "Till.close").places
    assert [(place.name, place.certainty) for place in places] == [("secret_plan", "certain"), ("shut", "likely")]
