"""What a completion is worth, worked out by hand."""

import pytest

from deepseek_mm.training.ppo.judge import MOST_KEPT, NoveltyMemory, compute_reward


@pytest.mark.parametrize(
    ("parses", "share", "novelty", "worth"),
    [
        (False, 0.0, 1.0, 0.0),
        (True, 0.0, 1.0, 0.3),
        (True, 0.5, 1.0, 0.55),
        (True, 1.0, 0.0, 0.8),
        (True, 1.0, 1.0, 1.0),
    ],
)
def test_novelty_is_paid_only_when_every_test_passes(parses, share, novelty, worth):
    assert compute_reward(parses=parses, share=share, novelty=novelty) == pytest.approx(worth)


def test_what_is_no_python_earns_nothing_whatever_else_is_said_of_it():
    assert compute_reward(parses=False, share=1.0, novelty=1.0) == 0.0


def test_the_first_sample_is_new_and_its_copy_is_not():
    novelty = NoveltyMemory()
    assert novelty.distance("a", "return x + 1") == 1.0
    assert novelty.distance("a", "  return x+1\n") == 0.0  # spaces make nothing new
    assert novelty.distance("b", "return x + 1") == 1.0  # of another puzzle


def test_distance_is_to_the_nearest_of_all_samples():
    novelty = NoveltyMemory({"a": ["return x + 1", "pass"]})
    # four of four words and signs but one are the same: likeness 2 * 3 / 8
    assert novelty.distance("a", "return x + 2") == pytest.approx(1 - 2 * 3 / 8)


def test_no_more_samples_are_kept_than_new_ones_can_be_compared_with():
    novelty = NoveltyMemory()
    for number in range(MOST_KEPT + 5):
        novelty.distance("a", f"return {number}")
    assert len(novelty.seen["a"]) == MOST_KEPT
