"""What is checked of a proposed change before somebody decides: whether it applies, parses, lints, and what tests say.

Nothing of it proves that the change is right. What was not checked says so, and why.
"""

import ast
import hashlib
import json
import re
import shutil
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from threading import Event
from typing import cast

from deepseek_mm.answering.code_edits.records import CheckName, EditCheck, FileChange, Verdict
from deepseek_mm.answering.code_edits.workspace import read_whole
from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.parse.formats import File, Format, named_format
from deepseek_mm.parse.workers.client import find_syntax_faults
from deepseek_mm.sandbox.repository_tests import RepositoryRun, run_repository_tests
from deepseek_mm.sandbox.run import Sandbox
from deepseek_mm.storage.files import parse_json

PYTHON = "python"
MOST_NAMED = 5  # files, tests or findings that a check names
LINT = """
import json, subprocess
asked = json.load(open("input.txt"))
found = {}
for name, text in asked["texts"].items():
    argv = [asked["ruff"], "check", "--isolated", "--no-cache", "--select", "E9,F", "--output-format", "concise",
            "--stdin-filename", "it.py", "-"]
    ran = subprocess.run(argv, input=text, capture_output=True, text=True)
    found[name] = ran.stdout.splitlines() if ran.returncode in (0, 1) else None
print("\\n" + json.dumps(found))
"""
FINDING = re.compile(r"^\S+?:(\d+):\d+: (.*)$")
TEST_FILE = re.compile(r"(?:^|/)(?:test_[^/]*|[^/]*_test)\.py$")


def tell(name: CheckName, verdict: Verdict, words: str) -> EditCheck:
    """One finding."""
    return EditCheck(name=name, verdict=verdict, words=words)


def check_applies(changes: Sequence[FileChange]) -> EditCheck:
    """Whether the files still are what the change was made from."""
    stale = list_stale(changes)
    if stale:
        return tell("applies", "bad", f"changed on the disk meanwhile: {name_some(stale)}. Ask for the change anew")
    return tell("applies", "good", "it fits the files as they are now")


def list_stale(changes: Sequence[FileChange]) -> list[str]:
    """Names of files that are not any more what they were."""
    return [each.name for each in changes if not is_current(each)]


def is_current(change: FileChange) -> bool:
    """Whether a file is byte for byte what the change begins with."""
    try:
        there: bytes | None = read_whole(change.path, change.name)
    except DeepSeekMMError:
        there = None
        if Path(change.path).exists() or Path(change.path).is_symlink():
            return False
    return there == change.before


def check_parses(changes: Sequence[FileChange], config: ParseConfig) -> EditCheck:
    """Whether every changed file is syntax of its language; one that was none before counts as well."""
    wrong, unread = list[str](), list[str]()
    for each in changes:
        row = find_fault(each, config)
        if row is None:
            unread.append(each.name)
        elif row:
            wrong.append(f"{each.name} (line {row})")
    if wrong:
        return tell("parses", "bad", f"this is no syntax any more: {name_some(wrong)}")
    if len(unread) == len(changes):
        return tell("parses", "not checked", f"nothing here reads the syntax of {name_some(unread)}")
    rest = f"; nothing here reads the syntax of {name_some(unread)}" if unread else ""
    return tell("parses", "good", f"the changed files parse{rest}")


def find_fault(change: FileChange, config: ParseConfig) -> int | None:
    """The first row that is no syntax; 0 where all is, None where nothing here reads the language."""
    form, data = named_format(change.path), change.after or b""
    if form is None or form.kind != "code":
        return None
    if form.name == PYTHON:
        try:
            ast.parse(data)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            return getattr(error, "lineno", None) or 1
        return 0
    try:
        rows = find_syntax_faults(file_of(change.path, data, form), config)
    except DeepSeekMMError:
        return None
    return None if rows is None else next(iter(rows), 0)


def file_of(path: str, data: bytes, form: Format) -> File:
    """Bytes as a file that is read nowhere else."""
    digest = hashlib.sha256(data).hexdigest()
    return File(path=path, data=data, digest=digest, size_bytes=len(data), modified_ns=0, format=form)


