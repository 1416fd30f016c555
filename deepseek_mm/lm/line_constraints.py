"""What a missing line of Python must be, told by what stands around it: no model, only the grammar and names.

A name that the text uses and nothing binds must be bound by the missing line; where the next line is indented deeper
it must open a block; where it is a function's last one and nothing is given back yet, it may well do that.
"""

import ast
import builtins
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

KNOWN = frozenset(dir(builtins)) | {"__file__", "__name__", "self", "cls"}
STEP = 4  # spaces of one indentation, where nothing tells
MOST_NAMES = 3  # unbound ones that are proposed; more are a text without its beginning
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, kw_only=True, slots=True)
class LineSlot:
    """Where a line can stand so that the whole is Python."""

    indent: str
    opens: bool  # a block: the next lines are its body


def parse_or_none(text: str) -> ast.Module | None:
    """None if it is no Python."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def find_unbound_names(tree: ast.Module) -> frozenset[str]:
    """Names that are used and that nothing binds, wherever it stands. A name that only grows (x += 1) is not bound."""
    used, bound = set[str](), set[str]()
    grown = {id(node.target) for node in ast.walk(tree) if isinstance(node, ast.AugAssign)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) or id(node) in grown else bound).add(node.id)
        else:
            bound |= set(find_bound_names(node))
    return frozenset(used - bound - KNOWN)


def find_bound_names(node: ast.AST) -> Iterator[str]:
    """Names that a node binds, if it is no name itself."""
    if isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        yield node.name
    elif isinstance(node, ast.alias):
        yield (node.asname or node.name).partition(".")[0]
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        yield node.name


def find_slots(before: str, after: str) -> list[LineSlot]:
    """Where the missing line can stand, likeliest first; none where the text is no Python whatever the line is."""
    last, following = last_line(before), first_line(after)
    deep, step = indent_of(last), step_of(before + after)
    inner = deep + step if last.rstrip().endswith(":") else deep
    guesses = [inner, indent_of(following), deep, deep + step]
    found = []
    for opens in (True, False) if len(indent_of(following)) > len(inner) else (False, True):
        for indent in dict.fromkeys(guesses):
            line = f"{indent}if None:" if opens else f"{indent}pass"
            if parse_or_none(f"{before}{line}{after}") is not None:
                found.append(LineSlot(indent=indent, opens=opens))
        if found:
            break
    return found


def last_line(text: str) -> str:
    """The last line that says something."""
    return next((line for line in reversed(text.split("\n")) if line.strip()), "")


def first_line(text: str) -> str:
    """The first one."""
    return next((line for line in text.split("\n") if line.strip()), "")


def step_of(text: str) -> str:
    """One indentation more, as the text has it."""
    indents = {indent_of(line) for line in text.split("\n") if line.strip()} - {""}
    return min(indents, key=len, default=" " * STEP)


def indent_of(line: str) -> str:
    """The spaces that it begins with."""
    return line[: len(line) - len(line.lstrip(" \t"))]


def line_starts(before: str, after: str) -> list[str]:
    """How the missing line may begin, with its indentation, most certain first."""
    here = find_slots(before, after)
    if not here:
        return []
    place = here[0]
    filler = f"{place.indent}if None:" if place.opens else f"{place.indent}pass"
    tree = parse_or_none(f"{before}{filler}{after}")
    assert tree is not None, "the place was tried"
    names = sort_by_use(find_unbound_names(tree), after)
    return [
        place.indent + words
        for words in (block_starts(names) if place.opens else statement_starts(names, tree, before))
    ]


def block_starts(names: Sequence[str]) -> list[str]:
    """Of a block."""
    together = [f"for {', '.join(names)} in"] if names else []
    return [*together, *(f"for {name} in" for name in names[:1] if len(names) > 1), "if", "for", "while", "else:"]


def statement_starts(names: Sequence[str], tree: ast.Module, before: str) -> list[str]:
    """Of a statement."""
    if names:
        return [f"{', '.join(names)} ="] if len(names) == 1 else [f"{', '.join(names)} =", f"{names[0]} ="]
    row = before.count("\n") + 1
    inside = [node for node in ast.walk(tree) if isinstance(node, FUNCTIONS) and belongs_to_block(node, row)]
    if inside and not any(isinstance(node, ast.Return | ast.Yield | ast.YieldFrom) for node in ast.walk(inside[-1])):
        return ["return"]
    return []


def belongs_to_block(node: ast.AST, row: int) -> bool:
    """Whether a line belongs to it."""
    return bool(node.lineno <= row <= (node.end_lineno or row))  # type: ignore[attr-defined]


def sort_by_use(names: frozenset[str], after: str) -> list[str]:
    """By where they are used first; none where there are too many."""
    return [] if len(names) > MOST_NAMES else sorted(names, key=lambda name: (after.find(name), name))
