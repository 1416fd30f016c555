"""The test file: what each call gave, as assertions that a person can read.

What the tested code printed of itself is not believed: only calls that were asked for, names and literals stand in it.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deepseek_mm.answering.drafts.fragments import is_literal
from deepseek_mm.answering.drafts.sandbox_views import CALLS
from deepseek_mm.answering.drafts.trial_calls import CallTarget, Trial

NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")  # of an error or a module
IDENTIFIER = re.compile(r"[^\W\d]\w*")
MOST_SAID = 80  # characters of an error's words that a test repeats
MOST_WORDS = 320  # of a value
WRAPS = ("{}", "list({})", "asyncio.run({})")
SLICE = re.compile(r"list\(itertools\.islice\(\{\}, \d{1,3}\)\)")
ATOMS = (ast.Call, ast.Name, ast.Attribute, ast.Subscript, ast.Constant)  # need no brackets around them
HELPERS = ("re", "asyncio", "itertools")  # of what stands around calls
VIEWS: Mapping[str, str] = {
    "value": "{}",
    "repr": "repr({})",
    "str": "str({})",
    "len": "len({})",
    "list": "list({})",
    "type": "type({}).__name__",
    "head": "{}[:60]",
    "tail": "{}[-60:]",
    **{view: f"{{}}({', '.join(map(repr, given))})" for view, given in CALLS.items()},
}
FROM = {
    "docstring": "as its docstring shows it",
    "call": "as other code calls it",
    "model": "proposed by the language model",
    "guess": "values of its parameters' types",
    "property": "held for every call tried",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ValueCheck:
    """One thing that a test says."""

    subject: str  # "result", "printed", or a variable of the call
    view: str  # one of VIEWS, or the name of an attribute
    words: str  # a literal
    near: bool = False  # floats, which are compared nearly

    @property
    def stands(self) -> bool:
        """Is it the same in every process, and not too long?"""
        return len(self.words) <= MOST_WORDS and " at 0x" not in self.words and is_literal(self.words)

    def write(self, subject: str) -> str:
        """The assertion about an expression."""
        if self.view == "value" and self.words == "True" and isinstance(parse_expression(subject), ast.Compare):
            return f"assert {subject}"
        if not isinstance(parse_expression(subject), ATOMS):
            subject = f"({subject})"
        viewed = VIEWS[self.view].format(subject) if self.view in VIEWS else f"{subject}.{self.view}"
        if self.words in ("None", "True", "False"):
            return f"assert {viewed} is {self.words}"
        if self.near and "." in self.words:
            return f"assert {viewed} == pytest.approx({self.words})"
        return f"assert {viewed} == {self.words}"


@dataclass(frozen=True, kw_only=True, slots=True)
class CallResult:
    """What a call gave."""

    target: CallTarget
    trial: Trial
    kind: str  # value, raises, slow, exits or unready
    wrap: str = "{}"  # what is put around the call: it gave an iterator, or something to wait for
    checks: tuple[ValueCheck, ...] = ()
    words: str = ""  # what an error said
    error: str = ""  # the error's type, and the module that it is of
    module: str = ""
    stated: bool = False  # a line of the package raised it
    arcs: frozenset[tuple[int, int]] = frozenset()  # lines that it reached, each with the one before

    @property
    def key(self) -> tuple[object, ...]:
        """Equal where the same came out."""
        return self.kind, self.checks, self.words, self.error

    @property
    def guessed_wrong(self) -> bool:
        """Were its arguments guessed, and of a type that the function does not take?"""
        guessed = self.trial.source in ("guess", "model")
        return guessed and not self.stated and self.error in ("TypeError", "AttributeError", "NameError")

    @property
    def stands(self) -> bool:
        """Can a test say it? Not where it has an address in it, is very long, or a guess was of the wrong type."""
        if self.kind == "value":
            return any(check.stands for check in self.checks)
        return self.kind == "raises" and self.module != "__main__" and not self.guessed_wrong

    @property
    def telling_checks(self) -> list[ValueCheck]:
        """The checks that a test holds; the mere type only where there is nothing else."""
        standing = [check for check in self.checks if check.stands]
        return [check for check in standing if check.view != "type"] or standing

    @property
    def only_type(self) -> bool:
        """Is nothing known of the value but its type?"""
        return self.kind == "value" and all(check.view == "type" for check in self.telling_checks)


def read_results(told: Mapping[str, object], tried: Sequence[tuple[CallTarget, Trial]]) -> list[CallResult]:
    """What each call gave, in order."""
    rows = told.get("seen")
    pairs = zip(tried, rows if isinstance(rows, list) else [], strict=False)
    return [read_result_row(target, trial, row) for (target, trial), row in pairs]


def read_result_row(target: CallTarget, trial: Trial, row: Mapping[str, object]) -> CallResult:
    """The tested code may have printed this: only calls that were asked for, names and literals may stand in a file."""
    words = {name: str(row.get(name, "")) for name in ("kind", "words", "error", "module")}
    if words["kind"] in ("raises", "unready") and not all(map(NAME.fullmatch, (words["error"], words["module"]))):
        words["kind"] = "exits"
    wrap = str(row.get("wrap", "{}"))
    known = wrap in WRAPS or SLICE.fullmatch(wrap) is not None
    listed, arcs = row.get("checks"), row.get("arcs")
    checks = [read_check(one, trial) for one in listed] if isinstance(listed, list) else []
    return CallResult(
        target=target,
        trial=trial,
        wrap=wrap if known else "{}",
        checks=tuple(one for one in checks if one is not None) if known else (),
        stated=row.get("stated") is True,
        arcs=frozenset(read_arcs(arcs)),
        **words,
    )


def read_arcs(arcs: object) -> list[tuple[int, int]]:
    """Pairs of lines."""
    rows = arcs if isinstance(arcs, list) else []
    return [(row[0], row[1]) for row in rows if isinstance(row, list) and [type(n) for n in row] == [int, int]]


def read_check(row: object, trial: Trial) -> ValueCheck | None:
    """None where it is of something that a test does not know, or its words are no literal."""
    if not isinstance(row, dict):
        return None
    subject, view, words = (str(row.get(name, "")) for name in ("subject", "view", "words"))
    known = subject in ("result", "printed") or subject in {name for name, _ in trial.named}
    named = view in VIEWS or (IDENTIFIER.fullmatch(view) is not None and not view.startswith("_"))
    if not (known and named and is_literal(words)) or "\n" in words:
        return None
    return ValueCheck(subject=subject, view=view, words=words, near=row.get("near") is True)


def write_file(module: str, seen: Sequence[CallResult], called: str, place: str) -> str:
    """A test file that says what was seen."""
    seen_in = "Seen in a sandbox; whether it is right, no assertion says."
    head = f'"""What `{called}` does now ({place}). {seen_in}"""'
    body = "\n\n\n".join(write_test(n, one) for n, one in enumerate(seen, start=1))
    return "\n".join([head, "", *write_imports(module, seen, body), "", "", body, ""])


def write_imports(module: str, seen: Sequence[CallResult], body: str) -> list[str]:
    """The lines that bring in what the tests use: Python's own, pytest, and the package's."""
    ours = {f"from {module} import {one.target.import_name}" for one in seen}
    ours |= {
        f"from {one.module} import {one.error}" for one in seen if one.kind == "raises" and one.module != "builtins"
    }
    ours |= {line for one in seen for line in one.trial.imports}
    ours |= {f"import {name}" for name in HELPERS if re.search(rf"\b{name}\.(escape|run|islice)\(", body)}
    plain = sorted(line for line in ours if line.startswith("import "))
    pytest = ["import pytest"] if "pytest." in body else []
    parts = [plain, pytest, sorted(ours - set(plain))]
    return "\n\n".join("\n".join(part) for part in parts if part).split("\n")


def write_test(number: int, seen: CallResult) -> str:
    """One test."""
    trial, said = seen.trial, seen.telling_checks if seen.kind == "value" else []
    variables = needs_variables(seen)
    call = trial.bound if variables else trial.call
    lines = [*(line for block in trial.setup for line in block.splitlines())]
    if variables:
        lines += [f"{name} = {text}" for name, text in trial.named]
        lines += trial.then
    wrapped = seen.wrap.replace("{}", call)
    if seen.kind == "raises":
        match = f", match=re.escape({seen.words[:MOST_SAID]!r})" if seen.words else ""
        lines += [f"with pytest.raises({seen.error}{match}):", f"    {call}"]
    elif len(said) == 1 and said[0].subject == "result":
        lines.append(said[0].write(wrapped))
    else:
        names_result = any(check.subject == "result" for check in said)
        lines.append(f"result = {wrapped}" if names_result else wrapped)
        lines += [c.write("capsys.readouterr().out" if c.subject == "printed" else c.subject) for c in said]
    body = "\n".join(f"    {line}" for line in lines)
    fixtures = [name for name in ("tmp_path", "capsys") if re.search(rf"\b{name}\b", body)]
    head = f"def test_{seen.target.test_name}_{number}({', '.join(fixtures)}):  # {FROM[trial.source]}"
    return f"{head}{contradict(seen)}\n{body}"


def needs_variables(seen: CallResult) -> bool:
    """Must the object or arguments have names, to be looked at afterwards or acted upon before?"""
    own = {name for name, _ in seen.trial.named}
    return bool(seen.trial.then) or any(check.subject in own for check in seen.telling_checks)


def contradict(seen: CallResult) -> str:
    """What a docstring says of it, where that is something else."""
    value = next((check.words for check in seen.checks if (check.subject, check.view) == ("result", "value")), "")
    wanted = seen.trial.wanted
    if not wanted or (value and is_literal(wanted) and read_words(wanted) == read_words(value)):
        return ""
    return f", which says {wanted}" if "\n" not in wanted else ""


def read_words(words: str) -> object:
    """The value of a literal."""
    return set() if words.strip() == "set()" else ast.literal_eval(words.strip())


def parse_expression(text: str) -> ast.expr:
    """The tree of an expression."""
    return ast.parse(text, mode="eval").body
