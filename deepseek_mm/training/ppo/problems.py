"""Puzzles, places in tested functions where lines are to be written, and the judge that runs and rewards answers.

A problem is a function with tests; several puzzles are cut out of one. Whether a problem may be learned from is decided
by the corpus's split, so that the test problems were unseen by the language model's own training as well. Tests are no
part of the prompt: a model cannot read what it will be asked. The same completion of the same puzzle is never run
twice: most of a round's two thousand candidates are copies. A reward is a little for being Python, most for passing
tests, some for being new once all of them pass; nothing depends on what the program prints.
"""

import ast
import json
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from difflib import SequenceMatcher
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from deepseek_mm.config import SandboxConfig
from deepseek_mm.errors import BadFile, NothingThere
from deepseek_mm.evaluation.code_score import CodeTask, is_askable_line, read_tasks
from deepseek_mm.lm.tokenizer import Tokenizer
from deepseek_mm.sandbox.run import Sandbox
from deepseek_mm.storage.files import atomic_write
from deepseek_mm.training.corpus.items import FIRST_MBPP, LAST_MBPP, choose_split
from deepseek_mm.training.ppo import sandbox_program

OPENS = re.compile(r"\s*(for|with|try|except|finally|else)\b")  # these make names, or are no line by themselves
BOUND = re.compile(r"\s*([\w\s,()]+?)\s*=(?!=)")
LONGEST_PROMPT, LONGEST_ANSWER = 96, 24  # tokens; the answer's last one is the line end that says it is over
EASY = 10  # tokens of a line's answer, up to which it is easy
EASY_LEVEL, LINE_LEVEL, BODY_LEVEL = 1, 2, 3
MOST_OF_ONE = 6  # puzzles of one problem
PLACEHOLDER = "pass"  # where a line is left out


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeProblem:
    """A function with its tests."""

    name: str  # "mbpp 511", or a package's function
    source: str  # by which the split goes: the problem itself, or the package it is from
    head: str  # what is told before it: a sentence, imports
    code: str
    tests: tuple[str, ...]

    @property
    def may_be_learned(self) -> bool:
        """Whether it may be learned from; the others are for tests alone."""
        return choose_split(self.source) == "train"


@dataclass(frozen=True, kw_only=True, slots=True)
class Puzzle:
    """One gap."""

    name: str  # of the problem, and where the gap is
    problem: str
    seen: bool  # may be learned from
    level: int  # 1 a short line, 2 a line, 3 the lines that are left of a function
    prompt: str  # what stands before; it ends with a letter, as the model's tokens want it
    answer: str  # a right one, with the line end and the spaces before it
    after: str  # what stands behind
    tests: tuple[str, ...]

    def program(self, text: str) -> str:
        """What is run with a text in the gap."""
        return f"{self.prompt}{text}{self.after}\n"

    @property
    def empty_answer(self) -> str:
        """A text that fills the gap with nothing."""
        spaces = self.answer[: len(self.answer) - len(self.answer.lstrip())]
        return spaces + PLACEHOLDER

    def cut(self, text: str) -> str:
        """As much of what was written as belongs into the gap: one line, or all lines that are indented."""
        lines = text.split("\n")
        first = next((n for n, line in enumerate(lines) if line.strip()), len(lines) - 1)
        last = first + 1
        while self.level == BODY_LEVEL and last < len(lines) and (not lines[last] or lines[last][0] == " "):
            last += 1
        return "\n".join(lines[:last]).rstrip()

    def is_over(self, text: str) -> bool:
        """Whether what was written goes beyond the gap already."""
        body = text.lstrip()
        if self.level != BODY_LEVEL:
            return "\n" in body
        return "\n\n" in body or any(line and line[0] != " " for line in body.split("\n")[1:])


def read_mbpp(file: Path) -> list[CodeProblem]:
    """MBPP's tasks 511 to 974; the others are for judging models and are not read."""
    tasks = read_tasks(file, first=FIRST_MBPP, last=LAST_MBPP)
    return [make_problem(task) for task in tasks]


def make_problem(task: CodeTask) -> CodeProblem:
    """Its sentence is the head; tests that share a line of preparation each get it."""
    setup, tests = split_assertions(task.tests)
    return CodeProblem(
        name=f"mbpp {task.name}",
        source=f"mbpp {task.name}",
        head=task.head,
        code=task.solution,
        tests=tuple(f"{setup}{test}" for test in tests),
    )


