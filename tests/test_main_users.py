"""`users remove --delete-data`: what was somebody's is gone, and the command says what and proves it."""

import json
from contextlib import closing

import pytest
from account_samples import SECRET, open_quick
from test_main_index import Shop

from deepseek_mm.accounts.keys import Keys
from deepseek_mm.history import History
from deepseek_mm.types import Question

WORDS = "Where is the marzipan elephant of Benedikt?"


@pytest.fixture
def shop(tmp_path):
    shop = Shop(tmp_path)
    data = shop.folder / "library"
    with closing(open_quick(data)) as accounts:
        accounts.add("Anna", "owner", SECRET)
        ben = accounts.add("Ben", "member", SECRET)
    Keys(data).add("phone", ["ask"], user=ben.id)
    with closing(History(data / "history.db")) as history:
        history.begin(Question(text=WORDS, session=f"user:{ben.id}"), image_path="", settings={}, fingerprint="")
    return shop


def holds(shop: Shop) -> bool:
    files = (shop.folder / "library").rglob("*")
    return any(WORDS.encode() in path.read_bytes() for path in files if path.is_file())


def test_an_account_is_removed_with_all_that_is_theirs_and_a_search_finds_none_of_it(shop):
    assert holds(shop)
    assert shop("users", "remove", "ben", "--delete-data", "--json") == 0
    report = json.loads(shop.out)["report"]
    assert (report["conversations"], report["questions"], report["leftovers"]) == (1, 1, [])
    assert WORDS in report["sought"]
    assert not holds(shop)
    assert Keys(shop.folder / "library").all() == ()
    shop("users", "list")
    assert "Ben" not in shop.out


@pytest.mark.campaign(times=1, only=True)
def test_without_the_flag_only_account_and_keys_go(shop):
    assert shop("users", "remove", "Ben") == 0
    assert Keys(shop.folder / "library").all() == ()
    assert holds(shop)


@pytest.mark.campaign(times=1, only=True)
def test_what_is_still_found_is_told_and_the_command_fails(shop):
    (shop.folder / "library" / "note.txt").write_text(WORDS)
    assert shop("users", "remove", "Ben", "--delete-data") != 0
    assert "note.txt" in shop.out
