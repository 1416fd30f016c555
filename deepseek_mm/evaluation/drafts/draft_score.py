"""`eval test-drafts`: tests that are written for functions of packages nobody looked at, and the faults they notice.

Functions are drawn by a hash of a seed and their names. Each is asked a test for as the page asks: from a library that
holds its package, with leave to run. A draft counts where it was seen to pass, passes twice more, and fails for at
least one mutant of the function. Everything of the package runs in the sandbox alone.

The packages are downloaded once by pip into `--work`, at the versions that `packages.json` names.
"""

import ast
import hashlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from deepseek_mm.answering.drafts.code_package import COPIED, files_of, package_of, read_text
from deepseek_mm.answering.drafts.test_writer import (
    ProbeRunner,
    WrittenTests,
    pack_task,
    read_program,
    read_told,
    try_out,
)
from deepseek_mm.config import IndexConfig, SandboxConfig
from deepseek_mm.errors import ConfigError, MissingPackage
from deepseek_mm.evaluation.drafts.mutants import list_changes, make_mutants
from deepseek_mm.parse.code.pieces import module_name, split
from deepseek_mm.parse.packages import SKIPPED
from deepseek_mm.sandbox.records import Ran
from deepseek_mm.sandbox.run import Sandbox
from index import Region, Source
from index.store import RegionStore

LIST = Path(__file__).with_name("packages.json")
EACH = 10  # functions of a package
LEAST_LINES = 3  # of a body without its docstring
MOST_CHARS = 400_000  # of a file
OUTCOMES = ("kills", "survived", "red", "not run", "no draft")
RUN_S, MEMORY_MB, OUTPUT_BYTES = 60.0, 2_000, 20_000_000  # of one program
NOWHERE = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class DrawnFunction:
    """A function that a test is asked for."""

    package: str
    file: Path
    path: str  # "Order.total"

    @property
    def name(self) -> str:
        """What the draw and the seed of its mutants go by."""
        return f"{self.package}:{self.file.name}:{self.path}"


@dataclass(frozen=True, kw_only=True, slots=True)
class DraftScore:
    """How the tests of one function did."""

    package: str
    name: str
    outcome: str  # one of OUTCOMES
    why: str = ""
    tests: int = 0
    mutants: int = 0
    killed: int = 0


@dataclass(frozen=True, slots=True)
class DraftReport:
    """All functions."""

    rows: tuple[DraftScore, ...]

    @property
    def share(self) -> float:
        """Of the functions, for which a draft passes twice and notices a fault."""
        return share_of(self.rows)

    def json(self) -> str:
        """The figures as one line of JSON."""
        packages = dict.fromkeys(row.package for row in self.rows)
        own = {name: [row for row in self.rows if row.package == name] for name in packages}
        tried = [row for row in self.rows if row.mutants]
        return json.dumps(
            {
                "functions": len(self.rows),
                "share": round(self.share, 4),
                "outcomes": dict(Counter(row.outcome for row in self.rows)),
                "reasons": dict(Counter(shorten_reason(row) for row in self.rows if row.outcome != "kills")),
                "mean_killed": round(sum(r.killed for r in tried) / len(tried), 2) if tried else 0.0,
                "share_killed": round(sum(r.killed for r in tried) / max(1, sum(r.mutants for r in tried)), 4),
                "mean_tests": round(sum(r.tests for r in tried) / len(tried), 2) if tried else 0.0,
                "packages": {name: round(share_of(rows), 4) for name, rows in own.items()},
            }
        )

    def table(self) -> str:
        """A table for people: a line a package."""
        lines = []
        for name in dict.fromkeys(row.package for row in self.rows):
            rows = [row for row in self.rows if row.package == name]
            killed, mutants = sum(row.killed for row in rows), sum(row.mutants for row in rows)
            counts = "".join(f"{sum(row.outcome == outcome for row in rows):>10}" for outcome in OUTCOMES)
            lines.append(f"{name:<20}{counts}{killed:>8} of {mutants}")
        head = f"{'':<20}{''.join(f'{outcome:>10}' for outcome in OUTCOMES)}{'killed':>8}"
        return "\n".join([head, *lines, f"{self.share:.1%} of {len(self.rows)} functions"])

    def lines(self) -> Iterator[str]:
        """A line of JSON a function, for development."""
        for row in self.rows:
            told = {"name": row.name, "outcome": row.outcome, "why": row.why, "tests": row.tests}
            yield json.dumps({**told, "mutants": row.mutants, "killed": row.killed})


