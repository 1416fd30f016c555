"""What `bench index` measures, on small numbers of vectors."""

import io
import json
import subprocess

import numpy as np
import pytest

from deepseek_mm.__main__ import main
from deepseek_mm.benchmarks import index as bench
from deepseek_mm.benchmarks.index import (
    lib,
    limit_faiss_threads,
    make_vector_rows,
    measure_100k,
    measure_million,
    measure_recall,
    time_queries,
    time_vector_search,
)
from deepseek_mm.benchmarks.results import (
    BenchResult,
    BenchSetting,
    BenchSizes,
    TableLine,
    format_json,
    format_table,
    join_results,
)
from deepseek_mm.benchmarks.synthetic_data import ClusteredVectors
from deepseek_mm.config import Config, IndexConfig
from deepseek_mm.machine import about, commit, processor
from deepseek_mm.terminal import Desk
from index.memory import VectorMemory
from index.vectors import AllowedIds, Codes

SLOW = BenchResult(lines=(TableLine(what="a long name", value="3 s", bar="5 s"),), numbers={"slow_s": 3.0})
FAST = BenchResult(lines=(TableLine(what="b", value="10 ms", beside="99 ms"),), numbers={"fast_ms": 10.0})


@pytest.fixture
def bench_index(tmp_path, monkeypatch):
    """The command with two measurements that say what they were given; returns code, output and notes."""
    seen: list[BenchSetting] = []

    def given(setting: BenchSetting) -> BenchResult:
        setting.note("measuring")
        assert list(setting.folder.iterdir()) == []
        seen.append(setting)
        return SLOW

    monkeypatch.setattr(bench.measure_index, "__defaults__", ((given, lambda setting: FAST),))

    def run(*words: str):
        out, err = io.StringIO(), io.StringIO()
        desk = Desk(out=out, err=err, environ={}, cwd=tmp_path)
        return main(["bench", "index", *words], desk), out.getvalue(), err.getvalue(), seen[-1]

    return run


def test_columns_are_as_wide_as_their_widest_cell():
    assert format_table(join_results([SLOW, FAST])).splitlines() == [
        "             measured  beside it  bar",
        "a long name  3 s                  5 s",
        "b            10 ms     99 ms",
    ]


def test_the_numbers_of_all_measurements_stand_in_one_object_with_their_origin():
    told = json.loads(format_json(join_results([SLOW, FAST]), machine="tiny"))
    assert told == {"slow_s": 3.0, "fast_ms": 10.0, "machine": "tiny"}


def test_a_table_is_followed_by_one_json_object_as_the_last_line(bench_index):
    code, out, err, setting = bench_index()
    assert code == 0
    assert "a long name" in out
    assert json.loads(out.splitlines()[-1])["fast_ms"] == 10.0
    assert set(json.loads(out.splitlines()[-1])) == {"slow_s", "fast_ms", "machine", "commit", "versions"}
    assert err.startswith("measuring\nmeasured in ")
    assert (setting.full, setting.folder.exists()) == (False, False)  # nothing is left behind


def test_json_alone_is_one_line_and_full_reaches_the_measurements(bench_index):
    _, out, _, setting = bench_index("--json", "--full", "--set", "index.exact_up_to=7")
    assert out.count("\n") == 1
    assert (setting.full, setting.config.index.exact_up_to) == (True, 7)


def test_the_vectors_the_starts_and_the_million_are_measured():
    assert {bench.measure_100k, bench.measure_starts, bench.measure_million} <= {*bench.MEASUREMENTS}


def test_a_commit_has_a_plus_where_files_differ_and_none_outside_of_git(tmp_path):
    assert commit(tmp_path / "nowhere") == "unknown"

    def git(*words):
        author = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", str(tmp_path), *author, *words], check=True, capture_output=True)

    git("init")
    (tmp_path / "file").write_text("a")
    git("add", "file")
    git("commit", "-m", "first")
    clean = commit(tmp_path)
    (tmp_path / "file").write_text("b")
    assert commit(tmp_path) == clean + "+"
    assert len(clean) >= 7