def split_assertions(text: str) -> tuple[str, list[str]]:
    """What comes before the first assertion, and the assertions."""
    lines = text.strip().split("\n")
    starts = [n for n, line in enumerate(lines) if line.startswith("assert")] or [0]
    setup = "".join(f"{line}\n" for line in lines[: starts[0]])
    ends = [*starts[1:], len(lines)]
    return setup, ["\n".join(lines[a:b]) for a, b in zip(starts, ends, strict=True)]


def make_puzzles(problem: CodeProblem, tokenizer: Tokenizer, *, seed: int = 0) -> list[Puzzle]:
    """Some of a problem's gaps that are small enough, by chance: lines, and all that is left of a function."""
    lines = problem.code.split("\n")
    said = [n for n, line in enumerate(lines) if is_askable_line(line) and line[:1] == " "]
    spots = [(n, n + 1) for n in said if n + 1 < len(lines) and binds_nothing_new(lines, n)]
    if said and sum(line.startswith("def ") for line in lines) == 1:
        spots += [(n, len(lines)) for n in said]
    Random(f"{seed} {problem.name}").shuffle(spots)
    made = (make_gap(problem, lines, spot) for spot in spots)
    return [puzzle for found in made if (puzzle := measure_gap(found, tokenizer))][:MOST_OF_ONE]


def binds_nothing_new(lines: Sequence[str], number: int) -> bool:
    """Whether a line makes no name that was not there: what it is to be called stands behind the gap, unseen."""
    if OPENS.match(lines[number]):
        return False
    found = BOUND.match(lines[number])
    return found is None or all(
        re.search(rf"\b{name}\b", "\n".join(lines[:number])) for name in re.findall(r"\w+", found[1])
    )


def make_gap(problem: CodeProblem, lines: Sequence[str], spot: tuple[int, int]) -> Puzzle:
    """The lines of the spot are taken out. Its level is not known yet where it is one line."""
    start, end = spot
    before = (problem.head + "".join(f"{line}\n" for line in lines[:start])).rstrip()
    body = end - start > 1
    return Puzzle(
        name=f"{problem.name}:{start}" + (f"-{end}" if body else ""),
        problem=problem.name,
        seen=problem.may_be_learned,
        level=BODY_LEVEL if body else LINE_LEVEL,
        prompt=before,
        answer="\n" + "\n".join(lines[start:end]),
        after="".join(f"\n{line}" for line in lines[end:]),
        tests=problem.tests,
    )


def measure_gap(puzzle: Puzzle, tokenizer: Tokenizer) -> Puzzle | None:
    """The same with its level; None if it is too long, or if tokens reach across the gap's edge."""
    prompt, answer = encode_gap(puzzle, tokenizer)
    if not answer or len(prompt) > LONGEST_PROMPT or len(answer) > LONGEST_ANSWER:
        return None
    easy = puzzle.level == LINE_LEVEL and len(answer) <= EASY
    return replace(puzzle, level=EASY_LEVEL) if easy else puzzle


