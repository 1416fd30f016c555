"""`users`: accounts on the command line."""

import io
import json
from contextlib import closing

import pytest
from account_samples import SECRET

from deepseek_mm.__main__ import main
from deepseek_mm.accounts.accounts import Accounts


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    def run(*words: str, typed: str = f"{SECRET}\n") -> tuple[int, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        code = main(["users", *words, "--data", str(tmp_path)])
        told = capsys.readouterr()
        return code, told.out + told.err

    return run


def test_the_first_is_an_owner_and_the_next_a_member_until_it_is_said_otherwise(run):
    assert run("add", "Anna") == (0, "'Anna' has an account, as owner\n")
    run("add", "Ben")
    run("role", "Ben", "--role", "guest")
    users = json.loads(run("list", "--json")[1])["users"]
    assert [(user["name"], user["role"], user["disabled"]) for user in users] == [
        ("Anna", "owner", False),
        ("Ben", "guest", False),
    ]


def test_somebody_is_disabled_enabled_given_another_password_and_removed(run):
    run("add", "Anna")
    run("add", "Ben")
    assert "may not come in" in run("disable", "ben")[1]
    assert "disabled" in run("list")[1]
    run("enable", "Ben")
    assert "logged out everywhere" in run("password", "Ben", typed="another good one\n")[1]
    run("remove", "Ben")
    assert "Ben" not in run("list")[1]
    told = run("audit", "Ben")[1]
    actions = ("removed", "password changed", "enabled", "disabled", "made")
    assert [action in line for action, line in zip(actions, told.splitlines(), strict=True)] == [True] * 5
    assert SECRET not in told


@pytest.mark.parametrize(
    ("words", "typed", "said"),
    [
        (("add", "Ben"), "short\n", "at least 10 characters"),
        (("add", "Anna"), f"{SECRET}\n", "already"),
        (("add", "Ben", "--role", "king"), f"{SECRET}\n", "owner, member, guest"),
        (("add",), f"{SECRET}\n", "needs NAME"),
        (("role", "Anna"), "", "--role member"),
        (("remove", "Anna"), "", ""),
        (("password", "Zoe"), f"{SECRET}\n", "users list"),
    ],
)
def test_what_does_not_work_says_what_does(run, words, typed, said):
    run("add", "Anna")
    code, told = run(*words, typed=typed)
    assert said in told
    assert (code == 0) is (said == "")


def test_where_somebody_is_logged_in_is_told_and_ended(run, tmp_path):
    run("add", "Anna")
    with closing(Accounts(tmp_path / "accounts.db")) as accounts:
        anna = accounts.find_by_name("Anna")
        accounts.begin_login(anna.id, lasts_s=60, address="10.0.0.7", browser="Firefox")
    assert "10.0.0.7  Firefox" in run("logins", "anna")[1]
    (login,) = json.loads(run("logins", "Anna", "--json")[1])["logins"]
    assert login["begun_at"] < login["ends_at"]
    assert "logged out of 1 browser\n" in run("logout", "Anna")[1]
    assert "nowhere" in run("logins", "Anna")[1]
