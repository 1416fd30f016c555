"""The graph in a file tells each asker what they may see, and nothing of what was deleted."""

import pytest
from code_graphs import callers_of, find_symbols, source_of

from deepseek_mm.code_graph import linker
from deepseek_mm.code_graph.graph_store import NAME, GraphStore
from deepseek_mm.code_graph.linker import link_parts, take_file

FILES = {
    "shop/cart.py": "from shop.tax import rate\n\n\ndef total(): return rate()\n",
    "shop/secret.py": "from shop.cart import total\n\n\ndef hidden_bonus(): return total()\n",
    "shop/tax.py": "ROUND = [lambda: rate(), 1]\n\n\ndef rate():\n    return 1\n",
    "tests/test_cart.py": "from shop.cart import total\n\n\ndef test_total(): assert total() == 1\n",
}
SOURCES = {path: source_of(path, text) for path, text in FILES.items()}


def fill(store, sources=SOURCES):
    for source in sources.values():
        take_file(store, source)
    return list(link_parts(store))


def everything(digests):
    return set(digests)


@pytest.fixture
def store(tmp_path):
    store = GraphStore(tmp_path)
    fill(store)
    yield store
    store.close()


def test_what_is_stored_tells_the_same_as_what_was_built(store):
    graph = store.open_view(everything)
    assert callers_of(graph, "rate") == {"total": "certain", "tax": "certain"}
    (total,) = find_symbols(graph, "total")
    assert [each.test.qualified for each in graph.find_tests(find_symbols(graph, "rate")[0])] == ["test_total"]
    assert [step.link.target.name for step in graph.trace_path(total)] == ["rate"]
    assert (total.path, total.line, total.kind) == ("shop/cart.py", 4, "function")
    assert graph.find_enclosing("shop/cart.py", 4) == total


def test_a_file_that_may_not_be_seen_is_in_no_answer(store):
    open_view = store.open_view(lambda digests: {path for path in digests if "secret" not in path})
    assert callers_of(store.open_view(everything), "total") == {"hidden_bonus": "certain", "test_total": "certain"}
    assert callers_of(open_view, "total") == {"test_total": "certain"}
    assert find_symbols(open_view, "hidden_bonus") == []
    assert open_view.symbols_of("shop/secret.py") == []


def test_a_file_that_is_forgotten_leaves_no_byte(store, tmp_path):
    assert any(b"hidden_bonus" in file.read_bytes() for file in tmp_path.iterdir())
    store.forget(["shop/secret.py"])
    assert callers_of(store.open_view(everything), "total") == {"test_total": "certain"}
    store.close()
    assert not any(b"hidden_bonus" in file.read_bytes() for file in tmp_path.iterdir())


def test_a_changed_file_is_read_anew_and_only_its_own_project_is_linked(tmp_path, monkeypatch):
    other = source_of("other/tool.py", "def go(): stop()\ndef stop(): ...\n")
    with_other = SOURCES | {other.path: other}
    store = GraphStore(tmp_path)
    assert fill(store, with_other) == [(0, 2), (1, 2), (2, 2)]
    assert store.is_linked()
    take_file(store, source_of("shop/tax.py", "def rate():\n    return total\n\n\ndef total(): return rate()\n"))
    assert not store.is_linked()
    assert list(link_parts(store)) == [(0, 1), (1, 1)]
    graph = store.open_view(everything)
    assert {link.source.path for link in graph.find_callers(find_symbols(graph, "rate")[0])} == {
        "shop/cart.py",
        "shop/tax.py",
    }
    assert list(link_parts(store)) == [(0, 0)]
    store.close()


def test_a_project_for_which_memory_does_not_suffice_is_linked_in_halves(tmp_path, monkeypatch):
    real = linker.build_part

    def build(store, paths, files):
        if len(paths) > 2:
            raise MemoryError
        return real(store, paths, files)

    monkeypatch.setattr(linker, "build_part", build)
    store = GraphStore(tmp_path)
    fill(store)
    assert store.is_linked()
    assert callers_of(store.open_view(everything), "total") == {"hidden_bonus": "certain"}  # the test is in the other
    store.close()


def test_a_file_that_cannot_be_read_is_kept_with_its_reason_and_harms_no_other(tmp_path):
    store = GraphStore(tmp_path)
    fill(store, {"a.py": source_of("a.py", "def ("), "b.py": source_of("b.py", "def b(): ...\ndef c(): b()")})
    assert "SyntaxError" in store.list_files()["a.py"].why
    assert store.is_linked()
    assert callers_of(store.open_view(everything), "b.b") == {"c": "certain"}
    store.close()


def test_a_file_that_ends_the_process_is_not_tried_again(tmp_path):
    store = GraphStore(tmp_path)
    store.begin_file("a.py", "1", "python")
    assert store.digests() == {"a.py": "1"}
    assert store.is_linked()
    store.close()


def test_a_damaged_file_or_one_of_another_version_is_begun_anew(tmp_path):
    (tmp_path / NAME).write_bytes(b"nonsense" * 2_000)
    (tmp_path / "code-0.db").write_bytes(b"old")
    store = GraphStore(tmp_path)
    assert store.list_files() == {}
    assert not (tmp_path / "code-0.db").exists()
    store.close()
