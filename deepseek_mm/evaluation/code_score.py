"""`eval code`: programs that a language model writes, and lines that it fills in, run against tests in the sandbox.

As many programs run side by side as there are processors. Tasks whose own solution does not pass here are left out
and counted: they measure this machine, not the model. pass@k is the unbiased estimate of Chen et al.
(arXiv:2107.03374), equation 1. A journal of JSON lines lets a run that was cut off go on where it was. Tasks are
in the shapes of HumanEval (Chen et al., arXiv:2107.03374) and MBPP (Austin et al., 2108.07732).
"""

import gzip
import json
import math
import os
import re
import threading
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from threading import Lock
from typing import Any

from deepseek_mm.config import SandboxConfig
from deepseek_mm.errors import BadFile, ConfigError, NothingThere
from deepseek_mm.lm.engine.sampling import Sampling
from deepseek_mm.lm.generator import TextCompleter
from deepseek_mm.lm.infilling import Gap, LineSampling, fill, first_of

SHAPES = "{task_id, prompt, canonical_solution, test, entry_point} or {task_id, text, code, test_list}"
OVER = ("\n#", "\nif __name__", "\nprint(", "\nassert ", '\n"""', "\n```")  # what follows is no solution any more
NEXT = ("\ndef ", "\nclass ", "\n@")  # nor this, where the solution began in the prompt
SIGNATURE = re.compile(r"\s*(async )?def |\s*class |\s*@|\s*(import|from) ")


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeTask:
    """What is to be written, and how it is known to be right."""

    name: str
    prompt: str  # what a model goes on from
    head: str  # what stands before its words when they are run
    solution: str  # a right one, in the place of its words
    tests: str  # raise where it is wrong
    stops: tuple[str, ...] = OVER  # where its words end

    def program(self, words: str) -> str:
        """The program that is run."""
        return f"{self.head}{words}\n\n{self.tests}\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Hole:
    """A solution with a line taken out."""

    task: CodeTask
    number: int  # of the line in the solution, from 0
    before: str
    line: str
    after: str

    @property
    def name(self) -> str:
        """Of the task and the line."""
        return f"{self.task.name}:{self.number}"

    def program(self, line: str) -> str:
        """What is run with another line in its place."""
        return f"{self.before}{line}{self.after}\n\n{self.task.tests}\n"


