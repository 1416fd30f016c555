"""What checks say of a change: plain words, also of what was not checked."""

import pytest

from deepseek_mm.answering.code_edits import checks
from deepseek_mm.answering.code_edits.checks import (
    check_applies,
    check_lints,
    check_parses,
    choose_tests,
    compare_runs,
)
from deepseek_mm.answering.code_edits.records import FileChange
from deepseek_mm.config import ParseConfig, SandboxConfig
from deepseek_mm.errors import Forbidden
from deepseek_mm.sandbox.repository_tests import CaseOutcome, RepositoryRun
from deepseek_mm.sandbox.run import Sandbox


def change(name: str, after: bytes, before: bytes | None = b"") -> FileChange:
    return FileChange(path=f"/repo/{name}", name=name, before=before, after=after)


def run(**outcomes) -> RepositoryRun:
    return RepositoryRun(cases=tuple(CaseOutcome(test=name, outcome=each) for name, each in outcomes.items()))


@pytest.mark.parametrize(
    ("name", "text", "verdict", "words"),
    [
        ("a.py", b"x = 1\n", "good", "the changed files parse"),
        ("a.py", b"x = (1\n", "bad", "this is no syntax any more: a.py (line 1)"),
        ("a.js", b"let x = 1;\n", "good", "the changed files parse"),
        ("a.js", b"let x = 1;\nfunction (\n", "bad", "this is no syntax any more: a.js (line 2)"),
        ("a.md", b"# a\n", "not checked", "nothing here reads the syntax of a.md"),
        ("a.py", b"(" * 500 + b"\n", "bad", "this is no syntax any more: a.py (line 1)"),
    ],
)
def test_python_is_parsed_here_other_languages_by_a_worker_and_the_rest_is_told(name, text, verdict, words):
    found = check_parses([change(name, text)], ParseConfig())
    assert (found.verdict, found.words) == (verdict, words)


def test_files_that_differ_from_what_the_change_was_made_from_are_named(tmp_path):
    path = tmp_path / "a.py"
    path.write_bytes(b"one\n")
    made = FileChange(path=str(path), name="a.py", before=b"one\n", after=b"two\n")
    new = FileChange(path=str(tmp_path / "b.py"), name="b.py", before=None, after=b"two\n")
    assert check_applies([made, new]).verdict == "good"
    path.write_bytes(b"three\n")
    (tmp_path / "b.py").symlink_to(path)
    assert check_applies([made, new]).words.startswith("changed on the disk meanwhile: a.py, b.py")


def test_ruff_tells_what_is_new_and_where_it_cannot_run_why():
    bad = change("shop/a.py", b"import os\nprint(missing)\n", b"import os\n")
    sandbox = Sandbox(SandboxConfig(seconds=20))
    found = check_lints([bad], sandbox)
    assert found.verdict == "bad"
    assert "shop/a.py:2 F821" in found.words
    assert "F401" not in found.words  # it was there before
    assert check_lints([change("a.js", b"x")], sandbox).words == "not linted: no file of Python is changed"


def test_without_ruff_or_walls_nothing_is_said_to_be_linted(monkeypatch):
    class Closed(Sandbox):
        def run(self, *parts, **more):
            raise Forbidden("a wall is missing")

    assert check_lints([change("a.py", b"x")], Closed(SandboxConfig())).words == "not linted: a wall is missing"
    monkeypatch.setattr(checks, "find_ruff", lambda: "")
    assert (
        check_lints([change("a.py", b"x")], Closed(SandboxConfig())).words == "not linted: ruff is not installed here"
    )


def test_tests_are_compared_with_those_before_the_change():
    before, after = run(a="passed", b="failed", c="passed"), run(a="failed", b="passed", c="passed", d="error")
    found = compare_runs(before, after, "all tests")
    assert (found.verdict, found.words) == (
        "bad",
        "all tests: 2 pass after the change, 2 before; 1 that failed pass now: b; BROKEN by it: a;"
        " fail, and did not pass before: d",
    )
    assert compare_runs(run(a="passed"), run(a="passed"), "all tests").verdict == "good"
    silent = compare_runs(before, RepositoryRun(trouble="there are no tests"), "all tests")
    assert (silent.verdict, silent.words) == ("not checked", "not tested: there are no tests")


def test_tests_that_name_a_changed_module_are_chosen_and_a_changed_test_always():
    files = {"shop/money.py": b"", "tests/test_a.py": b"from shop.money import x", "tests/test_b.py": b"moneybag"}
    assert choose_tests(files, {"shop/money.py": b""}) == ["tests/test_a.py"]
    assert choose_tests(files, {"tests/test_b.py": b""}) == ["tests/test_b.py"]
    assert choose_tests(files, {"shop/other.py": b""}) == []  # all
