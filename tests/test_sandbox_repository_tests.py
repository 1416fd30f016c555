"""Tests of a repository in the sandbox: what each gave, and why there is no verdict."""

import json
import sys

import pytest

from deepseek_mm.config import Config, SandboxConfig
from deepseek_mm.errors import BadQuestion
from deepseek_mm.sandbox.records import Ran
from deepseek_mm.sandbox.repository_tests import (
    MARK,
    NO_PYTEST,
    NO_TESTS,
    open_test_sandbox,
    read_run,
    run_repository_tests,
)
from deepseek_mm.sandbox.run import Sandbox

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="walls are Linux's")
FILES = {
    "shop/__init__.py": b"",
    "shop/money.py": b"def add(a, b):\n    return a + b\n",
    "pyproject.toml": b"[tool.pytest.ini_options]\naddopts = '--no-such-option'\n",
    "tests/test_money.py": b"""\
import os, subprocess, sys
from shop.money import add

def test_it_adds():
    assert add(1, 2) == 3

def test_it_is_wrong():
    print("deepseek-mm-test:{}")
    assert add(1, 2) == 4

def test_it_runs_alone():
    assert subprocess.run([sys.executable, "-c", "import shop.money"]).returncode == 0

def test_nothing_of_this_machine_is_there():
    assert not os.path.exists("/etc/passwd") and not os.path.exists("/tmp/input.txt")
""",
    "tests/test_other.py": b"def test_it_is_not_named(): pass",
    "tests/test_broken.py": b"import no_such_module\n",
}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    config = Config(data=tmp_path_factory.mktemp("data"), sandbox=SandboxConfig(test_seconds=30))
    return open_test_sandbox(config)


def ran_with(stdout: str, **changes) -> Ran:
    told = {"stdout": stdout, "stderr": "", "exit": 0, "seconds": 1.0, "ended_by": "", "peak_mb": 1.0}
    return Ran(**told | changes, protections=())


def test_every_outcome_of_the_tests_that_are_named_is_told(sandbox):
    run = run_repository_tests(sandbox, FILES, ["tests/test_money.py", "tests/test_broken.py"])
    assert {case.test: case.outcome for case in run.cases} == {
        "tests/test_broken.py": "error",
        "tests/test_money.py::test_it_adds": "passed",
        "tests/test_money.py::test_it_is_wrong": "failed",
        "tests/test_money.py::test_it_runs_alone": "passed",
        "tests/test_money.py::test_nothing_of_this_machine_is_there": "passed",
    }
    words = {case.test: case.words for case in run.list_bad()}
    assert "no_such_module" in words["tests/test_broken.py"]
    assert "assert 3 == 4" in words["tests/test_money.py::test_it_is_wrong"]
    assert (run.trouble, run.is_green) == ("", False)


def test_a_run_without_a_verdict_says_why_and_what_is_known():
    line = f"{MARK}{json.dumps({'test': 't.py::test_a', 'outcome': 'passed'})}\n"
    ended = read_run(ran_with(line, ended_by="time"))
    assert ended.trouble == "the tests were ended by a limit of the sandbox: time"
    assert [case.outcome for case in ended.cases] == ["passed"]
    assert not ended.is_green
    assert read_run(ran_with(f'{MARK}{{"exit": 5}}')).trouble == NO_TESTS
    assert read_run(ran_with(f'{MARK}{{"exit": -1}}')).trouble == NO_PYTEST
    wrong = read_run(ran_with(f'{MARK}not JSON\n{MARK}[1]\n{MARK}{{"exit": 4}}', stderr="ERROR: no_such.py"))
    assert wrong.trouble == "pytest came to no end (code 4): ERROR: no_such.py"


def test_a_machine_without_walls_runs_no_tests():
    weak = Sandbox(SandboxConfig(), avoid=["calls", "namespaces", "landlock"])
    assert "wall a program off" in run_repository_tests(weak, FILES).trouble


@pytest.mark.parametrize("name", ["--rootdir=/", "../../etc", "/etc/passwd", "", "a\x00b", "x" * 600])
def test_a_name_that_is_no_test_below_the_repository_is_refused(sandbox, name):
    with pytest.raises(BadQuestion):
        run_repository_tests(sandbox, FILES, [name])
