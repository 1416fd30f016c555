"""Who needs a key, and the first one that is made."""

from contextlib import closing
from dataclasses import replace

import pytest
from account_samples import SECRET, open_quick

from deepseek_mm.accounts.keys import Keys
from deepseek_mm.accounts.permissions import USUAL
from deepseek_mm.api.credentials import FIRST, first_key, needs_keys
from deepseek_mm.api.server import open_keys
from deepseek_mm.config import AccountsConfig, Config, ServeConfig


@pytest.fixture
def keys(tmp_path):
    return Keys(tmp_path)


@pytest.mark.parametrize(
    ("serve", "needed"),
    [
        ({}, False),
        ({"host": "localhost"}, False),
        ({"host": "::1"}, False),
        ({"host": "127.0.0.2"}, False),
        ({"keys": "always"}, True),
        ({"host": "0.0.0.0"}, True),
        ({"host": "::"}, True),
        ({"host": ""}, True),
        ({"host": "192.168.1.5"}, True),
        ({"host": "example.org"}, True),
        ({"host": "localhost.example.org"}, True),
        ({"hosts": "photos.example.org"}, True),
    ],
)
def test_a_key_is_needed_as_soon_as_others_than_this_machine_can_come(serve, needed):
    assert needs_keys(replace(ServeConfig(), **serve)) is needed


def test_the_first_key_is_made_once_with_the_usual_rights_and_only_where_one_is_needed(keys):
    assert first_key(keys, ServeConfig()) is None
    secret = first_key(keys, ServeConfig(host="0.0.0.0"))
    assert keys.find(secret).rights == set(USUAL)
    assert [key.name for key in keys.all()] == [FIRST]
    assert first_key(keys, ServeConfig(host="0.0.0.0")) is None


def test_where_people_log_in_by_name_no_first_key_is_made(keys, tmp_path):
    config = Config(data=tmp_path, accounts=AccountsConfig(mode="people"))
    with closing(open_quick(tmp_path)) as accounts:
        said: list[str] = []
        accounts.add("Anna", "owner", SECRET)
        assert open_keys(config, said.append, accounts, Keys(config.data)).all() == ()
        accounts.remove(accounts.find_by_name("Anna").id)
        assert len(open_keys(config, said.append, accounts, Keys(config.data)).all()) == 1
    assert len(said) == 1
