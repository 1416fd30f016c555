"""Calls that somebody wrote: in a docstring, in other code, or as a language model proposed them.

An example of a docstring comes with the lines before it, as far as it needs them. Of other code only calls with
literals alone are taken, for what its variables hold is not known.
"""

import ast
import builtins
import doctest
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from deepseek_mm.answering.drafts.definitions import Definitions, Function, last_name, read_literal
from deepseek_mm.answering.drafts.fragments import is_literal, is_plain, parse_fragment
from deepseek_mm.answering.drafts.plain_values import Value
from deepseek_mm.answering.drafts.trial_calls import CallTarget, Trial

MOST_OF_EACH = 8  # candidates of one kind
MOST_CHARS = 200  # of a call
MOST_SHORT = 3  # letters of a short name for a package
MOST_SETUP = 12  # lines before an example


def list_written(
    target: CallTarget, doc: str, texts: Iterable[str], home: Definitions, proposed: Iterable[str] = ()
) -> list[Trial]:
    """Calls that somebody wrote, each once. `texts`: code that calls it; `proposed`: a model's words."""
    found = [
        *take_some(list_examples(target, doc, home)),
        *take_some(Trial(call, "call") for text in texts for call in calls_in(text, target)),
        *take_some(Trial(call, "model") for text in proposed for call in calls_in(text, target)),
    ]
    first: dict[str, Trial] = {}
    for trial in found:
        first.setdefault(trial.call, trial)
    return list(first.values())


def take_some(found: Iterator[Trial]) -> list[Trial]:
    """At most so many different ones."""
    kept: dict[str, Trial] = {}
    for trial in found:
        if len(kept) == MOST_OF_EACH:
            break
        kept.setdefault(trial.call, trial)
    return list(kept.values())


def list_examples(target: CallTarget, doc: str, home: Definitions) -> Iterator[Trial]:
    """Examples of a docstring that call the target, with the lines before them and what they are said to give."""
    try:
        examples = doctest.DocTestParser().get_examples(doc)
    except ValueError:
        return
    setup = list[str]()
    for example in examples:
        tree = parse_fragment(example.source)
        statement = tree.body[0] if isinstance(tree, ast.Module) and len(tree.body) == 1 else None
        value = getattr(statement, "value", None)
        trial = None
        if isinstance(statement, ast.Expr | ast.Assign) and isinstance(value, ast.expr) and names_target(value, target):
            trial = make_example(target, value, tuple(setup), home)
        if trial is not None:
            wanted = example.want.strip() if isinstance(statement, ast.Expr) and is_literal(example.want) else ""
            yield replace(trial, wanted=wanted)
        setup.append(example.source.rstrip())


def names_target(node: ast.expr, target: CallTarget) -> bool:
    """Does an expression call the target, or read the property?"""
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and last_name(each.func) == target.name:
            return True
        if target.is_property and isinstance(each, ast.Attribute) and each.attr == target.name:
            return True
    return False


def make_example(target: CallTarget, value: ast.expr, setup: tuple[str, ...], home: Definitions) -> Trial | None:
    """An example as a trial; None where it is long, or names something that nobody knows."""
    if isinstance(value, ast.Call) and last_name(value.func) == "print" and len(value.args) == 1:
        value = value.args[0].value if isinstance(value.args[0], ast.Starred) else value.args[0]
    call = ast.unparse(value)
    needed = slice_setup(setup, call, target.name)
    if len(call) > MOST_CHARS or "\n" in call or len(needed) > MOST_SETUP:
        return None
    used, bound = read_names("\n".join([*needed, call]))
    imports = list[str]()
    for name in sorted(used - bound - {target.import_name} - set(dir(builtins))):
        line = home.write_import(name) or guess_import(name, home.module.partition(".")[0])
        if line is None:
            return None
        imports.append(line)
    return Trial(call, "docstring", imports=tuple(imports), setup=tuple(needed))


def guess_import(name: str, top: str) -> str | None:
    """The package itself, also by a short name, as examples have it."""
    return f"import {name}" if name == top else f"import {top} as {name}" if len(name) <= MOST_SHORT else None


def slice_setup(setup: Sequence[str], call: str, name: str) -> list[str]:
    """The lines that the names of a call come from: what binds them, and what acts upon them, without the target."""
    wanted, kept = read_names(call)[0], list[str]()
    for block in reversed(setup):
        tree = parse_fragment(block)
        for node in reversed(tree.body if isinstance(tree, ast.Module) else []):
            used, bound = read_names(ast.unparse(node))
            acts = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and acts_on(node.value, wanted, name)
            if acts or (bound & wanted and not isinstance(node, ast.Expr)):
                kept.append(ast.unparse(node))
                wanted |= used
    return kept[::-1]


def acts_on(call: ast.Call, wanted: set[str], name: str) -> bool:
    """Is a method of one of these called, other than the target?"""
    root = call.func
    while isinstance(root, ast.Attribute):
        root = root.value
    is_method = isinstance(call.func, ast.Attribute) and isinstance(root, ast.Name) and root.id in wanted
    return is_method and last_name(call.func) != name


def read_names(text: str) -> tuple[set[str], set[str]]:
    """The names that code uses, and those that it binds."""
    used, bound = set[str](), set[str]()
    for node in ast.walk(parse_fragment(text)):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, Function | ast.ClassDef):
            bound.add(node.name)
    return used, bound


def calls_in(text: str, target: CallTarget) -> Iterator[str]:
    """Calls of the function in some code, as a test would make them: with literals alone."""
    for node in ast.walk(parse_fragment(text)):
        if isinstance(node, ast.Call) and last_name(node.func) == target.name and is_plain(node):
            again = ast.unparse(ast.Call(ast.Name(target.call_name, ast.Load()), node.args, node.keywords))
            if len(again) <= MOST_CHARS and "\n" not in again:
                yield again


def list_given(texts: Iterable[str], name: str, parameters: Sequence[str]) -> dict[str, list[Value]]:
    """What other code gives each parameter, where that is a literal."""
    found: dict[str, list[Value]] = {}
    calls = [node for text in texts for node in ast.walk(parse_fragment(text)) if isinstance(node, ast.Call)]
    for node in calls:
        if last_name(node.func) != name:
            continue
        pairs = [*zip(parameters, node.args, strict=False), *((k.arg, k.value) for k in node.keywords if k.arg)]
        for parameter, value in pairs:
            told = ast.unparse(value)
            if read_literal(value) is not ... and len(told) <= MOST_CHARS and parameter:
                found.setdefault(parameter, []).append(Value(told))
    return {name: list(dict.fromkeys(values))[:MOST_OF_EACH] for name, values in found.items()}
