"""Logins end in time, whatever the clock on the wall does; guessing gets slower and slower."""

import time

import pytest
from door_help import Clock

from deepseek_mm.api import login as module
from deepseek_mm.api.login import Guesses, Logins, network_of

LASTS_S = 3600.0


def test_a_login_lasts_its_time_to_the_second_and_no_longer():
    clock = Clock()
    logins = Logins(clock, lasts_s=LASTS_S)
    token = logins.begin("key-1")
    clock.now_s += LASTS_S - 1
    assert logins.key_id(token) == "key-1"
    clock.now_s += 1
    assert logins.key_id(token) is None


def test_a_clock_on_the_wall_that_jumps_ends_no_login_and_prolongs_none(monkeypatch):
    logins = Logins(lasts_s=LASTS_S)
    token = logins.begin("key-1")
    for jump_s in (10**9, -(10**9)):
        monkeypatch.setattr(time, "time", lambda jump_s=jump_s: jump_s)
        assert logins.key_id(token) == "key-1"
    monkeypatch.setattr(logins, "_clock", lambda: time.monotonic() + LASTS_S)
    assert logins.key_id(token) is None


def test_the_server_keeps_only_the_hash_of_a_login():
    logins = Logins(Clock(), lasts_s=LASTS_S)
    token = logins.begin("key-1")
    assert token not in repr(vars(logins))
    assert logins.key_id(token + "A") is None
    assert logins.key_id("") is None


def test_a_login_that_was_ended_is_over_and_others_go_on():
    logins = Logins(Clock(), lasts_s=LASTS_S)
    one, two = logins.begin("a"), logins.begin("b")
    logins.end(one)
    assert (logins.key_id(one), logins.key_id(two)) == (None, "b")


def test_of_too_many_logins_the_oldest_goes_first(monkeypatch):
    monkeypatch.setattr(module, "MOST_LOGINS", 3)
    logins = Logins(Clock(), lasts_s=LASTS_S)
    tokens = [logins.begin(str(n)) for n in range(5)]
    assert [logins.key_id(token) for token in tokens] == [None, None, "2", "3", "4"]


def test_after_five_wrong_keys_each_one_doubles_the_wait_up_to_five_minutes():
    clock = Clock()
    guesses, waits = Guesses(clock), []
    for _ in range(16):
        guesses.count("10.0.0.1")
        waits.append(guesses.wait_s("10.0.0.1"))
        clock.now_s += waits[-1]
        assert guesses.wait_s("10.0.0.1") == 0
    assert waits == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_one_address_waits_and_another_does_not():
    guesses = Guesses(Clock())
    for _ in range(9):
        guesses.count("10.0.0.1")
    assert guesses.wait_s("10.0.0.1") == 16
    assert guesses.wait_s("10.0.0.2") == 0
    guesses.forget("10.0.0.1")
    assert guesses.wait_s("10.0.0.1") == 0


def test_an_hour_without_a_wrong_key_and_all_is_forgotten():
    clock = Clock()
    guesses = Guesses(clock)
    for _ in range(12):
        guesses.count("10.0.0.1")
    clock.now_s += 3600
    guesses.count("10.0.0.1")
    assert guesses.wait_s("10.0.0.1") == 0


def test_a_million_addresses_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(module, "MOST_ADDRESSES", 100)
    guesses = Guesses(Clock())
    for number in range(1_000):
        guesses.count(f"10.0.{number // 256}.{number % 256}")
    assert len(guesses._wrong) == 100


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::9", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
    ],
)
def test_whoever_owns_a_network_counts_as_one_caller(address, network):
    assert network_of(address) == network
