"""Problems from installed code: small pure functions, and the results of calling them.

Only functions are taken that need nothing but their arguments, builtins and a few modules of the standard library, in
packages whose licence allows it. Each is called with many plain values; calls whose results can be written down become
its tests, if they tell more than one thing apart. So the tests say what the function does, not what it should do.
"""

import ast
import builtins
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from deepseek_mm.evaluation.code_search import first_sentence
from deepseek_mm.parse.packages import InstalledPackage, read_source
from deepseek_mm.sandbox.run import Sandbox
from deepseek_mm.training.corpus.items import is_benchmark, split_words
from deepseek_mm.training.ppo.problems import CodeProblem, run_jobs

MODULES = frozenset(
    split_words("re math string itertools collections functools operator textwrap bisect heapq fractions")
)
SHUT = frozenset(
    split_words("open input exec eval compile print globals locals vars breakpoint exit quit help id hash")
)
ALLOWED_NAMES = frozenset(dir(builtins)) - SHUT - {"__import__", "memoryview"}
LEAST_LINES, MOST_LINES = 2, 12  # of a function without its docstring
MOST_ARGUMENTS = 3
MOST_FILES, MOST_FUNCTIONS = 40, 8  # files that are read, and functions that are taken, of one package
CALLS, TESTS, LEAST_DIFFERENT = 60, 5, 3  # calls that are tried, tests that are kept, values that they must tell apart
VALUES = (
    "0", "1", "2", "7", "-3", "12", "100", "0.5", "2.25", "''", "'a'", "'hello world'", "'Ab, c-d_e'", "'  x '",
    "'2024-01-31'", "'12'", "'a=b'", "'/usr/lib/x.py'", "[]", "[3, 1, 2]", "[1, 2, 2, 5]", "['b', 'a', 'b']",
    "(1, 2, 3)", "{'a': 1, 'b': 2}", "[[1, 2], [3]]", "[('a', 1), ('b', 2)]", "True", "None", "b'ab'",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class SmallFunction:
    """A function that may become a problem."""

    problem: CodeProblem  # without tests
    calls: tuple[str, ...]


def harvest_problems(packages: tuple[InstalledPackage, ...], sandbox: Sandbox) -> list[CodeProblem]:
    """Problems with tests. Everything is called twice, in different sandboxes: what differs is dropped."""
    small = list({each.problem.code: each for package in packages for each in draw_small_functions(package)}.values())
    jobs = [{"program": each.problem.head + each.problem.code, "calls": list(each.calls)} for each in small]
    first, again = run_jobs(sandbox, jobs), run_jobs(sandbox, jobs)
    told = [(each, keep_steady(a, b)) for each, a, b in zip(small, first, again, strict=True)]
    return [
        replace(each.problem, tests=tests) for each, values in told if (tests := write_assertions(each.calls, values))
    ]


def keep_steady(first: list[Any] | None, again: list[Any] | None) -> list[str | None]:
    """What both runs told."""
    if first is None or again is None:
        return []
    return [a if a == b else None for a, b in zip(first, again, strict=True)]


def write_assertions(calls: tuple[str, ...], values: list[str | None]) -> tuple[str, ...]:
    """Assertions, those first that tell something new; none if too few do."""
    told = [(call, value) for call, value in zip(calls, values, strict=False) if value is not None]
    seen, new, old = set[str](), list[tuple[str, str]](), list[tuple[str, str]]()
    for call, value in told:
        (old if value in seen else new).append((call, value))
        seen.add(value)
    if len(new) < LEAST_DIFFERENT:
        return ()
    return tuple(f"assert {call} == {value}" for call, value in (new + old)[:TESTS])


def draw_small_functions(package: InstalledPackage) -> Iterator[SmallFunction]:
    """Some of a package's, by chance."""
    found = list(find_small_functions(package))
    yield from Random(package.name).sample(found, min(len(found), MOST_FUNCTIONS))


def find_small_functions(package: InstalledPackage) -> Iterator[SmallFunction]:
    """Those of some of its files, in order."""
    for path in sorted(Random(package.name).sample(package.files, min(len(package.files), MOST_FILES))):
        source = read_source(path)
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError):
            continue
        if is_benchmark(source):
            continue
        imports = list_imports(tree)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and (made := make_small_function(node, imports, package)):
                yield made


def list_imports(tree: ast.Module) -> dict[str, str]:
    """Name -> the line that brings it, of the modules that are allowed."""
    found = dict[str, str]()
    for node in tree.body:
        if isinstance(node, ast.Import):
            found |= {n.name: f"import {n.name}" for n in node.names if n.name in MODULES and not n.asname}
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            found |= {n.name: f"from {node.module} import {n.name}" for n in node.names if not n.asname}
    return found


def make_small_function(
    node: ast.FunctionDef, imports: dict[str, str], package: InstalledPackage
) -> SmallFunction | None:
    """The function as a problem without tests, if it is small, plain, and needs nothing else."""
    arguments = node.args
    needed = len(arguments.args) - len(arguments.defaults)
    plain = not (node.decorator_list or arguments.vararg or arguments.kwarg or arguments.kwonlyargs)
    if not plain or not 1 <= needed <= MOST_ARGUMENTS or node.name.startswith("__"):
        return None
    doc, code = ast.get_docstring(node) or "", strip_function(node)
    wanted = find_free_names(node)
    if not LEAST_LINES <= len(code.split("\n")) <= MOST_LINES or not wanted <= ALLOWED_NAMES | imports.keys():
        return None
    told = f'"""{said}"""\n' if (said := first_sentence(doc)) and '"' not in said else ""
    lines = sorted({imports[name] for name in wanted & imports.keys()})
    head = told + "".join(f"{line}\n" for line in lines)
    problem = CodeProblem(name=f"{package.name} {node.name}", source=package.source, head=head, code=code, tests=())
    return SmallFunction(problem=problem, calls=draw_calls(node.name, needed))


def strip_function(node: ast.FunctionDef) -> str:
    """Its code without docstring, annotations and comments, laid out as Python itself writes it."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    if not body:
        return ""
    copied = ast.parse(ast.unparse(node)).body[0]
    assert isinstance(copied, ast.FunctionDef)
    copied.body = copied.body[len(copied.body) - len(body) :]
    copied.returns = None
    for argument in [*copied.args.args, *copied.args.posonlyargs]:
        argument.annotation = None
    return ast.unparse(copied)


def find_free_names(node: ast.FunctionDef) -> set[str]:
    """Names that are read and not made by it; what is more than plain code counts as a name that nobody has."""
    odd = (ast.Yield, ast.YieldFrom, ast.Await, ast.Global, ast.Nonlocal, ast.Import, ast.ImportFrom, ast.ClassDef)
    inner = [each for part in node.body for each in ast.walk(part)]
    if any(isinstance(each, odd) for each in inner):
        return {"<more than plain code>"}
    made = {each.id for each in inner if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load)}
    made |= {each.arg for each in ast.walk(node) if isinstance(each, ast.arg)} | {node.name}
    made |= {each.name for each in inner if isinstance(each, ast.FunctionDef | ast.ExceptHandler) and each.name}
    return {each.id for each in inner if isinstance(each, ast.Name)} - made


def draw_calls(name: str, arguments: int) -> tuple[str, ...]:
    """Calls with plain values, by chance where there are too many."""
    every = list(itertools.product(VALUES, repeat=arguments))
    some = Random(name).sample(every, min(CALLS, len(every)))
    return tuple(f"{name}({', '.join(values)})" for values in some)
