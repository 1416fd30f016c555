"""What the lines around a gap tell of it: names without a value, blocks without a head, functions without an answer."""

import ast

import pytest

from deepseek_mm.lm.infilling import LineSlot, find_slots, find_unbound_names, line_starts, parse_or_none

HEAD = "def area(r):\n"


def names(text):
    return set(find_unbound_names(ast.parse(text)))


def test_a_name_that_nothing_binds_is_found_and_builtins_are_none():
    assert names("print(len(a), b)\nb = 1") == {"a"}
    assert names("import os.path as p, sys\nfrom a import b as c\np, sys, c, os") == {"os"}


@pytest.mark.parametrize(
    "text",
    [
        "for a, (b, *c) in []: a, b, c",
        "with open('x') as a: a",
        "def f(a, *b, c=1, **d): return a, b, c, d, f",
        "class A(Exception): pass\ntry: A()\nexcept A as e: e",
        "[a for a in []], {b: c for b, c in {}}, (lambda d: d)",
        "if (a := 1): a",
        "match 1:\n case [a, *b] as c: a, b, c",
        "a: int = 1\na",
    ],
)
def test_whatever_binds_a_name_counts(text):
    assert names(text) == set()


def test_a_name_that_only_grows_has_no_value_yet():
    assert names("total += 1") == {"total"}
    assert names("total = 0\ntotal += 1") == set()


def test_a_statement_stands_where_the_next_line_does():
    assert find_slots(HEAD, "\n    return a\n")[0] == LineSlot(indent="    ", opens=False)
    assert find_slots(HEAD + "    if r:\n", "\n    return r\n")[0] == LineSlot(indent="        ", opens=False)


def test_lines_that_are_indented_deeper_need_a_head():
    assert find_slots(HEAD + "    s = 0\n", "\n        s += 1\n    return s\n")[0] == LineSlot(
        indent="    ", opens=True
    )
    assert find_slots(HEAD, "\n        s += 1\n    return s\n")[0] == LineSlot(indent="    ", opens=True)


def test_where_no_line_makes_it_python_there_is_no_place():
    assert find_slots("fn f() {\n", "\n}\n") == []
    assert line_starts("x = (\n", "\n") == []
    assert parse_or_none("a\0") is None


@pytest.mark.parametrize(
    ("before", "after", "begun"),
    [
        (HEAD + "    pi = 3\n", "\n    return a * pi\n", ["    a ="]),
        (HEAD, "\n    return b + a\n", ["    b, a =", "    b ="]),
        (
            HEAD + "    s = 0\n",
            "\n        s += x\n    return s\n",
            ["    for x in", "    if", "    for", "    while", "    else:"],
        ),
        (HEAD + "    a = r\n", "", ["    return"]),
        (HEAD + "    a = r\n", "\n\nprint(area(2))\n", ["    return"]),
        (HEAD + "    a = r\n", "\n    return a\n", []),
        ("a = 1\n", "\nb = 2\n", []),
        (HEAD, "\n    return a + b + c + d\n", []),
    ],
)
def test_a_line_begins_as_its_surroundings_ask(before, after, begun):
    assert line_starts(before, after) == begun


def test_the_step_of_indentation_is_the_texts_own():
    assert line_starts("def f(r):\n", "\n    for b in a:\n      print(b)\n  return 1\n")[0] == "  for a in"
    assert line_starts("def f(r):\n  if r:\n", "\n  return a\n") == ["    a ="]
