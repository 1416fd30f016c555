"""`keys`: the words of the command line, on the file that the server reads."""

import json
from contextlib import closing

import pytest
from account_samples import SECRET, open_quick
from test_main_index import Shop

from deepseek_mm.accounts.keys import Keys


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path)


def kept(shop: Shop) -> Keys:
    assert shop("keys", "list", "--json") == 0
    return Keys(shop.folder / "library")


def test_a_key_is_shown_once_alone_on_stdout_and_opens_the_door(shop):
    assert shop("keys", "add", "laptop", "--rights", "ask, page") == 0
    secret = shop.out.strip()
    assert "shown this once" in shop.err
    found = kept(shop).find(secret)
    assert (found.name, found.rights) == ("laptop", {"ask", "page"})


def test_without_rights_named_a_key_may_do_all(shop):
    shop("keys", "add", "laptop", "--json")
    assert json.loads(shop.out)["rights"] == ["ask", "library", "settings", "page"]


def test_the_list_names_keys_and_rights_and_nothing_secret(shop):
    shop("keys", "add", "laptop")
    secret = shop.out.strip()
    shop("keys", "add", "phone", "--rights", "ask")
    assert shop("keys", "list") == 0
    assert [line.split()[0] for line in shop.out.splitlines()] == ["laptop", "phone"]
    assert shop.out.splitlines()[1].endswith("ask")
    assert secret not in shop.out
    shop("keys", "list", "--json")
    assert set(json.loads(shop.out)["keys"][0]) == {"name", "rights", "made_at"}


def test_a_removed_key_is_known_no_more(shop):
    shop("keys", "add", "laptop")
    secret = shop.out.strip()
    assert shop("keys", "remove", "laptop") == 0
    assert kept(shop).find(secret) is None
    assert shop("keys", "list") == 0
    assert (shop.out, "no keys" in shop.err) == ("", True)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("add",), "keys add needs NAME"),
        (("remove",), "keys remove needs NAME"),
        (("list", "laptop"), "keys list takes nothing"),
        (("remove", "laptop"), "there is no key 'laptop'"),
        (("add", "a b"), "no name for a key"),
        (("add", "laptop", "--rights", "root"), "root are no rights"),
        (("add", "laptop", "--rights", ","), "nothing are no rights"),
    ],
)
def test_a_word_that_lacks_something_says_what(shop, words, says):
    assert shop("keys", *words) == 2
    assert says in shop.err


def test_a_key_of_a_person_ends_on_a_day_and_is_told_from_one_of_the_house(shop):
    with closing(open_quick(shop.folder / "library")) as accounts:
        ben = accounts.add("Ben", "member", SECRET)
    shop("keys", "add", "laptop")
    assert shop("keys", "add", "laptop", "--user", "ben", "--days", "30", "--rights", "ask") == 0
    (mine,) = kept(shop).list_of(ben.id)
    assert mine.ends_s == pytest.approx(mine.made_s + 30 * 86_400)
    shop("keys", "list")
    assert ["a person's" in line for line in shop.out.splitlines()] == [False, True]
    assert shop("keys", "remove", "laptop", "--user", "Ben") == 0
    assert [key.user for key in kept(shop).all()] == [""]
    assert shop("keys", "add", "phone", "--user", "Nobody") != 0
