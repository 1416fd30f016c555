"""Exercises: the answers are right, and every step can be recomputed from the text."""

import itertools
import re
from fractions import Fraction
from pathlib import Path
from random import Random

import pytest

from deepseek_mm.training.corpus.exercises import EXERCISES, make_exercise_items
from deepseek_mm.training.corpus.items import Sources

NOWHERE = Sources(text=Path("none"), captions=Path("none"))
STEP = re.compile(r"(?<![\w/.])(\(?[\d.+\-*/ ()]*\d\)?) = (-?[\d./]+\d|\d)(?![\d/x]| [+\-*/])")


@pytest.mark.parametrize("exercise", sorted(set(EXERCISES), key=lambda e: e.__name__), ids=lambda e: e.__name__)
def test_every_step_that_can_be_recomputed_is_right(exercise):
    draw, steps = Random(4), 0
    for _ in range(50):
        _, answer = exercise(draw)
        for left, right in STEP.findall(answer):
            if re.search(r"[+\-*/] ", left) and "left over" not in answer:
                assert value(left) == value(right), answer
                steps += 1
    assert steps > 0 or exercise.__name__ == "draw_division"


def value(text: str) -> Fraction:
    """An expression of numbers, exactly."""
    return Fraction(eval(re.sub(r"\d+(?:\.\d+)?", lambda m: f"Fraction('{m[0]}')", text), {"Fraction": Fraction}))


def test_division_tells_what_is_left_over():
    draw = Random(1)
    division = next(exercise for exercise in EXERCISES if exercise.__name__ == "draw_division")
    for _ in range(40):
        question, answer = division(draw)
        a, b = (int(n) for n in re.search(r"(\d+) / (\d+)", question).groups())
        quotient, rest = divmod(a, b)
        over = f" with {rest} left over" if rest else ""
        assert answer.endswith(f"{a} / {b} = {quotient}{over}.")


def test_an_exercise_that_is_learned_is_never_held_out():
    learned, held = (
        {item.messages[0].text for item in itertools.islice(make_exercise_items(NOWHERE, split, Random(7)), 600)}
        for split in ("train", "held")
    )
    assert len(learned) > 500
    assert len(held) > 200
    assert learned.isdisjoint(held)
