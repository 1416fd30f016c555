"""Faults that are put into a function, worked out by hand."""

import ast

import pytest

from deepseek_mm.evaluation.drafts.mutants import find_function, list_changes, make_mutant, make_mutants

SOURCE = '''
def graded(points, best=10):
    """Say 3 > 2."""
    if points > best and True:
        return points - 1
    raise ValueError(f"{points + 1} is few")


def other(x):
    return x + 1
'''


def change(line):
    """The line with each fault that can be put into it."""
    tree = ast.parse(f"def f(a, b):\n    {line}\n")
    count = len(list(list_changes(find_function(tree, "f"))))
    return [make_mutant(tree, "f", n).text.split("\n", 1)[1].strip() for n in range(count)]


@pytest.mark.parametrize(
    ("line", "made"),
    [
        ("a = a < b", ["a = a >= b", "a = a <= b"]),
        ("a = a == b", ["a = a != b"]),
        ("a = a not in b", ["a = a in b"]),
        ("a = a + b", ["a = a - b"]),
        ("a = a // b", ["a = a * b"]),
        ("a += b", ["a -= b"]),
        ("a = a and b", ["a = a or b"]),
        ("a = True", ["a = False"]),
        ("a = 7", ["a = 8"]),
        ("a = 'text'", []),
        ("a = not b", []),
        ("return a", ["return None"]),
        ("return", []),
        ("a = 1 if b else a", ["a = 1 if not b else a", "a = 2 if b else a"]),
        ("raise ValueError(1)", []),
        ("a: int = b", []),
    ],
)
def test_each_fault_is_put_in_alone(line, made):
    assert change(line) == made


def test_faults_are_named_by_their_line():
    told = [mutant.fault for mutant in make_mutants(SOURCE, "graded", "s", most=99)]
    assert told == [
        "line 4: the condition is turned",
        "line 4: And becomes Or",
        "line 4: Gt becomes LtE",
        "line 4: Gt becomes GtE",
        "line 4: True becomes False",
        "line 5: the result becomes None",
        "line 5: Sub becomes Add",
        "line 5: 1 becomes 2",
    ]


def test_nothing_but_the_function_changes_and_its_words_stay():
    for mutant in make_mutants(SOURCE, "graded", "s", most=99):
        assert "def other(x):\n    return x + 1" in mutant.text
        assert "Say 3 > 2." in mutant.text
        assert "{points + 1} is few" in mutant.text
        assert mutant.text != ast.unparse(ast.parse(SOURCE))


def test_the_draw_is_the_same_for_a_seed_and_bounded():
    one, again, other = (make_mutants(SOURCE, "graded", seed, most=3) for seed in ("a", "a", "b"))
    assert len(one) == 3
    assert one == again
    assert one != other


def test_methods_are_found_behind_overloads_and_what_is_missing_is_said():
    source = "class A:\n    def f(self): ...\n    def f(self):\n        return 1\n"
    assert "return None" in make_mutants(source, "A.f", "s")[0].text + make_mutants(source, "A.f", "s")[1].text
    with pytest.raises(LookupError, match="no function A.g"):
        make_mutants(source, "A.g", "s")
