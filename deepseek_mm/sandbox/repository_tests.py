"""The tests of a repository, run by pytest in the sandbox over a copy of its files: nothing outside is read or written.

What the tests find is what whoever asks has put into the copy, so nobody reads files with it that they may not see.
"""

import base64
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from threading import Event
from typing import Any, Literal

from deepseek_mm.config import Config, cache_folder
from deepseek_mm.errors import BadQuestion, DeepSeekMMError
from deepseek_mm.sandbox.pytest_program import MARK
from deepseek_mm.sandbox.records import Ran
from deepseek_mm.sandbox.run import Sandbox
from deepseek_mm.storage.files import parse_json

Outcome = Literal["passed", "failed", "error", "skipped"]
OUTCOMES: tuple[Outcome, ...] = ("passed", "failed", "error", "skipped")
DISK_MB, MEMORY_MB, OUTPUT_BYTES = 256, 1_500, 2_000_000  # at least: a copy lies in memory, and each test is told of
MOST_NAMES, MOST_NAME = 200, 500  # tests that may be named at once, and characters of each
NO_PYTEST = "pytest is not installed for this program's Python. Install it there: pip install pytest"
NO_TESTS = "there are no tests"
PROGRAM = Path(__file__).with_name("pytest_program.py")


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseOutcome:
    """What one test gave."""

    test: str  # as pytest names it: tests/test_money.py::test_it_adds
    outcome: Outcome
    words: str = ""  # of a failure: the end of its traceback


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoryRun:
    """How the tests ended."""

    cases: tuple[CaseOutcome, ...] = ()
    trouble: str = ""  # why they did not run, or not to their end; empty where they did
    seconds: float = 0.0

    @property
    def is_green(self) -> bool:
        """Whether all came to their end, some ran, and none failed."""
        return not self.trouble and bool(self.cases) and not self.list_bad()

    def list_bad(self) -> list[CaseOutcome]:
        """Those that fail, or could not be run."""
        return [case for case in self.cases if case.outcome in ("failed", "error")]

    def count(self, outcome: Outcome) -> int:
        """How many ended so."""
        return sum(case.outcome == outcome for case in self.cases)


def open_test_sandbox(config: Config) -> Sandbox:
    """A sandbox with the time and the room that tests of a repository need; all else is as for any program."""
    given = config.sandbox
    roomy = replace(
        given,
        seconds=given.test_seconds,
        disk_mb=max(given.disk_mb, DISK_MB),
        memory_mb=max(given.memory_mb, MEMORY_MB),
        open_files=max(given.open_files, 256),
        output_bytes=max(given.output_bytes, OUTPUT_BYTES),
    )
    return Sandbox(roomy, (config.data, cache_folder()))


def run_repository_tests(
    sandbox: Sandbox, files: Mapping[str, bytes], tests: Sequence[str] = (), *, stop: Event | None = None
) -> RepositoryRun:
    """Run tests of a repository: all, or those that are named as pytest names them (file, folder, file::test).

    `files`: path below the repository -> bytes. A sandbox that does not hold, or has no room, is told as the run's
    trouble. BadQuestion: a name of a test that leads elsewhere or is an option.
    """
    order = {"zip": pack_files(files), "tests": [check_test_name(name) for name in tests[:MOST_NAMES]]}
    try:
        ran = sandbox.run(PROGRAM.read_text(encoding="utf-8"), text=json.dumps(order), stop=stop)
    except DeepSeekMMError as error:
        return RepositoryRun(trouble=str(error))
    return read_run(ran)


def check_test_name(name: str) -> str:
    """The name. BadQuestion if it is an option, leads out of the repository or is none at all."""
    path = PurePosixPath(name.partition("::")[0])
    if not name.strip() or len(name) > MOST_NAME or not name.isprintable() or name.startswith("-"):
        raise BadQuestion(f"{ascii(name)[:80]} names no test. Name one like tests/test_money.py::test_it_adds")
    if path.is_absolute() or ".." in path.parts:
        raise BadQuestion(f"{ascii(name)[:80]} leads out of the repository. Name a test below it")
    return name


def pack_files(files: Mapping[str, bytes]) -> str:
    """A ZIP archive in base64."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return base64.b64encode(packed.getvalue()).decode()


def read_run(ran: Ran) -> RepositoryRun:
    """What the program told."""
    rows = list(read_rows(ran.stdout))
    cases = tuple(
        CaseOutcome(test=str(row["test"]), outcome=row["outcome"], words=str(row.get("words", "")))
        for row in rows
        if row.get("outcome") in OUTCOMES and "test" in row
    )
    ended = next((row["exit"] for row in reversed(rows) if isinstance(row.get("exit"), int)), None)
    return RepositoryRun(cases=cases, trouble=explain_end(ran, ended, bool(cases)), seconds=ran.seconds)


def explain_end(ran: Ran, code: int | None, some: bool) -> str:
    """Why there is no verdict; empty where there is one. `code`: pytest's own."""
    if ran.ended_by:
        return f"the tests were ended by a limit of the sandbox: {ran.ended_by}"
    if code == -1:
        return NO_PYTEST
    if code == 5 or (code == 0 and not some):
        return NO_TESTS
    if code in (0, 1) or (code == 2 and some):  # 2: files that could not be collected, each of which is told
        return ""
    words = (ran.stderr or ran.stdout).strip().splitlines()[-1:]
    return f"pytest came to no end (code {ran.exit if code is None else code}): {' '.join(words)[:300]}"


def read_rows(stdout: str) -> Iterator[dict[str, Any]]:
    """The lines that are the program's own."""
    for line in stdout.splitlines():
        if line.startswith(MARK):
            try:
                row = parse_json(line[len(MARK) :])
            except ValueError:
                continue
            if isinstance(row, dict):
                yield row
