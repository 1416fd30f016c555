"""A test file for a function: calls are tried in the sandbox, and what comes out twice becomes an assertion.

Nothing runs unless whoever asks wants it run; before that there is a draft. The files of the function's own package
are copied into the sandbox, so what it imports from elsewhere must be installed for the program's Python. Such tests
hold what the code does today; that it is right, they do not say (Feathers, "Working Effectively with Legacy Code",
2004: characterization tests).
"""

import ast
import sysconfig
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Protocol

from deepseek_mm.accounts.permissions import check_allowed
from deepseek_mm.config import Config, ParseConfig
from deepseek_mm.errors import BadFile, DeepSeekMMError, NothingThere
from deepseek_mm.lm.generator import Generator, TextCompleter
from deepseek_mm.lm.infilling import Gap, LineSampling, fill
from deepseek_mm.parse.files import open_file
from deepseek_mm.parse.workers.client import read_letters
from deepseek_mm.rag.coding.probes import (
    CallResult,
    draft_file,
    file_of,
    pack_files,
    probe,
    prove,
    read_result,
    seen_of,
)
from deepseek_mm.rag.coding.trials import CallTarget, Trial, target_of, trials
from deepseek_mm.rag.coding.wish import CODE
from deepseek_mm.sandbox.nouns import Ran
from deepseek_mm.sandbox.run import open_sandbox
from index import Filter, Region
from index.region import at_lines
from index.store import RegionStore

MOST_FILES, MOST_BYTES = 2_000, 12_000_000  # of a package that are copied
MOST_TESTS = 10
MOST_DEEP = 4  # folders between a file and where imports start
PROBES = (False, True, True, True)  # one here and now, three elsewhere: chance seldom falls the same way four times
DRAWS = LineSampling(temperatures=(0.4, 0.6, 0.8), begun=(), most=32)  # of calls that the language model proposes
INIT = "__init__.py"


