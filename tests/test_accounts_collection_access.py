"""Whose collections are, and who may see them: said by their owner alone, kept when an account goes."""

import pytest
from account_samples import SECRET, open_quick

from deepseek_mm.accounts.accounts import Accounts
from deepseek_mm.accounts.permissions import LOCAL, Caller
from deepseek_mm.errors import BadQuestion, Conflict, NothingThere
from index.region import EVERYBODY


@pytest.fixture
def accounts(tmp_path):
    accounts = open_quick(tmp_path)
    for name in ("Anna", "Ben", "Cleo"):
        accounts.add(name, "owner" if name == "Anna" else "member", SECRET)
    yield accounts
    accounts.close()


def id_of(accounts: Accounts, name: str) -> str:
    return accounts.find_by_name(name).id


def hidden(accounts: Accounts, name: str) -> set[str]:
    return set(accounts.collections.viewer_of(accounts.find_by_name(name).caller()).hidden)


def say(accounts: Accounts, collection: str, visibility: str, *, owner: str = "Ben", readers: tuple[str, ...] = ()):
    ben = id_of(accounts, owner)
    ids = [id_of(accounts, each) for each in readers]
    return accounts.collections.change(collection, owner=ben, visibility=visibility, readers=ids, by=ben)


def test_private_ones_are_seen_by_their_owner_alone_and_not_by_owners_of_the_house(accounts):
    say(accounts, "Diary", "private")
    assert (hidden(accounts, "Ben"), hidden(accounts, "Anna"), hidden(accounts, "Cleo")) == (
        set(),
        {"Diary"},
        {"Diary"},
    )


def test_shared_ones_are_seen_by_those_who_are_named_too_and_open_ones_by_everybody(accounts):
    say(accounts, "Trip", "shared", readers=("Cleo",))
    assert (hidden(accounts, "Cleo"), hidden(accounts, "Anna")) == (set(), {"Trip"})
    say(accounts, "Trip", "house")
    assert hidden(accounts, "Anna") == set()
    assert accounts.collections.find("Trip").readers == ()


def test_the_person_of_this_machine_sees_all_and_a_key_without_an_account_what_is_open(accounts):
    say(accounts, "Diary", "private")
    assert accounts.collections.viewer_of(LOCAL) == EVERYBODY
    program = Caller(name="program", rights=frozenset(("ask", "settings")), session="key:1")
    assert accounts.collections.viewer_of(program).hidden == {"Diary"}


def test_only_the_owner_says_who_sees_it_and_the_person_of_this_machine(accounts):
    say(accounts, "Diary", "private")
    with pytest.raises(Conflict, match="somebody else's"):
        say(accounts, "Diary", "house", owner="Cleo")
    cleo = id_of(accounts, "Cleo")
    accounts.collections.change("Diary", owner=cleo, visibility="private")
    assert accounts.collections.find("Diary").owner == cleo


@pytest.mark.parametrize(
    ("collection", "visibility", "readers", "error"),
    [
        ("Trip", "public", (), BadQuestion),
        ("Trip", "shared", (), BadQuestion),
        ("Trip", "private", ("Cleo",), BadQuestion),
        ("library", "private", (), BadQuestion),
        ("uploads", "private", (), BadQuestion),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_kept(accounts, collection, visibility, readers, error):
    with pytest.raises(error):
        say(accounts, collection, visibility, readers=readers)
    assert accounts.collections.all() == []


def test_an_account_that_is_not_there_is_no_reader(accounts):
    with pytest.raises(NothingThere, match="no account"):
        accounts.collections.change("Trip", owner=id_of(accounts, "Ben"), visibility="shared", readers=["nobody"])
    assert accounts.collections.all() == []


def test_a_collection_whose_owner_is_gone_stays_closed_and_readers_who_are_gone_are_forgotten(accounts):
    say(accounts, "Trip", "shared", readers=("Cleo",))
    accounts.remove(id_of(accounts, "Cleo"))
    assert accounts.collections.find("Trip").readers == ()
    accounts.remove(id_of(accounts, "Ben"))
    assert hidden(accounts, "Anna") == {"Trip"}


def test_a_new_name_takes_along_what_was_said(accounts):
    say(accounts, "Trip", "shared", readers=("Cleo",))
    accounts.collections.rename("Trip", "Journey")
    said = accounts.collections.find("Journey")
    assert (said.visibility, said.readers) == ("shared", (id_of(accounts, "Cleo"),))
    assert accounts.collections.find("Trip") is None


def test_a_file_of_before_gets_the_tables(tmp_path, accounts):
    say(accounts, "Diary", "private")
    with accounts._database.writing() as session:
        connection = session.connection()
        back = "UPDATE alembic_version SET version_num = '0001'"
        for statement in ("DROP TABLE collection_readers", "DROP TABLE collections", back):
            connection.exec_driver_sql(statement)
    accounts.close()
    again = open_quick(tmp_path)
    assert again.collections.all() == []
    again.close()
