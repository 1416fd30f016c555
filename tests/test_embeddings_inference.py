"""Drawing ahead: same items, same order, same errors, and no thread left behind."""

import threading
import time

import pytest

from deepseek_mm.embeddings.inference import DEPTH, prefetch_batches


def test_items_come_in_order_in_batches_and_the_last_may_be_short():
    assert list(prefetch_batches(range(7), size=3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(prefetch_batches([], size=3)) == []


def test_what_fits_into_one_batch_is_drawn_by_whoever_asks():
    drew = []
    batches = list(prefetch_batches((drew.append(threading.get_ident()) or n for n in range(2)), size=3))
    assert batches == [[0, 1]]
    assert set(drew) == {threading.get_ident()}


def test_the_next_batches_are_drawn_while_the_first_is_used():
    drawn = []
    batches = prefetch_batches((drawn.append(n) or n for n in range(100)), size=2)
    next(batches)
    until = time.monotonic() + 5
    while len(drawn) < 2 * DEPTH + 2 and time.monotonic() < until:
        time.sleep(0.01)
    assert 2 * DEPTH + 2 <= len(drawn) <= 2 * (DEPTH + 3)
    batches.close()


def test_an_error_in_drawing_reaches_the_consumer_after_what_came_before_it():
    def items():
        yield from (1, 2)
        raise OSError("the card was pulled out")

    batches = prefetch_batches(items(), size=2)
    assert next(batches) == [1, 2]
    with pytest.raises(OSError, match="card was pulled out"):
        next(batches)


def test_a_consumer_that_leaves_early_leaves_no_thread_behind():
    others = set(threading.enumerate())  # those of other tests may end meanwhile
    batches = prefetch_batches(iter(range(10_000)), size=1)
    next(batches)
    (drawing,) = set(threading.enumerate()) - others
    batches.close()
    drawing.join(timeout=5)
    assert not drawing.is_alive()
