"""Mistakes that the syntax of Python shows: each with its line, why it is one, and the line as it may be meant.

These are patterns that are nearly always wrong or risky, whatever the program is about; that nothing is found proves
nothing. Nothing is run.
"""

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from deepseek_mm.answering.code.file_facts import Function, parse_python, walk_own, write_code

Weight = Literal["bug", "risk", "habit"]
ORDER: tuple[Weight, ...] = ("bug", "risk", "habit")
IMMUTABLE = frozenset(  # methods of texts that change nothing
    ["replace", "strip", "lstrip", "rstrip", "lower", "upper", "title", "capitalize", "format", "removeprefix",
     "removesuffix", "casefold", "zfill"]
)  # fmt: skip
CHANGING = frozenset(["append", "add", "update", "extend", "insert", "pop", "remove", "clear", "setdefault", "discard"])
ENDS = ("0", "-1")  # positions of the first and of the last one
INCLUSIVE = re.compile(
    r"\b(?:at least|at most|or more|or less|up to and including|inclusive|no more than)\b", re.IGNORECASE
)
EXCLUSIVE = re.compile(r"\b(?:more than|less than|below|above|over|under|exceeds?|fewer than)\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReviewNote:
    """Something that is wrong, or may go wrong."""

    weight: Weight
    line: int  # from 1, of the text that was read
    said: str  # a sentence without a full stop; code in it stands between backquotes
    mended: str = ""  # the expression as it may be meant


def review_text(text: str, lines: tuple[int, int] | None = None) -> list[ReviewNote]:
    """What is found in a file, or in these lines of it; mistakes first, then by line."""
    tree = parse_python(text)
    found: list[ReviewNote] = []
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, Function):
            for check in CHECKS:
                found += check(node)
    kept = [each for each in found if lines is None or lines[0] <= each.line <= lines[1]]
    return sorted(dict.fromkeys(kept), key=lambda each: (ORDER.index(each.weight), each.line))


def _find_windows(function: ast.AST) -> Iterator[ReviewNote]:
    """A window of n that slides over a list has len - n + 1 places."""
    for target, call, inside in _ranges(function):
        end = call.args[-1]
        if not (isinstance(end, ast.BinOp) and isinstance(end.op, ast.Sub) and _len_of(end.left)):
            continue
        counted, size = _len_of(end.left), write_code(end.right)
        for slice_ in _slices(inside, counted):
            ends = slice_.slice.upper if isinstance(slice_.slice, ast.Slice) else None
            starts = slice_.slice.lower if isinstance(slice_.slice, ast.Slice) else None
            sums = {f"{target} + {size}", f"{size} + {target}"}
            if starts is not None and ends is not None and write_code(starts) == target and write_code(ends) in sums:
                mended = f"range({', '.join([*map(write_code, call.args[:-1]), f'{write_code(end)} + 1'])})"
                yield ReviewNote(
                    weight="bug",
                    line=call.lineno,
                    said=f"`{write_code(call)}` is off by one: it misses the last window of `{counted}`, and there are "
                    f"`{write_code(end)} + 1` of them",
                    mended=mended,
                )
                break


def _find_ends(function: ast.AST) -> Iterator[ReviewNote]:
    """Loops over positions that leave out the first or the last one, or go beyond."""
    for target, call, inside in _ranges(function):
        counted = _len_of(call.args[-1]) or _len_of(getattr(call.args[-1], "left", call.args[-1]))
        places = {write_code(each.slice) for each in _slices(inside, counted)} if counted else set()
        if places != {target}:
            continue
        end, begins = write_code(call.args[-1]), write_code(call.args[0]) if len(call.args) > 1 else "0"
        if end == f"len({counted}) - 1":
            said = f"`{write_code(call)}` is off by one: the last one of `{counted}` is never reached"
            yield ReviewNote(weight="bug", line=call.lineno, said=said, mended=f"range({begins}, len({counted}))")
        elif end == f"len({counted}) + 1":
            said = f"`{write_code(call)}` is off by one: `{counted}` has nothing at its end, so an IndexError comes up"
            yield ReviewNote(weight="bug", line=call.lineno, said=said, mended=f"range({begins}, len({counted}))")


def _find_changing(function: ast.AST) -> Iterator[ReviewNote]:
    """A list that is changed while it is gone through."""
    for loop in [each for each in walk_own(function) if isinstance(each, ast.For)]:
        over = write_code(loop.iter)
        for call in [each for each in ast.walk(loop) if isinstance(each, ast.Call)]:
            attribute = call.func if isinstance(call.func, ast.Attribute) else None
            changes = attribute is not None and attribute.attr in ("remove", "pop", "insert")
            if attribute and changes and write_code(attribute.value) == over and not _leaves(loop):
                said = f"`{over}` is changed by `{write_code(call)}` while the loop goes through it: some are skipped"
                yield ReviewNote(
                    weight="bug", line=call.lineno, said=said, mended=f"for {write_code(loop.target)} in list({over})"
                )


