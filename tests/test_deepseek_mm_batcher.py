"""The batcher: order, company, cancelling, and nobody suffers for another's request."""

import threading
from concurrent.futures import CancelledError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_mm.batcher import Batcher, BatchKind
from deepseek_mm.errors import Busy


class Gate:
    """Work that notes every batch, and waits for leave to do the first one."""

    def __init__(self, *, open: bool = True) -> None:
        self.batches, self.begun, self.leave = [], threading.Event(), threading.Event()
        if open:
            self.leave.set()

    def __call__(self, items):
        self.batches.append(list(items))
        self.begun.set()
        assert self.leave.wait(60)
        if "bad" in items:
            raise ValueError("bad")
        return [str(item) for item in items]


@pytest.fixture
def batcher():
    made = []

    def make(*, wait_s=0.0, most_waiting=1000, **kinds):
        made.append(Batcher(kinds, wait_s=wait_s, most_waiting=most_waiting))
        return made[-1]

    yield make
    for one in made:
        one.close()


def behind_a_first(gate, batcher, kind="a"):
    """Something is at work, so that what comes next waits."""
    first = batcher.submit(kind, "first")
    assert gate.begun.wait(60)
    return first


def test_what_comes_while_it_works_shares_the_next_pass_in_order(batcher):
    gate = Gate(open=False)
    b = batcher(a=BatchKind(do=gate, most=4))
    first = behind_a_first(gate, b)
    rest = [b.submit("a", n) for n in range(6)]
    gate.leave.set()
    assert [future.result(60) for future in (first, *rest)] == ["first", *map(str, range(6))]
    assert gate.batches == [["first"], [0, 1, 2, 3], [4, 5]]


def test_kinds_never_mix_and_the_longest_waiting_goes_first(batcher):
    gate, other = Gate(open=False), Gate()
    b = batcher(a=BatchKind(do=gate, most=8), b=BatchKind(do=other, most=8))
    behind_a_first(gate, b)
    waiting = [b.submit("b", 1), b.submit("a", 2), b.submit("b", 3)]
    gate.leave.set()
    assert [future.result(60) for future in waiting] == ["1", "2", "3"]
    assert (gate.batches, other.batches) == ([["first"], [2]], [[1, 3]])


def test_who_comes_alone_is_not_made_to_wait(batcher):
    b = batcher(wait_s=3600.0, a=BatchKind(do=Gate(), most=8))
    assert [b.submit("a", n).result(60) for n in range(3)] == ["0", "1", "2"]


def test_after_company_a_batch_lingers_for_as_many_again(batcher):
    gate = Gate(open=False)
    b = batcher(wait_s=3600.0, a=BatchKind(do=gate, most=8))
    first = behind_a_first(gate, b)
    pair = [b.submit("a", n) for n in range(2)]
    gate.leave.set()
    assert [future.result(60) for future in (first, *pair)] == ["first", "0", "1"]
    one = b.submit("a", 2)
    assert not one.done()
    assert (b.submit("a", 3).result(60), one.result(60)) == ("3", "2")
    assert gate.batches[-1] == [2, 3]


def test_waiting_for_company_ends_after_the_time_that_was_set(batcher):
    gate = Gate(open=False)
    b = batcher(wait_s=0.01, a=BatchKind(do=gate, most=8))
    behind_a_first(gate, b)
    pair = [b.submit("a", n) for n in range(2)]
    gate.leave.set()
    assert [future.result(60) for future in pair] == ["0", "1"]
    assert b.submit("a", 2).result(60) == "2"


def test_no_pass_of_a_kind_begins_before_the_last_one_is_over(batcher):
    gate = Gate(open=False)
    b = batcher(a=BatchKind(do=gate, most=1), other=BatchKind(do=list, most=1, at_once=2))
    first, second = behind_a_first(gate, b), b.submit("a", "second")
    assert b.submit("other", 1).result(60) == 1  # there is a thread for it
    assert gate.batches == [["first"]]
    gate.leave.set()
    assert [first.result(60), second.result(60)] == ["first", "second"]


def test_as_many_passes_of_a_kind_are_under_way_as_it_may_have(batcher):
    together = threading.Barrier(2)

    def work(items):
        together.wait(60)  # neither goes on without the other
        return items

    b = batcher(a=BatchKind(do=work, most=1, at_once=2))
    assert [future.result(60) for future in b.submit_many("a", ["x", "y"])] == ["x", "y"]


def test_what_is_cancelled_before_its_turn_is_left_out(batcher):
    gate = Gate(open=False)
    b = batcher(a=BatchKind(do=gate, most=8))
    first = behind_a_first(gate, b)
    gone, stays = b.submit("a", "gone"), b.submit("a", "stays")
    assert gone.cancel()
    gate.leave.set()
    assert (first.result(60), stays.result(60)) == ("first", "stays")
    with pytest.raises(CancelledError):
        gone.result(60)
    assert gate.batches == [["first"], ["stays"]]


def test_a_bad_request_fails_alone(batcher):
    gate = Gate(open=False)
    b = batcher(a=BatchKind(do=gate, most=8))
    behind_a_first(gate, b)
    good, bad = b.submit("a", "good"), b.submit("a", "bad")
    gate.leave.set()
    assert good.result(60) == "good"
    with pytest.raises(ValueError, match="bad"):
        bad.result(60)


def test_those_beyond_the_queue_are_sent_away_and_the_others_served(batcher):
    gate = Gate(open=False)
    b = batcher(most_waiting=2, a=BatchKind(do=gate, most=1))
    first = behind_a_first(gate, b)
    waiting = [b.submit("a", n) for n in range(2)]
    with pytest.raises(Busy, match="2 requests wait already"):
        b.submit("a", 3)
    gate.leave.set()
    assert [future.result(60) for future in (first, *waiting)] == ["first", "0", "1"]
    assert b.run("a", range(5)) == list("01234")  # one caller's own many are not turned away by themselves


def test_closing_works_off_what_waits_and_takes_nothing_more():
    gate = Gate(open=False)
    b = Batcher({"a": BatchKind(do=gate, most=1)}, wait_s=3600, most_waiting=9)
    waiting = [b.submit("a", n) for n in range(3)]
    gate.leave.set()
    b.close()
    assert [future.result(0) for future in waiting] == ["0", "1", "2"]
    with pytest.raises(Busy, match="it is ending"):
        b.submit("a", 1)


@settings(max_examples=40, deadline=None)
@given(
    clients=st.lists(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 9)), max_size=6), min_size=1, max_size=6),
    most=st.integers(1, 5),
)
def test_every_client_gets_its_own_results_in_its_own_order(clients, most):
    sizes = []

    def twice(items):
        sizes.append(len(items))
        return [2 * item for item in items]

    def negative(items):
        sizes.append(len(items))
        return [-item for item in items]

    kinds = {"a": BatchKind(do=twice, most=most), "b": BatchKind(do=negative, most=most)}
    b, got = Batcher(kinds, wait_s=0.001, most_waiting=10_000), [[] for _ in clients]

    def ask(mine, results):
        futures = [b.submit(kind, number) for kind, number in mine]
        results.extend(future.result(60) for future in futures)

    threads = [threading.Thread(target=ask, args=pair) for pair in zip(clients, got, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    b.close()
    assert got == [[2 * n if kind == "a" else -n for kind, n in mine] for mine in clients]
    assert sum(sizes) == sum(map(len, clients))
    assert all(size <= most for size in sizes)
