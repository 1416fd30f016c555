"""The reservoir: everything at first, then a fair sample, whatever pieces the stream comes in."""

from collections import Counter

from deepseek_mm.learning.memory import Reservoir


def test_a_stream_that_fits_is_kept_whole_and_in_order():
    assert Reservoir(size=5).with_more("abc").with_more("d").kept == ("a", "b", "c", "d")


def test_pieces_leave_the_same_sample_as_the_whole_stream():
    whole = Reservoir(size=7, seed=3).with_more(range(100))
    pieces = Reservoir(size=7, seed=3)
    for start in range(0, 100, 9):
        pieces = pieces.with_more(range(start, min(100, start + 9)))
    assert pieces == whole
    assert (len(whole.kept), whole.seen) == (7, 100)


def test_every_item_of_the_stream_is_kept_equally_often():
    counts = Counter(item for seed in range(2_000) for item in Reservoir(size=5, seed=seed).with_more(range(20)).kept)
    assert len(counts) == 20
    assert all(abs(count - 500) < 100 for count in counts.values())  # 2000 * 5 / 20, five standard deviations


def test_another_seed_keeps_another_sample():
    assert Reservoir(size=5, seed=1).with_more(range(50)).kept != Reservoir(size=5, seed=2).with_more(range(50)).kept
