"""Answers under way, in threads."""

import threading
import time

import pytest

from ui.running import Running


def count(stop: threading.Event):
    n = 0
    while not stop.wait(0.001):
        n += 1
        yield n
    yield -1


def test_the_states_arrive_in_order_and_the_last_one_always():
    seen = list(Running().follow("page", lambda stop: iter(range(1000))))
    assert seen == sorted(seen)
    assert seen[-1] == 999


def test_stop_ends_the_answers_of_one_page_only():
    running = Running()
    mine, theirs = running.follow("mine", count), running.follow("theirs", count)
    assert next(mine) >= 1
    running.stop("mine")
    assert list(mine)[-1] == -1
    assert next(theirs) >= 1
    assert running.stop_all(wait_s=5)
    assert list(theirs)[-1] == -1


def test_after_a_stop_that_waits_the_page_has_taken_the_last_state():
    running, taken = Running(), []

    def page():
        for state in running.follow("page", count):
            time.sleep(0.05)  # a slow page
            taken.append(state)

    thread = threading.Thread(target=page)
    thread.start()
    while not taken:
        time.sleep(0.001)
    assert not running.stop("page")
    assert running.stop("page", wait_s=5)
    assert taken[-1] == -1
    thread.join()


def test_an_answer_goes_on_when_nobody_listens_any_more():
    finished = threading.Event()

    def make(stop):
        yield 1
        yield 2
        finished.set()

    next(Running().follow("page", make))
    assert finished.wait(5)


def test_an_error_arrives_after_what_came_before_it():
    def make(stop):
        yield 1
        raise ValueError("broken")

    states = Running().follow("page", make)
    assert next(states) == 1
    with pytest.raises(ValueError, match="broken"):
        next(states)


def test_stopping_all_says_when_one_does_not_end():
    running, held = Running(), threading.Event()

    def make(stop):
        held.wait(10)
        yield 1

    states = running.follow("page", make)
    start = time.monotonic()
    assert not running.stop_all(wait_s=0.05)
    assert time.monotonic() - start < 1
    held.set()
    assert list(states) == [1]
    assert running.stop_all(wait_s=5)


def test_stopping_a_page_that_waits_for_nothing_does_nothing():
    Running().stop("nobody")
