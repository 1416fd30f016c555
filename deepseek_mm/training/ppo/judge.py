"""The judge of completions: runs them in the sandbox, remembers the verdicts, and rewards them.

The same completion of the same puzzle is never run twice: a policy that becomes sure of itself repeats itself, and most
of a round's two thousand candidates are copies. A reward is a little for being Python, most for passing tests, some for
being new once all of them pass; nothing depends on what the program prints.
"""

import ast
import json
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from deepseek_mm.config import SandboxConfig
from deepseek_mm.sandbox.run import Sandbox
from deepseek_mm.training.ppo import sandbox_program
from deepseek_mm.training.ppo.problems import Puzzle

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
