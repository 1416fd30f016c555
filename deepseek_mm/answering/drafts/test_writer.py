"""Tests for a function or class, written from calls that ran in the sandbox.

Values of the parameters are made outside, from the code's own words; in the sandbox a search among them finds calls
that reach other lines or give other things. Each of those is made four times, three of them in another time and another
folder, so whatever depends on clock, place, chance or the order of sets gives something else. The last program runs the
finished test file.

Nothing runs unless whoever asks wants it run; before that there is a draft. The files of the function's own package
are copied into the sandbox, so what it imports from elsewhere must be installed for the program's Python. Such tests
hold what the code does today; that it is right, they do not say (Feathers, "Working Effectively with Legacy Code",
2004: characterization tests).
"""

import ast
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from deepseek_mm.accounts.permissions import check_allowed
from deepseek_mm.answering.code.source_files import CODE
from deepseek_mm.answering.drafts.call_choice import choose_calls
from deepseek_mm.answering.drafts.call_forms import FormMaker
from deepseek_mm.answering.drafts.code_package import CodePackage, files_of, open_definitions, package_of, read_text
from deepseek_mm.answering.drafts.definitions import Definitions
from deepseek_mm.answering.drafts.draft_file import write_draft
from deepseek_mm.answering.drafts.properties import propose_properties
from deepseek_mm.answering.drafts.test_file import CallResult, read_result_row, read_results, write_file
from deepseek_mm.answering.drafts.trial_calls import (
    CallForm,
    CallTarget,
    Trial,
    find_target,
)
from deepseek_mm.answering.drafts.written_calls import list_written
from deepseek_mm.config import Config
from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.lm.generator import Generator, TextCompleter
from deepseek_mm.lm.infilling import Gap, LineSampling, fill
from deepseek_mm.sandbox.records import Ran
from deepseek_mm.sandbox.run import open_sandbox
from deepseek_mm.storage.files import parse_json
from index import Region
from index.region import at_lines
from index.store import RegionStore

MARK = "deepseek-mm-seen:"
CALL_S = 1.0  # that one call may take
EXPLORE_S = 2.0  # computed by the search for calls
MOST_TESTS = 10
MOST_TRIED = 24  # calls that are made again
MOST_METHODS = 5  # of a class
MOST_PLAIN = 4  # calls of a draft whose values are guessed
MODULES = ("sandbox_views", "sandbox_calls")  # of the program in the sandbox
LOAD = """import sys, types
for name, text in {parts!r}:
    sys.modules[name] = types.ModuleType(name)
    exec(compile(text, name, "exec"), sys.modules[name].__dict__)
"""
UNLOAD = """for name in [name for name in sys.modules if name.startswith("deepseek_mm.")]:
    del sys.modules[name]  # a project that is tested may have such a module itself
if True:"""
PROBES = (False, True, True, True)  # one here and now, three elsewhere: chance seldom falls the same way four times
DRAWS = LineSampling(temperatures=(0.4, 0.6, 0.8), begun=(), most=32)  # of calls that the language model proposes


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


