"""`bench index`: a table for people, one object for machines, and where the numbers come from."""

import io
import json
import subprocess

import pytest

from deepseek_mm.__main__ import main
from deepseek_mm.benchmarks import index as bench
from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, TableLine, format_json, format_table
from deepseek_mm.machine import about, commit, processor
from deepseek_mm.terminal import Desk

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
    assert format_table([SLOW, FAST]).splitlines() == [
        "             measured  beside it  bar",
        "a long name  3 s                  5 s",
        "b            10 ms     99 ms",
    ]


def test_the_numbers_of_all_measurements_stand_in_one_object_with_their_origin():
    assert json.loads(format_json([SLOW, FAST], machine="tiny")) == {"slow_s": 3.0, "fast_ms": 10.0, "machine": "tiny"}


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
    assert {"hundred_thousand", "starts", "million"} <= {measurement.__name__ for measurement in bench.MEASUREMENTS}


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
