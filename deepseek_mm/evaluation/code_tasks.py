"""Tasks with tests, in the shapes of HumanEval (Chen et al., arXiv:2107.03374) and MBPP (Austin et al., 2108.07732)."""

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from deepseek_mm.errors import BadFile, NothingThere

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