def _leaves(loop: ast.For) -> bool:
    """Whether the loop may end before it went through all."""
    return any(isinstance(each, ast.Break | ast.Return) for each in ast.walk(loop))


def _find_defaults(function: ast.AST) -> Iterator[ReviewNote]:
    """A default that can be changed is one for all calls."""
    arguments = function.args  # type: ignore[attr-defined]
    named = [*arguments.posonlyargs, *arguments.args]
    pairs = [*zip(named[len(named) - len(arguments.defaults) :], arguments.defaults, strict=True)]
    pairs += [(name, value) for name, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if value]
    for name, value in pairs:
        meant = name.arg.startswith("_")  # a cache, by habit
        if isinstance(value, ast.List | ast.Dict | ast.Set) and not meant and _changes(function, name.arg):
            said = f"the default `{name.arg}={write_code(value)}` is made once and shared by all calls that change it"
            yield ReviewNote(weight="bug", line=value.lineno, said=said, mended=f"{name.arg}=None")


def _changes(function: ast.AST, name: str) -> bool:
    """Whether the function itself changes what this name holds, and gives it no other value."""
    own = list(walk_own(function))
    if any(isinstance(each, ast.Name) and each.id == name and isinstance(each.ctx, ast.Store) for each in own):
        return False
    attributes = [each.func for each in own if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute)]
    changed = [write_code(each.value) for each in attributes if each.attr in CHANGING]
    places = [each for each in own if isinstance(each, ast.Subscript) and isinstance(each.ctx, ast.Store)]
    return name in [*changed, *(write_code(each.value) for each in places)]


def _find_comparisons(function: ast.AST) -> Iterator[ReviewNote]:
    """Comparisons that are always true, or ask for the wrong thing."""
    for node in walk_own(function):
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or) and isinstance(node.values[0], ast.Compare):
            true = [each for each in node.values[1:] if isinstance(each, ast.Constant) and each.value]
            if true:
                said = f"`{write_code(node)}` is always true, for `{write_code(true[0])}` alone counts as true"
                same = [node.values[0].comparators[0], *node.values[1:]]
                mended = f"{write_code(node.values[0].left)} in ({', '.join(map(write_code, same))})"
                yield ReviewNote(weight="bug", line=node.lineno, said=said, mended=mended)
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Is | ast.IsNot):
            other = node.comparators[0]
            if isinstance(other, ast.Constant) and type(other.value) in (str, int, float):
                said = f"`{write_code(node)}` asks whether they are the same object, not whether they are equal"
                sign = "==" if isinstance(node.ops[0], ast.Is) else "!="
                mended = f"{write_code(node.left)} {sign} {write_code(other)}"
                yield ReviewNote(weight="bug", line=node.lineno, said=said, mended=mended)
        elif isinstance(node, ast.Assert) and isinstance(node.test, ast.Tuple) and node.test.elts:
            said = f"`{write_code(node)}` never fails: a tuple counts as true"
            yield ReviewNote(weight="bug", line=node.lineno, said=said)


def _find_promises(function: ast.AST) -> Iterator[ReviewNote]:
    """A docstring that includes a limit where the code leaves it out, or the other way round."""
    doc = ast.get_docstring(function) or ""  # type: ignore[arg-type]
    given = [each.value for each in walk_own(function) if isinstance(each, ast.Return)]
    compared = [each for each in given if isinstance(each, ast.Compare) and len(each.ops) == 1]
    if len(given) != 1 or not compared or bool(INCLUSIVE.search(doc)) == bool(EXCLUSIVE.search(doc)):
        return
    (node,) = compared
    strict, including = isinstance(node.ops[0], ast.Lt | ast.Gt), bool(INCLUSIVE.search(doc))
    if not isinstance(node.ops[0], ast.Lt | ast.Gt | ast.LtE | ast.GtE) or strict != including:
        return
    said = f"the docstring says {'that the limit is included' if including else 'that the limit is left out'}, and "
    said += f"`{write_code(node)}` {'leaves it out' if including else 'includes it'}"
    signs = {ast.Lt: "<=", ast.Gt: ">=", ast.LtE: "<", ast.GtE: ">"}
    mended = f"{write_code(node.left)} {signs[type(node.ops[0])]} {write_code(node.comparators[0])}"
    yield ReviewNote(weight="risk", line=node.lineno, said=said, mended=mended)


def _find_dropped(function: ast.AST) -> Iterator[ReviewNote]:
    """Results that nobody keeps, and code that is never reached."""
    for node in walk_own(function):
        call = node.value if isinstance(node, ast.Expr) else None
        if isinstance(call, ast.Call):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            of_text = isinstance(call.func, ast.Attribute) and name in IMMUTABLE and write_code(call.func.value) != "os"
            of_text = of_text and not call.keywords and (name != "replace" or len(call.args) > 1)
            if of_text or name in ("sorted", "reversed"):
                yield ReviewNote(
                    weight="bug", line=call.lineno, said=f"what `{write_code(call)}` gives back is not kept"
                )
        for body in (getattr(node, "body", []), getattr(node, "orelse", [])):
            yield from _find_unreached(body)
    yield from _find_unreached(function.body)  # type: ignore[attr-defined]


