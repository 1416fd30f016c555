"""Functions that become problems: plain ones alone, with tests that tell something."""

import ast
from pathlib import Path

import pytest

from deepseek_mm.parse.packages import Package
from deepseek_mm.training.ppo import harvest
from deepseek_mm.training.ppo.harvest import (
    ALLOWED_NAMES,
    draw_calls,
    draw_small_functions,
    find_free_names,
    find_small_functions,
    harvest_problems,
    keep_steady,
    list_imports,
    strip_function,
    write_assertions,
)

SOURCE = '''
import math
import os
from itertools import chain as joined, repeat

LIMIT = 3


def halved(a: int) -> float:
    """Half of a number."""
    # a comment
    b = a / 2
    return b


def floored(a):
    b = math.floor(a)
    return b


def limited(a):
    b = min(a, LIMIT)
    return b


def listed(a):
    b = os.listdir(a)
    return b


def opened(a):
    b = open(a)
    return b


def stepped(a):
    for b in a:
        yield b


@staticmethod
def marked(a):
    b = a
    return b


def without():
    b = 1
    return b
'''


def node_of(source):
    return ast.parse(source).body[0]


@pytest.fixture
def package(tmp_path):
    path = tmp_path / "plain.py"
    path.write_text(SOURCE + "#\n" * 300)
    return Package(name="plain", description="", files=(path,))


def test_only_plain_functions_that_need_nothing_else_are_taken(package):
    assert [each.problem.name for each in find_small_functions(package)] == ["plain halved", "plain floored"]


def test_a_problem_has_its_sentence_and_imports_before_and_no_annotation_within(package):
    halved, floored = find_small_functions(package)
    assert halved.problem.head == '"""Half of a number."""\n'
    assert halved.problem.code == "def halved(a):\n    b = a / 2\n    return b"
    assert floored.problem.head == "import math\n"
    assert halved.problem.source == "package plain"


def test_names_that_a_function_makes_itself_are_not_wanted_from_elsewhere():
    assert find_free_names(node_of("def f(a):\n    b = [c for c in a if c]\n    return len(b) + d")) == {"len", "d"}
    assert find_free_names(node_of("def f(a):\n    return f(a - 1)")) == set()
    assert not find_free_names(node_of("def f(a):\n    import os\n    return os")) <= ALLOWED_NAMES


def test_what_reaches_out_is_no_name_that_a_problem_may_have():
    assert not ALLOWED_NAMES & {"open", "exec", "eval", "input", "__import__", "print"}
    assert {"len", "sorted", "ValueError"} <= ALLOWED_NAMES


def test_imports_with_other_names_are_not_known():
    found = list_imports(ast.parse(SOURCE))
    assert found == {"math": "import math", "repeat": "from itertools import repeat"}


def test_a_function_that_only_explains_itself_has_no_code():
    assert strip_function(node_of('def f(a):\n    """Says all."""')) == ""


def test_calls_are_the_same_every_time_and_have_as_many_values_as_are_needed():
    assert draw_calls("f", 2) == draw_calls("f", 2)
    assert len(draw_calls("f", 1)) == len(harvest.VALUES)
    assert len(draw_calls("f", 3)) == harvest.CALLS
    assert all(isinstance(ast.literal_eval(value), object) for value in harvest.VALUES)


def test_tests_that_tell_something_new_come_first_and_few_of_them_are_none():
    calls = ("f(0)", "f(1)", "f(2)", "f(3)", "f(4)")
    assert write_assertions(calls, ["1", "1", None, "2", "3"]) == (
        "assert f(0) == 1",
        "assert f(3) == 2",
        "assert f(4) == 3",
        "assert f(1) == 1",
    )
    assert write_assertions(calls, ["1", "1", "1", "2", "2"]) == ()
    assert write_assertions(calls, []) == ()


def test_what_two_runs_tell_differently_is_dropped():
    assert keep_steady(["1", "2"], ["1", "3"]) == ["1", None]
    assert keep_steady(None, ["1"]) == []


def test_a_harvest_has_the_tests_that_its_calls_gave(package, monkeypatch):
    told = []

    def outcomes(sandbox, jobs):
        told.append(jobs)
        return [[str(n) for n in range(len(job["calls"]))] for job in jobs]

    monkeypatch.setattr(harvest, "run_jobs", outcomes)
    first, second = sorted(harvest_problems((package, package), sandbox=None), key=lambda each: -len(each.name))
    assert len(told) == 2
    assert (first.name, len(first.tests)) == ("plain floored", harvest.TESTS)
    assert first.tests[0].startswith("assert floored(")
    assert second.name == "plain halved"  # and the same package twice is one


def test_of_one_package_no_more_than_so_many_are_taken(package, monkeypatch):
    monkeypatch.setattr(harvest, "MOST_FUNCTIONS", 1)
    assert len(list(draw_small_functions(package))) == 1


def test_a_file_that_is_no_python_is_passed_by(tmp_path):
    path = Path(tmp_path / "odd.py")
    path.write_text("def f(:\n" + "#\n" * 400)
    assert list(draw_small_functions(Package(name="odd", description="", files=(path,)))) == []