def read_tasks(file: Path, *, first: int = 0, last: int = 10**9) -> list[CodeTask]:
    """Every task of a file, plain or packed with gzip, whose number lies between `first` and `last`.

    NothingThere: there is no file, or no task of these. BadFile names the line that is no task.
    """
    if not file.is_file():
        raise NothingThere(f"no file {file}. Give a JSONL file of rows {SHAPES} with --data")
    tasks = []
    for number, line in enumerate(read_lines(file), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            name = str(row["task_id"])
            if first <= parse_number(name) <= last:
                tasks.append(
                    parse_humaneval(name, row) if "prompt" in row and "entry_point" in row else parse_mbpp(name, row)
                )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            told = f"{type(error).__name__}: {error}"
            raise BadFile(f"{file}, line {number} is no row {SHAPES} ({told}). Mend or remove it") from error
    if not tasks:
        raise NothingThere(f"no task from {first} to {last} in {file}. Leave --first and --last out, or give others")
    return tasks


def read_lines(file: Path) -> list[str]:
    """BadFile if it is no text."""
    data = file.read_bytes()
    try:
        return (gzip.decompress(data) if file.suffix == ".gz" else data).decode("utf-8").split("\n")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise BadFile(f"{file} is no text in UTF-8, or not whole: {error}. Copy it again") from error


def parse_number(name: str) -> int:
    """The number in a task's name, such as HumanEval/7; 0 where there is none."""
    found = re.findall(r"\d+", name)
    return int(found[-1]) if found else 0


def parse_humaneval(name: str, row: dict[str, Any]) -> CodeTask:
    """Its prompt is a signature with a docstring; its test a function that is handed what was written."""
    prompt, entry = get_text(row, "prompt"), get_text(row, "entry_point")
    return CodeTask(
        name=name,
        prompt=prompt,
        head=prompt,
        solution=get_text(row, "canonical_solution"),
        tests=f"{get_text(row, 'test')}\n\ncheck({entry})",
        stops=OVER + NEXT,
    )


def parse_mbpp(name: str, row: dict[str, Any]) -> CodeTask:
    """Its text and tests are shown as a docstring, as in Fried et al. (arXiv:2204.05999), appendix; all is written."""
    tests = row["test_list"]
    if not (isinstance(tests, list) and tests and all(isinstance(each, str) for each in tests)):
        raise TypeError("test_list must be a list of texts")
    text = get_text(row, "text" if "text" in row else "prompt")
    setup = row.get("test_setup_code") or "\n".join(row.get("test_imports") or ())
    shown = "\n".join([text.strip(), *tests])
    return CodeTask(
        name=name,
        prompt=f'"""\n{shown}\n"""\n',
        head=f'"""{text.strip()}"""\n',
        solution=normalize_code(get_text(row, "code")),
        tests="\n".join([normalize_code(setup), *tests]),
    )


def get_text(row: dict[str, Any], name: str) -> str:
    """A field that must be a text."""
    value = row[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a text, and is {value!r}"[:200])
    return value


def normalize_code(code: str) -> str:
    """One kind of line end, spaces for tabs, nothing behind lines."""
    lines = code.replace("\r\n", "\n").replace("\t", "    ").strip("\n").split("\n")
    return "\n".join(line.rstrip() for line in lines)


def cut_holes(task: CodeTask, *, most: int, seed: int) -> list[Hole]:
    """Holes in a solution: `most` of its lines, drawn by chance, 0 is all; in order.

    No line is taken that is empty, a comment, a decorator, an import, or the beginning of a function or class.
    """
    lines = task.solution.split("\n")
    fit = [n for n, line in enumerate(lines) if is_askable_line(line)]
    chosen = sorted(Random(f"{seed} {task.name}").sample(fit, min(most or len(fit), len(fit))))
    return [cut_hole(task, lines, number) for number in chosen]


def is_askable_line(line: str) -> bool:
    """Whether a line is worth asking for."""
    text = line.strip()
    return bool(text) and not text.startswith(("#", '"""', "'''")) and SIGNATURE.match(line) is None


def cut_hole(task: CodeTask, lines: list[str], number: int) -> Hole:
    """The whole line is missing, with its indentation, but for its end."""
    before = task.head + "".join(f"{line}\n" for line in lines[:number])
    after = "".join(f"\n{line}" for line in lines[number + 1 :])
    return Hole(task=task, number=number, before=before, line=lines[number], after=after)


def cut_all_holes(tasks: list[CodeTask], *, most: int, seed: int) -> Iterator[Hole]:
    """Of every task."""
    for task in tasks:
        yield from cut_holes(task, most=most, seed=seed)


HOW = "how"  # key of the first line, which says under which settings the others were made
Row = dict[str, Any]


@dataclass(kw_only=True)
class ResultJournal:
    """Rows by name, in a file or, without one, only here. May be used from several threads."""

    rows: dict[str, Row] = field(default_factory=dict)
    file: Path | None = None
    lock: Lock = field(default_factory=Lock)

    def get(self, name: str) -> Row | None:
        """What was found out under this name; None: nothing yet."""
        with self.lock:
            return self.rows.get(name)

    def record(self, name: str, row: Row) -> Row:
        """Write a row under its name, and return it."""
        with self.lock:
            self.rows[name] = row
            if self.file is not None:
                with self.file.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"name": name, **row}) + "\n")
        return row


def open_journal(file: Path | None, how: Row) -> ResultJournal:
    """What a file remembers. A last line that was cut off counts as not written.

    ConfigError: it was made under other settings.
    """
    if file is None:
        return ResultJournal()
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    rows = [row for row in map(read_row, lines) if row is not None]
    if not rows:
        file.write_text(json.dumps({HOW: how}) + "\n", encoding="utf-8")
        return ResultJournal(file=file)
    if rows[0].get(HOW) != how:
        raise ConfigError(f"{file} was made with {rows[0].get(HOW)}, and this run has {how}. Name another with --keep")
    return ResultJournal(file=file, rows={row.pop("name"): row for row in rows[1:] if "name" in row})


