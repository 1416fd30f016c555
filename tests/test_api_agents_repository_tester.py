"""Agents have tests of an indexed repository run, if they may, over a copy of what they may see."""

from dataclasses import replace
from threading import Event

import pytest
from code_house import put_code
from rag_house import build

from deepseek_mm.accounts.permissions import LOCAL, Caller
from deepseek_mm.api.agents import repository_tester
from deepseek_mm.api.agents.repository_tester import RepositoryTester
from deepseek_mm.errors import BadQuestion, Forbidden, NothingThere
from deepseek_mm.sandbox.repository_tests import CaseOutcome, RepositoryRun
from index.region import LibraryViewer

FILES = {
    "one/money.py": "def half(x):\n    return x / 2\n",
    "one/plans.py": "SECRET = 1\n",
    "one/tests/test_money.py": """from money import half


class TestHalf:
    def test_half(self):
        assert half(4) == 2
""",
    "two/other.py": "def other(): ...\n",
}
AGENT = Caller(name="key", session="key", rights=frozenset({"ask", "run"}), local=False)
RUN = RepositoryRun(
    cases=(CaseOutcome(test="a::b", outcome="passed"), CaseOutcome(test="a::c", outcome="failed", words="assert 0")),
    seconds=1.25,
)


@pytest.fixture
def house(tmp_path):
    with build(tmp_path / "library") as house:
        put_code(house.store, tmp_path, FILES, written=True)
        house.store.collect([str(tmp_path / "one/plans.py")], "plans")
        for name in ("one", "two"):
            (tmp_path / name / "pyproject.toml").write_text("")
        yield house


@pytest.fixture
def asked(monkeypatch):
    """What the sandbox was asked: the files that it got, and the tests."""
    asked = []
    monkeypatch.setattr(
        repository_tester,
        "run_repository_tests",
        lambda box, files, tests, stop: asked.append((set(files), tests)) or RUN,
    )
    return asked


def run(house, caller=LOCAL, file="money.py", tests=()):
    return RepositoryTester(open_assistant=lambda: house).run_tests(caller, file, list(tests), Event())


def allow(house, how):
    house.config = replace(house.config, sandbox=replace(house.config.sandbox, run=how))


def test_the_repository_of_a_file_is_tested_and_what_failed_is_told(house, asked, tmp_path):
    told = run(house)
    assert (told.repository, told.green, told.passed, told.failed) == (str(tmp_path / "one"), False, 1, 1)
    assert [(each.test, each.words) for each in told.failures] == [("a::c", "assert 0")]
    assert asked == [({"money.py", "plans.py", "tests/test_money.py", "pyproject.toml"}, [])]


def test_a_plain_name_is_the_test_that_is_defined_so(house, asked):
    run(house, tests=["test_half", "tests/", "tests/test_money.py::TestHalf"])
    assert asked[0][1] == ["tests/test_money.py::TestHalf::test_half", "tests/", "tests/test_money.py::TestHalf"]
    with pytest.raises(NothingThere, match="no test below"):
        run(house, tests=["test_nothing"])


def test_whoever_may_not_run_programs_is_refused(house, asked):
    with pytest.raises(Forbidden):
        run(house, replace(AGENT, rights=frozenset({"ask"})))
    with pytest.raises(Forbidden, match="people of this machine only"):
        run(house, AGENT)
    allow(house, "off")
    with pytest.raises(Forbidden, match="sandbox.run is off"):
        run(house)
    assert asked == []


def test_only_what_the_caller_sees_goes_into_the_copy(house, asked):
    allow(house, "on")
    run(house, replace(AGENT, viewer=LibraryViewer(owner="ana", hidden=frozenset(["plans"]))))
    assert asked == [({"money.py", "tests/test_money.py"}, [])]  # neither what is closed nor what is not indexed


def test_a_repository_must_be_told_apart_from_others(house, asked):
    with pytest.raises(BadQuestion, match="several repositories"):
        run(house, file="")
    with pytest.raises(NothingThere, match="no repository is known"):
        run(house, file="nowhere.py")


@pytest.mark.campaign(times=1, only=True)
def test_the_tests_run_in_the_sandbox(house):
    told = run(house)
    assert (told.trouble, told.green, told.passed) == ("", True, 1)
