"""Logins end in time, whatever the clock on the wall does."""

import time

from door_help import Clock

from deepseek_mm.accounts import key_logins as module
from deepseek_mm.accounts.key_logins import Logins

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
