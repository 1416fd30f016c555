"""Tests for a function, written from calls that ran in the sandbox.

A probe puts the package's files beside itself, imports the function and makes every call, each for a second at most;
what came out is printed as JSON. The second probe lives in another time and another folder, so whatever depends on
clock, place, chance or the order of sets gives something else there. The last program runs the finished test file.

Nothing runs unless whoever asks wants it run; before that there is a draft. The files of the function's own package
are copied into the sandbox, so what it imports from elsewhere must be installed for the program's Python. Such tests
hold what the code does today; that it is right, they do not say (Feathers, "Working Effectively with Legacy Code",
2004: characterization tests).
"""

import ast
import json
import re
import sysconfig
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Protocol

from deepseek_mm.accounts.permissions import check_allowed
from deepseek_mm.answering.code.source_files import CODE
from deepseek_mm.answering.skills.code_trials import CallTarget, Trial, target_of, trials
from deepseek_mm.config import Config, ParseConfig
from deepseek_mm.errors import BadFile, DeepSeekMMError, NothingThere
from deepseek_mm.lm.generator import Generator, TextCompleter
from deepseek_mm.lm.infilling import Gap, LineSampling, fill
from deepseek_mm.parse.document import open_file
from deepseek_mm.parse.workers.client import read_letters
from deepseek_mm.sandbox.records import Ran
from deepseek_mm.sandbox.run import open_sandbox
from deepseek_mm.storage.files import parse_json
from index import Filter, Region
from index.region import at_lines
from index.store import RegionStore

