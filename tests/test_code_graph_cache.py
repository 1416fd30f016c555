"""What was built before is found again, and only that."""

import time

import pytest
from code_graphs import callers_of, source_of

from deepseek_mm.code_graph import cache
from deepseek_mm.code_graph.cache import FactFolder, GraphCache

FILES = [source_of("a.py", "def a(): ...\n@property\ndef b(): a()"), source_of("b.py", "import a\nx = (")]
STAMPS = [(file.path, file.digest) for file in FILES]


def test_a_graph_is_found_by_its_files_in_any_order():
    kept = GraphCache()
    built = kept.build(FILES)
    assert kept.find(reversed(STAMPS)) is built


def test_another_digest_or_path_is_another_graph():
    kept = GraphCache()
    kept.build(FILES)
    assert kept.find([("a.py", "0"), STAMPS[1]]) is None
    assert kept.find(STAMPS[:1]) is None


def test_a_graph_outlives_the_process_in_a_folder(tmp_path):
    built = GraphCache(tmp_path).build(FILES)
    found = GraphCache(tmp_path).find(STAMPS)
    assert found is not built
    assert (found.symbols, found.links, found.imports) == (built.symbols, built.links, built.imports)
    assert found.unread == built.unread
    assert callers_of(found, "a.a") == {"b": "certain"}


@pytest.mark.parametrize("damage", [b"", b"nonsense", b"x\x9c\x03\x00\x00\x00\x00\x01"])
def test_a_damaged_file_of_the_cache_is_made_anew(tmp_path, damage):
    GraphCache(tmp_path).build(FILES)
    for file in tmp_path.rglob("*.z"):
        file.write_bytes(damage)
    assert GraphCache(tmp_path).find(STAMPS) is None
    assert callers_of(GraphCache(tmp_path).build(FILES), "a.a") == {"b": "certain"}


def test_a_build_that_was_stopped_is_not_kept(tmp_path):
    kept = GraphCache(tmp_path)
    kept.build(FILES, stopping=lambda: True)
    assert kept.find(STAMPS) is None


def test_facts_of_a_digest_are_parsed_once(tmp_path, monkeypatch):
    GraphCache(tmp_path).build(FILES[:1])
    monkeypatch.setattr("deepseek_mm.code_graph.builder.read_facts", lambda text: pytest.fail("parsed again"))
    moved = source_of("other.py", FILES[0].text)
    assert callers_of(GraphCache(tmp_path).build([moved]), "a") == {"b": "certain"}


def test_the_oldest_facts_go_first(tmp_path):
    facts = FactFolder(tmp_path)
    for digest in "abc":
        facts.write(digest, "python", {"scopes": []})
        time.sleep(0.01)
    assert facts.prune(most=2) == 1
    assert [facts.read(digest, "python") is None for digest in "abc"] == [True, False, False]


def test_the_memory_holds_only_so_many_graphs():
    kept = GraphCache(kept=1)
    kept.build(FILES)
    kept.build(FILES[:1])
    assert kept.find(STAMPS) is None
    assert cache.KEPT_GRAPHS > 1


def test_a_second_question_about_eight_hundred_files_takes_no_twentieth_of_a_second():
    files = [source_of(f"m{n}.py", f"def f{n}(): ...") for n in range(800)]
    kept = GraphCache()
    kept.build(files)
    begin = time.perf_counter()
    graph = kept.find((file.path, file.digest) for file in files)
    graph.find_callers(graph.find_symbols("f1")[0])
    assert time.perf_counter() - begin < 0.05
