"""Arithmetic that is read from the syntax, and what is left alone."""

import pytest

from deepseek_mm.answering.drafts.constant_arithmetic import Outcome, compute_call
from deepseek_mm.answering.drafts.definitions import Definitions

SOURCE = """
FREEZING = 32
RATIO = 9 / 5
LOOP = LOOP_TOO
LOOP_TOO = LOOP


def to_fahrenheit(celsius):
    '''A temperature.'''
    return celsius * RATIO + FREEZING


def grade(points: int, best=100) -> int:
    if points < 0:
        raise ValueError("below nothing")
    share = points / best
    if share >= 0.9 and not points > best:
        return 1
    elif share > 0.5:
        share += 1
        return 2 if share < 1.8 else 3
    return None


def power(x): return 2 ** x
def grown(x): return (x ** 64) ** 64
def runs(x): return open(x)
def attribute(x): return x.real
def looped(x): return x + LOOP
def shout(x): return "a" * x
def loops(x):
    for each in range(x): x += each
    return x
def recursive(x): return recursive(x)
@cached
def decorated(x): return x
def shadowed(x): return abs(x)
def largest(a, b): return max(a, b, 3)
"""
HOME = Definitions(SOURCE, "m", lambda module: None)


def compute(name, **given):
    return compute_call(HOME.functions[name], HOME, given)


@pytest.mark.parametrize(("celsius", "fahrenheit"), [(0, 32.0), (100, 212.0), (-40, -40.0)])
def test_a_formula_with_constants_of_the_module_is_computed(celsius, fahrenheit):
    assert compute("to_fahrenheit", celsius=celsius) == Outcome(fahrenheit)


@pytest.mark.parametrize(
    ("points", "outcome"),
    [
        (-1, Outcome(error="ValueError")),
        (95, Outcome(1)),
        (60, Outcome(2)),
        (85, Outcome(3)),
        (500, Outcome(3)),
        (10, Outcome()),
    ],
)
def test_conditions_and_errors_are_followed(points, outcome):
    assert compute("grade", points=points) == outcome


@pytest.mark.parametrize(
    "name", ["runs", "attribute", "looped", "shout", "loops", "recursive", "decorated", "grown", "power"]
)
def test_what_is_more_than_small_arithmetic_is_left_alone(name):
    assert compute(name, x=1000) is None


def test_powers_and_pythons_own_functions_are_known():
    assert compute("power", x=10) == Outcome(1024)
    assert compute("largest", a=1, b=2) == Outcome(3)
    assert compute("shadowed", x=-2) == Outcome(2)


def test_a_function_of_the_module_by_such_a_name_is_not_taken_for_pythons_own():
    home = Definitions("def abs(x): return 7\ndef f(x): return abs(x)\n", "m", lambda module: None)
    assert compute_call(home.functions["f"], home, {"x": -2}) is None


def test_missing_and_strange_arguments_compute_nothing():
    assert compute("grade") is None
    assert compute("grade", points="1") is None
    assert compute("grade", points=1, other=2) is None
    assert compute("power", x=2**300) is None