def share_of(rows: Sequence[DraftScore]) -> float:
    """Of these, for which a fault was noticed."""
    return sum(row.outcome == "kills" for row in rows) / len(rows) if rows else 0.0


def shorten_reason(row: DraftScore) -> str:
    """The outcome, and of an error its kind."""
    words = row.why.split(":")[0].split(",")[0][:60]
    return f"{row.outcome}: {words}" if words else row.outcome


def list_packages(split_name: str, file: Path = LIST) -> list[str]:
    """Requirements of a part, "test" or "dev". ConfigError for another one."""
    parts = json.loads(file.read_text(encoding="utf-8"))
    if split_name not in parts:
        raise ConfigError(f"test-drafts has no split {split_name!r}. Use {' or '.join(parts)}")
    return list(parts[split_name])


def fetch_package(requirement: str, work: Path) -> Path:
    """The folder that it is installed in, downloaded once. MissingPackage: pip cannot get it."""
    folder = work / requirement.replace("==", "-")
    if not (folder / ".whole").is_file():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--upgrade"]
        done = subprocess.run([*command, "--target", str(folder), requirement], capture_output=True, check=False)
        if done.returncode:
            raise MissingPackage(requirement, needed_for="eval test-drafts", extra="dev")
        (folder / ".whole").touch()
    return folder


def draw_functions(package: str, folder: Path, seed: int, count: int = EACH) -> list[DrawnFunction]:
    """So many public functions and methods, the same ones for a seed."""
    found = [one for path in sorted(folder.rglob("*.py")) for one in list_public(package, path, folder)]
    return sorted(found, key=lambda one: hashlib.sha256(f"{seed}:{one.name}".encode()).digest())[:count]


def list_public(package: str, file: Path, folder: Path) -> Iterator[DrawnFunction]:
    """The functions of a file that a user of the package may call, and that a fault can be put into."""
    parts = file.relative_to(folder).with_suffix("").parts
    hidden = [part for part in parts if part.startswith("_") and part != "__init__"]
    if hidden or not SKIPPED.isdisjoint(parts) or any("test" in part for part in parts) or "bin" in parts:
        return
    text = file.read_text(encoding="utf-8", errors="replace")
    try:
        tree = ast.parse(text if len(text) <= MOST_CHARS else "")
    except (SyntaxError, ValueError):
        return
    for node in tree.body:
        is_open = isinstance(node, ast.ClassDef) and not node.name.startswith("_")
        for each in node.body if isinstance(node, ast.ClassDef) and is_open else [node]:
            if isinstance(each, ast.FunctionDef) and is_worth_it(each):
                holder = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
                yield DrawnFunction(package, file, f"{holder}{each.name}")


def is_worth_it(node: ast.FunctionDef) -> bool:
    """Public, of some lines, with something that can be wrong, and neither abstract nor an overload."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    marks = " ".join(ast.unparse(mark) for mark in node.decorator_list)
    if node.name.startswith("_") or not body or "abstract" in marks or "overload" in marks or ".setter" in marks:
        return False
    lines = (body[-1].end_lineno or 0) - body[0].lineno + 1
    return lines >= LEAST_LINES and next(list_changes(node), None) is not None


def fill_store(store: RegionStore, folder: Path) -> None:
    """The package's code as a library has it, without vectors."""
    for path in sorted(each for each in folder.rglob("*") if each.suffix in COPIED):
        text = path.read_text(encoding="utf-8", errors="replace")
        digest = hashlib.sha256(str(path).encode() + text.encode()).hexdigest()
        language = "python" if path.suffix == ".py" else path.suffix[1:]
        source = Source(path=str(path), kind="code", format=language, digest=digest)
        regions = [Region(source=source, kind="code", box_px=NOWHERE, text=path.name)]
        if language == "python":
            pieces = split(text, language, name=module_name(str(path)), most=2_000)
            regions = [
                Region(source=source, kind="code", box_px=NOWHERE, text=p.text, lines=p.lines, symbol=p.symbol)
                for p in pieces
            ] or regions
        store.add(source, regions, np.ones((len(regions), 1), np.float32))