MARK = "deepseek-mm-seen:"
NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")  # of an error or a module
MOST_SAID = 80  # characters of an error's words that a test repeats
MOST_REPR = 300  # of a value
CALL_S = 1.0  # that one call may take
UNPACK = """import json, os, sys
told = json.load(open("input.txt", encoding="utf-8"))
os.makedirs("code", exist_ok=True)
for name, text in told["files"].items():
    path = os.path.join("code", name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(path, "w", encoding="utf-8").write(text)
sys.path.insert(0, os.path.abspath("code"))
"""
SHIFT = """import datetime, time
os.makedirs("elsewhere", exist_ok=True)
os.chdir("elsewhere")
FAR = 400.5 * 86400 + 5025
clock, today, now = time.time, datetime.date, datetime.datetime
class Day(today):
    @classmethod
    def today(cls): return cls.fromtimestamp(time.time())
class Moment(now):
    @classmethod
    def now(cls, tz=None): return cls.fromtimestamp(time.time(), tz)
    @classmethod
    def utcnow(cls): return cls.utcfromtimestamp(time.time())
    @classmethod
    def today(cls): return cls.now()
time.time = lambda: clock() + FAR
datetime.date, datetime.datetime = Day, Moment
"""
PROBE = """import ast, builtins, contextlib, importlib, io, signal
class Slow(BaseException): pass
def late(number, frame): raise Slow()
signal.signal(signal.SIGALRM, late)
def is_same(value, words):
    try: return type(ast.literal_eval(words)) is type(value) and ast.literal_eval(words) == value
    except Exception: return value == set() and words == "set()" and type(value) is set
def seen(call):
    try:
        signal.setitimer(signal.ITIMER_REAL, told["seconds"])
        value = eval(call, dict(names))
        if hasattr(value, "__next__"): call, value = f"list({call})", list(value)
        words = repr(value)
        kinds = {"literal": is_same(value, words), "float": type(value) is float}
        return {"call": call, "kind": "value", "words": words, **kinds}
    except Slow: return {"call": call, "kind": "slow"}
    except Exception as error:
        kind, said = type(error), str(error)
        return {"call": call, "kind": "raises", "words": said, "error": kind.__name__, "module": kind.__module__}
    except BaseException as error: return {"call": call, "kind": "exits", "words": type(error).__name__}
    finally: signal.setitimer(signal.ITIMER_REAL, 0)
result = {"trouble": "", "seen": []}
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    try: names = {told["name"]: getattr(importlib.import_module(told["module"]), told["name"])}
    except BaseException as error: result["trouble"] = f"{type(error).__name__}: {error}"
    else: result["seen"] = [seen(call) for call in told["calls"]]
print(told["mark"] + json.dumps(result))
"""
PROVE = """import contextlib, io, re, types
try: import pytest
except ImportError:
    class Raises:
        def __init__(self, kind, match=""): self.kind, self.match = kind, match
        def __enter__(self): return self
        def __exit__(self, kind, error, at):
            assert kind and issubclass(kind, self.kind) and re.search(self.match, str(error))
            return True
    class Near(float):
        def __eq__(self, other): return abs(other - self) <= max(1e-12, 1e-6 * abs(self))
    sys.modules["pytest"] = types.SimpleNamespace(raises=Raises, approx=Near)
names, failed, ran = {"__name__": "test_it"}, [], 0
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    exec(compile(told["test"], "test_it.py", "exec"), names)
    for name, test in list(names.items()):
        if name.startswith("test_"):
            ran += 1
            try: test()
            except BaseException as error: failed.append(name)
print(told["mark"] + json.dumps({"failed": failed, "ran": ran}))
"""
FROM = {
    "docstring": "as its docstring shows it",
    "call": "as other code calls it",
    "model": "proposed by the language model",
    "guess": "guessed from its parameters",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class CallResult:
    """What a call gave."""

    trial: Trial
    call: str  # with "list(...)" around it where it gave an iterator
    kind: str  # value, raises, slow or exits
    words: str = ""  # the value's repr, or what an error said
    literal: bool = False  # the words are the value
    is_float: bool = False
    error: str = ""  # the error's type, and the module that it is of
    module: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """Equal where the same came out."""
        return self.kind, self.words, self.error

    @property
    def guessed_wrong(self) -> bool:
        """Were its arguments guessed, and of a type that the function does not take?"""
        return self.trial.source in ("guess", "model") and self.error in ("TypeError", "AttributeError")

    @property
    def stands(self) -> bool:
        """Can a test say it? Not where it has an address in it, is very long, or a guess was of the wrong type."""
        short = len(self.words) <= MOST_REPR and " at 0x" not in self.words and "\n" not in self.words
        known = self.kind == "value" or (self.kind == "raises" and self.module != "__main__")
        return known and short and not self.guessed_wrong


def probe(elsewhere: bool) -> str:
    """The program that makes every call."""
    return UNPACK + (SHIFT if elsewhere else "") + PROBE


def prove() -> str:
    """The program that runs a test file."""
    return UNPACK + PROVE


def pack_files(files: Mapping[str, str], **more: object) -> str:
    """What these programs find beside them."""
    return json.dumps({"files": dict(files), "mark": MARK, "seconds": CALL_S, **more})


def read_result(stdout: str) -> dict[str, object] | None:
    """What a program told; None where it did not come so far."""
    lines = [line for line in stdout.splitlines() if line.startswith(MARK)]
    try:
        told = parse_json(lines[-1][len(MARK) :]) if lines else None
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def seen_of(told: Mapping[str, object], trials: Sequence[Trial]) -> list[CallResult]:
    """What each call gave, in order. The tested code may have printed this: only calls that were asked for, names
    and literals of it may stand in a file.
    """
    rows = told.get("seen")
    made = []
    for trial, row in zip(trials, rows if isinstance(rows, list) else [], strict=False):
        words = {name: str(row.get(name, "")) for name in ("call", "kind", "words", "error", "module")}
        listed = f"list({trial.call})"
        words["call"] = listed if words["call"] == listed else trial.call
        if words["kind"] == "raises" and not all(map(NAME.fullmatch, (words["error"], words["module"]))):
            words["kind"] = "exits"
        literal = bool(row.get("literal")) and is_literal(words["words"])
        made.append(CallResult(trial=trial, literal=literal, is_float=bool(row.get("float")), **words))
    return made


def is_literal(words: str) -> bool:
    """Whether these words are a value and compute nothing."""
    try:
        ast.literal_eval(words)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return words == "set()"
    return True


def file_of(target: CallTarget, module: str, seen: Sequence[CallResult], place: str) -> str:
    """A test file that says what was seen."""
    seen_in = "Seen in a sandbox; whether it is right, no assertion says."
    head = f'"""What `{target.call_name}` does now ({place}). {seen_in}"""'
    tests = [one_test(target, n, one) for n, one in enumerate(seen, start=1)]
    body = "\n\n\n".join(tests)
    return "\n".join([head, "", *imports(target, module, seen), "", "", body])


def imports(target: CallTarget, module: str, seen: Sequence[CallResult]) -> list[str]:
    """The lines that bring in what the tests use."""
    ours = {(module, target.import_name)}
    ours |= {(one.module, one.error) for one in seen if one.kind == "raises" and one.module != "builtins"}
    pytest = any(one.kind == "raises" or one.is_float for one in seen)
    lines = ["import re", "", "import pytest", ""] if any(one.kind == "raises" and one.words for one in seen) else []
    lines = lines or (["import pytest", ""] if pytest else [])
    return [*lines, *(f"from {where} import {name}" for where, name in sorted(ours))]


def one_test(target: CallTarget, number: int, seen: CallResult) -> str:
    """One test."""
    name = f"def test_{target.name.strip('_').lower()}_{number}():  # {FROM[seen.trial.source]}"
    if seen.trial.wanted and seen.words != seen.trial.wanted:
        name += f", which says {seen.trial.wanted}"
    if seen.kind == "raises":
        match = f", match=re.escape({seen.words[:MOST_SAID]!r})" if seen.words else ""
        return f"{name}\n    with pytest.raises({seen.error}{match}):\n        {seen.call}"
    if seen.is_float and seen.literal and "." in seen.words:
        return f"{name}\n    assert {seen.call} == pytest.approx({seen.words})"
    if seen.words in ("None", "True", "False"):
        return f"{name}\n    assert {seen.call} is {seen.words}"
    told = f"{seen.call} == {seen.words}" if seen.literal else f"repr({seen.call}) == {seen.words!r}"
    return f"{name}\n    assert {told}"


def draft_file(target: CallTarget, module: str, trials: Sequence[Trial], place: str) -> str:
    """The same before anything ran: only what docstrings say is asserted."""
    head = f'"""A draft for `{target.call_name}` ({place}). Nothing of it was run."""'
    tests = [
        f"def test_{target.name.strip('_').lower()}_{n}():  # {FROM[trial.source]}\n    "
        + (f"assert {trial.call} == {trial.wanted}" if trial.wanted else f"{trial.call}  # gives what? A run tells")
        for n, trial in enumerate(trials, start=1)
    ]
    return "\n".join([head, "", f"from {module} import {target.import_name}", "", "", "\n\n\n".join(tests)])


MOST_FILES, MOST_BYTES = 2_000, 12_000_000  # of a package that are copied
MOST_TESTS = 10
MOST_DEEP = 4  # folders between a file and where imports start
PROBES = (False, True, True, True)  # one here and now, three elsewhere: chance seldom falls the same way four times
DRAWS = LineSampling(temperatures=(0.4, 0.6, 0.8), begun=(), most=32)  # of calls that the language model proposes
INIT = "__init__.py"


class ProbeRunner(Protocol):
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
    runs: ProbeRunner | None,
    propose: Callable[[Region], Sequence[str]],
) -> WrittenTests:
    """A test file for the function that a region defines; without `runs` a draft. `propose` gives calls."""
    assert region.symbol is not None, "a definition"
    try:
        source = text_of(region.source.path)
    except (DeepSeekMMError, OSError) as error:
        return no_tests(f"its file cannot be read now: {error}")
    found = target_of(source, region.symbol.path)
    if found is None or not region.source.path.endswith(".py"):
        return no_tests("it is no function or method of Python that a test could call")
    target, node = found
    if isinstance(node, ast.AsyncFunctionDef):
        return no_tests("it is asynchronous, and tests of such are not written yet")
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


def no_tests(why: str) -> WrittenTests:
    """Where there is nothing to try."""
    return WrittenTests(text="", verified=False, why_not=why)


def seen_twice(
    target: CallTarget,
    package: CodePackage,
    tried: Sequence[Trial],
    place: str,
    *,
    runs: ProbeRunner,
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
