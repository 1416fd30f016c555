import random

import pytest

from deepseek_mm.lm.kv_cache.block_manager import OutOfPages, PagePool


def test_a_page_is_free_again_when_its_last_holder_lets_go():
    pages = PagePool(4)
    taken = pages.take(3)
    pages.share(taken[:1])
    pages.free(taken)
    assert (pages.num_free, pages.holders(taken[0]), pages.holders(taken[1])) == (3, 1, 0)
    pages.free(taken[:1])
    assert pages.num_free == 4


def test_more_pages_than_are_free_are_refused_and_none_is_taken():
    pages = PagePool(3)
    pages.take(2)
    with pytest.raises(OutOfPages, match="2 pages are needed and 1 of 3 are free"):
        pages.take(2)
    assert pages.num_free == 1


def test_freeing_or_sharing_a_free_page_is_a_bug_that_is_noticed():
    pages = PagePool(2)
    with pytest.raises(AssertionError, match="freed more often"):
        pages.free([0])
    with pytest.raises(AssertionError, match="nothing to share"):
        pages.share([0])


def test_sequences_that_promise_their_length_grow_without_a_gap():
    """Three that want ten pages each and grow in turns: each gets ten in a row."""
    pages = PagePool(30)
    runs = [pages.take(1, room=10) for _ in range(3)]
    for _ in range(9):
        for run in runs:
            run += pages.take(1, after=run[-1], room=10 - len(run))
    assert all(run == list(range(run[0], run[0] + 10)) for run in runs)
    assert pages.num_free == 0


def test_a_sequence_jumps_to_the_longest_hole_when_its_way_is_blocked():
    pages = PagePool(10)
    first = pages.take(4)  # right before the end
    second = pages.take(2, after=first[-1])
    assert first == [6, 7, 8, 9]
    assert second == [4, 5]


def test_random_taking_sharing_and_freeing_agrees_with_a_plain_count():
    dice, pages = random.Random(5), PagePool(40)
    held: list[int] = []
    for _ in range(2_000):
        if held and dice.random() < 0.5:
            pages.free([held.pop(dice.randrange(len(held)))])
        elif held and dice.random() < 0.3:
            held.append(dice.choice(held))
            pages.share(held[-1:])
        elif (count := dice.randint(1, 4)) <= pages.num_free:
            held += pages.take(count, after=dice.choice([-1, *held]), room=dice.randint(0, 9))
        assert pages.num_free == 40 - len(set(held))
        assert [pages.holders(page) for page in range(40)] == [held.count(page) for page in range(40)]
