"""What code defines and calls, kept and found by name."""

from dataclasses import replace

import pytest
from index_help import open_store, rows

from index import Filter, Region, Source, Symbol

ASK = Symbol(
    name="ask",
    parent="Assistant",
    kind="method",
    signature="def ask(self, question: Question) -> Answer",
    doc="One answer.",
    calls=("ask_many", "len"),
)
HELPER = Symbol(name="ask", kind="function", calls=("len",))
CLASS = Symbol(name="Assistant", kind="class", doc="Answers questions.")
FILES = {
    "/repo/rag/assistant.py": (Symbol(name="assistant", kind="module"), CLASS, ASK, replace(ASK, kind="block")),
    "/repo/rag/__init__.py": (Symbol(name="rag", kind="module", calls=("load",)),),
    "/repo/tools.py": (HELPER, Symbol(name="Ask", kind="class"), Symbol(name="ask_%", kind="function")),
    "/repo/README.md": (Symbol(name="1. How to ask", kind="section"),),
}


def code(path: str) -> Source:
    return Source(path=path, kind="code", format="python", digest=path)


def pieces(path: str, symbols) -> list[Region]:
    return [
        Region(source=code(path), kind="code", box_px=(0, 0, 0, 0), lines=(n + 1, n + 1), symbol=symbol)
        for n, symbol in enumerate(symbols)
    ]


def fill(store) -> None:
    for path, symbols in FILES.items():
        store.add(code(path), pieces(path, symbols), rows(len(symbols)))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with open_store(tmp_path_factory.mktemp("code")) as store:
        fill(store)
        yield store


def test_what_is_called_most_and_defined_once_comes_first(tmp_path):
    with open_store(tmp_path) as store:
        fill(store)
        load = Symbol(name="load", kind="function", calls=("run",))
        run = Symbol(name="run", kind="function")
        twice = Symbol(name="twice", kind="function")
        store.add(code("/repo/a.py"), pieces("/repo/a.py", [load, run, twice, twice]), rows(4))
        names = [region.symbol.name for region in store.busiest(limit=9)]
        assert names[:2] == ["load", "run"]
        assert not {"ask", "twice", "a"} & set(names)  # defined twice, or a module


def places(regions) -> list[str]:
    return [f"{region.source.path.removeprefix('/repo/')}:{region.lines[0]}" for region in regions]


def test_a_symbol_comes_back_from_the_store_as_it_was_given(store):
    (source,) = [source for source in store.sources(limit=9) if source.name == "assistant.py"]
    regions = store.regions_of([source.id])[source.id]
    assert [region.symbol for region in regions] == list(FILES["/repo/rag/assistant.py"])
    assert (ASK.path, CLASS.path) == ("Assistant.ask", "Assistant")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ask", ["rag/assistant.py:3", "tools.py:1"]),  # neither the class Ask nor the method's further part
        ("Ask", ["tools.py:2"]),
        ("Assistant.ask", ["rag/assistant.py:3"]),
        ("Assistant::ask()", ["rag/assistant.py:3"]),
        ("rag.assistant.Assistant.ask", ["rag/assistant.py:3"]),
        ("tools.ask", ["tools.py:1"]),
        ("rag", ["rag/__init__.py:1"]),
        ("rag.assistant", ["rag/assistant.py:1"]),
        ("ssistant.ask", []),
        ("1. How to ask", ["README.md:1"]),
        ("ask_x", []),
        (" . ", []),
    ],
)
def test_a_name_is_found_where_it_is_defined_with_any_part_of_its_path(store, name, expected):
    assert places(store.symbols(name)) == expected


def test_callers_are_the_pieces_that_call_the_last_part_of_a_name(store):
    assert places(store.callers("Assistant.ask_many")) == ["rag/assistant.py:3", "rag/assistant.py:4"]
    assert places(store.callers("len")) == ["rag/assistant.py:3", "rag/assistant.py:4", "tools.py:1"]
    assert store.callers("nobody") == store.callers("") == []


def test_a_filter_bounds_what_is_found_by_name(store):
    below = Filter(folder="/repo/rag")
    assert places(store.symbols("ask", where=below)) == ["rag/assistant.py:3"]
    assert places(store.callers("load", where=Filter(folder="/repo/other"))) == []
    assert store.symbol_names("a", limit=9, where=below) == ["ask", "Assistant", "assistant"]


def test_names_are_completed_whatever_the_capitals_and_never_by_a_wildcard(store):
    assert store.symbol_names("AS", limit=9) == ["Ask", "ask", "ask_%", "Assistant", "assistant"]
    assert store.symbol_names("as", limit=2) == ["Ask", "ask"]
    assert store.symbol_names("ask_", limit=9) == ["ask_%"]
    assert store.symbol_names("1", limit=9) == []  # headings are no names
    assert store.symbol_names("Assistant.", limit=9) == ["Assistant.ask"]


def test_symbols_and_calls_go_with_their_file_and_come_back_from_a_taken_one(tmp_path):
    with open_store(tmp_path) as store:
        fill(store)
        store.take_out(["/repo/rag/assistant.py"], tmp_path / "aside.db")
        assert places(store.symbols("ask")) == ["tools.py:1"]
        assert places(store.callers("ask_many")) == []
        store.restore(tmp_path / "aside.db")
        assert store.symbols("Assistant.ask")[0].symbol == ASK
        assert store.problems() == []
