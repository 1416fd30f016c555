"""The test file before anything ran: what docstrings say and what arithmetic gives is asserted, else the type alone."""

import ast
from collections.abc import Iterator, Sequence

from deepseek_mm.answering.drafts.constant_arithmetic import Outcome, compute_call
from deepseek_mm.answering.drafts.definitions import Definitions, Function, last_name, read_literal
from deepseek_mm.answering.drafts.test_file import FROM, CallResult, write_imports
from deepseek_mm.answering.drafts.trial_calls import CallTarget, Trial

ROUND: Sequence[object] = (0, 100, -40, 37, 1, 2)  # what arithmetic is tried with first
MOST_COMPUTED = 4
MOST_TESTS = 10
COMPUTED = "computed from its syntax"
NUMBERS = frozenset(["int", "float", "bool", "Number", "Real"])
PLAIN_TYPES = frozenset(["int", "float", "str", "bool", "bytes", "list", "dict", "set", "tuple", "frozenset", "None"])
Tried = tuple[CallTarget, ast.AST, Trial]


def write_draft(home: Definitions, called: str, place: str, tried: Sequence[Tried]) -> tuple[str, int]:
    """The file and how many tests are in it; without a call that could be tried a file that says so."""
    head = f'"""A draft for `{called}` ({place}). Nothing of it was run."""'
    written = [one for one in tried if one[2].source != "guess"]
    tests = [(target, write_one(trial, node, home)) for target, node, trial in written]
    tests += list_computed(home, tried) or [
        (target, write_one(trial, node, home)) for target, node, trial in tried if trial.source == "guess"
    ]
    bodies = [name_test(n, target, told) for n, (target, told) in enumerate(tests[:MOST_TESTS], start=1)]
    body = "\n\n\n".join(bodies) or "# no call of it could be made up"
    seen = [CallResult(target=target, trial=trial, kind="value") for target, _, trial in tried]
    return "\n".join([head, "", *write_imports(home.module, seen, body), "", "", body, ""]), len(bodies)


def name_test(number: int, target: CallTarget, told: tuple[str, list[str]]) -> str:
    """One test: how its call was found, and its lines."""
    source, lines = told
    fixture = "tmp_path" if any("tmp_path" in line for line in lines) else ""
    body = "\n".join(f"    {line}" for line in lines)
    return f"def test_{target.test_name}_{number}({fixture}):  # {source}\n{body}"


def write_one(trial: Trial, node: ast.AST, home: Definitions) -> tuple[str, list[str]]:
    """A call with what its docstring says or arithmetic gives, or the type that it is declared to give."""
    setup = [line for block in trial.setup for line in block.splitlines()]
    call = trial.call
    if trial.then:
        setup += [*(f"{name} = {text}" for name, text in trial.named), *trial.then]
        call = trial.bound
    if trial.wanted:
        return FROM[trial.source], [*setup, f"assert {call} == {trial.wanted}"]
    outcome = compute_written(trial, node, home)
    if outcome is not None:
        return f"{FROM[trial.source]}, {COMPUTED}", assert_outcome(call, outcome)
    kind = name_type(node.returns) if isinstance(node, Function) else ""
    if kind == "None":
        return FROM[trial.source], [*setup, f"assert {call} is None"]
    if kind:
        return FROM[trial.source], [*setup, f"assert isinstance({call}, {kind})  # and gives what? A run tells"]
    return FROM[trial.source], [*setup, f"{call}  # gives what? A run tells"]


def name_type(annotation: ast.expr | None) -> str:
    """What isinstance may be asked: "str", "int | None"; empty where that is not plain."""
    if annotation is None:
        return ""
    if isinstance(annotation, ast.Constant):
        return "None" if annotation.value is None else ""
    if isinstance(annotation, ast.BinOp):
        sides = name_type(annotation.left), name_type(annotation.right)
        return " | ".join(sides) if all(sides) else ""
    if isinstance(annotation, ast.Subscript):
        annotation = annotation.value
    name = last_name(annotation)
    return {"float": "int | float", "List": "list", "Dict": "dict"}.get(name, name if name in PLAIN_TYPES else "")


def compute_written(trial: Trial, node: ast.AST, home: Definitions) -> Outcome | None:
    """What a call gives whose arguments are numbers; None where it is of something else, or more than arithmetic."""
    call = ast.parse(trial.call, mode="eval").body
    if trial.setup or not isinstance(call, ast.Call) or not isinstance(node, ast.FunctionDef):
        return None
    if not isinstance(call.func, ast.Name) or call.func.id != node.name:
        return None
    names = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args)]
    given = dict(zip(names, map(read_literal, call.args), strict=False))
    given |= {keyword.arg: read_literal(keyword.value) for keyword in call.keywords if keyword.arg}
    return compute_call(node, home, given)


def list_computed(home: Definitions, tried: Sequence[Tried]) -> list[tuple[CallTarget, tuple[str, list[str]]]]:
    """Calls of a function that is arithmetic, with what they give: round numbers first, each outcome once."""
    target, node = (tried[0][0], tried[0][1]) if tried else (None, None)
    if target is None or target.holder or not isinstance(node, ast.FunctionDef) or not takes_numbers(node):
        return []
    seen = dict[Outcome, str]()
    for given in list_arguments(node, [trial for _, _, trial in tried]):
        outcome = compute_call(node, home, dict(given))
        if outcome is not None and outcome not in seen and len(seen) < MOST_COMPUTED:
            seen[outcome] = f"{target.name}({', '.join(repr(value) for _, value in given)})"
    return [(target, (COMPUTED, assert_outcome(call, outcome))) for outcome, call in seen.items()]


def takes_numbers(node: ast.FunctionDef) -> bool:
    """Do its annotations allow numbers, and does it do more than nothing?"""
    notes = [arg.annotation for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    known = {last_name(note) for note in notes if note is not None} <= NUMBERS
    return known and any(isinstance(each, ast.Return | ast.Raise) for each in ast.walk(node))


def list_arguments(node: ast.FunctionDef, trials: Sequence[Trial]) -> Iterator[list[tuple[str, object]]]:
    """Numbers for what must be given: written and guessed ones of whole calls last."""
    plain = [*node.args.posonlyargs, *node.args.args]
    wanted = [arg.arg for arg in plain[: len(plain) - len(node.args.defaults)]]
    for n, value in enumerate(ROUND):
        yield [(name, value if place == 0 else ROUND[(n + place) % len(ROUND)]) for place, name in enumerate(wanted)]
    for trial in trials:
        named = [(name, read_literal(ast.parse(text, mode="eval").body)) for name, text in trial.named]
        if named and [name for name, _ in named] == wanted:
            yield named


def assert_outcome(call: str, outcome: Outcome) -> list[str]:
    """The lines of a test."""
    if outcome.error:
        return [f"with pytest.raises({outcome.error}):", f"    {call}"]
    if outcome.value is None or isinstance(outcome.value, bool):
        return [f"assert {call} is {outcome.words}"]
    if isinstance(outcome.value, float):
        return [f"assert {call} == pytest.approx({outcome.words})"]
    return [f"assert {call} == {outcome.words}"]
