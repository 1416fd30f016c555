"""How sure answers were against how often they were right: groups, the error and what counts as right."""

from datetime import UTC, datetime

import numpy as np
import pytest

from deepseek_mm.history import Turn
from deepseek_mm.learning.reliability import (
    FEWEST,
    Reliability,
    bound_share,
    judge_turn,
    measure_error,
    measure_reliability,
)
from deepseek_mm.types import Act, Answer, Request


def turn(chance: float | None, *, text: str = "A cat [1].", **judged: object) -> Turn:
    return Turn(
        id=1,
        conversation=1,
        asked_at=datetime(2026, 1, 1, tzinfo=UTC),
        question="What is it?",
        image_name="",
        image_path="",
        answer=Answer(text=text, confidence=chance),
        settings={},
        fingerprint="",
        **judged,
    )


@pytest.mark.parametrize(
    ("judged", "right"),
    [
        ({"rating": "up"}, True),
        ({"rating": "down"}, False),
        ({"right": "cat"}, True),
        ({"right": "a cat"}, True),
        ({"right": "at"}, False),  # no word of the answer
        ({"right": "dog", "rating": "up"}, False),  # what it should have been says more than a thumb
        ({"meant": Request(acts=(Act(kind="count", text="x"),)), "rating": ""}, False),
    ],
)
def test_a_thumb_a_right_answer_and_a_corrected_request_judge_an_answer(judged, right):
    found = judge_turn(turn(0.8, **judged))
    assert found is not None
    assert (found.chance, found.is_right) == (0.8, right)


def test_what_nobody_judged_and_what_was_not_sure_of_anything_does_not_count():
    assert judge_turn(turn(0.8)) is None
    assert judge_turn(turn(None, rating="up")) is None
    assert measure_reliability([turn(0.8), turn(None, rating="down")]) == Reliability()


def test_the_error_is_the_mean_distance_of_groups_weighted_by_their_size():
    # 0.95 four times, three of them right: 0.2 too sure; 0.6 once, right: 0.4 too modest; (4 * 0.2 + 0.4) / 5
    error = measure_error(np.array([0.95] * 4 + [0.6]), np.array([1.0, 1.0, 1.0, 0.0, 1.0]))
    assert error == pytest.approx(0.24)


def test_errors_of_opposite_sign_within_a_group_cancel_and_those_of_two_groups_do_not():
    assert measure_error(np.array([0.9, 0.9]), np.array([1.0, 0.8])) == pytest.approx(0.0)
    assert measure_error(np.array([0.9, 0.1]), np.array([1.0, 0.0])) == pytest.approx(0.1)


def test_the_interval_of_a_share_is_that_of_wilson():
    low, high = bound_share(8, 10)
    assert (round(low, 3), round(high, 3)) == (0.490, 0.943)
    assert bound_share(5, 5)[1] == 1.0


def test_below_the_fewest_answers_only_groups_are_told():
    few = measure_reliability([turn(0.95, rating="up")] * (FEWEST - 1))
    assert (few.error, few.num_lacking, few.count) == (None, 1, FEWEST - 1)
    (group,) = few.groups
    assert (group.low, group.high, group.right, round(group.said, 2)) == (0.9, 1.0, 1.0, 0.95)


def test_an_error_comes_with_an_interval_around_it():
    turns = [turn(0.9, rating="up")] * 15 + [turn(0.9, rating="down")] * 5 + [turn(1.0, rating="up")] * 10
    found = measure_reliability(turns)
    low, high = found.interval
    assert found.error == pytest.approx(abs(20 * 0.9 + 10 - 25) / 30)
    assert 0 <= low < found.error < high <= 0.4
    assert [group.count for group in found.groups] == [30]  # 1.0 belongs to the surest
