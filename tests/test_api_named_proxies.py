"""Whom a request counts for that came through a proxy: who is behind it, if the proxy is named, else the proxy."""

from contextlib import ExitStack

import pytest
from jobs_help import eventually
from line_help import House, one_answer, request, serving_house, status_of

from deepseek_mm.config import ServeConfig
from deepseek_mm.errors import ConfigError

PROXY = "127.0.0.9"  # every address of 127.0.0.0/8 is this machine's, so a test may ask from any
UNKNOWN, WAIT = 401, 429


def guess(house: House, behind: str, *, through: str = PROXY) -> int:
    """Status of what somebody gets for a wrong key, whom a proxy at `through` says to be at `behind`."""
    with house.line(through) as line:
        line.sendall(request("/ask", {"question": "?"}, Authorization="Bearer wrong", X_Forwarded_For=behind))
        return status_of(one_answer(line))


def guess_until_refused(house: House, behind: str, *, through: str = PROXY) -> None:
    """Until they have to wait."""
    assert any(guess(house, behind, through=through) == WAIT for _ in range(30))


def test_who_guesses_keys_behind_a_named_proxy_makes_nobody_else_wait(tmp_path):
    with serving_house(tmp_path, keys="always", proxies=f"10.1.0.0/16, {PROXY}") as house:
        guess_until_refused(house, "203.0.113.7")
        assert guess(house, "203.0.113.8") == UNKNOWN
        assert guess(house, "203.0.113.8, 203.0.113.7") == WAIT  # the proxy adds whom it saw at the end
        assert guess(house, "203.0.113.7, 10.1.2.3") == WAIT  # and a second proxy adds the first


@pytest.mark.parametrize("proxies", ["", "127.0.0.8"])
def test_what_is_said_of_somebody_behind_any_other_address_is_not_believed(tmp_path, proxies):
    with serving_house(tmp_path, keys="always", proxies=proxies) as house:
        guess_until_refused(house, "203.0.113.7")
        assert guess(house, "203.0.113.8") == WAIT
        assert guess(house, "203.0.113.7", through="127.0.0.7") == UNKNOWN


def test_a_named_proxy_may_open_more_connections_than_one_caller(tmp_path):
    with serving_house(tmp_path, connections_per_address=2, proxies=PROXY) as house, ExitStack() as lines:
        for _ in range(2):
            lines.enter_context(house.line(PROXY)).sendall(request("/ask", {"question": "?"})[:-5])  # under way
        eventually(lambda: sum(bool(each.cycle) for each in house.server.server_state.connections) == 2)
        with house.line(PROXY) as line:
            line.sendall(request("/health/live", method="GET"))
            assert status_of(one_answer(line)) == 200


@pytest.mark.parametrize(
    ("said", "why"),
    [("app1", "no address and no network"), ("10.0.0.1/8", "no network"), ("*", "no address"), ("::/0", "anybody")],
)
def test_proxies_that_are_no_addresses_or_everybody_are_refused(said, why):
    with pytest.raises(ConfigError, match=why):
        ServeConfig(proxies=f"127.0.0.1,{said}")
