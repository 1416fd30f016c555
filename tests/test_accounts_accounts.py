"""People of a house: names, roles, passwords, where they are logged in, and what was done."""

import pytest
from account_samples import SECRET, Calendar, open_quick, quick_hasher
from storage_contract import only_files, run_sql

from deepseek_mm.accounts.accounts import Accounts
from deepseek_mm.accounts.passwords import Passwords
from deepseek_mm.errors import BadQuestion, Conflict, NothingThere


@pytest.fixture
def calendar():
    return Calendar()


@pytest.fixture
def accounts(tmp_path, calendar):
    accounts = open_quick(tmp_path, calendar)
    yield accounts
    accounts.close()


@pytest.fixture
def anna(accounts):
    return accounts.add("Anna", "owner", SECRET)


def test_somebody_is_added_found_whatever_the_capitals_and_comes_in_with_the_password(accounts, anna):
    assert accounts.find_by_name(" anna ") == accounts.find(anna.id) == anna
    assert accounts.verify("ANNA", SECRET) == anna
    assert accounts.verify("Anna", SECRET.upper()) is None
    assert accounts.verify("Ben", SECRET) is None
    assert accounts.all() == [anna]


def test_rights_come_from_the_role_and_the_session_is_one_on_every_device(accounts, anna):
    ben, zoe = accounts.add("Ben", "member", SECRET), accounts.add("Zoe", "guest", SECRET)
    assert "settings" in anna.rights
    assert sorted(ben.rights) == ["ask", "library", "page"]
    assert sorted(zoe.rights) == ["ask", "page"]
    caller = ben.caller()
    assert caller.with_session("of a browser").session == caller.session == f"user:{ben.id}"
    assert not caller.local


@pytest.mark.parametrize(
    ("name", "role", "password", "error"),
    [
        ("", "member", SECRET, BadQuestion),
        ("x" * 41, "member", SECRET, BadQuestion),
        ("<b>", "member", SECRET, BadQuestion),
        ("Ben", "king", SECRET, BadQuestion),
        ("Ben", "member", "short", BadQuestion),
        ("Ben", "member", "", BadQuestion),
        ("aNNa", "member", SECRET, Conflict),
    ],
)
def test_what_is_no_account_is_refused(accounts, anna, name, role, password, error):
    with pytest.raises(error):
        accounts.add(name, role, password)
    assert accounts.all() == [anna]


def test_somebody_must_be_left_who_may_change_settings(accounts, anna):
    ben = accounts.add("Ben", "member", SECRET)
    for change in ({"role": "guest"}, {"is_disabled": True}):
        with pytest.raises(Conflict):
            accounts.change(anna.id, **change)
    with pytest.raises(Conflict):
        accounts.remove(anna.id)
    assert accounts.find(anna.id) == anna
    accounts.change(ben.id, role="owner")
    accounts.remove(anna.id)
    accounts.remove(ben.id)  # the last one takes the house back to one without accounts
    assert accounts.all() == []


def test_an_unknown_name_costs_the_same_verification_as_a_wrong_password(tmp_path, anna, accounts):
    hasher = quick_hasher()
    again = Accounts(tmp_path / "accounts.db", passwords=Passwords(hasher))
    for number, name in enumerate(("Anna", "nobody"), start=1):
        assert again.verify(name, "a wrong password") is None
        assert hasher.num_verified == number
    again.close()


def test_a_hash_that_was_made_cheaper_is_made_anew_at_the_next_login(tmp_path, accounts, anna):
    dearer = Accounts(tmp_path / "accounts.db", passwords=Passwords(quick_hasher(time_cost=2)))
    before = password_kept(tmp_path)
    assert dearer.verify("Anna", SECRET) == anna
    assert password_kept(tmp_path) != before
    assert dearer.verify("Anna", SECRET) == anna
    dearer.close()


def password_kept(data) -> str:
    return run_sql(data / "accounts.db", "SELECT password FROM users")[0][0]


@only_files
def test_neither_passwords_nor_tokens_stand_in_the_file(tmp_path, accounts, anna):
    token = accounts.begin_login(anna.id, lasts_s=60)
    accounts.close()
    data = (tmp_path / "accounts.db").read_bytes()
    assert SECRET.encode() not in data
    assert token.encode() not in data


def test_a_login_lasts_its_time_and_outlives_a_restart(tmp_path, calendar, accounts, anna):
    token = accounts.begin_login(anna.id, lasts_s=60, address="10.0.0.7", browser="Firefox")
    again = open_quick(tmp_path, calendar)
    assert again.find_login(token)[0] == anna
    assert again.find_login(token + "x") is None
    (login,) = again.list_logins(anna.id)
    assert (login.address, login.browser) == ("10.0.0.7", "Firefox")
    calendar.pass_by(60)
    assert again.find_login(token) is None
    assert again.list_logins(anna.id) == []
    again.close()


def test_a_login_ends_with_it_with_all_of_them_with_the_password_and_with_the_account(accounts, anna):
    ben = accounts.add("Ben", "member", SECRET)
    tokens = [accounts.begin_login(ben.id, lasts_s=60) for _ in range(3)]
    accounts.end_login(tokens[0])
    assert [bool(accounts.find_login(token)) for token in tokens] == [False, True, True]
    assert accounts.end_logins(ben.id) == 2
    for end in (
        lambda: accounts.change(ben.id, password=SECRET + "!"),
        lambda: accounts.change(ben.id, is_disabled=True),
        lambda: accounts.remove(ben.id),
    ):
        accounts.change(ben.id, is_disabled=False)
        token = accounts.begin_login(ben.id, lasts_s=60)
        assert accounts.find_login(token)[0] == ben
        end()
        assert accounts.find_login(token) is None
    with pytest.raises(NothingThere):
        accounts.begin_login(ben.id, lasts_s=60)


def test_who_is_disabled_does_not_come_in(accounts, anna):
    ben = accounts.add("Ben", "member", SECRET)
    accounts.change(ben.id, is_disabled=True)
    assert accounts.verify("Ben", SECRET) is None
    accounts.change(ben.id, is_disabled=False)
    assert accounts.verify("Ben", SECRET) == ben


def test_what_was_done_is_told_newest_first_and_by_person(accounts):
    accounts.note("Anna", "login", address="10.0.0.7")
    accounts.note("Ben", "login refused")
    accounts.note("Anna", "role changed", target="x" * 500)
    assert [entry.action for entry in accounts.audit(limit=9)] == ["role changed", "login refused", "login"]
    assert [entry.action for entry in accounts.audit(limit=1, offset=1, name="Anna")] == ["login"]
    assert len(accounts.audit(limit=1)[0].target) == 200
