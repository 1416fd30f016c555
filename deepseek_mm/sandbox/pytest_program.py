"""Runs pytest over a repository that lies packed beside it, and tells every outcome as a line of JSON.

It is sent to the sandbox as text, so it imports nothing of ours. What is told may be forged by the tests themselves:
they run in the same process, as they do anywhere.
"""

import base64
import io
import json
import os
import sys
import traceback
import zipfile
from pathlib import Path
from typing import IO, Any

MARK = "deepseek-mm-test:"
FOLDER = "repository"
MOST_WORDS, MOST_TOLD = 2_000, 40  # characters of a failure, and failures that are told in words
BLOCKED = ("cacheprovider", "rerunfailures", "xdist", "randomly", "playwright")  # open sockets, or mix the order up
USAGE = (  # the repository's own options may need plugins
    *(f"-pno:{name}" for name in BLOCKED), "-oaddopts=", "--continue-on-collection-errors", "--tb=short", "-q",
)  # fmt: skip


class OutcomeTeller:
    """A plugin of pytest that writes each outcome as soon as it is known: a run may be ended before its end."""

    def __init__(self, told: IO[str]) -> None:
        self.told, self.in_words = told, 0

    def write(self, **row: object) -> None:
        """One line."""
        self.told.write(f"\n{MARK}{json.dumps(row)}\n")
        self.told.flush()

    def pytest_runtest_logreport(self, report: Any) -> None:
        """A test's call, or its preparation where that decides."""
        if report.when == "call" or report.outcome != "passed":
            self._tell(report, report.outcome if report.when == "call" or report.skipped else "error")

    def pytest_collectreport(self, report: Any) -> None:
        """A file that could not be read."""
        if report.failed:
            self._tell(report, "error")

    def _tell(self, report: Any, outcome: str) -> None:
        is_bad = outcome in ("failed", "error")
        self.in_words += is_bad
        words = str(report.longreprtext)[-MOST_WORDS:] if is_bad and self.in_words <= MOST_TOLD else ""
        self.write(test=report.nodeid, outcome=outcome, words=words)


def unpack_repository(packed: str) -> None:
    """The files, in a folder of their own, which is where the program goes on."""
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(packed))) as archive:
        archive.extractall(FOLDER)
    os.chdir(FOLDER)


def find_imports() -> list[str]:
    """Where imports of a repository start: its top, and src where it has one."""
    return [str(each) for each in (Path.cwd(), Path.cwd() / "src") if each.is_dir()]


def run_pytest(tests: list[str], told: IO[str]) -> int:
    """The exit code, as pytest says it; -1 where it is not installed."""
    sys.path[:0] = starts = find_imports()
    os.environ["PYTHONPATH"] = os.pathsep.join(starts)  # of processes that tests start
    teller = OutcomeTeller(told)
    try:
        import pytest
    except ImportError:
        teller.write(exit=-1)
        return -1
    try:
        code = int(pytest.main([*USAGE, "--", *tests], plugins=[teller]))
    except BaseException:  # noqa: BLE001 - a plugin or a conftest of the repository may raise anything
        teller.write(test="pytest", outcome="error", words=traceback.format_exc()[-MOST_WORDS:])
        code = 3
    teller.write(exit=code)
    return code


def main() -> None:
    """Read what lies beside it, take that away, run."""
    order = json.loads(Path("input.txt").read_text(encoding="utf-8"))
    os.remove("input.txt")
    sys.path[:] = [path for path in sys.path if path not in ("", os.getcwd())]
    unpack_repository(order["zip"])
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as told, open(os.devnull, "w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), 1)  # what pytest and the tests print is not of interest
        code = run_pytest(order["tests"], told)
    sys.exit(max(code, 0))


if __name__ == "__main__":
    main()
