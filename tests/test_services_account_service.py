"""What people do with their own accounts, and owners with those of others; all of it is noted, nothing goes too far."""

from dataclasses import replace

import pytest
from account_samples import SECRET, open_quick, person
from door_help import Clock

from deepseek_mm.accounts.guesses import Guesses
from deepseek_mm.accounts.keys import Keys
from deepseek_mm.accounts.permissions import LOCAL, RIGHTS, Caller
from deepseek_mm.errors import BadQuestion, Busy, Conflict, Forbidden, NothingThere
from deepseek_mm.services.account_service import FREE_PASSWORDS, AccountService

PLAIN_KEY = Caller(name="laptop", rights=frozenset(RIGHTS), session="key:1")
ANOTHER = "quite another secret"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def house(tmp_path, clock):
    accounts = open_quick(tmp_path)
    guesses = Guesses(clock, free=FREE_PASSWORDS)
    yield AccountService(accounts=accounts, keys=Keys(tmp_path, now_s=lambda: 1_000.0), guesses=guesses)
    accounts.close()


@pytest.fixture
def anna(house):
    return person(house.accounts, "Anna", "owner")


@pytest.fixture
def ben(house, anna):
    return person(house.accounts, "Ben")


def noted(house: AccountService) -> list[tuple[str, str, str]]:
    return [(each.name, each.action, each.target) for each in house.accounts.audit(limit=100)]


def as_key(caller: Caller) -> Caller:
    return replace(caller, login=0)


def test_everybody_is_told_who_they_are(house, ben):
    told = house.describe_me(ben)
    assert (told.name, told.role, told.rights, told.user) == ("Ben", "member", ("ask", "library", "page"), ben.user)
    told = house.describe_me(PLAIN_KEY)
    assert (told.name, told.role, told.user) == ("laptop", "", "")


def test_another_password_wants_the_current_one_and_leaves_only_this_browser_logged_in(house, ben):
    house.accounts.begin_login(ben.user, lasts_s=60)
    with pytest.raises(Forbidden, match="current password"):
        house.change_password(ben, ANOTHER, ANOTHER)
    assert house.accounts.verify("Ben", SECRET)
    house.change_password(ben, SECRET, ANOTHER)
    assert house.accounts.verify("Ben", ANOTHER)
    assert house.accounts.verify("Ben", SECRET) is None
    assert [each.id for each in house.list_logins(ben)] == [ben.login]
    assert noted(house) == [("Ben", "password changed", ""), ("Ben", "password change refused", "")]
    with pytest.raises(BadQuestion):
        house.change_password(ben, ANOTHER, "short")


def test_guessing_the_current_password_has_to_wait_and_so_does_the_right_one(house, ben, anna, clock):
    for _ in range(FREE_PASSWORDS):
        with pytest.raises(Forbidden):
            house.change_password(ben, "a wrong guess", ANOTHER)
    with pytest.raises(Busy) as refused:
        house.change_password(replace(ben, address="10.0.0.9"), SECRET, ANOTHER)
    house.change_password(anna, SECRET, ANOTHER)
    clock.now_s += refused.value.retry_after_s
    house.change_password(ben, SECRET, ANOTHER)


def test_somebody_logs_out_of_one_browser_or_of_all_others_and_never_of_those_of_others(house, anna, ben):
    for _ in range(3):
        house.accounts.begin_login(ben.user, lasts_s=60)
    newest = house.list_logins(ben)[0]
    house.end_login(ben, newest.id)
    assert newest.id not in {each.id for each in house.list_logins(ben)}
    with pytest.raises(NothingThere):
        house.end_login(ben, anna.login)
    assert house.end_other_logins(ben) == 2
    assert [each.id for each in house.list_logins(ben)] == [ben.login]
    assert [each.id for each in house.list_logins(anna)] == [anna.login]


def test_a_key_of_ones_own_has_at_most_ones_own_rights_and_a_day_on_which_it_ends(house, ben, tmp_path):
    made = house.make_key(ben, "phone", ["ask"], lasts_days=30)
    assert house.keys.find(made.secret) == made.key
    assert (made.key.user, made.key.rights, made.key.ends_s) == (ben.user, {"ask"}, 1_000.0 + 30 * 86_400)
    with pytest.raises(Forbidden, match="settings"):
        house.make_key(ben, "more", ["ask", "settings"])
    assert [key.name for key in house.list_keys(ben)] == ["phone"]
    assert noted(house)[0] == ("Ben", "key made", "phone ask")
    assert made.secret not in str(house.accounts.audit(limit=100))


