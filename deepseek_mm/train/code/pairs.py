"""Pairs to learn from: what somebody would ask, and the code that answers it.

Every pair names the file that it comes from: a batch takes several pairs of one file, so that code is told apart from
its neighbours too. Packages of the test and of the dev part are not read.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from deepseek_mm.embeddings.code_text import broken_up, code_text
from deepseek_mm.evaluation.code_search import Function, hash_runs, list_functions, normalize_question
from deepseek_mm.parse.packages import Package
from deepseek_mm.train.corpus.benchmarks import is_benchmark, may_be_trained
from deepseek_mm.train.corpus.shell import filled, lower

MOST_OF_ONE = 5_000  # functions of one package: many hands rather than one
LEAST_WORDS = 3  # of a docstring's first sentence
LEAST_NAME = 2  # words of a name that is asked for
LEAST_LINES = 3  # of a function that is learned
LINES_OF_NAMED = 5  # of one that is asked for by its name alone
PARAGRAPH = 0.3  # share of the docstrings of which the whole first paragraph is the question
LONGEST_QUESTION = 300  # characters
MOST_EXAMPLES = 2  # commands of one tldr page
KINDS = ("doc", "name", "call", "shell", "task")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """A question and its answer."""

    kind: str  # one of KINDS
    group: str  # the file it is from, or whatever else it is alike to
    question: str
    code: str  # as the tower reads it


def package_pairs(package: Package, *, seed: int = 0) -> Iterator[Pair]:
    """Of one package: docstrings, names where there is no docstring, and calls with what they call."""
    draw, known = Random(f"{seed} {package.name}"), set[int]()
    functions = [
        f for f in list_functions(package) if len(f.text.splitlines()) >= LEAST_LINES and not is_benchmark(f.text)
    ]
    draw.shuffle(functions)
    taken = [function for function in functions[: 4 * MOST_OF_ONE] if is_new(function, known)][:MOST_OF_ONE]
    called = callees(taken)
    for function in taken:
        yield from pairs_of(function, draw)
        if target := next((called[f.path, name] for f, name in mentions(function, called)), None):
            yield called_pair(function, target)


def is_new(function: Function, known: set[int]) -> bool:
    """Is it none that was copied from one we know?"""
    runs = hash_runs(function.text)
    if len(runs & known) * 2 > len(runs):
        return False
    known |= runs
    return True


def pairs_of(function: Function, draw: Random) -> Iterator[Pair]:
    """By its docstring if that says something; else by its name, which the code then does not show."""
    symbol, group = function.symbol, f"{function.package} {function.path}"
    bare = replace(symbol, doc="")
    if len(normalize_question(function.question).split()) >= LEAST_WORDS:
        whole = " ".join(symbol.doc.split("\n\n")[0].split())
        question = whole if draw.random() < PARAGRAPH else function.question
        code = code_text(bare, function.text, function.path)
        yield Pair(kind="doc", group=group, question=question[:LONGEST_QUESTION], code=code)
    elif len(broken_up(symbol.name).split()) >= LEAST_NAME and len(function.text.splitlines()) >= LINES_OF_NAMED:
        yield Pair(kind="name", group=group, question=broken_up(symbol.name), code=nameless(function))


def nameless(function: Function) -> str:
    """The code as the tower reads it, without the name."""
    text = re.sub(rf"\b{re.escape(function.symbol.name)}\b", "_", function.text)
    return code_text(replace(function.symbol, name="", doc=""), text, "")


def callees(functions: Sequence[Function]) -> dict[tuple[str, str], Function]:
    """(file, name) -> the one function of this name in the file."""
    times = Counter((f.path, f.symbol.name) for f in functions)
    return {key: f for f in functions if times[key := (f.path, f.symbol.name)] == 1}


def mentions(function: Function, called: dict[tuple[str, str], Function]) -> Iterator[tuple[Function, str]]:
    """The names of the same file's functions that it calls, itself left out."""
    for name in function.symbol.calls:
        if (function.path, name) in called and name != function.symbol.name and not name.startswith("__"):
            yield function, name


def called_pair(caller: Function, target: Function) -> Pair:
    """The line that calls, and what is called, whose name is hidden on the answer's side."""
    name = target.symbol.name
    line = next((line.strip() for line in caller.text.splitlines()[1:] if f"{name}(" in line), name)
    group = f"{target.package} {target.path}"
    return Pair(kind="call", group=group, question=broken_up(line)[:LONGEST_QUESTION], code=nameless(target))


def shell_pairs(file: Path, *, seed: int = 0) -> Iterator[Pair]:
    """What a command does, and the command: some of each page's examples."""
    draw = Random(seed)
    for row in rows(file):
        examples = draw.sample(row["examples"], min(MOST_EXAMPLES, len(row["examples"])))
        for what, how in examples:
            yield Pair(
                kind="shell",
                group=f"shell {row['command'].split('-')[0]}",
                question=lower(what),
                code=broken_up(filled(how)),
            )


def task_pairs(file: Path) -> Iterator[Pair]:
    """MBPP's tasks that may be trained on."""
    for row in rows(file):
        if may_be_trained(int(row["task_id"])):
            code = row["code"].replace("\r\n", "\n")
            yield Pair(kind="task", group="tasks", question=row["text"], code=broken_up(code))


def rows(file: Path) -> list[dict[str, Any]]:
    """Of a JSONL file."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