def _find_unreached(body: object) -> Iterator[ReviewNote]:
    statements = body if isinstance(body, list) else []
    for first, second in zip(statements, statements[1:], strict=False):
        makes_generator = isinstance(second, ast.Expr) and isinstance(second.value, ast.Yield)
        if isinstance(first, ast.Return | ast.Raise | ast.Break | ast.Continue) and not makes_generator:
            yield ReviewNote(weight="bug", line=second.lineno, said=f"`{write_code(second)}` is never reached")


def _find_empty(function: ast.AST) -> Iterator[ReviewNote]:
    """What fails where a list is empty: first and last ones, and means."""
    arguments = function.args  # type: ignore[attr-defined]
    names = {each.arg for each in [*arguments.posonlyargs, *arguments.args]}
    branches = [each for each in walk_own(function) if isinstance(each, ast.If | ast.IfExp | ast.While)]
    tested = set(re.findall(r"\w+", " ".join(write_code(each.test) for each in branches)))
    for node in walk_own(function):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.FloorDiv):
            said, counted = f"`{write_code(node)}` divides by zero where", _len_of(node.right)
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and write_code(node.slice) in ENDS:
            said, counted = f"`{write_code(node)}` raises an IndexError where", write_code(node.value)
        else:
            continue
        if counted in names - tested:
            yield ReviewNote(weight="risk", line=node.lineno, said=f"{said} `{counted}` is empty")


def _find_swallowed(function: ast.AST) -> Iterator[ReviewNote]:
    """Errors that are caught whatever they are."""
    for node in walk_own(function):
        if isinstance(node, ast.ExceptHandler):
            caught = write_code(node.type) if node.type else ""
            silent = all(isinstance(each, ast.Pass | ast.Continue) for each in node.body)
            if not caught:
                said = "`except:` catches everything, also what should stop the program"
                yield ReviewNote(weight="risk", line=node.lineno, said=said)
            elif caught in ("Exception", "BaseException") and silent:
                yield ReviewNote(weight="risk", line=node.lineno, said=f"`except {caught}:` hides every error")


def _find_habits(function: ast.AST) -> Iterator[ReviewNote]:
    """Files that stay open, and comparisons with None by value."""
    within = {id(item.context_expr) for each in walk_own(function) if isinstance(each, ast.With) for item in each.items}
    for node in walk_own(function):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "open" and id(node) not in within:
            said = f"`{write_code(node)}` is closed by nobody for sure; use `with`"
            yield ReviewNote(weight="habit", line=node.lineno, said=said)
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
            other = node.comparators[0]
            if isinstance(other, ast.Constant) and other.value is None:
                sign = "is" if isinstance(node.ops[0], ast.Eq) else "is not"
                said, mended = (
                    f"`{write_code(node)}` compares with None by value",
                    f"{write_code(node.left)} {sign} None",
                )
                yield ReviewNote(weight="habit", line=node.lineno, said=said, mended=mended)


CHECKS: Sequence[Callable[[ast.AST], Iterator[ReviewNote]]] = (
    _find_windows, _find_ends, _find_changing, _find_defaults, _find_comparisons, _find_promises, _find_dropped,
    _find_empty, _find_swallowed, _find_habits,
)  # fmt: skip


def _ranges(function: ast.AST) -> Iterator[tuple[str, ast.Call, list[ast.AST]]]:
    """Loops over `range`: the name that counts, the call, and what is done inside."""
    for node in walk_own(function):
        if isinstance(node, ast.For):
            parts = [(node.target, node.iter, [each for child in node.body for each in ast.walk(child)])]
        elif isinstance(node, ast.ListComp | ast.GeneratorExp | ast.SetComp):
            parts = [(one.target, one.iter, list(ast.walk(node.elt))) for one in node.generators]
        else:
            parts = []
        for target, over, inside in parts:
            is_range = isinstance(over, ast.Call) and getattr(over.func, "id", "") == "range" and over.args
            if is_range and isinstance(target, ast.Name) and isinstance(over, ast.Call):
                yield target.id, over, inside


def _len_of(node: ast.AST) -> str:
    """Of `len(values)` "values"; "" where it is no length."""
    is_len = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "len" and len(node.args) == 1
    return write_code(node.args[0]) if is_len and isinstance(node, ast.Call) else ""


def _slices(inside: Sequence[ast.AST], counted: str) -> list[ast.Subscript]:
    return [each for each in inside if isinstance(each, ast.Subscript) and write_code(each.value) == counted]