def check_lints(changes: Sequence[FileChange], sandbox: Sandbox) -> EditCheck:
    """What ruff finds in the changed files of Python that it did not find before: names that are not defined or not
    used, and the like. It runs behind the walls of the sandbox, by its own rules, never by those of the repository.
    """
    files = [each for each in changes if each.path.endswith(".py")]
    ruff = find_ruff()
    if not files or not ruff:
        why = "ruff is not installed here" if files else "no file of Python is changed"
        return tell("lints", "not checked", f"not linted: {why}")
    texts = {f"{n} {when}": decode(data) for n, each in enumerate(files) for when, data in sides(each)}
    try:
        ran = sandbox.run(LINT, text=json.dumps({"ruff": ruff, "texts": texts}))
        told = parse_json(ran.stdout.strip().rpartition("\n")[2]) if ran.is_success else None
    except (DeepSeekMMError, ValueError) as error:
        return tell("lints", "not checked", f"not linted: {error}")
    if not isinstance(told, dict):
        return tell("lints", "not checked", "not linted: ruff came to no end")
    new = [f"{each.name}:{line}" for n, each in enumerate(files) for line in list_new(told, n)]
    if new:
        return tell("lints", "bad", f"ruff finds what it did not find before: {name_some(new)}")
    return tell("lints", "good", "ruff finds nothing new in the changed files (its rules E9 and F)")


def sides(change: FileChange) -> list[tuple[str, bytes]]:
    """A file before and after."""
    return [("before", change.before or b""), ("after", change.after or b"")]


def decode(data: bytes) -> str:
    """Letters, whatever stands there."""
    return data.decode("utf-8", "replace")


def list_new(told: Mapping[str, object], number: int) -> list[str]:
    """Findings of the n-th file that are more than before, each with its row."""
    before, after = (told.get(f"{number} {when}") for when in ("before", "after"))
    known = [found[2] for line in cast(list[str], before or []) if (found := FINDING.match(line))]
    new = list[str]()
    for line in cast(list[str], after or []):
        if not (found := FINDING.match(line)):
            continue
        if found[2] in known:
            known.remove(found[2])
        else:
            new.append(f"{found[1]} {found[2]}")
    return new


def find_ruff() -> str:
    """The program, where the sandbox may read it; empty without one."""
    found = shutil.which("ruff", path=sysconfig.get_path("scripts")) or shutil.which("ruff", path="/usr/bin:/bin")
    is_readable = found and any(
        Path(found).is_relative_to(top) for top in (sys.prefix, sys.base_prefix, "/usr", "/bin")
    )
    return found if found and is_readable else ""


def check_tests(files: Mapping[str, bytes], changed: Mapping[str, bytes], sandbox: Sandbox, stop: Event) -> EditCheck:
    """What the tests say before and after: those whose files name a changed module, or all where none does.

    `files` are the repository's, path below it -> bytes; `changed` those that the change writes.
    """
    after_files = {**files, **changed}
    tests = choose_tests(after_files, changed)
    before_tests = [name for name in tests if name in files]
    before = (
        run_repository_tests(sandbox, files, before_tests, stop=stop) if before_tests or not tests else RepositoryRun()
    )
    after = run_repository_tests(sandbox, after_files, tests, stop=stop)
    which = f"tests that name what is changed, in {len(tests)} file{'s' * (len(tests) != 1)}" if tests else "all tests"
    return compare_runs(before, after, which)


def choose_tests(files: Mapping[str, bytes], changed: Mapping[str, bytes]) -> list[str]:
    """Test files that are changed, or name a changed module; none: all are to run."""
    stems = {PurePosixPath(name).stem for name in changed} - {"__init__"}
    words = re.compile(rb"\b(?:" + b"|".join(re.escape(stem.encode()) for stem in sorted(stems)) + rb")\b")
    named = (name for name, data in files.items() if TEST_FILE.search(name) and stems and words.search(data))
    return sorted({*named, *(name for name in changed if TEST_FILE.search(name))})


def compare_runs(before: RepositoryRun, after: RepositoryRun, which: str) -> EditCheck:
    """What a change does to tests."""
    if after.trouble:
        return tell("tests", "not checked", f"not tested: {after.trouble}")
    was = {case.test: case.outcome for case in before.cases}
    bad, good = {case.test for case in after.list_bad()}, [c.test for c in after.cases if c.outcome == "passed"]
    broken = sorted(test for test in bad if was.get(test) == "passed")
    others = sorted(test for test in bad if was.get(test) != "passed")
    mended = [test for test in good if was.get(test) in ("failed", "error")]
    told = f"{which}: {len(good)} pass after the change, {sum(each == 'passed' for each in was.values())} before"
    told += f"; {len(mended)} that failed pass now: {name_some(mended)}" if mended else ""
    told += f"; BROKEN by it: {name_some(broken)}" if broken else ""
    told += f"; fail, and did not pass before: {name_some(others)}" if others else ""
    told += f"; before the change the tests did not run ({before.trouble})" if before.trouble else ""
    return tell("tests", "bad" if bad else "good", told)


def name_some(names: Sequence[str]) -> str:
    """The first ones, and how many more there are."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
