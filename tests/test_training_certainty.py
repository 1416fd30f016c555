"""Fitting doubt: mentions, rates, fair weights and thresholds, each by hand or against a known curve."""

import numpy as np
import pytest

from deepseek_mm.training.search_certainty import (
    GalleryWitnesses,
    balance_things,
    count_words,
    find_even_threshold,
    find_mentions,
    fit_direction,
    fit_logistic,
    fit_search_curve,
)


def heard(witnesses, num_photos, withheld=None):
    return GalleryWitnesses(
        witnesses_TW=np.array(witnesses, np.float32),
        num_photos_T=np.array(num_photos),
        withheld_T=np.array(withheld if withheld is not None else [False] * len(num_photos)),
    )


def test_a_text_names_a_thing_in_any_number_and_a_phrase_word_by_word():
    found = find_mentions(["Two dogs by a traffic light.", "The light of traffic; a hotdog"], ["dog", "traffic light"])
    assert found.tolist() == [[True, True], [False, False]]


def test_a_word_is_counted_once_a_text():
    assert count_words(["dog dogs dog", "a dog"]) == {"dog": 2, "a": 1}


def test_the_direction_tells_common_things_from_rare_ones():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(400, 8)).astype(np.float32)
    counts = np.round(np.exp(2 * vectors[:, 0] + 3)).astype(np.int64)
    direction, offset = fit_direction(vectors, counts, 1000)
    guessed = vectors @ direction + offset
    assert np.corrcoef(guessed, vectors[:, 0])[0, 1] > 0.95
    assert guessed.mean() == pytest.approx(np.log((counts + 0.3) / 1000).mean(), abs=1e-3)


def test_both_sides_weigh_the_same_and_so_does_every_band():
    weights = balance_things(heard([[0.0]] * 6, [1, 1, 1, 20, 0, 0]))
    np.testing.assert_allclose(weights, [1 / 12, 1 / 12, 1 / 12, 1 / 4, 1 / 4, 1 / 4])


def test_what_was_taken_out_weighs_as_much_as_all_other_absent_things():
    weights = balance_things(heard([[0.0]] * 5, [1, 0, 0, 0, 0], [False, True, False, False, False]))
    np.testing.assert_allclose(weights, [1 / 2, 1 / 4, 1 / 12, 1 / 12, 1 / 12])


def test_the_logistic_fit_finds_the_curve_that_made_the_data():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(20_000, 2))
    there = rng.random(len(x)) < 1 / (1 + np.exp(-(1.5 * x[:, 0] - 0.5 * x[:, 1] + 0.3)))
    weights, offset = fit_logistic(x, there, np.ones(len(x)))
    np.testing.assert_allclose([*weights, offset], [1.5, -0.5, 0.3], atol=0.08)


def test_the_threshold_lies_where_misses_and_false_claims_are_equal():
    chances = np.array([0.2, 0.4, 0.6, 0.8, 0.1, 0.3, 0.5, 0.7])
    there = np.array([False] * 4 + [True] * 4)
    assert 0.4 < find_even_threshold(chances, there, np.ones(8)) <= 0.6  # half of each side is wrong there


def test_where_nothing_is_wrong_the_threshold_keeps_off_both_sides():
    chances, there = np.array([0.2, 0.2, 0.8, 0.8]), np.array([False, False, True, True])
    assert find_even_threshold(chances, there, np.ones(4)) == pytest.approx(0.5, abs=0.02)


def test_a_fitted_curve_tells_what_is_there_from_what_is_not():
    rng = np.random.default_rng(2)
    num_photos = np.array([3] * 200 + [0] * 200)
    witnesses = rng.normal(size=(400, 1)) + 4 * (num_photos > 0)[:, None]
    part = heard(witnesses, num_photos)
    curve = fit_search_curve([part], [part])
    found = np.array([curve.probability(x) >= curve.threshold for x in part.witnesses_TW])
    assert (found == (num_photos > 0)).mean() > 0.95
