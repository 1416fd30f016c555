"""Calls that are traced, compared with what the graph tells, in a package made for it."""

import json

import pytest

from deepseek_mm.errors import ConfigError
from deepseek_mm.evaluation.code_graphs import references, traced_packages
from deepseek_mm.evaluation.code_graphs.references import evaluate_references, names_target
from deepseek_mm.evaluation.code_graphs.traced_packages import TracedPackage, list_traced

CODE = """
class Box:
    def __init__(self, n): self.n = n
    def open(self): return peek(self)

class Lid:
    def open(self): ...

def peek(box): return [grow(x) for x in count_up(box.n)]
def grow(x): return x + 1
def count_up(n):
    for x in range(n): yield x
def use(box): return getattr(box, "".join(["op", "en"]))()
def never(lid): return lid.open()
"""
TESTS = "from pkg.code import Box, use\n\ndef test_box():\n    assert use(Box(2)) == [1, 2]\n"


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "pkg-1.0"
    (folder / "pkg").mkdir(parents=True)
    (folder / "tests").mkdir()
    (folder / "pkg" / "__init__.py").write_text("")
    (folder / "pkg" / "code.py").write_text(CODE)
    (folder / "tests" / "test_pkg.py").write_text(TESTS)
    made = TracedPackage(name="pkg", version="1.0", root=".", package="pkg", tests="tests")
    monkeypatch.setattr(references, "list_traced", lambda split: [made])
    return made


def test_traced_calls_are_compared_with_what_the_graph_tells(package, tmp_path):
    report = evaluate_references("test", tmp_path)
    told = json.loads(report.json())
    # seen: use -> open, open -> peek, peek -> count_up, peek -> grow; a name put together at run time is not told
    assert (told["pairs"], told["recall"]) == (4, 0.75)
    assert told["recall_index"] == 0.75
    drawn = {(one.caller.split(":")[1], one.called.split(":")[1]): one for one in report.drawn}
    assert drawn["Box.open", "peek"].seen
    assert drawn["Box.open", "peek"].lines == ("pkg/code.py:4: def open(self): return peek(self)",)
    assert ("never", "Box.open") not in drawn
    assert {(one.caller.split(":")[1], one.called.split(":")[1]) for one in report.drawn_index} >= {
        ("never", "Box.open")
    }


def test_the_drawn_answers_are_written_for_reading(package, tmp_path):
    report = evaluate_references("test", tmp_path, seed=3)
    lines = report.lines()
    assert any(line.startswith("    pkg/code.py:") for line in lines)
    assert f"{len(report.drawn)} answers drawn" in report.table()
    assert evaluate_references("test", tmp_path, seed=3).drawn == report.drawn


def test_tests_that_do_not_run_are_told_with_what_they_said(package, tmp_path):
    (tmp_path / "pkg-1.0" / "tests" / "test_pkg.py").write_text("import nothing_of_that_name\n")
    with pytest.raises(ConfigError, match="tests of pkg do not run"):
        evaluate_references("test", tmp_path)
    assert not (tmp_path / "pkg-1.0.json").exists()


def test_a_package_that_cannot_be_fetched_names_the_folder_for_it(tmp_path, monkeypatch):
    monkeypatch.setattr(traced_packages.sys, "executable", "/bin/false")
    with pytest.raises(ConfigError, match="Unpack its source archive into"):
        traced_packages.fetch_package(list_traced("test")[0], tmp_path)


def test_packages_that_are_reported_are_none_that_were_chosen_by():
    test, dev = ({each.name for each in list_traced(split)} for split in ("test", "dev"))
    assert (len(test), test & dev) == (3, set())
    with pytest.raises(ConfigError, match="no split"):
        list_traced("other")


class Target:
    def __init__(self, qualified):
        self.qualified, self.name = qualified, qualified.split(".")[-1]


@pytest.mark.parametrize(
    ("text", "qualified", "is_named"),
    [
        ("x = store.add(1)", "Store.add", True),
        ("x = store.address", "Store.add", False),
        ("box = Box(3)", "Box.__init__", True),
        ("lid = Lid(3)", "Box.__init__", False),
        ("with lock:", "Lock.__enter__", True),
        ("lock.take()", "Lock.__enter__", False),
    ],
)
def test_a_line_names_what_is_called_or_has_the_syntax_for_it(text, qualified, is_named):
    assert names_target(text, Target(qualified)) is is_named