def evaluate_test_drafts(
    requirements: Sequence[str],
    work: Path,
    runs: ProbeRunner,
    *,
    seed: int = 0,
    each: int = EACH,
    note: Callable[[str], None] = lambda text: None,
) -> DraftReport:
    """Draw functions of each package, write tests for them, and try those on mutants."""
    rows = list[DraftScore]()
    for requirement in requirements:
        folder = fetch_package(requirement, work).absolute()
        name = requirement.partition("==")[0]
        drawn = draw_functions(name, folder, seed, each)
        note(f"{name}: {len(drawn)} functions")
        with (
            TemporaryDirectory() as place,
            RegionStore(Path(place), space_name="x", fingerprint="0" * 64, dim=1, config=IndexConfig()) as store,
        ):
            fill_store(store, folder)
            rows += [score_function(one, store, runs, seed) for one in drawn]
    return DraftReport(tuple(rows))


def score_function(one: DrawnFunction, store: RegionStore, runs: ProbeRunner, seed: int) -> DraftScore:
    """Write its tests and try them."""
    region = find_region(one, store)
    if region is None:
        return DraftScore(package=one.package, name=one.name, outcome="no draft", why="not in the library")
    made = try_out(region, store, runs, lambda region: ())
    if not made.verified:
        outcome = "not run" if made.text else "no draft"
        return DraftScore(package=one.package, name=one.name, outcome=outcome, why=made.why_not)
    return try_on_mutants(one, made, store, runs, seed)


def find_region(one: DrawnFunction, store: RegionStore) -> Region | None:
    """The piece of the library that defines it."""
    found = [region for region in store.symbols(one.path) if region.source.path == str(one.file)]
    return next((region for region in found if region.symbol and region.symbol.path == one.path), None)


def try_on_mutants(
    one: DrawnFunction, made: WrittenTests, store: RegionStore, runs: ProbeRunner, seed: int
) -> DraftScore:
    """Twice as it is, then with one fault after the other."""
    path = str(one.file)
    source = read_text(path)
    package = package_of(path, source, store)
    files = files_of(package, path, source, store)
    place = next(name for name, text in files.items() if text == source and path.endswith(name))
    mutants = make_mutants(source, one.path, f"{seed}:{one.name}")
    variants: list[dict[str, str]] = [{}, {}, *({place: mutant.text} for mutant in mutants)]
    ran = runs(read_program(), text=pack_task("prove", files, test=made.text, variants=variants))
    told = (read_told(ran.stdout) or {}).get("variants")
    results = [is_green(result) for result in told] if isinstance(told, list) else []
    return score_results(one, results, made.count, why=ran.ended_by)


def is_green(result: object) -> bool:
    """Did tests run, and all of them pass?"""
    return isinstance(result, dict) and result.get("failed") == [] and bool(result.get("ran"))


def score_results(one: DrawnFunction, results: Sequence[bool], tests: int, why: str = "") -> DraftScore:
    """Of two runs of the code as it is, and one a mutant: whether all tests passed."""
    if len(results) < 2 or not all(results[:2]):
        return DraftScore(package=one.package, name=one.name, outcome="red", why=why or "fails when run again")
    killed = results[2:].count(False)
    return DraftScore(
        package=one.package,
        name=one.name,
        outcome="kills" if killed else "survived",
        tests=tests,
        mutants=len(results) - 2,
        killed=killed,
    )


def open_runner(config: SandboxConfig) -> ProbeRunner:
    """The sandbox, with time for a dozen mutants in one program."""
    sandbox = Sandbox(replace(config, seconds=RUN_S, memory_mb=MEMORY_MB, output_bytes=OUTPUT_BYTES))

    def run(code: str, *, text: str) -> Ran:
        return sandbox.run(code, text=text)

    return run