def read_row(line: str) -> Row | None:
    """A line's object; None if it is none."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


WAYS = ("filled", "greedy", "left out")  # a line chosen by what comes after, the likeliest one, and none
KS = (1, 2, 5, 10, 100)
LONGEST = 384  # tokens of a program
SIDE_BY_SIDE = 8  # programs that are written at once
SECONDS = 5.0  # that a program may run
MEMORY_MB = 500
Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class PassRate:
    """How many of how many."""

    passed: int
    n: int

    @property
    def percent(self) -> float:
        """NaN of none."""
        return 100 * self.passed / self.n if self.n else math.nan

    @property
    def error(self) -> float:
        """Standard error, in points."""
        share = self.passed / self.n if self.n else math.nan
        return 100 * math.sqrt(share * (1 - share) / self.n) if self.n else math.nan

    def describe(self) -> str:
        """A table for people."""
        return f"{self.percent:5.1f} % (+- {self.error:.1f}; {self.passed} of {self.n})"

    def figures(self) -> Row:
        """The figures by name, for machines."""
        return {"percent": round(self.percent, 2), "error": round(self.error, 2), "passed": self.passed, "n": self.n}


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeReport:
    """All of a file."""

    model: str
    unfit: tuple[str, ...]  # tasks whose own solution does not pass here
    pass_1: PassRate  # the likeliest program
    pass_k: Mapping[int, float]  # percent, of drawn ones
    drawn: int  # programs a task
    lines: Mapping[str, PassRate]  # a line taken out: filled in, the likeliest without looking ahead, and left out

    def table(self) -> str:
        """A table for people."""
        rows = [f"{self.model}; {len(self.unfit)} tasks left out, whose own solution does not pass here"]
        if self.pass_1.n:
            rows.append(f"{'whole program, pass@1, greedy':<44}{self.pass_1.describe()}")
        rows += [f"{f'pass@{k} of {self.drawn} drawn':<44}{score:5.1f} %" for k, score in self.pass_k.items()]
        rows += [f"{f'single line, {name}':<44}{share.describe()}" for name, share in self.lines.items()]
        return "\n".join(rows)

    def json(self) -> str:
        """The figures as one line of JSON."""
        return json.dumps(
            {
                "model": self.model,
                "unfit": list(self.unfit),
                "pass@1": self.pass_1.figures() if self.pass_1.n else None,
                "pass@k": {str(k): round(score, 2) for k, score in self.pass_k.items()},
                "drawn": self.drawn,
                "single_line": {name: share.figures() for name, share in self.lines.items()},
            }
        )


@dataclass(frozen=True, kw_only=True)
class CodeBench:
    """Model, sandbox and journal of one measurement of code."""

    lm: TextCompleter
    runs: "SandboxRunner"
    journal: ResultJournal
    progress: Progress
    draws: LineSampling = LineSampling()

    def fit(self, tasks: Sequence[CodeTask]) -> list[CodeTask]:
        """The tasks whose own solution passes here."""
        rows = self._each(
            "fit",
            [(task.name, task) for task in tasks],
            lambda task: self._run(["passes"], [task.program(task.solution)]),
        )
        return [task for task, row in zip(tasks, rows, strict=True) if row["passes"]]

    def whole(self, tasks: Sequence[CodeTask], *, drawn: int, temperature: float) -> list[Row]:
        """{"greedy": bool, "drawn": passes} of each task."""

        def one(task: CodeTask) -> Row:
            samplings = [program_sampling(task, 0.0, None)]
            samplings += [program_sampling(task, temperature, n + 1) for n in range(drawn)]
            words = self._write_programs(task, samplings)
            first, *others = self.runs.passes([task.program(each) for each in words])
            return {"greedy": first, "drawn": sum(others), "words": words[0]}

        return self._each("whole", [(task.name, task) for task in tasks], one)

    def lines(self, holes: Sequence[Hole]) -> list[Row]:
        """{"filled", "greedy", "left out": bool} of each hole."""

        def one(hole: Hole) -> Row:
            found = fill(
                self.lm, Gap(before=hole.before, after=hole.after), self.draws, stop=threading.Event(), spent=[]
            )
            lines = [found[0].text if found else "", first_of(found), ""]
            told = self._run(["filled", "greedy", "left out"], [hole.program(line) for line in lines])
            return told | {"line": lines[0], "wanted": hole.line}

        return self._each("line", [(hole.name, hole) for hole in holes], one)

    def _write_programs(self, task: CodeTask, samplings: Sequence[Sampling]) -> list[str]:
        """A function that is gone on with is shown without its last new line: the token behind a line holds that and
        the spaces of the next one, and no model has seen it parted.
        """
        shown, stop = task.prompt.rstrip("\n") if task.prompt == task.head else task.prompt, threading.Event()

        def write_one(each: Sampling) -> str:
            words = "".join(self.lm.write(shown, each, stop=stop, spent=[]))
            return words.removeprefix(task.prompt[len(shown) :])

        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            return list(pool.map(write_one, samplings))

    def _run(self, names: Sequence[str], programs: Sequence[str]) -> Row:
        return dict(zip(names, self.runs.passes(programs), strict=True))

    def _each(self, kind: str, named: Sequence[tuple[str, Any]], one: Callable[[Any], Row]) -> list[Row]:
        """What is known of each, or is found out now."""
        rows = []
        for number, (name, what) in enumerate(named):
            key = f"{kind} {name}"
            rows.append(self.journal.get(key) or self.journal.record(key, one(what)))
            if (number + 1) % 20 == 0 or number + 1 == len(named):
                self.progress(f"{kind}: {number + 1} of {len(named)}")
        return rows


class SandboxRunner:
    """Runs programs in the sandbox, as many side by side as there are processors."""

    def __init__(self, config: SandboxConfig) -> None:
        from deepseek_mm.sandbox.run import Sandbox

        cores = os.cpu_count() or 1
        config = replace(config, seconds=SECONDS, memory_mb=MEMORY_MB, at_once=cores)
        self._sandbox, self._pool = Sandbox(config), ThreadPoolExecutor(cores)

    def passes(self, programs: Sequence[str]) -> list[bool]:
        """Of each program, in order, whether it ends well."""
        return list(self._pool.map(lambda each: self._sandbox.run(each).is_success, programs))


def evaluate_code(
    bench: CodeBench,
    tasks: Sequence[CodeTask],
    holes: Callable[[list[CodeTask]], Iterable[Hole]],
    *,
    parts: Collection[str] = ("lines", "programs"),
    drawn: tuple[int, float] = (0, 0.6),
) -> CodeReport:
    """A line filled into each hole, whole programs, or both. `drawn`: how many more of these a task, and how hot."""
    number, heat = drawn
    with ignore_warnings():
        fit = bench.fit(tasks)
        lines = bench.lines(list(holes(fit))) if "lines" in parts else []
        whole = bench.whole(fit, drawn=number, temperature=heat) if "programs" in parts else []
    ks = [k for k in KS if k <= number and whole]
    return CodeReport(
        model=bench.lm.name,
        unfit=tuple(task.name for task in tasks if task not in fit),
        pass_1=make_rate([row["greedy"] for row in whole]),
        pass_k={k: 100 * sum(pass_at_k(number, row["drawn"], k) for row in whole) / len(whole) for k in ks},
        drawn=number,
        lines={name: make_rate([row[name] for row in lines]) for name in WAYS},
    )


def make_rate(passed: Sequence[bool]) -> PassRate:
    """How many of them are true."""
    return PassRate(passed=sum(passed), n=len(passed))


def pass_at_k(n: int, c: int, k: int) -> float:
    """Probability that one of k programs passes, estimated without bias from n of which c pass. Chen et al., eq. 1."""
    assert 0 <= c <= n, "no more programs pass than there are"
    assert 1 <= k <= n, "k programs are drawn of n"
    return 1.0 if n - c < k else 1.0 - math.prod(1.0 - k / i for i in range(n - c + 1, n + 1))


def program_sampling(task: CodeTask, temperature: float, seed: int | None) -> Sampling:
    """How a program is drawn."""
    return Sampling(temperature=temperature, seed=seed, top_p=0.95, max_tokens=LONGEST, stop=task.stops)


@contextmanager
def ignore_warnings() -> Iterator[None]:
    """What models write may make Python warn of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
