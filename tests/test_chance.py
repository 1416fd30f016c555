"""Bayes by hand."""

import doctest

import pytest

from deepseek_mm import chance
from deepseek_mm.chance import adjust_prior


def test_the_example_in_the_docstring_is_true():
    assert doctest.testmod(chance).failed == 0


@pytest.mark.parametrize("presence", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_where_half_the_photos_show_it_nothing_changes(presence):
    assert adjust_prior(presence, 0.5) == pytest.approx(presence)


def test_odds_are_multiplied_by_the_odds_of_the_prior():
    odds = (0.8 / 0.2) * (0.05 / 0.95)
    assert adjust_prior(0.8, 0.05) == pytest.approx(odds / (1 + odds))


def test_certainty_against_certainty_is_no_division_by_zero():
    assert adjust_prior(0.0, 1.0) == 0.0
