"""Which server gets the next request, and when one is left out, by a clock that the test moves."""

from contextlib import contextmanager

import pytest

from deepseek_mm.balancer import Balancer, BalancerLimits

LIMITS = BalancerLimits(failures=3, pause_s=1, longest_pause_s=8, jitter=0.5, idle_s=30, recent_s=120)


class Clock:
    now = 1_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def balance(clock):
    def open_it(*names, chance=0.0):
        return Balancer(names, LIMITS, clock=clock, chance=lambda: chance)

    return open_it


@contextmanager
def request(balancer, *without):
    with balancer.begin(without) as turn:
        yield turn


def ask(balancer, clock, *, first_word_s=0.0, fails=""):
    """One request from its beginning to its end; the server that it went to."""
    with request(balancer) as turn:
        clock.now += first_word_s
        if fails:
            turn.fail(fails)
        else:
            turn.speak()
            turn.succeed()
    return turn.number


def fail(balancer, number, times=3):
    others = {n for n in range(len(balancer.states())) if n != number}
    for _ in range(times):
        with request(balancer, *others) as turn:
            turn.fail("it burns")


def standing(balancer):
    return [each.standing for each in balancer.states()]


def test_a_request_goes_to_the_server_with_the_fewest_under_way(balance):
    balancer = balance("a", "b")
    with request(balancer) as first, request(balancer) as second, request(balancer, first.number) as third:
        assert {first.number, second.number} == {0, 1}
        assert third.number == second.number
        with request(balancer) as fourth:
            assert fourth.number == first.number
    assert [each.in_flight for each in balancer.states()] == [0, 0]


def test_of_two_that_have_as_much_to_do_the_one_that_began_to_speak_sooner_is_asked(balance, clock):
    balancer = balance("a", "b")
    assert [ask(balancer, clock, first_word_s=2.0), ask(balancer, clock, first_word_s=0.5)] == [0, 1]
    assert [ask(balancer, clock, first_word_s=0.5) for _ in range(3)] == [1, 1, 1]
    clock.now += LIMITS.recent_s
    assert ask(balancer, clock) == 0  # what was slow long ago may be quick now


def test_equals_take_turns_and_a_hundredth_of_a_second_makes_no_difference(balance, clock):
    balancer = balance("a", "b", "c")
    assert [ask(balancer, clock, first_word_s=0.31 + n / 100) for n in range(6)] == [0, 1, 2, 0, 1, 2]


def test_a_server_is_left_out_after_three_failures_in_a_row_and_not_after_two_and_a_good_answer(balance, clock):
    balancer = balance("a", "b")
    fail(balancer, 0, times=2)
    with request(balancer, 1) as turn:
        turn.succeed()
    fail(balancer, 0, times=2)
    assert standing(balancer) == ["up", "up"]
    fail(balancer, 0, times=1)
    assert standing(balancer) == ["down", "up"]
    assert {ask(balancer, clock) for _ in range(4)} == {1}
    assert (balancer.states()[0].reason, balancer.states()[0].failed) == ("it burns", 5)


def test_a_server_that_is_left_out_is_looked_at_after_a_pause_and_one_request_then_decides(balance, clock):
    balancer = balance("a")
    fail(balancer, 0)
    assert balancer.is_down
    assert balancer.begin() is None
    assert balancer.take_due() == []
    clock.now += 1
    assert balancer.take_due() == [0]
    assert balancer.take_due() == []  # it is being looked at
    balancer.note_look(0)
    assert standing(balancer) == ["trial"]
    with request(balancer) as trial:
        assert balancer.begin() is None  # one at a time
        trial.speak()
        with request(balancer) as other:  # which has its first word
            other.speak()
            other.succeed()
        trial.succeed()
    assert standing(balancer) == ["up"]
    assert balancer.states()[0].reason == ""


def test_a_trial_that_nobody_waits_for_decides_nothing_and_the_next_request_is_one(balance, clock):
    balancer = balance("a")
    fail(balancer, 0)
    clock.now += 1
    balancer.note_look(*balancer.take_due())
    with request(balancer):
        pass
    assert standing(balancer) == ["trial"]
    with request(balancer) as trial:
        trial.fail("again")
    assert standing(balancer) == ["down"]


def test_each_look_or_trial_that_fails_doubles_the_pause_up_to_the_longest(balance, clock):
    balancer = balance("a")
    fail(balancer, 0)
    for pause_s in (1, 2, 4, 8, 8):
        clock.now += pause_s - 0.01
        assert balancer.take_due() == []
        clock.now += 0.01
        assert balancer.take_due() == [0]
        balancer.note_look(0, "still nobody")
    clock.now += 8
    assert balancer.take_due() == [0]
    balancer.note_look(0)
    assert ask(balancer, clock, fails="its disk") == 0
    clock.now += 7.99
    assert balancer.take_due() == []
    assert balancer.states()[0].reason == "its disk"


def test_a_pause_is_lengthened_by_chance_so_that_programs_do_not_look_together(balance, clock):
    balancer = balance("a", chance=0.9)
    fail(balancer, 0)
    clock.now += 1.44
    assert balancer.take_due() == []
    clock.now += 0.02
    assert balancer.take_due() == [0]


def test_requests_that_were_under_way_when_a_server_was_left_out_do_not_lengthen_its_pause(balance, clock):
    balancer = balance("a")
    with request(balancer) as late, request(balancer) as later:
        fail(balancer, 0)
        late.fail("it burns")
        later.fail("it burns")
    clock.now += 1
    assert balancer.take_due() == [0]


def test_a_server_that_failed_once_is_looked_at_at_once_and_looks_count_as_failures(balance, clock):
    balancer = balance("a")
    assert ask(balancer, clock, fails="it burns") == 0
    assert balancer.take_due() == [0]
    balancer.note_look(0, "nobody there")
    assert (standing(balancer), balancer.take_due()) == (["up"], [])
    clock.now += 1
    assert balancer.take_due() == [0]
    balancer.note_look(0, "nobody there")
    assert standing(balancer) == ["down"]


def test_a_good_look_does_not_forgive_requests_that_fail(balance, clock):
    balancer = balance("a", "b")
    balancer.note_look(1, "looked at before")
    for _ in range(2):
        fail(balancer, 0, times=1)
        assert 0 in balancer.take_due()
        balancer.note_look(0)
        assert 0 not in balancer.take_due()  # not again and again
    fail(balancer, 0, times=1)
    assert standing(balancer)[0] == "down"


def test_several_servers_are_looked_at_at_first_and_where_they_had_no_request_for_a_while(balance, clock):
    balancer = balance("a", "b")
    assert balancer.take_due() == [0, 1]
    balancer.note_look(0)
    balancer.note_look(1, "it has another model", unfit=True)
    assert standing(balancer) == ["up", "down"]
    clock.now += 29
    assert ask(balancer, clock) == 0
    clock.now += 29
    assert balancer.take_due() == [1]
    clock.now += 1
    assert balancer.take_due() == [0]


def test_a_server_that_is_alone_is_not_asked_for_nothing(balance, clock):
    balancer = balance("a")
    clock.now += 10_000
    assert balancer.take_due() == []
