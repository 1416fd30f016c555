"""The judge: who is believed, what is told, and when nothing is."""

import pytest

from deepseek_mm.vision.presence import Weights, add_log_odds, log_odds
from deepseek_mm.vision.vqa import EVEN, GLANCED, blend_colours, blend_glance, combine, outcome_of


def test_two_witnesses_who_agree_are_surer_than_each():
    one = combine({"yes": 0.7, "no": 0.3}, {})
    both = combine({"yes": 0.7, "no": 0.3}, {"likeness": 0.7}, weights=Weights(by={"reader": 1.0, "likeness": 1.0}))
    assert (one.answer, both.answer) == ("yes", "yes")
    assert both.chance > one.chance


def test_the_surer_witness_wins_and_the_dispute_is_shown():
    verdict = combine({"yes": 0.97, "no": 0.03}, {"likeness": 0.2}, weights=EVEN)
    assert verdict.answer == "yes"
    assert verdict.disputed
    assert [one.by for one in verdict.said] == ["reader", "likeness"]
    assert [one.answer for one in verdict.said] == ["yes", "no"]


def test_a_witness_that_no_weights_were_fitted_for_counts_half():
    weights = Weights(by={"reader": 1.0}, offset=0.3)
    both = add_log_odds({"reader": 0.7, "model": 0.9}, weights)
    assert log_odds(both) == pytest.approx(0.3 + log_odds(0.7) + 0.5 * log_odds(0.9))


def test_without_a_reader_likeness_speaks_alone():
    verdict = combine({}, {"likeness": 0.9}, why="dog")
    assert (verdict.answer, verdict.outcome, verdict.said[0].why) == ("yes", "sure", "dog")
    assert verdict.chance == pytest.approx(0.9)


def test_nobody_speaks_and_nothing_is_told():
    assert combine({}, {}).outcome == "unknown"


def test_an_open_answer_has_a_runner_up():
    verdict = combine({"red": 0.5, "blue": 0.3, "green": 0.1}, {})
    assert (verdict.answer, verdict.runner_up, verdict.outcome) == ("red", "blue", "unsure")


@pytest.mark.parametrize(
    ("chance", "closed", "outcome"),
    [
        (0.9, True, "sure"),
        (0.7, True, "unsure"),
        (0.55, True, "unknown"),
        (0.3, False, "unsure"),
        (0.1, False, "unknown"),
    ],
)
def test_what_is_told(chance, closed, outcome):
    assert outcome_of(chance, closed=closed) == outcome


def test_a_reader_that_only_knows_no_still_says_how_likely_yes_is():
    p_yes = add_log_odds({"reader": 0.2, "likeness": 0.5}, EVEN)
    assert combine({"no": 0.8}, {"likeness": 0.5}).chance == pytest.approx(1 - p_yes)


def test_a_glance_moves_close_answers_and_leaves_their_sum():
    chances, glanced = {"red": 0.41, "blue": 0.4, "green": 0.1}, {"red": 0.1, "blue": 0.85, "green": 0.05}
    both = blend_glance(chances, glanced)
    assert max(both, key=both.get) == "blue"
    assert sum(both.values()) == pytest.approx(0.91)
    told = combine(chances, {}, glanced=glanced)
    assert (told.answer, [one.by for one in told.said]) == ("blue", ["reader", "glance"])
    assert both["blue"] / both["red"] == pytest.approx((40 / 41) ** (1 - GLANCED) * 8.5**GLANCED)


def test_a_glance_at_other_answers_changes_nothing():
    chances = {"red": 0.5, "blue": 0.3}
    assert blend_glance(chances, {"red": 0.9}) == chances
    assert blend_glance(chances, {}) == chances


def test_colours_that_are_measured_move_answers_that_are_colours():
    chances = {"white": 0.3, "yellow": 0.25, "striped": 0.05}
    both = blend_colours(chances, {"yellow": 0.7, "grey": 0.3})
    assert max(both, key=both.get) == "yellow"
    assert sum(both.values()) == pytest.approx(0.6)
    assert blend_colours(chances, {}) == chances
