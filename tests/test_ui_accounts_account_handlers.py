"""What presses about accounts do and say; what comes from the browser may be anything."""

import pytest
from account_house import account_house
from account_samples import SECRET

from deepseek_mm import LOCAL
from ui.accounts.account_handlers import AccountHandlers, PeopleHandlers
from ui.words import CHINESE, ENGLISH


@pytest.fixture
def house(tmp_path):
    with account_house(tmp_path) as house:
        yield house


@pytest.fixture
def own(house):
    return AccountHandlers(services=house.services, words=ENGLISH)


@pytest.fixture
def people(house):
    return PeopleHandlers(services=house.services, words=ENGLISH)


def test_one_sees_ones_own_account_and_somebody_without_one_only_who_they_are(own, house):
    view = own.look(house.ben)
    assert (view.me.name, view.current, len(view.logins)) == ("Ben", house.ben.login, 1)
    assert own.look(LOCAL).logins == ()


def test_a_wrong_password_is_a_sentence_in_the_language_of_the_page(own, house):
    assert own.change_password(house.ben, "wrong", "another good one").wrong
    chinese = AccountHandlers(services=house.services, words=CHINESE)
    assert "当前密码不正确" in chinese.change_password(house.ben, None, None).text
    said = own.change_password(house.ben, SECRET, "another good one")
    assert (said.wrong, said.text) == (False, ENGLISH.password_saved)


def test_a_key_is_shown_once_and_removed_by_its_name(own, house):
    wrong, made = own.make_key(house.ben, " phone ", ["ask"], "30")
    assert wrong is None
    secret = made.split("<code>")[1].split("<")[0]
    assert house.service.keys.find(secret).name == "phone"
    wrong, made = own.make_key(house.ben, "phone", ["ask"], "30")
    assert (wrong.wrong, made) == (True, "")
    assert own.press(house.ben, "remove_key", "phone").text == "The key phone is removed."
    assert own.press(house.ben, "remove_key", "phone").wrong


def test_presses_that_mean_nothing_do_nothing(own, people, house):
    assert own.press(house.ben, "remove_sure", house.anna.user) is None
    assert people.press(house.anna, "end_others", "", "") is None
    for what in ("", "-1", "1e3", "x" * 99):
        assert own.press(house.ben, "end_login", what).wrong
        assert people.press(house.anna, "remove_sure", what, "").wrong
    assert house.names() == ["Anna", "Ben"]


def test_logins_elsewhere_are_ended(own, house):
    house.service.accounts.begin_login(house.ben.user, lasts_s=60)
    (other, _) = own.look(house.ben).logins
    assert own.press(house.ben, "end_login", str(other.id)).text == ENGLISH.login_ended
    house.service.accounts.begin_login(house.ben.user, lasts_s=60)
    assert own.press(house.ben, "end_others", "").text == "Logged out of 1 other browser."
    assert [login.id for login in own.look(house.ben).logins] == [house.ben.login]


def test_an_owner_gives_roles_passwords_and_the_door(people, house):
    ben, find = house.ben.user, house.service.accounts.find
    assert people.press(house.anna, "role", f"{ben} guest", "").text == "Ben is guest now."
    assert people.press(house.anna, "role", f"{ben} king", "").wrong
    assert "logged out everywhere" in people.press(house.anna, "set_password", ben, "another good one").text
    assert people.press(house.anna, "set_password", ben, "short").wrong
    assert "may not come in" in people.press(house.anna, "disable", ben, "").text
    assert find(ben).is_disabled
    assert "may come in" in people.press(house.anna, "enable", ben, "").text
    assert people.add(house.anna, "Zoe", "guest", SECRET).text == "Zoe has an account, as guest."
    assert people.add(house.anna, None, "guest", SECRET).wrong
    assert people.press(house.anna, "remove_sure", ben, "").text == "The account of Ben is removed."
    assert house.names() == ["Anna", "Zoe"]
    entries = people.list_audit(house.anna, " Zoe ").entries
    assert [(entry.action, entry.target) for entry in entries] == [("account made", "Zoe guest")]


def test_a_member_manages_nobody(people, house):
    assert people.press(house.ben, "remove_sure", house.anna.user, "").wrong
    assert people.add(house.ben, "Eve", "owner", SECRET).wrong
    assert house.names() == ["Anna", "Ben"]
