"""One's own account and the people of the house on the page: which updates presses become."""

import gradio as gr
import pytest
from account_house import account_house
from account_samples import SECRET
from page_caller import ActingAs

from deepseek_mm import LOCAL
from ui.accounts.account_handlers import AccountHandlers, PeopleHandlers
from ui.accounts.account_part import AccountPart
from ui.accounts.people_part import PeoplePart
from ui.gateway.events import Press
from ui.words import ENGLISH


@pytest.fixture
def house(tmp_path):
    with account_house(tmp_path) as house:
        yield house


@pytest.fixture
def parts(house):
    """The part of one's own account as Ben sees it, that of the people as Anna does."""
    with gr.Blocks():
        own = AccountPart.place(AccountHandlers(services=house.services, words=ENGLISH))
        people = PeoplePart.place(PeopleHandlers(services=house.services, words=ENGLISH))
    return ActingAs(own, house.ben), ActingAs(people, house.anna)


def shown(part, updates: dict) -> dict:
    names = {component: name for name, component in part.parts.items()}
    return {names[component]: update for component, update in updates.items()}


def press(act: str, what: str = "", text: str = "") -> Press:
    return Press(None, {"act": act, "what": what, "text": text})


def test_only_somebody_with_an_account_sees_one(parts, house):
    own, _ = parts
    assert shown(own, own.show())["own"].visible
    alone = shown(own, own.wrapped.show(LOCAL))
    assert (alone["own"].visible, alone["me"].visible) == (False, False)


def test_a_new_key_offers_only_rights_that_one_has_and_is_shown_until_the_tab_is_opened_again(parts, house):
    own, _ = parts
    choices = shown(own, own.show())["key_rights"].choices
    assert [right for _, right in choices] == ["ask", "library", "page"]
    made = shown(own, own._make_key("phone", ["ask"], "30"))
    assert made["made"].visible
    assert "dsmm_" in made["made"].value
    assert made["key_name"] == ""
    assert "made" not in shown(own, own._change("wrong", "another good one"))
    wrong = shown(own, own._make_key("phone", ["ask"], "30"))
    assert (wrong["made"].visible, wrong["said_key"].visible) == (False, True)
    assert "key_name" not in wrong


def test_a_changed_password_empties_its_fields_and_a_refused_one_does_not(parts):
    own, _ = parts
    refused = shown(own, own._change("wrong", "another good one"))
    assert "new" not in refused
    assert 'role="alert"' in refused["said_password"].value
    changed = shown(own, own._change(SECRET, "another good one"))
    assert (changed["current"], changed["new"]) == ("", "")
    assert 'role="status"' in changed["said_password"].value


def test_removing_somebody_asks_first_and_cancelling_takes_the_question_back(parts, house):
    _, people = parts
    asked = shown(people, people._press(press("remove", house.ben.user), ""))
    assert "remove_sure" in asked["people"]
    assert house.names() == ["Anna", "Ben"]
    assert "remove_sure" not in shown(people, people._press(press("cancel"), ""))["people"]
    gone = shown(people, people._press(press("remove_sure", house.ben.user), ""))
    assert "Ben" not in gone["people"]
    assert "account removed" in gone["audit"]
    assert house.names() == ["Anna"]


def test_a_password_that_is_too_short_leaves_its_field_open(parts, house):
    _, people = parts
    assert 'type="password"' in shown(people, people._press(press("password", house.ben.user), ""))["people"]
    wrong = shown(people, people._press(press("set_password", house.ben.user, "short"), ""))
    assert 'type="password"' in wrong["people"]
    assert 'role="alert"' in wrong["said"].value
    right = shown(people, people._press(press("set_password", house.ben.user, "another good one"), ""))
    assert 'type="password"' not in right["people"]


def test_somebody_is_added_and_what_cannot_be_stays_typed(parts, house):
    _, people = parts
    wrong = shown(people, people._add("Zoe", "guest", "short", ""))
    assert "name" not in wrong
    right = shown(people, people._add("Zoe", "guest", SECRET, ""))
    assert (right["name"], right["password"]) == ("", "")
    assert "Zoe" in right["people"]


def test_the_audit_of_one_person_is_listed_and_turned(parts, house):
    _, people = parts
    for number in range(30):
        house.service.accounts.note("Ben", "login", address=f"10.0.0.{number}")
    assert "1 to 25 of 30" in people._list("Ben")
    assert "26 to 30 of 30" in people._turn(press("audit", "25"), "Ben")
    assert "Nothing was done" in people._list("nobody")


def test_where_nobody_manages_accounts_the_people_are_not_shown(parts, house):
    _, people = parts
    assert not shown(people, people.wrapped.show(house.ben))["box"].visible