@dataclass(frozen=True, slots=True)
class Unit:
    """One function, method or constructor that is called."""

    target: CallTarget
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    form: CallForm
    written: tuple[Trial, ...]

    def list_trials(self, most: int) -> list[Trial]:
        """Written ones, then guesses, without a search."""
        return [*self.written, *self.form.list_plain_trials(most)]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is tested."""

    called: str
    place: str
    package: CodePackage
    home: Definitions
    units: tuple[Unit, ...]


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
        if not isinstance(self._lm, TextCompleter) or region.symbol is None or region.symbol.kind == "class":
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
    """A test file for the function or class that a region defines; without `runs` a draft. `propose` gives calls."""
    assert region.symbol is not None, "a definition"
    path = region.source.path
    try:
        source = read_text(path)
    except (DeepSeekMMError, OSError) as error:
        return no_tests(f"its file cannot be read now: {error}")
    if not path.endswith(".py"):
        return no_tests("it is no function, method or class of Python that a test could call")
    package = package_of(path, source, store)
    try:
        home = open_definitions(package, path, source, store)
    except (SyntaxError, ValueError) as error:
        return no_tests(f"its file does not parse: {error}")
    callers = [one.text for one in store.callers(region.symbol.name, where=CODE)]
    units = list_units(home, region.symbol.path, callers, propose(region))
    if not units:
        return no_tests("it is no function, method or class of Python that a test could call")
    place = at_lines(region.source.name, region.lines)
    subject = Subject(region.symbol.path, place, package, home, tuple(units))
    trials = [(unit.target, unit.node, trial) for unit in units for trial in unit.list_trials(MOST_PLAIN)]
    text, count = write_draft(home, subject.called, place, trials[:MOST_TESTS])
    draft = WrittenTests(text=text, verified=False, count=count)
    if runs is None:
        return draft
    package = replace(package, files=files_of(package, path, source, store))
    return Trier(replace(subject, package=package), runs, draft).write()


def no_tests(why: str) -> WrittenTests:
    """Where there is nothing to try."""
    return WrittenTests(text="", verified=False, why_not=why)


def list_units(home: Definitions, path: str, callers: Sequence[str], proposed: Sequence[str]) -> list[Unit]:
    """A function or method itself; of a class its call and its public methods. Empty: it is neither."""
    forms = FormMaker(home, callers)
    if found := find_target(home, path):
        target, node = found
        around = home.classes[target.holder].node if target.holder else home.tree
        doc = "\n\n".join(filter(None, (ast.get_docstring(node), ast.get_docstring(around))))
        written = list_written(target, doc, callers, home, proposed)
        return [Unit(target, node, forms.make_form(target, node), tuple(written))]
    known = home.classes.get(path)
    if known is None:
        return []
    name = CallTarget(path)
    written = list_written(name, ast.get_docstring(known.node) or "", callers, home)
    units = [Unit(name, known.node, forms.make_constructor(known), tuple(written))]
    methods = [n.name for n in known.node.body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")]
    for method in methods[:MOST_METHODS]:
        units += list_units(home, f"{path}.{method}", callers, ())
    return [unit for unit in units if unit.written or unit.form.can_be_called]


@cache
def read_program() -> str:
    """The program that works in the sandbox: its modules come first, as text, since ours cannot be imported there."""
    folder = Path(__file__).parent
    parts = [(f"{__package__}.{name}", (folder / f"{name}.py").read_text(encoding="utf-8")) for name in MODULES]
    main = (folder / "sandbox_program.py").read_text(encoding="utf-8").replace('if __name__ == "__main__":', UNLOAD)
    return LOAD.format(parts=parts) + main


def pack_task(task: str, files: Mapping[str, str], **more: object) -> str:
    """What the program finds beside it."""
    return json.dumps({"task": task, "files": dict(files), "mark": MARK, "seconds": CALL_S, **more})


def read_told(stdout: str) -> dict[str, Any] | None:
    """What the program told; None where it did not come so far."""
    lines = [line for line in stdout.splitlines() if line.startswith(MARK)]
    try:
        told = parse_json(lines[-1][len(MARK) :]) if lines else None
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


class NotRun(Exception):
    """A program did not come to its end, in words."""


class Trier:
    """Searches for calls, makes them again, and runs the file."""

    def __init__(self, subject: Subject, runs: ProbeRunner, draft: WrittenTests) -> None:
        self.subject, self.runs, self.draft = subject, runs, draft
        self.troubles: dict[str, str] = {}  # why calls could not be told: kind -> an example

    def write(self) -> WrittenTests:
        """The test file; the draft with the reason where a program fails or nothing stands."""
        try:
            explored = [one for unit in self.subject.units for one in self.explore(unit)]
            tried = choose_calls(explored, MOST_TRIED, enough=MOST_TRIED)
            if not tried:
                tried = explored[:1]
            steady = self.see_again(tried)
            chosen = choose_calls(steady, MOST_TESTS)
            told = [one for one in chosen if not one.only_type] or chosen
            told += self.see_properties(steady)
            proved = self.prove(told)
        except NotRun as error:
            return with_reason(self.draft, str(error))
        if proved:
            text, count = proved
            return WrittenTests(text=text, verified=True, count=count, dropped=len(tried) - len(steady))
        return with_reason(self.draft, none_stands(explored, self.troubles))

    def explore(self, unit: Unit) -> list[CallResult]:
        """What a search among the values of a unit's parameters found, and what was written."""
        form = unit.form if unit.form.can_be_called else CallForm(unit.form.callee, ())
        lines = [unit.node.lineno, unit.node.end_lineno or unit.node.lineno]
        budget = EXPLORE_S / (1 if len(self.subject.units) == 1 else 3)
        rows = [trial.as_row() for trial in unit.written]
        told = self.ask(
            "explore",
            unit.target,
            form=form.as_row(),
            written=rows,
            lines=lines,
            budget=budget,
            search=unit.form.can_be_called,
        )
        found = list[CallResult]()
        troubles = told.get("troubles")
        self.troubles |= {str(kind): str(why) for kind, why in troubles.items()} if isinstance(troubles, dict) else {}
        for row in told.get("seen") or []:
            trial = read_origin(row, unit, form)
            if trial is not None:
                found.append(read_result_row(unit.target, trial, row))
        return found

    def see_again(self, tried: Sequence[CallResult]) -> list[CallResult]:
        """Those that give the same every time, here and elsewhere."""
        if not tried:
            return []
        pairs = [(one.target, one.trial) for one in tried]
        outcomes = []
        for elsewhere in PROBES:
            rows = [one.trial.as_row() for one in tried]
            told = self.ask("see", tried[0].target, rows=rows, elsewhere=elsewhere)
            outcomes.append(read_results(told, pairs))
        steady = list[CallResult]()
        for before, one, *others in zip(tried, *outcomes, strict=False):
            kept = keep_steady(one, others)
            if kept is not None and kept.stands:
                steady.append(replace(kept, arcs=before.arcs))
        return steady

    def see_properties(self, steady: Sequence[CallResult]) -> list[CallResult]:
        """Properties that hold for every call tried."""
        unit = self.subject.units[0]
        found = [one for one in steady if one.target == unit.target]
        trials = list(propose_properties(found, self.subject.home)) if found else []
        if not trials:
            return []
        seen = self.see_again([CallResult(target=unit.target, trial=trial, kind="value") for trial in trials])
        return [one for one in seen if [check.words for check in one.checks] == ["True"]]

    def prove(self, told: Sequence[CallResult]) -> tuple[str, int] | None:
        """The file that passes and how many tests are in it; what fails is taken out. None: nothing is left."""
        subject = self.subject
        while told:
            text = write_file(subject.package.module, told, subject.called, subject.place)
            heard = self.ask("prove", told[0].target, test=text)
            variants = heard.get("variants")
            first = variants[0] if isinstance(variants, list) and variants else None
            failed = first.get("failed") if isinstance(first, dict) else None
            if not isinstance(failed, list):
                trouble = first.get("trouble") if isinstance(first, dict) else ""
                raise NotRun(str(trouble or "the tests came to no end"))
            if not failed:
                return text, len(told)
            bad = {str(name).rpartition("_")[2] for name in failed}
            told = [one for n, one in enumerate(told, start=1) if str(n) not in bad]
        return None

    def ask(self, task: str, target: CallTarget, **more: object) -> dict[str, Any]:
        """What the program tells of a task. NotRun: it tells nothing, or trouble."""
        package = self.subject.package
        text = pack_task(task, package.files, module=package.module, name=target.import_name, **more)
        ran = self.runs(read_program(), text=text)
        heard = read_told(ran.stdout)
        if heard is None:
            raise NotRun(tell_end(ran))
        if heard.get("trouble"):
            raise NotRun(str(heard["trouble"]))
        return heard