def test_the_processor_is_named_as_the_system_names_it(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Abacus 9\nmodel name\t: Abacus 9\n")
    assert processor(tmp_path / "cpuinfo") == "Abacus 9"
    assert processor(tmp_path / "none")  # the architecture
    assert "faiss-cpu" in about()["versions"]


SIZES = BenchSizes(vectors=3000, million=4000, dim=64, queries=20)
CODED = Config(index=IndexConfig(exact_up_to=500))


def setting(folder, *, full=False, notes=None):
    note = (lambda text: None) if notes is None else notes.append
    return BenchSetting(folder=folder, note=note, full=full, sizes=SIZES, config=CODED)


def test_recall_is_the_share_of_the_true_nearest_that_was_found():
    assert measure_recall([[1, 2, 9, 4], [8, 7, 6, 5]], np.array([[1, 2, 3, 4], [5, 6, 7, 8]])) == pytest.approx(7 / 8)


def test_a_race_searches_by_codes_and_compares_with_the_search_of_all(tmp_path, monkeypatch):
    monkeypatch.setattr("index.vectors.READ_ALL", 2)  # so few are soon read whole
    scanned, scan = [], Codes.scan
    monkeypatch.setattr(Codes, "scan", lambda self, query, num: scanned.append(num) or scan(self, query, num))
    result = time_vector_search(ClusteredVectors(3000, 64), 3000, setting(tmp_path))
    assert len(scanned) >= 21  # the plain search did not
    assert result.recall > 0.95
    assert min(result.ms, result.slow_ms, result.flat_ms, result.filtered_ms, result.build_s) > 0


def test_a_search_that_misses_shows_in_the_recall(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "deepseek_mm.benchmarks.index.time_queries", lambda memory, queries, allowed: ([1.0], [[0]] * len(queries))
    )
    assert time_vector_search(ClusteredVectors(600, 64), 600, setting(tmp_path)).recall == 0


def test_rows_come_with_rising_ids_and_making_them_is_timed_apart():
    making = [0.0]
    rows = list(make_vector_rows(ClusteredVectors(40_000, 8), 40_000, making))
    assert np.concatenate([ids for ids, _ in rows]).tolist() == list(range(1, 40_001))
    assert [len(ids) for ids, _ in rows] == [len(vectors) for _, vectors in rows]
    assert making[0] > 0


def test_queries_are_asked_one_by_one_and_each_is_timed():
    crowds, memory = ClusteredVectors(50, 64), VectorMemory(64, IndexConfig())
    memory.catch_up(50, lambda last_id: make_vector_rows(crowds, 50, [0.0]))
    times, found = time_queries(memory, crowds.queries(3), AllowedIds(np.arange(1, 51)))
    assert (len(times), [len(ids) for ids in found]) == (3, [10, 10, 10])


def test_one_thread_is_taken_and_the_others_given_back():
    lib.omp_set_num_threads(2)
    with limit_faiss_threads():
        assert lib.omp_get_max_threads() == 1
    assert lib.omp_get_max_threads() == 2


@pytest.mark.campaign(times=1, only=True)
def test_a_hundred_thousand_gives_the_promised_keys_and_lines(tmp_path):
    result = measure_100k(setting(tmp_path))
    assert {"ms_100k", "recall_100k", "flat_ms_100k", "build_100k_s", "memory_100k_mb"} <= set(result.numbers)
    assert [line.what for line in result.lines][0::3] == [
        "3,000 like photos: a query, recall@10",
        "3,000 by chance: a query, recall@10",
    ]


def test_a_million_is_measured_only_when_everything_is_asked_for(tmp_path):
    assert measure_million(setting(tmp_path)).numbers == {}
    notes = []
    numbers = measure_million(setting(tmp_path, full=True, notes=notes)).numbers
    assert {"recall_1m", "ms_1m", "build_1m_s", "memory_1m_mb"} <= set(numbers)
    assert notes == ["searching 4,000 vectors like those of photos"]