def test_people_have_keys_of_the_same_name_and_remove_their_own_alone(house, anna, ben):
    house.keys.add("phone", ["ask"])
    hers, his = house.make_key(anna, "phone", ["ask"]), house.make_key(ben, "phone", ["ask"])
    with pytest.raises(Conflict):
        house.make_key(ben, "phone", ["ask"])
    house.remove_key(ben, "phone")
    with pytest.raises(NothingThere):
        house.remove_key(ben, "phone")
    assert house.keys.find(hers.secret)
    assert house.keys.find(his.secret) is None
    assert len(house.keys.list_of("")) == 1


def test_a_key_changes_nothing_of_the_account_that_it_belongs_to(house, ben):
    house.make_key(ben, "phone", ["ask"])
    for act in (
        lambda caller: house.change_password(caller, SECRET, ANOTHER),
        lambda caller: house.end_login(caller, 1),
        lambda caller: house.end_other_logins(caller),
        lambda caller: house.make_key(caller, "more", ["ask"]),
        lambda caller: house.remove_key(caller, "phone"),
    ):
        with pytest.raises(Forbidden, match="Log in"):
            act(as_key(ben))
    assert house.accounts.verify("Ben", SECRET)
    assert [key.name for key in house.list_keys(as_key(ben))] == ["phone"]


def test_an_owner_adds_changes_and_removes_people_and_all_of_it_is_noted(house, anna):
    made = house.add_person(anna, "Zoe", "guest", SECRET)
    zoe = house.change_person(anna, made.id, role="member")
    assert zoe.role == "member"
    house.accounts.begin_login(made.id, lasts_s=60)
    house.change_person(anna, made.id, password=ANOTHER)
    assert house.accounts.list_logins(made.id) == []
    assert house.accounts.verify("Zoe", ANOTHER)
    assert house.change_person(anna, made.id, is_disabled=True).is_disabled
    assert not house.change_person(anna, made.id, is_disabled=False).is_disabled
    key = house.keys.add("phone", ["ask"], user=made.id)
    house.remove_person(anna, made.id)
    assert house.keys.find(key) is None
    assert [user.name for user in house.list_people(anna)] == ["Anna"]
    assert noted(house)[::-1] == [
        ("Anna", "account made", "Zoe guest"),
        ("Anna", "role changed", "Zoe member"),
        ("Anna", "password changed", "Zoe"),
        ("Anna", "account disabled", "Zoe"),
        ("Anna", "account enabled", "Zoe"),
        ("Anna", "account removed", "Zoe"),
    ]
    assert {each.address for each in house.accounts.audit(limit=9)} == {"192.168.1.20"}
    with pytest.raises(BadQuestion, match="nothing is to be changed"):
        house.change_person(anna, anna.user)


def test_nobody_takes_the_last_owner_away_not_even_where_nobody_else_has_an_account(house, anna):
    for change in ({"role": "member"}, {"is_disabled": True}):
        with pytest.raises(Conflict, match="nobody would be left"):
            house.change_person(anna, anna.user, **change)
    with pytest.raises(Conflict, match="nobody would be left"):
        house.remove_person(anna, anna.user)
    assert [user.name for user in house.list_people(anna)] == ["Anna"]


def test_a_key_of_nobody_manages_nobody_and_this_machine_without_login_does(house, anna):
    for act in (house.list_people, lambda who: house.add_person(who, "Eve", "owner", SECRET)):
        with pytest.raises(Forbidden, match="nobody's"):
            act(PLAIN_KEY)
    with pytest.raises(Forbidden, match="no person with an account"):
        house.list_keys(PLAIN_KEY)
    assert [user.name for user in house.list_people(LOCAL)] == ["Anna"]
    assert house.add_person(LOCAL, "Ben", "member", SECRET).name == "Ben"
    assert noted(house)[0] == ("local", "account made", "Ben member")


def test_the_audit_is_read_by_pages_and_by_name(house, anna, ben):
    for _ in range(3):
        house.end_other_logins(ben)
    house.end_other_logins(anna)
    found, total = house.list_audit(anna, limit=2, offset=1)
    assert (len(found), total) == (2, 4)
    found, total = house.list_audit(anna, limit=9, name="Anna")
    assert ([each.name for each in found], total) == (["Anna"], 1)
    with pytest.raises(Forbidden):
        house.list_audit(ben, limit=9)


def test_where_nobody_logs_in_the_next_step_is_named():
    house = AccountService()
    for act in (house.list_people, house.list_logins, house.list_keys):
        with pytest.raises(Conflict, match=r"accounts\.mode=people"):
            act(LOCAL)
    assert house.describe_me(LOCAL).name == "local"
