"""Pieces of code as trees: what was cut out of a class, examples of docstrings, calls with literals alone."""

import ast
import doctest
from textwrap import dedent


def parse_fragment(text: str) -> ast.AST:
    """Code as a tree, also of a method cut out of its class; an empty one where it is none."""
    for told in (text, dedent(text), f"class Cut:\n{text}"):
        try:
            return ast.parse(told)
        except (SyntaxError, ValueError):
            continue
    return ast.Module([], [])


def is_plain(call: ast.Call) -> bool:
    """Are all its arguments literals?"""
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    return all(keyword.arg for keyword in call.keywords) and all(is_literal(ast.unparse(value)) for value in values)


def is_literal(text: str) -> bool:
    """Is it a number, a string, or a list and so on of such? Nothing is computed."""
    try:
        ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text.strip() == "set()"
    return True


def read_examples(doc: str) -> list[str]:
    """The source of each example of a docstring; none where they cannot be read."""
    try:
        return [example.source for example in doctest.DocTestParser().get_examples(doc)]
    except ValueError:
        return []
