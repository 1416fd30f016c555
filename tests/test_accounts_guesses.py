"""Guessing gets slower and slower, for each network by itself."""

import pytest
from door_help import Clock

from deepseek_mm.accounts import guesses as module
from deepseek_mm.accounts.guesses import Guesses, network_of


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
