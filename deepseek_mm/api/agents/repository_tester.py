"""The tool for agents that runs an indexed repository's tests, in the sandbox over a copy of what a caller sees."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from pydantic import BaseModel, Field

from deepseek_mm.accounts.permissions import Caller, check_run, requires
from deepseek_mm.answering.code.source_files import CODE, CodeFiles
from deepseek_mm.answering.code_edits.repository_copy import FileVisibility, copy_repository, find_repository
from deepseek_mm.assistant import Assistant
from deepseek_mm.errors import BadQuestion, NothingThere
from deepseek_mm.sandbox.repository_tests import RepositoryRun, open_test_sandbox, run_repository_tests
from index import Source
from index.store import RegionStore

MOST_TOLD = 20  # tests that failed, with the ends of their tracebacks


class FailedTest(BaseModel):
    """A test that fails, or could not be run."""

    test: str = Field(description="as pytest names it")
    words: str = Field(description="the end of its traceback")


class TestedRepository(BaseModel):
    """How the tests of a repository ended, over a copy of its files in the sandbox."""

    repository: str = Field(description="its folder")
    green: bool = Field(description="all came to their end, some ran, and none failed")
    passed: int
    failed: int = Field(description="and those that could not be run")
    skipped: int
    seconds: float
    trouble: str = Field(description="why there is no verdict; empty where there is one")
    failures: list[FailedTest]
    left_out: int = Field(description="files of the folder that had no room, or that the caller may not see")


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoryTester:
    """The tool; `open_assistant` may be long in coming."""

    open_assistant: Callable[[], Assistant]

    @requires("run")
    def run_tests(self, caller: Caller, file: str, tests: Sequence[str], stop: Event) -> TestedRepository:
        """Run tests of the repository in which a file lies. Forbidden, NothingThere, BadQuestion."""
        house = self.open_assistant()
        check_run(house.config.sandbox, caller)
        root = find_root(file, house)
        named = [name_test(test, root, house.store) for test in tests]
        copied = copy_repository(root, sees=FileVisibility(store=house.store, root=root, sees_disk=caller.local).sees)
        run = run_repository_tests(open_test_sandbox(house.config), copied.files, named, stop=stop)
        return tell_run(run, root, copied.left_out)


def find_root(file: str, house: Assistant) -> Path:
    """The repository of a file that the caller may see; of the only one there is without a name."""
    if file.strip():
        sources = CodeFiles(house.store, house.config.parse).find([file])
    else:
        sources = list(house.store.sources(CODE, order="name", limit=1_000))
    roots = {root for source in sources if (root := find_repository(Path(source.path))) is not None}
    if not roots:
        raise NothingThere(
            f"no repository is known by {file[:80]!r}: name one of its files as find_symbol tells paths. A folder is"
            " one if it holds .git, pyproject.toml, setup.py, setup.cfg, pytest.ini or tox.ini"
        )
    if len(roots) > 1:
        raise BadQuestion(
            f"{file[:80]!r} may mean several repositories: {', '.join(map(str, sorted(roots)[:5]))}. Name a file"
        )
    return roots.pop()


def name_test(test: str, root: Path, store: RegionStore) -> str:
    """A test as pytest names it: a path below the repository as it is, a plain name by the place of its definition."""
    if "/" in test or "::" in test or test.endswith(".py"):
        return test
    found = [one for one in store.symbols(test, where=CODE) if is_below(one.source, root) and one.symbol]
    if not found:
        raise NothingThere(
            f"no test below {root} is called {test[:80]!r}. Name it as pytest does: tests/test_a.py::test_b"
        )
    first = found[0]
    assert first.symbol is not None, "chosen for it"
    return f"{os.path.relpath(first.source.path, root)}::{first.symbol.path.replace('.', '::')}"


def is_below(source: Source, root: Path) -> bool:
    """Whether a file lies in a folder."""
    return source.path.startswith(f"{root}{os.sep}")


def tell_run(run: RepositoryRun, root: Path, left_out: int) -> TestedRepository:
    """A run as an agent reads it."""
    bad = run.list_bad()
    return TestedRepository(
        repository=str(root),
        green=run.is_green,
        passed=run.count("passed"),
        failed=len(bad),
        skipped=run.count("skipped"),
        seconds=round(run.seconds, 2),
        trouble=run.trouble,
        failures=[FailedTest(test=case.test, words=case.words) for case in bad[:MOST_TOLD]],
        left_out=left_out,
    )