def read_origin(row: object, unit: Unit, form: CallForm) -> Trial | None:
    """The call that a row is about: a written one, or values of the form; None where there is none such."""
    if not isinstance(row, dict):
        return None
    written, combo = row.get("written"), row.get("combo")
    if isinstance(written, int) and 0 <= written < len(unit.written):
        return unit.written[written]
    if isinstance(combo, list) and all(type(n) is int for n in combo):
        try:
            return form.make_trial(combo)
        except ValueError:
            return None
    return None


def keep_steady(one: CallResult, others: Sequence[CallResult]) -> CallResult | None:
    """With those checks alone that are the same each time; None where it ended in another way once."""
    if one.kind != "value":
        if {(one.kind, one.error)} != {(other.kind, other.error) for other in others}:
            return None
        return one if {one.words} == {other.words for other in others} else replace(one, words="")
    if any((other.kind, other.wrap) != (one.kind, one.wrap) for other in others):
        return None
    same = tuple(check for check in one.checks if all(check in other.checks for other in others))
    lost = {check.view for check in one.checks if check.subject == "result"} - {check.view for check in same}
    return None if lost & {"value", "repr"} and not same else replace(one, checks=same)


def none_stands(seen: Sequence[CallResult], troubles: Mapping[str, str]) -> str:
    """Why no call became a test: nobody wrote one, and guesses were of the wrong types; or all of them vary."""
    if not seen and "unready" in troubles:
        return f"its object or its arguments could not be built: {troubles['unready']}"
    if not seen and troubles:
        return f"no call came to an end that a test could tell: {', '.join(troubles)}"
    if not seen:
        return "no value for its parameters could be made"
    if all(one.guessed_wrong for one in seen):
        return (
            f"no call of it is written anywhere, and those that were guessed failed: {seen[0].error}: {seen[0].words}"
        )
    return "no call of it gave the same each time that a test could say"


def tell_end(ran: Ran) -> str:
    """How a program ended that told nothing."""
    if ran.ended_by:
        return f"the run was ended by its limit of {ran.ended_by}"
    return (ran.stderr.strip().splitlines() or ["the program ended without a word"])[-1]


def with_reason(draft: WrittenTests, why: str) -> WrittenTests:
    """The draft, and why it is no more than that."""
    return WrittenTests(text=draft.text, verified=False, count=draft.count, why_not=why)