def encode_gap(puzzle: Puzzle, tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """Tokens of the prompt and of the right answer with the line end that ends it; no answer if they share a token."""
    prompt = tokenizer(puzzle.prompt)["input_ids"]
    behind = puzzle.after.lstrip("\n") and puzzle.after or "\n\n\n"
    whole = tokenizer(puzzle.prompt + puzzle.answer + behind)["input_ids"]
    told = len(tokenizer(puzzle.prompt + puzzle.answer)["input_ids"])
    return prompt, whole[len(prompt) : told + 1] if whole[: len(prompt)] == prompt else []


def write_records(path: Path, rows: Iterable[CodeProblem | Puzzle]) -> None:
    """One a line."""
    atomic_write(path, "".join(json.dumps(asdict(row)) + "\n" for row in rows).encode())


Row = TypeVar("Row", CodeProblem, Puzzle)


def read_records(path: Path, kind: type[Row]) -> list[Row]:
    """Every row of a file that `write_records` wrote. NothingThere, or BadFile."""
    if not path.is_file():
        raise NothingThere(f"no file {path}. Make it with: python -m deepseek_mm train ppo --stage problems")
    try:
        rows: list[dict[str, Any]] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return [kind(**{**row, "tests": tuple(row["tests"])}) for row in rows]
    except (ValueError, TypeError, KeyError) as error:
        raise BadFile(f"{path} is not what `train ppo` wrote ({error!r}). Remove it, and make it again") from error


BATCH = 200  # jobs of one sandbox
SECONDS = 240.0  # that it may take: a batch of endless loops on a busy machine
MEMORY_MB = 1_000
OUTPUT_BYTES = 10_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class CandidateVerdict:
    """What is known of one candidate."""

    parses: bool
    passed: tuple[bool, ...]  # one a test; all False where it does not run

    @property
    def share(self) -> float:
        """Of the tests, 0 to 1."""
        return sum(self.passed) / len(self.passed)

    @property
    def right(self) -> bool:
        """Whether every test passes."""
        return all(self.passed)


class CandidateJudge:
    """Verdicts of candidates; `runs` counts the programs that were really run."""

    def __init__(self, sandbox: Sandbox | None = None) -> None:
        self._sandbox = sandbox or open_sandbox()
        self._known: dict[tuple[str, str], CandidateVerdict] = {}
        self.runs = 0

    def judge(self, candidates: Sequence[tuple[Puzzle, str]]) -> list[CandidateVerdict]:
        """One verdict a candidate, in order."""
        new = {(p.name, text): p for p, text in candidates if (p.name, text) not in self._known}
        parsed = {key: is_python(puzzle.program(key[1])) for key, puzzle in new.items()}
        run = [(key, puzzle) for key, puzzle in new.items() if parsed[key]]
        self.runs += len(run)
        jobs = [{"program": p.program(text), "tests": list(p.tests)} for (_, text), p in run]
        told = dict(zip([key for key, _ in run], run_jobs(self._sandbox, jobs), strict=True))
        for key, puzzle in new.items():
            passed = tuple(map(bool, told.get(key) or [0] * len(puzzle.tests)))
            self._known[key] = CandidateVerdict(parses=parsed[key], passed=passed)
        return [self._known[p.name, text] for p, text in candidates]


def open_sandbox() -> Sandbox:
    """A sandbox that takes a batch of programs."""
    config = SandboxConfig()
    return Sandbox(replace(config, seconds=SECONDS, memory_mb=MEMORY_MB, output_bytes=OUTPUT_BYTES))


def run_jobs(sandbox: Sandbox, jobs: Sequence[dict[str, Any]]) -> list[list[Any] | None]:
    """What `inside` tells of each job, in order; None where it did not end well."""
    code, told = Path(sandbox_program.__file__).read_text(encoding="utf-8"), list[list[Any] | None]()
    for start in range(0, len(jobs), BATCH):
        some = jobs[start : start + BATCH]
        ran = sandbox.run(code, text=json.dumps(some))
        lines = [json.loads(line) for line in ran.stdout.splitlines()]
        told += (lines + [None] * len(some))[: len(some)]
    return told


def is_python(program: str) -> bool:
    """Whether it is Python at all."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(program)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


SYNTAX, LOGIC, NOVELTY = 0.3, 0.5, 0.2  # shares of a reward; together 1
MOST_KEPT = 48  # different samples of one puzzle that new ones are compared with
TOKEN = re.compile(r"\w+|[^\w\s]")


def compute_reward(*, parses: bool, share: float, novelty: float) -> float:
    """0 to 1. `share` of the tests that pass; `novelty` 0 to 1, which counts once all of them do."""
    return SYNTAX * parses + LOGIC * share * parses + NOVELTY * novelty * (parses and share == 1.0)


class NoveltyMemory:
    """How far a sample is from those that were seen of the same puzzle."""

    def __init__(self, seen: Mapping[str, Iterable[str]] | None = None) -> None:
        self.seen: dict[str, list[str]] = {name: list(texts) for name, texts in (seen or {}).items()}

    def distance(self, puzzle: str, text: str) -> float:
        """1 for the first of a puzzle, 0 for one that was there; else 1 minus the likeness to the nearest one.

        The likeness is Ratcliff and Obershelp's over words and signs. The sample is remembered.
        """
        words = TOKEN.findall(text)
        seen = self.seen.setdefault(puzzle, [])
        told = " ".join(words)
        if told in seen:
            return 0.0
        nearest = max((SequenceMatcher(None, words, each.split(" "), False).ratio() for each in seen), default=0.0)
        if len(seen) < MOST_KEPT:
            seen.append(told)
        return 1.0 - nearest