class SandboxRunner(Protocol):
    """The sandbox."""

    def __call__(self, code: str, *, text: str) -> Ran:
        """How a program ended that finds `text` beside it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenTests:
    """A test file, and how it came about."""

    text: str  # of the file; empty where there is nothing to try
    verified: bool  # every assertion was seen, and the whole file passed
    count: int = 0  # tests
    dropped: int = 0  # calls whose outcome is not the same twice, takes too long or cannot be told
    why_not: str = ""  # it was not run, in words


@dataclass(frozen=True, kw_only=True, slots=True)
class CodePackage:
    """The files that a function needs of its own project."""

    module: str  # as it is imported: "shop.money"
    root: PurePosixPath | None  # the folder that imports start from; None where the program's Python has it
    files: dict[str, str] = field(default_factory=dict)  # path from there on -> text; read only for a run


class Prover:
    """Writes tests with this sandbox and this language model."""

    def __init__(self, config: Config, lm: Generator) -> None:
        self._config, self._lm, self._sandbox = config.sandbox, lm, open_sandbox(config)

    def write_tests(self, region: Region, store: RegionStore, *, run: bool) -> WrittenTests:
        """Tests of what a region defines: tried in the sandbox where that was asked for, else a draft."""
        draft = try_out(region, store, None, lambda region: ())
        if not run or draft.why_not:
            return draft
        try:
            check_allowed(self._config, local=True, granted=True)  # of others the edges see to it
            return try_out(region, store, self._run, self._propose_calls)
        except DeepSeekMMError as error:  # a wall is missing, or others run
            return replace(draft, why_not=str(error))

    def _run(self, code: str, *, text: str) -> Ran:
        return self._sandbox.run(code, text=text)

    def _propose_calls(self, region: Region) -> list[str]:
        """Calls that the language model writes behind the code; none by one that does not go on from a text."""
        if not isinstance(self._lm, TextCompleter) or region.symbol is None:
            return []
        gap = Gap(before=f"{region.text}\n\n\nassert {region.symbol.name}(", after="")
        filled = fill(self._lm, gap, DRAWS, stop=threading.Event(), spent=[])
        return [f"{region.symbol.name}({each.text.strip()}" for each in filled]


def try_out(
    region: Region,
    store: RegionStore,
    runs: SandboxRunner | None,
    propose: Callable[[Region], Sequence[str]],
) -> WrittenTests:
    """A test file for the function that a region defines; without `runs` a draft. `propose` gives calls."""
    assert region.symbol is not None, "a definition"
    try:
        source = text_of(region.source.path)
    except (DeepSeekMMError, OSError) as error:
        return WrittenTests(text="", verified=False, why_not=f"its file cannot be read now: {error}")
    found = target_of(source, region.symbol.path)
    if found is None or not region.source.path.endswith(".py"):
        return WrittenTests(
            text="", verified=False, why_not="it is no function or method of Python that a test could call"
        )
    target, node = found
    if isinstance(node, ast.AsyncFunctionDef):
        return WrittenTests(
            text="", verified=False, why_not="it is asynchronous, and tests of such are not written yet"
        )
    callers = [one.text for one in store.callers(target.name, where=CODE)]
    tried = trials(target, region.symbol.doc or ast.get_docstring(node) or "", callers, propose(region))
    place = at_lines(region.source.name, region.lines)
    package = package_of(region.source.path, source, store)
    draft = WrittenTests(
        text=draft_file(target, package.module, tried[:MOST_TESTS], place), verified=False, count=len(tried)
    )
    if runs is None:
        return draft
    package = replace(package, files=files_of(package, region.source.path, source, store))
    return seen_twice(target, package, tried, place, runs=runs, draft=draft)


def seen_twice(
    target: CallTarget,
    package: CodePackage,
    tried: Sequence[Trial],
    place: str,
    *,
    runs: SandboxRunner,
    draft: WrittenTests,
) -> WrittenTests:
    """Two probes, then the file itself; the draft with the reason where that fails."""
    told = {"calls": [trial.call for trial in tried], "module": package.module, "name": target.import_name}
    outcomes: list[list[CallResult]] = []
    for elsewhere in PROBES:
        ran = runs(probe(elsewhere), text=pack_files(package.files, **told))
        heard = read_result(ran.stdout)
        if heard is None or heard.get("trouble"):
            return with_reason(draft, ran, str((heard or {}).get("trouble", "")))
        outcomes.append(seen_of(heard, tried))
    steady = [
        one for one, *others in zip(*outcomes, strict=False) if {one.key} == {o.key for o in others} and one.stands
    ]
    chosen = steady[:MOST_TESTS]
    while chosen:
        text = file_of(target, package.module, chosen, place)
        ran = runs(prove(), text=pack_files(package.files, test=text))
        heard = read_result(ran.stdout)
        failed = heard.get("failed") if heard else None
        if not isinstance(failed, list):
            return with_reason(draft, ran, "")
        if not failed:
            return WrittenTests(text=text, verified=True, count=len(chosen), dropped=len(tried) - len(steady))
        bad = {int(str(name).rpartition("_")[2]) for name in failed}
        chosen = [one for n, one in enumerate(chosen, start=1) if n not in bad]
    return with_reason(draft, None, none_stands(outcomes[0]))


def none_stands(seen: Sequence[CallResult]) -> str:
    """Why no call became a test: nobody wrote one, and guesses were of the wrong types; or all of them vary."""
    if seen and all(one.guessed_wrong for one in seen):
        return (
            f"no call of it is written anywhere, and those that were guessed failed: {seen[0].error}: {seen[0].words}"
        )
    return "no call of it gave the same each time that a test could say"


def with_reason(draft: WrittenTests, ran: Ran | None, trouble: str) -> WrittenTests:
    """The draft, and why it is no more than that."""
    if trouble or ran is None:
        why = trouble
    elif ran.ended_by:
        why = f"the run was ended by its limit of {ran.ended_by}"
    else:
        why = (ran.stderr.strip().splitlines() or ["the program ended without a word"])[-1]
    return WrittenTests(text=draft.text, verified=False, count=draft.count, why_not=why)


def text_of(path: str) -> str:
    """A file as it is now. BadFile or NothingThere."""
    return read_letters(open_file(path, ParseConfig()), ParseConfig())


def package_of(path: str, source: str, store: RegionStore) -> CodePackage:
    """Where a file belongs."""
    file, installed = PurePosixPath(path), PurePosixPath(sysconfig.get_paths()["purelib"])
    if file.is_relative_to(installed):
        return CodePackage(module=module_of(file, installed), root=None)
    root = root_of(file, source, store)
    return CodePackage(module=module_of(file, root), root=root)


def files_of(package: CodePackage, path: str, source: str, store: RegionStore) -> dict[str, str]:
    """The file with its package, as far as the library knows it: those with many or large files stay incomplete."""
    file, root = PurePosixPath(path), package.root
    if root is None:
        return {}
    top = root / file.relative_to(root).parts[0] if file.parent != root else root
    files, size = {str(file.relative_to(root)): source}, len(source)
    where = Filter(folder=str(top), source_kinds=("code",), formats=("python",))
    for other in store.sources(where, order="name", limit=MOST_FILES):
        if other.path == path or "!/" in other.path or (top == root and PurePosixPath(other.path).parent != root):
            continue
        try:
            text = text_of(other.path)
        except (BadFile, NothingThere, OSError):
            continue
        size += len(text)
        if size <= MOST_BYTES:
            files[str(PurePosixPath(other.path).relative_to(root))] = text
    return files


def module_of(file: PurePosixPath, root: PurePosixPath) -> str:
    """What it is imported as."""
    return ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def root_of(file: PurePosixPath, source: str, store: RegionStore) -> PurePosixPath:
    """The folder that imports start from: above the packages around a file, else above the folder that it imports from
    or that others import it by, else the file's own.
    """
    folder = file.parent
    while len(folder.parts) > 1 and Path(folder / INIT).is_file():
        folder = folder.parent
    if folder != file.parent:
        return folder
    named = {name.partition(".")[0] for node in ast.walk(ast.parse(source)) for name in imported_modules(node)}
    for parent in file.parents[:MOST_DEEP]:
        words = " ".join(file.relative_to(parent.parent).with_suffix("").parts)
        by_others = store.count_phrase(f"from {words} import") + store.count_phrase(f"import {words}")
        if parent.name in named or by_others:
            return parent.parent
    return folder


def imported_modules(node: ast.AST) -> list[str]:
    """Modules that a statement imports by their whole names."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
