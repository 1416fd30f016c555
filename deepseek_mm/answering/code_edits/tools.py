"""The tools that a model has while it changes code: their descriptions as OpenAI's API takes them, and their work.

Whatever a model sends is a stranger's word: arguments of another kind, unknown tools, paths outside and patches that
do not fit are refused with a reason that the model can read, and nothing happens.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any, Protocol, cast

from deepseek_mm.answering.code_edits.patches import read_patch
from deepseek_mm.answering.code_edits.pattern_search import search_lines
from deepseek_mm.answering.code_edits.records import EditStep, StepTool
from deepseek_mm.answering.code_edits.workspace import EditWorkspace
from deepseek_mm.errors import BadFile, BadQuestion, DeepSeekMMError
from deepseek_mm.sandbox.repository_tests import RepositoryRun
from deepseek_mm.storage.files import parse_json
from index import Region

MOST_LINES, MOST_SAID = 400, 12_000  # lines that are read at once; characters that one tool says
MOST_ABOUT, MOST_KEPT, MOST_LINE = 200, 1_500, 1_000  # characters of a step that a trace keeps, and of a line
MOST_GREPPED = 20_000_000  # bytes of all files that are looked through
MOST_FAILED = 8  # failures that are told in words


def describe(name: str, says: str, **properties: tuple[str, str]) -> dict[str, Any]:
    """A tool as OpenAI's API describes it; `properties` are name -> type and description, "?" behind optional ones."""
    shapes = {
        each: {"type": "array", "items": {"type": "string"}, "description": what}
        if kind == "array"
        else {"type": kind.rstrip("?"), "description": what}
        for each, (kind, what) in properties.items()
    }
    needed = [each for each, (kind, _) in properties.items() if kind in ("string", "integer")]
    parameters = {"type": "object", "properties": shapes, "required": needed, "additionalProperties": False}
    return {"type": "function", "function": {"name": name, "description": says, "parameters": parameters}}


TOOLS = (
    describe("search", "Find pieces of code by words and meaning.", query=("string", "what it does or is called")),
    describe(
        "read",
        f"Read lines of a file, {MOST_LINES} at most.",
        path=("string", "as search and grep list it"),
        first=("integer?", "first line, from 1"),
        last=("integer?", "last line"),
    ),
    describe(
        "grep",
        "Find lines by a regular expression of Python.",
        pattern=("string", "the expression"),
        path=("string?", "only files whose path has this in it"),
    ),
    describe(
        "apply_patch",
        "Change files of the copy. Several files may be in one patch; all of it fits, or nothing is changed.",
        patch=("string", "a unified diff, or PATH and then <<<<<<< SEARCH, old lines, =======, new, >>>>>>> REPLACE"),
    ),
    describe(
        "run_tests",
        "Run the repository's tests with pytest over the copy.",
        tests=("array", "such as tests/test_money.py::test_it_adds; leave it out for all"),
    ),
)
NAMES = tuple(each["function"]["name"] for each in TOOLS)


class RegionFinder(Protocol):
    """Searches code by words and meaning."""

    def __call__(self, query: str) -> Sequence[Region]:
        """The best pieces, best first."""


