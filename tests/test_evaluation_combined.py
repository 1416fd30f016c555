"""Pluses and minuses are scored as worked out by hand, and the written cases are whole."""

import json

import numpy as np
import pytest
from fakes import ColourSpace, picture

from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.combined import Case, average_precision, evaluate_combined, read_cases
from deepseek_mm.evaluation.retrieval import CaptionRow
from deepseek_mm.rag.query import read_box

DOG = Case(plus=(("dog", "puppy"), ("water",)), minus=(("ball",),))


def test_average_precision_is_the_mean_precision_at_the_right_ones():
    """By hand: right ones stand first and third, so (1/1 + 2/3) / 2."""
    scores = np.array([0.9, 0.8, 0.7, 0.1], np.float32)
    assert average_precision(scores, np.array([True, False, True, False])) == pytest.approx((1 + 2 / 3) / 2)


def test_a_case_says_itself_in_three_ways():
    assert (DOG.box, DOG.plain, DOG.sentence) == ("dog + water - ball", "dog water ball", "dog and water without ball")


@pytest.mark.parametrize(
    ("said", "fits"),
    [("a puppy in water", True), ("a dog in water with a ball", False), ("a dog", False), ("water", False)],
)
def test_captions_show_a_case_with_all_of_the_one_and_none_of_the_other(said, fits):
    assert DOG.fits(frozenset(said.split())) is fits


def test_there_are_twenty_written_cases_and_the_box_understands_each():
    cases = read_cases()
    assert len(cases) == 20
    for case in cases:
        asked = read_box(case.box)
        assert [term.weight for term in asked.terms] == [1.0] * len(case.plus) + [-1.0] * len(case.minus)


def test_the_box_is_compared_with_words_over_real_pictures(tmp_path):
    rows = []
    for colour in ("red", "green", "blue"):
        picture(colour).save(tmp_path / f"{colour}.png")
        rows.append(CaptionRow(image=f"{colour}.png", captions=(f"a {colour} thing",)))
    cases = [Case(plus=(("red",),), minus=(("green",),))]
    report = evaluate_combined(ColourSpace(), rows, tmp_path, cases)
    assert (report.combined_map, report.cases, report.images) == (1.0, 1, 3)
    assert json.loads(report.json())["beats_plain"] in (0, 1)
    assert "a + b - c            1.000" in report.table()
    with pytest.raises(NothingThere, match="no photo shows yellow - red"):
        evaluate_combined(ColourSpace(), rows, tmp_path, [Case(plus=(("yellow",),), minus=(("red",),))])
