"""Rankings are joined by reciprocal rank, as worked out by hand."""

import pytest

from deepseek_mm.retrieval.ranking import points, reciprocal_rank_fusion, reorder_worth


def test_points_are_the_sum_of_reciprocal_ranks_as_worked_out_by_hand():
    assert points([[7, 5], [5, 9]]) == pytest.approx({7: 1 / 61, 5: 1 / 62 + 1 / 61, 9: 1 / 62})


def test_what_two_rankings_know_comes_before_what_only_one_puts_first():
    assert reciprocal_rank_fusion([[1, 2, 3], [4, 2, 5]]) == [2, 1, 4, 3, 5]


def test_a_heavier_ranking_decides_and_a_ranking_without_entries_changes_nothing():
    assert reciprocal_rank_fusion([[1, 2], [2, 1], []], [1.0, 3.0, 1.0]) == [2, 1]
    assert reciprocal_rank_fusion([[1, 2], []]) == [1, 2]
    assert reciprocal_rank_fusion([]) == []


def test_among_equals_the_one_that_was_named_first_comes_first():
    assert reciprocal_rank_fusion([[1, 2], [2, 1]]) == [1, 2]
    assert reciprocal_rank_fusion([[2, 1], [1, 2]]) == [2, 1]


def test_rankings_and_weights_must_be_as_many():
    with pytest.raises(ValueError, match="zip"):
        reciprocal_rank_fusion([[1]], [1.0, 2.0])


def test_worths_are_dealt_out_in_the_new_order_and_stay_the_same_ones():
    assert reorder_worth({1: 0.5, 2: 3.0, 3: 1.0}, [3, 1, 2]) == pytest.approx({3: 3.0, 1: 1.0, 2: 0.5})
    equals = reorder_worth({1: 2.0, 2: 2.0}, [2, 1])
    assert equals[2] > equals[1]