class SuiteRunner(Protocol):
    """Runs tests over the copy."""

    def __call__(self, workspace: EditWorkspace, tests: Sequence[str], stop: Event) -> RepositoryRun:
        """How they ended."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolBox:
    """The tools over one copy of files."""

    workspace: EditWorkspace
    find: RegionFinder
    run_tests: SuiteRunner

    def use(self, name: str, arguments: str, stop: Event) -> EditStep:
        """Do what a call asks for; what comes of it is said in the step, which keeps all of it."""
        tools: Mapping[str, Callable[[Mapping[str, Any], Event], str]] = {
            "search": self._search, "read": self._read, "grep": self._grep, "apply_patch": self._apply,
            "run_tests": self._run_tests,
        }  # fmt: skip
        if name not in tools:
            said = f"there is no tool {ascii(name)[:60]}. Take one of: {', '.join(NAMES)}"
            return EditStep(tool="unknown", about=ascii(name)[:60], said=said, refused=True)
        tool = cast(StepTool, name)
        try:
            asked = read_arguments(arguments)
        except BadQuestion as error:
            return EditStep(tool=tool, about="", said=str(error), refused=True)
        about = tell_about(asked) if name != "apply_patch" else tell_files(asked)
        try:
            return EditStep(tool=tool, about=about, said=tools[name](asked, stop)[:MOST_SAID])
        except DeepSeekMMError as error:
            return EditStep(tool=tool, about=about, said=f"refused: {error}"[:MOST_SAID], refused=True)

    def _search(self, asked: Mapping[str, Any], stop: Event) -> str:
        found = [each for each in self.find(text_in(asked, "query")) if each.source.path in self.workspace.known]
        told = [f"{self.workspace.name_of(each.source.path)}:{tell_lines(each)}\n{each.text[:800]}" for each in found]
        return "\n\n".join(told) or "nothing was found. Try other words, or grep"

    def _read(self, asked: Mapping[str, Any], stop: Event) -> str:
        name = text_in(asked, "path")
        lines = self.workspace.read(name).split("\n")
        first = max(1, number_in(asked, "first", 1))
        last = min(len(lines), number_in(asked, "last", first + MOST_LINES - 1), first + MOST_LINES - 1)
        if first > len(lines):
            raise BadQuestion(f"{name} has {len(lines)} lines. Read some of those")
        shown = "\n".join(f"{n}: {lines[n - 1][:MOST_LINE]}" for n in range(first, last + 1))
        return f"{name}, lines {first} to {last} of {len(lines)}\n{shown}"

    def _grep(self, asked: Mapping[str, Any], stop: Event) -> str:
        part, texts, size = text_in(asked, "path", ""), dict[str, str](), 0
        for name in self.workspace.names():
            if part not in name or stop.is_set():
                continue
            try:
                text = self.workspace.read(name)
            except BadFile:
                continue
            size += len(text)
            if size > MOST_GREPPED:
                break
            texts[name] = text
        found = search_lines(text_in(asked, "pattern"), texts)
        return "\n".join(f"{name}:{row}: {line}" for name, row, line in found) or "no line fits"

    def _apply(self, asked: Mapping[str, Any], stop: Event) -> str:
        names = self.workspace.apply(text_in(asked, "patch"))
        return f"changed in the copy: {', '.join(names)}"

    def _run_tests(self, asked: Mapping[str, Any], stop: Event) -> str:
        tests = asked.get("tests") or []
        if not isinstance(tests, list) or not all(isinstance(each, str) for each in tests):
            raise BadQuestion("tests is a list of names. Leave it out for all")
        return tell_run(self.run_tests(self.workspace, tests, stop))


def read_arguments(arguments: str) -> Mapping[str, Any]:
    """The arguments of a call. BadQuestion: they are no object of JSON."""
    try:
        asked = parse_json(arguments or "{}")
    except ValueError as error:
        raise BadQuestion(f"the arguments are no JSON ({str(error)[:100]}). Send an object") from None
    if not isinstance(asked, dict):
        raise BadQuestion("the arguments are no object of JSON. Send one")
    return asked


def text_in(asked: Mapping[str, Any], name: str, usual: str | None = None) -> str:
    """An argument that is a text. BadQuestion."""
    value = asked.get(name, usual)
    if not isinstance(value, str):
        raise BadQuestion(f"the argument {name} is missing, or is no text")
    return value


def number_in(asked: Mapping[str, Any], name: str, usual: int) -> int:
    """An argument that is a whole number. BadQuestion."""
    value = asked.get(name)
    if value is None:
        return usual
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 10**9:
        raise BadQuestion(f"the argument {name} is no whole number")
    return value


def tell_about(asked: Mapping[str, Any]) -> str:
    """The arguments in short: what a trace shows."""
    parts = (value if isinstance(value, str) else json.dumps(value) for value in asked.values())
    return " ".join(" ".join(part[:MOST_ABOUT].split()) for part in parts)[:MOST_ABOUT]


def tell_files(asked: Mapping[str, Any]) -> str:
    """The files that a patch names; nothing where it is none."""
    try:
        return ", ".join(each.name for each in read_patch(text_in(asked, "patch")))[:MOST_ABOUT]
    except BadQuestion:
        return ""


def tell_lines(region: Region) -> str:
    """first-last, and what is defined there."""
    return f"{region.lines[0]}-{region.lines[1]}{f' {region.symbol.path}' if region.symbol else ''}"


def tell_run(run: RepositoryRun) -> str:
    """How tests ended, for a model."""
    if run.trouble and not run.cases:
        return f"the tests did not run: {run.trouble}"
    bad = run.list_bad()
    told = [f"{run.count('passed')} passed, {len(bad)} failed, {run.count('skipped')} skipped. {run.trouble}".strip()]
    told += [f"{case.test}: {case.outcome}\n{case.words}" for case in bad[:MOST_FAILED]]
    return "\n\n".join(told)
